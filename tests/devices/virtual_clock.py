"""A clock that jumps: when every task waits, it goes to the next instant somebody waits for.

Only for code that waits on this clock and on memory: while a thread or a socket is busy,
nothing here knows it, so the jump waits for `settle_s` of real silence first.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

SETTLE_S = 0.001
YIELDS = 50


class VirtualClock:
    """`Clock` for tests; `async with clock.running():` lets it jump by itself."""

    def __init__(self, start_ms: int = 1_795_000_000_000, settle_s: float = SETTLE_S) -> None:
        self._start_ms = start_ms
        self._elapsed_s = 0.0
        self._settle_s = settle_s
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []

    def now_ms(self) -> int:
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_ms(self) -> int:
        return round(self._elapsed_s * 1000)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done = asyncio.get_running_loop().create_future()
        self._at(seconds, lambda: None if done.done() else done.set_result(None))
        await done

    @asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(None) as limit:
            over = False

            def expire() -> None:
                if not over:
                    limit.reschedule(asyncio.get_running_loop().time())

            if seconds is not None:
                self._at(seconds, expire)
            try:
                yield limit
            finally:
                over = True

    def _at(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._waiting, (self._elapsed_s + seconds, next(self._order), call))

    async def advance(self, seconds: float) -> None:
        """Let this much time pass, waking everybody in order, each at his instant."""
        until = self._elapsed_s + seconds
        await self._settle()
        while self._waiting and self._waiting[0][0] <= until:
            self._jump()
            await self._settle()
        self._elapsed_s = until

    def _jump(self) -> None:
        at, _, call = heapq.heappop(self._waiting)
        self._elapsed_s = max(self._elapsed_s, at)
        call()

    async def _settle(self) -> None:
        for _ in range(YIELDS):
            await asyncio.sleep(0)
        await asyncio.sleep(self._settle_s)
        for _ in range(YIELDS):
            await asyncio.sleep(0)

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
            if self._waiting:
                self._jump()
