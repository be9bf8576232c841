"""What the driver wrote then, held against what it writes now."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from devices.transports.flight_recorder import (
    DRIVEN,
    NOTE,
    OUT,
    WRITE_BROKEN_OFF,
    WRITE_FAILED,
    WRITTEN,
    FlightEntry,
)

_SHOWN_BYTES: Final = 16
_SLOW: Final = frozenset({WRITTEN, WRITE_FAILED, WRITE_BROKEN_OFF})


def is_written(way: str, data: bytes) -> bool:
    """Say whether an entry is the driver's: bytes, or a line that it drove."""
    return way == OUT or (way == NOTE and data.startswith(DRIVEN))


@dataclass(frozen=True)
class Difference:
    """The first byte that is another one. `offset` counts from 0; `at_ms` when it was written."""

    offset: int
    at_ms: int
    then: bytes
    now: bytes


class Comparison:
    """Takes what is written now, in any pieces; a line that is driven counts as its note's bytes.

    `from_the_middle`: the recording begins in the middle of a connection, so that what a fresh
    driver says at first was not recorded: it is passed over until it writes what was.
    """

    def __init__(self, entries: Iterable[FlightEntry], *, from_the_middle: bool) -> None:
        pieces: list[FlightEntry] = []
        self._slow: set[int] = set()
        for entry in entries:
            if is_written(entry.way, entry.data):
                pieces.append(entry)
            elif pieces and entry.way == NOTE and entry.data in _SLOW:
                self._slow.add(len(pieces) - 1)
        self._starts: list[int] = []
        self._times = [entry.at_ms for entry in pieces]
        whole = bytearray()
        for entry in pieces:
            self._starts.append(len(whole))
            whole += entry.data
        self._then = bytes(whole)
        self._first = pieces[0].data if pieces else b""
        self._seeking = from_the_middle and bool(pieces)
        self._now = bytearray()
        self.passed_over = 0
        self.slow = False
        """Whether what was written last took its time then: a note tells how that ended."""

    @property
    def recorded(self) -> int:
        """How many bytes were written then."""
        return len(self._then)

    @property
    def written(self) -> int:
        """How many bytes were written now, of those that are compared."""
        return len(self._now)

    def wrote(self, data: bytes) -> int | None:
        """Take what is written now; return when that was then, None when it was not."""
        if self._seeking:
            if not data.startswith(self._first):
                self.passed_over += len(data)
                return None
            self._seeking = False
        at = len(self._now)
        self._now += data
        self.slow = False
        if at >= len(self._then):
            return None
        piece = bisect_right(self._starts, at) - 1
        self.slow = piece in self._slow
        return self._times[piece]

    def difference(self) -> Difference | None:
        """Return the first difference; what is written past the recording's end is none."""
        now = bytes(self._now[: len(self._then)])
        if now == self._then:
            return None
        at = next(
            (
                offset
                for offset, (one, other) in enumerate(zip(self._then, now, strict=False))
                if one != other
            ),
            len(now),
        )
        return Difference(
            at,
            self._times[bisect_right(self._starts, at) - 1],
            self._then[at : at + _SHOWN_BYTES],
            now[at : at + _SHOWN_BYTES],
        )
