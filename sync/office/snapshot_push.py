"""Snapshots of feeds on their way to one box: offered, sent as far as it lacks them, applied.

The box says after each bundle what it holds by then; so a line that breaks anywhere costs one
bundle, and whatever the box has by other ways is not sent at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.contract.feed_snapshots import (
    SnapshotDown,
    SnapshotHeld,
    SnapshotOffer,
    bundle,
    missing_of,
)
from edge.contract.instant import Clock
from edge.contract.limits import FEED_TAKEN_MS_MAX
from edge.contract.reference_data import Feed
from edge.contract.replication import FeedRefused
from edge.contract.snapshot_limits import SNAPSHOT_APPLIED_MS_MAX, SNAPSHOT_BUNDLE_CHUNKS_MAX
from sync.office.feed_snapshots import IN_PAGES_ONLY, FeedSnapshots, Snapshot


@dataclass(eq=False)
class _Way:
    """A snapshot on its way. Nothing is awaited while it is made, or once `said` is answered."""

    snapshot: Snapshot | None = None
    held: SnapshotHeld | None = None
    since_ms: int = 0
    size: int = 0
    patience_ms: int = 0
    """How long the box may take to answer; 0 when nothing is awaited of it."""


@dataclass(eq=False)
class SnapshotPush:
    """What of snapshots is under way to one box. `wake` is called when one was made."""

    snapshots: FeedSnapshots
    slug: str
    sign: Callable[[str, SnapshotOffer], SnapshotOffer]
    clock: Clock
    wake: Callable[[Feed], None]
    _ways: dict[Feed, _Way] = field(default_factory=dict)
    _in_pages: set[Feed] = field(default_factory=lambda: set(IN_PAGES_ONLY))
    """Also those of which the box refused a snapshot: pages find the item that it cannot take."""
    _looked_upto: dict[Feed, int] = field(default_factory=dict)

    def has(self, feed: Feed) -> bool:
        """Say whether a snapshot of a feed is on its way."""
        return feed in self._ways

    def awaited(self, now: int) -> dict[Feed, int]:
        """Return of which feeds the box, or the disk, owes something, and the bytes under way."""
        return {
            feed: way.size
            for feed, way in self._ways.items()
            if way.snapshot is None or now - way.since_ms < way.patience_ms
        }

    async def begin(self, feed: Feed, cursor: int, upto: int) -> bool:
        """Begin a snapshot in place of the page that leads to `upto`, if one is worth it."""
        if feed in self._in_pages or upto <= self._looked_upto.get(feed, -1):
            return False
        distance = await self.snapshots.distance(feed, self.slug, cursor)
        # what comes later is looked at later
        self._looked_upto[feed] = upto + distance.behind
        if not distance.is_far:
            return False
        way = self._ways[feed] = _Way()

        def answer(snapshot: Snapshot | None) -> None:
            if snapshot is None:
                self._in_pages.add(feed)
                self._ways.pop(feed, None)
            way.snapshot = snapshot
            self.wake(feed)

        self.snapshots.ask(feed, self.slug, cursor, answer)
        return True

    async def next(self, feed: Feed, bytes_max: int) -> SnapshotDown | bytes | None:
        """Return what is sent next of a feed's snapshot; None when it has to be made anew."""
        way = self._ways[feed]
        snapshot, held = way.snapshot, way.held
        if snapshot is None:
            return None
        way.since_ms = self.clock.monotonic_ms()
        if held is None or way.patience_ms:
            # a box that did not answer in time is asked again what it has
            way.held = None
            way.size, way.patience_ms = 0, FEED_TAKEN_MS_MAX
            return SnapshotDown(self.sign(self.slug, snapshot.offer))
        blobs = await self._blobs(snapshot, held, bytes_max)
        if not blobs:
            del self._ways[feed]
            self._looked_upto.pop(feed, None)
            return None
        message = bundle(feed, held.root, blobs)
        way.size, way.patience_ms = len(message), FEED_TAKEN_MS_MAX
        return message

    async def _blobs(self, snapshot: Snapshot, held: SnapshotHeld, bytes_max: int) -> list[bytes]:
        lists = missing_of(held.lists, len(snapshot.offer.list_names))
        if lists:
            pieces = [snapshot.list_blob(place) for place in lists]
            return pieces[: _fitting([len(piece) for piece in pieces], bytes_max)]
        places = missing_of(held.chunks, snapshot.count)[:SNAPSHOT_BUNDLE_CHUNKS_MAX]
        sizes = await self.snapshots.sizes(snapshot, places)
        if len(sizes) < len(places):
            return []  # head office forgot some of it
        places = places[: _fitting(sizes, bytes_max)]
        packed = await self.snapshots.packed(snapshot, places)
        return packed if len(packed) == len(places) else []

    def heard(self, said: SnapshotHeld) -> tuple[int, int] | None:
        """Take what the box holds; return how long what was sent took, and how much it was.

        None where nothing was awaited: it answers what is over.
        """
        way = self._ways.get(said.feed)
        if way is None or way.snapshot is None or not way.patience_ms:
            return None
        offer = way.snapshot.offer
        if said.root != offer.root:
            return None
        now = self.clock.monotonic_ms()
        measured = now - way.since_ms, way.size
        way.held, way.since_ms, way.size, way.patience_ms = said, now, 0, 0
        if not missing_of(said.lists, len(offer.list_names)) and not missing_of(
            said.chunks, offer.count
        ):
            way.patience_ms = SNAPSHOT_APPLIED_MS_MAX
        return measured

    def cursor(self, feed: Feed) -> int | None:
        """Return which cursor the snapshot under way stands for; None without one."""
        way = self._ways.get(feed)
        return None if way is None or way.snapshot is None else way.snapshot.cursor

    def taken(self, feed: Feed) -> None:
        """Take that the box has applied it."""
        self._ways.pop(feed, None)

    def refused(self, said: FeedRefused) -> None:
        """Take that the box refuses what is in it: it gets pages."""
        _ = self._ways.pop(said.feed, None)
        self._in_pages.add(said.feed)


def _fitting(sizes: list[int], bytes_max: int) -> int:
    """Return how many of these come to no more than that together, one at least."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if count and total > bytes_max:
            return count
    return len(sizes)
