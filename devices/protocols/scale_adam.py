"""What Adam scales send by themselves in continuous mode: a line for each look. Sans-I/O.

    sign, reading, unit (sixteen characters), CR LF:           `        1.234kg ` (Highland)
    LF, nine characters, unit, GR or NT, CR, 03:               `    1.234kgGR` (MDW, S.F. 1)
    G or N before it:                                          `G +   1.234 kg` (CPWplus)
    ST, US or OL and GS or NT before it:                       `ST,GS,+  1.234kg` (indicators)

A reading of `^` is over capacity, of `_` or `-` under it or without a zero. Only the last form
says whether the goods lie still. Nothing here has a check byte, so a line counts only when it is
as long as the one before it: a byte that was lost is seen, and so is the half line that a
connection begins with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from devices.protocols.weight_readings import Reading, grams
from edge.contract.device_states import WeightState

LINE_BYTES_MAX: Final = 32
_ENDS: Final = re.compile(rb"[\r\n\x03]+")
_LINE: Final = re.compile(
    rb"(?:(?P<rest>ST|US|OL)[, ] *)?(?:(?:GS|NT|GROSS|NET|G|N)[, ]*)?"
    rb" *(?P<sign>[+-]?) *(?P<reading>[0-9]+(?:\.[0-9]+)?|[_^-]+) *"
    rb"(?P<unit>[A-Za-z%]{1,3}?) *(?:GR|NT)? *"
)
_KILOGRAMS: Final = b"kg"
_OVER: Final = b"^"
_UNDER: Final = (b"_", b"-")


@dataclass(frozen=True)
class Unmarked:
    """A weight of a scale that does not say whether it is still."""

    weight_g: int


class ScaleLines:
    """Bytes in, readings out, None for a line that is none; holds one unfinished line at most."""

    def __init__(self) -> None:
        self._buffer = b""
        self._chars = 0
        """How long the last line was; 0: there was none."""
        self._too_long = False
        """The line at hand is too long to be one: its rest is no line either."""

    def feed(self, data: bytes) -> list[Reading | Unmarked | None]:
        """Take bytes and return what the lines say that they complete, in order."""
        *lines, self._buffer = _ENDS.split(self._buffer + data)
        found: list[Reading | Unmarked | None] = []
        for line in lines:
            if self._too_long:
                self._too_long = False
            elif line:
                found.append(self._line(line))
        if len(self._buffer) > LINE_BYTES_MAX:
            if not self._too_long:
                found.append(None)
            self._buffer, self._chars, self._too_long = b"", 0, True
        return found

    def flush(self) -> None:
        """Forget the line at hand, and how long lines are."""
        self._buffer = b""
        self._chars = 0
        self._too_long = False

    def _line(self, line: bytes) -> Reading | Unmarked | None:
        as_before = len(line) == self._chars
        self._chars = len(line)
        return read_line(line) if as_before else None


def read_line(line: bytes) -> Reading | Unmarked | None:
    """Return what a line says, without the bytes that end it; None for what is none."""
    found = _LINE.fullmatch(line) if len(line) <= LINE_BYTES_MAX else None
    if found is None:
        return None
    rest, reading = found["rest"], found["reading"]
    if rest == b"OL" or reading.startswith(_OVER):
        return Reading(WeightState.OVERLOAD)
    if reading.startswith(_UNDER):
        return Reading(WeightState.BELOW_ZERO)
    if found["unit"].lower() != _KILOGRAMS:
        return Reading(WeightState.NOT_KILOGRAMS)
    return _weight(rest, found["sign"], grams(reading))


def _weight(rest: bytes | None, sign: bytes, weight_g: int | None) -> Reading | Unmarked | None:
    if weight_g is None:
        return None
    if sign == b"-" and weight_g:
        return Reading(WeightState.BELOW_ZERO)
    if rest is None:
        return Unmarked(weight_g)
    return Reading(WeightState.STABLE if rest == b"ST" else WeightState.UNSTABLE, weight_g)
