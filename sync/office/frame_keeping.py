"""Which event store head office keeps its frames in, as its settings say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from edge.contract.errors import SettingsInvalid, StorageFailed
from edge.contract.health import HealthItem
from edge.contract.instant import Clock
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.appending.event_store import EventStore, EventStoreAway
from sync.appending.postgres_address import read_address
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.database import follow
from sync.office.settings import OfficeSettings


class RemoteEventStore(EventStore, Protocol):
    """An event store on a server, which comes and goes."""

    @property
    def failure(self) -> StorageFailed | None:
        """Why only a new process can go on."""
        ...

    @property
    def away(self) -> EventStoreAway | None:
        """Why it does not answer just now."""
        ...


@asynccontextmanager
async def kept_frames(
    settings: OfficeSettings, file: DatabaseFile, clock: Clock, log: Log, tasks: Supervisor
) -> AsyncIterator[EventStore | RemoteEventStore]:
    """Open the event store for a block. Raises TillboxError when it cannot be used."""
    if settings.store == "sqlite":
        local = SqliteEventStore(file, clock)
        await follow(file, local.identity)
        yield local
        return
    async with remote_frames(settings, clock, log, tasks) as remote:
        await follow(file, remote.identity)
        yield remote


@asynccontextmanager
async def remote_frames(
    settings: OfficeSettings, clock: Clock, log: Log, tasks: Supervisor
) -> AsyncIterator[RemoteEventStore]:
    """Open the event store on a server for a block. Raises TillboxError."""
    if settings.postgres is None or settings.store == "sqlite":
        raise SettingsInvalid(
            "postgres_missing",
            "The settings do not say in which database on a server the frames are.",
            advice='Set store = "postgres", and in a section [postgres] dsn_file.',
        )
    try:
        # part of the extra `postgres`
        from sync.appending.postgres_event_store import PostgresEventStore  # noqa: PLC0415
    except ImportError:
        raise SettingsInvalid(
            "library_missing",
            'store = "postgres" needs the library asyncpg, which is not installed.',
            advice="Install tillbox[postgres].",
        ) from None
    address = read_address(settings.postgres.dsn_file, settings.postgres.ca_file)
    remote = PostgresEventStore(address, clock, log, tasks, partitions=settings.postgres.partitions)
    await remote.open()
    try:
        yield remote
    finally:
        await remote.close()


def health_of(events: EventStore | RemoteEventStore) -> tuple[HealthItem, ...]:
    """Say how a store on a server is; nothing of one that is part of `office.db`."""
    if isinstance(events, SqliteEventStore):
        return ()
    trouble = getattr(events, "failure", None) or getattr(events, "away", None)
    if trouble is None:
        return (HealthItem("event_store", True, "The event store takes what comes."),)
    return (HealthItem("event_store", False, trouble.message, trouble.advice),)
