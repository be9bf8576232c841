"""Floor: the rows of sales copied into the same tables by hand, and the worker that it is for.

    python -m tests.bench.floors.project copy HOST PORT DATABASE USER PASSWORD BATCHES
    python -m tests.bench.floors.project work HOST PORT DATABASE USER PASSWORD FOLDER

Each prints a line once it is ready, begins when it is given one, and prints the outcome as JSON.
`copy` has all rows in memory and knows no event: in as many transactions as it is told it copies
them, nine tables a time, and moves a cursor. `work` is a real worker: it reads frames, opens and
decodes them, folds their events, reads the sales they name, and writes what has changed.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import Connection, connect, disconnect
from sync.office.postgres_tables import MIGRATIONS, SALES_SCHEMA
from sync.office.sale_records import SALE_COLUMNS, TABLES
from tests.sync.office.kept_sales import projector_of
from tests.sync.office.sale_places import PostgresPlace, postgres_place

_FLOOR: Final = "floor"
_COLUMNS: Final = {"sale": SALE_COLUMNS, **{table.name: table.columns for table in TABLES}}


async def _begin() -> None:
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def copy(address: PostgresAddress, batches: int) -> None:
    """Copy what a worker has made into tables of the same shape."""
    connection = await connect(address, _FLOOR)
    rows = {
        name: [
            tuple(row)
            for row in await connection.fetch(
                f"SELECT {', '.join(columns)} FROM {SALES_SCHEMA}.{name}"  # noqa: S608 - names of ours
            )
        ]
        for name, columns in _COLUMNS.items()
    }
    rows["sale"].sort(key=lambda row: (row[SALE_COLUMNS.index("arrival")] or 0, row[:2]))
    order = {row[:2]: number for number, row in enumerate(rows["sale"])}
    for found in rows.values():
        found.sort(key=lambda row: order[row[:2]])
    cuts = [len(rows["sale"]) * each // batches for each in range(batches + 1)]
    parts = [
        {name: found[_cut(found, order, a) : _cut(found, order, b)] for name, found in rows.items()}
        for a, b in pairwise(cuts)
    ]
    await connection.execute(f"DROP SCHEMA IF EXISTS {_FLOOR} CASCADE; CREATE SCHEMA {_FLOOR}")
    await connection.execute(MIGRATIONS[0].script)
    await connection.execute("INSERT INTO projection VALUES (0, 0)")
    await _begin()
    began, used = time.perf_counter(), time.process_time()
    for number, part in enumerate(parts, 1):
        await _copy(connection, part, number)
    outcome = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - used}
    print(json.dumps({**outcome, "sales": len(rows["sale"])}), flush=True)
    await disconnect(connection, address)


def _cut(found: list[Any], order: dict[Any, int], place: int) -> int:
    """Return where the rows of the sales from a place on begin."""
    low, high = 0, len(found)
    while low < high:
        middle = (low + high) // 2
        if order[found[middle][:2]] < place:
            low = middle + 1
        else:
            high = middle
    return low


async def _copy(connection: Connection, part: dict[str, list[Any]], number: int) -> None:
    async with connection.transaction():
        for name, found in part.items():
            if found:
                await connection.copy_records_to_table(
                    name, schema_name=_FLOOR, records=found, columns=_COLUMNS[name]
                )
        await connection.execute("UPDATE projection SET position = $1", number)


async def work(address: PostgresAddress, folder: Path) -> None:
    """Make sales of all frames that are there, as fast as one worker can."""
    async with postgres_place(folder, address, None) as place:
        await _start_anew(place)
        projector = projector_of(
            await place.projection(), place.events, log=open_log("office", io.StringIO())
        )
        await projector.open()
        await _begin()
        clock = SystemClock()
        began, used, began_ms = time.perf_counter(), time.process_time(), clock.monotonic_ms()
        steps: list[tuple[int, int]] = []
        while frames := await projector.step():
            steps.append((frames, clock.monotonic_ms() - began_ms))
        outcome = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - used}
        ((sales, aside),) = await place.fetch(
            "SELECT (SELECT count(*) FROM sale), (SELECT count(*) FROM quarantine)"
        )
        print(json.dumps({**outcome, "sales": sales, "aside": aside, "steps": steps}), flush=True)


async def _start_anew(place: PostgresPlace) -> None:
    await place.fetch(f"DROP SCHEMA IF EXISTS {SALES_SCHEMA} CASCADE")


if __name__ == "__main__":
    where = PostgresAddress(sys.argv[2], int(sys.argv[3]), *sys.argv[4:7])
    if sys.argv[1] == "copy":
        asyncio.run(copy(where, int(sys.argv[7])))
    else:
        asyncio.run(work(where, Path(sys.argv[7])))
