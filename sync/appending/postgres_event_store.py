"""Frames in PostgreSQL: head office of up to about a thousand stores.

Partitioned by store: each partition has one writer, one connection, one lock, and positions
without gaps that become visible in their order. Reads have connections of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from edge.contract.envelope import GENESIS
from edge.contract.errors import SettingsInvalid, StorageFailed
from edge.contract.instant import Clock
from edge.contract.limits import (
    POSTGRES_CONNECT_S_MAX,
    POSTGRES_PARTITIONS,
    POSTGRES_READERS_MAX,
    STOP_S_MAX,
)
from edge.contract.replication import Head, parse_header
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.appending.event_store import (
    Accepted,
    Conflict,
    EventStoreAway,
    StoredFrame,
    check_partition,
    check_seq,
)
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import (
    Connection,
    Pool,
    connect,
    disconnect,
    in_words,
    open_pool,
)
from sync.appending.postgres_migrations import PostgresMigration, migrate
from sync.appending.postgres_writer import PartitionWriter, Standing, WaitingAppend

_FRAME: Final = "position, store, gen, first_seq, last_seq, body"
_SCHEMA_FOLDER: Final = Path(__file__).parent / "postgres_schema"


def migrations(partitions: int) -> tuple[PostgresMigration, ...]:
    """Return the steps of the schema; a new database gets that many partitions."""

    async def make_partitions(connection: Connection) -> None:
        await connection.execute("INSERT INTO event_store (partitions) VALUES ($1)", partitions)
        for number in range(partitions):
            await connection.execute("INSERT INTO partition (number) VALUES ($1)", number)
            await connection.execute(
                f"CREATE TABLE frame_{number:d} PARTITION OF frame FOR VALUES IN ({number:d})"
            )

    script = (_SCHEMA_FOLDER / "0001_frames.sql").read_text("utf-8")
    return (PostgresMigration(1, script, make_partitions),)


class PostgresEventStore:
    """`open` first, `close` last; between them it loses its server and finds it again by itself.

    `partitions` is how many a new database gets; one that is there has what it has, and a
    number that is asked for and is another one is refused.
    """

    def __init__(
        self,
        address: PostgresAddress,
        clock: Clock,
        log: Log,
        tasks: Supervisor,
        *,
        partitions: int | None = None,
    ) -> None:
        self._address = address
        self._clock = clock
        self._tasks = tasks
        self._asked_for = partitions
        self._standing = Standing(log.bind(at=address.words))
        self._identity = ""
        self._writers: list[PartitionWriter] = []
        self._running: list[asyncio.Task[None]] = []
        self._readers: Pool | None = None

    async def open(self) -> None:
        """Migrate, connect, and become the only writer.

        Raises StorageFailed, EventStoreAway, or SettingsInvalid for a number of partitions that
        is not that of the database.
        """
        try:
            count = await self._set_up()
            for number in range(count):
                writer = PartitionWriter(number, self._identity, self._address, self._standing)
                self._writers.append(writer)
                await writer.open()
            self._readers = await open_pool(self._address, POSTGRES_READERS_MAX)
        except BaseException:
            await self.close()
            raise
        for number, writer in enumerate(self._writers):
            self._running.append(self._tasks.start(f"writer of partition {number}", writer.run))

    async def close(self) -> None:
        """Answer what waits and let go of everything; safe to call twice."""
        for writer in self._writers:
            writer.close()
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_S_MAX / 2)
        for task in self._running:
            await self._tasks.stop(task)
        self._running = []
        await asyncio.gather(*(writer.disconnect() for writer in self._writers))
        readers, self._readers = self._readers, None
        if readers is not None:
            try:
                async with self._clock.timeout(STOP_S_MAX / 2):
                    await readers.close()
            except TimeoutError:
                readers.terminate()

    @property
    def failure(self) -> StorageFailed | None:
        """Why only a new process can go on; None while all is well, or comes back by itself."""
        return self._standing.failure

    @property
    def away(self) -> EventStoreAway | None:
        """Why nothing could be kept or read last; None while all is well."""
        return next(iter(self._standing.troubles.values()), None)

    @property
    def commits(self) -> int:
        """Transactions that kept frames since the start."""
        return self._standing.commits

    @property
    def identity(self) -> str:
        """What this database was called when it was made: `postgres` and a random id."""
        return f"postgres {self._identity}"

    @property
    def partitions(self) -> range:
        """The partitions that `read` knows."""
        return range(len(self._writers))

    def partition_of(self, store: int) -> int:
        """Return the one partition in which all frames of a store are."""
        return store % len(self._writers)

    async def append(
        self, store: int, gen: int, first_seq: int, frame: bytes, expected_head: Head
    ) -> Accepted | Conflict:
        """Keep a checked frame behind `expected_head`, durably, or change nothing.

        Raises ProtocolViolation for a frame whose place is taken; Refused("busy") when too
        many wait; EventStoreAway when the outcome is not known.
        """
        if self._standing.failure is not None:
            raise self._standing.failure
        header = parse_header(frame)
        check_seq(header)
        waiting = WaitingAppend(
            store=store,
            first_seq=first_seq,
            head=Head(gen, header.last_seq, header.last_hash.hex()),
            expected=expected_head,
            frame=frame,
            accepted_at=self._clock.now_ms(),
            future=asyncio.get_running_loop().create_future(),
        )
        self._writers[self.partition_of(store)].put(waiting)
        return await waiting.future

    async def head(self, store: int, gen: int) -> Head:
        """Return where a store stands; seq 0 of `gen` for one that never sent anything."""
        rows = await self._fetch("SELECT gen, seq, hash FROM head WHERE store = $1", store)
        if not rows:
            return Head(gen, 0, GENESIS.hex())
        (row,) = rows
        return Head(row["gen"], row["seq"], row["hash"].hex())

    async def frame_at(self, store: int, gen: int, seq: int) -> tuple[bytes, StoredFrame] | None:
        """Return the frame that holds an event, and the chain's hash before it; or None."""
        row = await self._row_at(store, gen, seq)
        if row is None:
            return None
        frame = StoredFrame(*row[:-1])
        before = None
        if frame.first_seq > 1:
            before = await self._row_at(store, gen, frame.first_seq - 1)
        return (before["last_hash"] if before is not None else GENESIS), frame

    async def read(self, partition: int, cursor: int, *, frames_max: int) -> list[StoredFrame]:
        """Return frames behind a position, in order of arrival."""
        check_partition(self, partition)
        rows = await self._fetch(
            f"SELECT {_FRAME} FROM frame WHERE partition = $1 AND position > $2"  # noqa: S608 - a constant of ours
            " ORDER BY position LIMIT $3",
            partition,
            cursor,
            frames_max,
        )
        return [StoredFrame(*row) for row in rows]

    async def newest(self, partition: int) -> int:
        """Return the position of the newest frame; 0 where there is none."""
        check_partition(self, partition)
        ((position,),) = await self._fetch(
            "SELECT position FROM partition WHERE number = $1", partition
        )
        return int(position)

    async def settled(self, store: int) -> int:
        """Return up to which seq the store's box need not keep anything for head office."""
        rows = await self._fetch("SELECT settled_seq FROM head WHERE store = $1", store)
        return int(rows[0]["settled_seq"]) if rows else 0

    async def settle(self, upto: Mapping[int, int]) -> None:
        """Take that all up to a seq is archived and was read again there, by store."""
        if not upto:
            return
        _ = await self._fetch(
            "UPDATE head SET settled_seq = greatest(settled_seq, least(head.seq, new.upto))"
            " FROM unnest($1::bigint[], $2::bigint[]) AS new(number, upto)"
            " WHERE head.store = new.number",
            list(upto),
            list(upto.values()),
        )

    # --- inside ---------------------------------------------------------------------------

    async def _set_up(self) -> int:
        connection = await connect(self._address)
        try:
            steps = migrations(self._asked_for or POSTGRES_PARTITIONS)
            _ = await migrate(connection, self._address, steps)
            with in_words(self._address):
                row = await connection.fetchrow("SELECT identity, partitions FROM event_store")
        finally:
            await disconnect(connection, self._address)
        if row is None:
            raise StorageFailed(
                "database_incomplete",
                f"{self._address.words} does not say how it is partitioned.",
                advice="Restore a copy of the whole database.",
            )
        count = int(row["partitions"])
        if self._asked_for not in {None, count}:
            raise SettingsInvalid(
                "partitions_differ",
                f"{self._address.words} has {count} partitions; the settings say "
                f"{self._asked_for}.",
                advice="The number is chosen once, when the database is made. Take the setting "
                "out, or name a new database.",
            )
        self._identity = row["identity"]
        return count

    async def _row_at(self, store: int, gen: int, seq: int) -> Any | None:
        """Return the row with an event, of this generation or of one that led to it."""
        place = (self.partition_of(store), store)
        each: int | None = gen
        while each is not None:
            rows = await self._fetch(
                f"SELECT {_FRAME}, last_hash FROM frame"  # noqa: S608 - a constant of ours
                " WHERE partition = $1 AND store = $2 AND gen = $3 AND last_seq >= $4"
                " ORDER BY last_seq LIMIT 1",
                *place,
                each,
                seq,
            )
            if rows and rows[0]["first_seq"] <= seq:
                return rows[0]
            ((each,),) = await self._fetch(
                "SELECT max(gen) FROM frame WHERE partition = $1 AND store = $2 AND gen < $3",
                *place,
                each,
            )
        return None

    async def _fetch(self, query: str, *values: object) -> Sequence[Any]:
        """Run a query on a connection that only reads. Raises EventStoreAway."""
        if self._readers is None:
            raise EventStoreAway("store_closed", "Head office stops; come back soon.")
        try:
            async with self._reader(self._readers) as connection:
                rows: Sequence[Any] = await connection.fetch(query, *values)
        except EventStoreAway as error:
            self._standing.lost("readers", error)
            raise
        self._standing.back("readers")
        return rows

    @asynccontextmanager
    async def _reader(self, readers: Pool) -> AsyncIterator[Any]:
        with in_words(self._address):
            async with readers.acquire(timeout=POSTGRES_CONNECT_S_MAX) as connection:
                yield connection
