"""Pages of feeds on their way to one box: in order, one of a feed at a time.

A page that the box refuses is cut in half until the one item is found that it cannot take.
That one steps aside, with the box's reason as an alarm of the store, and the feed goes on
behind it. It is tried again in the next session, for a box may have learnt meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from edge.contract.instant import Clock
from edge.contract.limits import (
    FEED_ITEMS_PER_PAGE,
    FEED_REASON_CHARS_MAX,
    FEED_TAKEN_MS_MAX,
)
from edge.contract.reference_data import Feed, FeedPage
from edge.contract.replication import FeedRefused, FeedTaken
from sync.office.denial import DeniedError, out_of_turn
from sync.office.feeds import Feeds


class _UnderWay(msgspec.Struct, frozen=True):
    """A page that was sent: the cursor that it leads to, since when, and its items' keys."""

    next: int
    since_ms: int
    keys: tuple[str, ...]


@dataclass
class FeedPush:
    """What one box has of each feed, and what is under way. `news` wakes the sender.

    `searches` is shared by all boxes: a change for all of them does not keep head office from
    what they send.
    """

    feeds: Feeds
    slug: str
    cursors: dict[Feed, int]
    clock: Clock
    searches: asyncio.Semaphore
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: dict[Feed, _UnderWay] = field(default_factory=dict)
    _changed: set[Feed] = field(init=False)
    _items_max: dict[Feed, int] = field(default_factory=dict)
    """Of feeds of which a page was refused, until all behind it was taken."""

    def __post_init__(self) -> None:
        self._changed = set(self.cursors)

    def changed(self, feed: Feed) -> None:
        """Take that there may be something new in a feed."""
        if feed in self.cursors:
            self._changed.add(feed)
            self.news.set()

    async def due(self) -> AsyncIterator[FeedPage]:
        """Give the pages that may be sent now, one of each feed at most."""
        now = self.clock.monotonic_ms()
        for feed in self.cursors:
            under_way = self._under_way.get(feed)
            # a page of which nothing was heard is tried again when something changed
            if under_way is not None and now - under_way.since_ms <= FEED_TAKEN_MS_MAX:
                continue
            if under_way is None and feed not in self._changed:
                continue
            self._changed.discard(feed)
            async with self.searches:
                page = await self.feeds.page(
                    feed,
                    self.cursors[feed],
                    scope=self.slug,
                    items_max=self._items_max.get(feed, FEED_ITEMS_PER_PAGE),
                )
            if page.items:
                keys = tuple(item.key for item in page.items)
                self._under_way[feed] = _UnderWay(page.next, now, keys)
                yield page
            else:
                self.cursors[feed] = max(self.cursors[feed], page.next)

    def taken(self, said: FeedTaken) -> None:
        """Take that a page is on the box's disk. Raises DeniedError when it cannot be."""
        under_way = self._expected(said.feed)
        if said.cursor < under_way.next:
            raise DeniedError(
                "feed_not_taken",
                f"The box took feed {said.feed} to {said.cursor}, not to {under_way.next}.",
            )
        del self._under_way[said.feed]
        self.cursors[said.feed] = said.cursor
        if said.feed in self._items_max:
            self._items_max[said.feed] = min(self._items_max[said.feed] * 2, FEED_ITEMS_PER_PAGE)
        self.changed(said.feed)

    def refused(self, said: FeedRefused) -> str:
        """Take that a page was refused; return what a person has to know, or nothing yet."""
        under_way = self._expected(said.feed)
        if said.cursor != under_way.next:
            out_of_turn()
        del self._under_way[said.feed]
        self.changed(said.feed)
        if len(under_way.keys) > 1:
            self._items_max[said.feed] = len(under_way.keys) // 2
            return ""
        self.cursors[said.feed] = under_way.next
        return (
            f"The box of store {self.slug} refuses {under_way.keys[0]!r} of feed {said.feed}: "
            f"{said.reason[:FEED_REASON_CHARS_MAX]} It goes on without; correct it, or update "
            "the box."
        )

    def _expected(self, feed: Feed) -> _UnderWay:
        under_way = self._under_way.get(feed)
        return out_of_turn() if under_way is None else under_way
