"""What people settle about a card when its terminal does not: evidence, reversals, contradictions.

An event of this module is never a device's result. What a device says after a person has
settled it is kept as it said it, moves no money in the sale, and is looked into by people.
"""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare
from edge.contract.return_events import RefundPart


@declare
class CardPaymentResolved(Event, frozen=True):
    """A person settled a card payment in doubt, from evidence that they saw.

    `outcome` is `approved` (the card was charged `amount_minor`) or `declined` (nothing was
    charged, `amount_minor` 0). `source` is an `EvidenceSource`; `receipt`, `terminal_id` and
    `trace` are the terminal's numbers as they were typed from it, `reason` what the person
    saw, `approver` the second person who allowed it, if one had to.
    """

    TYPE: ClassVar[str] = "card_payment_resolved"

    sale: str
    payment: str
    outcome: str
    amount_minor: int
    source: str
    reason: str
    receipt: str = ""
    terminal_id: str = ""
    trace: str = ""
    approver: str = ""


@declare
class CardRefundResolved(Event, frozen=True):
    """The same of money back to a card: `approved` when it went back, with the parts it was of."""

    TYPE: ClassVar[str] = "card_refund_resolved"

    sale: str
    refund: str
    outcome: str
    amount_minor: int
    source: str
    reason: str
    parts: tuple[RefundPart, ...] = ()
    receipt: str = ""
    terminal_id: str = ""
    trace: str = ""
    approver: str = ""


@declare
class CardReversalRequested(Event, frozen=True):
    """The terminal will be asked to take a payment in doubt back: written before its first byte.

    `receipt` is the terminal's own number of it, as a person read it there. Asked once; then
    it is only asked about. The payment is in doubt until that is known.
    """

    TYPE: ClassVar[str] = "card_reversal_requested"

    sale: str
    payment: str
    reversal: str
    amount_minor: int
    terminal: str
    receipt: str
    reason: str
    approver: str = ""


@declare
class CardReversalApproved(Event, frozen=True):
    """The terminal took a payment back: `amount_minor` as it says, `asked_minor` what was asked.

    Equal amounts: the payment in doubt was made and taken back, so that no money moved. With
    another amount it took back another payment, and this one stays in doubt. The texts as in
    `CardPaymentApproved`.
    """

    TYPE: ClassVar[str] = "card_reversal_approved"

    sale: str
    payment: str
    reversal: str
    amount_minor: int
    asked_minor: int
    last4: str = ""
    scheme: str = ""
    authorisation: str = ""
    terminal_id: str = ""
    receipt: str = ""
    trace: str = ""
    resolved_by: str = ""

    @property
    def fits(self) -> bool:
        """Whether it took back what it was asked for."""
        return self.amount_minor == self.asked_minor


@declare
class CardReversalDeclined(Event, frozen=True):
    """Nothing was taken back; the payment is in doubt as before. `reason` in words."""

    TYPE: ClassVar[str] = "card_reversal_declined"

    sale: str
    payment: str
    reversal: str
    reason: str
    code: str = ""
    resolved_by: str = ""


@declare
class CardReversalUnknown(Event, frozen=True):
    """The payment may or may not have been taken back. Never repeated, only asked about."""

    TYPE: ClassVar[str] = "card_reversal_unknown"

    sale: str
    payment: str
    reversal: str
    reason: str


@declare
class CardAnsweredLate(Event, frozen=True):
    """A terminal's answer about what a person had settled already: kept as said, it moves nothing.

    `payment` is the payment or refund, `reversal` the reversal of it that the answer is about,
    empty for itself. `outcome`, `code` and `reason` as in `PaymentOutcome`; `differs` when it
    contradicts the person: then people have to look into it.
    """

    TYPE: ClassVar[str] = "card_answered_late"

    sale: str
    payment: str
    outcome: str
    amount_minor: int
    differs: bool
    reversal: str = ""
    last4: str = ""
    scheme: str = ""
    authorisation: str = ""
    terminal_id: str = ""
    receipt: str = ""
    trace: str = ""
    code: str = ""
    reason: str = ""
    resolved_by: str = ""


@declare
class CardAlarmSettled(Event, frozen=True):
    """A person looked into a contradiction about a card; `reason` is what was found and done."""

    TYPE: ClassVar[str] = "card_alarm_settled"

    sale: str
    payment: str
    reason: str
    approver: str = ""
