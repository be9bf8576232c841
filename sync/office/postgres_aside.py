"""Events that stand aside in PostgreSQL, with the sales that they are not in.

An act is one transaction there: the act, its repair, and what it means for the sales. It has the
lock on the cursor of its partition, so that it and the worker take turns. Behind the commit
`office.db` is told of the act, and stores of coupons that are used by now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from edge.contract.attention_limits import ASIDE_EVENTS_LOOKED_MAX
from edge.runtime.database_file import DatabaseFile
from sync.appending.event_store import EventStoreAway
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import Connection, connect, disconnect, in_words
from sync.office.aside_store import AsideCount, AsidePage, StandingAside, aside_event
from sync.office.person_acts import Act
from sync.office.postgres_acts import ACTS_SCHEMA, answered, give, keep_act, tell_acts
from sync.office.postgres_projection import LOCKED_CURSOR
from sync.office.postgres_remaking import remake
from sync.office.postgres_sales import PostgresSales
from sync.office.postgres_tables import SALES_SCHEMA, columns_of
from sync.office.quarantine_bodies import ActDone
from sync.office.sale_rebuilding import Place
from sync.office.taking_again import ANSWER, Taken, Work, decide, left_already, not_aside
from sync.office.told_acts import ToldActs
from sync.office.used_codes import UsedCodes

_SEEN: Final = f"LEFT JOIN {ACTS_SCHEMA}.left_aside AS seen USING (store, gen, seq)"
_ROWS: Final = (
    "SELECT q.store, q.gen, q.seq, q.at, q.reason, q.body, coalesce(given.body, q.body), act.body"  # noqa: S608 - names of ours
    f" FROM quarantine AS q {_SEEN} LEFT JOIN {ACTS_SCHEMA}.act AS act ON act.n = seen.act"
    f" LEFT JOIN {ACTS_SCHEMA}.repair AS given USING (store, gen, seq)"
    " WHERE ($1::bigint IS NULL OR q.store = $1)"
    " AND (q.store, q.seq, q.gen) > ($2::bigint, $3::bigint, $4::bigint)"
    " AND (seen.act IS NOT NULL) = $5::boolean ORDER BY q.store, q.seq, q.gen LIMIT $6"
)
_COUNTED: Final = (
    f"SELECT count(*), count(seen.act) FROM quarantine {_SEEN}"  # noqa: S608 - names of ours
    " WHERE $1::bigint IS NULL OR store = $1"
)
_COUNTS: Final = (
    f"SELECT store, count(*), max(at), min(seq) FROM quarantine {_SEEN}"  # noqa: S608 - names of ours
    " WHERE seen.act IS NULL GROUP BY store"
)
_OUT: Final = (
    "WITH gone AS (SELECT * FROM unnest($2::bigint[], $3::bigint[]) AS gone(gen, seq)),"  # noqa: S608 - names of ours
    f" seen AS (DELETE FROM {ACTS_SCHEMA}.left_aside AS seen USING gone"
    "  WHERE seen.store = $1 AND seen.gen = gone.gen AND seen.seq = gone.seq)"
    " DELETE FROM quarantine AS q USING gone"
    " WHERE q.store = $1 AND q.gen = gone.gen AND q.seq = gone.seq"
)
_FRESH: Final = (
    "INSERT INTO quarantine (store, gen, seq, reason, body, at)"
    " SELECT $1::bigint, *, $6::bigint FROM unnest"
    " ($2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) ON CONFLICT DO NOTHING"
)
_REASONS: Final = (
    "UPDATE quarantine AS q SET reason = told.reason"
    " FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS told(gen, seq, reason)"
    " WHERE q.store = $1 AND q.gen = told.gen AND q.seq = told.seq"
)
_ACT: Final = msgspec.json.Decoder(Act)


@dataclass(frozen=True)
class PostgresAside:
    """Reads what `PostgresProjection` set aside, and does what people wish for it."""

    address: PostgresAddress
    sales: PostgresSales
    file: DatabaseFile

    async def counts(self) -> list[AsideCount]:
        """Return the stores of which something stands aside."""
        async with self.sales.reader() as connection:
            return [AsideCount(*row) for row in await connection.fetch(_COUNTS)]

    async def page(
        self, store: int | None, begin: tuple[int, int, int], *, left: bool, limit: int
    ) -> AsidePage:
        """Return events behind a store, seq and gen; of one store, or of all."""
        async with self.sales.reader() as connection:
            rows = await connection.fetch(_ROWS, store, *begin, left, limit)
            counted = await connection.fetchrow(_COUNTED, store)
        shown = [(*row[:7], *_who(row[7])) for row in (tuple(each) for each in rows)]
        return AsidePage(shown, *(counted or (0, 0)))

    async def standing(self, store: int) -> StandingAside:
        """Return what stands aside of a store, as far as is looked, and all its repairs."""
        async with self.sales.reader() as connection:
            # first, so that what comes meanwhile is seen to have come
            projected = await _projected_to(connection, store)
            given = await connection.fetch(
                f"SELECT gen, seq, body FROM {ACTS_SCHEMA}.repair WHERE store = $1",  # noqa: S608 - names of ours
                store,
            )
            rows = await connection.fetch(
                "SELECT gen, seq, body FROM quarantine WHERE store = $1 ORDER BY gen, seq LIMIT $2",
                store,
                ASIDE_EVENTS_LOOKED_MAX,
            )
        repairs = {(gen, seq): body for gen, seq, body in given}
        aside = tuple(aside_event((gen, seq), body, repairs) for gen, seq, body in rows)
        return StandingAside(projected, aside, repairs)

    async def stands(self, store: int, place: Place) -> tuple[bytes | None, bytes | None]:
        """Return what stands aside at a place, and what was given in place of the event there."""
        async with self.sales.reader() as connection:
            return (
                await _body_at(connection, "quarantine", store, place),
                await _body_at(connection, f"{ACTS_SCHEMA}.repair", store, place),
            )

    async def here(self, store: int, sales: Sequence[str]) -> set[str]:
        """Return which of these sales are here, whatever their state."""
        async with self.sales.reader() as connection:
            rows = await connection.fetch(
                "SELECT sale FROM sale WHERE store = $1 AND sale = ANY($2::text[])",
                store,
                list(sales),
            )
        return {sale for (sale,) in rows}

    async def answered(self, act: Act) -> ActDone | None:
        """Return what this very act was answered before. Raises Refused for another wish."""
        answer = await ToldActs(self.file).answered(act)
        if answer is None:
            async with self.sales.reader() as connection:
                answer = await answered(connection, act)
                if answer is not None:  # it was killed, or its line cut, before it had told
                    await self._tell(connection)
        return None if answer is None else ANSWER.decode(answer)

    async def apply(
        self,
        act: Act,
        work: Work,
        named: set[Place],
        given: Mapping[Place, bytes],
        partition: int,
    ) -> ActDone | None:
        """Do an act, or nothing, in one transaction; each act once."""
        connection = await connect(self.address, SALES_SCHEMA)
        try:
            with in_words(self.address):
                async with connection.transaction():
                    await _take_turn(connection, partition)
                    done = await self._apply(connection, act, work, named, given)
                await self._tell(connection)
        finally:
            await disconnect(connection, self.address)
        return done

    async def leave(self, act: Act, partition: int) -> ActDone:
        """Note that an event was seen and stays aside. Raises Refused (404, 409)."""
        if (known := await self.answered(act)) is not None:
            return known
        connection = await connect(self.address, SALES_SCHEMA)
        try:
            with in_words(self.address):
                async with connection.transaction():
                    await _take_turn(connection, partition)
                    done = await _leave(connection, act)
                await self._tell(connection)
        finally:
            await disconnect(connection, self.address)
        return done

    # --- inside ---------------------------------------------------------------------------

    async def _apply(
        self,
        connection: Connection,
        act: Act,
        work: Work,
        named: set[Place],
        given: Mapping[Place, bytes],
    ) -> ActDone | None:
        if (answer := await answered(connection, act)) is not None:
            return ANSWER.decode(answer)
        if work.is_outdated(await _projected_to(connection, act.store)):
            return None
        rows = await connection.fetch("SELECT gen, seq FROM quarantine WHERE store = $1", act.store)
        taken = decide(act.store, work, {(gen, seq) for gen, seq in rows}, named, given)
        await give(connection, [(act.store, *place, body) for place, body in given.items()])
        await remake(connection, taken.remade, self.sales.slugs, self.address.words)
        await connection.execute(_OUT, act.store, *columns_of(sorted(taken.out), 2))
        await _keep_left(connection, act, taken)
        await keep_act(connection, act, msgspec.json.encode(taken.done))
        return taken.done

    async def _tell(self, connection: Connection) -> None:
        """Tell `office.db`. Where that is not to be, the next start or the next act does."""
        await tell_acts(connection, ToldActs(self.file))
        codes = UsedCodes(self.file)
        _ = await codes.tell_from(connection, await codes.told(), self.sales.slugs)


async def _take_turn(connection: Connection, partition: int) -> None:
    """Wait for the worker of a partition, and have it wait until the end of the transaction."""
    if await connection.fetchval(LOCKED_CURSOR, partition) is None:
        raise EventStoreAway(
            "sales_not_ready",
            "The sales of this shop are not there yet.",
            advice="Head office makes them from the frames; come back soon.",
        )


async def _keep_left(connection: Connection, act: Act, taken: Taken) -> None:
    """Say of what is left why that is by now; events of an opened frame stand aside one by one."""
    if taken.fresh:
        fresh = [
            (*place, taken.left[place], read.body) for place, read in sorted(taken.fresh.items())
        ]
        await connection.execute(_FRESH, act.store, *columns_of(fresh, 4), act.at)
    if taken.left:
        told = [(*place, reason) for place, reason in sorted(taken.left.items())]
        await connection.execute(_REASONS, act.store, *columns_of(told, 3))


async def _leave(connection: Connection, act: Act) -> ActDone:
    if (answer := await answered(connection, act)) is not None:
        return ANSWER.decode(answer)
    place, done = (act.gen, act.seq), ActDone()
    if await _body_at(connection, "quarantine", act.store, place) is None:
        raise not_aside(place)
    seen = await connection.fetchval(
        f"SELECT 1 FROM {ACTS_SCHEMA}.left_aside WHERE store = $1 AND gen = $2 AND seq = $3",  # noqa: S608 - names of ours
        act.store,
        *place,
    )
    if seen:
        raise left_already(place)
    number = await keep_act(connection, act, msgspec.json.encode(done))
    await connection.execute(
        f"INSERT INTO {ACTS_SCHEMA}.left_aside (store, gen, seq, act) VALUES ($1, $2, $3, $4)",  # noqa: S608 - names of ours
        act.store,
        *place,
        number,
    )
    return done


async def _projected_to(connection: Connection, store: int) -> int:
    return int(await connection.fetchval("SELECT seq FROM projected WHERE store = $1", store) or 0)


async def _body_at(connection: Connection, table: str, store: int, place: Place) -> bytes | None:
    body = await connection.fetchval(
        f"SELECT body FROM {table} WHERE store = $1 AND gen = $2 AND seq = $3",  # noqa: S608 - names of ours
        store,
        *place,
    )
    return None if body is None else bytes(body)


def _who(act: bytes | None) -> tuple[str, int, str]:
    if act is None:
        return "", 0, ""
    seen = _ACT.decode(act)
    return seen.who, seen.at, seen.reason
