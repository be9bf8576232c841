"""The newest lines of this process's log, in memory: for a support bundle."""

from __future__ import annotations

from collections import deque

from edge.contract.device_limits import (
    LOG_TAIL_BYTES_MAX,
)


class LogTail:
    """Keeps the newest lines, `chars_max` at most; `take` is a listener of a `Log`."""

    def __init__(self, chars_max: int = LOG_TAIL_BYTES_MAX) -> None:
        self._chars_max = chars_max
        self._lines: deque[str] = deque()
        self._chars = 0

    def take(self, line: str) -> None:
        """Keep a line; the oldest go."""
        self._lines.append(line)
        self._chars += len(line)
        while self._chars > self._chars_max:
            self._chars -= len(self._lines.popleft())

    def lines(self) -> tuple[str, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._lines)
