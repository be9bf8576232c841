"""Tills in the states that a refusal may meet: each story is told to a fresh till."""

from __future__ import annotations

from collections.abc import Callable

from edge.contract.limits import (
    COUPONS_PER_SALE_MAX,
    DISCOUNTS_PER_SALE_MAX,
    LETTERS_PER_SALE_MAX,
    LINES_PER_SALE_MAX,
    PARKED_SALES_MAX,
    TENDERS_PER_SALE_MAX,
)
from edge.contract.promotion_data import AmountOff, BasketAmountOff, Promotion, Selection
from edge.contract.till_commands import AddItem, CancelCard, OtherTender
from edge.engine.cart import EMPTY
from edge.engine.circumstances import AtTheDesk, CouponUse
from edge.engine.originals import Unfinished
from tests.engine.shop_in_memory import (
    BEER,
    CHEESE_742_G,
    CHEESE_PLU,
    DEAR,
    MILK,
    PHONE,
    ROLL,
    SOAP,
    SPIRITS,
    TIPS,
    WATER,
    ShopInMemory,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory

Story = Callable[[TillInMemory], object]


def paying(till: TillInMemory) -> None:
    till.add(DEAR)
    till.card(1_000)


def to_sign(till: TillInMemory) -> None:
    paying(till)
    till.approve_to_sign()


def to_sign_without_number(till: TillInMemory) -> None:
    paying(till)
    till.approve_to_sign(receipt="")
    till.desk = AtTheDesk(can_reverse=True)


def signature_refused(till: TillInMemory) -> None:
    to_sign(till)
    till.desk = AtTheDesk(can_reverse=True)
    till.not_signed()


def in_doubt(till: TillInMemory) -> None:
    paying(till)
    till.lose()


def done(till: TillInMemory) -> None:
    till.add(ROLL)
    till.cash(45)


def sent_often(till: TillInMemory) -> None:
    done(till)
    for _ in range(LETTERS_PER_SALE_MAX):
        till.email("till-1-000001")


def part_paid(till: TillInMemory) -> None:
    till.add(ROLL)
    till.cash(5)


def card_charged(till: TillInMemory) -> None:
    till.add(MILK)
    till.card(29)
    till.approve()


def voided(till: TillInMemory) -> None:
    till.add(ROLL)
    till.void("1")


def open_sale(till: TillInMemory) -> None:
    till.add(ROLL)


def spirits_and_beer(till: TillInMemory) -> None:
    till.add(SPIRITS)
    till.add(BEER)


def two_waters(till: TillInMemory) -> None:
    till.role = "supervisor"
    till.add(WATER, 2_000)


def with_a_phone(till: TillInMemory) -> None:
    till.add_tracked(PHONE, serial="A1")


def nearly_long_sale(till: TillInMemory) -> None:
    for _ in range(LINES_PER_SALE_MAX - 1):
        till.add(ROLL)


def modest(till: TillInMemory) -> None:
    till.reference = ShopInMemory(profile(open_price_max_minor=5_000))


def with_tips(till: TillInMemory) -> None:
    till.reference = shop(tips=TIPS)
    till.add(ROLL)


def with_tips_voided(till: TillInMemory) -> None:
    with_tips(till)
    till.void("1")


def with_tips_and_one_back(till: TillInMemory) -> None:
    """More comes back than is sold."""
    with_tips(till)
    till.add(MILK)
    till.cash(174)
    till.next_sale()
    till.bring_back("till-1-000001", "2")
    till.add(ROLL)


def tipped_and_voided(till: TillInMemory) -> None:
    """One comes back, and what was sold with a tip is taken out again."""
    with_tips(till)
    till.cash(45)
    till.next_sale()
    till.add(MILK)
    till.tip(20)
    till.bring_back("till-1-000001")
    till.void("1")


def tip_half_paid(till: TillInMemory) -> None:
    with_tips(till)
    till.tip(10)
    till.cash(50)


def sold_with_tip(till: TillInMemory) -> None:
    with_tips(till)
    till.tip(10)
    till.cash(55)
    till.next_sale()


def sold_with_tip_and_tipped(till: TillInMemory) -> None:
    sold_with_tip(till)
    till.add(ROLL)
    till.tip(5)


def tip_comes_back(till: TillInMemory) -> None:
    sold_with_tip(till)
    till.role = "supervisor"
    till.tip_back("till-1-000001")


def tip_half_back(till: TillInMemory) -> None:
    tip_comes_back(till)
    till.give(5)


def tip_went_back(till: TillInMemory) -> None:
    tip_comes_back(till)
    till.give(10)
    till.next_sale()


def sold_as(code: str, unknown: str) -> AddItem:
    return AddItem(command_id="command-sold-as", code=code, unknown_code=unknown)


def idle(till: TillInMemory) -> None:
    assert till.cart == EMPTY


def weighed_by_label(till: TillInMemory) -> None:
    till.add(CHEESE_742_G)


def cancel(till: TillInMemory) -> object:
    return till.do(CancelCard(command_id="command-x"))


def crowded(till: TillInMemory) -> None:
    till.add(ROLL)
    till.parked_sales = PARKED_SALES_MAX


def without_drawer(till: TillInMemory) -> None:
    till.has_drawer = False


def without_printer(till: TillInMemory) -> None:
    done(till)
    till.has_printer = False


def without_scale(till: TillInMemory) -> None:
    till.scale = ""


def without_terminal(till: TillInMemory) -> None:
    till.terminal = ""
    till.add(ROLL)


def long_sale(till: TillInMemory) -> None:
    for _ in range(LINES_PER_SALE_MAX):
        till.add(ROLL)


def often_paid(till: TillInMemory) -> None:
    till.add(DEAR)
    for _ in range(TENDERS_PER_SALE_MAX):
        till.cash(1)


def often_discounted(till: TillInMemory) -> None:
    till.role = "supervisor"
    till.add(DEAR)
    for _ in range(DISCOUNTS_PER_SALE_MAX):
        till.discount(minor=1)


def nearly_paid_for_less(till: TillInMemory) -> None:
    """Milk brings the sum from which 2.00 are off; what it costs then was paid before."""
    two_off = Promotion("two", "2.00 off from 3.00", BasketAmountOff(200, from_minor=300))
    till.reference = shop(promotions=(two_off,))
    till.add(SOAP)
    till.add(SOAP)
    till.cash(127)


def by_a_technician(till: TillInMemory) -> None:
    till.role = "technician"


def on_the_scale(till: TillInMemory) -> None:
    till.weigh(CHEESE_PLU, shown_g=742)


def with_a_tare(till: TillInMemory) -> None:
    till.weigh(CHEESE_PLU, tare_g=20)


def weighed_here(till: TillInMemory) -> None:
    on_the_scale(till)
    till.scale_says(742)


def sold_two(till: TillInMemory) -> None:
    """Two rolls were sold for cash, and the screen is clear; a supervisor is at the till."""
    till.role = "supervisor"
    till.add(ROLL, 2_000)
    till.cash(90)
    till.next_sale()


def one_comes_back(till: TillInMemory) -> None:
    """One of two rolls that were sold is coming back."""
    sold_two(till)
    till.bring_back("till-1-000001")


def part_refunded(till: TillInMemory) -> None:
    """A part of the cash for it was given back."""
    one_comes_back(till)
    till.give(5)


def refunded_on_a_card(till: TillInMemory) -> None:
    """A part was given back on a card, at a terminal of its own."""
    one_comes_back(till)
    till.give_on(OtherTender.MANUAL_CARD, 5)


def both_came_back(till: TillInMemory) -> None:
    """Both rolls came back, and the sale that took them is done."""
    one_comes_back(till)
    till.bring_back("till-1-000001")
    till.give(90)
    till.next_sale()


def back_at_another_till(till: TillInMemory) -> None:
    """Both rolls are coming back at another till."""
    sold_two(till)
    TillInMemory(books=till.books, name="till-2").bring_back("till-1-000001", quantity=2_000)


def card_comes_back(till: TillInMemory) -> None:
    """A milk that a card paid is coming back; a cashier is at the till."""
    card_charged(till)
    till.card(100)
    till.approve("4242", "Example")
    till.next_sale()
    till.bring_back("till-1-000001")


def back_to_the_card(till: TillInMemory) -> None:
    """Money is going back to that card."""
    card_comes_back(till)
    till.refund(100)


def back_in_doubt(till: TillInMemory) -> None:
    """Nobody knows whether it did."""
    back_to_the_card(till)
    till.lose()


def back_on_the_card(till: TillInMemory) -> None:
    """A part went back to the card."""
    back_to_the_card(till)
    till.approve()


def comes_back_without_terminal(till: TillInMemory) -> None:
    card_comes_back(till)
    till.terminal = ""


def coupon_in_sale(till: TillInMemory) -> None:
    till.add(ROLL)
    till.coupon("WELCOME-17")


def coupon_was_used(till: TillInMemory) -> None:
    soap_off = Promotion(
        "soap", "1.00 off soap", AmountOff(50, Selection(("X1",))), coupon="welcome"
    )
    till.reference = shop(promotions=(soap_off,))
    till.add(SOAP)
    till.coupon("WELCOME-17")
    till.cash(49)


def coupon_at_another_till(till: TillInMemory) -> None:
    coupon_in_sale(TillInMemory(books=till.books, name="till-2"))


def coupon_parked(till: TillInMemory) -> None:
    other = TillInMemory(books=till.books, name="till-2")
    coupon_in_sale(other)
    till.books.parked[other.cart.sale] = Unfinished(
        other.cart.sale, "till-2", parked=True, label="Ana"
    )
    other.park("Ana")


def coupon_held_somewhere(till: TillInMemory) -> None:
    till.books.coupons["WELCOME-17"] = CouponUse("sale-nobody-knows")


def many_coupons(till: TillInMemory) -> None:
    for number in range(COUPONS_PER_SALE_MAX):
        till.coupon(f"MANY-{number}")
