"""Goods that come back give what was paid for them, once, and to the last unit."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    LINES_PER_SALE_MAX,
)
from edge.contract.permissions import Permission
from edge.contract.price_events import PricesReduced
from edge.contract.promotion_data import BasketAmountOff, BuyGet, PercentOff, Promotion, Selection
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineVoided, SaleOpened
from edge.contract.till_protocol import TillState
from edge.engine.cart import Cart
from edge.engine.circumstances import Approval
from edge.engine.originals import Original, Unfinished
from tests.engine.shop_in_memory import (
    CHEESE_742_G,
    CHEESE_PLU,
    DEAR,
    FREE,
    MILK,
    ROLL,
    SOAP,
    UNKNOWN,
    UNPRICED,
    shop,
)
from tests.engine.till_in_memory import Books, TillInMemory

THREE_FOR_TWO = Promotion("rolls", "3 for 2", BuyGet(2, 1, Selection(skus=("R1",))))
A_SEVENTH = Promotion("all", "A seventh", PercentOff(142_857), combines=True)


def refusal(wish: Any, *arguments: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        wish(*arguments)
    return caught.value


def sold(*goods: tuple[str, int], books: Books | None = None, **settings: Any) -> TillInMemory:
    """Return a till that sold goods for cash, with its screen cleared."""
    till = TillInMemory(shop(**settings), books)
    till.role = "supervisor"
    for code, quantity in goods:
        till.add(code, quantity)
    till.cash(till.cart.due_minor + 1)
    till.next_sale()
    return till


def paid(cart: Cart) -> Counter[tuple[str, int, str]]:
    """Return net, tax and gross of each rate."""
    amounts: Counter[tuple[str, int, str]] = Counter()
    for total in cart.taxes:
        for what in ("net_minor", "tax_minor", "gross_minor"):
            amounts[total.tax, total.rate_ppm, what] += getattr(total, what)
    return amounts


# --- what comes back -----------------------------------------------------------------------


def test_a_line_comes_back_at_what_it_cost_and_opens_a_sale() -> None:
    till = sold((ROLL, 3_000), (MILK, 1_000), promotions=(THREE_FOR_TWO,))
    opened, returned = till.bring_back("till-1-000001", "1", 2_000)
    assert isinstance(opened, SaleOpened)
    assert returned == LineReturned(
        sale=till.cart.sale, line="1", sku="R1", name="Bread roll", quantity=2_000, price_minor=45,
        tax="reduced", rate_ppm=55_000, net_minor=57, tax_minor=3, gross_minor=60,
        reason="too small", original_sale="sale-000002", original_line="1",
        receipt="till-1-000001", code=ROLL,
    )  # fmt: skip
    cart = till.cart
    assert (cart.total_minor, cart.due_minor, cart.refund_due_minor) == (-60, 0, 60)
    assert paid(cart) == {
        ("reduced", 55_000, "net_minor"): -57,
        ("reduced", 55_000, "tax_minor"): -3,
        ("reduced", 55_000, "gross_minor"): -60,
    }
    view = cart.lines[0].view()
    assert (view.quantity, view.amount_minor, view.listed_minor) == (2_000, -60, -60)
    assert (view.entry, view.returned_from, view.price_minor) == ("returned", "till-1-000001", 45)
    assert (view.voided, view.reductions) == (False, ())


def test_a_sold_line_has_no_receipt_that_it_comes_from() -> None:
    till = TillInMemory()
    till.add(MILK)
    assert till.cart.lines[0].view().returned_from == ""


@pytest.mark.parametrize(
    ("included", "shares", "total"),
    [
        # of 2.97 with its tax inside there are 0.52 tax, of 1.98 then 0.34, of 0.99 0.17
        (True, [(81, 18, 99), (82, 17, 99), (82, 17, 99)], (-297, -99)),
        (False, [(99, 20, 119), (99, 21, 120), (99, 21, 120)], (-359, -99)),
    ],
)
def test_the_worked_examples(
    included: bool, shares: list[tuple[int, int, int]], total: tuple[int, int]
) -> None:
    till = sold((SOAP, 3_000), included=included)
    backs = []
    for _ in range(3):
        till.bring_back("till-1-000001")
        back = till.cart.lines[-1].back
        assert back is not None
        backs.append((back.net_minor, back.tax_minor, back.gross_minor))
    assert backs == shares
    assert (till.cart.total_minor, till.cart.lines[0].amount_minor) == total


@pytest.mark.parametrize("included", [True, False])
def test_a_piece_whose_tax_rounds_to_nothing_gives_none_back(included: bool) -> None:
    till = TillInMemory(shop(included=included))
    till.role = "supervisor"
    till.add(ROLL, 10_000)
    till.override("1", 4)
    till.cash(till.cart.total_minor)
    till.next_sale()
    till.bring_back("till-1-000001")
    back = till.cart.lines[-1].back
    assert back is not None
    assert (back.net_minor, back.tax_minor, back.gross_minor) == (4, 0, 4)


def test_prices_may_have_been_with_tax_and_be_without_today() -> None:
    till = sold((SOAP, 1_000))
    till.reference = shop(included=False)
    till.bring_back("till-1-000001")
    assert not till.cart.prices_include_tax
    assert (till.cart.total_minor, till.cart.lines[0].amount_minor) == (-99, -82)
    till.add(SOAP)
    assert till.cart.total_minor == 120 - 99
    till.void("1")
    assert till.cart.total_minor == 120


def test_free_goods_come_back_for_nothing() -> None:
    till = sold((FREE, 1_000))
    till.bring_back("till-1-000001")
    assert (till.cart.total_minor, till.cart.taxes) == (0, ())
    assert refusal(till.bring_back, "till-1-000001").code == "returned_already"


def test_an_overridden_and_discounted_line_gives_back_what_it_cost() -> None:
    till = TillInMemory()
    till.role = "supervisor"
    till.add(MILK, 2_000)
    till.override("1", 100)
    till.discount("1", minor=1)
    till.discount(ppm=100_000)
    till.cash(1_000)
    assert till.cart.total_minor == 179
    till.next_sale()
    till.bring_back("till-1-000001", quantity=1_000)
    assert till.cart.total_minor == -90
    till.bring_back("till-1-000001", quantity=1_000)
    assert till.cart.total_minor == -179


def test_a_weight_comes_back_in_parts() -> None:
    till = sold((CHEESE_742_G, 1_000))
    till.bring_back("till-1-000001", quantity=500)
    till.bring_back("till-1-000001", quantity=242)
    assert till.cart.total_minor == -1_402
    assert till.cart.lines[0].view().unit == "kg"
    refused = refusal(till.bring_back, "till-1-000001", "1", 1)
    assert (refused.code, refused.params["left"]) == ("returned_already", "0.000\u00a0kg")


# --- and what does not ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receipt", "line", "quantity", "reason", "code"),
    [
        ("till-1-000009", "1", 1_000, "torn", "unknown_receipt"),
        ("till-1-000001", "9", 1_000, "torn", "unknown_line"),
        ("till-1-000001", "2", 1_000, "torn", "unknown_line"),
        ("till-1-000001", "1", 0, "torn", "quantity_not_positive"),
        ("till-1-000001", "1", -1_000, "torn", "quantity_not_positive"),
        ("till-1-000001", "1", 500, "torn", "quantity_not_whole"),
        ("till-1-000001", "1", 4_000, "torn", "more_than_returnable"),
        ("till-1-000001", "1", 1_000, "4" + "1" * 15, "looks_like_card_number"),
    ],
)
def test_what_is_no_return(receipt: str, line: str, quantity: int, reason: str, code: str) -> None:
    till = TillInMemory()
    till.add(ROLL, 3_000)
    till.add(MILK)
    till.void("2")
    till.cash(500)
    till.next_sale()
    assert refusal(till.bring_back, receipt, line, quantity, reason).code == code
    assert till.cart.state is TillState.IDLE


def test_a_number_is_repeated_without_what_a_screen_cannot_show() -> None:
    refused = refusal(TillInMemory().bring_back, "till\u202e-1\x1b")
    assert (refused.status, refused.params) == (404, {"receipt": "till-1"})


def test_never_more_than_was_sold_and_not_returned_yet() -> None:
    till = sold((ROLL, 3_000))
    till.bring_back("till-1-000001", quantity=2_000)
    refused = refusal(till.bring_back, "till-1-000001", "1", 2_000)
    assert (refused.code, refused.params) == (
        "more_than_returnable", {"name": "Bread roll", "left": "1"},
    )  # fmt: skip
    till.give(90)
    till.next_sale()
    till.bring_back("till-1-000001")
    refused = refusal(till.bring_back, "till-1-000001")
    assert refused.code == "returned_already"
    till.void("1")
    assert till.bring_back("till-1-000001")


def test_what_another_till_takes_back_is_said_with_its_place() -> None:
    books = Books()
    till = sold((ROLL, 3_000), books=books)
    other = TillInMemory(books=books, name="till-2")
    other.bring_back("till-1-000001", quantity=2_000)
    refused = refusal(till.bring_back, "till-1-000001", "1", 2_000)
    assert (refused.code, refused.params) == (
        "other_till_returns_it",
        {"name": "Bread roll", "left": "1", "till": "till-2", "label": ""},
    )
    assert "at till-2; 1 of it is left" in refused.message
    assert till.bring_back("till-1-000001", quantity=1_000)
    other.abandon()
    assert till.bring_back("till-1-000001", quantity=2_000)


@pytest.mark.parametrize(("label", "words"), [("Ana", "parked (Ana)"), ("", "parked; ")])
def test_what_a_parked_sale_takes_back_is_said_with_its_label(label: str, words: str) -> None:
    till = sold((ROLL, 1_000))
    till.bring_back("till-1-000001")
    other = TillInMemory(books=ParkedBooks(till, label), name="till-2")
    refused = refusal(other.bring_back, "till-1-000001")
    assert (refused.code, refused.params["label"]) == ("parked_return_holds_it", label)
    assert words in refused.message


class ParkedBooks(Books):
    """Books of a shop in which the sale on a till counts as parked."""

    def __init__(self, till: TillInMemory, label: str) -> None:
        super().__init__(sold=till.books.sold)
        self._held = till.books.original("till-1-000001")
        self._parked = Unfinished(till.cart.sale, "till-1", parked=True, label=label)

    def original(self, _: str) -> Original:
        return replace(self._held, unfinished=(self._parked,))


def test_a_returned_line_is_not_returned_again_from_its_own_receipt() -> None:
    till = sold((ROLL, 1_000))
    till.bring_back("till-1-000001")
    till.give(45)
    till.next_sale()
    refused = refusal(till.bring_back, "till-1-000002")
    assert (refused.code, refused.params) == ("was_a_return", {"name": "Bread roll"})


def test_another_currency_is_not_given_back() -> None:
    till = sold((ROLL, 1_000))
    cart = till.books.sold["till-1-000001"]
    till.books.sold["till-1-000001"] = replace(cart, currency="CHF")
    refused = refusal(till.bring_back, "till-1-000001")
    assert (refused.code, refused.params["currency"]) == ("other_currency", "CHF")


def test_nothing_comes_back_while_a_card_is_charged_or_once_money_moved() -> None:
    till = sold((ROLL, 1_000))
    till.add(MILK)
    till.card(29)
    assert refusal(till.bring_back, "till-1-000001").code == "card_payment_running"
    assert refusal(till.bring_back_without, MILK).code == "card_payment_running"
    till.approve()
    assert refusal(till.bring_back, "till-1-000001").code == "tendered_already"
    assert refusal(till.bring_back_without, MILK).code == "tendered_already"


def test_a_sale_has_an_end_of_lines_and_of_money() -> None:
    till = TillInMemory()
    till.role = "supervisor"
    for _ in range(10):
        till.bring_back_without(DEAR)
    assert till.cart.total_minor == -AMOUNT_MINOR_MAX + 9
    assert refusal(till.bring_back_without, DEAR).code == "total_too_large"
    dear = sold(*[(DEAR, 1_000)] * 10)
    dear.bring_back_without(MILK)
    for line in range(1, 10):
        dear.bring_back("till-1-000001", str(line))
    assert refusal(dear.bring_back, "till-1-000001", "10").code == "total_too_large"
    full = sold((ROLL, 1_000))
    for _ in range(LINES_PER_SALE_MAX):
        full.add(FREE)
    assert refusal(full.bring_back, "till-1-000001").code == "too_many_lines"
    assert refusal(full.bring_back_without, MILK).code == "too_many_lines"


# --- without a receipt ---------------------------------------------------------------------


def test_without_a_receipt_it_is_todays_price_and_a_second_person() -> None:
    till = TillInMemory(shop(promotions=(A_SEVENTH,)))
    refused = refusal(till.bring_back_without, MILK)
    assert refused.params == {"permission": "return_without_receipt"}
    assert till.cart.state is TillState.IDLE
    till.approval = Approval(Permission.RETURN_WITHOUT_RECEIPT, "pawel")
    _, returned = till.bring_back_without(ROLL, 2_000)
    assert returned == LineReturned(
        sale=till.cart.sale, line="1", sku="R1", name="Bread roll", quantity=2_000, price_minor=45,
        tax="reduced", rate_ppm=55_000, net_minor=85, tax_minor=5, gross_minor=90,
        reason="no receipt", code=ROLL, approver="pawel",
    )  # fmt: skip
    assert (till.cart.total_minor, till.cart.refund_due_minor) == (-90, 90)
    view = till.cart.lines[0].view()
    assert (view.entry, view.returned_from) == ("returned", "")


def test_without_a_receipt_goods_by_weight_are_typed_and_codes_are_read() -> None:
    till = TillInMemory(shop(included=False))
    till.role = "supervisor"
    till.bring_back_without(CHEESE_PLU, 500)
    assert till.cart.lines[0].view().unit == "kg"
    assert (till.cart.lines[0].net_minor, till.cart.total_minor) == (-945, -997)
    till.bring_back_without(CHEESE_742_G)
    assert till.cart.lines[1].quantity == 742
    assert refusal(till.bring_back_without, UNKNOWN).code == "unknown_code"
    assert refusal(till.bring_back_without, UNPRICED).code == "no_price"
    assert refusal(till.bring_back_without, MILK, 0).code == "quantity_not_positive"
    assert refusal(till.bring_back_without, MILK, 1_000, "4" + "1" * 15).code == (
        "looks_like_card_number"
    )


# --- beside lines that sell ----------------------------------------------------------------


def test_promotions_and_discounts_do_not_see_what_comes_back() -> None:
    till = sold((ROLL, 3_000), promotions=(THREE_FOR_TWO,))
    till.bring_back("till-1-000001", quantity=3_000)
    till.add(ROLL, 2_000)  # no third one: what came back is none
    assert till.cart.total_minor == 90 - 90
    till.discount(ppm=500_000)
    assert till.cart.total_minor == 45 - 90
    assert [line.net_minor for line in till.cart.lines] == [-90, 45]
    refused = refusal(lambda: till.discount(minor=91))
    assert (refused.code, refused.params) == ("discount_over_price", {"costs": "0.45"})
    till.void("1")
    assert till.cart.total_minor == 45


def test_a_threshold_counts_what_is_sold_and_not_what_is_left_of_it() -> None:
    over_three = Promotion("basket", "Every 3.00", BasketAmountOff(50, 300), combines=True)
    till = sold((MILK, 1_000))
    till.reference = shop(promotions=(over_three, A_SEVENTH))
    till.bring_back("till-1-000001")
    till.add(MILK, 3_000)
    assert till.cart.lines[0].net_minor == -129
    assert sum(each.amount_minor for each in till.cart.reductions if each.id == "basket") == 50


def test_to_take_a_return_back_prices_nothing_anew() -> None:
    till = sold((ROLL, 3_000))
    till.add(ROLL, 3_000)
    till.bring_back("till-1-000001")
    till.reference = shop(promotions=(THREE_FOR_TWO,))  # it began while the customer was served
    assert till.void("2") == (LineVoided(sale=till.cart.sale, line="2"),)
    assert till.cart.total_minor == 135
    assert isinstance(till.add(MILK)[-1], PricesReduced)


def test_a_line_that_comes_back_is_voided_but_not_changed() -> None:
    till = sold((ROLL, 3_000))
    till.bring_back("till-1-000001")
    assert refusal(till.set_quantity, "1", 2_000).code == "line_is_a_return"
    assert refusal(till.override, "1", 10).code == "line_is_a_return"
    assert refusal(lambda: till.discount("1", minor=1)).params == {"name": "Bread roll"}
    till.note("crushed", "1")
    assert till.cart.lines[0].note == "crushed"
    till.void("1", "quantity")
    assert (till.cart.live_lines, till.cart.total_minor, till.cart.taxes) == (0, 0, ())
    assert (till.cart.lines[0].amount_minor, till.cart.lines[0].voided) == (0, True)
    till.add(ROLL)  # a line of its own, whatever reason was typed
    assert till.cart.lines[1].replaces == ""


def test_a_new_line_after_a_recounted_one_may_be_a_return() -> None:
    till = sold((ROLL, 3_000))
    till.add(ROLL)
    till.void("1", "quantity")
    till.bring_back("till-1-000001")
    till.add(ROLL)
    assert [line.replaces for line in till.cart.lines] == ["", "", ""]
