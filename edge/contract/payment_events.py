"""Card payments. The intent is committed before the terminal is asked; unknown is a state."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class CardPaymentRequested(Event, frozen=True):
    """The terminal will be asked for this amount: written before its first byte."""

    TYPE: ClassVar[str] = "card_payment_requested"

    sale: str
    payment: str
    amount_minor: int
    terminal: str


@declare
class CardPaymentApproved(Event, frozen=True):
    """The terminal said yes, by itself or when asked afterwards (`resolved_by`).

    `last4`, `scheme`, `authorisation`, `receipt` and `trace` are the terminal's own words:
    last four digits and scheme are all that is ever kept of a card.
    """

    TYPE: ClassVar[str] = "card_payment_approved"

    sale: str
    payment: str
    amount_minor: int
    last4: str = ""
    scheme: str = ""
    authorisation: str = ""
    terminal_id: str = ""
    receipt: str = ""
    trace: str = ""
    resolved_by: str = ""
    """Empty: the terminal's own answer. `inquiry`: asked after an unknown outcome."""


@declare
class CardPaymentDeclined(Event, frozen=True):
    """The card was not charged: declined, cancelled, or never begun. `reason` in words."""

    TYPE: ClassVar[str] = "card_payment_declined"

    sale: str
    payment: str
    reason: str
    code: str = ""
    resolved_by: str = ""


@declare
class CardPaymentUnknown(Event, frozen=True):
    """The customer may or may not have been charged. Never retried, only asked about."""

    TYPE: ClassVar[str] = "card_payment_unknown"

    sale: str
    payment: str
    reason: str


@declare
class TenderTaken(Event, frozen=True):
    """A tender beside cash and the card terminal: `kind` is one of `OtherTender`.

    `reference` is what was typed: no account was asked. `approver` is the second person who
    allowed it, if one had to.
    """

    TYPE: ClassVar[str] = "tender_taken"

    sale: str
    tender: str
    kind: str
    amount_minor: int
    reference: str
    approver: str = ""


@declare
class ForeignCashTendered(Event, frozen=True):
    """Cash of another currency was given.

    `foreign_minor` is what was handed over, `rate_ppm` what one unit of that currency is
    worth in the store's, in millionths, `amount_minor` what it counts for.
    """

    TYPE: ClassVar[str] = "foreign_cash_tendered"

    sale: str
    tender: str
    currency: str
    foreign_minor: int
    rate_ppm: int
    amount_minor: int
