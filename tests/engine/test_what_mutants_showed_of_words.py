"""Holes that a mutation run found in what refusals name, and in what a sale opens with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from edge.contract.coupon_data import Coupon
from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.payment_events import CardPaymentApproved, CardPaymentRequested
from edge.contract.promotion_data import Hours, PercentOff, Promotion, Selection
from edge.contract.receipt_document import Align, Emphasis, RowBlock, TextBlock
from edge.contract.sale_events import SaleOpened
from edge.contract.till_commands import AddCoupon, SetCustomer
from edge.contract.till_protocol import TillState
from edge.engine.price_check import price_shown
from edge.engine.promotions import Occasion
from edge.engine.receipt_layout import lay_out_gift_receipt
from edge.engine.receipt_words import WORDS
from tests.engine.desk_stories import PAN
from tests.engine.shop_in_memory import (
    ANA_CARD,
    BABY_MILK,
    DEAR,
    FRUIT,
    FRUIT_2_50,
    PHONE,
    ROLL,
    WATER,
    ShopInMemory,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory


def refusal(wish: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        wish()
    return caught.value


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (lambda till: till.coupon(PAN), "coupon"),
        (lambda till: till.customer(PAN), "customer"),
        (lambda till: till.add_tracked(PHONE, serial=PAN), "serial"),
        (lambda till: till.add_tracked(BABY_MILK, lot=PAN), "lot"),
    ],
)
def test_a_card_number_is_refused_with_the_field_it_stood_in(
    wish: Callable[[TillInMemory], object], field: str
) -> None:
    assert refusal(lambda: wish(TillInMemory())).params == {"field": field}


def test_what_is_not_known_is_shown_as_far_as_it_can_be() -> None:
    till = TillInMemory()
    for wish in (till.coupon, till.customer):
        assert refusal(lambda wish=wish: wish("ODD\x07" + "X" * 50)).params == {  # type: ignore[misc] # bound now
            "code": "ODD" + "X" * 36
        }


def test_a_number_that_is_asked_for_is_named_with_where_it_stands() -> None:
    asked = refusal(lambda: TillInMemory().add(PHONE))
    assert "with its serial number" in asked.message
    assert asked.advice == "Scan or type it."
    asked = refusal(lambda: TillInMemory().add(BABY_MILK))
    assert "with its lot number" in asked.message
    assert asked.advice.startswith("Scan or type it;")
    several = refusal(lambda: TillInMemory().add_tracked(PHONE, 2_000, serial="1"))
    assert several.params == {"name": "Phone"}
    till = TillInMemory()
    till.add_tracked(PHONE, serial="1")
    assert refusal(lambda: till.set_quantity("1", 2_000)).params == {"name": "Phone"}


def test_a_sale_that_would_be_too_large_names_what_was_added() -> None:
    till = TillInMemory()
    for _ in range(10):
        till.add(DEAR)
    assert refusal(lambda: till.add(DEAR)).params == {"name": "Gold watch"}


def test_a_coupon_that_another_sale_holds_is_named() -> None:
    first = TillInMemory()
    second = TillInMemory(first.reference, first.books, "till-2")
    first.coupon("WELCOME-17")
    assert refusal(lambda: second.coupon("WELCOME-17")).params["code"] == "WELCOME-17"


@pytest.mark.parametrize(
    ("at_ms", "code"),
    [
        (99, "coupon_not_yet"),
        (100, ""),
        (199, ""),
        (200, "coupon_expired"),
        (201, "coupon_expired"),
    ],
)
def test_the_first_and_the_last_instant_of_a_coupon(at_ms: int, code: str) -> None:
    hours = Hours(from_ms=100, until_ms=200)
    known = ShopInMemory(profile(), coupons=(Coupon("X", "x", "X", hours),))
    till = TillInMemory(known)
    till.occasion = Occasion(at_ms, 1, 600)
    if code:
        assert refusal(lambda: till.coupon("X")).code == code
    else:
        assert till.coupon("X")


def test_a_coupon_of_certain_hours_is_not_called_expired_nor_early() -> None:
    hours = Hours(from_ms=100, until_ms=200, weekdays=(7,))
    till = TillInMemory(ShopInMemory(profile(), coupons=(Coupon("X", "x", "X", hours),)))
    till.occasion = Occasion(100, 1, 600)
    assert refusal(lambda: till.coupon("X")).code == "coupon_not_now"


def test_a_deposit_that_makes_the_sale_too_large_is_named() -> None:
    till = TillInMemory()
    for _ in range(9):
        till.add(DEAR)
    till.add_open(FRUIT, AMOUNT_MINOR_MAX - 90 - till.cart.total_minor)
    before = till.cart
    refused = refusal(lambda: till.add(WATER))  # 79 would do, and 25 more would not
    assert (refused.code, refused.params) == ("total_too_large", {"name": "Bottle deposit"})
    assert till.cart == before


def test_only_promotions_of_the_article_or_its_group_are_named() -> None:
    def named(*selections: Selection) -> list[str]:
        promotions = tuple(
            Promotion(f"p-{number}", f"P{number}", PercentOff(1_000, each))
            for number, each in enumerate(selections)
        )
        shown = price_shown(shop(promotions=promotions), FRUIT_2_50, Occasion(77, 1, 600))
        return [each.name for each in shown.promotions]

    found = named(
        Selection(groups=("bread",)),
        Selection(groups=("fruit",)),
        Selection(skus=("R1",)),
        Selection(skus=("O1",)),
    )
    assert found == ["P1", "P3"]


# --- gift receipts ----------------------------------------------------------------------------


def test_a_gift_receipt_says_what_it_is_in_the_shop_s_time() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.cash(100)
    at = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
    cart = replace(till.cart, completed_at=int(at.timestamp() * 1000))
    zone = timezone(timedelta(hours=5))
    document = lay_out_gift_receipt(cart, profile(), till="1", zone=zone)
    words = WORDS["en"]
    assert (document.title, document.language) == (f"{words.gift} {cart.receipt}", "en")
    assert TextBlock(words.gift, Align.CENTRE, Emphasis.LARGE) in document.blocks
    assert RowBlock(words.date, "2026-11-27 04:30") in document.blocks
    polish = replace(profile(), receipt_language="pl")
    document = lay_out_gift_receipt(cart, polish, till="1", zone=zone)
    assert (document.title, document.language) == (f"{WORDS['pl'].gift} {cart.receipt}", "pl")


# --- what opens a sale ------------------------------------------------------------------------


def test_a_sale_opens_with_the_price_book_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShopInMemory, "price_book", lambda _, at_ms: f"book-{at_ms}")
    till = TillInMemory()
    till.occasion = Occasion(77, 1, 600)
    opened, _ = till.add(ROLL)
    assert isinstance(opened, SaleOpened)
    assert opened.price_book == "book-77"


def test_a_coupon_and_a_customer_open_the_sale_that_the_till_named() -> None:
    for command in (
        AddCoupon(command_id="c", code="WELCOME-17", sale_id="sale-of-the-till"),
        SetCustomer(command_id="c", customer=ANA_CARD, sale_id="sale-of-the-till"),
    ):
        opened, *_ = TillInMemory(shop()).do(command)
        assert isinstance(opened, SaleOpened)
        assert opened.sale == "sale-of-the-till"


# --- two cards --------------------------------------------------------------------------------


def test_while_any_card_is_asked_for_the_till_is_paying() -> None:
    till = TillInMemory()
    till.add(DEAR)
    till.card(100)
    first = till.payment
    second = replace(till.asked, tender_id="payment-2")
    sale = till.cart.sale
    till.take(
        CardPaymentRequested(
            sale=sale, payment=second.tender_id, amount_minor=100, terminal="terminal-1"
        )
    )
    till.take(CardPaymentApproved(sale=sale, payment=first, amount_minor=100))
    assert till.cart.state is TillState.PAYING
