"""The moving parts of a simulated printer, and the status bytes that tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Paper(StrEnum):
    """What the two paper sensors see."""

    OK = "ok"
    NEAR_END = "near_end"
    OUT = "out"


PINS: Final = {0: 2, 48: 2, 1: 5, 49: 5}
"""`m` of ESC p and DLE DC4 -> pin of the drawer's plug."""


@dataclass
class Mechanics:
    """`drawer_open_level`: what pin 3 shows while the drawer is open; it is not standard."""

    paper: Paper = Paper.OK
    cover_open: bool = False
    cutter_jammed: bool = False
    broken: bool = False
    hot: bool = False
    switched_offline: bool = False
    drawer_pin: int = 2
    drawer_open_level: str = "low"
    drawer_open: bool = False
    drawer_locked: bool = False
    """The key is turned: a pulse does not open it."""

    @property
    def offline(self) -> bool:
        """Whether printing stands still."""
        return (
            self.paper is Paper.OUT
            or self.cover_open
            or self.cutter_jammed
            or self.broken
            or self.hot
            or self.switched_offline
        )

    @property
    def _pin_high(self) -> bool:
        return self.drawer_open == (self.drawer_open_level == "high")

    def pulse(self, pin: int) -> None:
        """Let current through a pin: the drawer on it springs open."""
        if pin == self.drawer_pin and not self.drawer_locked:
            self.drawer_open = True

    def automatic(self) -> bytes:
        """Return the four bytes of automatic status."""
        near = 0x03 if self.paper is not Paper.OK else 0
        end = 0x0C if self.paper is Paper.OUT else 0
        return bytes(
            (
                0x10 | self._pin_high << 2 | self.offline << 3 | self.cover_open << 5,
                self.cutter_jammed << 3 | self.broken << 5 | self.hot << 6,
                near | end,
                0x0F,
            )
        )

    def real_time(self, kind: int) -> int:
        """Return the answer to DLE EOT `kind`, 1 to 4."""
        out = self.paper is Paper.OUT
        error = self.cutter_jammed or self.broken or self.hot
        bits = {
            1: self._pin_high << 2 | self.offline << 3,
            2: self.cover_open << 2 | out << 5 | error << 6,
            3: self.cutter_jammed << 3 | self.broken << 5 | self.hot << 6,
            4: (0x0C if self.paper is not Paper.OK else 0) | (0x60 if out else 0),
        }
        return 0x12 | bits[kind]

    def paper_sensors(self) -> int:
        """Return the answer to GS r 1."""
        return self.automatic()[2]

    def drawer_sensor(self) -> int:
        """Return the answer to GS r 2."""
        return int(self._pin_high)
