"""What the box holds of its price books, told to head office whenever it is something else."""

from __future__ import annotations

from dataclasses import dataclass

from edge.contract.instant import Clock
from edge.contract.limits import BACKOFF_MS_MAX, BACKOFF_MS_MIN
from edge.runtime.structured_log import Log
from sync.replicator.edge_client import EdgeClient
from sync.replicator.office_link import OfficeLink
from sync.replicator.troubles import EdgeRefused, EdgeUnreachable


@dataclass(frozen=True)
class BookReports:
    """Carries it in a task of its own, unread; nothing else waits for it."""

    edge: EdgeClient
    office: OfficeLink
    clock: Clock
    log: Log

    async def run(self) -> None:
        """Carry until cancelled, or until the box says that it tells no such thing."""
        known = ""
        while True:
            asked_ms = self.clock.monotonic_ms()
            try:
                carried = await self.edge.books(known)
            except EdgeRefused as error:
                self.log.warning("books_refused", code=error.code, reason=str(error))
                return
            except EdgeUnreachable as error:
                # whoever carries sales finds out whether edge is there at all
                self.log.warning("books_unanswered", code=error.code, reason=str(error))
                await self.clock.sleep(BACKOFF_MS_MAX / 1000)
                continue
            if carried is not None and carried.state != known:
                await self.office.pass_on(bytes(carried.held))
                known = carried.state
            elif self.clock.monotonic_ms() - asked_ms < BACKOFF_MS_MIN:
                # whoever does not let us wait would have us ask without end
                await self.clock.sleep(BACKOFF_MS_MIN / 1000)
