"""Dialog 06 of German counter scales, without its certified part: records between EOT and ETX.

The till is master. It sends the price per kilogram, then asks for the result:

    till 04 02 "01" 1B PPPPPP 1B 03             scale 06 or 15
         04 02 "03" 1B PPPPPP 1B TTTT 03        with grams of tare, which the scale takes off
    till 04 05                                  scale 15, or
         02 "02" 1B u 1B WWWWW 1B PPPPPP 1B AAAAAA 03     u '3': W is grams, A what it costs
    till 04 02 "08" 03 (why not?)               scale 02 "09" 1B S1 S0 03
    scale 02 "11" 1B D0 Z.. 03                  D0 '2': prove that you are certified, with Z

A scale that sends record 11 with '2' wants checksums of the till's software (record 10), divided
by a polynomial that only its maker and certified tills know; until then, or after wrong ones
('0'), it gives no weight. The protocol has no check byte: the price that comes back and the
amount must fit the weight. Sans-I/O.

With a tare the weight is net (Dibal DPOS400: "if the scale has a tare weight, it sends the net
weight"), and so is the amount. Some scales can be set to heed no tare (the same manual has "DIALOG
06 without attend to tare"): they take record 03, and weigh gross. Nothing on the line tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from devices.protocols.weight_readings import AnswerReader, Cut, framed
from edge.contract.device_limits import (
    SCALE_PRICE_MINOR_MAX,
    SCALE_TARE_G_MAX,
)

ASK_RESULT: Final = b"\x04\x05"
ASK_STATUS: Final = b"\x04\x0208\x03"
KILOGRAMS: Final = "3"
"""`Weighed.unit` of a scale that weighs in kilograms; '0' to '2' are pounds."""

_STX, _ETX, _ACK, _NAK = 0x02, 0x03, 0x06, 0x15
_RECORD_BYTES_MAX: Final = 48
_WEIGHED: Final = re.compile(rb"02\x1b([0-3])\x1b([0-9]{5})\x1b([0-9]{5,6})\x1b([0-9]{6})")
_STATUS: Final = re.compile(rb"09\x1b([0-9]{2})")
_CHECKSUMS: Final = re.compile(rb"11\x1b([0-2])([0-9A-F]{0,32})")
_VALID: Final = b"1"


class Sign(Enum):
    """A single byte of the scale."""

    TAKEN = "taken"
    """06: it has the price, and shows it."""
    NOT_TAKEN = "not_taken"
    """15: ask why."""


@dataclass(frozen=True)
class Weighed:
    """Record 02: `weight_g` at `price_minor` a kilogram costs `amount_minor`."""

    unit: str
    weight_g: int
    price_minor: int
    amount_minor: int


@dataclass(frozen=True)
class Status:
    """Record 09: why there was a 15; `00` says that nothing is wrong."""

    code: str


@dataclass(frozen=True)
class ChecksumsWanted:
    """Record 11: it wants the certified part, or did not like it."""


Record = Sign | Weighed | Status | ChecksumsWanted


def price_record(price_minor: int) -> bytes:
    """Return record 01: the price per kilogram, 1 to `SCALE_PRICE_MINOR_MAX`."""
    if not 0 < price_minor <= SCALE_PRICE_MINOR_MAX:
        raise ValueError(f"{price_minor} is no price of six digits")
    return b"\x04\x0201\x1b%06d\x1b\x03" % price_minor


def tare_record(price_minor: int, tare_g: int) -> bytes:
    """Return record 03: the price as in record 01, and the tare, 0 to `SCALE_TARE_G_MAX`."""
    if not 0 < price_minor <= SCALE_PRICE_MINOR_MAX:
        raise ValueError(f"{price_minor} is no price of six digits")
    if not 0 <= tare_g <= SCALE_TARE_G_MAX:
        raise ValueError(f"{tare_g} is no tare of four digits")
    return b"\x04\x0203\x1b%06d\x1b%04d\x03" % (price_minor, tare_g)


def answers() -> AnswerReader[Record]:
    """Return a reader of what the scale says; None among it is noise."""
    records: Callable[[bytes], Cut[Record] | None] = framed(_STX, _ETX, _RECORD_BYTES_MAX, _read)

    def cut(held: bytes) -> Cut[Record] | None:
        if held[0] == _ACK:
            return Sign.TAKEN, 1
        if held[0] == _NAK:
            return Sign.NOT_TAKEN, 1
        if held[0] != _STX:
            return None, 1
        return records(held)

    return AnswerReader(cut, _RECORD_BYTES_MAX)


def _read(record: bytes) -> Record | None:
    if found := _WEIGHED.fullmatch(record):
        unit, weight, price, amount = found.groups()
        return Weighed(unit.decode("ascii"), int(weight), int(price), int(amount))
    if found := _STATUS.fullmatch(record):
        return Status(found[1].decode("ascii"))
    if found := _CHECKSUMS.fullmatch(record):
        return None if found[1] == _VALID else ChecksumsWanted()
    return None


def adds_up(weighed: Weighed, price_minor: int, step_minor: int) -> bool:
    """Return whether a result is for this price, its amount less than one step off.

    `step_minor`: what the scale rounds amounts to, 1, or 5 where nothing smaller is paid.
    """
    exact = weighed.weight_g * price_minor
    off = abs(weighed.amount_minor * 1000 - exact)
    return weighed.price_minor == price_minor and off < 1000 * step_minor
