"""How long to wait before the next try: doubling, bounded, with jitter."""

from __future__ import annotations

import random

_DOUBLINGS_MAX = 32


class Backoff:
    """Waits that grow from `min_ms` to `max_ms`; each between half of its step and all of it.

    The jitter keeps many who lost the same server from coming back in one instant. The same
    seed gives the same waits; without one they differ from process to process.
    """

    def __init__(self, min_ms: int, max_ms: int, seed: int | None = None) -> None:
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._chance = random.Random(seed)  # noqa: S311 - jitter guards no secret
        self._failures = 0

    def next_ms(self) -> int:
        """Return the next wait in milliseconds, between `min_ms` and `max_ms`."""
        self._failures = min(self._failures + 1, _DOUBLINGS_MAX)
        step = min(self._max_ms, self._min_ms << self._failures)
        return self._chance.randint(max(self._min_ms, step // 2), step)

    def reset(self) -> None:
        """Begin at the shortest wait again: it worked."""
        self._failures = 0
