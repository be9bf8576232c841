"""Snapshots of feeds on their way to edge: offers, bundles of chunks, and steps until applied.

Beside pages, in a task of its own: a stop-sell does not wait until a catalogue is applied.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.errors import ProtocolViolation
from edge.contract.feed_snapshots import SnapshotStanding, SnapshotStep, opened_bundle
from edge.contract.reference_data import Feed
from edge.contract.replication import FeedRefused, FeedTaken
from edge.contract.snapshot_limits import SNAPSHOT_WORDS_WAITING_MAX
from edge.runtime.bounded_queue import BoundedQueue
from edge.runtime.structured_log import Log
from sync.replicator.edge_client import EdgeClient
from sync.replicator.handover import PageHandover
from sync.replicator.office_link import (
    BundleCarried,
    FeedCarried,
    OfficeLink,
    SnapshotCarried,
)
from sync.replicator.troubles import EdgeRefused


class _Place(msgspec.Struct, frozen=True):
    """All that is read of an offer here: to name it where edge refuses it."""

    feed: Feed
    cursor: int


_PLACE: Final = msgspec.json.Decoder(_Place)
Word = SnapshotCarried | BundleCarried


@dataclass
class SnapshotHandover:
    """Each offer and bundle is answered with what edge holds by then, or that it is taken."""

    edge: EdgeClient
    office: OfficeLink
    log: Log
    _words: BoundedQueue[Word] = field(
        default_factory=lambda: BoundedQueue(SNAPSHOT_WORDS_WAITING_MAX)
    )
    _room: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(SNAPSHOT_WORDS_WAITING_MAX)
    )
    _offered: dict[Feed, int] = field(default_factory=dict)
    """The cursor of the newest offer of each feed."""
    _applying: deque[SnapshotStep] = field(default_factory=deque)

    async def put(self, word: Word) -> None:
        """Take a message; waits only while `SNAPSHOT_WORDS_WAITING_MAX` of them wait already."""
        await self._room.acquire()
        self._words.put_nowait(word)

    async def run(self) -> None:
        """Hand them over until cancelled; in between, have what is all there applied."""
        while True:
            if self._applying and not len(self._words):
                await self._apply(self._applying.popleft())
                continue
            word = await self._words.get()
            self._room.release()
            await (self._offer(word) if isinstance(word, SnapshotCarried) else self._bundle(word))

    async def _offer(self, word: SnapshotCarried) -> None:
        try:
            place = _PLACE.decode(word.offer)
        except msgspec.MsgspecError:
            return  # a feed of a newer head office: it learns of that by this box's version
        self._offered[place.feed] = place.cursor
        try:
            standing = await self.edge.offer_snapshot(word.offer)
        except EdgeRefused as error:
            await self._refuse(place.feed, error)
        else:
            await self._go_on(standing)

    async def _bundle(self, word: BundleCarried) -> None:
        try:
            feed = opened_bundle(word.bundle).feed
        except ProtocolViolation as error:
            self.log.warning("bundle_malformed", reason=str(error))
            raise
        try:
            standing = await self.edge.take_bundle(word.bundle)
        except EdgeRefused as error:
            await self._refuse(feed, error)
        else:
            await self._go_on(standing)

    async def _apply(self, step: SnapshotStep) -> None:
        try:
            standing = await self.edge.apply_snapshot(step)
        except EdgeRefused as error:
            await self._refuse(step.feed, error)
        else:
            await self._go_on(standing, said=True)

    async def _go_on(self, standing: SnapshotStanding, *, said: bool = False) -> None:
        held = standing.held
        if standing.taken:
            await self.office.say(FeedTaken(held.feed, standing.cursor))
            return
        if standing.missing or not said:
            await self.office.say(held)
        step = SnapshotStep(held.feed, held.root)
        if not standing.missing and step not in self._applying:
            self._applying.append(step)

    async def _refuse(self, feed: Feed, error: EdgeRefused) -> None:
        self.log.warning("snapshot_refused", feed=feed, code=error.code, reason=str(error))
        if feed in self._offered:
            cursor = self._offered[feed]
            await self.office.say(FeedRefused(feed, cursor, error.code, error.message))


@dataclass(frozen=True)
class FeedHandover:
    """Everything of feeds that comes down, on its way to edge."""

    pages: PageHandover
    snapshots: SnapshotHandover

    async def put(self, word: FeedCarried | Word) -> None:
        """Take a message; waits only while too many of its kind wait already."""
        if isinstance(word, FeedCarried):
            await self.pages.put(word)
        else:
            await self.snapshots.put(word)
