"""What a person has to look at, in table `alarm`: the same kind again is counted, not repeated."""

from __future__ import annotations

import sqlite3

import msgspec

from edge.contract.instant import Clock
from edge.runtime.database_file import DatabaseFile


class Alarm(msgspec.Struct, frozen=True):
    """Something a person has to look at, and how often it happened."""

    kind: str
    words: str
    first_at: int
    last_at: int
    count: int


class Alarms:
    """Alarms by store number; a row for each store and kind."""

    def __init__(self, file: DatabaseFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    async def keep(self, number: int, kind: str, words: str) -> None:
        """Keep an alarm; the same kind again is counted."""
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO alarm (store, kind, words, first_at, last_at, count)"
                " VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (store, kind) DO UPDATE SET"
                " words = excluded.words, last_at = excluded.last_at, count = count + 1",
                (number, kind, words, now, now),
            )

        await self._file.write(unit)

    async def all(self) -> dict[int, tuple[Alarm, ...]]:
        """Return what is wrong, by store number, the newest first."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT store, kind, words, first_at, last_at, count FROM alarm"
                " ORDER BY store, last_at DESC"
            ).fetchall()
        )
        found: dict[int, tuple[Alarm, ...]] = {}
        for store, *alarm in rows:
            found[store] = (*found.get(store, ()), Alarm(*alarm))
        return found
