"""What a ZVT terminal says, as one value a message.

Source: PA00P015 13.08, chapter 3. Nothing here raises for what it does not know: a payment
that was approved stays approved when a field behind the result cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from devices.protocols import zvt_fields as bmp
from devices.protocols.zvt_apdu import NEGATIVE_CLASS, Apdu, Control
from devices.protocols.zvt_commands import TAG_SYNC_RECEIPT
from devices.protocols.zvt_fields import Fields, bcd_decode, read_fields, read_length_digits
from devices.protocols.zvt_results import (
    CARD_TYPE_IN_TAG,
    OK,
    WRONG_CURRENCY,
    card_type_words,
    intermediate_words,
)
from devices.protocols.zvt_text import (
    TextEncoding,
    decode_text,
    named_encoding,
    without_card_numbers,
)
from devices.protocols.zvt_tlv import CONTAINER, Tlv, find, read_length, read_tlv, walk

TAG_TEXT: Final = 0x07
TAG_ATTRIBUTE: Final = 0x09
TAG_CHARACTER_SET: Final = 0x14
TAG_DISPLAY_TEXTS: Final = 0x24
TAG_CARD_TYPE: Final = 0x41
TAG_APPLICATION_NAME: Final = 0x42
TAG_PREFERRED_NAME: Final = 0x44
TAG_RECEIPT_TYPE: Final = 0x1F07
TAG_CARDHOLDER: Final = 0x1F10
"""How the customer proved to be the cardholder: PIN, signature, both, or not at all."""
TAG_ERROR_CODE: Final = 0x1F16
TAG_ERROR_TEXT: Final = 0x1F17
TAG_LONG_TRACE: Final = 0x1F2B
TAG_TERMINAL_ID: Final = 0x1F44

_BY_SIGNATURE: Final = frozenset({0x01, 0x05, 0x06, 0x07})
"""1F10: by signature alone, or beside a PIN."""

NUMBER_BYTES_MAX: Final = 6
"""A number of this length holds no card number: the shortest have 13 digits."""

RECEIPT_MERCHANT: Final = 1
RECEIPT_CUSTOMER: Final = 2

_ATTRIBUTE_END: Final = 0x81
"""Attributes from here on end a receipt: feeds and cuts follow the last line."""
_SEPARATOR: Final = "d"
_LAST_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """80 00, 84 00 (both yes: `refusal` is 0) or 84 xx (no, with the code)."""

    refusal: int = OK


@dataclass(frozen=True, slots=True)
class StatusInformation:
    """04 0F: how a payment ended; `fields` are its BMPs, `encoding` that of its texts."""

    fields: Fields
    encoding: TextEncoding = TextEncoding.CP437

    @property
    def result(self) -> int | None:
        """BMP 27; 0 is approved. None when it is missing."""
        value = self.fields.get(bmp.RESULT)
        return None if value is None else value[0]

    @property
    def amount_minor(self) -> int | None:
        """BMP 04."""
        return self.fields.number(bmp.AMOUNT)

    @property
    def currency_number(self) -> int | None:
        """BMP 49: the ISO 4217 number."""
        return self.fields.number(bmp.CURRENCY)

    @property
    def receipt(self) -> str:
        """BMP 87: the terminal's receipt number as four digits; FFFF, none, is empty."""
        return self.fields.digits(bmp.RECEIPT)

    @property
    def trace(self) -> str:
        """BMP 0B as digits; 000000 says that TLV 1F2B holds a longer one."""
        short = self.fields.digits(bmp.TRACE)
        if short.strip("0"):
            return short
        long = find(self.fields.tlv, TAG_LONG_TRACE)
        return long.hex() if long and bcd_decode(long) is not None else short

    @property
    def original_trace(self) -> str:
        """BMP 37: the trace of the payment that this reversal took back; empty in all else."""
        digits = self.fields.digits(bmp.ORIGINAL_TRACE)
        return digits if digits.strip("0") else ""

    @property
    def identity(self) -> tuple[str, str, str, str, str]:
        """Receipt, trace, turnover, date, time: what tells one payment from another."""
        return (
            self.receipt,
            self.trace,
            self.fields.digits(bmp.TURNOVER),
            self.fields.digits(bmp.DATE),
            self.fields.digits(bmp.TIME),
        )

    @property
    def sync_receipt(self) -> bytes | None:
        """TLV 1F1F, to be mirrored in the next payment; None when the terminal does not send it.

        b"" for what is no receipt number: never 0, which would undo the last payment.
        """
        sent = find(self.fields.tlv, TAG_SYNC_RECEIPT)
        return sent if not sent or bcd_decode(sent) else b""

    @property
    def last4(self) -> str:
        """The last four digits of the card; empty when masked or missing."""
        number = (self.fields.get(bmp.CARD_NUMBER) or b"").hex().rstrip("f")
        tail = number.split(_SEPARATOR)[0][-_LAST_DIGITS:]
        return tail if len(tail) == _LAST_DIGITS and tail.isdecimal() else ""

    @property
    def scheme(self) -> str:
        """The card's name (8B), else the word for its type (8A, 41), else its application's."""
        name = (self.fields.get(bmp.CARD_NAME) or b"").split(b"\0")[0]
        if name.strip():
            return self._shown(name)
        return card_type_words(self._card_type) or self._application

    @property
    def _card_type(self) -> int:
        told = int.from_bytes(self.fields.get(bmp.CARD_TYPE) or b"", "big")
        if told != CARD_TYPE_IN_TAG:
            return told
        return int.from_bytes(find(self.fields.tlv, TAG_CARD_TYPE) or b"", "big")

    @property
    def _application(self) -> str:
        found = (find(self.fields.tlv, tag) for tag in (TAG_PREFERRED_NAME, TAG_APPLICATION_NAME))
        return next((self._shown(name) for name in found if name), "")

    def _shown(self, text: bytes) -> str:
        return without_card_numbers(decode_text(text.strip(b"\0"), self.encoding).strip())

    @property
    def signature(self) -> bool:
        """Whether the customer has to sign the merchant's receipt (1F10)."""
        how = find(self.fields.tlv, TAG_CARDHOLDER) or b""
        return not _BY_SIGNATURE.isdisjoint(how[:1])

    @property
    def authorisation(self) -> str:
        """BMP 3B: the authorisation attribute (AID) as text."""
        return self._text(bmp.AUTHORISATION_ATTRIBUTE)

    @property
    def terminal_id(self) -> str:
        """BMP 29, or TLV 1F44."""
        digits = self.fields.digits(bmp.TERMINAL_ID)
        return digits or (find(self.fields.tlv, TAG_TERMINAL_ID) or b"").hex()

    @property
    def words(self) -> str:
        """What the terminal or the network adds in words: BMP 3C, and the error it names."""
        said = without_card_numbers(self._text(bmp.ADDITIONAL_TEXT))
        error = _error_words(self.fields.tlv, self.encoding)
        return said if error in said else f"{said}, {error}".removeprefix(", ")

    def _text(self, tag: int) -> str:
        value = (self.fields.get(tag) or b"").strip(b"\0")
        return decode_text(value, self.encoding).strip()


@dataclass(frozen=True, slots=True)
class IntermediateStatus:
    """04 FF: what the terminal shows; `minutes` is a new T4, 0 leaves it as it is."""

    status: int
    minutes: int = 0
    text: str = ""

    @property
    def words(self) -> str:
        """The terminal's own words, else ours for the number."""
        return self.text or intermediate_words(self.status)


@dataclass(frozen=True, slots=True)
class PrintedText:
    """06 D1 or 06 D3: lines of a receipt. `receipt_type` 0: not said. `ends`: its last."""

    lines: tuple[str, ...]
    receipt_type: int = 0
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """06 0F: the dialogue is over. `body` is raw: a status enquiry has its own layout."""

    body: bytes = b""

    @property
    def fields(self) -> Fields:
        """The BMPs of a completion that is not a status enquiry's."""
        return read_fields(self.body)

    @property
    def status_byte(self) -> int:
        """BMP 19: what the terminal needs; 0 when all is well."""
        return (self.fields.get(bmp.STATUS_BYTE) or b"\0")[0]


@dataclass(frozen=True, slots=True)
class Aborted:
    """06 1E: the dialogue failed; None when no code was given. `words`: the error it names."""

    code: int | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class OtherMessage:
    """Something that we do not speak: answered 84 83."""

    control: int


Message = (
    Answer
    | StatusInformation
    | IntermediateStatus
    | PrintedText
    | Completion
    | Aborted
    | OtherMessage
)


def read_message(apdu: Apdu, encoding: TextEncoding) -> Message:
    """Return what a unit of the terminal says; never raises."""
    if apdu.control >> 8 == NEGATIVE_CLASS:
        return Answer(apdu.control & 0xFF)
    read = _READERS.get(apdu.control)
    if read is None or (not apdu.data and apdu.control in _NEVER_EMPTY):
        return OtherMessage(apdu.control)
    return read(apdu.data, encoding)


def read_status_enquiry(body: bytes, encoding: TextEncoding) -> tuple[str, int]:
    """Return (software version, status byte) of the completion of 05 01.

    Its layout is positional: `[LLLVAR software] status [06 TLV]`. A version of no length and
    a TLV would read alike; the positional reading is taken.
    """
    at, software = 0, b""
    size = read_length_digits(body[:3], 3)
    if size is not None:
        at = 3 + size
        software = body[3:at]
    status = body[at] if at < len(body) else 0
    return decode_text(software.strip(b"\0"), encoding).strip(), status


def _intermediate(data: bytes, encoding: TextEncoding) -> IntermediateStatus:
    minutes, rest = 0, data[1:]
    if rest and not _is_container(rest):
        minutes, rest = bcd_decode(rest[:1]) or 0, rest[1:]
    items = read_fields(rest).tlv
    encoding = _named_set(items, encoding)
    shown = (
        child.value
        for item in items
        if item.tag == TAG_DISPLAY_TEXTS
        for child in item.children
        if child.tag == TAG_TEXT
    )
    text = " ".join(decode_text(value, encoding).strip() for value in shown)
    return IntermediateStatus(data[0], minutes, without_card_numbers(text.strip()))


def _is_container(data: bytes) -> bool:
    """Say whether the bytes are a container to their end: 06 may also be six minutes."""
    length = read_length(data, 1) if data[0] == CONTAINER else None
    if length is None or sum(length) != len(data):
        return False
    return not read_tlv(data[length[1] :]).rest


def _aborted(data: bytes, encoding: TextEncoding) -> Aborted:
    if not data:
        return Aborted(None)
    # a wrong currency is followed by the right one, without a number before it
    start = 3 if data[0] == WRONG_CURRENCY else 1
    for rest in (data[start:], data[1:]):
        if words := _error_words(read_fields(rest).tlv, encoding):
            return Aborted(data[0], words)
    return Aborted(data[0])


def _error_words(items: tuple[Tlv, ...], encoding: TextEncoding) -> str:
    """Return the terminal's own text of an error, else its number, for whoever is called."""
    text = (find(items, TAG_ERROR_TEXT) or b"").strip(b"\0")
    shown = without_card_numbers(decode_text(text, _named_set(items, encoding)).strip())
    code = find(items, TAG_ERROR_CODE) or b""
    return shown or (f"error {code.hex().upper()}" if 0 < len(code) <= NUMBER_BYTES_MAX else "")


def _print_line(data: bytes, encoding: TextEncoding) -> PrintedText:
    text, container = _without_container(data[1:])
    encoding = _named_set(container, encoding)
    line = without_card_numbers(decode_text(text, encoding).rstrip())
    return PrintedText((line,), _receipt_type(container), data[0] >= _ATTRIBUTE_END)


def _without_container(text: bytes) -> tuple[bytes, tuple[Tlv, ...]]:
    """Split a line from a container behind it: the text has no length and some append one."""
    for at in range(len(text)):
        if _is_container(text[at:]):
            return text[:at], read_fields(text[at:]).tlv
    return text, ()


def _print_block(data: bytes, encoding: TextEncoding) -> PrintedText:
    items = read_fields(data).tlv
    encoding = _named_set(items, encoding)
    lines = tuple(
        without_card_numbers(decode_text(value, encoding).rstrip())
        for value in _values(items, TAG_TEXT)
    )
    ends = any(value[:1] >= bytes((_ATTRIBUTE_END,)) for value in _values(items, TAG_ATTRIBUTE))
    return PrintedText(lines, _receipt_type(items), ends)


def _named_set(items: tuple[Tlv, ...], encoding: TextEncoding) -> TextEncoding:
    return named_encoding(find(items, TAG_CHARACTER_SET) or b"", encoding)


def _values(items: tuple[Tlv, ...], tag: int) -> Iterator[bytes]:
    return (item.value for item in walk(items) if item.tag == tag)


def _receipt_type(items: tuple[Tlv, ...]) -> int:
    value = find(items, TAG_RECEIPT_TYPE)
    return value[0] if value else 0


def _status_information(data: bytes, encoding: TextEncoding) -> StatusInformation:
    return StatusInformation(read_fields(data), encoding)


_READERS: Final[dict[int, Callable[[bytes, TextEncoding], Message]]] = {
    Control.POSITIVE: lambda _data, _encoding: Answer(),
    Control.STATUS_INFORMATION: _status_information,
    Control.INTERMEDIATE_STATUS: _intermediate,
    Control.PRINT_LINE: _print_line,
    Control.PRINT_BLOCK: _print_block,
    Control.COMPLETION: lambda data, _encoding: Completion(data),
    Control.ABORTED: _aborted,
}
_NEVER_EMPTY: Final = frozenset({Control.INTERMEDIATE_STATUS, Control.PRINT_LINE})
