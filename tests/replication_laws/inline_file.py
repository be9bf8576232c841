"""A database file whose writer is the loop itself: the same transactions, and the same again.

What the product's own file does in a thread happens here between two turns of the loop, so that
a run can be repeated. `synchronous` is off: what is committed is there after a process died, and
nobody pulls the plug in these tests.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from typing_extensions import override

from edge.contract.limits import WRITE_BATCH_MAX
from edge.runtime.database_file import DatabaseFile, Unit, _Batch

T = TypeVar("T")
P = ParamSpec("P")


_EMPTY: dict[int, bytes] = {}
"""Files with all migrations and no row: thousands are opened in a run."""


@dataclass
class Death:
    """When a process dies that has files open: in so many `steps`, before that or right `behind`.

    A step is a commit; of files that a process closes while it lives, the closing too. 0 is never.
    Several files of one process may die one death.
    """

    steps: int = 0
    behind: bool = False
    happened: bool = False

    def is_now(self) -> bool:
        """Count a step, and say whether it is the one."""
        self.steps -= 1
        return self.steps == 0


@dataclass
class InlineFile(DatabaseFile):
    """A file whose process may die its `death` at any commit.

    Whoever waits for a file that died is cancelled, as his process would be; `on_death` is told.
    """

    death: Death = field(default_factory=Death)
    on_death: Callable[[], None] = lambda: None
    may_die_closing: bool = False
    _gone: bool = False
    _raw: sqlite3.Connection | None = None
    _eyes: sqlite3.Connection | None = None

    @override
    async def open(self) -> None:
        uri = self.path.resolve().as_uri()
        fresh = not self.path.exists()
        if fresh and (empty := _EMPTY.get(id(self.migrations))):
            self.path.write_bytes(empty)
        self._raw = sqlite3.connect(f"{uri}?mode=rwc", uri=True, isolation_level=None)
        self._prepare(self._raw)
        self._raw.execute("PRAGMA synchronous = OFF")
        if fresh and id(self.migrations) not in _EMPTY:
            self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            _EMPTY[id(self.migrations)] = self.path.read_bytes()
        self._eyes = sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None)
        self._prepare_reader(self._eyes)
        self._loop = asyncio.get_running_loop()

    @property
    def dead(self) -> bool:
        """Whether the process is gone that had it open."""
        return self.death.happened

    @override
    async def close(self) -> None:
        if self.may_die_closing and not self.dead and self.death.is_now():
            self.die()
        if not self.dead and self._raw is not None:
            self._closing = True
            self._hand_over()
            if self._lazy:
                _Batch([], self._lazy)(self._raw)
        for connection in (self._eyes, self._raw):
            if connection is not None:
                connection.close()
        self._eyes = self._raw = None
        if self.may_die_closing and self.dead:
            raise asyncio.CancelledError

    @override
    async def write(self, unit: Unit[T]) -> T:
        if self.dead:
            raise asyncio.CancelledError
        return await super().write(unit)

    @override
    async def read(self, query: Unit[T]) -> T:
        if self.dead or self._eyes is None:
            raise asyncio.CancelledError
        return query(self._eyes)

    def die(self) -> None:
        """Write nothing any more; what was not committed is gone."""
        if not self._gone:
            first = not self.dead
            self._gone = self.death.happened = True
            for waiting in self._unanswered:
                waiting.future.cancel()
            self._unanswered.clear()
            self._gathered.clear()
            if first:
                self.on_death()

    @override
    def _hand_over(self) -> None:
        units, self._gathered = self._gathered, []
        while units and not self.dead:
            batch, units = units[:WRITE_BATCH_MAX], units[WRITE_BATCH_MAX:]
            dies = self.death.is_now()
            if dies and not self.death.behind:
                self.die()
                return
            assert self._raw is not None
            try:
                _Batch(batch, self._lazy)(self._raw)
            except Exception as error:  # noqa: BLE001 - as the product does it
                self._fail(error)
                return
            if dies:
                self.die()
                return
            self._answer(batch)


class InlineExecutor(ThreadPoolExecutor):
    """Does at once what the loop would have a thread do."""

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done


@contextmanager
def threads() -> Iterator[None]:
    """Have real threads for a block: who in one waits for the loop cannot be done at once."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        try:
            yield
        finally:
            loop.set_default_executor(InlineExecutor())


def copy_database(source: Path, target: Path) -> None:
    """Copy what is committed in a file, as a backup of a running process does."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def rows(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return what is on disk, seen by nobody's connection but one of our own."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
        return file.execute(sql, values).fetchall()
