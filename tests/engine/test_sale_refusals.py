"""What a till may not do in a sale is refused in words, and nothing happens."""

from __future__ import annotations

import ast
import json
import re
import string
from pathlib import Path
from typing import Final

import pytest

from edge.contract.errors import Refused
from edge.engine import sale_rules
from tests.engine.refusal_cases import REFUSALS
from tests.engine.shop_in_memory import ROLL
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import Story, part_paid
from tests.golden import refusal_words_cases

WORDS: Final = Path(sale_rules.__file__).parents[1] / "screens" / "words" / "en.js"
STATUS: Final = {
    "unknown_code": 404,
    "unknown_line": 404,
    "unknown_discount": 404,
    "not_parked": 404,
    "unknown_receipt": 404,
    "unknown_coupon": 404,
    "unknown_customer": 404,
    "coupon_not_in_sale": 404,
}


@pytest.mark.parametrize(("code", "before", "wish"), REFUSALS)
def test_refused_in_words_and_nothing_happens(code: str, before: Story, wish: Story) -> None:
    till = TillInMemory()
    before(till)
    cart, history = till.cart, list(till.history)
    with pytest.raises(Refused) as refused:
        wish(till)
    assert refused.value.code == code
    assert refused.value.message[0] not in string.ascii_lowercase
    assert refused.value.message.endswith(".")
    assert refused.value.status == STATUS.get(code, 409)
    assert till.cart is cart
    assert till.history == history


def test_every_refusal_of_the_rules_names_what_it_is_about() -> None:
    till = TillInMemory()
    with pytest.raises(Refused) as refused:
        till.add("4006381333932")
    assert refused.value.params == {"code": "4006381333932", "expected": "1"}
    with pytest.raises(Refused) as refused:
        till.add("x" * 4_000 + "\u200b")
    assert refused.value.params == {"code": "x" * 60}
    with pytest.raises(Refused) as refused:
        till.add("a\u200bb")
    assert refused.value.params == {"code": "ab"}
    part_paid(till)
    with pytest.raises(Refused) as refused:
        till.void("1")
    assert refused.value.params == {"tendered": "0.05"}


def test_a_till_without_a_terminal_charges_no_card() -> None:
    till = TillInMemory()
    till.terminal = ""
    till.add(ROLL)
    with pytest.raises(Refused, match="no payment terminal"):
        till.card(45)


def test_the_words_are_those_that_were_read() -> None:
    """Every word that a cashier, or whoever uses the API, gets to read: look at the difference."""
    assert refusal_words_cases.text() == refusal_words_cases.FILE.read_text(), "run `make golden`"


def test_no_refusal_of_the_rules_is_left_out() -> None:
    told: set[str] = set()
    # what technicians are told is in test_adoption_rules and in the wall's own catalogue
    at_the_wall = {"adoption_rules.py", "driver_settings.py"}
    for path in Path(sale_rules.__file__).parent.glob("*.py"):
        if path.name in at_the_wall:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name("Refused"), args=[ast.Constant(str(code)), *_]):
                    told.add(code)
    # what only another time can bring is told in test_returns, or in test_restored_originals;
    # what a scale says of its own tare in test_weighing
    elsewhere = {"receipt_of_training", "restored_article_unknown", "receipt_without_lines"}
    elsewhere |= {"scale_garbled"}
    assert told - {code for code, _, _ in REFUSALS} == {"other_currency", *elsewhere}


def test_every_refusal_has_its_words_on_the_till() -> None:
    """In English; that the other languages have the same words is tested with the catalogues."""
    words = WORDS.read_text("utf-8")
    for code, said in json.loads(refusal_words_cases.FILE.read_text("utf-8")).items():
        found = re.search(rf'^  refusal_{code}: "(.*)",$', words, re.MULTILINE)
        assert found is not None, code
        given = set.intersection(*(set(each["params"]) for each in said))
        assert set(re.findall(r"\{(\w+)\}", found[1])) <= given, code
