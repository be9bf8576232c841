"""Sales in `office.db`, beside all else that head office knows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from edge.contract.coupon_data import UsedCoupon
from edge.contract.event_registry import is_known
from edge.contract.limits import PROJECTION_BYTES_MAX, PROJECTION_FRAMES_MAX
from edge.contract.reference_data import Feed
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import Dictionaries
from sync.appending.event_store import EventStore
from sync.office.detail_projection import project_details
from sync.office.event_reading import ReadFrame, read_frame
from sync.office.feeds import newest_of, put_first
from sync.office.mended_words import mended_kind, mended_words
from sync.office.projection import Projected
from sync.office.repairs import repaired
from sync.office.returned_goods import RETURNED_KIND, returned_words
from sync.office.sale_folding import (
    Aside,
    Completion,
    Folded,
    Parked,
    ReceiptShown,
    UsedCode,
    changed_heads,
    changed_parts,
    fold,
    named_sales,
    written_of,
)
from sync.office.sale_rebuilding import ROWS_OF_SALES, Remade
from sync.office.shown_receipts import SHOWN_KIND, shown_words
from sync.office.sqlite_tables import known_sales, write_rows

NAME: Final = "sales"
_DETAILS: Final = "details"
"""The cursor of what older versions did not keep; gone once it has met the first."""
_DETAILS_PARTITION: Final = 0
"""Older versions knew no other."""

_ALARM: Final = (
    "INSERT INTO alarm (store, kind, words, first_at, last_at, count)"
    " VALUES (?1, ?2, ?3, ?4, ?4, 1) ON CONFLICT (store, kind) DO UPDATE SET"
    " words = excluded.words, count = count + (excluded.last_at > last_at),"
    " last_at = max(last_at, excluded.last_at)"
)
_TOO_MUCH: Final = (
    "SELECT sold.name, sale.receipt, store.slug, sum(taken.quantity), sold.quantity,"
    " group_concat(DISTINCT at.slug)"
    " FROM line_detail AS back"
    " JOIN sale_line AS taken USING (store, sale, line)"
    " JOIN sale AS taking ON taking.store = back.store AND taking.sale = back.sale"
    " JOIN store AS at ON at.number = back.store"
    # few stores, each a point query: no sale pays for an index of ids
    " CROSS JOIN store"
    " JOIN sale ON sale.store = store.number AND sale.sale = back.original_sale"
    " JOIN sale_line AS sold ON sold.store = sale.store AND sold.sale = sale.sale"
    " AND sold.line = back.original_line"
    " WHERE back.original_sale = ?1 AND taken.voided = 0 AND taking.arrival <= ?2"
    " AND sale.arrival <= ?2 AND sold.returned = 0"
    " GROUP BY sale.store, sale.sale, sold.line HAVING sum(taken.quantity) > sold.quantity"
    " ORDER BY sold.number"
)


class SqliteProjection:
    """Reads and writes sales in one transaction of `office.db`."""

    frames_max = PROJECTION_FRAMES_MAX
    bytes_max = PROJECTION_BYTES_MAX

    def __init__(self, file: DatabaseFile, dictionaries: Dictionaries) -> None:
        self._file = file
        self._dictionaries = dictionaries
        self._events: EventStore | None = None
        self._details: int | None = None

    async def take_up(self, events: EventStore, partitions: Sequence[int]) -> dict[int, int]:
        """Read the cursors; step back to what can be read now, and to the newest frames."""
        newest = {each: await events.newest(each) for each in partitions}
        positions = await self._file.write(
            lambda connection: _take_up(connection, newest, events.partition_of)
        )
        self._events = events
        self._details = await self._file.read(lambda connection: _cursor(connection, _DETAILS))
        return positions

    async def take(self, partition: int, frames: Sequence[ReadFrame], now_ms: int) -> Projected:
        """Keep what a batch says, with the cursor behind it, in one transaction."""
        return await self._file.write(
            lambda connection: _take(connection, cursor_name(partition), frames, now_ms)
        )

    async def catch_up(self, positions: dict[int, int]) -> int:
        """Read details out of frames that an older version projected; return how many.

        It goes on up to where the first cursor is by then: a note that was set anew meanwhile is
        set again, last. 0 once both have met, which ends it for good.
        """
        after, events = self._details, self._events
        if after is None or events is None:
            return 0
        found = await events.read(_DETAILS_PARTITION, after, frames_max=PROJECTION_FRAMES_MAX)
        until = positions[_DETAILS_PARTITION]
        frames = [each for each in found if each.position <= until]
        reads = await asyncio.to_thread(
            lambda: [read_frame(frame, self._dictionaries) for frame in frames]
        )
        self._details = frames[-1].position if frames else None
        position = self._details
        await self._file.write(lambda connection: _take_details(connection, reads, position))
        return len(frames)


# --- a batch ------------------------------------------------------------------------------


def _take(
    connection: sqlite3.Connection, name: str, frames: Sequence[ReadFrame], now: int
) -> Projected:
    frames = [_repaired(connection, frame) for frame in frames]
    known = known_sales(connection, named_sales(frames))
    before = written_of(known)
    folded = fold(frames, known)
    newest = _newest_arrival(connection) if folded.completions or folded.shown else 0
    folded.number_arrivals(newest)
    for rows in (*changed_parts(folded.sales, before), changed_heads(folded.sales, before)):
        write_rows(connection, rows)
    coupons = newest_of(connection, Feed.USED_COUPON)
    _tell_used(connection, folded.used_codes)
    _raise_alarms(connection, folded, newest)
    _set_aside(connection, folded.aside, folded.parked, now)
    _forget_mended(connection, frames, folded.aside)
    connection.executemany(
        "INSERT INTO projected (store, seq) VALUES (?, ?)"
        " ON CONFLICT (store) DO UPDATE SET seq = max(seq, excluded.seq)",
        list(folded.projected.items()),
    )
    connection.execute(
        "INSERT INTO projection (name, position) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
        (name, frames[-1].position),
    )
    return Projected(tuple(folded.aside), newest_of(connection, Feed.USED_COUPON) > coupons)


def _repaired(connection: sqlite3.Connection, frame: ReadFrame) -> ReadFrame:
    """Return a frame with what a person gave in place of its events."""
    events = repaired(connection, frame.store, frame.events)
    return msgspec.structs.replace(frame, events=tuple(events))


def remake(connection: sqlite3.Connection, made: Remade) -> None:
    """Put a sale that was made anew in the place of what was there of it."""
    place, folded = made.place, made.folded
    before = known_sales(connection, (place,)).get(place)
    for table in ROWS_OF_SALES:
        connection.execute(f"DELETE FROM {table} WHERE store = ? AND sale = ?", place)  # noqa: S608 - names of ours
    newest = _newest_arrival(connection)
    made.number(None if before is None else before.head.arrival, newest)
    for rows in (*changed_parts(folded.sales, {}), changed_heads(folded.sales, {})):
        write_rows(connection, rows)
    _tell_used(connection, folded.used_codes)
    _raise_alarms(connection, folded, newest)


def _forget_mended(
    connection: sqlite3.Connection, frames: Iterable[ReadFrame], aside: Iterable[Aside]
) -> None:
    """Let out of quarantine what was read again and fits by now."""
    left = {(each.store, each.gen, each.seq) for each in aside}
    for frame in frames:
        if not frame.events:
            continue
        first, last = frame.events[0], frame.events[-1]
        place = (frame.store, first.gen, first.seq, last.seq)
        for (seq,) in connection.execute(
            "SELECT seq FROM quarantine WHERE store = ? AND gen = ? AND seq BETWEEN ? AND ?", place
        ).fetchall():
            if (frame.store, first.gen, seq) not in left:
                connection.execute(
                    "DELETE FROM quarantine WHERE store = ? AND gen = ? AND seq = ?",
                    (frame.store, first.gen, seq),
                )


def _newest_arrival(connection: sqlite3.Connection) -> int:
    (newest,) = connection.execute(
        "SELECT coalesce(max(arrival), 0) FROM sale WHERE arrival IS NOT NULL"
    ).fetchone()
    return int(newest)


def _tell_used(connection: sqlite3.Connection, codes: Iterable[UsedCode]) -> None:
    for each in codes:
        slug = connection.execute(
            "SELECT slug FROM store WHERE number = ?", (each.store,)
        ).fetchone()
        if slug is not None:
            tell_used(connection, each, slug[0])


def tell_used(connection: sqlite3.Connection, used: UsedCode, slug: str) -> None:
    """Let all stores know of a single-use code that is used up, the first time it is."""
    value = UsedCoupon(used.code, slug, used.receipt, used.at)
    # a code that no feed would carry is told to nobody; the sale and its money stand
    with suppress(ValueError):
        put_first(connection, Feed.USED_COUPON, used.code, msgspec.json.encode(value))


def _raise_alarms(connection: sqlite3.Connection, folded: Folded, newest: int) -> None:
    for shown in folded.shown:
        _check_shown(connection, shown, newest + shown.behind)
    for each in folded.mended:
        kind, words = mended_kind(each.event), mended_words(each.event)
        connection.execute(_ALARM, (each.store, kind, words, each.at))
    for arrival, completion in enumerate(folded.completions, newest + 1):
        _check_returned(connection, completion, arrival)


def _check_shown(connection: sqlite3.Connection, shown: ReceiptShown, arrival: int) -> None:
    known = connection.execute(
        "SELECT 1 FROM sale WHERE store = ? AND sale = ? AND arrival <= ?", (*shown.of, arrival)
    ).fetchone()
    if known is None:
        values = (shown.store, SHOWN_KIND, shown_words(shown), shown.at)
        connection.execute(_ALARM, values)


def _check_returned(connection: sqlite3.Connection, completion: Completion, arrival: int) -> None:
    """Raise an alarm where a completed sale makes more come back of a line than was sold.

    It is the sale that took goods back, or the one that had sold them and came late.
    """
    store, sale = completion.place
    for original in dict.fromkeys((sale, *completion.originals)):
        for name, receipt, slug, back, sold, where in connection.execute(
            _TOO_MUCH, (original, arrival)
        ).fetchall():
            words = returned_words(name, receipt, slug, back, sold, where.split(","))
            connection.execute(_ALARM, (store, RETURNED_KIND, words, completion.at))


def _set_aside(
    connection: sqlite3.Connection, aside: Iterable[Aside], parked: Iterable[Parked], now: int
) -> None:
    connection.executemany(
        "INSERT INTO quarantine (store, gen, seq, reason, body, at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(*msgspec.structs.astuple(each), now) for each in aside],
    )
    connection.executemany(
        "INSERT INTO parked (store, gen, seq, type, v, position)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [msgspec.structs.astuple(each) for each in parked],
    )


# --- details of older versions ------------------------------------------------------------


def _take_details(
    connection: sqlite3.Connection, frames: Sequence[ReadFrame], position: int | None
) -> None:
    frames = [_repaired(connection, frame) for frame in frames]
    known = known_sales(connection, named_sales(frames))
    before = written_of(known)
    for frame in frames:
        for read in frame.events:
            place = (frame.store, str(getattr(read.event, "sale", "")))
            # what stepped aside when it came stays there
            if read.envelope is not None and read.event is not None and place in known:
                project_details(known[place], read.envelope, read.event)
    for rows in (*changed_parts(known, before), changed_heads(known, before)):
        write_rows(connection, rows)
    if position is None:
        connection.execute("DELETE FROM projection WHERE name = ?", (_DETAILS,))
    else:
        connection.execute(
            "UPDATE projection SET position = ? WHERE name = ?", (position, _DETAILS)
        )


# --- cursors ------------------------------------------------------------------------------


def _cursor(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute("SELECT position FROM projection WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else None


def _take_up(
    connection: sqlite3.Connection,
    newest: Mapping[int, int],
    partition_of: Callable[[int], int],
) -> dict[int, int]:
    there = {partition: _cursor(connection, cursor_name(partition)) or 0 for partition in newest}
    positions = {partition: min(there[partition], newest[partition]) for partition in newest}
    for store, type_name, version, first in connection.execute(
        "SELECT store, type, v, min(position) FROM parked GROUP BY store, type, v"
    ).fetchall():
        partition = partition_of(store)
        if partition in newest and is_known(type_name, version):
            positions[partition] = min(positions[partition], first - 1)
            connection.execute(
                "DELETE FROM parked WHERE store = ? AND type = ? AND v = ?",
                (store, type_name, version),
            )
    for partition, position in positions.items():
        if position < there[partition]:
            connection.execute(
                "UPDATE projection SET position = ? WHERE name = ?",
                (position, cursor_name(partition)),
            )
    return positions


def cursor_name(partition: int) -> str:
    """Return the name of a partition's cursor: the first one's is from before there were many."""
    return f"{NAME} {partition}" if partition else NAME
