"""Money goes back as it came, or a second person allows it; an even exchange is settled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    TENDERS_PER_SALE_MAX,
)
from edge.contract.payment_events import CardPaymentApproved
from edge.contract.permissions import Permission
from edge.contract.price_events import LineReduction, PricesReduced, Reduction
from edge.contract.return_events import CashReturned, RefundPart, TenderReturned
from edge.contract.sale_events import SaleAbandoned, SaleCompleted
from edge.contract.till_commands import OtherTender, Park
from edge.contract.till_protocol import TillState
from edge.engine.circumstances import Approval
from edge.engine.originals import tender_rests
from edge.engine.tender_rules import complete_if_covered
from tests.engine.shop_in_memory import CHEESE_PLU, FREE, MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import Books, TillInMemory


def refusal(wish: Any, *arguments: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        wish(*arguments)
    return caught.value


def returning(
    *, cash: int = 0, card: int = 0, kind: OtherTender | None = None, **settings: Any
) -> TillInMemory:
    """Return a cashier's till at which a milk of 1.29 comes back that was paid like this."""
    till = TillInMemory(shop(**settings))
    till.role = "supervisor"
    till.add(MILK)
    if card:
        till.card(card)
        till.approve("4242", "Example")
    if kind:
        till.tender(kind, till.cart.due_minor - cash)
    if cash:
        till.cash(cash)
    assert till.cart.state is TillState.DONE
    till.next_sale()
    till.bring_back("till-1-000001")
    till.role = "cashier"
    return till


# --- cash ----------------------------------------------------------------------------------


def test_cash_for_cash_completes_the_sale_and_opens_the_drawer() -> None:
    till = returning(cash=200)
    original = till.books.sold["till-1-000001"].sale
    returned, completed = till.give(129)
    assert returned == CashReturned(
        sale=till.cart.sale, tender="1", amount_minor=129,
        parts=(RefundPart(original, "1", 129),),
    )  # fmt: skip
    assert isinstance(completed, SaleCompleted)
    assert (completed.receipt, completed.total_minor) == ("till-1-000002", -129)
    assert (completed.change_minor, completed.rounding_minor) == (0, 0)
    assert completed.jobs == ("receipt", "drawer")
    (tax,) = completed.taxes
    assert (tax.net_minor, tax.tax_minor, tax.gross_minor) == (-129, 0, -129)
    cart = till.cart
    assert (cart.state, cart.due_minor, cart.refund_due_minor) == (TillState.DONE, 0, 0)
    view = cart.tenders[0].view()
    assert (view.kind, view.amount_minor, view.state) == ("cash", -129, "returned")
    rest = tender_rests(till.books.original("till-1-000001"))[0]
    assert (rest.paid_minor, rest.refunded_minor, rest.rest_minor) == (129, 129, 0)


def test_cash_in_parts_and_never_more_than_goes_back() -> None:
    till = returning(cash=200)
    assert refusal(till.give, 0).code == "amount_not_positive"
    assert refusal(till.give, AMOUNT_MINOR_MAX + 1).code == "amount_too_large"
    refused = refusal(till.give, 130)
    assert (refused.code, refused.params) == ("refund_over_due", {"due": "1.29"})
    (first,) = till.give(100)
    assert isinstance(first, CashReturned)
    assert (till.cart.tendered_minor, till.cart.refund_due_minor) == (-100, 29)
    assert refusal(till.give, 30).params == {"due": "0.29"}
    assert till.cart.state is TillState.OPEN
    assert isinstance(till.give(29)[-1], SaleCompleted)


def test_there_is_an_end_of_parts_but_not_of_the_last_one() -> None:
    till = returning(cash=200)
    for _ in range(TENDERS_PER_SALE_MAX):
        till.give(1)
    assert refusal(till.give, 1).code == "too_many_tenders"
    assert refusal(till.give_on, OtherTender.VOUCHER, 1).code == "too_many_tenders"
    assert isinstance(till.give(109)[-1], SaleCompleted)


@pytest.mark.parametrize(
    ("step", "amount", "rounding"),
    [(5, 130, -1), (5, 129, 0), (10, 130, -1), (50, 150, -21), (50, 129, 0), (0, 129, 0)],
)
def test_cash_goes_back_in_coins_that_exist(step: int, amount: int, rounding: int) -> None:
    till = returning(cash=200, cash_step_minor=step)
    completed = till.give(amount)[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.rounding_minor == rounding
    assert till.cart.tendered_minor == completed.total_minor + completed.rounding_minor


@pytest.mark.parametrize(("amount", "rounding"), [(125, 2), (126, 1), (127, 0)])
def test_what_coins_round_away_is_not_owed(amount: int, rounding: int) -> None:
    till = TillInMemory(shop(cash_step_minor=5))
    till.role = "supervisor"
    till.add(MILK)
    till.discount(minor=2)
    till.cash(200)
    till.next_sale()
    till.bring_back("till-1-000001")
    completed = till.give(amount)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.rounding_minor) == (-127, rounding)


def test_what_is_over_in_coins_is_refused() -> None:
    till = returning(cash=200, cash_step_minor=5)
    assert refusal(till.give, 131).params == {"due": "1.30"}


# --- other tenders -------------------------------------------------------------------------


def test_a_voucher_takes_back_what_it_paid() -> None:
    till = returning(kind=OtherTender.VOUCHER)
    original = till.books.sold["till-1-000001"].sale
    returned, completed = till.give_on(OtherTender.VOUCHER, 129, " V-9 ")
    assert returned == TenderReturned(
        sale=till.cart.sale, tender="1", kind="voucher", amount_minor=129, reference="V-9",
        parts=(RefundPart(original, "1", 129),),
    )  # fmt: skip
    assert isinstance(completed, SaleCompleted)
    assert (completed.jobs, completed.total_minor) == (("receipt",), -129)
    view = till.cart.tenders[0].view()
    assert (view.kind, view.amount_minor, view.state, view.reference) == (
        "voucher", -129, "returned", "V-9",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "reference", "code"),
    [
        (130, "A-17", "refund_over_due"),
        (0, "A-17", "amount_not_positive"),
        (10, "  ", "no_reference"),
        (10, "4" + "1" * 15, "looks_like_card_number"),
    ],
)
def test_what_is_no_refund(amount: int, reference: str, code: str) -> None:
    till = returning(kind=OtherTender.VOUCHER)
    assert refusal(till.give_on, OtherTender.VOUCHER, amount, reference).code == code
    assert till.cart.tenders == ()


@pytest.mark.parametrize("kind", [OtherTender.GIFT_CARD, OtherTender.POINTS])
def test_an_account_that_nobody_sees_needs_a_second_person_as_when_it_paid(
    kind: OtherTender,
) -> None:
    till = returning(kind=kind)
    refused = refusal(till.give_on, kind, 129)
    assert (refused.code, refused.params) == ("needs_approval", {"permission": "unchecked_tender"})
    till.approval = Approval(Permission.UNCHECKED_TENDER, "pawel")
    (returned,) = till.give_on(kind, 100)
    assert isinstance(returned, TenderReturned)
    assert returned.approver == "pawel"


# --- to the tender that paid ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [None, *OtherTender])
def test_what_a_card_paid_goes_elsewhere_with_a_second_person_only(
    kind: OtherTender | None,
) -> None:
    till = returning(card=129)
    payment = till.books.sold["till-1-000001"].tenders[0].tender_id

    def give(amount: int) -> Any:
        return till.give(amount) if kind is None else till.give_on(kind, amount)

    refused = refusal(give, 129)
    assert refused.params == {"permission": "refund_other_tender"}
    assert till.cart.tenders == ()
    till.approval = Approval(Permission.REFUND_OTHER_TENDER, "pawel")
    returned = give(129)[0]
    assert returned.approver == "pawel"
    assert [(part.original_tender, part.amount_minor) for part in returned.parts] == [
        (payment, 129)
    ]


def test_each_tender_takes_back_what_it_paid_and_no_more() -> None:
    till = returning(card=100, cash=50)  # 0.29 in cash, with change
    assert refusal(till.give, 30).params == {"permission": "refund_other_tender"}
    (returned,) = till.give(29)
    assert isinstance(returned, CashReturned)
    assert [part.amount_minor for part in returned.parts] == [29]
    assert refusal(till.give, 100).code == "needs_approval"
    till.role = "supervisor"
    more, completed = till.give(100)
    assert isinstance(more, CashReturned)
    assert [part.amount_minor for part in more.parts] == [100]
    assert isinstance(completed, SaleCompleted)
    rests = tender_rests(till.books.original("till-1-000001"))
    assert [(each.tender.kind, each.paid_minor, each.rest_minor) for each in rests] == [
        ("card", 100, 0), ("cash", 29, 0),
    ]  # fmt: skip


def test_change_for_a_card_charged_too_much_was_cash() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.cash(29)
    till.card(100)
    payment = till.payment
    till.take(CardPaymentApproved(sale=till.cart.sale, payment=payment, amount_minor=150))
    till.take(*complete_if_covered(till.cart, till="till-1", receipts=0))
    assert till.cart.change_minor == 50
    rests = tender_rests(till.books.original("till-1-000001"))
    assert [(each.tender.kind, each.paid_minor) for each in rests] == [("cash", 0), ("card", 129)]


def test_goods_without_a_receipt_and_exchanged_ones_have_no_tender_of_their_own() -> None:
    till = returning(card=129)
    till.role = "supervisor"
    till.bring_back_without(ROLL)
    till.role = "cashier"
    refused = refusal(till.give, 129)
    assert refused.params == {"permission": "refund_other_tender"}
    other = TillInMemory()
    other.role = "supervisor"
    other.bring_back_without(ROLL)
    other.role = "cashier"
    returned = other.give(45)[0]
    assert isinstance(returned, CashReturned)
    assert returned.parts == ()


def test_an_original_gives_back_no_more_than_its_goods_in_this_sale() -> None:
    books = Books()
    till = TillInMemory(books=books)
    till.role = "supervisor"
    till.add(MILK)
    till.add(ROLL)
    till.card(174)
    till.approve()
    till.next_sale()
    till.add(SOAP)
    till.cash(99)
    till.next_sale()
    till.bring_back("till-1-000001", "2")
    till.bring_back("till-1-000002")
    returned = till.give(144)[0]
    assert isinstance(returned, CashReturned)
    sales = [books.sold[f"till-1-00000{number}"].sale for number in (2, 1)]
    assert [(part.original_sale, part.amount_minor) for part in returned.parts] == [
        (sales[0], 99), (sales[1], 45),
    ]  # fmt: skip


def test_what_one_tender_took_leaves_no_room_for_another_of_its_sale() -> None:
    till = TillInMemory()
    till.role = "supervisor"
    till.add(MILK)
    till.add(ROLL)
    till.card(100)
    till.approve()
    till.cash(74)
    till.next_sale()
    till.bring_back("till-1-000001", "2")
    till.bring_back_without(SOAP)
    till.role = "cashier"
    returned = till.give(144)[0]  # 0.45 was cash, and nobody knows how the soap was paid
    assert isinstance(returned, CashReturned)
    assert [part.amount_minor for part in returned.parts] == [45]


def test_a_voided_return_makes_no_room() -> None:
    till = returning(card=129)
    till.role = "supervisor"
    till.bring_back_without(MILK)
    till.void("1")
    till.role = "cashier"
    returned = till.give(129)[0]
    assert isinstance(returned, CashReturned)
    assert returned.parts == ()


# --- nothing changes once money went back --------------------------------------------------


def test_lines_stay_once_money_went_back() -> None:
    till = returning(cash=200)
    till.give(100)
    for wish in (
        lambda: till.add(MILK),
        lambda: till.weigh(CHEESE_PLU),
        lambda: till.void("1"),
        lambda: till.bring_back("till-1-000001"),
        lambda: till.bring_back_without(MILK),
        lambda: till.discount(minor=1),
        lambda: till.do(Park(command_id="command-park")),
    ):
        refused = refusal(wish)
        assert (refused.code, refused.params) == ("refunded_already", {"refunded": "1.00"})


def test_a_refund_that_is_given_up_brings_the_cash_back() -> None:
    till = returning(cash=200)
    till.give(100)
    (abandoned,) = till.abandon()
    assert isinstance(abandoned, SaleAbandoned)
    assert abandoned.returned_minor == -100
    assert tender_rests(till.books.original("till-1-000001"))[0].rest_minor == 129
    assert till.bring_back("till-1-000001")


def test_what_went_back_on_a_card_is_not_dropped() -> None:
    till = returning(kind=OtherTender.MANUAL_CARD)
    till.give_on(OtherTender.MANUAL_CARD, 100)
    refused = refusal(till.abandon)
    assert (refused.code, refused.params) == ("card_was_refunded", {"refunded": "1.00"})
    assert till.cart.charged_minor == 0


def test_nothing_is_paid_while_money_goes_back_and_nothing_given_while_it_is_due() -> None:
    till = returning(cash=200)
    for wish in (
        lambda: till.cash(100),
        lambda: till.card(100),
        lambda: till.tender(OtherTender.VOUCHER, 1),
        lambda: till.foreign("USD", 100),
    ):
        refused = refusal(wish)
        assert (refused.code, refused.params) == ("money_goes_back", {"refund": "1.29"})
    till.add(MILK, 2_000)
    assert (till.cart.total_minor, till.cart.refund_due_minor) == (129, 0)
    assert refusal(till.give, 1).code == "no_refund_due"
    assert refusal(till.give_on, OtherTender.VOUCHER, 1).code == "no_refund_due"
    assert isinstance(till.cash(129)[-1], SaleCompleted)
    idle = TillInMemory()
    assert refusal(idle.give, 1).code == "no_sale_open"
    assert refusal(idle.give_on, OtherTender.VOUCHER, 1).code == "no_sale_open"
    assert refusal(idle.settle).code == "no_sale_open"


# --- settled without money -----------------------------------------------------------------


def test_an_even_exchange_is_settled_without_the_drawer() -> None:
    till = returning(cash=200)
    till.add(MILK)
    assert (till.cart.state, till.cart.total_minor) == (TillState.OPEN, 0)
    (completed,) = till.settle()
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.change_minor, completed.rounding_minor) == (0, 0, 0)
    assert (completed.jobs, completed.taxes) == (("receipt",), ())


def test_a_sale_that_costs_nothing_is_settled_too() -> None:
    till = TillInMemory()
    till.add(FREE)
    assert isinstance(till.settle()[0], SaleCompleted)
    empty = TillInMemory()
    empty.add(FREE)
    empty.void("1")
    assert refusal(empty.settle).code == "nothing_to_pay"


def test_what_is_left_is_not_settled_away() -> None:
    till = returning(cash=200)
    refused = refusal(till.settle)
    assert (refused.code, refused.params) == ("not_even", {"amount": "1.29"})
    assert "to be given back" in refused.message
    till.add(MILK, 2_000)
    assert "to be paid" in refusal(till.settle).message


@pytest.mark.parametrize(("left", "rounding"), [(2, -2), (-2, 2)])
def test_what_no_coin_can_pay_is_settled_either_way(left: int, rounding: int) -> None:
    till = returning(cash=200, cash_step_minor=5)
    till.role = "supervisor"
    till.add(MILK, 2_000)
    till.discount("2", minor=129 - left)
    assert till.cart.total_minor == left
    (completed,) = till.settle()
    assert isinstance(completed, SaleCompleted)
    assert (completed.rounding_minor, completed.change_minor) == (rounding, 0)
    assert completed.jobs == ("receipt",)


def test_what_was_paid_beyond_a_price_that_fell_is_change() -> None:
    # no rule lets it come to that any more; a ledger may hold such a sale open
    till = TillInMemory()
    till.add(MILK)
    till.add(SOAP)
    till.cash(173)
    cheaper = Reduction("promotion", "p", "Soap and milk", (LineReduction("1", 83),))
    till.take(PricesReduced(sale=till.cart.sale, reductions=(cheaper,)))
    assert till.cart.total_minor == 145
    (completed,) = till.settle()
    assert isinstance(completed, SaleCompleted)
    assert (completed.change_minor, completed.rounding_minor) == (28, 0)
    assert completed.jobs == ("receipt", "drawer")


@given(
    total=st.integers(1, 4),
    gives=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    step=st.sampled_from([0, 5, 10, 50]),
)
def test_what_is_given_never_exceeds_what_goes_back_but_for_the_last_coin(
    total: int, gives: list[int], step: int
) -> None:
    till = TillInMemory(shop(cash_step_minor=step))
    till.role = "supervisor"
    for _ in range(total):
        till.bring_back_without(SOAP)
    for amount in gives:
        due = till.cart.refund_due_minor
        try:
            till.give(amount)
        except Refused:
            assert till.cart.refund_due_minor == due
    given_back = -sum(tender.amount_minor for tender in till.cart.tenders)
    assert given_back <= 99 * total + step // 2
    if till.cart.state is TillState.DONE:
        assert abs(given_back - 99 * total) <= step // 2
