"""Sales in PostgreSQL, beside the frames they follow from: one worker's writing.

A worker holds the lock of each of its partitions on the very connection that it writes on, as the
writers of frames do. A batch is one transaction: the sales it names are read, its events are folded
in, what has changed is copied, and the cursor moves. Whatever goes wrong, the connection is given
up, and the same batch comes again: where it was taken after all, it changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from edge.contract.errors import StorageFailed
from edge.contract.event_registry import is_known
from edge.contract.office_limits import (
    PROJECTION_POSTGRES_BYTES_MAX,
    PROJECTION_POSTGRES_FRAMES_MAX,
)
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from sync.appending.event_store import EventStore, EventStoreAway
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import (
    SALES_LOCK,
    Connection,
    connect,
    disconnect,
    hold_alone,
    in_words,
)
from sync.office.event_reading import ReadFrame
from sync.office.postgres_acts import make_acts, repaired_frames, take_repairs, tell_acts
from sync.office.postgres_alarms import Slugs, raise_alarms
from sync.office.postgres_numbers import take_numbers
from sync.office.postgres_tables import (
    SALES_SCHEMA,
    columns_of,
    known_sales,
    make_tables,
    write_rows,
)
from sync.office.projection import Projected
from sync.office.sale_folding import (
    Folded,
    changed_heads,
    changed_parts,
    fold,
    named_sales,
    written_of,
)
from sync.office.told_acts import ToldActs
from sync.office.used_codes import UsedCodes

_ONLY_POINTS: Final = (
    # the tables grow faster than they are analysed; what a worker asks for is always a few rows
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    # and what it has to scan all the same (tables of one row) is not worth a compiler
    " SET jit = off"
)
LOCKED_CURSOR: Final = "SELECT position FROM projection WHERE partition = $1 FOR UPDATE"
_MOVE: Final = (
    "WITH moved AS (UPDATE projection SET position = $2 WHERE partition = $1),"
    # what was read again and fits by now stands aside no more
    " mended AS (DELETE FROM quarantine AS q USING unnest"
    "  ($5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]) AS span(store, gen, first, last)"
    "  WHERE q.store = span.store AND q.gen = span.gen AND q.seq BETWEEN span.first AND span.last"
    "  AND NOT EXISTS (SELECT FROM unnest($9::bigint[], $10::bigint[], $11::bigint[])"
    "   AS left_there(store, gen, seq) WHERE left_there.store = q.store"
    "   AND left_there.gen = q.gen AND left_there.seq = q.seq))"
    " INSERT INTO projected (store, seq) SELECT * FROM unnest($3::bigint[], $4::bigint[])"
    " ON CONFLICT (store) DO UPDATE SET seq = greatest(projected.seq, excluded.seq)"
)
_ASIDE: Final = (
    "INSERT INTO quarantine (store, gen, seq, reason, body, at)"
    " SELECT *, $6::bigint FROM unnest"
    " ($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) ON CONFLICT DO NOTHING"
)
_PARKED: Final = (
    "INSERT INTO parked (store, gen, seq, type, v, position) SELECT * FROM unnest"
    " ($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[])"
    " ON CONFLICT DO NOTHING"
)


class PostgresProjection:
    """One worker's sales: `take_up` first, `close` last.

    Between them it loses its server and finds it again by itself.
    """

    frames_max = PROJECTION_POSTGRES_FRAMES_MAX
    bytes_max = PROJECTION_POSTGRES_BYTES_MAX

    def __init__(
        self, address: PostgresAddress, file: DatabaseFile, slugs: Slugs, log: Log
    ) -> None:
        self._address = address
        self._file = file
        self._codes = UsedCodes(file)
        self._acts = ToldActs(file)
        self._slugs = slugs
        self._log = log.bind(at=address.words)
        self._connection: Connection | None = None
        self._partitions: Sequence[int] = ()
        self._identity = ""
        self._positions: dict[int, int] = {}
        self._away: EventStoreAway | None = None
        self._failure: StorageFailed | None = None

    @property
    def failure(self) -> StorageFailed | None:
        """Why only a new process can go on; None while all is well, or comes back by itself."""
        return self._failure

    @property
    def away(self) -> EventStoreAway | None:
        """Why nothing could be kept last; None while all is well."""
        return self._away

    async def take_up(self, events: EventStore, partitions: Sequence[int]) -> dict[int, int]:
        """Make the tables, take the locks, and return where each partition stands."""
        self._partitions, self._identity = tuple(partitions), events.identity
        self._positions = dict.fromkeys(partitions, 0)
        newest = {each: await events.newest(each) for each in partitions}
        await make_tables(self._address)
        await make_acts(self._address)
        connection = await self._connected()
        try:
            with in_words(self._address):
                async with connection.transaction():
                    self._positions = await _step_back(connection, newest, events.partition_of)
                await tell_acts(connection, self._acts)
                await take_repairs(connection, self._acts)
                told = await self._codes.told()
                found = await connection.fetchval("SELECT newest_code FROM sales_store")
                # restored from a copy, it numbers anew; what is told twice is told once
                _ = await self._codes.tell_from(
                    connection, told if told <= found else 0, self._slugs
                )
        except BaseException:
            self._give_up()
            raise
        return dict(self._positions)

    async def take(self, partition: int, frames: Sequence[ReadFrame], now_ms: int) -> Projected:
        """Keep what a batch says, with the cursor behind it, in one transaction."""
        if self._failure is not None:
            raise self._failure
        # what waits for a commit of office.db waits no longer than it would with the sales there
        await self._file.write(lambda _: None)
        try:
            connection = await self._connected()
            with in_words(self._address):
                folded = await self._transact(connection, partition, frames, now_ms)
                self._positions[partition] = frames[-1].position
                coupons = bool(folded.used_codes) and await self._codes.tell_from(
                    connection, await self._codes.told(), self._slugs
                )
        except EventStoreAway as error:
            self._give_up()
            if self._away is None:
                self._log.error("sales_away", code=error.code, reason=str(error))
            self._away = error
            raise
        except StorageFailed as error:
            self._give_up()
            self._failure = error
            raise
        except BaseException:
            self._give_up()
            raise
        if self._away is not None:
            self._away = None
            self._log.info("sales_back")
        return Projected(tuple(folded.aside), coupons)

    async def catch_up(self, positions: dict[int, int]) -> int:  # noqa: ARG002 - an interface
        """Return 0: no older version kept less than this one."""
        return 0

    async def close(self) -> None:
        """Let go of the partitions; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await disconnect(connection, self._address)

    # --- inside ---------------------------------------------------------------------------

    async def _transact(
        self, connection: Connection, partition: int, frames: Sequence[ReadFrame], now_ms: int
    ) -> Folded:
        async with connection.transaction():
            position = await connection.fetchval(LOCKED_CURSOR, partition)
            # ahead of what was heard it may be: a commit whose answer was lost
            if position is None or position < self._positions[partition]:
                raise self._went_back(partition, position)
            frames = await repaired_frames(connection, frames)
            known = await known_sales(connection, named_sales(frames))
            before = written_of(known)
            folded = await asyncio.to_thread(fold, frames, known)
            for rows in changed_parts(folded.sales, before):
                await write_rows(connection, rows)
            await self._set_aside(connection, folded, now_ms)
            newest = await self._number(connection, folded)
            await write_rows(connection, changed_heads(folded.sales, before))
            if folded.shown or folded.completions or folded.mended:
                await raise_alarms(connection, folded, newest, self._slugs)
            seqs = folded.projected
            await connection.execute(
                _MOVE,
                partition,
                frames[-1].position,
                list(seqs),
                list(seqs.values()),
                *columns_of(_spans(frames), 4),
                *columns_of([(each.store, each.gen, each.seq) for each in folded.aside], 3),
            )
        return folded

    async def _set_aside(self, connection: Connection, folded: Folded, now_ms: int) -> None:
        if folded.aside:
            rows = [msgspec.structs.astuple(each) for each in folded.aside]
            await connection.execute(_ASIDE, *columns_of(rows, 5), now_ms)
        if folded.parked:
            rows = [msgspec.structs.astuple(each) for each in folded.parked]
            await connection.execute(_PARKED, *columns_of(rows, 6))

    async def _number(self, connection: Connection, folded: Folded) -> int:
        """Give what comes in order over all partitions its numbers; return the arrival before.

        What that locks is locked until the commit: the last thing that a batch does.
        """
        if not (folded.completions or folded.used_codes or folded.shown):
            return 0
        newest = await take_numbers(
            connection, folded, len(folded.completions), self._address.words
        )
        folded.number_arrivals(newest)
        return newest

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        connection = await connect(self._address, SALES_SCHEMA)
        try:
            for partition in self._partitions:
                await hold_alone(connection, self._address, partition, SALES_LOCK)
            with in_words(self._address):
                await connection.execute(_ONLY_POINTS)
                await connection.execute(
                    "INSERT INTO sales_store (frames) VALUES ($1) ON CONFLICT DO NOTHING",
                    self._identity,
                )
                frames = await connection.fetchval("SELECT frames FROM sales_store")
            self._check_frames(frames)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return connection

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _went_back(self, partition: int, position: int | None) -> StorageFailed:
        return StorageFailed(
            "sales_went_back",
            f"The sales in {self._address.words} are not what they were: those of partition "
            f"{partition} followed from frame {self._positions[partition]}, and now from "
            f"{position}.",
            advice="They were restored from a copy, or another program writes them. Head office "
            "starts again by itself and reads on from where they stand.",
        )

    def _check_frames(self, identity: str) -> None:
        if identity != self._identity:
            raise StorageFailed(
                "sales_of_other_frames",
                f"The sales in {self._address.words} follow from other frames than are there.",
                advice=f"Drop the schema {SALES_SCHEMA}: it is made again from the frames.",
            )


def _spans(frames: Sequence[ReadFrame]) -> list[tuple[int, int, int, int]]:
    """Return store, generation, first and last seq of what was read."""
    return [
        (frame.store, frame.events[0].gen, frame.events[0].seq, frame.events[-1].seq)
        for frame in frames
        if frame.events
    ]


async def _step_back(
    connection: Connection, newest: Mapping[int, int], partition_of: Callable[[int], int]
) -> dict[int, int]:
    """Return where each partition goes on, and note it."""
    there = dict.fromkeys(newest, 0)
    for partition, position in await connection.fetch(
        "SELECT partition, position FROM projection WHERE partition = ANY($1::integer[])",
        list(newest),
    ):
        there[partition] = position
    positions = {partition: min(there[partition], newest[partition]) for partition in newest}
    for store, type_name, version, first in await connection.fetch(
        "SELECT store, type, v, min(position) FROM parked GROUP BY store, type, v"
    ):
        partition = partition_of(store)
        if partition in newest and is_known(type_name, version):
            positions[partition] = min(positions[partition], first - 1)
            await connection.execute(
                "DELETE FROM parked WHERE store = $1 AND type = $2 AND v = $3",
                store,
                type_name,
                version,
            )
    await connection.execute(
        "INSERT INTO projection (partition, position)"
        " SELECT * FROM unnest($1::integer[], $2::bigint[])"
        " ON CONFLICT (partition) DO UPDATE SET position = excluded.position",
        list(positions),
        list(positions.values()),
    )
    return positions
