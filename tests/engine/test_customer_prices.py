"""Prices of customer groups in whole sales: what they do with all that happens to a line."""

from __future__ import annotations

from datetime import UTC
from typing import Final

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.contract.permissions import Permission
from edge.contract.price_events import LineReduction, PricesReduced, Reduction
from edge.contract.promotion_data import AmountOff, FixedPrice, PercentOff, Promotion, Selection
from edge.contract.receipt_document import RowBlock
from edge.contract.reference_data import GroupBook, Price
from edge.contract.till_protocol import ReductionView
from edge.contract.wire import encode
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Approval
from edge.engine.customer_prices import customer_price
from edge.engine.price_check import price_shown
from edge.engine.promotions import Occasion
from edge.engine.receipt_layout import lay_out_receipt
from tests.engine.shop_in_memory import (
    CHEESE_3_49,
    CHEESE_742_G,
    CHEESE_PLU,
    FRUIT,
    FRUIT_2_50,
    MILK,
    ROLL,
    SMALL,
    SOAP,
    WATER,
    ShopInMemory,
    profile,
)
from tests.engine.test_coupons import amounts
from tests.engine.till_in_memory import TillInMemory

ANA, JAN = "K7Q4-M2XD", "R3ZB-81HT"
"""Ana is of the club; Jan of the staff and of the club."""
BOOKS: Final = (
    GroupBook("club-a", "Club", 0, "club"),
    GroupBook("staff-a", "Staff", 0, "staff"),
    GroupBook("staff-b", "Staff, later", 1_795_000_000_001, "staff"),
)
PRICES: Final = (
    Price("X1", 80, "club-a"),
    Price("M1", 120, "club-a"),
    Price("X1", 70, "staff-a"),
    Price("C1", 1_700, "staff-a"),
    Price("R1", 45, "staff-a"),  # no lower than for everybody
    Price("S1", 130, "staff-a"),  # dearer
    Price("W1", 60, "staff-a"),
    Price("P25", 1, "staff-a"),
    Price("O1", 1, "staff-a"),
    Price("K1", 1, "staff-a"),
    Price("X1", 75, "staff-b"),
)
STAFF_OFF: Final = Reduction("price_book", "staff-a", "Staff", (LineReduction("1", 29, 70),))


def shop_with(*promotions: Promotion) -> ShopInMemory:
    return ShopInMemory(replace(profile(), group_books=BOOKS), promotions, book_prices=PRICES)


def till_of(customer: str, *promotions: Promotion) -> TillInMemory:
    till = TillInMemory(shop_with(*promotions))
    if customer:
        till.customer(customer)
    return till


def costs(till: TillInMemory) -> list[int]:
    return [line.net_minor for line in till.cart.lines if not line.voided]


def test_the_line_keeps_its_listed_price_and_says_which_book_is_lower() -> None:
    till = till_of("")
    till.add(SOAP)
    assert till.cart.total_minor == 99
    _, reduced = till.customer(JAN)
    assert reduced == PricesReduced(sale=till.cart.sale, reductions=(STAFF_OFF,))
    (line,) = till.cart.line_views
    assert (line.price_minor, line.listed_minor, line.amount_minor) == (99, 99, 70)
    assert line.reductions == (ReductionView("price_book", "Staff", 29, 70),)
    till.customer(ANA)  # another customer, other prices
    assert costs(till) == [80]
    till.customer("")  # nobody's: the listed ones again
    assert costs(till) == [99]
    assert replay(till.history) == till.cart


def test_what_was_written_before_there_were_books_keeps_its_bytes() -> None:
    promotion = Reduction("promotion", "tea", "Tea", (LineReduction("1", 5),))
    assert encode(promotion) == (
        b'{"source":"promotion","id":"tea","name":"Tea","lines":[{"line":"1","amount_minor":5}]}'
    )
    assert encode(ReductionView("discount", "Old", 5)) == (
        b'{"source":"discount","name":"Old","amount_minor":5}'
    )
    assert b'"price_minor":70' in encode(STAFF_OFF)
    assert b'"price_minor":0' in encode(LineReduction("1", 25, 0))  # free is a price as well
    assert b"group_books" not in encode(profile())
    assert msgspec.json.decode(encode(STAFF_OFF), type=Reduction) == STAFF_OFF


def test_the_receipt_has_the_listed_price_and_what_the_book_takes_off() -> None:
    till = till_of(JAN)
    till.add(SOAP, 2000)
    till.cash(140)
    blocks = lay_out_receipt(till.cart, profile(), till="till-1", cashier="", zone=UTC).blocks
    assert RowBlock("Soap", "1.98") in blocks
    assert RowBlock("  Staff", "-0.58") in blocks


def test_a_book_that_comes_into_force_while_somebody_is_served_waits() -> None:
    till = till_of(JAN)
    till.now_ms += 60_000
    till.add(SOAP)
    assert costs(till) == [70]
    till.cash(70)
    till.next_sale()
    till.occasion = replace(till.occasion, at_ms=till.now_ms)
    till.customer(JAN)
    till.add(SOAP)
    assert costs(till) == [75]


def test_weights_have_the_books_price_and_labels_and_typed_prices_their_own() -> None:
    till = till_of(JAN)
    till.add(CHEESE_742_G)
    till.add(CHEESE_3_49)
    till.add_open(FRUIT, 250)
    till.add(FRUIT_2_50)
    assert costs(till) == [1_261, 349, 250, 250]
    till.weigh(CHEESE_PLU)
    till.scale_says(100)
    assert till.cart.lines[-1].price_minor == 1_890


def test_a_few_grams_may_cost_the_same() -> None:
    till = till_of(JAN)
    till.add(CHEESE_PLU, 1)
    assert costs(till) == [2]
    assert till.cart.reductions == ()


def test_deposits_cost_everybody_the_same() -> None:
    till = till_of(JAN)
    till.add(WATER)
    assert costs(till) == [60, 25]


def test_a_price_that_a_person_set_stands() -> None:
    till = till_of(JAN)
    till.add(SOAP)
    till.add(SOAP)
    till.approval = Approval(Permission.OVERRIDE_PRICE, "marta")
    till.override("1", 95)
    assert costs(till) == [95, 70]
    till.customer("")
    assert costs(till) == [95, 99]


def test_another_quantity_has_the_price_too() -> None:
    till = till_of(JAN)
    till.add(SOAP)
    till.set_quantity("1", 3000)
    assert costs(till) == [210]
    assert till.cart.lines[-1].price_minor == 99


def test_promotions_count_on_top_and_discounts_after_them() -> None:
    fifth = Promotion("fifth", "A fifth", PercentOff(200_000, Selection(("X1",))))
    till = till_of(JAN, fifth)
    till.add(SOAP)
    assert costs(till) == [56]
    till.approval = Approval(Permission.DISCOUNT, "marta")
    till.discount("1", ppm=500_000)
    assert costs(till) == [28]
    assert [each.source for each in till.cart.reductions] == ["price_book", "promotion", "discount"]
    dear = Promotion("dear", "Soap 0.90", FixedPrice(90, Selection(("X1",))))
    other = till_of(JAN, dear)
    other.add(SOAP)
    assert costs(other) == [70]


def test_coupons_work_on_the_customers_price() -> None:
    welcome = Promotion("w", "1.00 off", AmountOff(100, Selection(("X1",))), coupon="welcome")
    till = till_of(JAN, welcome)
    till.add(SOAP)
    till.coupon("WELCOME-17")
    assert costs(till) == [0]
    assert [each.code for each in till.cart.used_coupons] == ["WELCOME-17"]


def test_goods_come_back_for_what_was_paid() -> None:
    till = till_of(JAN)
    till.add(SOAP, 2000)
    till.cash(140)
    receipt = till.cart.receipt
    till.next_sale()
    till.bring_back(receipt, "1", 1000)
    assert till.cart.refund_due_minor == 70


def test_without_a_receipt_they_give_the_price_of_a_customer_who_is_known() -> None:
    till = till_of(JAN)
    till.approval = Approval(Permission.RETURN_WITHOUT_RECEIPT, "marta")
    for code in (SOAP, ROLL, MILK, CHEESE_3_49, SMALL):
        till.bring_back_without(code)
    gross = [line.back.gross_minor for line in till.cart.lines if line.back]
    assert gross == [70, 45, 120, 349, 115]
    listed = till_of("")
    listed.approval = till.approval
    listed.bring_back_without(SOAP)
    assert listed.cart.refund_due_minor == 99


def test_a_price_check_says_what_this_customer_pays() -> None:
    tenth = Promotion("tenth", "Staff: a tenth", PercentOff(100_000), groups=("staff",))
    noon = Occasion(1_795_000_000_000, 3, 720)
    nobody = price_shown(shop_with(tenth), SOAP, noon)
    assert (nobody.now_minor, nobody.book, nobody.book_minor) == (99, "", None)
    jan = price_shown(shop_with(tenth), SOAP, replace(noon, groups=("staff", "club")))
    assert (jan.price_minor, jan.amount_minor, jan.now_minor) == (99, 99, 63)
    assert (jan.book, jan.book_minor) == ("Staff", 70)
    label = price_shown(shop_with(), CHEESE_3_49, replace(noon, groups=("staff",)))
    assert (label.now_minor, label.book) == (349, "")
    fruit = price_shown(shop_with(), FRUIT_2_50, replace(noon, groups=("staff",)))
    assert (fruit.now_minor, fruit.book) == (250, "")


def test_of_equal_prices_the_book_whose_id_comes_first_is_named() -> None:
    books = (GroupBook("b", "B", 0, "two"), GroupBook("a", "A", 0, "one"))
    prices = (Price("X1", 50, "a"), Price("X1", 50, "b"))
    shop = ShopInMemory(replace(profile(), group_books=books), book_prices=prices)
    for groups in (("one", "two"), ("two", "one")):
        found = customer_price(shop, "X1", groups, 0)
        assert found is not None
        assert found.book.id == "a"


def test_a_sale_that_is_nobodys_asks_for_no_book() -> None:
    class Asked(ShopInMemory):
        def group_books(self, group: str, at_ms: int) -> list[GroupBook]:
            raise AssertionError(group, at_ms)

    till = TillInMemory(Asked())
    till.add(SOAP)
    till.set_quantity("1", 2000)
    till.cash(198)
    assert till.cart.receipt


goods = st.lists(
    st.sampled_from([ROLL, MILK, SOAP, SMALL, CHEESE_742_G, CHEESE_3_49, WATER, FRUIT_2_50]),
    max_size=6,
)
people = st.sampled_from([ANA, JAN])
OFFERS: Final = (
    Promotion("fifth", "A fifth", PercentOff(200_000, Selection(("X1", "C1")))),
    Promotion("milk", "Milk 1.19", FixedPrice(119, Selection(("M1",)))),
)


@given(basket=goods, at=st.integers(0, 6), who=people)
def test_it_does_not_matter_when_the_customer_is_named(
    basket: list[str], at: int, who: str
) -> None:
    one, other = till_of(who, *OFFERS), till_of("", *OFFERS)
    for code in basket:
        one.add(code)
    for code in basket[:at]:
        other.add(code)
    other.customer(who)
    for code in basket[at:]:
        other.add(code)
    assert amounts(one) == amounts(other)
    assert one.cart.reductions == other.cart.reductions


@given(basket=goods, who=people)
def test_no_line_is_dearer_with_a_customer_and_none_below_nothing(
    basket: list[str], who: str
) -> None:
    with_one, without = till_of(who), till_of("")
    for code in basket:
        with_one.add(code)
        without.add(code)
    assert all(0 <= a <= b for a, b in zip(costs(with_one), costs(without), strict=True))


@given(basket=goods, who=people, between=st.sampled_from([ANA, JAN, ""]))
def test_a_customer_who_leaves_leaves_the_prices_of_before(
    basket: list[str], who: str, between: str
) -> None:
    till = till_of(who, *OFFERS)
    for code in (SOAP, *basket):
        till.add(code)
    before = amounts(till), till.cart.reductions
    till.customer(between)
    till.customer(who)
    assert (amounts(till), till.cart.reductions) == before
    assert replay(till.history) == till.cart


@given(basket=st.permutations([ROLL, MILK, SOAP, SOAP, CHEESE_742_G]), who=people)
def test_the_order_of_scanning_changes_no_total(basket: list[str], who: str) -> None:
    till, sorted_till = till_of(who, *OFFERS), till_of(who, *OFFERS)
    for code in basket:
        till.add(code)
    for code in sorted(basket):
        sorted_till.add(code)
    assert till.cart.total_minor == sorted_till.cart.total_minor
