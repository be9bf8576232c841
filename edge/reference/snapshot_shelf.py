"""Snapshots of feeds in `reference.db`: parts are set aside until all are there, then applied.

Nothing of a snapshot is shown before every chunk is here, is what its name says, and can be read.
Then it goes in by transactions that are no larger than a page's, in the order of the keys; each
leaves articles, their codes and their index in step, and the last one sets the cursor. A box that
dies in between finds by its own items how far it came.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from edge.contract.errors import Refused
from edge.contract.feed_snapshots import (
    LIST_BLOB,
    Chunk,
    ChunkCutter,
    Item,
    SnapshotHeld,
    SnapshotOffer,
    SnapshotStanding,
    bits,
    chunk_name,
    missing_of,
    names_in,
)
from edge.contract.instant import Clock
from edge.contract.reference_data import GONE, Feed, FeedItem
from edge.contract.snapshot_limits import (
    SNAPSHOT_CHUNK_BYTES_MAX,
    SNAPSHOT_OWN_ITEMS,
    SNAPSHOT_STAGED_BYTES_MAX,
    SNAPSHOT_STEP_ITEMS,
    SNAPSHOT_STEP_PLAIN_ITEMS,
)
from edge.contract.wire import encode
from edge.reference.items import forget_snapshot, take_item
from edge.reference.store import ReferenceStore
from edge.runtime.item_packing import unpack_items

_INDEXED: Final = frozenset({Feed.CATALOGUE, Feed.CUSTOMER})
_OFFER: Final = msgspec.json.Decoder(SnapshotOffer)
Keys = tuple[str, str]
"""The first and the last key of a chunk."""
_Part = tuple[bytes, bytes, str | None, str | None]
"""Name and bytes of a part, and the keys of one that is a chunk."""


@dataclass(eq=False)
class _Work:
    """What is known of a snapshot while the process runs; all of it can be found out again."""

    offer: SnapshotOffer
    lists: list[bytes] = field(default_factory=list)
    """The pieces of the list, once all are there."""
    own: dict[bytes, Keys] | None = None
    """Chunks that the box's own items make."""
    set_aside: dict[bytes, Keys] = field(default_factory=dict)
    size: int = 0
    place: int = 0
    upto: str = ""
    """Chunks before `place`, keys up to `upto` are as they are to be."""

    @property
    def names(self) -> list[bytes]:
        return names_in(b"".join(self.lists))


@dataclass
class SnapshotShelf:
    """The snapshots that are on their way, over the file of a reference."""

    reference: ReferenceStore
    clock: Clock
    bytes_max: int = SNAPSHOT_STAGED_BYTES_MAX
    _works: dict[Feed, _Work] = field(default_factory=dict)

    async def offered(self, offer: SnapshotOffer) -> SnapshotStanding:
        """Take an offer that is believed; parts of another one are kept as far as they fit."""
        feed = offer.feed
        if offer.cursor <= self.reference.cursors[feed]:
            held = SnapshotHeld(feed, offer.root, b"")
            return SnapshotStanding(held, self.reference.cursors[feed], missing=False, taken=True)

        def unit(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO snapshot (feed, offer) VALUES (?1, ?2)"
                " ON CONFLICT (feed) DO UPDATE SET offer = ?2",
                (feed, encode(offer)),
            )
            # from here on nothing older is believed, also while this one is under way
            connection.execute(
                "INSERT INTO feed (feed, cursor, taken_at, version) VALUES (?1, 0, ?2, ?3)"
                " ON CONFLICT (feed) DO UPDATE SET version = max(version, ?3)",
                (feed, self.clock.now_ms(), offer.version if offer.signature else 0),
            )

        await self.reference.change(feed, unit)
        self._works.pop(feed, None)
        return await self.standing(feed)

    async def standing(self, feed: Feed) -> SnapshotStanding:
        """Say what is here of a snapshot. Raises Refused when there is none."""
        work = await self._work(feed)
        offer = work.offer
        if not work.lists and offer.lists:
            there = await self.reference.file.read(lambda raw: _parts(raw, feed, lists=True))
            lists = bits(name in there for name in offer.list_names)
            if missing_of(lists, len(offer.list_names)):
                return _standing(offer, SnapshotHeld(feed, offer.root, lists), missing=True)
            await self._list_is_here(work)
        if work.own is None:
            work.own = {chunk.name: _ends(chunk) async for chunk in self._own_chunks(feed)}
        own, aside = work.own, work.set_aside
        chunks = bits(name in own or name in aside for name in work.names)
        lists = bits(True for _ in offer.list_names)
        held = SnapshotHeld(feed, offer.root, lists, chunks)
        return _standing(offer, held, missing=bool(missing_of(chunks, offer.count)))

    async def put(self, feed: Feed, root: str, blobs: tuple[bytes, ...]) -> SnapshotStanding:
        """Set parts aside; a part that nobody asked for changes nothing.

        Raises ProtocolViolation or Refused when one is not what it should be: none is kept then.
        """
        work = await self._work(feed)
        if root != work.offer.root:
            return await self.standing(feed)
        # the tills are served meanwhile
        rows = await asyncio.to_thread(self._parts_of, work, blobs)
        size = work.size + sum(len(blob) for blob in blobs)
        if size > self.bytes_max:
            raise _wrong(feed, f"would take more than {self.bytes_max} bytes of this disk")

        def unit(connection: sqlite3.Connection) -> None:
            _check_current(connection, work.offer)
            connection.executemany(
                "INSERT OR IGNORE INTO snapshot_part (feed, name, packed, first_key, last_key)"
                " VALUES (?, ?, ?, ?, ?)",
                [(feed, *row) for row in rows],
            )

        await self.reference.file.write(unit)
        work.size = size
        for name, _, begin, end in rows:
            if begin is not None and end is not None:
                work.set_aside[name] = (begin, end)
        return await self.standing(feed)

    async def step(self, feed: Feed, root: str) -> SnapshotStanding:
        """Apply the next part of a snapshot that is all here, in one transaction."""
        now = await self.standing(feed)
        if now.missing or now.held.root != root:
            return now
        work = await self._work(feed)
        own = work.own or {}
        names = work.names
        self._check_order(work, names)
        items_max = SNAPSHOT_STEP_ITEMS if feed in _INDEXED else SNAPSHOT_STEP_PLAIN_ITEMS

        def unit(connection: sqlite3.Connection) -> tuple[int, str]:
            _check_current(connection, work.offer)
            place, upto, changed = work.place, work.upto, 0
            while place < len(names) and changed < items_max:
                name = names[place]
                if name in own:
                    # it is here already; what lies in front of it is not to be
                    changed += self._fit(connection, feed, upto, own[name][0], ())
                    upto = own[name][1]
                else:
                    items = _unpacked(connection, feed, name)
                    changed += self._fit(connection, feed, upto, None, items)
                    upto = items[-1][0]
                place += 1
            if place == len(names):
                _ = self._fit(connection, feed, upto, "", ())
                self._finish(connection, work.offer)
            return place, upto

        work.place, work.upto = await self.reference.change(feed, unit)
        if work.place < len(names):
            return now
        self._works.pop(feed, None)
        return _standing(work.offer, now.held, taken=True)

    def changed(self, feed: Feed) -> None:
        """Take that a page of a feed was applied, which ends a snapshot of it."""
        self._works.pop(feed, None)

    # --- parts ----------------------------------------------------------------------------

    async def _work(self, feed: Feed) -> _Work:
        work = self._works.get(feed)
        if work is None:
            row = await self.reference.file.read(
                lambda raw: raw.execute(
                    "SELECT offer FROM snapshot WHERE feed = ?", (feed,)
                ).fetchone()
            )
            if row is None:
                raise _unknown(feed)
            work = self._works[feed] = _Work(_OFFER.decode(row[0]))
        return work

    def _parts_of(self, work: _Work, blobs: tuple[bytes, ...]) -> list[_Part]:
        """Return what blobs bring, looked through."""
        feed, wanted = work.offer.feed, set(work.names)
        parts: list[_Part] = []
        for blob in blobs:
            if blob[:1] == LIST_BLOB:
                parts.append((self._list_piece(work, blob), blob, None, None))
                continue
            items = unpack_items(blob, SNAPSHOT_CHUNK_BYTES_MAX)
            name = chunk_name(items)
            if name not in wanted:
                raise _wrong(feed, "is none of those that head office signed")
            _ = list(self._decoded(feed, items))
            parts.append((name, blob, items[0][0], items[-1][0]))
        return parts

    def _list_piece(self, work: _Work, blob: bytes) -> bytes:
        name = hashlib.sha256(blob[1:]).digest()
        if name not in work.offer.list_names:
            raise _wrong(work.offer.feed, "has a list that head office did not sign")
        return name

    async def _list_is_here(self, work: _Work) -> None:
        """Read the list, forget parts that are not in it, and note those that are."""
        offer = work.offer
        feed = offer.feed
        there = await self.reference.file.read(lambda raw: _parts(raw, feed, lists=True))
        lists = [there[name][1:] for name in offer.list_names]
        names = names_in(b"".join(lists))
        if len(names) != offer.count:
            raise _wrong(feed, f"lists {len(names)} chunks, not {offer.count}")
        wanted = {*names, *offer.list_names}

        def unit(connection: sqlite3.Connection) -> list[Any]:
            rows = connection.execute(
                "SELECT name, first_key, last_key, length(packed) FROM snapshot_part"
                " WHERE feed = ?",
                (feed,),
            ).fetchall()
            connection.executemany(
                "DELETE FROM snapshot_part WHERE feed = ? AND name = ?",
                [(feed, row[0]) for row in rows if row[0] not in wanted],
            )
            return [row for row in rows if row[0] in wanted]

        rows = await self.reference.file.write(unit)
        work.size = sum(size for *_, size in rows)
        work.set_aside = {name: (first, last) for name, first, last, _ in rows if first is not None}
        work.lists = lists

    async def _own_chunks(self, feed: Feed) -> AsyncIterator[Chunk]:
        """Give the chunks that the box's items make now."""
        cutter = ChunkCutter()
        after = ""
        more = True
        while more:
            last = after

            def query(connection: sqlite3.Connection, last: str = last) -> list[Item]:
                return connection.execute(
                    "SELECT key, value FROM item WHERE feed = ? AND key > ? ORDER BY key LIMIT ?",
                    (feed, last, SNAPSHOT_OWN_ITEMS),
                ).fetchall()

            rows = await self.reference.file.read(query)
            for key, value in rows:
                for chunk in cutter.add(key, value):
                    yield chunk
            more = len(rows) == SNAPSHOT_OWN_ITEMS
            after = rows[-1][0] if rows else after
        for chunk in cutter.rest():
            yield chunk

    def _check_order(self, work: _Work, names: list[bytes]) -> None:
        """Raise Refused unless the chunks lie one behind the other: before any is applied."""
        upto = ""
        for name in names:
            first, last = (work.own or {}).get(name) or work.set_aside[name]
            if not upto < first <= last:
                raise _wrong(work.offer.feed, f"goes back from {upto!r} to {first!r}")
            upto = last

    # --- items ----------------------------------------------------------------------------

    def _decoded(self, feed: Feed, items: list[Item]) -> Iterator[tuple[FeedItem, Any]]:
        before = ""
        for key, value in items:
            item = FeedItem(key, 0, msgspec.Raw(value))
            if not before < key or item.is_gone:
                raise _wrong(feed, f"has {key!r} where no item can be")
            before = key
            yield item, self.reference.decoded(feed, item)

    def _fit(
        self,
        connection: sqlite3.Connection,
        feed: Feed,
        after: str,
        before: str | None,
        items: tuple[Item, ...] | list[Item],
    ) -> int:
        """Make items the only ones behind one key, up to their last or to `before`.

        An empty `before` is the end of the feed. Returns how many were changed.
        """
        sql, bound = "SELECT key, value FROM item WHERE feed = ? AND key > ?", (feed, after)
        if before is None:
            found = connection.execute(f"{sql} AND key <= ?", (*bound, items[-1][0]))
        elif before:
            found = connection.execute(f"{sql} AND key < ?", (*bound, before))
        else:
            found = connection.execute(sql, bound)
        here: dict[str, bytes] = dict(found.fetchall())
        changed = 0
        for item, value in self._decoded(feed, list(items)):
            if here.pop(item.key, None) != bytes(item.value):
                take_item(connection, feed, item, value)
                changed += 1
        for key in here:
            take_item(connection, feed, FeedItem(key, 0, GONE), None)
        return changed + len(here)

    def _finish(self, connection: sqlite3.Connection, offer: SnapshotOffer) -> None:
        connection.execute(
            "UPDATE feed SET cursor = max(cursor, ?), taken_at = ? WHERE feed = ?",
            (offer.cursor, self.clock.now_ms(), offer.feed),
        )
        forget_snapshot(connection, offer.feed)


def _standing(
    offer: SnapshotOffer, held: SnapshotHeld, *, missing: bool = False, taken: bool = False
) -> SnapshotStanding:
    return SnapshotStanding(held, offer.cursor, missing, taken)


def _check_current(connection: sqlite3.Connection, offer: SnapshotOffer) -> None:
    """Raise Refused when a page, or another offer, came meanwhile: what it brought stays."""
    row = connection.execute("SELECT offer FROM snapshot WHERE feed = ?", (offer.feed,)).fetchone()
    if row is None or row[0] != encode(offer):
        raise _unknown(offer.feed)


def _parts(connection: sqlite3.Connection, feed: Feed, *, lists: bool) -> dict[bytes, bytes]:
    rows = connection.execute(
        "SELECT name, packed FROM snapshot_part WHERE feed = ? AND (first_key IS NULL) = ?",
        (feed, lists),
    )
    return dict(rows.fetchall())


def _unpacked(connection: sqlite3.Connection, feed: Feed, name: bytes) -> list[Item]:
    (packed,) = connection.execute(
        "SELECT packed FROM snapshot_part WHERE feed = ? AND name = ?", (feed, name)
    ).fetchone()
    items = unpack_items(packed, SNAPSHOT_CHUNK_BYTES_MAX)
    if chunk_name(items) != name:
        raise _wrong(feed, "was damaged on this box's disk")
    return items


def _ends(chunk: Chunk) -> Keys:
    return chunk.items[0][0], chunk.items[-1][0]


def _unknown(feed: Feed) -> Refused:
    return Refused(
        "snapshot_unknown",
        f"No snapshot of feed {feed} is on its way to this box.",
        advice="Head office offers it again, or sends pages.",
    )


def _wrong(feed: Feed, why: str) -> Refused:
    return Refused(
        "snapshot_malformed",
        f"A part of the snapshot of feed {feed} {why}: nothing of the snapshot is taken.",
        advice="Head office sends the feed in pages instead; the shop goes on with what it has.",
        status=422,
    )
