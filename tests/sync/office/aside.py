"""Events made unfit on purpose, and what head office makes of a shop, table by table."""

from __future__ import annotations

import itertools
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


async def tables(served: Served, number: int = 1) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the sales of a store, without store number and place of arrival."""

    def query(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        for table in ROWS_OF_SALES:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            shown = ", ".join(each for each in columns if each not in {"store", "arrival"})
            rows = connection.execute(f"SELECT {shown} FROM {table} WHERE store = ?", (number,))  # noqa: S608 - names of ours
            found[table] = sorted(rows.fetchall(), key=repr)
        return found

    return await served.office.file.read(query)


async def count(served: Served, table: str) -> int:
    return await served.office.file.read(
        lambda connection: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a name of ours
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
