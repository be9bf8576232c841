"""The journal's database without its thread: real SQL in memory, at once.

A clock that jumps must not jump over a thread at work; durability is proven elsewhere,
on the real `DatabaseFile`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from devices.job_journal import MIGRATIONS
from edge.runtime.database_file import DatabaseFile, Unit
from edge.runtime.migrations import apply

T = TypeVar("T")


class LoopDatabase(DatabaseFile):
    def __init__(self) -> None:
        super().__init__(Path("memory"), MIGRATIONS)
        self._database = sqlite3.connect(
            ":memory:",
            isolation_level=None,
            check_same_thread=False,  # whichever thread collects it, closes it
        )
        self.writes = 0

    def __del__(self) -> None:
        # `close` is no end: it opens again after a crash. Python 3.13 warns of what stays open
        self._database.close()

    @override
    async def open(self) -> None:
        apply(self._database, self.migrations)

    @override
    async def close(self) -> None:
        self._run_lazy()

    def forget(self) -> None:
        """Lose what was not written: a power cut."""
        self._lazy.clear()

    @override
    async def write(self, unit: Unit[T]) -> T:
        self.writes += 1
        result = unit(self._database)
        self._run_lazy()
        return result

    @override
    async def read(self, query: Unit[T]) -> T:
        return query(self._database)

    def _run_lazy(self) -> None:
        lazy: list[Unit[Any]] = self._lazy
        self._lazy = []
        for unit in lazy:
            unit(self._database)
