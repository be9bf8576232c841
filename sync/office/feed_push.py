"""Pages of feeds on their way to one box: in order, one of a feed at a time.

A page that the box refuses is cut in half until the one item is found that it cannot take.
That one steps aside, with the box's reason as an alarm of the store, and the feed goes on
behind it. It is tried again in the next session, for a box may have learnt meanwhile.

What is urgent goes at once. All else together is under way in small amounts, larger ones on a
line that proved quick: so nothing urgent waits long behind a catalogue that fills a slow line.
Where a month's allowance is spent, only what a shop cannot do without goes down.

A box that lacks most of a feed gets it as a snapshot instead (`snapshot_push`), within the same
amounts and in the same order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec.structs import replace

from edge.contract.feed_snapshots import SnapshotDown, SnapshotHeld
from edge.contract.instant import Clock
from edge.contract.limits import (
    FEED_BYTES_AHEAD_FIRST,
    FEED_BYTES_AHEAD_MIN,
    FEED_ITEMS_PER_PAGE,
    FEED_PAGE_BYTES_MAX,
    FEED_PAGE_QUICK_MS,
    FEED_REASON_CHARS_MAX,
    FEED_TAKEN_MS_MAX,
)
from edge.contract.line_class import LineClass
from edge.contract.reference_data import Feed, FeedPage
from edge.contract.replication import NOT_BELIEVED, FeedRefused, FeedTaken
from edge.contract.snapshot_limits import (
    FEED_PACKED_ITEMS_MIN,
    FEED_PACKED_RATIO,
    FEED_PACKED_RATIO_MAX,
)
from sync.appending.denial import DeniedError, out_of_turn
from sync.office.feeds import Feeds
from sync.office.page_packer import PagePacker
from sync.office.snapshot_push import SnapshotPush

_WAITING_WHEN_SPENT: Final = frozenset({Feed.CATALOGUE, Feed.CUSTOMER, Feed.COUPON})
"""New goods, customers and campaigns: a shop sells on without them until the month is over."""


class _UnderWay(msgspec.Struct, frozen=True):
    """A page that was sent: the cursor that it leads to, since when, and its items' keys."""

    next: int
    since_ms: int
    keys: tuple[str, ...]
    size: int


@dataclass(eq=False)
class FeedPush:
    """What one box has of each feed, and what is under way. `news` wakes the sender.

    `searches` is shared by all boxes: a change for all of them does not keep head office from
    what they send.
    `refusals` are the items that it cannot take, with its words, until it takes another value.
    `line` is what its line costs. `packer` and `snapshots` are for a box that hears them.
    """

    feeds: Feeds
    slug: str
    cursors: dict[Feed, int]
    clock: Clock
    sign: Callable[[str, FeedPage], FeedPage]
    """Signs a page for a store."""
    searches: asyncio.Semaphore
    line: LineClass = LineClass.OPEN
    packer: PagePacker | None = None
    snapshots: SnapshotPush | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    refusals: dict[tuple[Feed, str], str] = field(default_factory=dict)
    _under_way: dict[Feed, _UnderWay] = field(default_factory=dict)
    _changed: set[Feed] = field(init=False)
    _bytes_ahead: int = FEED_BYTES_AHEAD_FIRST
    _confirmed: dict[Feed, int] = field(default_factory=dict)
    """The cursors that the box itself has named; `cursors` pass over what is for others, too."""
    _items_max: dict[Feed, int] = field(default_factory=dict)
    """Of feeds of which a page was refused, until all behind it was taken."""
    _ratios: dict[Feed, float] = field(default_factory=dict)
    """How much smaller the last page of a feed was when packed."""

    def __post_init__(self) -> None:
        """Begin from what the box said, and look through every feed."""
        self._confirmed = dict(self.cursors)
        self._changed = set(self.cursors)

    def changed(self, feed: Feed) -> None:
        """Take that there may be something new in a feed."""
        if feed in self.cursors:
            self._changed.add(feed)
            self.news.set()

    def line_is(self, line: LineClass) -> None:
        """Take what the box's line costs from now on."""
        self.line = line
        self.news.set()

    async def due(self) -> AsyncIterator[FeedPage | SnapshotDown | bytes]:
        """Give what may be sent now, of one page or one part of a snapshot a feed at most."""
        now = self.clock.monotonic_ms()
        for feed in self.cursors:
            # a page of which nothing was heard is tried again when something changed
            awaited = self._awaited(now)
            if feed in awaited:
                continue
            ahead = sum(size for at, size in awaited.items() if at is not Feed.URGENT)
            if ahead >= self._bytes_ahead and feed is not Feed.URGENT:
                continue
            in_chunks = self.snapshots is not None and self.snapshots.has(feed)
            if not in_chunks and feed not in self._under_way and feed not in self._changed:
                continue
            if self.line is LineClass.SPENT and feed in _WAITING_WHEN_SPENT:
                continue
            if self.snapshots is not None and in_chunks:
                part = await self.snapshots.next(feed, self._bytes_ahead)
                if part is not None:
                    yield part
                    continue
            self._changed.discard(feed)
            async with self.searches:
                page = await self._page(feed)
            if (
                page.more
                and self.snapshots is not None
                and await self.snapshots.begin(feed, self.cursors[feed], page.next)
            ):
                continue
            if page.items:
                yield self._sent(page, now)
            else:
                self.cursors[feed] = max(self.cursors[feed], page.next)

    async def _page(self, feed: Feed) -> FeedPage:
        bytes_max = self._bytes_ahead
        if self.packer is not None:
            bytes_max = int(bytes_max * self._ratios.get(feed, FEED_PACKED_RATIO))
        return await self.feeds.page(
            feed,
            self.cursors[feed],
            scope=self.slug,
            items_max=self._items_max.get(feed, FEED_ITEMS_PER_PAGE),
            bytes_max=min(bytes_max, FEED_PAGE_BYTES_MAX),
        )

    def _sent(self, page: FeedPage, now: int) -> FeedPage | bytes:
        """Note that a page is under way; return it signed, and packed where that is worth it."""
        signed = self.sign(self.slug, replace(page, after=self._confirmed[page.feed]))
        size = _bytes_of(page)
        message: FeedPage | bytes = signed
        if self.packer is not None and len(page.items) >= FEED_PACKED_ITEMS_MIN:
            message = self.packer.packed(signed)
            ratio = max(1.0, min(size / len(message), FEED_PACKED_RATIO_MAX))
            self._ratios[page.feed] = ratio
            fitting = int(len(page.items) * self._bytes_ahead / len(message))
            if fitting < len(page.items) and fitting >= FEED_PACKED_ITEMS_MIN:
                # more than may be under way: what is urgent would wait behind it
                items = page.items[:fitting]
                return self._sent(replace(page, items=items, next=items[-1].cursor, more=True), now)
            size = len(message)
        keys = tuple(item.key for item in page.items)
        self._under_way[page.feed] = _UnderWay(page.next, now, keys, size)
        return message

    def taken(self, said: FeedTaken) -> None:
        """Take that a page is on the box's disk. Raises DeniedError when it cannot be."""
        snapshot_at = None if self.snapshots is None else self.snapshots.cursor(said.feed)
        if self.snapshots is not None and snapshot_at is not None and said.cursor >= snapshot_at:
            self.snapshots.taken(said.feed)
            _ = self._under_way.pop(said.feed, None)
            for place in [each for each in self.refusals if each[0] is said.feed]:
                del self.refusals[place]
        else:
            under_way = self._expected(said.feed)
            if said.cursor < under_way.next:
                raise DeniedError(
                    "feed_not_taken",
                    f"The box took feed {said.feed} to {said.cursor}, not to {under_way.next}.",
                )
            del self._under_way[said.feed]
            self._measure(self.clock.monotonic_ms() - under_way.since_ms, under_way.size)
            for key in under_way.keys if self.refusals else ():
                self.refusals.pop((said.feed, key), None)
        self.cursors[said.feed] = self._confirmed[said.feed] = said.cursor
        if said.feed in self._items_max:
            self._items_max[said.feed] = min(self._items_max[said.feed] * 2, FEED_ITEMS_PER_PAGE)
        self.changed(said.feed)

    def held(self, said: SnapshotHeld) -> None:
        """Take what the box holds of a snapshot."""
        measured = None if self.snapshots is None else self.snapshots.heard(said)
        if measured is not None:
            self._measure(*measured)
            self.news.set()

    def refused(self, said: FeedRefused) -> str:
        """Take that a page was refused; return what a person has to know, or nothing yet."""
        snapshots = self.snapshots
        in_chunks = snapshots is not None and said.cursor == snapshots.cursor(said.feed)
        under_way = None if in_chunks else self._expected(said.feed)
        if under_way is not None and said.cursor != under_way.next:
            out_of_turn()
        if said.code in NOT_BELIEVED:
            # nothing in it is wrong: it is sent again with the next change, once this is looked at
            return (
                f"The box of store {self.slug} does not believe what it is sent of feed "
                f"{said.feed}: {said.reason[:FEED_REASON_CHARS_MAX]} Its prices stay as they are. "
                "Compare head office's key with the one in the box's settings."
            )
        if under_way is None:
            # what is wrong with it is found in pages
            if snapshots is not None:
                snapshots.refused(said)
            self.changed(said.feed)
            return ""
        del self._under_way[said.feed]
        self.changed(said.feed)
        if len(under_way.keys) > 1:
            self._items_max[said.feed] = len(under_way.keys) // 2
            return ""
        self.cursors[said.feed] = under_way.next
        reason = said.reason[:FEED_REASON_CHARS_MAX]
        if len(self.refusals) < FEED_ITEMS_PER_PAGE:
            self.refusals[said.feed, under_way.keys[0]] = reason
        return (
            f"The box of store {self.slug} refuses {under_way.keys[0]!r} of feed {said.feed}: "
            f"{reason} It goes on without; correct it, or update "
            "the box."
        )

    def _awaited(self, now: int) -> dict[Feed, int]:
        pages = {
            feed: each.size
            for feed, each in self._under_way.items()
            if now - each.since_ms <= FEED_TAKEN_MS_MAX
        }
        return pages if self.snapshots is None else pages | self.snapshots.awaited(now)

    def _measure(self, took_ms: int, size: int) -> None:
        """Let more be under way on a line that proved quick with this much, less on a slow one."""
        if took_ms > 2 * FEED_PAGE_QUICK_MS:
            self._bytes_ahead = max(self._bytes_ahead // 2, FEED_BYTES_AHEAD_MIN)
        elif took_ms <= FEED_PAGE_QUICK_MS and 2 * size >= self._bytes_ahead:
            self._bytes_ahead = min(self._bytes_ahead * 2, FEED_PAGE_BYTES_MAX)

    def _expected(self, feed: Feed) -> _UnderWay:
        under_way = self._under_way.get(feed)
        return out_of_turn() if under_way is None else under_way


def _bytes_of(page: FeedPage) -> int:
    return sum(len(item.key) + len(bytes(item.value)) for item in page.items)
