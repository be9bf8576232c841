"""Time as a recording tells it: it stands still while anybody works, and jumps when nobody does."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from typing_extensions import override

from edge.contract.errors import Refused
from edge.runtime.system_clock import SystemClock

T = TypeVar("T")

_QUIET_TURNS: Final = 100
"""Turns of the loop in which nobody touched clock, line or ports: everybody waits."""
_TURNS_MAX: Final = 1_000_000
_THREAD_LOOK_S: Final = 0.001


class _Timer:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.over = False


class ReplayClock:
    """`Clock` that begins at `start_ms` (since 1970 UTC) and goes on only when told to.

    `touched` counts what anybody did; ports and lines add to it.
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = float(start_ms)
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._real = SystemClock()
        self.touched = 0

    def now_ms(self) -> int:
        """Return the recorded time."""
        return int(self._now_ms)

    def monotonic_ms(self) -> int:
        """Return the recorded time; it never goes back."""
        return int(self._now_ms)

    async def sleep(self, seconds: float) -> None:
        """Return after this much recorded time."""
        self.touched += 1
        if seconds <= 0:
            await self._real.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self._at(seconds, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.over = True
            self.touched += 1

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        """Raise TimeoutError after this much recorded time; None never does."""
        self.touched += 1
        async with self._real.timeout(None) as limit:
            timer: _Timer | None = None
            if seconds is not None:
                loop = asyncio.get_running_loop()
                timer = self._at(seconds, lambda: limit.reschedule(loop.time()))
            try:
                yield limit
            finally:
                if timer is not None:
                    timer.over = True
                self.touched += 1

    def _at(self, seconds: float, call: Callable[[], None]) -> _Timer:
        timer = _Timer(call)
        heapq.heappush(self._timers, (self._now_ms + seconds * 1000, next(self._order), timer))
        return timer

    def next_ms(self) -> float | None:
        """Return when somebody wants to be woken next; None when nobody does."""
        while self._timers and self._timers[0][2].over:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def jump(self) -> None:
        """Go to the next instant somebody waits for and wake them."""
        at_ms, _, timer = heapq.heappop(self._timers)
        self.at_least(at_ms)
        timer.call()

    def at_least(self, at_ms: float) -> None:
        """Let it be this late, if it is not later already."""
        self._now_ms = max(self._now_ms, at_ms)


class CountedThreads(ThreadPoolExecutor):
    """The loop's threads, when it must be known whether one is at work."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="replay")
        self._futures: list[Future[Any]] = []

    @override
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run something; see `Executor.submit`."""
        future = super().submit(fn, *args, **kwargs)
        self._futures.append(future)
        return future

    @property
    def busy(self) -> bool:
        """Whether something runs, or has ended since this was asked last."""
        before = len(self._futures)
        self._futures = [future for future in self._futures if not future.done()]
        return before > 0


async def come_to_rest(clock: ReplayClock, threads: CountedThreads) -> None:
    """Return once everybody waits for time to pass or for the device to speak.

    Raises Refused when that never happens.
    """
    real, seen, turns = SystemClock(), -1, 0
    while True:
        if threads.busy:
            await real.sleep(_THREAD_LOOK_S)
        elif seen == clock.touched:
            return
        seen = clock.touched
        for _ in range(_QUIET_TURNS):
            await real.sleep(0)
        turns += _QUIET_TURNS
        if turns > _TURNS_MAX:
            raise Refused("never_rests", "The driver never waits for anything: it spins.")
