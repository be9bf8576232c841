"""Whose sale it is: prices for groups come and go with the customer, in whichever order."""

from __future__ import annotations

from datetime import UTC
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from edge.contract.customer_events import CustomerSet
from edge.contract.customer_views import CustomerView
from edge.contract.price_events import PricesReduced
from edge.contract.promotion_data import AmountOff, BasketPercentOff, Promotion, Selection
from edge.contract.receipt_document import RowBlock
from edge.contract.sale_events import SaleOpened
from edge.contract.till_protocol import TillState
from edge.engine.cart_changes import replay
from edge.engine.receipt_layout import lay_out_receipt
from tests.engine.shop_in_memory import ANA_CARD, CHEESE_742_G, CHEESE_PLU, MILK, ROLL, SOAP, shop
from tests.engine.test_coupons import amounts
from tests.engine.till_in_memory import TillInMemory

CLUB_SOAP: Final = Promotion(
    "club", "Club: 0.50 off soap", AmountOff(50, Selection(("X1",))), groups=("club",)
)
STAFF: Final = Promotion(
    "staff", "Staff: a tenth", BasketPercentOff(100_000), groups=("staff",), combines=True
)
ANA, JAN = "K7Q4-M2XD", "R3ZB-81HT"


def till_with(*promotions: Promotion) -> TillInMemory:
    return TillInMemory(shop(promotions=promotions))


def test_a_card_that_is_scanned_first_opens_the_sale_and_its_prices_count() -> None:
    till = till_with(CLUB_SOAP)
    opened, known = till.add(f" {ANA_CARD}")
    assert isinstance(opened, SaleOpened)
    assert known == CustomerSet(sale=till.cart.sale, customer=ANA, groups=("club",))
    assert till.cart.customer_view == CustomerView(ANA, ("club",))
    till.add(SOAP)
    assert till.cart.total_minor == 49
    till.cash(49)
    assert till.cart.customer == ANA
    assert replay(till.history) == till.cart


def test_a_customer_who_is_named_last_pays_the_same_and_nobody_pays_the_listed_price() -> None:
    till = till_with(CLUB_SOAP, STAFF)
    till.add(SOAP)
    known, reduced = till.customer(JAN)
    assert isinstance(known, CustomerSet)
    assert isinstance(reduced, PricesReduced)
    assert till.cart.total_minor == 99 - 50 - 5
    till.customer("JAN-CARD")  # the same one by card: nothing happens
    assert till.history[-1][0] == reduced
    till.customer(ANA)  # another one takes the place
    assert till.cart.total_minor == 49
    gone, listed = till.customer("")
    assert gone == CustomerSet(sale=till.cart.sale)
    assert listed == PricesReduced(sale=till.cart.sale)
    assert (till.cart.total_minor, till.cart.customer_view) == (99, None)
    assert till.customer("") == ()


def test_a_sale_that_a_card_opened_outlives_a_scale_that_gives_up() -> None:
    till = till_with()
    till.customer(ANA)
    till.weigh(CHEESE_PLU)
    till.scale_fails()
    assert (till.cart.state, till.cart.customer) == (TillState.OPEN, ANA)


def test_the_receipt_has_the_number_and_not_the_name() -> None:
    till = till_with()
    till.customer(ANA)
    till.add(ROLL)
    till.cash(45)
    document = lay_out_receipt(till.cart, shop().store, till="till-1", cashier="", zone=UTC)
    assert RowBlock("Customer", ANA) in document.blocks
    assert "Ana Exemplo" not in str(document)
    other = till_with()
    other.add(ROLL)
    other.cash(45)
    plain = lay_out_receipt(other.cart, shop().store, till="till-1", cashier="", zone=UTC)
    assert all(getattr(block, "start", "") != "Customer" for block in plain.blocks)


goods = st.lists(st.sampled_from([ROLL, MILK, SOAP, CHEESE_742_G]), max_size=6)


@given(basket=goods, first=st.sampled_from([ANA, JAN, ""]), second=st.sampled_from([ANA, JAN]))
def test_a_customer_who_comes_and_goes_leaves_the_prices_of_before(
    basket: list[str], first: str, second: str
) -> None:
    till = till_with(CLUB_SOAP, STAFF)
    till.add(SOAP)
    till.customer(first)
    for code in basket:
        till.add(code)
    before = amounts(till)
    till.customer(second)
    till.customer(first)
    assert amounts(till) == before
    assert replay(till.history) == till.cart


@given(basket=goods, at=st.integers(0, 6), card=st.sampled_from([ANA_CARD, "JAN-CARD"]))
def test_it_does_not_matter_when_the_card_is_scanned(basket: list[str], at: int, card: str) -> None:
    one, other = till_with(CLUB_SOAP, STAFF), till_with(CLUB_SOAP, STAFF)
    for code in (card, *basket):
        one.add(code)
    for code in (*basket[:at], card, *basket[at:]):
        other.add(code)
    assert amounts(one) == amounts(other)
