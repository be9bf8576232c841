"""A clock that jumps: when every task waits, it goes to the next instant somebody waits for.

Only for code that waits on this clock and on memory: nothing here knows of a thread or a
socket at work. Where there is one, `settle_s` of real silence comes before each jump.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

YIELDS_MAX = 100_000
"""More turns than any finite chain of callbacks takes: who spins for ever is told so."""


class Waiting:
    """Somebody who waits for an instant; `over` when he does not any more."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.over = False


class VirtualClock:
    """`Clock` for tests; `async with clock.running():` lets it jump by itself."""

    def __init__(self, start_ms: int = 1_795_000_000_000, settle_s: float = 0.0) -> None:
        self._start_ms = start_ms
        self._elapsed_s = 0.0
        self._settle_s = settle_s
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, Waiting]] = []

    def now_ms(self) -> int:
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_ms(self) -> int:
        return round(self._elapsed_s * 1000)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done = asyncio.get_running_loop().create_future()
        waiting = self._at(seconds, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            waiting.over = True

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(None) as limit:
            waiting: Waiting | None = None
            if seconds is not None:
                waiting = self._at(
                    seconds, lambda: limit.reschedule(asyncio.get_running_loop().time())
                )
            try:
                yield limit
            finally:
                if waiting is not None:
                    waiting.over = True

    def _at(self, seconds: float, call: Callable[[], None]) -> Waiting:
        waiting = Waiting(call)
        heapq.heappush(self._waiting, (self._elapsed_s + seconds, next(self._order), waiting))
        return waiting

    async def advance(self, seconds: float) -> None:
        """Let this much time pass, waking everybody in order, each at his instant."""
        until = self._elapsed_s + seconds
        await self._settle()
        while (at := self._next()) is not None and at <= until:
            self._jump()
            await self._settle()
        self._elapsed_s = until

    def _next(self) -> float | None:
        while self._waiting and self._waiting[0][2].over:
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def _jump(self) -> None:
        at, _, waiting = heapq.heappop(self._waiting)
        self._elapsed_s = max(self._elapsed_s, at)
        waiting.call()

    async def _settle(self) -> None:
        await self._turns()
        if self._settle_s:
            await asyncio.sleep(self._settle_s)
            await self._turns()

    async def _turns(self) -> None:
        """Return once nobody but this task has anything to do."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # CPython's own
        for _ in range(YIELDS_MAX):
            await asyncio.sleep(0)
            if not ready:
                return
        raise AssertionError("the loop never comes to rest")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[VirtualClock]:
        """Jump by itself as long as the block runs."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._settle()
            if self._next() is not None:
                self._jump()
            else:
                await asyncio.sleep(0.001)  # nobody waits for a time: a thread, or the end
