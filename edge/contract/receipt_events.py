"""Receipts once a sale stands: copies of them, gift receipts, and those that are a proof."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class ReceiptReprinted(Event, frozen=True):
    """A person asked for a copy of a completed sale's receipt; it says COPY.

    `copy` counts what people asked for of that sale, from 1. What the box repeats by itself
    because a receipt's fate is not known is counted apart, by `ReceiptPrinted`.
    """

    TYPE: ClassVar[str] = "receipt_reprinted"

    sale: str
    receipt: str
    copy: int


@declare
class GiftReceiptPrinted(Event, frozen=True):
    """A person asked for a gift receipt of a completed sale: its goods, and no price.

    `copy` counts the gift receipts of that sale, from 1.
    """

    TYPE: ClassVar[str] = "gift_receipt_printed"

    sale: str
    receipt: str
    copy: int


@declare
class ReceiptEmailRequested(Event, frozen=True):
    """A person asked for the receipt of a completed sale by e-mail; head office sends it.

    `ref` names what travels beside the chain: the address, with the salt of `address_seal`
    (SHA-256, see `receipt_letter`). `letter` counts those of that sale, from 1.
    """

    TYPE: ClassVar[str] = "receipt_email_requested"

    sale: str
    receipt: str
    ref: str
    address_seal: str
    letter: int


@declare
class ReprintEnded(Event, frozen=True):
    """A printer reported on a copy or a gift receipt that a person had asked for.

    `what` is `copy` or `gift`, `copy` the number of that event; `evidence` as in
    `ReceiptPrinted`, except that nothing is repeated by itself.
    """

    TYPE: ClassVar[str] = "reprint_ended"

    sale: str
    what: str
    copy: int
    evidence: str


@declare
class ReceiptPresented(Event, frozen=True):
    """A signed receipt was shown here of a sale that this box does not have; once for each.

    `code` is the whole text of its QR code, signature and all: so head office learns of a sale
    that it may never have got. `store` is the number of the store that sold, `sale_gen` and
    `sale_seq` name the event that completed the sale there; the chain there does not get it back.
    """

    TYPE: ClassVar[str] = "receipt_presented"

    sale: str
    receipt: str
    store: int
    sale_gen: int
    sale_seq: int
    total_minor: int
    currency: str
    code: str
