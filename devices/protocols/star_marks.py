"""Marks between receipts (ETB), and how far a printer has come. No time, no bytes.

The printer counts the marks that it has come to, from 0 to 31 and round, and says the count in its
status; a model without a count only says that it came to one. A count goes on over all receipts,
so the late mark of one never stands for another. Counted marks say that all before them is printed,
the others that it was worked off (ETB in [L 3-54], second and first specification).
"""

from __future__ import annotations

from typing import Final

from devices.protocols.star_status import StarStatus

_ROUND: Final = 32


class PrintedMarks:
    """How many marks were sent, and to which of them the printer has come."""

    def __init__(self) -> None:
        self._sent = 0
        self._done = 0
        self._lost = 0
        """Up to here nothing will be heard: the printer has forgotten its count."""
        self._count = 0
        """What the printer's count was when it had come to `_done`."""
        self._counts = True

    def restart(self) -> None:
        """Take note that the printer was told to forget what waits and to count from 0."""
        self._done = self._lost = self._sent
        self._count = 0

    def sent(self) -> int:
        """Note one more mark; return its number."""
        self._sent += 1
        return self._sent

    def heard(self, status: StarStatus) -> None:
        """Take note of a status."""
        count = status.marks
        self._counts = count is not None
        if count is None:
            self._done = min(self._sent, self._done + status.mark)
            return
        came_to = (count - self._count) % _ROUND
        if self._done + came_to <= self._sent:
            self._done += came_to
        else:  # it counts anew: it lost power, or somebody else sent marks
            self._done = self._lost = self._sent
        self._count = count

    def forget(self) -> None:
        """Await none of the marks sent any more, where they cannot be told apart."""
        if not self._counts:
            self._done = self._lost = self._sent

    def reached(self, mark: int) -> bool:
        """Say whether the printer came to a mark."""
        return self._lost < mark <= self._done

    def is_lost(self, mark: int) -> bool:
        """Say whether nothing will be heard of a mark any more."""
        return mark <= self._lost
