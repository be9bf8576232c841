"""Every example of PROMOTIONS.md gives what the document says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, get_args

import msgspec
import pytest

from edge.contract.promotion_data import AnyPromotionRule, Promotion
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, reduce_basket

DOCUMENT: Final = Path(__file__).parents[2] / "edge" / "engine" / "PROMOTIONS.md"
EXAMPLES_MIN: Final = 25
_BLOCK: Final = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each promotion takes off, in order, and what each line costs then."""

    reductions: dict[str, int]
    net: dict[str, int]


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block of the document; every field must be there."""

    about: str
    lines: tuple[BasketLine, ...]
    promotions: tuple[Promotion, ...]
    occasion: Occasion
    expect: Expected


def examples_of(text: str) -> list[Example]:
    return [msgspec.json.decode(block, type=Example) for block in _BLOCK.findall(text)]


EXAMPLES: Final = examples_of(DOCUMENT.read_text("utf-8"))


def what_comes(example: Example) -> Expected:
    reductions = reduce_basket(example.lines, example.promotions, example.occasion)
    net = {line.line_id: line.amount_minor for line in example.lines}
    for reduction in reductions:
        for line in reduction.lines:
            net[line.line] -= line.amount_minor
    return Expected({each.id: each.amount_minor for each in reductions}, net)


def by_article(example: Example, net: dict[str, int]) -> dict[tuple[str, int], int]:
    sums: dict[tuple[str, int], int] = {}
    for line in example.lines:
        key = line.sku, line.price_minor
        sums[key] = sums.get(key, 0) + net[line.line_id]
    return sums


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.about)
def test_an_example_of_the_document(example: Example) -> None:
    came = what_comes(example)
    assert came == example.expect
    assert list(came.reductions) == list(example.expect.reductions), "the order they count in"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.about)
def test_an_example_read_backwards_costs_the_same(example: Example) -> None:
    backwards = msgspec.structs.replace(
        example, lines=example.lines[::-1], promotions=example.promotions[::-1]
    )
    came = what_comes(backwards)
    assert came.reductions == example.expect.reductions
    assert by_article(backwards, came.net) == by_article(example, example.expect.net)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.about)
def test_an_example_adds_up(example: Example) -> None:
    before = sum(line.amount_minor for line in example.lines)
    assert sum(example.expect.net.values()) + sum(example.expect.reductions.values()) == before
    assert sorted(example.expect.net) == sorted(line.line_id for line in example.lines)


def test_the_document_has_examples_and_each_is_told_apart() -> None:
    assert len(EXAMPLES) >= EXAMPLES_MIN
    assert len({example.about for example in EXAMPLES}) == len(EXAMPLES)
    assert len(EXAMPLES) == DOCUMENT.read_text("utf-8").count("```json")
    shown = {type(promotion.rule) for example in EXAMPLES for promotion in example.promotions}
    assert shown == set(get_args(AnyPromotionRule))


def test_a_block_without_an_expectation_is_found() -> None:
    block = '```json\n{"about": "a", "lines": [], "promotions": [], "occasion": %s}\n```\n'
    with pytest.raises(msgspec.ValidationError, match="expect"):
        examples_of(block % '{"at_ms": 0, "weekday": 1, "minute": 0}')
