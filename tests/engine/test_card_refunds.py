"""Money back to a card: which card's, by which way, and what the sale is meanwhile and then."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.device_messages import ALREADY_REVERSED
from edge.contract.errors import Refused
from edge.contract.limits import (
    TENDERS_PER_SALE_MAX,
    TERMINAL_RECEIPT_NUMBER_CHARS_MAX,
)
from edge.contract.permissions import Permission
from edge.contract.return_events import RefundPart
from edge.contract.sale_events import SaleAbandoned, SaleCompleted
from edge.contract.till_commands import CancelCard, OtherTender
from edge.contract.till_protocol import TillState
from edge.engine.card_refund_rules import parts_given
from edge.engine.cart import ASKED, CARD, Tender
from edge.engine.cart_changes import apply, replay
from edge.engine.circumstances import Approval
from edge.engine.originals import TenderRest, tender_rests
from edge.engine.tender_rules import complete_if_covered
from tests.engine.shop_in_memory import MILK, ROLL, WATER, shop
from tests.engine.till_in_memory import TillInMemory

SOLD = "till-1-000001"


def refusal(wish: Any, *arguments: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        wish(*arguments)
    return caught.value


def coming_back(*cards: int, cash: int = 0, change: int = 0, **settings: Any) -> TillInMemory:
    """Return a cashier's till at which a milk of 1.29 comes back that these cards paid."""
    till = TillInMemory(shop(**settings))
    till.role = "supervisor"
    till.add(MILK)
    for number, minor in enumerate(cards):
        till.card(minor)
        till.approve(f"424{number}", "Example", receipt=f"001{number}", amount_minor=minor + change)
    if cash:
        till.cash(cash)
    assert till.cart.state is TillState.DONE
    till.next_sale()
    till.bring_back(SOLD)
    till.role = "cashier"
    return till


def rests(till: TillInMemory) -> tuple[TenderRest, ...]:
    return tender_rests(till.books.original(SOLD))


def payments(till: TillInMemory) -> list[str]:
    return till.books.paid_by(SOLD)


# --- which card ----------------------------------------------------------------------------


def test_what_a_card_paid_goes_back_to_it_and_completes_the_sale() -> None:
    till = coming_back(129)
    original = till.books.sold[SOLD]
    (asked,) = till.refund(129)
    assert asked == CardRefundRequested(
        sale=till.cart.sale, refund=till.asked.tender_id, amount_minor=129,
        terminal="terminal-1", parts=(RefundPart(original.sale, payments(till)[0], 129),),
        last4="4240", scheme="Example",
    )  # fmt: skip
    view = till.asked.view()
    assert (view.kind, view.amount_minor, view.state) == ("card", -129, "asked")
    assert (view.last4, view.scheme) == ("4240", "Example")
    assert (till.cart.state, till.cart.refund_due_minor) == (TillState.PAYING, 129)
    assert rests(till)[0].rest_minor == 0, "held from the wish on"
    approved, completed = till.approve("9999", "Other", receipt="0011")
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.jobs) == (-129, ("receipt",))
    cart = till.cart
    assert (cart.state, cart.card_minor, cart.refund_due_minor) == (TillState.DONE, -129, 0)
    view = cart.tenders[0].view()
    assert (view.amount_minor, view.state, view.last4) == (-129, "approved", "9999")
    assert (cart.card_refund_minor, cart.charged_minor) == (129, 0)
    assert isinstance(approved, CardRefundApproved)
    assert cart.tenders[0].parts == approved.parts == asked.parts
    assert rests(till)[0].refunded_minor == 129


def test_one_refund_is_of_one_card_and_of_the_one_that_paid_just_that() -> None:
    till = coming_back(50, 79)
    first, second = payments(till)
    refused = refusal(till.refund, 129)
    assert (refused.code, refused.params) == ("refund_over_card", {"most": "0.79"})
    assert refusal(till.refund, 80).code == "refund_over_card"
    (asked,) = till.refund(79)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.parts[0].original_tender, asked.last4) == (second, "4241")
    till.approve()
    assert (till.cart.state, till.cart.refund_due_minor) == (TillState.OPEN, 50)
    (asked,) = till.refund(20)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.parts[0].original_tender, asked.last4) == (first, "4240")
    till.approve()
    assert isinstance(till.refund(30)[0], CardRefundRequested)
    assert isinstance(till.approve()[-1], SaleCompleted)
    assert [each.rest_minor for each in rests(till)] == [0, 0]


def test_the_first_card_that_paid_enough_gets_a_part() -> None:
    till = coming_back(50, 79)
    (asked,) = till.refund(40)
    assert isinstance(asked, CardRefundRequested)
    assert asked.parts[0].original_tender == payments(till)[0]


def test_no_card_gets_more_than_the_goods_of_its_sale_are_worth() -> None:
    till = TillInMemory()
    till.role = "supervisor"
    till.add(MILK)
    till.add(ROLL)
    till.card(174)
    till.approve()
    till.next_sale()
    till.bring_back(SOLD, "2")
    till.bring_back_without(ROLL)
    refused = refusal(till.refund, 46)
    assert (refused.code, refused.params) == ("refund_over_card", {"most": "0.45"})
    till.refund(45)
    till.approve()
    till.role = "cashier"
    # what is left of it no card of a receipt had paid
    assert refusal(till.refund, 45).params == {"permission": "refund_other_tender"}
    till.approval = Approval(Permission.REFUND_OTHER_TENDER, "pawel")
    (asked,) = till.refund(45)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.parts, asked.approver, asked.last4) == ((), "pawel", "")
    assert till.approve()[0] == CardRefundApproved(
        sale=till.cart.sale, refund=asked.refund, amount_minor=45
    )
    assert till.cart.state is TillState.DONE


def test_what_cash_paid_goes_to_a_card_with_a_second_person() -> None:
    till = coming_back(cash=200)
    assert refusal(till.refund, 129).code == "needs_approval"
    till.approval = Approval(Permission.REFUND_OTHER_TENDER, "pawel")
    (asked,) = till.refund(129)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.approver, asked.reverses) == ("pawel", "")
    assert [part.original_tender for part in asked.parts] == payments(till)
    till.approve()
    assert rests(till)[0].rest_minor == 0


def test_there_is_an_end_of_parts() -> None:
    till = coming_back(129)
    for _ in range(TENDERS_PER_SALE_MAX):
        till.refund(1)
        till.approve()
    assert refusal(till.refund, 1).code == "too_many_tenders"
    assert refusal(till.refund, 0).code == "amount_not_positive"


# --- reversal or refund --------------------------------------------------------------------


def reversible(till: TillInMemory) -> TillInMemory:
    till.reversible = payments(till)[0]
    return till


def test_the_whole_last_payment_is_reversed() -> None:
    till = reversible(coming_back(129))
    (asked,) = till.refund(129)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.reverses, asked.receipt) == (payments(till)[0], "0010")
    assert till.asked.reverses == payments(till)[0]
    till.approve()
    assert till.cart.state is TillState.DONE
    assert till.cart.tenders[0].reverses == payments(till)[0]


@pytest.mark.parametrize(
    ("till", "amount"),
    [
        (lambda: reversible(coming_back(129)), 128),
        (lambda: coming_back(129), 129),
        (lambda: reversible(coming_back(50, 79)), 79),
        (lambda: reversible(coming_back(129, change=71)), 129),
    ],
)
def test_else_it_is_a_refund(till: Any, amount: int) -> None:
    (asked,) = till().refund(amount)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.reverses, asked.receipt) == ("", "")


def test_what_a_card_had_back_in_part_is_refunded() -> None:
    till = reversible(coming_back(129))
    till.refund(29)
    till.approve()
    (asked,) = till.refund(100)
    assert isinstance(asked, CardRefundRequested)
    assert asked.reverses == ""


@pytest.mark.parametrize(
    ("receipt", "reversal"),
    [
        ("", False),
        ("7" * TERMINAL_RECEIPT_NUMBER_CHARS_MAX, True),
        ("7" * (TERMINAL_RECEIPT_NUMBER_CHARS_MAX + 1), False),
    ],
)
def test_a_payment_without_a_number_that_a_terminal_takes_is_refunded(
    receipt: str, reversal: bool
) -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.approve(receipt=receipt)
    till.next_sale()
    till.bring_back(SOLD)
    (asked,) = reversible(till).refund(129)
    assert isinstance(asked, CardRefundRequested)
    assert (bool(asked.reverses), asked.receipt) == (reversal, receipt if reversal else "")


def test_a_declined_reversal_is_followed_by_a_refund() -> None:
    till = reversible(coming_back(129))
    till.refund(129)
    till.decline("6D")
    view = till.cart.tenders[0].view()
    assert (till.cart.state, view.state, view.words) == (TillState.OPEN, "declined", "Declined.")
    assert (till.cart.refund_due_minor, till.cart.card_refund_minor) == (129, 0)
    till.reversible = ""  # it is not the last thing any more that the terminal was asked for
    (asked,) = till.refund(129)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.reverses, asked.approver) == ("", "")


def test_of_what_was_reversed_before_a_second_person_decides_in_later_sales_too() -> None:
    till = reversible(coming_back(129))
    till.refund(129)
    till.decline(ALREADY_REVERSED)
    till.reversible = ""
    assert refusal(till.refund, 129).params == {"permission": "refund_other_tender"}
    assert isinstance(till.abandon()[0], SaleAbandoned)
    till.bring_back(SOLD)
    assert refusal(till.refund, 129).params == {"permission": "refund_other_tender"}
    assert refusal(till.give, 129).params == {"permission": "refund_other_tender"}
    till.approval = Approval(Permission.REFUND_OTHER_TENDER, "pawel")
    (asked,) = till.refund(129)
    assert isinstance(asked, CardRefundRequested)
    assert asked.approver == "pawel"


# --- meanwhile ------------------------------------------------------------------------------


def test_what_is_in_doubt_stays_held_and_may_be_set_aside() -> None:
    till = coming_back(129)
    till.refund(129)
    till.lose()
    assert (till.cart.state, till.cart.tenders[0].words) == (TillState.IN_DOUBT, "No answer.")
    assert till.cart.card_refund_minor == 0
    assert rests(till)[0].rest_minor == 0
    parked = till.cart
    till.park("Ana")
    assert till.cart.state is TillState.IDLE
    # found out meanwhile: it is complete where it is taken up again
    found = CardRefundApproved(
        sale=parked.sale, refund=parked.tenders[0].tender_id, amount_minor=129
    )
    till.parked = apply(parked, found, 0)
    assert isinstance(till.resume()[-1], SaleCompleted)


def test_cancelling_asks_the_terminal_while_it_waits() -> None:
    till = coming_back(129)
    till.refund(129)
    assert till.do(CancelCard(command_id="command-x")) == ()


def test_answers_about_a_refund_that_nobody_asked_for_change_nothing() -> None:
    till = coming_back(129)
    till.refund(129)
    cart = till.cart
    for event in (
        CardRefundApproved(sale=cart.sale, refund="other", amount_minor=129),
        CardRefundDeclined(sale=cart.sale, refund="other", reason="No."),
        CardRefundUnknown(sale=cart.sale, refund="other", reason="No."),
    ):
        assert apply(cart, event, 0) == cart


def test_the_same_events_make_the_same_sale() -> None:
    till = coming_back(50, 79)
    till.refund(79)
    till.decline()
    till.refund(79)
    till.lose()
    till.approve("4241", "Example")
    history = [each for each in till.history if getattr(each[0], "sale", "") == till.cart.sale]
    assert replay(history) == till.cart
    assert [each.state for each in till.cart.tenders] == ["declined", "approved"]


# --- another amount than was asked for --------------------------------------------------------


def test_less_than_was_asked_for_leaves_the_rest_to_be_given() -> None:
    till = coming_back(129)
    till.refund(129)
    (approved,) = till.approve(amount_minor=100)
    assert isinstance(approved, CardRefundApproved)
    assert [part.amount_minor for part in approved.parts] == [100]
    assert (till.cart.state, till.cart.refund_due_minor) == (TillState.OPEN, 29)
    assert rests(till)[0].rest_minor == 29
    till.refund(29)
    assert isinstance(till.approve()[-1], SaleCompleted)


def too_much() -> TillInMemory:
    till = coming_back(129)
    till.refund(129)
    (approved,) = till.approve(amount_minor=200)
    assert isinstance(approved, CardRefundApproved)
    assert [part.amount_minor for part in approved.parts] == [200]
    return till


def test_more_than_was_asked_for_is_owed_by_the_customer() -> None:
    till = too_much()
    cart = till.cart
    assert (cart.state, cart.tendered_minor) == (TillState.OPEN, -200)
    assert (cart.due_minor, cart.refund_due_minor) == (71, 0)
    assert rests(till)[0].rest_minor == 0
    assert refusal(till.give, 1).code == "refund_over_due"
    assert refusal(till.settle).code == "not_even"
    assert refusal(till.abandon).code == "card_was_refunded"
    _, completed = till.cash(100)
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.change_minor) == (-129, 29)


def test_a_card_or_an_account_pays_what_was_too_much() -> None:
    till = too_much()
    till.card(71)
    assert till.cart.charged_minor == 0
    completed = till.approve()[-1]
    assert isinstance(completed, SaleCompleted)
    assert (till.cart.charged_minor, till.cart.card_refund_minor) == (71, 200)
    till = too_much()
    till.role = "supervisor"
    assert isinstance(till.tender(OtherTender.HOUSE_ACCOUNT, 71)[-1], SaleCompleted)


@pytest.mark.parametrize(
    ("minor", "expected"),
    [(5, [(3), (2)]), (2, [2]), (3, [3]), (9, [3, 6]), (4, [3, 1])],
)
def test_parts_of_what_a_terminal_gave(minor: int, expected: list[int]) -> None:
    parts = (RefundPart("s", "1", 3), RefundPart("s", "2", 2))
    asked = Tender("t", CARD, -5, ASKED, parts=parts)
    assert [part.amount_minor for part in parts_given(asked, minor)] == expected
    assert parts_given(replace(asked, parts=()), minor) == ()


@pytest.mark.parametrize(
    ("minor", "expected"), [(9, [3, 2]), (8, [3, 2]), (5, [3, 2]), (4, [3, 1]), (10, [3, 3])]
)
def test_what_no_tender_paid_is_of_no_part(minor: int, expected: list[int]) -> None:
    # nine were asked for: five of tenders, four for goods without a receipt
    parts = (RefundPart("s", "1", 3), RefundPart("s", "2", 2))
    asked = Tender("t", CARD, -9, ASKED, parts=parts)
    assert [part.amount_minor for part in parts_given(asked, minor)] == expected


def test_empties_on_the_same_card_are_no_money_of_the_receipt() -> None:
    """What the stateful laws found: 0.30 for the bottle counted as given back of the coins."""
    till = TillInMemory(shop(included=False))
    till.role = "supervisor"
    till.add(ROLL)
    till.cash(47)
    till.next_sale()
    till.empties(WATER)
    till.bring_back("till-1-000001")
    assert till.cart.refund_due_minor == 77
    till.refund(77)
    approved = till.approve()[0]
    assert isinstance(approved, CardRefundApproved)
    assert (approved.amount_minor, [each.amount_minor for each in approved.parts]) == (77, [47])


def test_a_refund_is_no_payment_of_the_sale_that_gave_it() -> None:
    till = coming_back(129)
    till.refund(129)
    till.approve()
    assert tender_rests(replace(till.books.original(SOLD), cart=till.cart)) == ()


def test_nothing_completes_before_all_is_back() -> None:
    till = coming_back(129)
    till.refund(100)
    till.approve()
    assert complete_if_covered(till.cart, till="till-1", receipts=1) == ()
    assert till.cart.state is TillState.OPEN
