"""What `tillbox office export` and `tillbox office take` do: a store's history as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.history_file import read_history
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from sync.appending.carrying import Carried, take_history, write_store
from sync.appending.event_store import EventStore
from sync.office.frame_keeping import kept_frames
from sync.office.settings import OfficeSettings
from sync.office.store_directory import RegisteredStore, StoreDirectory


async def export(settings: OfficeSettings, file: DatabaseFile, slug: str, out: Path) -> Carried:
    """Write a store's whole history to `out`. Raises Refused, StorageFailed."""
    async with _frames(settings, file) as events:
        return await export_from(file, events, slug, out, SystemClock())


async def export_from(
    file: DatabaseFile, events: EventStore, slug: str, out: Path, clock: Clock
) -> Carried:
    """Write a store's history out of an open event store. Raises Refused, StorageFailed."""
    store = await _registered(file, slug)
    return await write_store(
        out,
        store.box,
        events,
        shipped_dictionaries(),
        before=await StoreDirectory(file, SystemClock()).boxes_before(store),
        written_by="head office",
        written_at=clock.now_ms(),
    )


async def take(
    settings: OfficeSettings, file: DatabaseFile, path: Path
) -> tuple[RegisteredStore, Carried]:
    """Append a file behind what head office has of its store. Raises Refused with nothing taken."""
    async with _frames(settings, file) as events:
        return await take_into(file, events, path)


async def take_into(
    file: DatabaseFile, events: EventStore, path: Path
) -> tuple[RegisteredStore, Carried]:
    """Append a file to an open event store. Raises Refused with nothing taken."""
    try:
        history = read_history(path)
    except OSError as error:
        raise Refused(
            "history_unreadable",
            f"{path} cannot be read: {error.strerror}.",
            advice="Check the name, and that this user may read it.",
        ) from None
    store = await _registered(file, history.header.slug)
    done = await take_history(
        history,
        store.box,
        events,
        shipped_dictionaries(),
        keeper="head office",
        before=await StoreDirectory(file, SystemClock()).boxes_before(store),
    )
    return store, done


@asynccontextmanager
async def _frames(settings: OfficeSettings, file: DatabaseFile) -> AsyncIterator[EventStore]:
    clock = SystemClock()
    log = open_log("office", clock=clock)
    async with (
        Supervisor(clock, log) as tasks,
        kept_frames(settings, file, clock, log, tasks) as events,
    ):
        yield events


async def _registered(file: DatabaseFile, slug: str) -> RegisteredStore:
    store = await StoreDirectory(file, SystemClock()).by_slug(slug)
    if store is None:
        raise Refused(
            "store_unknown",
            f"Store {slug} is not registered at this head office.",
            advice="Register it first with `tillbox office add-store`.",
        )
    return store
