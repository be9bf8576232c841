"""The tables of sales in PostgreSQL: their schema, and a batch's rows read and copied there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import Connection, connect, disconnect
from sync.appending.postgres_migrations import PostgresMigration, migrate
from sync.office.sale_folding import Rows
from sync.office.sale_records import (
    SALE_COLUMNS,
    TABLES,
    Place,
    Sale,
    SaleHead,
    put_part,
)

SALES_SCHEMA: Final = "tillbox_sales"
"""Beside the frames, so that it can be dropped and made again from them."""
_SCRIPT: Final = Path(__file__).parent / "postgres_schema" / "0001_sales.sql"
MIGRATIONS: Final = (PostgresMigration(1, _SCRIPT.read_text("utf-8")),)

_NAMED: Final = " FROM unnest($1::bigint[], $2::text[]) AS named(store, sale)"
_HEADS: Final = f"SELECT {', '.join(SALE_COLUMNS)}{_NAMED} JOIN sale USING (store, sale)"
_PARTS: Final = tuple(
    (
        table,
        f"SELECT {', '.join(table.columns)}{_NAMED} JOIN {table.name} USING (store, sale)",
    )
    for table in TABLES
)


async def make_tables(address: PostgresAddress) -> None:
    """Make or complete the tables. Raises EventStoreAway or StorageFailed."""
    connection = await connect(address, SALES_SCHEMA)
    try:
        _ = await migrate(connection, address, MIGRATIONS, SALES_SCHEMA)
    finally:
        await disconnect(connection, address)


async def known_sales(connection: Connection, places: Iterable[Place]) -> dict[Place, Sale]:
    """Return the sales that are here of those at some places."""
    found: dict[Place, Sale] = {}
    named = list(places)
    if not named:
        return found
    for store, sale, *values in await connection.fetch(_HEADS, *_columns(named)):
        found[store, sale] = Sale(SaleHead(*values))
    if found:
        for table, statement in _PARTS:
            for store, sale, *values in await connection.fetch(statement, *_columns(list(found))):
                put_part(table, found[store, sale], values)
    return found


async def write_rows(connection: Connection, rows: Rows) -> None:
    """Take out what is outdated, and copy in what is new."""
    if rows.outdated:
        await connection.execute(
            f"DELETE FROM {rows.name} AS here"  # noqa: S608 - a name of ours
            " USING unnest($1::bigint[], $2::text[]) AS gone(store, sale)"
            " WHERE here.store = gone.store AND here.sale = gone.sale",
            *_columns(rows.outdated),
        )
    if rows.new:
        await connection.copy_records_to_table(
            rows.name, schema_name=SALES_SCHEMA, records=rows.new, columns=rows.columns
        )


def _columns(places: Sequence[Place]) -> tuple[list[int], list[str]]:
    return [store for store, _ in places], [sale for _, sale in places]


def columns_of(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into lists of their columns, of which there are `width`, for unnest."""
    return [[row[each] for row in rows] for each in range(width)]
