"""What people did about events that stand aside, in PostgreSQL: each act once, and its repairs.

In a schema of its own, so that it stays when the sales are dropped and made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from edge.contract.office_limits import ACTS_TOLD_AT_ONCE_MAX
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import Connection, connect, disconnect
from sync.appending.postgres_migrations import PostgresMigration, migrate
from sync.office.event_reading import ReadFrame
from sync.office.person_acts import Act, answer_of, fingerprint
from sync.office.postgres_tables import columns_of
from sync.office.repairs import read_instead
from sync.office.sale_rebuilding import Place
from sync.office.told_acts import DoneAct, ToldActs

ACTS_SCHEMA: Final = "tillbox_acts"
_SCRIPT: Final = Path(__file__).parent / "postgres_acts" / "0001_acts.sql"
_MIGRATIONS: Final = (PostgresMigration(1, _SCRIPT.read_text("utf-8")),)
_ACT: Final = msgspec.json.Decoder(Act)

_UNTOLD: Final = f"SELECT n, body, answer FROM {ACTS_SCHEMA}.act WHERE n > $1 ORDER BY n LIMIT $2"  # noqa: S608 - names of ours
_GIVEN: Final = (
    "SELECT given.store, given.gen, given.seq, given.body"  # noqa: S608 - names of ours
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS span(store, first, last)"
    f" JOIN {ACTS_SCHEMA}.repair AS given ON given.store = span.store"
    " AND given.seq BETWEEN span.first AND span.last"
)
_GIVE: Final = (
    f"INSERT INTO {ACTS_SCHEMA}.repair (store, gen, seq, body) SELECT * FROM unnest"  # noqa: S608 - names of ours
    " ($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])"
    " ON CONFLICT (store, gen, seq) DO UPDATE SET body = excluded.body"
)
_KEEP: Final = (
    f"WITH counted AS (UPDATE {ACTS_SCHEMA}.act_count SET newest = newest + 1 RETURNING newest)"  # noqa: S608 - names of ours
    f" INSERT INTO {ACTS_SCHEMA}.act (n, command, wish, body, answer)"
    " SELECT newest, $1, $2, $3, $4 FROM counted RETURNING n"
)


async def make_acts(address: PostgresAddress) -> None:
    """Make or complete the tables. Raises EventStoreAway or StorageFailed."""
    connection = await connect(address, ACTS_SCHEMA)
    try:
        _ = await migrate(connection, address, _MIGRATIONS, ACTS_SCHEMA)
    finally:
        await disconnect(connection, address)


async def repaired_frames(
    connection: Connection, frames: Sequence[ReadFrame]
) -> Sequence[ReadFrame]:
    """Return frames with what people gave in place of their events."""
    spans = [
        (frame.store, frame.events[0].seq, frame.events[-1].seq) for frame in frames if frame.events
    ]
    given: dict[int, dict[Place, bytes]] = {}
    for store, gen, seq, body in await connection.fetch(_GIVEN, *columns_of(spans, 3)):
        given.setdefault(store, {})[gen, seq] = body
    if not given:
        return frames
    return [
        replace(
            frame,
            events=tuple(read_instead(frame.store, frame.events, given.get(frame.store, {}))),
        )
        for frame in frames
    ]


async def give(connection: Connection, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
    """Keep what is read in place of events: store, gen, seq and the bytes."""
    if rows:
        await connection.execute(_GIVE, *columns_of(rows, 4))


async def answered(connection: Connection, act: Act) -> bytes | None:
    """Return the answer that this very act got before, or None. Raises Refused."""
    row = await connection.fetchrow(
        f"SELECT wish, answer FROM {ACTS_SCHEMA}.act WHERE command = $1",  # noqa: S608 - names of ours
        act.command,
    )
    return None if row is None else answer_of(act, row["wish"], row["answer"])


async def keep_act(connection: Connection, act: Act, answer: bytes) -> int:
    """Keep an act with its answer, in the transaction that does it, last; return its number."""
    return int(
        await connection.fetchval(
            _KEEP, act.command, fingerprint(act), msgspec.json.encode(act), answer
        )
    )


async def tell_acts(connection: Connection, told: ToldActs) -> None:
    """Tell `office.db` of the acts that it has not been told of."""
    after = await told.told()
    newest = await connection.fetchval(f"SELECT newest FROM {ACTS_SCHEMA}.act_count")  # noqa: S608 - names of ours
    # restored from a copy, it numbers anew; what is told twice is told once
    after = after if after <= newest else 0
    while True:
        rows = await connection.fetch(_UNTOLD, after, ACTS_TOLD_AT_ONCE_MAX)
        if not rows:
            return
        after = rows[-1][0]
        acts = [DoneAct(n, _ACT.decode(body), answer) for n, body, answer in rows]
        await told.tell(acts, after)


async def take_repairs(connection: Connection, told: ToldActs) -> None:
    """Take over the repairs of `office.db`, which has been told of all acts.

    They are from when the sales were there, or from behind the copy that this was restored from.
    """
    rows = [(each.store, each.gen, each.seq, each.body) for each in await told.repairs()]
    await give(connection, rows)
