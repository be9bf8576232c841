"""The wall clock against the monotonic one: a jump is recorded. Order never depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.instant import Clock
from edge.contract.limits import (
    CLOCK_STEP_MS_MIN,
    CLOCK_WATCH_S,
)
from edge.contract.system_events import ClockStepped
from edge.ledger.event_log import Ledger
from edge.ledger.records import Record
from edge.runtime.structured_log import Log


@dataclass
class ClockWatch:
    """Records jumps of the wall clock of `CLOCK_STEP_MS_MIN` or more.

    `stepped_ms` and `stepped_at` are the last one, by how much and when it was seen; 0 for none.
    """

    ledger: Ledger
    clock: Clock
    log: Log
    stepped_ms: int = 0
    stepped_at: int = 0

    async def run(self) -> None:
        """Compare every `CLOCK_WATCH_S`, until cancelled."""
        offset = self.clock.now_ms() - self.clock.monotonic_ms()
        while True:
            await self.clock.sleep(CLOCK_WATCH_S)
            now = self.clock.now_ms() - self.clock.monotonic_ms()
            step, offset = now - offset, now
            if abs(step) >= CLOCK_STEP_MS_MIN:
                self.stepped_ms, self.stepped_at = step, self.clock.now_ms()
                self.log.warning("clock_stepped", by_ms=step)
                await self.ledger.record(Record((ClockStepped(by_ms=step),)))
