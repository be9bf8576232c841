"""What follows when articles or prices are others: by a page from head office, or by the clock.

A price book lies on the disk long before it holds. Which one does is asked of the clock at every
sale that is opened, so nothing has to happen at the instant itself for prices to be right, and a
box that was off, or set its clock, is right as well. Screens alone have to be told.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from edge.contract.instant import Clock
from edge.contract.limits import CLOCK_WATCH_S
from edge.contract.reference_data import Feed, FeedPage
from edge.flows.book_readiness import BookReadiness
from edge.flows.till import TillViews
from edge.ledger.event_log import BusinessCalendar, Ledger
from edge.reference.store import ReferenceStore
from edge.runtime.structured_log import Log


@dataclass
class ReferenceNews:
    """Tells the ledger its calendar, the tills their prices, and `sync` which books are there."""

    reference: ReferenceStore
    readiness: BookReadiness
    ledger: Ledger
    views: TillViews
    clock: Clock
    log: Log
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def feed_taken(self, page: FeedPage) -> None:
        """Hear that a page of a feed is on the disk."""
        if page.feed is Feed.CONFIG:
            self.ledger.calendar = calendar_of(self.reference)
        self.views.publish_all()
        self.readiness.taken(page)
        self._news.set()

    async def run(self) -> None:
        """Show new prices at the instant that they hold from, until cancelled.

        The clock may be set while nobody looks: at most `CLOCK_WATCH_S` pass until that is seen.
        """
        shown = self.reference.price_book(self.clock.now_ms())
        while True:
            self._news.clear()
            now = self.clock.now_ms()
            book = self.reference.price_book(now)
            if book != shown:
                shown = book
                self.log.info("price_book_holds", book=book)
                self.views.publish_all()
            ahead = self.reference.next_book_at(now)
            wait_s = CLOCK_WATCH_S if ahead is None else min(CLOCK_WATCH_S, (ahead - now) / 1000)
            try:
                async with self.clock.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                continue


def calendar_of(reference: ReferenceStore) -> BusinessCalendar:
    """Return the calendar of the store's time zone; that of UTC while no store is known."""
    if not reference.has_store:
        return BusinessCalendar(ZoneInfo("UTC"))
    store = reference.store
    return BusinessCalendar(ZoneInfo(store.time_zone), store.day_starts_at_hour)
