"""When a host looks at what is plugged in again: every few seconds, and soon after news.

The kernel's news of a device is older than its names: udev makes those a moment later. So
three looks follow the news: once it is quiet, and twice soon after. While news goes on and on
(a hub with a loose plug) the looks come ever more slowly, down to as often as without news.
"""

from __future__ import annotations

import asyncio
from typing import Final

from edge.contract.device_limits import FIND_EVERY_S, FIND_SETTLE_S
from edge.contract.instant import Clock

_LOOKS_MORE: Final = 2


class LookAgain:
    """Paces the looks of one host. `news` may be called at any time, from the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._news = asyncio.Event()
        self._settle_s = FIND_SETTLE_S
        self._more = 0

    def news(self) -> None:
        """Say that something came, went or changed."""
        self._news.set()

    async def wait(self) -> None:
        """Return when it is time for the next look."""
        patience_s = FIND_SETTLE_S * 2 if self._more else FIND_EVERY_S
        try:
            async with self._clock.timeout(patience_s):
                _ = await self._news.wait()
        except TimeoutError:
            self._more = max(0, self._more - 1)
            self._settle_s = FIND_SETTLE_S
            return
        await self._clock.sleep(self._settle_s)
        self._settle_s = min(2 * self._settle_s, FIND_EVERY_S)
        self._news.clear()
        self._more = _LOOKS_MORE
