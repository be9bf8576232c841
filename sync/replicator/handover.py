"""What head office sends, on its way to edge: pages in order, acknowledgements newest only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.limits import (
    FEED_PAGES_WAITING_MAX,
)
from edge.contract.reference_data import Feed
from edge.contract.replication import Ack, FeedRefused, Kept
from edge.runtime.bounded_queue import BoundedQueue
from edge.runtime.structured_log import Log
from sync.replicator.edge_client import EdgeClient
from sync.replicator.office_link import FeedCarried, OfficeLink
from sync.replicator.troubles import EdgeRefused

_OF_THE_CONTENT: Final = frozenset({400, 409, 413, 422})
"""With these edge says no to the page itself, not to who asks."""


class _Place(msgspec.Struct, frozen=True):
    """All that is read of a page here, and only of one that was refused."""

    feed: Feed
    next: int


_PLACE: Final = msgspec.json.Decoder(_Place)


@dataclass
class PageHandover:
    """Pages of feeds: each is answered with FeedTaken once edge has it on disk.

    A page that edge refuses steps aside with a log line, and head office is told why when
    it hears that (`tells_refusals`); the next one is taken all the same, and nothing that
    goes up notices.
    """

    edge: EdgeClient
    office: OfficeLink
    log: Log
    tells_refusals: bool = False
    _pages: BoundedQueue[FeedCarried] = field(
        default_factory=lambda: BoundedQueue(FEED_PAGES_WAITING_MAX)
    )
    _room: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(FEED_PAGES_WAITING_MAX)
    )

    async def put(self, page: FeedCarried) -> None:
        """Take a page; waits only while `FEED_PAGES_WAITING_MAX` of them wait already."""
        await self._room.acquire()
        self._pages.put_nowait(page)

    async def run(self) -> None:
        """Hand pages over until cancelled."""
        while True:
            carried = await self._pages.get()
            self._room.release()
            try:
                taken = await self.edge.take_feed(carried.page)
            except EdgeRefused as error:
                self.log.warning("feed_refused", code=error.code, reason=str(error))
                if self.tells_refusals and error.status in _OF_THE_CONTENT:
                    await self._tell(carried, error)
            else:
                await self.office.say(taken)

    async def _tell(self, carried: FeedCarried, error: EdgeRefused) -> None:
        try:
            place = _PLACE.decode(carried.page)
        except msgspec.MsgspecError:
            return  # a feed of a newer head office: it learns of that by this box's version
        await self.office.say(FeedRefused(place.feed, place.next, error.code, error.message))


@dataclass
class AckHandover:
    """Acknowledgements: one that waits is replaced by the next, which says more."""

    edge: EdgeClient
    _newest: Ack | Kept | None = None
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, ack: Ack | Kept) -> None:
        """Take an acknowledgement that is not older than the one before."""
        self._newest = ack
        self._there.set()

    async def run(self) -> None:
        """Hand acknowledgements over until cancelled. Raises ReplicaFork, EdgeRefused."""
        while True:
            await self._there.wait()
            self._there.clear()
            ack, self._newest = self._newest, None
            if ack is not None:
                await self.edge.take_ack(ack)
