"""Events made unfit on purpose, and what head office makes of a shop, table by table."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from edge.contract.price_events import (
    LineReduction,
    NoteSet,
    PriceOverridden,
    PricesReduced,
    Reduction,
)
from edge.contract.sale_events import LineVoided
from sync.appending.postgres_address import PostgresAddress, read_address
from sync.appending.postgres_connection import connect, disconnect
from sync.office.postgres_acts import ACTS_SCHEMA
from sync.office.postgres_tables import SALES_SCHEMA
from sync.office.sale_rebuilding import ROWS_OF_SALES
from tests.sync.office.head_office import Box, Served, sale_events

_COMMANDS = itertools.count(1)


def command() -> str:
    return f"command-{next(_COMMANDS):04}"


def spoil(box: Box, seq: int, data: object = None) -> bytes:
    """Give an event data that do not fit their declaration; return what it said before."""
    good = box.bodies[seq - 1]
    plain = msgspec.json.decode(good)
    box.bodies[seq - 1] = msgspec.json.encode({**plain, "data": data or {"sale": 7}})
    return good


def keep_sale(good: bytes) -> dict[str, Any]:
    """Return data that cannot be read, but still name their sale."""
    return {
        "sale": msgspec.json.decode(good)["data"]["sale"],
        "reductions": 7,
        "line": 7,
        "receipt": 7,
    }


def data_of(body: bytes) -> Any:
    return msgspec.json.decode(body)["data"]


def rich_sale(box: Box, sale: str, total_minor: int = 900) -> None:
    """Record a sale whose events rest on each other, each changing what others changed."""
    opened, line, cash, completed = sale_events(sale, total_minor)
    change = msgspec.structs.replace
    second = change(line, line="2", sku="100002", amount_minor=500, price_minor=500)  # type: ignore[type-var] # an event is a struct
    third = change(line, line="3", sku="100003", serial="S-1")  # type: ignore[type-var] # likewise
    cut = Reduction(source="discount", id="d1", name="Damaged", lines=(LineReduction("2", 120),))
    box.record(
        opened,
        line,
        second,
        NoteSet(sale=sale, text="first note"),
        PricesReduced(sale=sale, reductions=(cut,)),
        PriceOverridden(
            sale=sale, line="1", price_minor=400, amount_minor=400, reason="match", approver="p"
        ),
        third,
        LineVoided(sale=sale, line="3", reason="changed her mind"),
        PricesReduced(sale=sale, reductions=(cut,)),
        NoteSet(sale=sale, text="second note"),
        cash,
        completed,
    )


def _there(served: Served) -> PostgresAddress | None:
    """Where the sales are; None for `office.db`."""
    kept = served.settings.postgres
    if served.settings.sales == "sqlite" or kept is None:
        return None
    return read_address(kept.dsn_file, kept.ca_file)


async def sql(served: Served, statement: str, *rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Run a statement where the sales are, once for each row of its `?`; return the last answer."""
    address = _there(served)
    if address is None:

        def unit(connection: Any) -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = []
            for values in rows or ((),):
                found = connection.execute(statement, values).fetchall()
            return found

        return await served.office.file.write(unit)
    numbers = itertools.count(1)
    numbered = re.sub(r"\?", lambda _: f"${next(numbers)}", statement)
    connection = await connect(address, f"{SALES_SCHEMA}, {ACTS_SCHEMA}")
    try:
        found = []
        for values in rows or ((),):
            found = [tuple(row) for row in await connection.fetch(numbered, *values)]
        return found
    finally:
        await disconnect(connection, address)


async def set_aside(served: Served, *rows: tuple[int, int, int, str, bytes, int]) -> None:
    """Let events stand aside: store, gen, seq, why, what came, and when."""
    await sql(served, "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", *rows)


async def take_out(served: Served, where: str = "") -> None:
    """Take sales out, as an older version left them."""
    for table in ROWS_OF_SALES:
        await sql(served, f"DELETE FROM {table}{where}")  # noqa: S608 - names of ours


async def forget_sales(served: Served) -> None:
    """Let the next start read the frames from the first one: the last thing in a run of it."""
    if _there(served) is not None:
        await sql(served, f"DROP SCHEMA {SALES_SCHEMA} CASCADE")
        return
    for table in (*ROWS_OF_SALES, "quarantine", "projected", "projection"):
        await sql(served, f"DELETE FROM {table}")  # noqa: S608 - names of ours


async def columns(served: Served) -> dict[str, list[str]]:
    """Return the columns of every table, where the sales are."""
    if _there(served) is None:
        query = (
            "SELECT m.name, c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c"
            " WHERE m.type = 'table' ORDER BY m.name, c.cid"
        )
    else:
        query = (
            "SELECT table_name, column_name FROM information_schema.columns"  # noqa: S608 - a name of ours
            f" WHERE table_schema = '{SALES_SCHEMA}' ORDER BY table_name, ordinal_position"
        )
    found: dict[str, list[str]] = {}
    for table, column in await sql(served, query):
        found.setdefault(table, []).append(column)
    return found


async def tables(served: Served, number: int = 1) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the sales of a store, without store number and place of arrival."""
    there = await columns(served)
    found = {}
    for table in ROWS_OF_SALES:
        shown = ", ".join(each for each in there[table] if each not in {"store", "arrival"})
        rows = await sql(served, f"SELECT {shown} FROM {table} WHERE store = ?", (number,))  # noqa: S608 - names of ours
        found[table] = sorted(rows, key=repr)
    return found


@contextlib.asynccontextmanager
async def no_room_for_acts(served: Served) -> AsyncIterator[None]:
    """Let every act fail as it is written down, the last thing of its transaction."""
    if _there(served) is None:
        await sql(
            served,
            "CREATE TRIGGER disk_full BEFORE INSERT ON person_act"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
        yield
        await sql(served, "DROP TRIGGER disk_full")
        return
    await sql(
        served,
        f"CREATE FUNCTION {ACTS_SCHEMA}.full() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$",
    )
    await sql(
        served,
        "CREATE TRIGGER disk_full BEFORE INSERT ON act FOR EACH ROW"
        f" EXECUTE FUNCTION {ACTS_SCHEMA}.full()",
    )
    yield
    await sql(served, "DROP TRIGGER disk_full ON act")


_ELSEWHERE = ("sale", "quarantine", "repair", "left_aside")
"""Tables that are where the sales are; all others are in `office.db`."""


async def count(served: Served, table: str) -> int:
    statement = f"SELECT count(*) FROM {table}"  # noqa: S608 - a name of ours
    if table in _ELSEWHERE:
        return int((await sql(served, statement))[0][0])
    return await served.office.file.read(
        lambda connection: int(connection.execute(statement).fetchone()[0])
    )


async def arrive(served: Served, box: Box) -> None:
    async with served.session(box) as (line, welcome):
        await line.upload(box.frame(welcome.head.seq))
    await served.until_projected(len(box.bodies), box.store)


async def aside(served: Served, query: str = "") -> dict[str, Any]:
    status, body = await served.ask("GET", f"/api/v1/quarantine{query}")
    assert status == 200, body
    found: dict[str, Any] = body
    return found


async def act(
    served: Served, what: str, wish: dict[str, Any], store: str = "harbour-street"
) -> tuple[int, Any]:
    return await served.ask(
        "POST", f"/api/v1/stores/{store}/quarantine/{what}", {"command": command(), **wish}
    )


async def repair(served: Served, seq: int, good: bytes, **more: Any) -> tuple[int, Any]:
    wish = {"gen": 1, "seq": seq, "reason": "as on the slip", "data": data_of(good), **more}
    return await act(served, "repair", wish)
