"""What a terminal's answer makes of a card payment, or of a refund to a card: its event and words.

`job` is the one in the ledger that asked for it; its id names the payment or the refund.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract.card_desk_events import (
    CardReversalApproved,
    CardReversalDeclined,
    CardReversalUnknown,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundUnknown,
)
from edge.contract.device_messages import ALREADY_REVERSED, JobKind, JobResult
from edge.contract.event_registry import Event
from edge.contract.money import format_amount
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentUnknown,
)
from edge.contract.terminal_messages import PaymentOutcome
from edge.engine.card_refund_rules import parts_given
from edge.engine.cart import Cart, Tender
from edge.flows.till import Till
from edge.ledger.records import OpenJob

APPROVED: Final = "approved"
DEFINITE: Final = frozenset({APPROVED, "declined", "cancelled"})


def outcome_of(result: JobResult) -> PaymentOutcome:
    """Return what a terminal's answer says; unknown when it cannot be read."""
    try:
        return msgspec.convert(result.result, PaymentOutcome)
    except msgspec.ValidationError as error:
        return PaymentOutcome("unknown", reason=f"The terminal's answer is garbled: {error}.")


def doubt_event(job: OpenJob, reason: str) -> Event:
    """Return the event that says that nobody knows whether money moved."""
    if job.kind == JobKind.AUTHORISE_PAYMENT:
        return CardPaymentUnknown(sale=job.sale, payment=job.job_id, reason=reason)
    return CardRefundUnknown(sale=job.sale, refund=job.job_id, reason=reason)


def reversal_doubt(job: OpenJob, tender: Tender, reason: str) -> Event:
    """Return the event that says that nobody knows whether the payment was taken back."""
    return CardReversalUnknown(
        sale=job.sale, payment=tender.tender_id, reversal=job.job_id, reason=reason
    )


def reversal_end(job: OpenJob, tender: Tender, outcome: PaymentOutcome, resolved_by: str) -> Event:
    """Return the event of how the reversal of a payment in doubt ended."""
    if outcome.outcome != APPROVED:
        return CardReversalDeclined(
            sale=job.sale,
            payment=tender.tender_id,
            reversal=job.job_id,
            reason=outcome.reason or outcome.outcome,
            code=outcome.code,
            resolved_by=resolved_by,
        )
    return CardReversalApproved(
        sale=job.sale,
        payment=tender.tender_id,
        reversal=job.job_id,
        amount_minor=outcome.amount_minor or tender.amount_minor,
        asked_minor=tender.amount_minor,
        last4=outcome.last4,
        scheme=outcome.scheme,
        authorisation=outcome.authorisation,
        terminal_id=outcome.terminal_id,
        receipt=outcome.receipt,
        trace=outcome.trace,
        resolved_by=resolved_by,
    )


def say_how_the_reversal_ended(
    till: Till, event: Event, currency: str, *, to_sign: bool = False
) -> None:
    """Put on a till's message line what a cashier must know of a reversal that ended.

    `to_sign`: of a payment that was charged for sure, and whose signature was refused.
    """
    if isinstance(event, CardReversalDeclined) and to_sign:
        till.say(
            "card_signature_not_reversed",
            "refused",
            f"Nothing was taken back: {event.reason.rstrip('.')}. The card is charged, and its "
            "signature still open.",
            {"reason": event.reason},
        )
    elif isinstance(event, CardReversalDeclined):
        till.say(
            "card_reversal_declined",
            "refused",
            f"Nothing was taken back: {event.reason.rstrip('.')}. It is in doubt as before.",
            {"reason": event.reason},
        )
    elif isinstance(event, CardReversalApproved) and event.fits:
        till.say(
            "card_taken_back",
            "ok",
            "The payment was taken back: the customer was not charged. Take the money anew.",
        )
    elif isinstance(event, CardReversalApproved):
        given = format_amount(event.amount_minor, currency)
        asked = format_amount(event.asked_minor, currency)
        till.say(
            "card_reversal_other",
            "trouble",
            f"The terminal took {given} back, not {asked}: another customer's payment. Tell a "
            "supervisor. This payment is in doubt as before.",
            {"given": given, "asked": asked},
        )


def end_event(job: OpenJob, tender: Tender, outcome: PaymentOutcome, resolved_by: str) -> Event:
    """Return the event of a definite outcome; `tender` is how it stands in the sale so far."""
    refund = job.kind != JobKind.AUTHORISE_PAYMENT
    if outcome.outcome != APPROVED:
        reason = outcome.reason or outcome.outcome
        if refund:
            return CardRefundDeclined(
                sale=job.sale,
                refund=job.job_id,
                reason=reason,
                code=outcome.code,
                resolved_by=resolved_by,
            )
        return CardPaymentDeclined(
            sale=job.sale,
            payment=job.job_id,
            reason=reason,
            code=outcome.code,
            resolved_by=resolved_by,
        )
    amount = outcome.amount_minor or abs(tender.amount_minor)
    if refund:
        return CardRefundApproved(
            sale=job.sale,
            refund=job.job_id,
            amount_minor=amount,
            parts=parts_given(tender, amount),
            last4=outcome.last4,
            scheme=outcome.scheme,
            authorisation=outcome.authorisation,
            terminal_id=outcome.terminal_id,
            receipt=outcome.receipt,
            trace=outcome.trace,
            resolved_by=resolved_by,
        )
    return CardPaymentApproved(
        sale=job.sale,
        payment=job.job_id,
        amount_minor=amount,
        last4=outcome.last4,
        scheme=outcome.scheme,
        authorisation=outcome.authorisation,
        terminal_id=outcome.terminal_id,
        receipt=outcome.receipt,
        trace=outcome.trace,
        resolved_by=resolved_by,
    )


def differs(tender: Tender, outcome: PaymentOutcome) -> bool:
    """Say whether a terminal gave another amount back than it was asked for."""
    asked = -tender.amount_minor
    return asked > 0 and outcome.outcome == APPROVED and outcome.amount_minor not in {0, asked}


def say_how_it_ended(till: Till, cart: Cart, tender: Tender, outcome: PaymentOutcome) -> None:
    """Put on a till's message line what a cashier must know of how it ended."""
    reason = outcome.reason or outcome.code
    if differs(tender, outcome):
        given = format_amount(outcome.amount_minor, cart.currency)
        asked = format_amount(-tender.amount_minor, cart.currency)
        till.say(
            "card_refund_differs",
            "trouble",
            f"The terminal gave {given} back, not {asked}. It may have taken another payment back: "
            "look at its receipt, and tell a supervisor.",
            {"given": given, "asked": asked},
        )
    elif outcome.outcome == APPROVED:
        if outcome.signature and tender.amount_minor < 0:  # a payment waits for it, and says so
            till.say(
                "card_signature",
                "trouble",
                "The customer has to sign: have the terminal's slip signed, compare it with the "
                "card, and keep it.",
            )
    elif tender.reverses and outcome.code == ALREADY_REVERSED:
        till.say(
            "card_reversed_before",
            "trouble",
            "The terminal says that this payment was taken back before: the customer may have the "
            "money. Ask a supervisor before you give any back.",
        )
    elif tender.amount_minor < 0:
        advice = f" {outcome.advice}" if outcome.advice else ""
        till.say(
            "card_refund_declined",
            "refused",
            f"No money went back to the card: {reason.rstrip('.') or 'declined'}.{advice}",
            {"reason": reason},
        )
    else:
        till.say(
            "card_declined",
            "refused",
            f"The card was not charged: {reason.rstrip('.') or 'declined'}.",
            {"reason": reason},
        )
