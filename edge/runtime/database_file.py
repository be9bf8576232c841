"""One SQLite file with one writer: callers hand over a unit of work, one commit answers many.

One thread owns the only writing connection. It takes what waits, runs it in one transaction
(a savepoint each), commits once, fsyncs once, and then has all answered: one hop there and
one back for each batch. Readers have their own read-only connection. On a connection that
tasks share, one task's ROLLBACK undoes another's insert and a cancelled task leaves the
transaction open: that is why nobody else gets it.

A commit that failed is an unknown outcome, not a "no": with EIO in the fsync of a commit
the caller sees an error and the row may be there after a restart all the same. So after
one, this file writes nothing any more; the process has to end, open it again and read
what is true.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar, cast

import aiosqlite
from typing_extensions import override

from edge.contract.errors import Refused, StorageFailed, TillboxError
from edge.contract.limits import (
    PAGE_BYTES,
    WRITE_BATCH_MAX,
    WRITE_QUEUE_MAX,
)
from edge.runtime.migrations import Migration, apply

T = TypeVar("T")

Unit = Callable[[sqlite3.Connection], T]
"""Work on the writing connection: runs in its thread, inside a transaction, without awaiting.

It either returns, or raises with nothing of it kept.
"""

_RUN_BATCH: Final = "-- run a batch of units"
CACHE_KIB: Final = 8_192
_CHECKPOINT_PAGES: Final = 2_000


class _BatchConnection(sqlite3.Connection):
    """Runs work of ours in the database thread.

    aiosqlite hops once per call and offers no public call for a function of ours;
    `executemany` with a subclass handed in as `factory` is a public road to one. The
    writer's call lasts as long as the file is open: its parameters are batches.

    A file that cannot be opened says so at the first batch: when opening raises, aiosqlite
    tells its thread to stop and does not wait for it, and a loop closed meanwhile is an
    error in that thread.
    """

    _refusal: sqlite3.Error | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except sqlite3.Error as error:
            self._refusal = error

    @override
    def close(self) -> None:
        if self._refusal is None:
            super().close()

    @override
    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        if self._refusal is not None:
            raise self._refusal
        if sql is _RUN_BATCH:
            for work in parameters:
                work(self)
            return self.cursor()
        return super().executemany(sql, parameters)


@dataclass
class _Waiting(Generic[T]):
    unit: Unit[T]
    future: asyncio.Future[T]
    result: T | None = None
    error: BaseException | None = None


@dataclass
class WriteCounts:
    """What the writer did so far: `units` answered in `commits` transactions."""

    units: int = 0
    commits: int = 0


@dataclass
class DatabaseFile:
    """A database file of one process: `open`, `write`, `read`, `close`.

    `durable` is `synchronous=FULL`: what `write` returned from survives a power cut. It is
    read back after opening and the file is refused when the pragma did not take. `cache_kib`:
    what each of its two connections keeps of it in memory once it is as large.
    """

    path: Path
    migrations: Sequence[Migration]
    durable: bool = True
    page_bytes: int = PAGE_BYTES
    cache_kib: int = CACHE_KIB
    counts: WriteCounts = field(default_factory=WriteCounts)
    _writer: aiosqlite.Connection | None = None
    _reader: aiosqlite.Connection | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _gathered: list[_Waiting[Any]] = field(default_factory=list)
    _handed_over: SimpleQueue[list[_Waiting[Any]]] = field(default_factory=SimpleQueue)
    _unanswered: deque[_Waiting[Any]] = field(default_factory=deque)
    _lazy: deque[Unit[Any]] = field(default_factory=deque)
    _task: asyncio.Task[None] | None = None
    _failure: StorageFailed | None = None
    _closing: bool = False

    async def open(self) -> None:
        """Open or make the file, migrate it, and start the writer.

        Raises StorageFailed when it cannot be opened, is no database, is newer than this
        program, or does not take its pragmas.
        """
        try:
            self._writer = await self._connect(read_only=False)
            await self._run(self._writer, self._prepare)
            self._reader = await self._connect(read_only=True)
            await self._run(self._reader, self._prepare_reader)
        except sqlite3.Error as error:
            await self._disconnect()
            raise StorageFailed(
                "database_unusable",
                f"{self.path} cannot be used as a database: {error}.",
                advice="Check the disk and the file's owner; restore it from a copy if damaged.",
            ) from error
        except BaseException:
            await self._disconnect()
            raise
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._write(), name=f"writer of {self.path.name}")

    async def close(self) -> None:
        """Answer what waits, checkpoint, and close; safe to call twice."""
        if self._task is not None:
            if not self._closing:
                self._closing = True
                self._hand_over()
                self._handed_over.put([])
            await self._task
            self._task = None
        await self._disconnect()

    @property
    def failure(self) -> StorageFailed | None:
        """Why nothing is written any more; None while all is well."""
        return self._failure

    @property
    def oldest_wait(self) -> object | None:
        """The write that waits longest for the disk, to be compared; None while none does."""
        return self._unanswered[0] if self._unanswered else None

    async def write(self, unit: Unit[T]) -> T:
        """Run a unit and return its result once it is committed (and, if durable, synced).

        Raises what the unit raised, with nothing of it kept; Refused("busy") when
        `WRITE_QUEUE_MAX` callers wait already; StorageFailed when the outcome is not
        known. A caller that is cancelled meanwhile leaves its unit running.
        """
        if self._failure is not None:
            raise self._failure
        if self._closing or self._loop is None:
            raise StorageFailed("database_closed", f"{self.path.name} is closed.")
        if len(self._unanswered) >= WRITE_QUEUE_MAX:
            raise Refused(
                "busy",
                f"{WRITE_QUEUE_MAX} writes wait for the disk.",
                advice="Wait a moment and try again; nothing was changed.",
                status=503,
            )
        future: asyncio.Future[T] = self._loop.create_future()
        waiting = _Waiting(unit, future)
        self._unanswered.append(waiting)
        if not self._gathered:
            # what else comes in this turn of the loop goes along: one hop, one commit
            self._loop.call_soon(self._hand_over)
        self._gathered.append(waiting)
        # no shield: the unit runs whatever becomes of the future, and each costs a turn of the loop
        return await future

    def write_lazily(self, unit: Unit[Any]) -> None:
        """Run a unit in the next commit that happens anyway, or at closing.

        For what may be lost and learnt again. It must not raise.
        """
        self._lazy.append(unit)

    async def read(self, query: Unit[T]) -> T:
        """Run a query on the read-only connection and return its result."""
        if self._reader is None:
            raise StorageFailed("database_closed", f"{self.path.name} is closed.")
        try:
            return await self._run(self._reader, query)
        except sqlite3.Error as error:
            raise StorageFailed(
                "read_failed",
                f"{self.path.name} could not be read: {error}.",
                advice="Nothing was changed. Check the disk.",
            ) from error

    # --- the writer -----------------------------------------------------------------------

    def _hand_over(self) -> None:
        if self._gathered:
            self._handed_over.put(self._gathered)
            self._gathered = []

    async def _write(self) -> None:
        writer = cast("aiosqlite.Connection", self._writer)
        loop = cast("asyncio.AbstractEventLoop", self._loop)
        try:
            await writer.executemany(_RUN_BATCH, self._batches(loop))
        except Exception as error:  # noqa: BLE001 - whatever it was, the outcome is unknown
            self._fail(error)

    def _batches(self, loop: asyncio.AbstractEventLoop) -> Iterator[_Batch]:
        """Yield batches as they come, in the database's thread; what comes back is committed."""
        last = False
        units: list[_Waiting[Any]] = []
        while not last or units:
            if not units:
                units = self._handed_over.get()
                last = not units
            with suppress(Empty):
                while len(units) < WRITE_BATCH_MAX and not last:
                    more = self._handed_over.get_nowait()
                    last = not more
                    units += more
            batch, units = units[:WRITE_BATCH_MAX], units[WRITE_BATCH_MAX:]
            if batch or self._lazy:
                yield _Batch(batch, self._lazy)
            if batch:
                loop.call_soon_threadsafe(self._answer, batch)

    def _answer(self, batch: list[_Waiting[Any]]) -> None:
        self.counts.units += len(batch)
        self.counts.commits += 1
        for waiting in batch:
            self._unanswered.popleft()
            if waiting.future.done():
                continue  # its caller was cancelled; the unit ran all the same
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.result)

    def _fail(self, error: Exception) -> None:
        self._failure = StorageFailed(
            "commit_outcome_unknown",
            f"{self.path.name}: the disk did not confirm a commit ({error}).",
            advice="Selling stops. The box starts again by itself and reads what is on disk; "
            "if this repeats, replace the disk.",
        )
        for waiting in self._unanswered:
            if not waiting.future.done():
                waiting.future.set_exception(self._failure)
                waiting.future.exception()  # a caller that went away leaves nothing unread
        self._unanswered.clear()

    # --- connections ----------------------------------------------------------------------

    async def _connect(self, *, read_only: bool) -> aiosqlite.Connection:
        mode = "ro" if read_only else "rwc"
        connection = aiosqlite.connect(
            f"{self.path.resolve().as_uri()}?mode={mode}",
            uri=True,
            factory=_BatchConnection,
            isolation_level=None,
            cached_statements=256,
        )
        return await connection

    async def _run(self, connection: aiosqlite.Connection, work: Unit[T]) -> T:
        box: list[T] = []
        await connection.executemany(_RUN_BATCH, [lambda raw: box.append(work(raw))])
        return box[0]

    def _prepare_reader(self, connection: sqlite3.Connection) -> None:
        # else 2 MiB, a tenth of the index that people search with each key they press
        connection.execute(f"PRAGMA cache_size = -{self.cache_kib:d}")
        self._check_pragmas(connection)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA page_size = {self.page_bytes:d}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self.durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{self.cache_kib:d}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES:d}")
        apply(connection, self.migrations)
        self._check_pragmas(connection)
        wanted = 2 if self.durable else 1
        if (got := connection.execute("PRAGMA synchronous").fetchone()[0]) != wanted:
            raise StorageFailed(
                "pragma_refused", f"{self.path}: synchronous is {got}, {wanted} was asked for."
            )

    def _check_pragmas(self, connection: sqlite3.Connection) -> None:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            raise StorageFailed(
                "pragma_refused",
                f"{self.path}: the journal mode is {mode}, not WAL.",
                advice="Keep the file on a local disk: network file systems cannot do this.",
            )

    async def _disconnect(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                await connection.close()
        self._reader = self._writer = None


@dataclass
class _Batch:
    """One transaction: a savepoint for each unit, one commit."""

    waiting: list[_Waiting[Any]]
    lazy: deque[Unit[Any]]

    def __call__(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for waiting in self.waiting:
                self._run_one(connection, waiting)
            while self.lazy:
                self.lazy.popleft()(connection)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @staticmethod
    def _run_one(connection: sqlite3.Connection, waiting: _Waiting[Any]) -> None:
        connection.execute("SAVEPOINT unit")
        try:
            waiting.result = waiting.unit(connection)
        except sqlite3.IntegrityError as error:
            waiting.error = error
        except sqlite3.Error:
            raise  # the disk speaks: nobody in this batch can be answered
        except (TillboxError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            waiting.error = error
        if waiting.error is not None:
            connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
