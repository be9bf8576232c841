"""Clocks for tests: one that jumps by itself (`VirtualClock`), one that stands still."""

from __future__ import annotations

import asyncio

from tests.devices.virtual_clock import VirtualClock

__all__ = ["FakeClock", "VirtualClock"]


class FakeClock:
    """`Clock` that stands still until told; sleeping moves it on at once and is kept."""

    def __init__(self, at_ms: int = 1_795_000_000_000) -> None:
        self.at_ms = at_ms
        self.elapsed_ms = 0
        self.slept_s: list[float] = []

    def now_ms(self) -> int:
        return self.at_ms + self.elapsed_ms

    def monotonic_ms(self) -> int:
        return self.elapsed_ms

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.elapsed_ms += round(seconds * 1000)
        await asyncio.sleep(0)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return asyncio.timeout(seconds)
