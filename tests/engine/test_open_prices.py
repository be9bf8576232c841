"""Articles without a listed price, and unknown codes that are sold by department."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.permissions import Permission
from edge.contract.promotion_data import AnyPromotionRule, BuyGet, PercentOff, Promotion, Selection
from edge.contract.reference_data import Article
from edge.contract.sale_events import LineAdded
from edge.engine.circumstances import Approval
from edge.engine.price_check import price_shown
from edge.engine.promotions import Occasion
from edge.engine.text_safety import looks_like_pan
from tests.engine.shop_in_memory import FRUIT, FRUIT_2_50, ROLL, UNKNOWN, ShopInMemory, coded, shop
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import modest

TENTH = Selection(), Selection(skus=("O1",)), Selection(groups=("fruit",))


def line_of(events: tuple[object, ...]) -> LineAdded:
    (added,) = (event for event in events if isinstance(event, LineAdded))
    return added


def test_the_typed_price_is_sold_by_the_piece_at_the_department_s_tax() -> None:
    till = TillInMemory()
    added = line_of(till.add_open(FRUIT, 250, 3_000))
    assert (added.price_minor, added.amount_minor, added.quantity) == (250, 750, 3_000)
    assert (added.tax, added.open_price, added.approver) == ("reduced", True, "")
    till.set_quantity("1", 2_000)
    assert till.cart.total_minor == 500
    assert till.cart.lines[1].open_price
    till.cash(500)
    assert till.cart.receipt


def test_a_label_says_the_price_itself() -> None:
    added = line_of(TillInMemory().add(FRUIT_2_50))
    assert (added.price_minor, added.amount_minor, added.entry) == (250, 250, "price_code")


def test_of_a_labelled_price_without_a_price_a_kilogram_there_is_no_weight() -> None:
    class Weighed(ShopInMemory):
        def by_plu(self, plu: str) -> Article | None:
            assert plu.lstrip("0") == "300"
            return Article("O2", "Cut flowers", "reduced", plu="300", unit="kg", open_price=True)

    added = line_of(TillInMemory(Weighed()).add(FRUIT_2_50))
    assert (added.quantity, added.price_minor, added.amount_minor) == (1_000, 250, 250)


@given(price=st.integers(1, AMOUNT_MINOR_MAX))
def test_any_price_above_nothing_is_sold_as_typed(price: int) -> None:
    assert line_of(TillInMemory().add_open(FRUIT, price)).amount_minor == price


def test_above_the_store_s_limit_a_second_person_approves() -> None:
    till = TillInMemory()
    modest(till)
    assert line_of(till.add_open(FRUIT, 5_000)).approver == ""
    with pytest.raises(Refused, match="second person"):
        till.add_open(FRUIT, 5_001)
    till.approval = Approval(Permission.OVERRIDE_PRICE, "pawel")
    assert line_of(till.add_open(FRUIT, 5_001)).approver == "pawel"
    # a listed price needs nobody, whoever approved something
    assert line_of(till.add(ROLL)).approver == ""


@pytest.mark.parametrize(
    "unknown", [UNKNOWN, coded("400638133390"), coded("210999900742"), "own 17"]
)
def test_an_unknown_code_is_kept_on_the_line(unknown: str) -> None:
    till = TillInMemory()
    added = line_of(till.add_open(FRUIT, 199, unknown=unknown))
    assert (added.code, added.sku) == (unknown, "O1")
    till.set_quantity("1", 2_000)
    assert till.cart.lines[1].code == unknown


def test_the_code_of_a_good_is_kept_though_its_digits_pass_for_a_card_number() -> None:
    # 13 digits from 4 on, and Luhn holds: every tenth of Germany's codes
    code = next(c for n in range(100) if looks_like_pan(c := coded(f"4006381{n:05d}")))
    assert line_of(TillInMemory().add_open(FRUIT, 199, unknown=code)).code == code


def test_nobody_asks_what_it_costs() -> None:
    with pytest.raises(Refused, match="has no listed price"):
        price_shown(shop(), FRUIT, Occasion(0, 1, 0))


@pytest.mark.parametrize(("selection", "off"), list(zip(TENTH, (0, 25, 25), strict=True)))
def test_promotions_for_everything_leave_typed_prices_alone(selection: Selection, off: int) -> None:
    promotion = Promotion("tenth", "A tenth", PercentOff(100_000, selection))
    till = TillInMemory(ShopInMemory(promotions=(promotion,)))
    till.add_open(FRUIT, 250)
    assert sum(line.reduced_minor for line in till.cart.lines) == off


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (BuyGet(1, 1, Selection()), [0, 0]),
        (BuyGet(1, 1, Selection(skus=("R1",)), Selection(skus=("O1",))), [0, 250]),
    ],
)
def test_nor_do_they_count_for_others_unless_named(
    rule: AnyPromotionRule, expected: list[int]
) -> None:
    till = TillInMemory(ShopInMemory(promotions=(Promotion("one", "One", rule),)))
    till.add(ROLL)
    till.add_open(FRUIT, 250)
    assert [line.reduced_minor for line in till.cart.lines] == expected
