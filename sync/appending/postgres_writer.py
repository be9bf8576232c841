"""The one writer of one partition: what waits is copied, the heads move, one commit answers all.

It holds the partition's lock on the very connection that it writes on: a process that lost its
line to the server can write nothing more, and another one may begin. Whatever goes wrong, the
connection is given up; the next append makes a new one and reads what is true there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.contract.envelope import GENESIS
from edge.contract.errors import ProtocolViolation, Refused, StorageFailed, TillboxError
from edge.contract.limits import WRITE_BATCH_MAX, WRITE_QUEUE_MAX
from edge.contract.replication import Head
from edge.runtime.bounded_queue import BoundedQueue, QueueClosed, QueueFull
from edge.runtime.structured_log import Log
from sync.appending.event_store import Accepted, Conflict, EventStoreAway, place_is_taken
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import (
    SCHEMA,
    Connection,
    UniqueViolation,
    connect,
    disconnect,
    hold_alone,
    in_words,
)

_COLUMNS: Final = (
    "partition",
    "position",
    "store",
    "gen",
    "first_seq",
    "last_seq",
    "last_hash",
    "accepted_at",
    "body",
)
_HEADS: Final = "SELECT store, gen, seq, hash FROM head WHERE store = ANY($1::bigint[])"
_MOVE: Final = (
    "WITH moved AS (UPDATE partition SET position = $2 WHERE number = $1)"
    " INSERT INTO head (store, gen, seq, hash)"
    " SELECT * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])"
    " ON CONFLICT (store) DO UPDATE SET gen = excluded.gen, seq = excluded.seq,"
    " hash = excluded.hash"
)

Row = tuple[int, int, int, int, int, int, bytes, int, bytes]


@dataclass
class WaitingAppend:
    """A frame that somebody waits for: `head` is where its store stands once it is kept."""

    store: int
    first_seq: int
    head: Head
    expected: Head
    frame: bytes
    accepted_at: int
    future: asyncio.Future[Accepted | Conflict]


@dataclass
class Standing:
    """How the whole store stands: told once when part of it goes away, once when all is back.

    `failure` is what only a new process mends.
    """

    log: Log
    troubles: dict[str, EventStoreAway] = field(default_factory=dict)
    failure: StorageFailed | None = None
    commits: int = 0
    frames: int = 0

    def lost(self, part: str, error: EventStoreAway) -> None:
        """Note that a writer, or the readers, could not do what was asked."""
        if not self.troubles:
            self.log.error("event_store_away", code=error.code, reason=str(error))
        self.troubles[part] = error

    def back(self, part: str) -> None:
        """Note that it did what was asked."""
        if self.troubles.pop(part, None) is not None and not self.troubles:
            self.log.info("event_store_back")


@dataclass
class Plan:
    """What one transaction does: rows to copy, heads to move to, and everybody's answer."""

    position: int
    rows: list[Row] = field(default_factory=list)
    moved: dict[int, Head] = field(default_factory=dict)
    answers: list[Accepted | Conflict] = field(default_factory=list)


def plan(
    partition: int, position: int, heads: Mapping[int, Head], batch: Sequence[WaitingAppend]
) -> Plan:
    """Decide over appends in their order, each behind what those before it leave."""
    made = Plan(position)
    for waiting in batch:
        gen = waiting.head.gen
        start = Head(gen, 0, GENESIS.hex())
        standing = made.moved.get(waiting.store) or heads.get(waiting.store) or start
        if standing != waiting.expected:
            made.answers.append(Conflict(standing))
            continue
        made.position += 1
        last_hash = bytes.fromhex(waiting.head.hash)
        made.rows.append(
            (
                partition,
                made.position,
                waiting.store,
                gen,
                waiting.first_seq,
                waiting.head.seq,
                last_hash,
                waiting.accepted_at,
                waiting.frame,
            )
        )
        made.moved[waiting.store] = waiting.head
        made.answers.append(Accepted(waiting.head))
    return made


class PartitionWriter:
    """Appends to partition `number` of the store `identity`: `open`, `put`, `run`, `close`."""

    def __init__(
        self, number: int, identity: str, address: PostgresAddress, standing: Standing
    ) -> None:
        self._number = number
        self._name = f"partition {number}"
        self._identity = identity
        self._address = address
        self._standing = standing
        self._queue: BoundedQueue[WaitingAppend] = BoundedQueue(WRITE_QUEUE_MAX)
        self._connection: Connection | None = None
        self._position = 0

    async def open(self) -> None:
        """Connect and become the only writer. Raises EventStoreAway or StorageFailed."""
        await self._connected()

    def put(self, waiting: WaitingAppend) -> None:
        """Hand over a frame. Raises Refused("busy"), or EventStoreAway once closed."""
        try:
            self._queue.put_nowait(waiting)
        except QueueFull:
            raise Refused(
                "busy",
                f"{WRITE_QUEUE_MAX} frames wait for {self._address.words}.",
                advice="Wait a moment and try again; nothing was changed.",
                status=503,
            ) from None
        except QueueClosed:
            raise EventStoreAway("store_closed", "Head office stops; come back soon.") from None

    async def run(self) -> None:
        """Commit what comes until closed and empty."""
        while True:
            try:
                batch = await self._queue.get_batch(WRITE_BATCH_MAX)
            except QueueClosed:
                return
            try:
                await self._take(batch)
            except EventStoreAway as error:
                self._standing.lost(self._name, error)
                _refuse(batch, error)
            except StorageFailed as error:
                self._standing.failure = self._standing.failure or error
                _refuse(batch, error)
            except BaseException:
                self._give_up()
                words = "Head office was interrupted while it kept this."
                _refuse(batch, EventStoreAway("store_interrupted", words))
                raise

    def close(self) -> None:
        """Take nothing more; `run` ends once what waits is answered."""
        self._queue.close()

    async def disconnect(self) -> None:
        """Let go of the partition, after `run` has ended, whatever it left unanswered."""
        if len(self._queue):
            left = await self._queue.get_batch(WRITE_QUEUE_MAX)
            _refuse(left, EventStoreAway("store_closed", "Head office stops; come back soon."))
        connection, self._connection = self._connection, None
        if connection is not None:
            await disconnect(connection, self._address)

    # --- inside ---------------------------------------------------------------------------

    async def _take(self, batch: Sequence[WaitingAppend]) -> None:
        """Commit a batch at once; where one frame's place is taken, each by itself."""
        try:
            await self._commit(batch)
        except ProtocolViolation as refusal:
            if len(batch) == 1:
                _refuse(batch, refusal)
                return
            for waiting in batch:
                await self._take([waiting])

    async def _commit(self, batch: Sequence[WaitingAppend]) -> None:
        connection = await self._connected()
        try:
            with in_words(self._address):
                made = await self._transact(connection, batch)
        except ProtocolViolation:
            raise  # rolled back: the connection is well
        except BaseException:
            self._give_up()
            raise
        self._position = made.position
        self._standing.commits += 1
        self._standing.frames += len(made.rows)
        self._standing.back(self._name)
        for waiting, answer in zip(batch, made.answers, strict=True):
            if (
                not waiting.future.done()
            ):  # its caller was cancelled; the frame is kept all the same
                waiting.future.set_result(answer)

    async def _transact(self, connection: Connection, batch: Sequence[WaitingAppend]) -> Plan:
        try:
            async with connection.transaction():
                # this lock before all else: heads and position are ours until the commit
                position = await connection.fetchval(
                    "SELECT position FROM partition WHERE number = $1 FOR UPDATE", self._number
                )
                rows = await connection.fetch(_HEADS, list({each.store for each in batch}))
                heads = {
                    row["store"]: Head(row["gen"], row["seq"], row["hash"].hex()) for row in rows
                }
                made = plan(self._number, position, heads, batch)
                if made.rows:
                    await connection.copy_records_to_table(
                        "frame", schema_name=SCHEMA, records=made.rows, columns=_COLUMNS
                    )
                    moved = made.moved
                    await connection.execute(
                        _MOVE,
                        self._number,
                        made.position,
                        list(moved),
                        [head.gen for head in moved.values()],
                        [head.seq for head in moved.values()],
                        [bytes.fromhex(head.hash) for head in moved.values()],
                    )
        except UniqueViolation:
            one = batch[0]
            raise place_is_taken(one.store, one.head.gen, one.head.seq) from None
        return made

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        connection = await connect(self._address)
        try:
            await hold_alone(connection, self._address, self._number)
            with in_words(self._address):
                row = await connection.fetchrow(
                    "SELECT identity, position FROM event_store, partition WHERE number = $1",
                    self._number,
                )
            self._check_same(row["identity"] if row else "", row["position"] if row else 0)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return connection

    def _check_same(self, identity: str, position: int) -> None:
        """Refuse a database that is not the one we wrote to, or an older copy of it."""
        if identity == self._identity and position >= self._position:
            self._position = position
            return
        raise StorageFailed(
            "store_went_back",
            f"{self._address.words} is not what it was: partition {self._number} stood at "
            f"frame {self._position} and stands at {position}"
            f"{'' if identity == self._identity else ', of another store'}.",
            advice="It was restored from a copy, or a standby took over that lagged behind. Head "
            "office starts again by itself and asks shops for what is missing.",
        )

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _refuse(batch: Sequence[WaitingAppend], error: TillboxError) -> None:
    for waiting in batch:
        if not waiting.future.done():
            waiting.future.set_exception(error)
