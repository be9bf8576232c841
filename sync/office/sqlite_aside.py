"""Events that stand aside in `office.db`, with the sales that they are not in."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from edge.contract.attention_limits import ASIDE_EVENTS_LOOKED_MAX
from edge.runtime.database_file import DatabaseFile
from sync.office.aside_store import AsideCount, AsidePage, StandingAside, aside_event
from sync.office.person_acts import Act, answered, keep_act
from sync.office.quarantine_bodies import ActDone
from sync.office.repairs import keep_repair, repair_of
from sync.office.sale_rebuilding import Place
from sync.office.sqlite_projection import remake
from sync.office.taking_again import ANSWER, Taken, Work, decide, left_already, not_aside

_ROWS: Final = (
    "SELECT q.store, q.gen, q.seq, q.at, q.reason, q.body, coalesce(given.body, q.body),"
    " coalesce(seen.who, ''), coalesce(seen.at, 0), coalesce(seen.reason, '')"
    " FROM quarantine AS q LEFT JOIN left_aside AS seen USING (store, gen, seq)"
    " LEFT JOIN repair AS given USING (store, gen, seq)"
    " WHERE (?1 IS NULL OR q.store = ?1) AND (q.store, q.seq, q.gen) > (?2, ?3, ?4)"
    " AND (seen.who IS NOT NULL) = ?5 ORDER BY q.store, q.seq, q.gen LIMIT ?6"
)
_COUNTED: Final = (
    "SELECT count(*), count(seen.who) FROM quarantine"
    " LEFT JOIN left_aside AS seen USING (store, gen, seq)"
    " WHERE ?1 IS NULL OR quarantine.store = ?1"
)
_COUNTS: Final = (
    "SELECT store, count(*), max(quarantine.at), min(quarantine.seq) FROM quarantine"
    " LEFT JOIN left_aside AS seen USING (store, gen, seq) WHERE seen.who IS NULL GROUP BY store"
)


@dataclass(frozen=True)
class SqliteAside:
    """Reads what `SqliteProjection` set aside, and does what people wish for it."""

    file: DatabaseFile

    async def counts(self) -> list[AsideCount]:
        """Return the stores of which something stands aside."""
        rows = await self.file.read(lambda connection: connection.execute(_COUNTS).fetchall())
        return [AsideCount(*row) for row in rows]

    async def page(
        self, store: int | None, begin: tuple[int, int, int], *, left: bool, limit: int
    ) -> AsidePage:
        """Return events behind a store, seq and gen; of one store, or of all."""

        def query(connection: sqlite3.Connection) -> AsidePage:
            rows = connection.execute(_ROWS, (store, *begin, left, limit)).fetchall()
            return AsidePage(rows, *connection.execute(_COUNTED, (store,)).fetchone())

        return await self.file.read(query)

    async def standing(self, store: int) -> StandingAside:
        """Return what stands aside of a store, as far as is looked, and all its repairs."""

        def query(connection: sqlite3.Connection) -> StandingAside:
            rows = connection.execute(
                "SELECT gen, seq, body FROM quarantine WHERE store = ? ORDER BY gen, seq LIMIT ?",
                (store, ASIDE_EVENTS_LOOKED_MAX),
            ).fetchall()
            repairs = {
                (gen, seq): bytes(body)
                for gen, seq, body in connection.execute(
                    "SELECT gen, seq, body FROM repair WHERE store = ?", (store,)
                )
            }
            return StandingAside(
                _projected_to(connection, store),
                tuple(aside_event((gen, seq), bytes(body), repairs) for gen, seq, body in rows),
                repairs,
            )

        return await self.file.read(query)

    async def stands(self, store: int, place: Place) -> tuple[bytes | None, bytes | None]:
        """Return what stands aside at a place, and what was given in place of the event there."""
        return await self.file.read(
            lambda connection: (
                _aside_at(connection, store, place),
                repair_of(connection, store, place),
            )
        )

    async def here(self, store: int, sales: Sequence[str]) -> set[str]:
        """Return which of these sales are here, whatever their state."""
        return await self.file.read(
            lambda connection: {
                sale
                for sale in sales
                if connection.execute(
                    "SELECT 1 FROM sale WHERE store = ? AND sale = ?", (store, sale)
                ).fetchone()
            }
        )

    async def answered(self, act: Act) -> ActDone | None:
        """Return what this very act was answered before. Raises Refused for another wish."""
        answer = await self.file.read(lambda connection: answered(connection, act))
        return None if answer is None else ANSWER.decode(answer)

    async def apply(
        self,
        act: Act,
        work: Work,
        named: set[Place],
        given: Mapping[Place, bytes],
        partition: int,  # noqa: ARG002 - one writer is all there is
    ) -> ActDone | None:
        """Do an act, or nothing, in one transaction; each act once."""
        return await self.file.write(lambda connection: _apply(connection, act, work, named, given))

    async def leave(self, act: Act, partition: int) -> ActDone:  # noqa: ARG002 - likewise
        """Note that an event was seen and stays aside. Raises Refused (404, 409)."""
        return await self.file.write(lambda connection: _leave(connection, act))


def _apply(
    connection: sqlite3.Connection,
    act: Act,
    work: Work,
    named: set[Place],
    given: Mapping[Place, bytes],
) -> ActDone | None:
    if (answer := answered(connection, act)) is not None:
        return ANSWER.decode(answer)
    if work.is_outdated(_projected_to(connection, act.store)):
        return None
    aside = set(connection.execute("SELECT gen, seq FROM quarantine WHERE store = ?", (act.store,)))
    taken = decide(act.store, work, aside, named, given)
    for place, body in given.items():
        keep_repair(connection, act.store, place, body)
    for made in taken.remade:
        remake(connection, made)
    for place in taken.out:
        for table in ("quarantine", "left_aside"):
            connection.execute(
                f"DELETE FROM {table} WHERE store = ? AND gen = ? AND seq = ?",  # noqa: S608 - names of ours
                (act.store, *place),
            )
    _keep_left(connection, act, taken)
    keep_act(connection, act, msgspec.json.encode(taken.done))
    return taken.done


def _keep_left(connection: sqlite3.Connection, act: Act, taken: Taken) -> None:
    """Say of what is left why that is by now; events of an opened frame stand aside one by one."""
    for place, read in taken.fresh.items():
        connection.execute(
            "INSERT INTO quarantine (store, gen, seq, reason, body, at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (act.store, *place, taken.left[place], read.body, act.at),
        )
    for place, reason in taken.left.items():
        connection.execute(
            "UPDATE quarantine SET reason = ? WHERE store = ? AND gen = ? AND seq = ?",
            (reason, act.store, *place),
        )


def _leave(connection: sqlite3.Connection, act: Act) -> ActDone:
    if (answer := answered(connection, act)) is not None:
        return ANSWER.decode(answer)
    place, done = (act.gen, act.seq), ActDone()
    if _aside_at(connection, act.store, place) is None:
        raise not_aside(place)
    changed = connection.execute(
        "INSERT INTO left_aside (store, gen, seq, reason, who, at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (act.store, *place, act.reason, act.who, act.at),
    )
    if not changed.rowcount:
        raise left_already(place)
    keep_act(connection, act, msgspec.json.encode(done))
    return done


def _projected_to(connection: sqlite3.Connection, store: int) -> int:
    row = connection.execute("SELECT seq FROM projected WHERE store = ?", (store,)).fetchone()
    return 0 if row is None else int(row[0])


def _aside_at(connection: sqlite3.Connection, store: int, place: Place) -> bytes | None:
    row = connection.execute(
        "SELECT body FROM quarantine WHERE store = ? AND gen = ? AND seq = ?", (store, *place)
    ).fetchone()
    return None if row is None else bytes(row[0])
