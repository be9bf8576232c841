"""The machine's clock behind the contract's `Clock`."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Wall clock and monotonic clock of this machine, and the loop's sleep and timeout."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds since some start; never goes back."""
        return time.monotonic_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Return after this long."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Return a context manager that raises TimeoutError after this long; None never does."""
        return asyncio.timeout(seconds)
