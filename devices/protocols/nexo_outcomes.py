"""How a nexo payment, refund or reversal ended, also when its answer was not heard.

The terminal remembers each request under its ServiceID. Asked for it (TransactionStatus) it
repeats the answer, says that it is still at it, or that it never got it. Only these three are
believed, and the last only when it is said again `NEXO_SETTLED_MS` later: the request may lie
unread in the terminal's network buffer. Source: Adyen Terminal API, "Verify transaction status".
"""

from __future__ import annotations

from typing import Final

import msgspec

from devices.protocols.nexo_messages import (
    CannotSay,
    Category,
    Header,
    Parties,
    PaymentResponse,
    Response,
    ReversalResponse,
    TransactionStatusResponse,
    minor_amount,
)
from devices.protocols.nexo_words import (
    CANCELLING,
    IN_PROGRESS,
    NOT_FOUND,
    PASSING,
    Kind,
    additional_words,
    condition_words,
    last_digits,
    plain,
    receipt_lines,
    refusal_advice,
    scheme_words,
)
from edge.contract.device_limits import (
    NEXO_MEMORY_MS,
    NEXO_SETTLED_MS,
)
from edge.contract.device_messages import TERMINAL_CANNOT_SAY
from edge.contract.terminal_messages import PaymentOutcome

APPROVED: Final = "approved"
DECLINED: Final = "declined"
CANCELLED: Final = "cancelled"
UNKNOWN: Final = "unknown"

NOT_BOOKED: Final = "not_booked"
_NAME_CHARS_MAX: Final = 128
_SHORT_CHARS_MAX: Final = 40
_SUCCESS: Final = "Success"
_PARTIAL: Final = "Partial"
_FAILURE: Final = "Failure"


class PaymentNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept on disk of a transaction: enough to ask for its end after any crash.

    Written before its request leaves. `sale_id`, `poi_id` and `service_id` are how the terminal
    knows it. `booked_at` is the terminal's own time of an approved one: reversing it takes it.
    `undecided`: the terminal was asked and could not say, a person decides. `begun_ms`: since
    1970 UTC. `reverses`: of a reversal, the TransactionID of the payment.
    """

    job: str
    kind: Kind
    amount_minor: int
    currency: str
    sale_id: str
    poi_id: str
    service_id: str
    begun_ms: int
    reverses: str = ""
    booked_at: str = ""
    outcome: PaymentOutcome | None = None
    undecided: bool = False

    @property
    def open(self) -> bool:
        """Whether the terminal has still to be asked."""
        return self.outcome is None and not self.undecided

    @property
    def category(self) -> Category:
        """What its request is called."""
        return Category.REVERSAL if self.kind is Kind.REVERSAL else Category.PAYMENT

    @property
    def header(self) -> Header:
        """The header of its request."""
        return Parties(self.sale_id, self.poi_id).header(self.category, self.service_id)


class Ended(msgspec.Struct, frozen=True):
    """An end and, of an approved transaction, the terminal's time of it."""

    outcome: PaymentOutcome
    booked_at: str = ""


# --- the answer itself -------------------------------------------------------------------


def ended(note: PaymentNote, answer: PaymentResponse | ReversalResponse) -> Ended | None:
    """Return the end that an answer tells; None: it is not over.

    Raises CannotSay when its parts contradict each other.
    """
    response = answer.response
    if response.result in {_SUCCESS, _PARTIAL}:
        return _approved(note, answer)
    if response.result != _FAILURE:
        words = f"The terminal's answer has no result: {response.result[:40]!r}."
        raise CannotSay("nexo_no_result", words)
    if response.error_condition == IN_PROGRESS:
        return None
    outcome = refused(note.kind, response)
    return Ended(msgspec.structs.replace(outcome, **_receipts(answer)))


def _approved(note: PaymentNote, answer: PaymentResponse | ReversalResponse) -> Ended:
    named = answer.poi_data.poi_transaction_id
    outcome = PaymentOutcome(
        APPROVED,
        amount_minor=_amount(note, answer),
        terminal_id=note.poi_id,
        receipt=plain(named.transaction_id, _NAME_CHARS_MAX),
        code=answer.response.result,
    )
    changes: dict[str, object] = _receipts(answer)
    if isinstance(answer, PaymentResponse):
        acquirer = answer.payment_result.payment_acquirer_data
        card = answer.payment_result.payment_instrument_data.card_data
        changes |= {
            "last4": last_digits(card.masked_pan),
            "scheme": scheme_words(card.payment_brand),
            "authorisation": plain(acquirer.approval_code, _SHORT_CHARS_MAX),
            "trace": plain(acquirer.acquirer_transaction_id.transaction_id, _SHORT_CHARS_MAX),
        }
    outcome = msgspec.structs.replace(outcome, **changes)
    return Ended(outcome, plain(named.time_stamp, _SHORT_CHARS_MAX))


def _amount(note: PaymentNote, answer: PaymentResponse | ReversalResponse) -> int:
    """Return what was approved; what the terminal does not say is what it was asked for."""
    if isinstance(answer, ReversalResponse):
        amount = answer.reversed_amount
    else:
        amounts = answer.payment_result.amounts_resp
        amount = amounts.authorized_amount
        if amounts.currency not in {note.currency, ""}:
            words = f"The terminal answered in {amounts.currency[:10]}, not {note.currency}."
            raise CannotSay("nexo_currency", words)
    if amount is None and answer.response.result == _PARTIAL:
        raise CannotSay("nexo_amount", "The terminal does not say how much it took.")
    return note.amount_minor if amount is None else minor_amount(amount, note.currency)


def _receipts(answer: PaymentResponse | ReversalResponse) -> dict[str, object]:
    receipts = answer.payment_receipt
    return {
        "merchant_receipt": receipt_lines(receipts, "CashierReceipt"),
        "customer_receipt": receipt_lines(receipts, "CustomerReceipt"),
    }


def refused(kind: Kind, response: Response) -> PaymentOutcome:
    """Return a transaction that was not made, with the terminal's condition and words."""
    condition = response.error_condition
    words = additional_words(response.additional_response)
    said = condition_words(condition, kind)
    return PaymentOutcome(
        CANCELLED if condition in CANCELLING else DECLINED,
        code=plain(condition, _SHORT_CHARS_MAX),
        reason=f"{said} ({words})" if words else said,
        advice=refusal_advice(kind, condition),
    )


# --- what the terminal remembers ---------------------------------------------------------


class NotFoundSince(msgspec.Struct):
    """Since when (monotonic ms) the terminal has said that it never got a request."""

    service_id: str = ""
    since_ms: int = 0

    def for_ms(self, service_id: str, now_ms: int) -> int:
        """Return for how long it has said so, this time included; another request begins anew."""
        if self.service_id != service_id:
            self.service_id, self.since_ms = service_id, now_ms
        return now_ms - self.since_ms


def judged(
    note: PaymentNote, answer: TransactionStatusResponse, now_ms: int, unheard_ms: int
) -> Ended | None:
    """Return how the transaction ended; None: ask again.

    `now_ms`: since 1970 UTC; `unheard_ms`: for how long the terminal has said NotFound. Raises
    CannotSay: a person has to decide.
    """
    response = answer.response
    if response.result == _SUCCESS and answer.repeated_message_response is not None:
        repeated = answer.repeated_message_response
        if not repeated.message_header.answers(note.header):
            raise CannotSay("nexo_other_answer", "The terminal repeats another answer.")
        body = repeated.repeated_response_message_body
        is_reversal = note.category is Category.REVERSAL
        said = body.reversal_response if is_reversal else body.payment_response
        if said is None:
            raise CannotSay("nexo_unreadable", "The terminal repeats an empty answer.")
        return ended(note, said)
    condition = response.error_condition
    if response.result == _FAILURE and condition in PASSING:
        return None
    if response.result == _FAILURE and condition == NOT_FOUND:
        if now_ms - note.begun_ms > NEXO_MEMORY_MS:
            words = f"The {note.kind} is too long ago for the terminal to remember it."
            raise CannotSay("nexo_forgotten", words)
        return Ended(not_booked(note.kind)) if unheard_ms >= NEXO_SETTLED_MS else None
    words = condition_words(condition, note.kind)
    raise CannotSay("nexo_cannot_say", f"The terminal cannot say what became of it. {words}")


def not_booked(kind: Kind) -> PaymentOutcome:
    """Return the outcome of a request that the terminal never got."""
    words = f"The terminal never got the {kind}."
    return PaymentOutcome(DECLINED, code=NOT_BOOKED, reason=words)


def undecided(kind: Kind) -> PaymentOutcome:
    """Return the outcome of a transaction that only a person can settle."""
    return PaymentOutcome(
        UNKNOWN,
        code=TERMINAL_CANNOT_SAY,
        reason=f"The terminal cannot say what became of the {kind}: look it up at the acquirer.",
        advice=""
        if kind is Kind.PAYMENT
        else "Give the money back in no other way until that is known.",
    )
