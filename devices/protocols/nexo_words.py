"""What a nexo terminal's conditions mean for people, and the text that it sends to be printed.

Source: nexo retailer 3.0, ErrorCondition, and Adyen Terminal API, "Handle responses". The words
are ours, for a cashier to read; the advice is what to do instead, so that nobody gets money twice.
"""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from devices.protocols.nexo_messages import OutputText, PaymentReceipt
from edge.contract.device_limits import (
    TERMINAL_RECEIPT_LINES_MAX,
)


class Kind(StrEnum):
    """What a transaction is; the value is its word for people."""

    PAYMENT = "payment"
    REFUND = "refund"
    """A payment of type Refund: money to a card, whichever."""
    REVERSAL = "reversal"
    """A payment is taken back, named by its POITransactionID."""


ABORTED: Final = "Aborted"
BUSY: Final = "Busy"
CANCEL: Final = "Cancel"
IN_PROGRESS: Final = "InProgress"
NOT_FOUND: Final = "NotFound"
CANCELLING: Final = frozenset({ABORTED, CANCEL})
PASSING: Final = frozenset(
    {
        BUSY,
        IN_PROGRESS,
        "DeviceOut",
        "LoggedOut",
        "UnavailableDevice",
        "UnavailableService",
        "UnreachableHost",
    }
)
"""Why a question could not be answered now: it is put again."""

_CONDITIONS: Final[dict[str, str]] = {
    ABORTED: "The {what} was given up at the till, or time ran out.",
    BUSY: "The terminal is busy.",
    CANCEL: "The {what} was given up at the terminal.",
    "DeviceOut": "A part of the terminal is missing or broken.",
    "InsertedCard": "A card is still in the terminal.",
    IN_PROGRESS: "The terminal is still at it.",
    "InvalidCard": "The card could not be read or is not valid.",
    "LoggedOut": "The terminal must be logged in first.",
    "MessageFormat": "The terminal did not understand the till.",
    "NotAllowed": "The terminal does not allow the {what}.",
    NOT_FOUND: "The terminal does not know the payment.",
    "PaymentRestriction": "The card must not be used for this.",
    "Refusal": "The {what} was declined.",
    "UnavailableDevice": "A part of the terminal is missing or broken.",
    "UnavailableService": "The terminal does not offer this.",
    "UnreachableHost": "The terminal has no connection to the card network.",
    "WrongPIN": "The PIN was wrong.",
}
_BACK_ADVICE: Final[dict[Kind, str]] = {
    Kind.PAYMENT: "",
    Kind.REFUND: "Give the money back in another way.",
    # the terminal does not say whether a payment was reversed before
    Kind.REVERSAL: "Look the payment up at the acquirer: if it was not reversed before, refund the"
    " amount to the card or give the money back in another way.",
}
_SCHEMES: Final[dict[str, str]] = {
    "amex": "American Express",
    "bcmc": "Bancontact",
    "cup": "UnionPay",
    "diners": "Diners",
    "discover": "Discover",
    "eftpos_australia": "eftpos",
    "electron": "Visa Electron",
    "girocard": "girocard",
    "jcb": "JCB",
    "maestro": "Maestro",
    "mc": "Mastercard",
    "visa": "Visa",
    "visadebit": "Visa Debit",
    "vpay": "V PAY",
}
_WORDS_CHARS_MAX: Final = 160
_SCHEME_CHARS_MAX: Final = 32
_LINE_CHARS_MAX: Final = 100
_FIELDS_MAX: Final = 200
_TOLD: Final = ("refusalReason", "message")
"""The only parts of AdditionalResponse that are kept: the rest is about card and customer."""
_LAST_DIGITS: Final = 4


def condition_words(condition: str, what: str) -> str:
    """Return what an ErrorCondition means for a payment, refund or reversal."""
    known = _CONDITIONS.get(condition)
    if known is not None:
        return known.format(what=what)
    if not condition:
        return f"The {what} failed."
    return f"The terminal refused the {what}: {plain(condition, 40)}."


def refusal_advice(kind: Kind, condition: str) -> str:
    """Return what a person should do about a refusal; a payment has no advice of its own."""
    return "" if condition in CANCELLING else _BACK_ADVICE[kind]


def additional_words(additional_response: str) -> str:
    """Return why, in the terminal's own words: form-encoded, or JSON in base64."""
    told = _json(additional_response) or _form(additional_response)
    return next(
        (words for key in _TOLD if (words := plain(told.get(key, ""), _WORDS_CHARS_MAX))), ""
    )


def _form(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=_FIELDS_MAX))
    except ValueError:  # more fields than anybody needs
        return {}


def _json(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True), type=_Additional).told
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError):
        return {}


class _Additional(msgspec.Struct, frozen=True):
    refusal_reason: str = msgspec.field(default="", name="refusalReason")
    message: str = ""

    @property
    def told(self) -> dict[str, str]:
        return {"refusalReason": self.refusal_reason, "message": self.message}


def plain(text: str, chars_max: int) -> str:
    """Return a text of the terminal's without control characters, cut to a length."""
    return "".join(char if char.isprintable() else " " for char in text[:chars_max]).strip()


def scheme_words(brand: str) -> str:
    """Return the scheme of a PaymentBrand: `mc` is Mastercard."""
    return _SCHEMES.get(brand, plain(brand, _SCHEME_CHARS_MAX))


def last_digits(masked: str) -> str:
    """Return the last four digits of a masked card number, or empty when they are masked too."""
    tail = masked.replace(" ", "")[-_LAST_DIGITS:]
    whole = len(tail) == _LAST_DIGITS and tail.isascii() and tail.isdecimal()
    return tail if whole else ""


def receipt_lines(receipts: tuple[PaymentReceipt, ...], qualifier: str) -> tuple[str, ...]:
    """Return the lines of the receipt for CashierReceipt or CustomerReceipt; too many are cut."""
    lines: list[str] = []
    pending = ""
    for receipt in receipts:
        if receipt.document_qualifier != qualifier:
            continue
        for piece in receipt.output_content.output_text:
            pending += _piece(piece)
            if piece.end_of_line_flag:
                lines.append(pending[:_LINE_CHARS_MAX])
                pending = ""
    if pending:
        lines.append(pending[:_LINE_CHARS_MAX])
    return tuple(lines[:TERMINAL_RECEIPT_LINES_MAX])


def _piece(piece: OutputText) -> str:
    """Return `name=TOTAL&value=12.34&key=totalAmount` as `TOTAL 12.34`, other text as it is."""
    text = piece.text[: 4 * _LINE_CHARS_MAX]
    if not text.startswith(("name=", "value=", "key=")):
        return plain(text, _LINE_CHARS_MAX)
    told = dict(parse_qsl(text))
    return plain(f"{told.get('name', '')} {told.get('value', '')}", _LINE_CHARS_MAX)
