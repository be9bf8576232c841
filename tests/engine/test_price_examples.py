"""Every example of PRICES.md gives what the document says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from edge.contract.promotion_data import Promotion
from edge.contract.reference_data import GroupBook, Price
from edge.engine.customer_prices import priced_for_customer
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, reduce_basket
from tests.engine.shop_in_memory import ShopInMemory, profile
from tests.engine.test_promotion_examples import Expected

DOCUMENT: Final = Path(__file__).parents[2] / "edge" / "engine" / "PRICES.md"
EXAMPLES_MIN: Final = 7
_BLOCK: Final = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block of the document; every field must be there."""

    about: str
    lines: tuple[BasketLine, ...]
    books: tuple[GroupBook, ...]
    prices: tuple[Price, ...]
    groups: tuple[str, ...]
    promotions: tuple[Promotion, ...]
    occasion: Occasion
    expect: Expected


EXAMPLES: Final = [
    msgspec.json.decode(block, type=Example)
    for block in _BLOCK.findall(DOCUMENT.read_text("utf-8"))
]


def what_comes(example: Example) -> Expected:
    store = msgspec.structs.replace(profile(), group_books=example.books)
    shop = ShopInMemory(store, book_prices=example.prices)
    at_ms = example.occasion.at_ms
    lines, reductions = priced_for_customer(example.lines, shop, example.groups, at_ms)
    reductions += reduce_basket(lines, example.promotions, example.occasion)
    net = {line.line_id: line.amount_minor for line in example.lines}
    for reduction in reductions:
        for line in reduction.lines:
            net[line.line] -= line.amount_minor
    return Expected({each.id: each.amount_minor for each in reductions}, net)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.about)
def test_an_example_of_the_document(example: Example) -> None:
    came = what_comes(example)
    assert came == example.expect
    assert list(came.reductions) == list(example.expect.reductions), "the order they count in"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.about)
def test_an_example_read_backwards_is_the_same(example: Example) -> None:
    backwards = msgspec.structs.replace(
        example,
        lines=example.lines[::-1],
        books=example.books[::-1],
        prices=example.prices[::-1],
        groups=example.groups[::-1],
    )
    came = what_comes(backwards)
    assert came == example.expect
    assert list(came.reductions) == list(example.expect.reductions), "the order they count in"


def test_the_document_has_examples_and_each_is_told_apart() -> None:
    assert len(EXAMPLES) >= EXAMPLES_MIN
    assert len({example.about for example in EXAMPLES}) == len(EXAMPLES)
    assert len(EXAMPLES) == DOCUMENT.read_text("utf-8").count("```json")
