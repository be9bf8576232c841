"""Sales that were made anew, put in the place of what was there of them in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from sync.appending.postgres_connection import Connection
from sync.office.postgres_alarms import Slugs, raise_alarms
from sync.office.postgres_numbers import take_numbers
from sync.office.postgres_tables import write_rows
from sync.office.sale_folding import changed_heads, changed_parts
from sync.office.sale_rebuilding import ROWS_OF_SALES, Remade


async def remake(
    connection: Connection, remade: Sequence[Remade], slugs: Slugs, server_words: str
) -> None:
    """Take the rows of sales out and put in those of their events, in the caller's transaction.

    What all partitions share is locked last, as by a batch: other workers commit meanwhile.
    """
    arrivals = [await _replace_parts(connection, made) for made in remade]
    behind = []
    for made, before in zip(remade, arrivals, strict=True):
        folded = made.folded
        new = len(folded.completions) if before is None else 0
        newest = await take_numbers(connection, folded, new, server_words)
        made.number(before, newest)
        await write_rows(connection, changed_heads(folded.sales, {}))
        behind.append((folded, newest))
    for folded, newest in behind:
        await raise_alarms(connection, folded, newest, slugs)


async def _replace_parts(connection: Connection, made: Remade) -> int | None:
    """Write all of a sale but its head; return the place in the order of arrival that it had."""
    arrival: int | None = await connection.fetchval(
        "SELECT arrival FROM sale WHERE store = $1 AND sale = $2", *made.place
    )
    for table in ROWS_OF_SALES:
        await connection.execute(
            f"DELETE FROM {table} WHERE store = $1 AND sale = $2",  # noqa: S608 - names of ours
            *made.place,
        )
    for rows in changed_parts(made.folded.sales, {}):
        await write_rows(connection, rows)
    return arrival
