"""A clock that a test moves by hand: nothing sleeps, nothing waits for luck."""

from __future__ import annotations

import asyncio


class HandClock:
    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_ms = 1_000
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []
        self._timeouts: list[tuple[int, asyncio.Timeout]] = []

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_ms(self) -> int:
        return self._monotonic_ms

    @property
    def waiting(self) -> int:
        """How many sleeps and timeouts wait for the clock to move."""
        return len(self._sleepers) + len(self._timeouts)

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic_ms + int(seconds * 1000), future))
        await future

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        timeout = asyncio.timeout(None)
        if seconds is not None:
            self._timeouts.append((self._monotonic_ms + int(seconds * 1000), timeout))
        return timeout

    def step_wall_clock(self, milliseconds: int) -> None:
        """Let the wall clock jump; the monotonic one does not notice."""
        self._now_ms += milliseconds

    def advance(self, seconds: float) -> None:
        """Let time pass; whoever waited long enough goes on."""
        self._now_ms += int(seconds * 1000)
        self._monotonic_ms += int(seconds * 1000)
        now = self._monotonic_ms
        due = [future for at, future in self._sleepers if at <= now]
        self._sleepers = [each for each in self._sleepers if each[0] > now]
        for future in due:
            if not future.done():
                future.set_result(None)
        expired = [timeout for at, timeout in self._timeouts if at <= now]
        self._timeouts = [each for each in self._timeouts if each[0] > now]
        for timeout in expired:
            try:
                timeout.reschedule(asyncio.get_running_loop().time() - 1)
            except RuntimeError:  # it ended long ago
                continue
