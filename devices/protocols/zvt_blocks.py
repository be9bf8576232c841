"""ZVT over a serial line: each unit in a block with a checksum, each block answered at once.

    10 02 UNIT 10 03 CRC-LOW CRC-HIGH        answered by 06 (taken) or 15 (send it again)

Every 10 in the unit is doubled; the checksum is that of the unit as it was, with an 03 behind
it, and is not doubled itself. The standard (PA00P016, serial transport) calls it CRC-XModem;
what terminals and tills send is its reflected form (CRC-16/KERMIT: 8408, begun with 0, low
byte first), which the recorded blocks of the tests prove.

A block has no number. That one comes a second time (its 06 was lost) is seen by what it says
and by what we could send in between: `devices/drivers/terminal_zvt/blocks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.contract.device_limits import (
    ZVT_APDU_BYTES_MAX,
)

ACK: Final = b"\x06"
NAK: Final = b"\x15"

_DLE, _STX, _ETX = 0x10, 0x02, 0x03
_ACK, _NAK = ACK[0], NAK[0]
_POLYNOMIAL: Final = 0x8408
_CHECKSUM_BYTES: Final = 2
_UNIT_BYTES_MAX: Final = ZVT_APDU_BYTES_MAX + 5
"""A unit with its class, instruction and longest length."""


class Mark(StrEnum):
    """What stands on the line beside blocks."""

    TAKEN = "taken"
    """06: our block arrived."""
    AGAIN = "again"
    """15: our block was damaged."""
    DAMAGED = "damaged"
    """A block of the other end that is none: its checksum is wrong, or it broke off."""


@dataclass(frozen=True, slots=True)
class Block:
    """A whole block with a good checksum: the unit in it, without doubled bytes."""

    unit: bytes


class _Place(StrEnum):
    BETWEEN = "between"
    OPENING = "opening"
    """Behind a 10 between blocks."""
    UNIT = "unit"
    ESCAPE = "escape"
    """Behind a 10 inside a block."""
    CHECKSUM = "checksum"
    LOST = "lost"
    """Inside something that is no block; until the line is silent only a new block counts."""
    LOST_OPENING = "lost_opening"


_BEGUN: Final = frozenset({_Place.UNIT, _Place.ESCAPE, _Place.CHECKSUM})


def checksum(data: bytes) -> int:
    """Return the CRC-16/KERMIT of some bytes."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
    return crc


def encode_block(unit: bytes) -> bytes:
    """Return the block of one unit; raises ValueError when the unit is longer than we may send."""
    if len(unit) > _UNIT_BYTES_MAX:
        raise ValueError(f"a unit of {len(unit)} bytes is longer than {_UNIT_BYTES_MAX}")
    doubled = unit.replace(bytes((_DLE,)), bytes((_DLE, _DLE)))
    crc = checksum(unit + bytes((_ETX,))).to_bytes(_CHECKSUM_BYTES, "little")
    return bytes((_DLE, _STX)) + doubled + bytes((_DLE, _ETX)) + crc


class BlockReader:
    """Bytes in, blocks and marks out; holds one unfinished block of bounded length.

    Bytes that belong to nothing are passed over, and with them whatever stands in the same
    run: the 06 that begins most messages must not count as "taken" when the start of a block
    was lost. `break_off` says that the line fell silent.
    """

    def __init__(self) -> None:
        self._place = _Place.BETWEEN
        self._unit = bytearray()
        self._crc = bytearray()
        self._damaged = False

    @property
    def in_block(self) -> bool:
        """Whether something is unfinished: more must come within T1."""
        return self._place is not _Place.BETWEEN

    def feed(self, data: bytes) -> list[Block | Mark]:
        """Take bytes and return what they complete, in order; never raises."""
        found: list[Block | Mark] = []
        for byte in data:
            told = self._take(byte)
            if told is not None:
                found.append(told)
        return found

    def break_off(self) -> list[Block | Mark]:
        """Give up what is unfinished: nothing came for T1. A block that had begun is damaged."""
        damaged = self._damaged or self._place in _BEGUN
        self._begin(_Place.BETWEEN)
        return [Mark.DAMAGED] if damaged else []

    def _take(self, byte: int) -> Block | Mark | None:
        match self._place:
            case _Place.BETWEEN:
                return self._between(byte)
            case _Place.OPENING | _Place.LOST_OPENING:
                if byte == _STX:
                    self._begin(_Place.UNIT)
                else:
                    self._lose(byte)
            case _Place.LOST:
                self._lose(byte)
            case _Place.UNIT:
                if byte == _DLE:
                    self._place = _Place.ESCAPE
                else:
                    self._keep(byte)
            case _Place.ESCAPE:
                self._escaped(byte)
            case _Place.CHECKSUM:
                self._crc.append(byte)
                if len(self._crc) == _CHECKSUM_BYTES:
                    return self._whole()
        return None

    def _between(self, byte: int) -> Mark | None:
        if byte == _ACK:
            return Mark.TAKEN
        if byte == _NAK:
            return Mark.AGAIN
        if byte == _DLE:
            self._place = _Place.OPENING
        else:
            self._lose(byte)
        return None

    def _escaped(self, byte: int) -> None:
        if byte == _DLE:
            self._place = _Place.UNIT
            self._keep(byte)
        elif byte == _ETX:
            self._place = _Place.CHECKSUM
        elif byte == _STX:  # it was broken off and is being sent again
            self._begin(_Place.UNIT)
        else:
            self._damaged = True
            self._lose(byte)

    def _keep(self, byte: int) -> None:
        self._unit.append(byte)
        if len(self._unit) > _UNIT_BYTES_MAX:
            self._unit.clear()
            self._damaged = True
            self._place = _Place.LOST

    def _whole(self) -> Block | Mark:
        unit = bytes(self._unit)
        good = checksum(unit + bytes((_ETX,))) == int.from_bytes(self._crc, "little")
        self._begin(_Place.BETWEEN)
        return Block(unit) if good else Mark.DAMAGED

    def _lose(self, byte: int) -> None:
        self._place = _Place.LOST_OPENING if byte == _DLE else _Place.LOST

    def _begin(self, place: _Place) -> None:
        self._place = place
        self._unit.clear()
        self._crc.clear()
        self._damaged = False
