"""The customer signs for a card payment: nobody has the goods before a cashier looked at it."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class CardSignatureAsked(Event, frozen=True):
    """The terminal charged a card and wants the customer's signature: the sale waits for it."""

    TYPE: ClassVar[str] = "card_signature_asked"

    sale: str
    payment: str


@declare
class CardSignatureChecked(Event, frozen=True):
    """The cashier compared the signature with the card's: the payment counts."""

    TYPE: ClassVar[str] = "card_signature_checked"

    sale: str
    payment: str


@declare
class CardSignatureRefused(Event, frozen=True):
    """The customer did not sign, or signed otherwise: the payment is to be taken back.

    With it comes the `CardReversalRequested`.
    """

    TYPE: ClassVar[str] = "card_signature_refused"

    sale: str
    payment: str
