"""Where sales can be kept, opened for a block, with their tables laid open."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edge.contract.reference_data import Feed
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from sync.appending.event_store import EventStore
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import connect, disconnect
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.database import office_database
from sync.office.postgres_projection import PostgresProjection
from sync.office.postgres_tables import SALES_SCHEMA
from sync.office.projection import Projection
from sync.office.sale_records import SALE_COLUMNS, TABLES
from sync.office.sqlite_projection import SqliteProjection
from sync.office.store_directory import RegisteredStore, StoreDirectory
from tests.sync.appending.opened_postgres import opened
from tests.sync.office.head_office import DICTIONARIES
from tests.sync.office.kept_sales import Rows

_COLUMNS: Final = {
    "sale": SALE_COLUMNS,
    **{table.name: table.columns for table in TABLES},
    "projected": ("store", "seq"),
    "alarm": ("store", "kind", "words", "first_at", "last_at", "count"),
    "parked": ("store", "gen", "seq", "type", "v", "position"),
    "quarantine": ("store", "gen", "seq", "reason", "body"),
}
_SELECTS: Final = {
    name: f"SELECT {', '.join(columns)} FROM {name}"  # noqa: S608 - names of ours
    for name, columns in _COLUMNS.items()
}


def _sorted(rows: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=_order)


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is None, value) for value in row)


@dataclass
class SqlitePlace:
    file: DatabaseFile
    events: EventStore

    async def projection(self) -> Projection:
        return SqliteProjection(self.file, DICTIONARIES)

    async def rows(self) -> Rows:
        def query(connection: Any) -> Rows:
            found = {
                name: _sorted(_booleans(name, row) for row in connection.execute(statement))
                for name, statement in _SELECTS.items()
            }
            cursors = connection.execute("SELECT name, position FROM projection").fetchall()
            found["cursor"] = [(0, position) for name, position in cursors if name == "sales"]
            return found

        return await self.file.read(query)

    async def codes(self) -> list[tuple[str, bytes]]:
        return await codes_in(self.file)

    async def make_parked(self, store: int, seq: int, type_name: str, position: int) -> None:
        values = (store, seq, type_name, position)
        await self.file.write(
            lambda connection: connection.execute(
                "INSERT INTO parked VALUES (?, 1, ?, ?, 1, ?)", values
            )
        )

    async def take_sales(self) -> None:
        def unit(connection: Any) -> None:
            for name in ("sale", *(table.name for table in TABLES)):
                connection.execute(f"DELETE FROM {name}")  # noqa: S608 - a name of ours

        await self.file.write(unit)


_BOOLEANS: Final = {
    (name, number)
    for name, fields in (
        ("sale", ("prices_include_tax",)),
        ("sale_line", ("voided", "returned", "overridden")),
        ("line_detail", ("open_price", "deposit")),
        ("coupon_use", ("single_use",)),
    )
    for number, column in enumerate(_COLUMNS[name])
    if column in fields
}


def _booleans(name: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of SQLite, which has no booleans, as others have it."""
    return tuple(
        bool(value) if (name, number) in _BOOLEANS else value for number, value in enumerate(row)
    )


async def codes_in(file: DatabaseFile) -> list[tuple[str, bytes]]:
    return await file.read(
        lambda connection: connection.execute(
            "SELECT key, value FROM feed_item WHERE feed = ? ORDER BY cursor", (Feed.USED_COUPON,)
        ).fetchall()
    )


@dataclass
class PostgresPlace:
    file: DatabaseFile
    events: EventStore
    address: PostgresAddress
    directory: StoreDirectory
    log: io.StringIO = field(default_factory=io.StringIO)
    _projection: PostgresProjection | None = None

    async def slugs(self) -> Mapping[int, str]:
        return {store.number: store.slug for store in await self.directory.all()}

    def worker(self) -> PostgresProjection:
        """Another worker, beside the one of the laws."""
        log = open_log("office", self.log)
        return PostgresProjection(self.address, self.file, self.slugs, log)

    async def projection(self) -> Projection:
        await self.close()
        self._projection = self.worker()
        return self._projection

    async def rows(self) -> Rows:
        cursor = "SELECT partition, position FROM projection WHERE position > 0"
        connection = await connect(self.address, SALES_SCHEMA)
        try:
            return {
                name: _sorted(await connection.fetch(statement))
                for name, statement in (*_SELECTS.items(), ("cursor", cursor))
            }
        finally:
            await disconnect(connection, self.address)

    async def fetch(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        connection = await connect(self.address, SALES_SCHEMA)
        try:
            return _sorted(await connection.fetch(query, *values))
        finally:
            await disconnect(connection, self.address)

    async def codes(self) -> list[tuple[str, bytes]]:
        return await codes_in(self.file)

    async def make_parked(self, store: int, seq: int, type_name: str, position: int) -> None:
        await self.fetch(
            "INSERT INTO parked VALUES ($1, 1, $2, $3, 1, $4)", store, seq, type_name, position
        )

    async def take_sales(self) -> None:
        for name in ("sale", *(table.name for table in TABLES)):
            await self.fetch(f"DELETE FROM {name}")  # noqa: S608 - a name of ours

    async def close(self) -> None:
        if self._projection is not None:
            await self._projection.close()


@asynccontextmanager
async def office_file(folder: Path) -> AsyncIterator[DatabaseFile]:
    """An `office.db` that knows twenty-odd shops."""
    file = office_database(folder / "office.db")
    await file.open()
    try:
        directory = StoreDirectory(file, SystemClock())
        for number in range(1, 26):
            slug = f"shop-{number}"
            await directory.add(RegisteredStore(number, slug, slug, f"{number:064x}", 1))
        yield file
    finally:
        await file.close()


@asynccontextmanager
async def sqlite_place(folder: Path) -> AsyncIterator[SqlitePlace]:
    async with office_file(folder) as file:
        yield SqlitePlace(file, SqliteEventStore(file, SystemClock()))


@asynccontextmanager
async def postgres_place(
    folder: Path, address: PostgresAddress, partitions: int | None = 3
) -> AsyncIterator[PostgresPlace]:
    async with office_file(folder) as file, opened(address, partitions) as events:
        place = PostgresPlace(file, events, address, StoreDirectory(file, SystemClock()))
        try:
            yield place
        finally:
            await place.close()
