"""Feeds as snapshots, kept in `office.db`: made once, for every shop that is to hold the same.

A snapshot stands for its cursor, though it is read while items change: what changes behind the
cursor goes down as a page afterwards, and each key has its newest value in the end.
"""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from edge.contract.feed_snapshots import (
    LIST_BLOB,
    NAME_BYTES,
    Chunk,
    ChunkCutter,
    Item,
    SnapshotOffer,
    list_hashes,
    list_pieces,
    names_in,
)
from edge.contract.instant import Clock
from edge.contract.reference_data import GONE, Feed
from edge.contract.snapshot_limits import (
    SNAPSHOT_BEHIND_MIN,
    SNAPSHOT_BEHIND_PERCENT,
    SNAPSHOT_DISK_BYTES_MAX,
    SNAPSHOT_LIST_CHUNKS,
    SNAPSHOT_LISTS_MAX,
    SNAPSHOT_READ_ITEMS,
    SNAPSHOT_STALE_ITEMS,
    SNAPSHOT_SUPERSEDED_MS,
    SNAPSHOT_UNUSED_MS,
    SNAPSHOTS_MAX,
)
from edge.runtime.database_file import DatabaseFile
from edge.runtime.item_packing import pack_items
from sync.office.feeds import newest_of

IN_PAGES_ONLY: Final = frozenset({Feed.URGENT, Feed.CUSTOMER})
"""What is urgent waits for no list; and of a customer who is erased no copy is left in a chunk."""
_CHUNKS_MAX: Final = SNAPSHOT_LIST_CHUNKS * SNAPSHOT_LISTS_MAX
_BEHIND: Final = (
    "SELECT count(*), coalesce(sum(cursor > ?3), 0) FROM feed_item INDEXED BY feed_item_by_cursor"
    " WHERE feed = ?1 AND scope IN ('', ?2)"
)
_OWN: Final = (
    "SELECT key, value FROM feed_item WHERE feed = ? AND scope = ? AND value <> ? ORDER BY key"
)
_GENERAL: Final = (
    "SELECT key, value FROM feed_item WHERE feed = ? AND scope = '' AND key > ?"
    " ORDER BY key LIMIT ?"
)


class Distance(msgspec.Struct, frozen=True):
    """How many changes of a feed, of `rows` that a store gets, a box lacks."""

    rows: int
    behind: int

    @property
    def is_far(self) -> bool:
        """Whether it is more than pages are worth."""
        return (
            self.behind >= SNAPSHOT_BEHIND_MIN
            and self.behind * 100 >= self.rows * SNAPSHOT_BEHIND_PERCENT
        )


class Snapshot(msgspec.Struct, frozen=True):
    """A feed as it stood at a cursor: the names of its chunks, one behind the other."""

    feed: Feed
    scope: str
    cursor: int
    names: bytes

    @property
    def count(self) -> int:
        """How many chunks there are."""
        return len(self.names) // NAME_BYTES

    @property
    def offer(self) -> SnapshotOffer:
        """What is said of it; not signed yet."""
        lists = list_hashes(self.names)
        return SnapshotOffer(self.feed, self.scope, self.cursor, self.count, lists)

    def list_blob(self, place: int) -> bytes:
        """Return a piece of the list, as it goes into a bundle."""
        return LIST_BLOB + list_pieces(self.names)[place]

    def name(self, place: int) -> bytes:
        """Return the name of a chunk."""
        return self.names[place * NAME_BYTES : (place + 1) * NAME_BYTES]


Answer = Callable[[Snapshot | None], None]


@dataclass
class FeedSnapshots:
    """The snapshots in `office.db`. They are made one after the other, in a task of their own.

    So nobody who waits for one is kept from what is urgent meanwhile. `made` counts them; a box
    waits for one of a feed at a time, which bounds what is asked for.
    """

    file: DatabaseFile
    clock: Clock
    disk_bytes_max: int = SNAPSHOT_DISK_BYTES_MAX
    made: int = 0
    _asked: deque[tuple[Feed, str, int, Answer]] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, feed: Feed, slug: str, above: int, answer: Answer) -> None:
        """Have a snapshot made as `of` returns it; `answer` is called with it, later."""
        self._asked.append((feed, slug, above, answer))
        self._news.set()

    async def run(self) -> None:
        """Make what is asked for, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._asked:
                feed, slug, above, answer = self._asked.popleft()
                snapshot = None
                try:
                    snapshot = await self.of(feed, slug, above)
                finally:
                    # whatever went wrong: who asked goes on with pages
                    answer(snapshot)

    async def distance(self, feed: Feed, slug: str, cursor: int) -> Distance:
        """Say how far a store's box is behind in a feed."""
        row = await self.file.read(
            lambda connection: connection.execute(_BEHIND, (feed, slug, cursor)).fetchone()
        )
        return Distance(*row)

    async def of(self, feed: Feed, slug: str, above: int) -> Snapshot | None:
        """Return a snapshot of what a store is to hold, for a cursor above that of its box.

        One that is there is used as long as a page of changes lies behind it at most. None when
        the feed is larger than a list of chunks can be.
        """
        known = await self.file.read(lambda raw: _newest_snapshot(raw, feed, slug))
        if known is not None and known.cursor > above:
            behind = await self.distance(feed, slug, known.cursor)
            if behind.behind <= SNAPSHOT_STALE_ITEMS:
                self._use(known)
                return known
        return await self._make(feed, slug)

    async def packed(self, snapshot: Snapshot, places: Sequence[int]) -> list[bytes]:
        """Return chunks as they go over the line; fewer when some were forgotten meanwhile."""
        names = [snapshot.name(place) for place in places]

        def query(connection: sqlite3.Connection) -> list[bytes]:
            found = []
            for name in names:
                row = connection.execute("SELECT packed FROM feed_chunk WHERE name = ?", (name,))
                found += [packed for (packed,) in row]
            return found

        return await self.file.read(query)

    async def sizes(self, snapshot: Snapshot, places: Sequence[int]) -> list[int]:
        """Return how long packed chunks are; fewer when some were forgotten meanwhile."""
        names = [snapshot.name(place) for place in places]

        def query(connection: sqlite3.Connection) -> list[int]:
            sql = "SELECT length(packed) FROM feed_chunk WHERE name = ?"
            return [size for name in names for (size,) in connection.execute(sql, (name,))]

        return await self.file.read(query)

    # --- making one -----------------------------------------------------------------------

    async def _make(self, feed: Feed, slug: str) -> Snapshot | None:
        def begin(connection: sqlite3.Connection) -> tuple[int, list[Item]]:
            # the cursor before the items: what changes in between is sent again
            own = connection.execute(_OWN, (feed, slug, bytes(GONE))).fetchall() if slug else []
            return newest_of(connection, feed), own

        cursor, own = await self.file.read(begin)
        scope = slug if own else ""
        names: list[bytes] = []
        cutter = ChunkCutter()
        async for items in self._slices(feed, own):
            chunks = [chunk for key, value in items for chunk in cutter.add(key, value)]
            names += await self._keep(chunks)
            if len(names) > _CHUNKS_MAX:
                return None
        names += await self._keep(list(cutter.rest()))
        if len(names) > _CHUNKS_MAX:
            return None
        snapshot = Snapshot(feed, scope, cursor, b"".join(names))
        now = self.clock.now_ms()
        most = self.disk_bytes_max
        await self.file.write(lambda connection: _note(connection, snapshot, now, most))
        self.made += 1
        return snapshot

    async def _slices(self, feed: Feed, own: list[Item]) -> AsyncIterator[list[Item]]:
        """Give what a store gets, sorted by key; its own values go before those for all."""
        after = ""
        at = 0
        more = True
        while more:
            last = after

            def query(connection: sqlite3.Connection, last: str = last) -> list[Item]:
                rows = connection.execute(_GENERAL, (feed, last, SNAPSHOT_READ_ITEMS))
                return rows.fetchall()

            general = await self.file.read(query)
            more = len(general) == SNAPSHOT_READ_ITEMS
            upto = len(own)
            if more:
                after = general[-1][0]
                upto = next((n for n in range(at, len(own)) if own[n][0] > after), len(own))
            mine, at = own[at:upto], upto
            taken = {key for key, _ in mine}
            others = (row for row in general if row[0] not in taken and row[1] != bytes(GONE))
            yield list(heapq.merge(mine, others))

    async def _keep(self, chunks: list[Chunk]) -> list[bytes]:
        """Keep the chunks that are not there yet; return the names of all."""
        names = [chunk.name for chunk in chunks]
        there = await self.file.read(lambda raw: _known(raw, names))
        new = [chunk for chunk in chunks if chunk.name not in there]
        if new:
            packed = await asyncio.to_thread(_packed, new)
            await self.file.write(
                lambda connection: connection.executemany(
                    "INSERT OR IGNORE INTO feed_chunk (name, packed) VALUES (?, ?)", packed
                )
            )
        return names

    def _use(self, snapshot: Snapshot) -> None:
        values = (self.clock.now_ms(), snapshot.feed, snapshot.scope, snapshot.cursor)
        self.file.write_lazily(
            lambda connection: connection.execute(
                "UPDATE feed_snapshot SET used_at = ? WHERE feed = ? AND scope = ? AND cursor = ?",
                values,
            )
        )


def _packed(chunks: list[Chunk]) -> list[tuple[bytes, bytes]]:
    return [(chunk.name, pack_items(chunk.items)) for chunk in chunks]


def _known(connection: sqlite3.Connection, names: list[bytes]) -> set[bytes]:
    sql = "SELECT name FROM feed_chunk WHERE name = ?"
    return {found for name in names for (found,) in connection.execute(sql, (name,))}


def _newest_snapshot(connection: sqlite3.Connection, feed: Feed, slug: str) -> Snapshot | None:
    own = (
        slug
        and connection.execute(
            "SELECT 1 FROM feed_item WHERE feed = ? AND scope = ? AND value <> ? LIMIT 1",
            (feed, slug, bytes(GONE)),
        ).fetchone()
    )
    scope = slug if own else ""
    row = connection.execute(
        "SELECT max(cursor) FROM feed_snapshot WHERE feed = ? AND scope = ?", (feed, scope)
    ).fetchone()
    return None if row[0] is None else _snapshot_at(connection, feed, scope, row[0])


def _snapshot_at(
    connection: sqlite3.Connection, feed: Feed, scope: str, cursor: int
) -> Snapshot | None:
    row = connection.execute(
        "SELECT names FROM feed_snapshot WHERE feed = ? AND scope = ? AND cursor = ?",
        (feed, scope, cursor),
    ).fetchone()
    return None if row is None else Snapshot(feed, scope, cursor, row[0])


def _note(connection: sqlite3.Connection, snapshot: Snapshot, now: int, bytes_max: int) -> None:
    """Note a snapshot that is whole, and forget what nobody uses any more."""
    connection.execute(
        "INSERT INTO feed_snapshot (feed, scope, cursor, used_at, names) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (feed, scope, cursor) DO UPDATE SET used_at = excluded.used_at,"
        " names = excluded.names",
        (snapshot.feed, snapshot.scope, snapshot.cursor, now, snapshot.names),
    )
    connection.execute(
        "DELETE FROM feed_snapshot WHERE used_at < ?1 OR (used_at < ?2 AND EXISTS"
        " (SELECT 1 FROM feed_snapshot AS newer WHERE newer.feed = feed_snapshot.feed"
        " AND newer.scope = feed_snapshot.scope AND newer.cursor > feed_snapshot.cursor))",
        (now - SNAPSHOT_UNUSED_MS, now - SNAPSHOT_SUPERSEDED_MS),
    )
    oldest_first: list[Any] = connection.execute(
        "SELECT feed, scope, cursor FROM feed_snapshot"
        " ORDER BY feed = ?1 AND scope = ?2 AND cursor = ?3, used_at",
        (snapshot.feed, snapshot.scope, snapshot.cursor),
    ).fetchall()
    for place in oldest_first[: max(0, len(oldest_first) - SNAPSHOTS_MAX)]:
        _drop(connection, place)
    _sweep(connection)
    for place in oldest_first[max(0, len(oldest_first) - SNAPSHOTS_MAX) : -1]:
        size = connection.execute("SELECT coalesce(sum(length(packed)), 0) FROM feed_chunk")
        if size.fetchone()[0] <= bytes_max:
            return
        _drop(connection, place)
        _sweep(connection)


def _drop(connection: sqlite3.Connection, place: tuple[str, str, int]) -> None:
    connection.execute(
        "DELETE FROM feed_snapshot WHERE feed = ? AND scope = ? AND cursor = ?", place
    )


def _sweep(connection: sqlite3.Connection) -> None:
    """Forget chunks that are of no snapshot."""
    used: set[bytes] = set()
    for (names,) in connection.execute("SELECT names FROM feed_snapshot"):
        used.update(names_in(names))
    there = connection.execute("SELECT name FROM feed_chunk").fetchall()
    connection.executemany(
        "DELETE FROM feed_chunk WHERE name = ?", [row for row in there if row[0] not in used]
    )
