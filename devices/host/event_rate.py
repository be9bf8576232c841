"""How many events a device may send: more than anybody can make are a fault of the device."""

from __future__ import annotations

from edge.contract.instant import Clock


class EventRate:
    """A bucket of `burst` events that fills up again by `per_s` a second."""

    def __init__(self, clock: Clock, per_s: int, burst: int) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = burst
        self._left = float(burst)
        self._filled_ms = clock.monotonic_ms()
        self._refused_ms: int | None = None

    def allows(self) -> bool:
        """Take one event out of the bucket; False when it is empty."""
        now = self._clock.monotonic_ms()
        filled = self._left + (now - self._filled_ms) * self._per_s / 1000
        self._left = min(float(self._burst), filled)
        self._filled_ms = now
        if self._left < 1:
            self._refused_ms = now
            return False
        self._left -= 1
        return True

    def calm_for_ms(self) -> int | None:
        """Return how long ago the last event was refused; None when none ever was."""
        if self._refused_ms is None:
            return None
        return self._clock.monotonic_ms() - self._refused_ms
