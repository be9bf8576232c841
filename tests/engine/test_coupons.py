"""Coupons in a sale: what they take off, when they are used up, and that order changes nothing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.customer_views import CouponView
from edge.contract.errors import Refused
from edge.contract.price_events import PricesReduced
from edge.contract.promotion_data import (
    AmountOff,
    BasketPercentOff,
    BuyGet,
    PercentOff,
    Promotion,
    Selection,
)
from edge.contract.receipt_document import RowBlock
from edge.contract.sale_events import SaleAbandoned, SaleCompleted, SaleOpened
from edge.contract.till_protocol import TillState
from edge.engine.cart_changes import replay
from edge.engine.receipt_layout import lay_out_receipt
from tests.engine.shop_in_memory import CHEESE_742_G, CHEESE_PLU, MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import Books, TillInMemory

SOAP_OFF: Final = Promotion(
    "soap",
    "0.50 off soap",
    AmountOff(
        50,
        Selection(("X1",)),
    ),
    coupon="welcome",
)
HALF_ROLLS: Final = Promotion(
    "rolls", "Rolls at half price", PercentOff(500_000, Selection(("R1",))), coupon="leaflet"
)
THREE_FOR_TWO: Final = Promotion("3-for-2", "3 for 2", BuyGet(2, 1, Selection(("R1", "X1"))))
WINTER: Final = Promotion(
    "tenth", "A tenth off", BasketPercentOff(100_000), coupon="many-1", combines=True
)
ALL: Final = (SOAP_OFF, HALF_ROLLS, THREE_FOR_TWO, WINTER)
LEAFLET: Final = "9900000000017"


def till_with(*promotions: Promotion, books: Books | None = None) -> TillInMemory:
    return TillInMemory(shop(promotions=promotions), books)


def test_a_coupon_lets_its_promotion_count_and_the_completion_says_that_it_was_used() -> None:
    till = till_with(SOAP_OFF)
    till.add(SOAP)
    assert till.cart.total_minor == 99
    presented, reduced = till.coupon("welcome-17")
    assert presented == CouponPresented(
        sale=till.cart.sale,
        code="WELCOME-17",
        campaign="welcome",
        name="1.00 off soap",
        single_use=True,
    )
    assert isinstance(reduced, PricesReduced)
    assert reduced.reductions[0].coupon == "welcome"
    assert till.cart.total_minor == 49
    view = CouponView("WELCOME-17", "1.00 off soap", single_use=True, counts=True)
    assert till.cart.coupon_views == (view,)
    (completed,) = [event for event in till.cash(49) if isinstance(event, SaleCompleted)]
    assert completed.coupons == ("WELCOME-17",)
    assert replay(till.history) == till.cart


def test_it_may_come_before_the_goods() -> None:
    till = till_with(SOAP_OFF)
    opened, presented = till.coupon("WELCOME-17")
    assert isinstance(opened, SaleOpened)
    assert isinstance(presented, CouponPresented)
    assert till.cart.state is TillState.OPEN
    assert [view.counts for view in till.cart.coupon_views] == [False]
    till.add(SOAP)
    assert [view.counts for view in till.cart.coupon_views] == [True]
    assert till.cart.total_minor == 49


def test_a_scanner_that_reads_a_coupon_presents_it() -> None:
    till = till_with(HALF_ROLLS)
    till.add(ROLL)
    assert any(isinstance(event, CouponPresented) for event in till.add(f" {LEAFLET} "))
    assert till.cart.total_minor == 22  # of 45, half up: 23 are off
    assert till.cart.live_lines == 1


def test_one_that_takes_nothing_off_is_not_used_up() -> None:
    till = till_with(SOAP_OFF)
    till.add(MILK)
    till.coupon("WELCOME-17")
    (completed,) = [event for event in till.cash(129) if isinstance(event, SaleCompleted)]
    assert completed.coupons == ()
    till.coupon("WELCOME-17")  # free again
    till.add(SOAP)
    assert till.cart.total_minor == 49


def test_the_best_promotion_wins_and_the_coupon_that_lost_is_not_used_up() -> None:
    dearer = Promotion("open", "0.60 off soap", AmountOff(60, Selection(("X1",))))
    till = till_with(SOAP_OFF, dearer)
    till.add(SOAP)
    till.coupon("WELCOME-17")
    (completed,) = [event for event in till.cash(39) if isinstance(event, SaleCompleted)]
    assert completed.coupons == ()


def test_an_abandoned_sale_and_one_that_gives_it_back_let_it_go() -> None:
    till = till_with(SOAP_OFF)
    till.coupon("WELCOME-17")
    assert isinstance(till.abandon()[0], SaleAbandoned)
    till.coupon("WELCOME-17")
    till.add(SOAP)
    removed, reduced = till.take_coupon_out("welcome-17")
    assert removed == CouponRemoved(sale=till.cart.sale, code="WELCOME-17")
    assert reduced == PricesReduced(sale=till.cart.sale)
    assert (till.cart.total_minor, till.cart.coupons) == (99, ())
    till.coupon("WELCOME-17")
    assert till.cart.total_minor == 49


def test_a_sale_that_a_coupon_opened_outlives_a_scale_that_gives_up() -> None:
    till = till_with(SOAP_OFF)
    till.coupon("WELCOME-17")
    till.weigh(CHEESE_PLU)
    till.scale_fails()
    assert till.cart.state is TillState.OPEN
    assert len(till.cart.coupons) == 1


def test_what_the_scale_weighs_is_reduced_by_a_coupon_too() -> None:
    till = till_with(WINTER)
    till.coupon("MANY-1")
    till.weigh(CHEESE_PLU)
    till.scale_says(1_000)
    assert till.cart.total_minor == 1_890 - 189


def test_once_something_is_paid_a_coupon_stays() -> None:
    till = till_with(SOAP_OFF)
    till.add(SOAP)
    till.coupon("WELCOME-17")
    till.cash(1)
    with pytest.raises(Refused) as refused:
        till.take_coupon_out("WELCOME-17")
    assert refused.value.code == "tendered_already"


def test_goods_that_come_back_give_what_they_cost_and_the_coupon_stays_used() -> None:
    till = till_with(SOAP_OFF)
    till.add(SOAP)
    till.coupon("WELCOME-17")
    till.cash(49)
    till.bring_back(till.cart.receipt)
    assert till.cart.refund_due_minor == 49
    till.give(49)
    with pytest.raises(Refused) as refused:
        till.coupon("WELCOME-17")
    assert refused.value.code == "coupon_used"
    assert refused.value.params == {"code": "WELCOME-17", "receipt": "till-1-000001"}


def test_one_without_single_use_counts_in_every_sale_even_at_two_tills_at_once() -> None:
    books = Books()
    one = till_with(HALF_ROLLS, books=books)
    two = TillInMemory(one.reference, books, "till-2")
    for till in (one, two):
        till.add(ROLL)
        till.coupon(LEAFLET)
    for till in (one, two):
        till.cash(22)
        till.add(ROLL)
        till.coupon(LEAFLET)
        assert till.cart.total_minor == 22


# --- laws --------------------------------------------------------------------------------------

goods = st.lists(st.sampled_from([ROLL, MILK, SOAP, CHEESE_742_G]), max_size=6)
codes = st.sets(st.sampled_from(["WELCOME-17", LEAFLET, "MANY-1", "MANY-2"]), max_size=4)


def amounts(till: TillInMemory) -> tuple[object, ...]:
    cart = till.cart
    costs: Counter[str] = Counter()
    for line in cart.lines:
        costs[line.sku] += 0 if line.voided else line.net_minor
    taxes = sorted(cart.taxes, key=lambda each: each.tax)
    return cart.total_minor, taxes, costs, {each.code for each in cart.used_coupons}


@given(basket=goods, held=codes, extra=st.sampled_from(["WELCOME-18", "MANY-3", "WELCOME-17"]))
def test_a_coupon_that_comes_and_goes_leaves_the_prices_of_before(
    basket: list[str], held: set[str], extra: str
) -> None:
    till = till_with(*ALL)
    till.add(ROLL)
    for code in (*basket, *sorted(held)):
        till.add(code)
    before, carts = amounts(till), till.cart
    try:
        till.coupon(extra)
    except Refused:
        assert till.cart == carts
        return
    till.take_coupon_out(extra)
    assert amounts(till) == before
    assert till.cart.coupons == carts.coupons
    assert replay(till.history) == till.cart


@given(basket=goods, held=codes, data=st.data())
def test_the_order_of_goods_and_coupons_changes_no_price(
    basket: list[str], held: set[str], data: st.DataObject
) -> None:
    scans = [*basket, *sorted(held)]
    one, other = till_with(*ALL), till_with(*ALL)
    for code in scans:
        one.add(code)
    for code in data.draw(st.permutations(scans)):
        other.add(code)
    assert amounts(one) == amounts(other)


@given(basket=goods, held=codes)
def test_a_coupon_is_used_exactly_when_the_sale_would_cost_more_without_its_campaign(
    basket: list[str], held: set[str]
) -> None:
    """With promotions that do not compete: else another one may take its place at no loss."""
    till = till_with(SOAP_OFF, HALF_ROLLS)
    till.add(MILK)
    for code in (*basket, *sorted(held)):
        till.add(code)
    total = till.cart.total_minor
    used = {each.code for each in till.cart.used_coupons}
    for code in sorted(held):
        till.take_coupon_out(code)
        assert (till.cart.total_minor > total) is (code in used)
        till.coupon(code)


def test_the_receipt_names_the_coupons_that_were_used_and_no_others() -> None:
    till = till_with(SOAP_OFF)
    till.add(SOAP)
    for code in ("WELCOME-17", LEAFLET):
        till.coupon(code)
    till.cash(49)
    document = lay_out_receipt(till.cart, shop().store, till="till-1", cashier="", zone=UTC)
    rows = [block for block in document.blocks if isinstance(block, RowBlock)]
    assert RowBlock("Coupon", "WELCOME-17") in rows
    assert all(LEAFLET not in (row.start, row.end) for row in rows)
