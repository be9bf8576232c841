"""Frames in SQLite: head office of up to some fifty stores, and the second copy in a shop."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from edge.contract.envelope import GENESIS
from edge.contract.instant import Clock
from edge.contract.replication import Head, parse_header
from edge.runtime.database_file import DatabaseFile
from sync.appending.event_store import (
    Accepted,
    Conflict,
    StoredFrame,
    check_partition,
    check_seq,
    place_is_taken,
)

_FRAME: Final = "position, store, gen, first_seq, last_seq, body"


class SqliteEventStore:
    """Frames and heads in tables `frame` and `head`; many appends at once share one commit."""

    identity = "sqlite"
    partitions = range(1)

    def __init__(self, file: DatabaseFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def partition_of(self, store: int) -> int:  # noqa: ARG002 - there is only one
        """Return the one partition in which all frames of a store are."""
        return 0

    async def append(
        self, store: int, gen: int, first_seq: int, frame: bytes, expected_head: Head
    ) -> Accepted | Conflict:
        """Keep a checked frame behind `expected_head`, durably, or change nothing.

        Raises ProtocolViolation for a frame whose place is taken.
        """
        header = parse_header(frame)
        check_seq(header)
        head = Head(gen, header.last_seq, header.last_hash.hex())
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> Accepted | Conflict:
            standing = _head(connection, store, gen)
            if standing != expected_head:
                return Conflict(standing)
            try:
                connection.execute(
                    "INSERT INTO frame"
                    " (store, gen, first_seq, last_seq, last_hash, accepted_at, body)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (store, gen, first_seq, head.seq, header.last_hash, now, frame),
                )
            except sqlite3.IntegrityError:
                raise place_is_taken(store, gen, head.seq) from None
            connection.execute(
                "INSERT INTO head (store, gen, seq, hash) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (store) DO UPDATE SET gen = excluded.gen, seq = excluded.seq,"
                " hash = excluded.hash",
                (store, gen, head.seq, header.last_hash),
            )
            return Accepted(head)

        return await self._file.write(unit)

    async def head(self, store: int, gen: int) -> Head:
        """Return where a store stands; seq 0 of `gen` for one that never sent anything."""
        return await self._file.read(lambda connection: _head(connection, store, gen))

    async def frame_at(self, store: int, gen: int, seq: int) -> tuple[bytes, StoredFrame] | None:
        """Return the frame that holds an event, and the chain's hash before it; or None."""

        def query(connection: sqlite3.Connection) -> tuple[bytes, StoredFrame] | None:
            frame = _frame_at(connection, store, gen, seq)
            if frame is None:
                return None
            before = _frame_at(connection, store, gen, frame.first_seq - 1)
            return (parse_header(before.body).last_hash if before else GENESIS), frame

        return await self._file.read(query)

    async def read(self, partition: int, cursor: int, *, frames_max: int) -> list[StoredFrame]:
        """Return frames behind a position, in order of arrival."""
        check_partition(self, partition)
        rows = await self._file.read(
            lambda connection: connection.execute(
                f"SELECT {_FRAME} FROM frame WHERE position > ? ORDER BY position LIMIT ?",  # noqa: S608 - a constant of ours
                (cursor, frames_max),
            ).fetchall()
        )
        return [StoredFrame(*row) for row in rows]

    async def newest(self, partition: int) -> int:
        """Return the position of the newest frame; 0 where there is none."""
        check_partition(self, partition)
        ((newest,),) = await self._file.read(
            lambda connection: connection.execute(
                "SELECT coalesce(max(position), 0) FROM frame"
            ).fetchall()
        )
        return int(newest)

    async def settled(self, store: int) -> int:
        """Return up to which seq the store's box need not keep anything for head office."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT settled_seq FROM head WHERE store = ?", (store,)
            ).fetchall()
        )
        return int(rows[0][0]) if rows else 0

    async def settle(self, upto: Mapping[int, int]) -> None:
        """Take that all up to a seq is archived and was read again there, by store."""
        await self._file.write(
            lambda connection: connection.executemany(
                "UPDATE head SET settled_seq = max(settled_seq, min(seq, ?)) WHERE store = ?",
                [(seq, store) for store, seq in upto.items()],
            )
        )


def _frame_at(connection: sqlite3.Connection, store: int, gen: int, seq: int) -> StoredFrame | None:
    """Return the frame with an event, of this generation or of one that led to it."""
    for (each,) in connection.execute(
        "SELECT DISTINCT gen FROM frame WHERE store = ? AND gen <= ? ORDER BY gen DESC",
        (store, gen),
    ).fetchall():
        row = connection.execute(
            f"SELECT {_FRAME} FROM frame"  # noqa: S608 - a constant of ours
            " WHERE store = ? AND gen = ? AND last_seq >= ? ORDER BY last_seq LIMIT 1",
            (store, each, seq),
        ).fetchone()
        if row is not None and (frame := StoredFrame(*row)).first_seq <= seq:
            return frame
    return None


def _head(connection: sqlite3.Connection, store: int, gen: int) -> Head:
    row = connection.execute("SELECT gen, seq, hash FROM head WHERE store = ?", (store,)).fetchone()
    return Head(gen, 0, GENESIS.hex()) if row is None else Head(row[0], row[1], row[2].hex())
