"""ZVT's fields (BMPs): one byte says which, a table says how long.

Source: PA00P015 13.08, chapter "Summary of BMPs". An unknown BMP has an unknown length:
reading stops there, the raw rest is kept, and what was read before stays valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.protocols.zvt_tlv import CONTAINER, Tlv, encode_length, read_length, read_tlv

LLVAR: Final = -2
"""Two bytes F0 to F9 are the two digits of the length."""
LLLVAR: Final = -3
"""Three bytes F0 to F9."""
_TLV: Final = 0

TIMEOUT: Final = 0x01
SERVICE_BYTE: Final = 0x03
AMOUNT: Final = 0x04
TRACE: Final = 0x0B
TIME: Final = 0x0C
DATE: Final = 0x0D
STATUS_BYTE: Final = 0x19
CARD_NUMBER: Final = 0x22
TRACK_2: Final = 0x23
TRACK_3: Final = 0x24
RESULT: Final = 0x27
TERMINAL_ID: Final = 0x29
TRACK_1: Final = 0x2D
ORIGINAL_TRACE: Final = 0x37
AUTHORISATION_ATTRIBUTE: Final = 0x3B
ADDITIONAL_TEXT: Final = 0x3C
CURRENCY: Final = 0x49
TOTALS: Final = 0x60
RECEIPT: Final = 0x87
TURNOVER: Final = 0x88
CARD_TYPE: Final = 0x8A
CARD_NAME: Final = 0x8B

SIZES: Final[dict[int, int]] = {
    0x01: 1, 0x02: 1, 0x03: 1, 0x04: 6, 0x05: 1, 0x06: _TLV, 0x0B: 3, 0x0C: 3, 0x0D: 2,
    0x0E: 2, 0x17: 2, 0x19: 1, 0x22: LLVAR, 0x23: LLVAR, 0x24: LLLVAR, 0x27: 1, 0x29: 4,
    0x2A: 15, 0x2D: LLVAR, 0x2E: LLLVAR, 0x37: 3, 0x3A: 2, 0x3B: 8, 0x3C: LLLVAR, 0x3D: 3,
    0x49: 2, 0x4C: LLVAR, 0x60: LLLVAR, 0x70: 4, 0x71: 4, 0x72: 1, 0x73: 1, 0x74: 1, 0x75: 1,
    0x87: 2, 0x88: 3, 0x8A: 1, 0x8B: LLVAR, 0x8C: 1, 0x9A: LLLVAR, 0xA0: 1, 0xA7: LLVAR,
    0xAA: 3, 0xAF: LLLVAR, 0xBA: 5, 0xD0: 1, 0xD1: LLVAR, 0xD2: 1,
}  # fmt: skip
"""Bytes of each BMP that we know; `LLVAR`, `LLLVAR` or 0 for the TLV container."""

_LENGTH_DIGIT: Final = 0xF0


@dataclass(frozen=True, slots=True)
class Field:
    """One BMP: its number and its value without a length."""

    tag: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Fields:
    """The BMPs that could be read, in the order of the wire, and the raw rest."""

    items: tuple[Field, ...] = ()
    rest: bytes = b""

    def get(self, tag: int) -> bytes | None:
        """Return the value of the first field with this number, or None."""
        return next((item.value for item in self.items if item.tag == tag), None)

    def number(self, tag: int) -> int | None:
        """Return a BCD field as a number; None when it is missing or not digits."""
        value = self.get(tag)
        return None if value is None else bcd_decode(value)

    def digits(self, tag: int) -> str:
        """Return a BCD field as its digits with leading zeros; empty when missing or not digits."""
        value = self.get(tag)
        if value is None or bcd_decode(value) is None:
            return ""
        return value.hex()

    @property
    def tlv(self) -> tuple[Tlv, ...]:
        """Return the objects of the TLV container, none when there is no container."""
        return read_tlv(self.get(CONTAINER) or b"").items


def bcd_encode(number: int, size: int) -> bytes:
    """Return a number as `size` bytes of two digits each; raises ValueError when it does not fit.

    Amounts have six bytes of the smallest unit, traces three, receipts two.
    """
    text = f"{number:0{size * 2}d}"
    if number < 0 or len(text) != size * 2:
        raise ValueError(f"{number} does not fit into {size} bytes of BCD")
    return bytes.fromhex(text)


def bcd_decode(value: bytes) -> int | None:
    """Return the number, or None when a half-byte is no digit; no bytes are no number."""
    text = value.hex()
    return int(text) if text.isdecimal() else None


def encode_field(tag: int, value: bytes) -> bytes:
    """Return one BMP; raises ValueError for an unknown number or a value of the wrong length."""
    size = SIZES.get(tag)
    if size is None:
        raise ValueError(f"BMP {tag:02X} is not known")
    if size == _TLV:
        return bytes((tag,)) + encode_length(len(value)) + value
    if size in (LLVAR, LLLVAR):
        digits = f"{len(value):0{-size}d}"
        if len(digits) != -size:
            raise ValueError(f"BMP {tag:02X} does not hold {len(value)} bytes")
        return bytes((tag, *(_LENGTH_DIGIT | int(digit) for digit in digits))) + value
    if len(value) != size:
        raise ValueError(f"BMP {tag:02X} has {size} bytes, not {len(value)}")
    return bytes((tag,)) + value


def encode_fields(items: Iterable[Field]) -> bytes:
    """Return BMPs one after another, in the order given: old terminals rely on it."""
    return b"".join(encode_field(item.tag, item.value) for item in items)


def read_length_digits(data: bytes, count: int) -> int | None:
    """Return the length that `count` bytes F0 to F9 write; None when they are no such digits."""
    marks, digits = data.hex()[::2], data.hex()[1::2]
    if len(data) != count or marks.strip("f") or not digits.isdecimal():
        return None
    return int(digits)


def read_fields(data: bytes) -> Fields:
    """Return the BMPs of a message; never raises. What is unknown or cut off stays in `rest`."""
    items: list[Field] = []
    at = 0
    while at < len(data):
        extent = _extent(data, at)
        if extent is None or sum(extent) > len(data):
            break
        start, size = extent
        items.append(Field(data[at], data[start : start + size]))
        at = start + size
    return Fields(tuple(items), data[at:])


def _extent(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the value of the BMP at `at` starts and its length, or None."""
    size = SIZES.get(data[at])
    if size is None:
        return None
    if size > 0:
        return at + 1, size
    if size == _TLV:
        length = read_length(data, at + 1)
        return None if length is None else (length[1], length[0])
    digits_end = at + 1 - size
    digits = read_length_digits(data[at + 1 : digits_end], -size)
    return None if digits is None else (digits_end, digits)
