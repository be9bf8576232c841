"""The tables of sales in `office.db`: rows of sales read and written there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from sync.office.sale_folding import Rows
from sync.office.sale_records import SALE_COLUMNS, TABLES, Place, Sale, SaleHead, put_part

_HEAD: Final = f"SELECT {', '.join(SALE_COLUMNS[2:])} FROM sale WHERE store = ? AND sale = ?"  # noqa: S608 - names of ours
_PARTS: Final = tuple(
    (table, f"SELECT {', '.join(table.columns[2:])} FROM {table.name} WHERE store = ? AND sale = ?")  # noqa: S608 - names of ours
    for table in TABLES
)


def known_sales(connection: sqlite3.Connection, places: Iterable[Place]) -> dict[Place, Sale]:
    """Return the sales that are here of those at some places."""
    found: dict[Place, Sale] = {}
    for place in places:
        row = connection.execute(_HEAD, place).fetchone()
        if row is not None:
            sale = found[place] = Sale(SaleHead(*row))
            for table, statement in _PARTS:
                for values in connection.execute(statement, place):
                    put_part(table, sale, values)
    return found


def write_rows(connection: sqlite3.Connection, rows: Rows) -> None:
    """Take out what is outdated, and put in what is new."""
    connection.executemany(
        f"DELETE FROM {rows.name} WHERE store = ? AND sale = ?",  # noqa: S608 - a name of ours
        rows.outdated,
    )
    connection.executemany(
        f"INSERT INTO {rows.name} ({', '.join(rows.columns)})"  # noqa: S608 - names of ours
        f" VALUES ({', '.join('?' * len(rows.columns))})",
        rows.new,
    )
