"""What the switch in a cash drawer says: one level, of which nobody knows whether it means open.

Makers do not agree which level that is, so it is configured, or learnt: a level that changes
within `DRAWER_LEARN_MS` behind a kick shows a drawer that sprang open, for a kick never shuts
one. What was learnt wrongly (a hand that shut an open drawer just then) is put right by the
next kick in the same way. Pure: instants come in as milliseconds of one clock.
"""

from __future__ import annotations

from enum import StrEnum

from edge.contract.device_limits import (
    DRAWER_LEARN_MS,
)


class Position(StrEnum):
    """Where a drawer is, spelt as in `DeviceState.drawer`."""

    UNKNOWN = ""
    OPEN = "open"
    CLOSED = "closed"


class DrawerSensor:
    """`open_level`: `high` or `low` as configured; empty: learnt from kicks."""

    def __init__(self, open_level: str = "") -> None:
        self._given = open_level
        self._learnt = ""
        self._high: bool | None = None
        self._kicked_ms: int | None = None

    @property
    def open_level(self) -> str:
        """The level that means open, or empty while that is not known."""
        return self._given or self._learnt

    @property
    def position(self) -> Position:
        """Where the drawer is, as far as it is known."""
        if self._high is None or not self.open_level:
            return Position.UNKNOWN
        return Position.OPEN if self._high == (self.open_level == "high") else Position.CLOSED

    def kicked(self, at_ms: int) -> None:
        """Take note that the drawer was just told to open."""
        self._kicked_ms = at_ms

    def saw(self, *, high: bool, at_ms: int) -> None:
        """Take the level that the switch has at an instant."""
        changed = self._high is not None and high is not self._high
        self._high = high
        if not changed or self._kicked_ms is None:
            return
        if at_ms - self._kicked_ms <= DRAWER_LEARN_MS:
            self._learnt = "high" if high else "low"
        self._kicked_ms = None  # only the first change behind a kick is the kick's

    def forget_level(self) -> None:
        """Take the level for unknown: the connection is gone, the drawer may be moved unseen."""
        self._high = None
        self._kicked_ms = None
