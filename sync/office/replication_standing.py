"""How far what shops have is from what head office has, both ways: lag, exposure, age of feeds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from edge.contract.attention_limits import FEED_STEPS_KEPT_MAX
from edge.contract.instant import Clock
from edge.runtime.database_file import DatabaseFile
from sync.office.feeds import Feeds
from sync.office.sales import Sales, StoreBody

Cursors = Mapping[str, Mapping[str, int]]
"""By slug: how far a box has taken each feed."""


class FeedStanding(msgspec.Struct, frozen=True):
    """How far a shop has a feed. `age_ms`: for how long it lacks the oldest of what it lacks.

    0 where it has all of it. A box that is away is counted by what it had when it was there last.
    """

    feed: str
    cursor: int
    newest: int
    age_ms: int


class ShopStanding(msgspec.Struct, frozen=True):
    """How a shop's replication stands.

    `lag_events` are in the shop and not here, as far as is known; `unprojected_events` are here
    and not in the sales yet. Head office knows the shop as it was `lag_ms` ago: 0 while its box is
    in touch and in step. `waiting_sales` and `waiting_minor` (smallest unit of `currency`) are
    what would be lost if the box burnt now, as it said itself. `feed_age_ms` is that of the feed
    of which it lacks something longest.
    """

    store: str
    name: str
    connected: bool
    last_contact: int
    lag_events: int
    lag_ms: int
    unprojected_events: int
    waiting_sales: int
    waiting_minor: int
    currency: str
    aside: int
    parked: int
    alarms: int
    feed_age_ms: int
    feeds: tuple[FeedStanding, ...]


class ReplicationBody(msgspec.Struct, frozen=True):
    """All shops, by number, as they stood at `at` (ms since 1970 UTC)."""

    at: int
    shops: tuple[ShopStanding, ...]


@dataclass
class ReplicationStanding:
    """Reads how shops stand, and notes what has to be known of it later."""

    file: DatabaseFile
    feeds: Feeds
    sales: Sales
    cursors: Callable[[], Cursors]
    """Of the boxes that are there now."""
    clock: Clock
    steps_kept_max: int = FEED_STEPS_KEPT_MAX
    _held: dict[str, dict[str, int]] = field(default_factory=dict)

    async def look(self) -> ReplicationBody:
        """Return how all shops stand at this moment."""
        now = self.clock.now_ms()
        stores = (await self.sales.stores()).stores
        newest = await self.feeds.newest()
        told = {slug: dict(cursors) for slug, cursors in self.cursors().items()}
        numbers = {store.slug: store.number for store in stores}
        changed = {
            slug: cursors
            for slug, cursors in told.items()
            if self._held.get(slug) != cursors and slug in numbers
        }
        reached = await self.file.read(_reached)
        longer = {feed: at for feed, at in newest.items() if at > reached.get(feed, 0)}
        if changed or longer:
            steps = (longer, self.steps_kept_max)
            await self.file.write(
                lambda connection: _note(connection, numbers, changed, steps, now)
            )
            self._held |= changed
        held = await self.file.read(_held) | told

        def ages(connection: sqlite3.Connection, slug: str) -> tuple[FeedStanding, ...]:
            return tuple(
                FeedStanding(
                    feed, at, newest[feed], _age(connection, slug, (feed, at), newest, now)
                )
                for feed, at in sorted(held.get(slug, {}).items())
                if feed in newest
            )

        found = await self.file.read(
            lambda connection: {store.slug: ages(connection, store.slug) for store in stores}
        )
        return ReplicationBody(now, tuple(_shop(store, found[store.slug], now) for store in stores))


def _shop(store: StoreBody, feeds: tuple[FeedStanding, ...], now: int) -> ShopStanding:
    lag = max(0, store.head_seq - store.accepted_seq)
    if store.connected and not lag:
        since = now
    elif lag:
        # what is here ends with its newest sale
        since = store.newest_sale_at or store.last_contact or now
    else:
        since = store.last_contact or now
    return ShopStanding(
        store.slug,
        store.name,
        store.connected,
        store.last_contact,
        lag,
        max(0, now - since),
        max(0, store.accepted_seq - store.projected_seq),
        store.waiting_sales,
        store.waiting_minor,
        store.currency,
        store.quarantined,
        store.parked,
        len(store.alarms),
        max((each.age_ms for each in feeds), default=0),
        feeds,
    )


def _age(
    connection: sqlite3.Connection,
    slug: str,
    place: tuple[str, int],
    newest: Mapping[str, int],
    now: int,
) -> int:
    feed, cursor = place
    if cursor >= newest[feed]:
        return 0
    lacking = connection.execute(
        "SELECT cursor FROM feed_item WHERE feed = ? AND cursor > ? AND scope IN ('', ?)"
        " ORDER BY cursor LIMIT 1",
        (feed, cursor, slug),
    ).fetchone()
    if lacking is None:
        return 0  # all that came since is for other shops
    reached = connection.execute(
        "SELECT at FROM feed_reached WHERE feed = ? AND cursor >= ? ORDER BY cursor LIMIT 1",
        (feed, lacking[0]),
    ).fetchone()
    return 0 if reached is None else max(0, now - int(reached[0]))


def _reached(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(
        connection.execute("SELECT feed, max(cursor) FROM feed_reached GROUP BY feed").fetchall()
    )


def _held(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for slug, feed, cursor in connection.execute(
        "SELECT slug, feed, cursor FROM feed_held JOIN store ON number = feed_held.store"
    ):
        found.setdefault(slug, {})[feed] = cursor
    return found


def _note(
    connection: sqlite3.Connection,
    numbers: Mapping[str, int],
    changed: Cursors,
    steps: tuple[Mapping[str, int], int],
    now: int,
) -> None:
    longer, kept_max = steps
    connection.executemany(
        "INSERT INTO feed_held (store, feed, cursor) VALUES (?, ?, ?)"
        " ON CONFLICT (store, feed) DO UPDATE SET cursor = excluded.cursor",
        [
            (numbers[slug], feed, cursor)
            for slug, cursors in changed.items()
            for feed, cursor in cursors.items()
        ],
    )
    for feed, cursor in longer.items():
        connection.execute("INSERT INTO feed_reached VALUES (?, ?, ?)", (feed, cursor, now))
        connection.execute(
            "DELETE FROM feed_reached WHERE feed = ?1 AND cursor < (SELECT cursor FROM feed_reached"
            " WHERE feed = ?1 ORDER BY cursor DESC LIMIT 1 OFFSET ?2)",
            (feed, kept_max - 1),
        )
