"""Says what the box holds of its price books, whenever that may be something else than before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from edge.contract.book_readiness import BooksWaiting
from edge.contract.instant import Clock
from edge.contract.limits import BOOK_CLOCK_OFF_MS_MAX, BOOK_SAID_MS, LINK_WAIT_S
from edge.contract.reference_data import Feed, FeedPage
from edge.reference.store import ReferenceStore


@dataclass
class BookReadiness:
    """Answers `sync`, which names the state that it was told last.

    While a feed comes in pages nothing is said: each page would have all prices read again.
    `run` names this run of the box: no other's states are mistaken for its own.
    """

    reference: ReferenceStore
    clock: Clock
    run: str
    _changes: int = 0
    _closing: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def taken(self, page: FeedPage) -> None:
        """Hear that a page of a feed is on the disk."""
        if page.feed in {Feed.CONFIG, Feed.PRICE} and not page.more:
            self._changes += 1
            self._news.set()

    def close(self) -> None:
        """Let nobody wait any more: the box is stopping."""
        self._closing = True
        self._news.set()

    @property
    def state(self) -> str:
        """Name what would be said now: another name once reference data or the clock jumped."""
        offset = (self.clock.now_ms() - self.clock.monotonic_ms()) // BOOK_CLOCK_OFF_MS_MAX
        return f"{self.run}.{self._changes}.{offset}"

    async def next(self, known: str, *, wait_s: float) -> BooksWaiting | None:
        """Return the state's name and what is held; None when `known` is still it in the end."""
        try:
            async with self.clock.timeout(min(wait_s, LINK_WAIT_S)):
                while self.state == known and not self._closing:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        state = self.state
        if state == known or self._closing:
            return None
        held = await self.reference.books_held(self.clock.now_ms() - BOOK_SAID_MS)
        return BooksWaiting(state, held)
