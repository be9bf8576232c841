"""The fixed words of a receipt, by language."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract.till_commands import OtherTender


class ReceiptWords(msgspec.Struct, frozen=True):
    """Every word a receipt may need; complete for each language that is listed."""

    receipt: str
    date: str
    till: str
    served_by: str
    tax_number: str
    subtotal: str
    total: str
    cash: str
    card: str
    change: str
    rounding: str
    tax: str
    net: str
    gross: str
    authorisation: str
    terminal: str
    terminal_receipt: str
    trace: str
    copy: str
    per_kilogram: str
    saved: str
    gift_card: str
    points: str
    house_account: str
    voucher: str
    manual_card: str


def tender_word(words: ReceiptWords, kind: OtherTender) -> str:
    """Return what a tender beside cash and card is called."""
    match kind:
        case OtherTender.GIFT_CARD:
            return words.gift_card
        case OtherTender.POINTS:
            return words.points
        case OtherTender.HOUSE_ACCOUNT:
            return words.house_account
        case OtherTender.VOUCHER:
            return words.voucher
        case OtherTender.MANUAL_CARD:
            return words.manual_card


DEFAULT_LANGUAGE: Final = "en"

WORDS: Final[dict[str, ReceiptWords]] = {
    "en": ReceiptWords(
        receipt="Receipt",
        date="Date",
        till="Till",
        served_by="Served by",
        tax_number="VAT no.",
        subtotal="Subtotal",
        total="TOTAL",
        cash="Cash",
        card="Card",
        change="Change",
        rounding="Cash rounding",
        tax="VAT",
        net="Net",
        gross="Gross",
        authorisation="Authorisation",
        terminal="Terminal",
        terminal_receipt="Terminal receipt",
        trace="Trace",
        copy="COPY",
        per_kilogram="/kg",
        saved="You saved",
        gift_card="Gift card",
        points="Points",
        house_account="On account",
        voucher="Voucher",
        manual_card="Card, other terminal",
    ),
}


def language_of(wanted: str) -> str:
    """Return the listed language that serves a wanted one (BCP 47): itself, its root, English."""
    for language in (wanted, wanted.partition("-")[0]):
        if language in WORDS:
            return language
    return DEFAULT_LANGUAGE
