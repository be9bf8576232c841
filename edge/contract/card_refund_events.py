"""Money back to a card: the intent is committed before the terminal is asked."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare
from edge.contract.return_events import RefundPart


@declare
class CardRefundRequested(Event, frozen=True):
    """The terminal will be asked to give money back: written before its first byte.

    `amount_minor` is above zero; `parts` says which tenders of the original sales it gives
    back, as far as there were any, and `approver` is the second person who allowed it, if one
    had to. `reverses` names the card payment that is taken back as if it had not been made,
    and `receipt` is the terminal's own number of it; both are empty for a refund, which gives
    money to whatever card is held to the terminal. `last4` and `scheme` are those of the card
    that paid, empty where none did.
    """

    TYPE: ClassVar[str] = "card_refund_requested"

    sale: str
    refund: str
    amount_minor: int
    terminal: str
    parts: tuple[RefundPart, ...] = ()
    approver: str = ""
    reverses: str = ""
    receipt: str = ""
    last4: str = ""
    scheme: str = ""


@declare
class CardRefundApproved(Event, frozen=True):
    """The terminal gave money back, and said so or was asked afterwards (`resolved_by`).

    `amount_minor` is what it says that went back: another amount than was asked for is kept as
    it said it, and `parts` are then those of this amount. The texts as in
    `CardPaymentApproved`.
    """

    TYPE: ClassVar[str] = "card_refund_approved"

    sale: str
    refund: str
    amount_minor: int
    parts: tuple[RefundPart, ...] = ()
    last4: str = ""
    scheme: str = ""
    authorisation: str = ""
    terminal_id: str = ""
    receipt: str = ""
    trace: str = ""
    resolved_by: str = ""
    """Empty: the terminal's own answer. `inquiry`: asked after an unknown outcome."""


@declare
class CardRefundDeclined(Event, frozen=True):
    """Nothing went back: declined, cancelled, or never begun. `reason` in words."""

    TYPE: ClassVar[str] = "card_refund_declined"

    sale: str
    refund: str
    reason: str
    code: str = ""
    resolved_by: str = ""


@declare
class CardRefundUnknown(Event, frozen=True):
    """The money may or may not have gone back. Never repeated, only asked about."""

    TYPE: ClassVar[str] = "card_refund_unknown"

    sale: str
    refund: str
    reason: str
