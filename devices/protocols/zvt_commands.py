"""What a till says to a ZVT terminal: commands, and the answer to each of its messages.

Source: PA00P015 13.08, chapter 2. The password is six digits.
"""

from __future__ import annotations

from typing import Final

from devices.protocols.zvt_apdu import NEGATIVE_CLASS, Apdu, Control
from devices.protocols.zvt_fields import (
    AMOUNT,
    CURRENCY,
    RECEIPT,
    SERVICE_BYTE,
    bcd_encode,
    encode_field,
)
from devices.protocols.zvt_results import NOT_POSSIBLE
from devices.protocols.zvt_tlv import CONTAINER, encode_tlv

CONFIG_PRINTS_PAYMENTS: Final = 0x02
CONFIG_PRINTS_ADMIN: Final = 0x04
CONFIG_INTERMEDIATE: Final = 0x08
"""Without it a chip dialogue runs into its time limit unseen."""
CONFIG_NO_AMOUNT_ON_TERMINAL: Final = 0x10
CONFIG_NO_ADMIN_ON_TERMINAL: Final = 0x20
CONFIG_SENDS_LINES: Final = 0x80
"""The terminal composes the receipts and sends them as 06 D1 or 06 D3."""
CONFIG_TILL_PRINTS: Final = (
    CONFIG_PRINTS_PAYMENTS
    | CONFIG_PRINTS_ADMIN
    | CONFIG_INTERMEDIATE
    | CONFIG_NO_AMOUNT_ON_TERMINAL
    | CONFIG_NO_ADMIN_ON_TERMINAL
    | CONFIG_SENDS_LINES
)
"""BE: the till is in charge and prints what the terminal composes."""

TAG_COMMANDS: Final = 0x26
TAG_COMMAND: Final = 0x0A
TAG_SYNC_RECEIPT: Final = 0x1F1F

_STATUS_NO_PRINT: Final = 0x03
_STATUS_AND_PRINT: Final = 0x02

POSITIVE: Final = Apdu(Control.POSITIVE)
"""80 00 00: taken. To 04 0F, 06 D1 and 06 D3 it is a business act: durable first."""

NOT_SUPPORTED: Final = Apdu(NEGATIVE_CLASS << 8 | NOT_POSSIBLE)
"""84 83 00: we cannot do what the terminal asks for."""

PASSWORD_COMMANDS: Final = frozenset(
    {
        Control.REGISTRATION,
        Control.REPEAT_RECEIPT,
        Control.STATUS_ENQUIRY,
        Control.REVERSAL,
        Control.REFUND,
        Control.SEND_TOTALS,
        Control.END_OF_DAY,
        Control.INITIALISATION,
    }
)
"""Commands whose first three bytes are the password."""
PASSWORD_BYTES: Final = 3


def registration(
    password: str, currency_number: int, config_byte: int = CONFIG_TILL_PRINTS
) -> Apdu:
    """Return 06 00. Announces 06 D3, so that receipts may come as blocks."""
    data = _password(password) + bytes((config_byte,)) + bcd_encode(currency_number, 2)
    if config_byte & CONFIG_SENDS_LINES:
        announced = encode_tlv(TAG_COMMAND, Control.PRINT_BLOCK.to_bytes(2, "big"))
        data += encode_field(CONTAINER, encode_tlv(TAG_COMMANDS, announced))
    return Apdu(Control.REGISTRATION, data)


def authorisation(
    amount_minor: int, currency_number: int, *, sync_receipt: bytes | None = None
) -> Apdu:
    """Return 06 01. `sync_receipt`: the last 1F1F of a terminal that sends it, b"" when unknown."""
    data = _amount(amount_minor, currency_number) + _mirrored(sync_receipt)
    return Apdu(Control.AUTHORISATION, data)


def refund(
    password: str, amount_minor: int, currency_number: int, *, sync_receipt: bytes | None = None
) -> Apdu:
    """Return 06 31: money to a card. `sync_receipt` as in `authorisation`."""
    data = _password(password) + _amount(amount_minor, currency_number)
    return Apdu(Control.REFUND, data + _mirrored(sync_receipt))


def reversal(password: str, receipt: int, *, sync_receipt: bytes | None = None) -> Apdu:
    """Return 06 30: the payment with this receipt number (1 to 9999) is taken back."""
    data = _password(password) + encode_field(RECEIPT, bcd_encode(receipt, 2))
    return Apdu(Control.REVERSAL, data + _mirrored(sync_receipt))


def reservation(
    amount_minor: int, currency_number: int, *, sync_receipt: bytes | None = None
) -> Apdu:
    """Return 06 22: an amount is set aside on a card. `sync_receipt` as in `authorisation`."""
    data = _amount(amount_minor, currency_number) + _mirrored(sync_receipt)
    return Apdu(Control.RESERVATION, data)


def capture(
    receipt: int,
    released_minor: int,
    currency_number: int,
    *,
    sync_receipt: bytes | None = None,
) -> Apdu:
    """Return 06 23: of the reservation with this receipt number the rest is charged.

    Its amount is what is *not* charged: it releases the unused part (PA00P015, 2.10). So read
    that the free library zvt (senvend: reserved 500, reversed 50, booked 450), EVerest (reserved
    less cost) and the firmware of a charging station ("return the remaining amount").
    """
    named = encode_field(RECEIPT, bcd_encode(receipt, 2))
    data = named + _amount(released_minor, currency_number)
    return Apdu(Control.PARTIAL_REVERSAL, data + _mirrored(sync_receipt))


def release(receipt: int, currency_number: int) -> Apdu:
    """Return 06 25: the whole reservation with this receipt number is set free."""
    named = encode_field(RECEIPT, bcd_encode(receipt, 2))
    currency = encode_field(CURRENCY, bcd_encode(currency_number, 2))
    return Apdu(Control.RESERVATION_REVERSAL, named + currency)


def repeat_receipt(password: str, *, prints: bool = False) -> Apdu:
    """Return 06 20: the status information of the last payment, with its receipts or without."""
    service = encode_field(
        SERVICE_BYTE, bytes((_STATUS_AND_PRINT if prints else _STATUS_NO_PRINT,))
    )
    return Apdu(Control.REPEAT_RECEIPT, _password(password) + service)


def status_enquiry(password: str) -> Apdu:
    """Return 05 01: how is the terminal? Never a payment."""
    return Apdu(Control.STATUS_ENQUIRY, _password(password))


def send_totals(password: str) -> Apdu:
    """Return 06 10: what does the terminal hold that it has not handed in? Changes nothing."""
    return Apdu(Control.SEND_TOTALS, _password(password))


def end_of_day(password: str) -> Apdu:
    """Return 06 50: the terminal hands in what it booked, and begins anew."""
    return Apdu(Control.END_OF_DAY, _password(password))


def initialisation(password: str) -> Apdu:
    """Return 06 93: the terminal fetches its settings from the card network."""
    return Apdu(Control.INITIALISATION, _password(password))


def diagnosis() -> Apdu:
    """Return 06 70: the terminal tests its line to the card network."""
    return Apdu(Control.DIAGNOSIS)


def abort() -> Apdu:
    """Return 06 B0: give up what waits for a card. Refused with 83 once it is online."""
    return Apdu(Control.ABORT)


def log_off() -> Apdu:
    """Return 06 02."""
    return Apdu(Control.LOG_OFF)


def _amount(amount_minor: int, currency_number: int) -> bytes:
    amount = encode_field(AMOUNT, bcd_encode(amount_minor, 6))
    return amount + encode_field(CURRENCY, bcd_encode(currency_number, 2))


def _mirrored(sync_receipt: bytes | None) -> bytes:
    if sync_receipt is None:
        return b""
    return encode_field(CONTAINER, encode_tlv(TAG_SYNC_RECEIPT, sync_receipt))


def _password(password: str) -> bytes:
    if len(password) != 2 * PASSWORD_BYTES or not (password.isascii() and password.isdecimal()):
        raise ValueError("a ZVT password has six digits")
    return bytes.fromhex(password)
