"""How a card payment, or a refund to a card, in doubt is settled: never by wishing it done.

Three ways lead out of the doubt. The terminal answers, when it is asked again. Or a person who has
evidence before them (the terminal's own slip, or the acquirer) says what happened, and a second one
allows it. Or the terminal takes the payment back, by the number that its own receipt has.

Decisions that are this shop's policy:

- Evidence that money moved names the terminal's number of it, and just the amount that was asked
  for: a slip of another amount, or with a number that another payment of that terminal has, is
  another payment's. Whoever finds that the terminal moved another amount takes that back at the
  terminal itself, and says here that nothing was charged.
- A terminal is asked to take a payment back only once it has said that it cannot tell what became
  of it. Before that the next answer may tell, and a reversal beside it would be a second opinion.
- A reversal is asked for once. While nobody knows its end the payment stays in doubt, whatever the
  terminal then says of the payment itself: it may be charged and taken back. After a reversal that
  was declined, another number may be tried; after one that took another payment back, none.
- Money that goes back to a card is never reversed: terminals take payments back, nothing else.
"""

from __future__ import annotations

from typing import Final

from edge.contract.card_desk_events import (
    CardAlarmSettled,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalRequested,
)
from edge.contract.device_messages import TERMINAL_CANNOT_SAY
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.money import check_amount, format_amount
from edge.contract.permissions import Permission
from edge.contract.till_commands import AskTerminal, AttachEvidence, ReverseInDoubt, SettleCardAlarm
from edge.engine.approval_rules import authorise
from edge.engine.card_refund_rules import parts_given
from edge.engine.cart import APPROVED, ASKED, DECLINED, OTHER, UNKNOWN, Cart, Tender
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.tender_rules import complete_if_covered
from edge.engine.text_safety import check_free_text

_WAIT: Final = "Wait for its answer; it is asked by itself again and again."


def ask_terminal(
    cart: Cart, command: AskTerminal, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Allow the terminal to be asked now."""
    _in_doubt(cart, command.payment)
    return ()


def attach_evidence(
    cart: Cart, command: AttachEvidence, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Settle what is in doubt from what a person saw; the sale goes on from there."""
    doubted = _in_doubt(cart, command.payment)
    if doubted.reversal_state == ASKED:
        _refuse_while_reversing()
    reason = _reason(command.reason)
    receipt = check_free_text(command.receipt, field="receipt").strip()
    terminal_id = check_free_text(command.terminal_id, field="terminal_id").strip()
    trace = check_free_text(command.trace, field="trace").strip()
    if command.approved:
        _check_evidence(cart, command, doubted, receipt or trace, given)
    amount = abs(doubted.amount_minor) if command.approved else 0
    approver = authorise(Permission.RESOLVE_PAYMENT, given)
    outcome = APPROVED if command.approved else DECLINED
    resolved: Event
    if doubted.amount_minor > 0:
        resolved = CardPaymentResolved(
            sale=cart.sale,
            payment=doubted.tender_id,
            outcome=outcome,
            amount_minor=amount,
            source=command.source,
            reason=reason,
            receipt=receipt,
            terminal_id=terminal_id,
            trace=trace,
            approver=approver,
        )
    else:
        resolved = CardRefundResolved(
            sale=cart.sale,
            refund=doubted.tender_id,
            outcome=outcome,
            amount_minor=amount,
            source=command.source,
            reason=reason,
            parts=parts_given(doubted, amount),
            receipt=receipt,
            terminal_id=terminal_id,
            trace=trace,
            approver=approver,
        )
    after = apply(cart, resolved, 0)
    return (resolved, *complete_if_covered(after, till=given.till, receipts=given.receipts))


def reverse_in_doubt(
    cart: Cart, command: ReverseInDoubt, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Commit the wish to have the payment in doubt taken back."""
    doubted = _in_doubt(cart, command.payment)
    if doubted.amount_minor < 0:
        raise Refused(
            "refund_not_reversible",
            "Money that goes back to a card cannot be reversed.",
            advice="Look at the terminal's slip or ask the acquirer, and say what is there.",
        )
    if doubted.being_reversed:
        _refuse_while_reversing()
    if doubted.reversal_state == OTHER:
        raise Refused(
            "reversed_another",
            "The terminal took another payment back; it is not asked once more.",
            advice="Tell a supervisor. Settle this one from the terminal's slip or the acquirer.",
        )
    if not given.desk.can_reverse:
        raise Refused(
            "terminal_reverses_nothing",
            "This terminal takes no payments back.",
            advice="Look at the terminal's slip or ask the acquirer, and say what is there.",
        )
    if given.desk.says != TERMINAL_CANNOT_SAY:
        raise Refused(
            "terminal_may_still_say",
            "The terminal has not said yet that it cannot tell what became of the payment.",
            advice="Ask it first. It is reversed only when the terminal itself does not know.",
        )
    reason = _reason(command.reason)
    receipt = check_free_text(command.receipt, field="receipt").strip()
    if not receipt:
        _refuse_without_number()
    _check_not_taken(receipt, given)
    return (
        CardReversalRequested(
            sale=cart.sale,
            payment=doubted.tender_id,
            # named by the command that asked for it: ids are made where the wish is born
            reversal=command.command_id,
            amount_minor=doubted.amount_minor,
            terminal=doubted.terminal,
            receipt=receipt,
            reason=reason,
            approver=authorise(Permission.RESOLVE_PAYMENT, given),
        ),
    )


def settle_card_alarm(
    _: Cart, command: SettleCardAlarm, __: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """End an alarm with what was found and done; whatever the till is at."""
    if not given.desk.alarm:
        raise Refused(
            "no_card_alarm",
            "Nothing of this payment waits to be looked into.",
            advice="Somebody has settled it already.",
        )
    reason = _reason(command.reason)
    approver = authorise(Permission.RESOLVE_PAYMENT, given)
    return (
        CardAlarmSettled(
            sale=given.desk.alarm, payment=command.payment, reason=reason, approver=approver
        ),
    )


def _in_doubt(cart: Cart, payment: str) -> Tender:
    """Return the tender that is in doubt, or refuse: it is none, or another one."""
    tender = cart.open_payment
    if tender is None or tender.tender_id != payment or tender.state != UNKNOWN:
        raise Refused(
            "not_in_doubt",
            "This payment is not in doubt on this till.",
            advice="Look at the sale again: the terminal may have answered.",
        )
    return tender


def _reason(text: str) -> str:
    reason = check_free_text(text, field="reason").strip()
    if not reason:
        raise Refused(
            "no_reason",
            "A reason is needed: what you saw, and where.",
            advice="Write it in a few words.",
        )
    return reason


def _check_evidence(
    cart: Cart, command: AttachEvidence, doubted: Tender, number: str, given: Circumstances
) -> None:
    if not number:
        _refuse_without_number()
    amount = check_amount(command.amount_minor, what="The amount on the slip")
    if amount != abs(doubted.amount_minor):
        asked = format_amount(abs(doubted.amount_minor), cart.currency)
        raise Refused(
            "evidence_of_another_amount",
            f"The terminal was asked for {asked}; this is evidence of another payment.",
            advice="Look for the right slip. If the terminal did charge another amount, take it "
            "back at the terminal, and say here that nothing was charged.",
            params={"asked": asked},
        )
    _check_not_taken(number, given)


def _check_not_taken(number: str, given: Circumstances) -> None:
    if given.desk.taken_by:
        raise Refused(
            "evidence_of_another_payment",
            f"The terminal's number {number} is of another payment of this shop.",
            advice="Look for the slip of this one: compare amount and time.",
            params={"number": number},
        )


def _refuse_without_number() -> None:
    raise Refused(
        "no_terminal_number",
        "The terminal's own number is needed: of its receipt, or its trace.",
        advice="It stands on the terminal's slip, and in the acquirer's portal.",
    )


def _refuse_while_reversing() -> None:
    raise Refused("reversal_running", "The terminal is taking the payment back.", advice=_WAIT)
