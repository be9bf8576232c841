"""A sale that was made anew, put in the place of what was there of it in PostgreSQL."""

from __future__ import annotations

from sync.appending.postgres_connection import Connection
from sync.office.postgres_alarms import Slugs, raise_alarms
from sync.office.postgres_numbers import take_numbers
from sync.office.postgres_tables import write_rows
from sync.office.sale_folding import changed_heads, changed_parts
from sync.office.sale_rebuilding import ROWS_OF_SALES, Remade


async def remake(connection: Connection, made: Remade, slugs: Slugs, server_words: str) -> None:
    """Take a sale's rows out and put in those of its events, in the caller's transaction."""
    place, folded = made.place, made.folded
    before = await connection.fetchval(
        "SELECT arrival FROM sale WHERE store = $1 AND sale = $2", *place
    )
    for table in ROWS_OF_SALES:
        await connection.execute(
            f"DELETE FROM {table} WHERE store = $1 AND sale = $2",  # noqa: S608 - names of ours
            *place,
        )
    for rows in changed_parts(folded.sales, {}):
        await write_rows(connection, rows)
    arrivals = len(folded.completions) if before is None else 0
    newest = await take_numbers(connection, folded, arrivals, server_words)
    made.number(before, newest)
    await write_rows(connection, changed_heads(folded.sales, {}))
    await raise_alarms(connection, folded, newest, slugs)
