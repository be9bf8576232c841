"""The Mettler-Toledo 8217 protocol: single letters to the scale, short lines back. Sans-I/O.

    W: the weight. 02 WW.WWW 0D in kg, 02 WW.WW 0D or 02 0WW.WW 0D in pounds, `N` before 0D for a
    net weight; while it has none to give, 02 3F st 0D with a status byte

st: b0 in motion, b1 over capacity, b2 under zero, b3 outside the range in which it takes zero,
b4 at the centre of zero, b5 net (on some models always 1), b6 always 1. Nothing is sold by a
status. The protocol has no check byte: parity (7E1) and a second answer that says the same stand
for it, and a weight has exactly its six characters, so that a lost digit is no other weight.
"""

from __future__ import annotations

import re
from typing import Final

from devices.protocols.weight_readings import AnswerReader, Reading, framed, grams
from edge.contract.device_states import WeightState

ASK_WEIGHT: Final = b"W"

_STX, _CR, _STATUS = 0x02, 0x0D, b"?"
_MESSAGE_BYTES_MAX: Final = 16
_STATUS_BYTES: Final = 2
_KILOGRAMS: Final = re.compile(rb"([ 0-9][0-9]\.[0-9]{3})N?")
_POUNDS: Final = re.compile(rb"0?[ 0-9][0-9]\.[0-9]{2}N?")
_MOTION, _OVER, _UNDER, _NO_ZERO, _AT_ZERO, _ALWAYS = 1, 2, 4, 8, 16, 64
_LOST_IN_7_BITS: Final = 128


def answers() -> AnswerReader[Reading]:
    """Return a reader of what the scale says; None among it is noise."""
    return AnswerReader(framed(_STX, _CR, _MESSAGE_BYTES_MAX, _read), _MESSAGE_BYTES_MAX)


def _read(text: bytes) -> Reading | None:
    if text[:1] == _STATUS:
        return _status(text[1]) if len(text) == _STATUS_BYTES else None
    weight = _KILOGRAMS.fullmatch(text)
    if weight is not None:
        weight_g = grams(weight[1])
        return None if weight_g is None else Reading(WeightState.STABLE, weight_g)
    return Reading(WeightState.NOT_KILOGRAMS) if _POUNDS.fullmatch(text) else None


def _status(status: int) -> Reading | None:
    if not status & _ALWAYS or status & _LOST_IN_7_BITS:
        return None
    if status & _MOTION:
        return Reading(WeightState.UNSTABLE)
    if status & _OVER:
        return Reading(WeightState.OVERLOAD)
    if status & (_UNDER | _NO_ZERO):
        return Reading(WeightState.BELOW_ZERO)  # without a zero: the same hand helps
    # no weight and no reason: nothing lies there, or it is not to be had yet
    return Reading(WeightState.STABLE if status & _AT_ZERO else WeightState.UNSTABLE)
