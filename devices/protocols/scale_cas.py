"""The CAS protocol of counter scales (AP, PD-II): one question, one block of 15 bytes. Sans-I/O.

    host 05, scale 06 (or 15: not now); host 11, scale 01 02 STA SIGN W W W W W W U U BCC 03 04

STA is S (stable), U (unstable) or F (too much), W the weight with its point, UU the unit, BCC
the XOR of the bytes between STX and it. The protocol knows no command for zero or tare: both
are keys of the scale, and a tare that the shop takes off stands in the sale.

BCC is a single byte and misses errors that cancel out (two digits that changed places, the
head of one block before the tail of another): a driver calls `flush` before each question, and
believes a weight only when the next block says the same.
"""

from __future__ import annotations

from enum import StrEnum
from functools import reduce
from operator import xor
from typing import Final

from devices.protocols.weight_readings import Reading, grams
from edge.contract.device_states import WeightState

CALL: Final = b"\x05"
ASK_WEIGHT: Final = b"\x11"
BLOCK_BYTES: Final = 15

_ACK, _NAK, _SOH, _STX = 0x06, 0x15, 0x01, 0x02
_ENDS: Final = b"\x03\x04"
_KILOGRAMS: Final = b"kg"
_NEGATIVE: Final = b"-"
_SIGNS: Final = frozenset({b" ", b"+", _NEGATIVE})


class Line(StrEnum):
    """What a scale says beside a reading."""

    READY = "ready"
    """06: ask for the weight."""
    NOT_NOW = "not_now"
    """15: it is busy, or its weight is not to be had."""
    NOISE = "noise"
    """Bytes that no scale sends, a block that is damaged, or one that broke off."""


class ScaleAnswers:
    """Bytes in, answers out; holds one unfinished block at most."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Reading | Line]:
        """Take bytes and return what they complete, in order; a run of noise counts once."""
        self._buffer += data
        found: list[Reading | Line] = []
        while self._buffer:
            answer = self._next()
            if answer is None:
                break
            if answer is not Line.NOISE or found[-1:] != [Line.NOISE]:
                found.append(answer)
        return found

    def flush(self) -> list[Reading | Line]:
        """Give up the block at hand: the line has fallen silent inside it."""
        broken = bool(self._buffer)
        self._buffer.clear()
        return [Line.NOISE] if broken else []

    def _next(self) -> Reading | Line | None:
        first = self._buffer[0]
        if first != _SOH:
            del self._buffer[0]
            return {_ACK: Line.READY, _NAK: Line.NOT_NOW}.get(first, Line.NOISE)
        if len(self._buffer) < BLOCK_BYTES:
            return None
        reading = read_block(bytes(self._buffer[:BLOCK_BYTES]))
        # in a damaged block another one may begin: only its first byte is thrown away
        del self._buffer[: 1 if reading is None else BLOCK_BYTES]
        return reading or Line.NOISE


def read_block(block: bytes) -> Reading | None:
    """Return what a block of 15 bytes says; None when it is damaged or no block at all."""
    if len(block) != BLOCK_BYTES or block[:2] != bytes((_SOH, _STX)) or block[13:] != _ENDS:
        return None
    body = block[2:12]
    return _read_body(body) if reduce(xor, body) == block[12] else None


def _read_body(body: bytes) -> Reading | None:
    state, sign, number, unit = body[:1], body[1:2], body[2:8], body[8:]
    if state == b"F":
        return Reading(WeightState.OVERLOAD)
    steady = {b"S": WeightState.STABLE, b"U": WeightState.UNSTABLE}.get(state)
    weight_g = grams(number)
    if steady is None or sign not in _SIGNS or weight_g is None:
        return None
    if unit != _KILOGRAMS:
        return Reading(WeightState.NOT_KILOGRAMS) if unit.decode("latin-1").isprintable() else None
    if sign == _NEGATIVE and weight_g:
        return Reading(WeightState.BELOW_ZERO)
    return Reading(steady, weight_g)
