"""Overridden prices, discounts, notes and the drawer: who may, what it costs, what is refused."""

from __future__ import annotations

from typing import Any, Final

import pytest

from edge.contract.cash_events import NoSale
from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    DISCOUNTS_PER_SALE_MAX,
)
from edge.contract.permissions import ROLES, Permission, Verdict, verdict
from edge.contract.price_events import (
    DiscountGiven,
    DiscountRemoved,
    NoteSet,
    PriceOverridden,
    PricesReduced,
)
from edge.contract.promotion_data import BuyGet, PercentOff, Promotion, Selection
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Approval
from tests.engine.shop_in_memory import CHEESE_742_G, DEAR, MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import TillInMemory

TENTH: Final = 100_000
PAN: Final = "4" + "1" * 15


def supervised(*promotions: Promotion, included: bool = True) -> TillInMemory:
    till = TillInMemory(shop(promotions=promotions, included=included))
    till.role = "supervisor"
    return till


def refused(wish: Any, *arguments: Any, **named: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        wish(*arguments, **named)
    return caught.value


# --- who may ---------------------------------------------------------------------------------


def test_every_role_that_sells_has_a_verdict_for_everything_and_strangers_have_none() -> None:
    for rules in ROLES.values():
        assert set(rules) == set(Permission)
    for permission in Permission:
        assert verdict("cashier", permission) is Verdict.APPROVAL
        assert verdict("supervisor", permission) is Verdict.ALLOWED
        assert verdict("technician", permission) is Verdict.DENIED
        assert verdict("", permission) is Verdict.DENIED


WISHES: Final = (
    ("discount", lambda till: till.discount("1", ppm=TENTH)),
    ("override_price", lambda till: till.override("1", 30)),
    ("no_sale", lambda till: till.drawer()),
)


@pytest.mark.parametrize(("permission", "wish"), WISHES)
def test_a_cashier_needs_the_right_approval_and_the_event_names_who_gave_it(
    permission: str, wish: Any
) -> None:
    till = TillInMemory()
    till.add(ROLL)
    refusal = refused(wish, till)
    assert (refusal.code, refusal.params) == ("needs_approval", {"permission": permission})
    other = next(each for each in Permission if each != permission)
    till.approval = Approval(other, "pawel")
    assert refused(wish, till).code == "needs_approval"
    till.approval = Approval(Permission(permission), "pawel")
    (event, *_) = wish(till)
    assert event.approver == "pawel"


@pytest.mark.parametrize(("permission", "wish"), WISHES)
def test_a_supervisor_needs_nobody_and_a_technician_may_not(permission: str, wish: Any) -> None:
    till = supervised()
    till.add(ROLL)
    till.role = "technician"
    refusal = refused(wish, till)
    assert (refusal.code, refusal.params) == ("not_permitted", {"permission": permission})
    till.role = "supervisor"
    (event, *_) = wish(till)
    assert event.approver == ""


# --- prices ----------------------------------------------------------------------------------


def test_an_overridden_price_is_sold_at_and_promotions_leave_it_alone() -> None:
    till = supervised(Promotion("half", "Half", PercentOff(500_000)))
    till.add(ROLL, 2000)
    till.add(SOAP)
    assert till.cart.total_minor == 45 + 49
    events = till.override("1", 30)
    assert events[0] == PriceOverridden(
        sale=till.cart.sale, line="1", price_minor=30, amount_minor=60, reason="shelf"
    )
    assert isinstance(events[1], PricesReduced)
    assert till.cart.total_minor == 60 + 49
    view = till.cart.line_views[0]
    assert (view.price_minor, view.amount_minor, view.overridden) == (30, 60, True)
    assert view.reductions == ()
    assert not till.cart.line_views[1].overridden


def test_a_weighed_line_is_priced_per_kilogram() -> None:
    till = supervised()
    till.add(CHEESE_742_G)
    till.override("1", 1000)
    assert till.cart.total_minor == 742


def test_what_reduces_the_other_lines_is_said_again_after_a_new_price() -> None:
    till = supervised(Promotion("half", "Half", PercentOff(500_000, Selection(skus=("X1",)))))
    till.add(ROLL)
    till.add(SOAP)
    till.override("1", 40)
    assert till.cart.total_minor == 40 + 49
    assert replay(till.history) == till.cart


def test_a_discount_on_a_line_comes_off_its_new_price() -> None:
    till = supervised()
    till.add(SOAP)
    till.discount("1", ppm=TENTH)
    assert till.cart.total_minor == 99 - 10
    till.override("1", 99)  # the same price: the same discount, said again
    assert till.cart.total_minor == 99 - 10
    till.override("1", 200)
    assert till.cart.total_minor == 180


def test_a_counted_anew_line_keeps_its_price_its_note_and_its_discount() -> None:
    till = supervised()
    till.add(ROLL)
    till.override("1", 40)
    till.discount("1", ppm=500_000)
    till.note("warm", "1")
    till.set_quantity("1", 3000)
    (_, line) = till.cart.line_views
    assert (line.listed_minor, line.amount_minor) == (120, 60)
    assert (line.overridden, line.note, line.replaces) == (True, "warm", "1")
    assert [each.line_id for each in till.cart.discounts] == ["2"]


@pytest.mark.parametrize("price", [-1, AMOUNT_MINOR_MAX + 1])
def test_a_price_out_of_range_is_refused(price: int) -> None:
    till = supervised()
    till.add(ROLL)
    assert refused(till.override, "1", price).code == "price_out_of_range"


def test_a_price_of_nothing_is_a_price() -> None:
    till = supervised()
    till.add(ROLL)
    till.override("1", 0)
    assert till.cart.total_minor == 0


def test_a_price_that_makes_the_sale_too_large_is_refused() -> None:
    till = supervised()
    till.add(ROLL, 2000)
    refusal = refused(till.override, "1", AMOUNT_MINOR_MAX)
    assert (refusal.code, refusal.params) == ("total_too_large", {"name": "Bread roll"})


# --- discounts -------------------------------------------------------------------------------


def test_lines_first_then_the_sale_whatever_came_first() -> None:
    till = supervised()
    till.add(ROLL, 2000)  # 0.90
    till.add(SOAP)  # 0.99
    events = till.discount(ppm=TENTH, reason="regular")
    assert events[0] == DiscountGiven(
        sale=till.cart.sale, discount="1", reason="regular", off_ppm=TENTH
    )
    assert till.cart.total_minor == 189 - 19
    till.discount("1", minor=40)
    assert [reduction.id for reduction in till.cart.reductions] == ["2", "1"]
    assert till.cart.total_minor == (189 - 40) - 15
    reasons = [[each.name for each in line.reductions] for line in till.cart.line_views]
    assert reasons == [["dented", "regular"], ["regular"]]
    assert {each.source for line in till.cart.line_views for each in line.reductions} == {
        "discount"
    }


def test_a_discount_comes_off_what_promotions_left() -> None:
    till = supervised(Promotion("rolls", "3 for 2", BuyGet(2, 1, Selection(skus=("R1",)))))
    till.add(ROLL, 3000)
    till.discount(ppm=500_000)
    assert till.cart.total_minor == 45


def test_an_amount_takes_at_most_what_there_is_by_then() -> None:
    till = supervised()
    till.add(SOAP)
    till.add(ROLL)
    till.discount("1", minor=99)
    till.discount(minor=45)
    assert till.cart.total_minor == 0
    till.void("2")
    assert till.cart.total_minor == 0
    assert [reduction.id for reduction in till.cart.reductions] == ["1"]


def test_a_voided_line_takes_its_discount_with_it_and_the_numbers_go_on() -> None:
    till = supervised()
    till.add(SOAP)
    till.add(ROLL)
    till.discount("1", ppm=TENTH)
    till.void("1")
    assert till.cart.discounts == ()
    till.discount("2", ppm=TENTH)
    assert [each.discount_id for each in till.cart.discounts] == ["2"]


def test_a_discount_is_taken_back() -> None:
    till = supervised()
    till.add(SOAP)
    till.discount(ppm=500_000)
    events = till.take_back("1")
    assert isinstance(events[0], DiscountRemoved)
    assert (till.cart.total_minor, till.cart.discounts, till.cart.reductions) == (99, (), ())
    refusal = refused(till.take_back, "1")
    assert (refusal.code, refusal.status) == ("unknown_discount", 404)


def test_tax_on_top_is_taken_from_the_reduced_price() -> None:
    till = supervised(included=False)
    till.add(SOAP)
    till.discount(ppm=500_000)
    # 0.99 - 0.50 = 0.49, 21 % of it 0.10
    assert till.cart.total_minor == 49 + 10


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "discount_part_or_amount"),
        ({"ppm": TENTH, "minor": 10}, "discount_part_or_amount"),
        ({"ppm": -1}, "discount_out_of_range"),
        ({"ppm": 1_000_001}, "discount_out_of_range"),
        ({"minor": -1}, "amount_not_positive"),
        ({"minor": AMOUNT_MINOR_MAX + 1}, "amount_too_large"),
        ({"minor": 100}, "discount_over_price"),
    ],
)
def test_absurd_discounts_are_refused(given: dict[str, int], code: str) -> None:
    till = supervised()
    till.add(SOAP)
    assert refused(till.discount, "1", **given).code == code
    assert refused(till.discount, None, **given).code == code
    assert till.cart.discounts == ()


def test_the_whole_price_can_be_given_away() -> None:
    till = supervised()
    till.add(SOAP)
    till.discount("1", ppm=1_000_000)
    assert till.cart.total_minor == 0


def test_there_is_an_end_of_discounts() -> None:
    till = supervised()
    till.add(DEAR)
    for _ in range(DISCOUNTS_PER_SALE_MAX):
        till.discount(minor=1)
    refusal = refused(till.discount, minor=1)
    assert (refusal.code, refusal.params) == ("too_many_discounts", {"limit": "50"})


# --- when it is too late, and free text --------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [
        lambda till: till.override("1", 30),
        lambda till: till.discount("1", ppm=TENTH),
        lambda till: till.discount(ppm=TENTH),
        lambda till: till.take_back("1"),
    ],
)
def test_prices_stay_once_something_was_paid(wish: Any) -> None:
    till = supervised()
    assert refused(wish, till).code == "no_sale_open"
    till.add(MILK)
    till.discount("1", ppm=TENTH)
    till.cash(50)
    assert refused(wish, till).code == "tendered_already"


@pytest.mark.parametrize(
    "wish",
    [
        lambda till: till.override("1", 30, PAN),
        lambda till: till.discount("1", ppm=TENTH, reason=PAN),
        lambda till: till.note(PAN),
        lambda till: till.drawer(PAN),
    ],
)
def test_a_card_number_is_no_reason_and_no_note(wish: Any) -> None:
    till = supervised()
    till.add(ROLL)
    assert refused(wish, till).code == "looks_like_card_number"


# --- notes -----------------------------------------------------------------------------------


def test_notes_on_lines_and_on_the_sale_come_and_go() -> None:
    till = supervised()
    assert refused(till.note, "early").code == "no_sale_open"
    till.add(ROLL)
    assert till.note(" warm ", "1") == (NoteSet(sale=till.cart.sale, text="warm", line="1"),)
    assert till.note("warm", "1") == ()
    assert till.note("For Saturday") == (NoteSet(sale=till.cart.sale, text="For Saturday"),)
    assert (till.cart.note, till.cart.line_views[0].note) == ("For Saturday", "warm")
    till.note("")
    assert till.cart.note == ""
    till.cash(10)
    till.note("after money", "1")
    till_2 = supervised()
    till_2.add(ROLL)
    till_2.void("1")
    for line in ("1", "7"):
        refusal = refused(till_2.note, "x", line)
        assert (refusal.code, refusal.status) == ("unknown_line", 404)


def test_events_about_lines_that_are_not_there_change_nothing() -> None:
    till = supervised()
    till.add(ROLL)
    till.void("1")
    till.add(ROLL)
    cart = till.cart
    sale = cart.sale
    till.take(
        NoteSet(sale=sale, text="x", line="9"),
        PriceOverridden(sale=sale, line="9", price_minor=1, amount_minor=1, reason="x"),
        PriceOverridden(sale=sale, line="1", price_minor=1, amount_minor=1, reason="x"),
        DiscountRemoved(sale=sale, discount="9"),
    )
    assert till.cart == cart


# --- the drawer ------------------------------------------------------------------------------


def test_the_drawer_opens_without_a_sale_with_a_reason() -> None:
    till = supervised()
    (event,) = till.drawer("change for till 2")
    assert event == NoSale(job=event.job, reason="change for till 2")  # type: ignore[attr-defined] # it is a NoSale
    till.add(ROLL)
    till.drawer()
    till.card(45)
    assert refused(till.drawer).code == "card_payment_running"
    till.has_drawer = False
    till.decline()
    assert refused(till.drawer).code == "no_drawer"
