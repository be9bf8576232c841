"""The receipts that a payment terminal composes: kept beside what they are about, and printed."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class CardSlipComposed(Event, frozen=True):
    """A terminal composed receipts of a payment, a refund or a reversal: `payment` names it.

    `outcome` as in `PaymentOutcome`. `customer` and `merchant` are their lines as the terminal
    set them, without anything that could be a card number; empty for one that it did not compose,
    or printed by itself. `signature`: the customer signs the merchant's. The receipts of a sale
    are counted from 1, in the order in which they came.
    """

    TYPE: ClassVar[str] = "card_slip_composed"

    sale: str
    payment: str
    outcome: str
    customer: tuple[str, ...] = ()
    merchant: tuple[str, ...] = ()
    signature: bool = False


@declare
class CardSlipPrinted(Event, frozen=True):
    """A printer reported on a card receipt on a slip of its own.

    `number` counts the `CardSlipComposed` of that sale, `what` is `customer` or `merchant`;
    `evidence` and `copy` as in `ReceiptPrinted`.
    """

    TYPE: ClassVar[str] = "card_slip_printed"

    sale: str
    number: int
    what: str
    evidence: str
    copy: int = 0
