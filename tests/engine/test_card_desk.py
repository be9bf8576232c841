"""A card in doubt is settled by its terminal, by evidence, or taken back; never by wishing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.contract.card_desk_events import (
    CardAlarmSettled,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalDeclined,
    CardReversalRequested,
    CardReversalUnknown,
)
from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.errors import Refused
from edge.contract.permissions import Permission
from edge.contract.sale_events import SaleCompleted, SaleOpened
from edge.contract.till_protocol import TillState
from edge.engine.cart import APPROVED, DECLINED, EMPTY, OTHER, UNKNOWN
from edge.engine.cart_changes import apply, replay
from edge.engine.circumstances import Approval, AtTheDesk
from tests.engine.desk_stories import (
    CANNOT_SAY,
    another_taken_back,
    cannot_say,
    in_doubt,
    reversal_declined,
    reversal_unknown,
    reversing,
    took_back,
    with_an_alarm,
)
from tests.engine.shop_in_memory import MILK, ROLL
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import back_in_doubt

APPROVAL = Approval(Permission.RESOLVE_PAYMENT, "sofia")


def doubtful() -> TillInMemory:
    till = TillInMemory()
    in_doubt(till)
    till.approval = APPROVAL
    return till


def test_evidence_that_a_card_was_charged_completes_the_sale() -> None:
    till = doubtful()
    payment = till.payment
    resolved, completed = till.attach(trace=" 000123 ", terminal_id="T-1", reason=" on its slip ")
    assert resolved == CardPaymentResolved(
        sale=till.cart.sale,
        payment=payment,
        outcome="approved",
        amount_minor=45,
        source="slip",
        reason="on its slip",
        receipt="0042",
        terminal_id="T-1",
        trace="000123",
        approver="sofia",
    )
    assert isinstance(completed, SaleCompleted)
    (tender,) = till.cart.tenders
    assert (tender.state, tender.amount_minor) == (APPROVED, 45)
    assert (tender.receipt, tender.terminal_id, tender.trace) == ("0042", "T-1", "000123")
    assert (till.cart.state, till.cart.card_minor) == (TillState.DONE, 45)


def test_a_trace_alone_is_a_number_of_the_terminal_too() -> None:
    till = doubtful()
    resolved, _ = till.attach(receipt="", trace="77")
    assert isinstance(resolved, CardPaymentResolved)
    assert (resolved.receipt, resolved.trace) == ("", "77")


def test_evidence_that_nothing_was_charged_gives_the_sale_back() -> None:
    till = doubtful()
    (resolved,) = till.attach(approved=False, receipt="", reason="the acquirer has nothing")
    assert isinstance(resolved, CardPaymentResolved)
    assert (resolved.outcome, resolved.amount_minor) == ("declined", 0)
    (tender,) = till.cart.tenders
    assert (tender.state, tender.words) == (DECLINED, "the acquirer has nothing")
    assert (till.cart.state, till.cart.due_minor, till.cart.card_minor) == (TillState.OPEN, 45, 0)
    till.cash(45)
    assert till.cart.state is TillState.DONE


def test_of_a_part_the_rest_stays_due() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(100)
    till.lose()
    till.approval = APPROVAL
    assert len(till.attach()) == 1
    assert (till.cart.state, till.cart.due_minor) == (TillState.OPEN, 29)


@pytest.mark.parametrize("approved", [True, False])
def test_a_refund_in_doubt_is_settled_the_same_way(*, approved: bool) -> None:
    till = TillInMemory()
    back_in_doubt(till)
    till.role = "supervisor"
    asked = till.asked
    resolved, *completed = till.attach(approved=approved, receipt="0043" if approved else "")
    assert isinstance(resolved, CardRefundResolved)
    assert (resolved.refund, resolved.approver) == (asked.tender_id, "")
    assert resolved.parts == (asked.parts if approved else ())
    (tender,) = till.cart.tenders
    assert tender.state == (APPROVED if approved else DECLINED)
    assert completed == []  # 100 of 129
    assert till.cart.refund_due_minor == (29 if approved else 129)
    if approved:
        assert resolved.amount_minor == -asked.amount_minor
        assert tender.amount_minor == asked.amount_minor


def test_a_supervisor_needs_nobody_else() -> None:
    till = doubtful()
    till.approval = None
    till.role = "supervisor"
    resolved, _ = till.attach()
    assert isinstance(resolved, CardPaymentResolved)
    assert resolved.approver == ""


def test_an_approval_of_something_else_does_not_settle_it() -> None:
    till = doubtful()
    till.approval = Approval(Permission.DISCOUNT, "sofia")
    with pytest.raises(Refused) as caught:
        till.attach()
    assert (caught.value.code, caught.value.params) == (
        "needs_approval",
        {"permission": "resolve_payment"},
    )


def test_asking_again_changes_nothing_by_itself() -> None:
    till = doubtful()
    before = till.cart
    assert till.ask_again() == ()
    assert till.cart == before


def test_since_when_it_is_in_doubt_stands_in_the_sale() -> None:
    till = doubtful()
    assert till.asked.doubtful_since == till.now_ms


# --- reversing --------------------------------------------------------------------------------


def test_a_reversal_is_asked_of_the_terminal_that_was_asked_to_pay() -> None:
    till = TillInMemory()
    cannot_say(till)
    till.approval = APPROVAL
    till.terminal = "terminal-9"  # it was taken up at another till
    (asked,) = till.reverse(" 0042 ", " seen in its journal ")
    assert isinstance(asked, CardReversalRequested)
    assert (asked.terminal, asked.receipt, asked.amount_minor) == ("terminal-1", "0042", 45)
    assert (asked.payment, asked.reason, asked.approver) == (
        till.payment, "seen in its journal", "sofia",
    )  # fmt: skip
    assert asked.reversal.startswith("command-")
    assert till.cart.state is TillState.IN_DOUBT
    assert till.asked.being_reversed


def test_a_payment_that_was_taken_back_was_not_charged() -> None:
    till = TillInMemory()
    reversing(till)
    took_back(till, 45)
    (tender,) = till.cart.tenders
    assert tender.state == DECLINED
    assert tender.words
    assert (till.cart.state, till.cart.due_minor) == (TillState.OPEN, 45)


def test_another_payment_taken_back_leaves_this_one_in_doubt() -> None:
    till = TillInMemory()
    another_taken_back(till)
    assert (till.cart.state, till.asked.reversal_state) == (TillState.IN_DOUBT, OTHER)
    assert not till.asked.being_reversed
    till.attach()  # a person finds out what became of it
    assert till.cart.state is TillState.DONE


def test_after_a_declined_reversal_another_number_may_be_tried() -> None:
    till = TillInMemory()
    reversal_declined(till)
    first = till.asked.reversal
    assert (till.cart.state, till.asked.reversal_words) == (
        TillState.IN_DOUBT, "It knows no such payment.",
    )  # fmt: skip
    till.reverse("0043")
    assert till.asked.reversal != first
    assert till.asked.being_reversed


def test_a_reversal_of_unknown_end_stays_in_doubt_until_a_person_knows() -> None:
    till = TillInMemory()
    reversal_unknown(till)
    assert (till.cart.state, till.asked.state, till.asked.reversal_state) == (
        TillState.IN_DOUBT, UNKNOWN, UNKNOWN,
    )  # fmt: skip
    till.attach(approved=False)
    assert till.cart.state is TillState.OPEN


@pytest.mark.parametrize("says", ["", "terminal_busy", "not_booked"])
def test_a_terminal_that_may_still_say_is_asked_first(says: str) -> None:
    till = TillInMemory()
    cannot_say(till)
    till.desk = AtTheDesk(says, can_reverse=True)
    with pytest.raises(Refused) as caught:
        till.reverse()
    assert caught.value.code == "terminal_may_still_say"
    till.desk = CANNOT_SAY
    till.approval = APPROVAL
    assert till.reverse()


def test_words_about_other_payments_change_nothing() -> None:
    till = doubtful()
    before = till.cart
    sale, gone = before.sale, "payment-gone"
    for event in (
        CardPaymentResolved(
            sale=sale, payment=gone, outcome="approved", amount_minor=1, source="slip", reason="x"
        ),
        CardRefundResolved(
            sale=sale, refund=gone, outcome="declined", amount_minor=0, source="slip", reason="x"
        ),
        CardReversalRequested(
            sale=sale, payment=gone, reversal="r-1", amount_minor=1, terminal="terminal-1",
            receipt="1", reason="x",
        ),
        CardReversalApproved(
            sale=sale, payment=gone, reversal="r-1", amount_minor=1, asked_minor=1
        ),
        CardReversalDeclined(sale=sale, payment=gone, reversal="r-1", reason="x"),
        CardReversalUnknown(sale=sale, payment=gone, reversal="r-1", reason="x"),
    ):  # fmt: skip
        assert apply(before, event, 1) == before


def test_what_a_person_settled_is_refunded_never_reversed_by_its_typed_number() -> None:
    till = doubtful()
    payment = till.payment
    till.attach()
    till.next_sale()
    till.bring_back("till-1-000001")
    till.reversible = payment
    (asked,) = till.refund(45)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.reverses, asked.receipt) == ("", "")


# --- what contradicts a person ----------------------------------------------------------------


def test_an_alarm_is_ended_with_what_was_found_whatever_the_till_is_at() -> None:
    till = TillInMemory()
    with_an_alarm(till)
    till.approval = APPROVAL
    assert till.settle_alarm(" booked by hand ") == (
        CardAlarmSettled(
            sale="sale-0007",
            payment="payment-000001",
            reason="booked by hand",
            approver="sofia",
        ),
    )
    till.add(ROLL)
    before = till.cart
    till.settle_alarm()
    assert till.cart == before


# --- laws -------------------------------------------------------------------------------------

_DEEDS = st.sampled_from(
    ["ask", "slip", "nothing", "reverse", "taken", "other", "unknown", "declined", "cash", "park"]
)


@given(st.lists(_DEEDS, max_size=12))
def test_whatever_people_and_terminals_do_money_counts_once_and_doubt_is_never_wished_away(
    deeds: list[str],
) -> None:
    till = TillInMemory()
    cannot_say(till)
    till.role = "supervisor"
    for deed in deeds:
        doubted = till.cart.open_payment
        try:
            _do(till, deed)
        except Refused:
            assert till.cart.open_payment == doubted
        if till.cart.open_payment is not None:
            assert till.cart.state is TillState.IN_DOUBT
            assert till.cart.card_minor == 0
    paid = till.cart.tendered_minor - till.cart.change_minor
    assert paid in {0, till.cart.total_minor}
    assert (till.cart.state is TillState.DONE) == (paid == 45)
    assert replay(till.history, EMPTY) == till.cart
    assert sum(isinstance(event, SaleOpened) for event, _ in till.history) == 1


def _do(till: TillInMemory, deed: str) -> None:
    asked = till.cart.open_payment
    runs = asked is not None and asked.being_reversed
    match deed:
        case "ask":
            till.ask_again(asked.tender_id if asked else "payment-gone")
        case "slip" | "nothing":
            approved = deed == "slip"
            name = asked.tender_id if asked else "payment-gone"
            till.attach(approved=approved, payment=name, amount_minor=45 if approved else 0)
        case "reverse" if asked:
            till.reverse()
        case "taken" | "other" if runs:
            took_back(till, 45 if deed == "taken" else 46)
        case "unknown" | "declined" if asked and runs:
            kind = CardReversalUnknown if deed == "unknown" else CardReversalDeclined
            till.take(
                kind(
                    sale=till.cart.sale,
                    payment=asked.tender_id,
                    reversal=asked.reversal,
                    reason="x",
                )
            )
        case "cash":
            till.cash(50)
        case _:
            pass


def test_the_story_of_a_desk_is_told_the_same_way_twice() -> None:
    till = TillInMemory()
    reversal_declined(till)
    till.reverse("0043")
    took_back(till, 45)
    till.cash(100)
    assert replay(till.history, EMPTY) == till.cart
    assert replace(till.cart, tenders=()).total_minor == 45
