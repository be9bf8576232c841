"""The NCI protocol of Weigh-Tronix scales (SCP-01, "ECR"): `W` and CR, then weight and status.

    0A weight unit 0D 0A S hh 0D 03; only 0A S hh 0D 03 while there is no weight to tell (ECR).
    Some models leave out the S, and tell a weight that moves or is below zero.

hh are two to four status bytes, b4 and b5 always 1, b7 parity; from the second on b6 says that
another follows. First: b0 in motion, b1 at zero, b2 RAM and b3 EEPROM faulty. Second: b0 under and
b1 over capacity, b2 ROM and b3 calibration faulty. Third: b0 and b1 range, b2 net, b3 no zero
found since power came. The protocol has no check byte: parity and a second answer that says the
same stand for it; a weight has six to nine characters. Sans-I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from devices.protocols.weight_readings import (
    SCALE_FAULTY,
    AnswerReader,
    Cut,
    Reading,
    Trouble,
    framed,
    grams,
)
from edge.contract.device_states import WeightState

ASK_WEIGHT: Final = b"W\r"

_LF, _ETX = 0x0A, 0x03
_MESSAGE_BYTES_MAX: Final = 40
_STATUS: Final = re.compile(rb"S?([\x30-\x3f](?:[\x70-\x7f]{0,2}[\x30-\x3f]))\r")
_WEIGHT: Final = re.compile(rb"([ -]*[0-9.]+)(?:[Kk][Gg])")
_OTHER_UNIT: Final = re.compile(rb"[ 0-9.-]+(?:LB|lb|OZ|oz|G|g)(?: *[0-9.]+(?:OZ|oz))? *")
_WEIGHT_CHARS_MIN, _WEIGHT_CHARS_MAX = 6, 9
_MOTION, _AT_ZERO, _MEMORY = 0b0001, 0b0010, 0b1100
_UNDER, _OVER, _CALIBRATION = 0b0001, 0b0010, 0b1100
_NO_ZERO: Final = 0b1000


def answers() -> AnswerReader[Reading | Trouble]:
    """Return a reader of what the scale says; None among it is noise."""
    cut: Callable[[bytes], Cut[Reading | Trouble] | None] = framed(
        _LF, _ETX, _MESSAGE_BYTES_MAX, _read, whole=True
    )
    return AnswerReader(cut, _MESSAGE_BYTES_MAX)


def _read(text: bytes) -> Reading | Trouble | None:
    told, _, rest = text.rpartition(b"\r\n")
    status = _STATUS.fullmatch(rest)
    if status is None:
        return None
    weight = _weight(told) if told else None
    if told and weight is None:
        return None
    hindered = _hindered(status[1], 0 if weight is None else weight.weight_g)
    if hindered is not None or weight is not None:
        return hindered or weight
    # no weight and no reason: nothing lies there, or it is not to be had yet
    at_zero = status[1][0] & _AT_ZERO
    return Reading(WeightState.STABLE if at_zero else WeightState.UNSTABLE)


def _weight(told: bytes) -> Reading | None:
    """Return what the weight alone says; None for what is none."""
    found = _WEIGHT.fullmatch(told)
    if found is None:
        return Reading(WeightState.NOT_KILOGRAMS) if _OTHER_UNIT.fullmatch(told) else None
    chars = found[1]
    digits = chars.lstrip(b" -")
    weight_g = grams(digits)
    if weight_g is None or not _WEIGHT_CHARS_MIN <= len(chars) <= _WEIGHT_CHARS_MAX:
        return None
    if b"-" in chars and weight_g:
        return Reading(WeightState.BELOW_ZERO)
    return Reading(WeightState.STABLE, weight_g)


def _hindered(status: bytes, weight_g: int) -> Reading | Trouble | None:
    first, second = status[0], status[1]
    third = status[2] if len(status) > 2 else 0  # noqa: PLR2004 - the third of them
    if first & _MEMORY or second & _CALIBRATION:
        return SCALE_FAULTY
    if first & _MOTION:
        return Reading(WeightState.UNSTABLE, weight_g)
    if second & _OVER:
        return Reading(WeightState.OVERLOAD)
    if second & _UNDER or third & _NO_ZERO:
        return Reading(WeightState.BELOW_ZERO)  # without a zero: the same hand helps
    return None
