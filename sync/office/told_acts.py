"""Acts that PostgreSQL has, told to `office.db`, which shows what people did.

Both are databases of their own: an act is done in the one that has the sales, numbered there, and
told behind its commit. The number up to which they were told is kept with them, in one transaction:
what was told twice is told once, and what was not told before a stop is told after it. A repair
goes along: with it the sales can be made anew in either database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from edge.runtime.database_file import DatabaseFile
from sync.office.person_acts import Act, answered, keep_act
from sync.office.repairs import keep_repair

_CURSOR: Final = "acts"
REPAIR: Final = "repair"
"""What an act is called that gives bytes in place of an event's."""


class DoneAct(msgspec.Struct, frozen=True):
    """An act that was done, under its number, with its answer."""

    n: int
    act: Act
    answer: bytes


class GivenRepair(msgspec.Struct, frozen=True):
    """What is read in place of an event of a store."""

    store: int
    gen: int
    seq: int
    body: bytes


@dataclass(frozen=True)
class ToldActs:
    """The acts in `office.db`, and up to which number they were told."""

    file: DatabaseFile

    async def told(self) -> int:
        """Return the number of the last act that was told."""
        return await self.file.read(_told)

    async def tell(self, acts: Sequence[DoneAct], upto: int) -> None:
        """Keep acts, which are all up to a number then."""

        def unit(connection: sqlite3.Connection) -> None:
            for each in acts:
                _keep(connection, each)
            connection.execute(
                "INSERT INTO projection (name, position) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                (_CURSOR, upto),
            )

        await self.file.write(unit)

    async def answered(self, act: Act) -> bytes | None:
        """Return what an act was answered, of all that are here. Raises Refused."""
        return await self.file.read(lambda connection: answered(connection, act))

    async def repairs(self) -> list[GivenRepair]:
        """Return all repairs, the newest of each event."""
        rows = await self.file.read(
            lambda connection: connection.execute(
                "SELECT store, gen, seq, body FROM repair"
            ).fetchall()
        )
        return [GivenRepair(store, gen, seq, bytes(body)) for store, gen, seq, body in rows]


def _keep(connection: sqlite3.Connection, done: DoneAct) -> None:
    known = connection.execute(
        "SELECT 1 FROM person_act WHERE command = ?", (done.act.command,)
    ).fetchone()
    if known is not None:
        return
    keep_act(connection, done.act, done.answer)
    if done.act.what == REPAIR:
        keep_repair(connection, done.act.store, (done.act.gen, done.act.seq), done.act.after)


def _told(connection: sqlite3.Connection) -> int:
    row = connection.execute(
        "SELECT position FROM projection WHERE name = ?", (_CURSOR,)
    ).fetchone()
    return int(row[0]) if row else 0
