"""What head office keeps its sales in, as its settings say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.contract.errors import SettingsInvalid
from edge.contract.health import HealthItem
from edge.contract.instant import Clock
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.structured_log import Log
from sync.appending.postgres_address import read_address
from sync.office.aside_store import AsideStore
from sync.office.projection import Projection
from sync.office.sales_reading import SalesReader
from sync.office.settings import OfficeSettings
from sync.office.sqlite_aside import SqliteAside
from sync.office.sqlite_projection import SqliteProjection
from sync.office.sqlite_sales import SqliteSales
from sync.office.store_directory import StoreDirectory

if TYPE_CHECKING:
    from sync.office.postgres_projection import PostgresProjection


@dataclass(frozen=True)
class KeptSales:
    """Where sales are written, and read, and what is in none of them stands aside.

    `remote` is where they are written on a server.
    """

    projection: Projection
    reader: SalesReader
    aside: AsideStore
    remote: PostgresProjection | None = None

    def health(self) -> tuple[HealthItem, ...]:
        """Say how sales on a server are; nothing of those that are part of `office.db`."""
        if self.remote is None:
            return ()
        trouble = self.remote.failure or self.remote.away
        if trouble is None:
            return (HealthItem("sales", True, "The sales follow what comes."),)
        return (HealthItem("sales", False, trouble.message, trouble.advice),)


@asynccontextmanager
async def kept_sales(
    settings: OfficeSettings,
    file: DatabaseFile,
    directory: StoreDirectory,
    dictionaries: Dictionaries,
    clock: Clock,
    log: Log,
) -> AsyncIterator[KeptSales]:
    """Open what sales are kept in for a block. Raises TillboxError when it cannot be used."""
    if settings.sales == "sqlite":
        yield KeptSales(SqliteProjection(file, dictionaries), SqliteSales(file), SqliteAside(file))
        return
    if settings.store != "postgres" or settings.postgres is None:
        raise SettingsInvalid(
            "sales_without_frames",
            'sales = "postgres" keeps sales beside the frames, and these are elsewhere.',
            advice='Set store = "postgres" too, or leave sales out.',
        )
    # part of the extra `postgres`; that it is installed the event store has found out
    from sync.office.postgres_aside import PostgresAside  # noqa: PLC0415
    from sync.office.postgres_projection import PostgresProjection  # noqa: PLC0415
    from sync.office.postgres_sales import PostgresSales  # noqa: PLC0415

    address = read_address(settings.postgres.dsn_file, settings.postgres.ca_file)
    reader = PostgresSales(address, directory, clock)
    projection = PostgresProjection(address, file, reader.slugs, log)
    await reader.open()
    try:
        yield KeptSales(projection, reader, PostgresAside(address, reader, file), projection)
    finally:
        await projection.close()
        await reader.close()
