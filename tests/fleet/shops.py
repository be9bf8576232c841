"""A process with many simulated shops: wishes come in as lines of JSON, answers go out so.

python -m tests.fleet.shops
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import sys
import time
from collections import Counter
from typing import Any

from edge.runtime.keys import VerifyingKey
from edge.runtime.structured_log import Log
from edge.runtime.system_clock import SystemClock
from tests.fleet.simulated_shop import Customers, SimulatedShop

_CUSTOMERS_STOP_S = 5.0


class Silent(io.TextIOBase):
    """Where the replicators' logs go; their troubles are kept by the shops."""

    def write(self, text: str) -> int:
        return len(text)


class Shops:
    """The shops of this process, and what may be wished of them: each public method."""

    def __init__(self) -> None:
        self._shops: dict[int, SimulatedShop] = {}
        self._selling: list[asyncio.Task[None]] = []

    async def open(
        self, numbers: list[int], office_key: str, url: str, poison: dict[str, list[int]]
    ) -> int:
        """Build shops that do not replicate yet."""
        clock = SystemClock()
        log = Log(Silent(), clock, {})
        packing = asyncio.Lock()
        key = VerifyingKey.from_hex(office_key)
        for number in numbers:
            bad = frozenset(poison.get(str(number), []))
            self._shops[number] = SimulatedShop(number, key, url, clock, log, packing, bad)
        gc.freeze()
        return len(self._shops)

    async def start(self, numbers: list[int]) -> None:
        """Let shops replicate."""
        for shop in self._of(numbers):
            shop.start()

    async def stop(self, numbers: list[int]) -> None:
        """End the replication of shops; they may sell on."""
        await asyncio.gather(*(shop.stop() for shop in self._of(numbers)))

    async def sell(self, numbers: list[int], each: int) -> None:
        """Ring up a number of sales in each shop, at once."""
        for shop in self._of(numbers):
            shop.sell(each)
            await asyncio.sleep(0)

    async def customers(self, numbers: list[int], per_s: float, seed: int) -> None:
        """Have customers come to these shops from now on."""
        shops = self._of(numbers)
        if shops and per_s:
            self._selling.append(asyncio.create_task(Customers(shops, per_s, seed).come()))

    async def no_customers(self) -> None:
        """Nobody comes any more."""
        for task in self._selling:
            task.cancel()
        await asyncio.gather(*self._selling, return_exceptions=True)
        self._selling.clear()

    async def measure(self) -> float:
        """Begin a window: what was measured before is forgotten."""
        for shop in self._shops.values():
            shop.measure_from_here()
        return time.monotonic()

    async def measure_sales(self, numbers: list[int]) -> None:
        """Begin to measure how long sales of these shops wait."""
        for shop in self._of(numbers):
            shop.measure_sales_from_here()

    async def look(self, numbers: list[int]) -> dict[str, Any]:
        """Say in short how shops stand."""
        shops = self._of(numbers)
        return {
            "in_step": sum(shop.is_in_step for shop in shops),
            "linked": sum(shop.lines.open_now for shop in shops),
            "greeted": sum(shop.pages > 0 or shop.acks > 0 for shop in shops),
            "sales": sum(shop.chain.sales for shop in shops),
            "faults": [fault for shop in shops for fault in shop.faults][:10],
        }

    async def window(self, numbers: list[int]) -> dict[str, Any]:
        """Return what was measured in this window, by shop."""
        shops = self._of(numbers)
        return {
            "waits_ms": {shop.number: list(map(_short, shop.waits_ms)) for shop in shops},
            "waiting_s": {shop.number: round(shop.waiting_s, 3) for shop in shops},
            "opened": {shop.number: shop.lines.opened for shop in shops},
            "most": {shop.number: shop.lines.most for shop in shops},
            "tries": {shop.number: shop.lines.tries for shop in shops},
            "came_s": {shop.number: shop.lines.came_s for shop in shops},
            "waited": sum(shop.lines.waited for shop in shops),
            "turns": sum(shop.lines.turns for shop in shops),
            "troubles": Counter(words for shop in shops for words in shop.troubles).most_common(8),
        }

    async def truth(self, numbers: list[int]) -> dict[int, Any]:
        """Return what each shop sold, as head office should have it."""
        found = {}
        for shop in self._of(numbers):
            chain = shop.chain
            good = [index for index in range(chain.sales) if index not in chain.poison]
            found[shop.number] = {
                "seq": chain.last_seq,
                "hash": chain.hash_behind(chain.sales).hex(),
                "accepted": shop.accepted_seq,
                "sales": chain.sales,
                "good": len(good),
                "total_minor": sum(map(chain.total_minor, good)),
            }
        return found

    def _of(self, numbers: list[int]) -> list[SimulatedShop]:
        if not numbers:
            return list(self._shops.values())
        return [self._shops[number] for number in numbers if number in self._shops]


def _short(wait_ms: float) -> float:
    return round(wait_ms, 2)


async def main() -> None:
    """Answer wishes until the other end closes."""
    shops = Shops()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        wish = json.loads(line)
        name = wish.pop("wish")
        try:
            answer = {"answer": await getattr(shops, name)(**wish)}
        except Exception as error:  # noqa: BLE001 - the other end of the pipe raises it
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)
    await shops.no_customers()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CUSTOMERS_STOP_S):
            await shops.stop([])


if __name__ == "__main__":
    asyncio.run(main())
