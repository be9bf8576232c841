"""Head office over a folder, put together as `sync.office.server` does it, but for its web pages.

It may die at any commit, and be set back to a copy of its database.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from edge.contract.history_mending import MENDING_PATH
from edge.contract.instant import Clock
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.ids import SystemIds
from edge.runtime.keys import SigningKey
from edge.runtime.metrics import Metrics
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.carrying import export_from, take_into
from sync.office.database import MIGRATIONS
from sync.office.desk import OfficeDesk
from sync.office.digests import Digests
from sync.office.feeds import Feeds
from sync.office.mending import HistoryMending
from sync.office.price_books import PriceBooks
from sync.office.projector import Projector
from sync.office.session import BoxSessions
from sync.office.sqlite_projection import SqliteProjection
from sync.office.sqlite_sales import SqliteSales
from sync.office.store_directory import RegisteredStore, StoreDirectory
from sync.office.upload_turns import UploadTurns
from tests.replication_laws.inline_file import InlineFile, copy_database
from tests.replication_laws.memory_line import Net


async def _take_letter(number: int, ref: str, letter: bytes) -> None:
    raise AssertionError("these shops write no letters")


@dataclass
class Office:
    """`path` is its database, there from the first `start` on."""

    path: Path
    net: Net
    key: SigningKey
    dictionaries: Dictionaries
    clock: Clock
    log: Log
    file: InlineFile = field(init=False)
    directory: StoreDirectory = field(init=False)
    events: SqliteEventStore = field(init=False)
    boxes: BoxSessions = field(init=False)
    digests: Digests = field(init=False)
    projector: Projector = field(init=False)
    sales: SqliteSales = field(init=False)
    is_up: bool = False
    _disk: sqlite3.Connection | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        """Open the database and answer boxes."""
        clock, log = self.clock, self.log
        self._stack = AsyncExitStack()
        tasks = await self._stack.enter_async_context(Supervisor(clock, log))
        file = self.file = InlineFile(self.path, MIGRATIONS, page_bytes=8_192)
        await file.open()
        events = self.events = SqliteEventStore(file, clock)
        directory = self.directory = StoreDirectory(file, clock)
        feeds = Feeds(file)
        sales = self.sales = SqliteSales(file)
        projection = SqliteProjection(file, self.dictionaries)
        projector = Projector(projection, events, self.dictionaries, clock, log)
        self.projector = projector
        await projector.open()
        digests = self.digests = Digests(file, sales, directory, clock, log)
        turns = UploadTurns(clock)
        books = PriceBooks(file, directory, feeds, set, lambda _: {}, clock, log)
        desk = OfficeDesk(
            directory,
            events,
            feeds,
            self.key,
            self.dictionaries,
            clock,
            log,
            _take_letter,
            digests.take,
            books,
            turns,
        )
        boxes = self.boxes = BoxSessions(desk, clock, SystemIds(clock), log, tasks)
        boxes.open(Metrics())
        boxes.taken.append(projector.news.set)
        projector.progress = turns.projected
        projector.listeners.append(digests.news.set)
        for name, work in (
            ("projector", projector.run),
            ("digests", digests.run),
            ("turns of backlogs", turns.run),
        ):
            _ = tasks.start(name, work)
        mending = HistoryMending(
            directory,
            events,
            self.key,
            self.dictionaries,
            desk.admission,
            boxes,
            clock,
            SystemIds(clock),
            log,
        )
        app = web.Application()
        app.router.add_get("/sync/v1/session", boxes.serve)
        app.router.add_get(MENDING_PATH, mending.serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self.net.server = runner.server
        self.is_up = True

    async def crash(self) -> None:
        """End as a process that is killed: nothing more is written, all lines break."""
        if not self.is_up:
            return
        self.is_up = False
        self.net.server = None
        self.file.die()
        for shop in list(self.net.lines):
            self.net.cut(shop)
        await asyncio.sleep(0)
        await self._stack.aclose()
        await self.file.close()

    async def set_back(self, copy: Path) -> None:
        """Put a copy of the database in place of it; it must not run."""
        assert not self.is_up
        self.look_away()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        copy_database(copy, self.path)

    async def register(self, number: int, slug: str, box_key: str, gen: int) -> None:
        """Have a person register a store, or its new box.

        Of a box that is known a person can say no more: its generations are head office's to give.
        """
        known = await self.directory.by_slug(slug)
        if known is None:
            await self.directory.add(RegisteredStore(number, slug, slug, box_key, gen))
        elif known.box_key != box_key:
            await self.boxes.replace_box(slug, box_key, gen)

    async def gen(self, slug: str) -> int:
        """Return the generation that a store's box may be in."""
        known = await self.directory.by_slug(slug)
        return 0 if known is None else known.gen

    async def confirm(self, slug: str) -> None:
        """Have a person say that the shop has one box, as `tillbox office confirm-box` does."""
        await self.directory.confirm_box(slug)

    async def export(self, slug: str, path: Path) -> None:
        """Write a store's history to a file, as `tillbox office export` does."""
        await export_from(self.file, self.events, slug, path, self.clock)

    async def take(self, path: Path) -> None:
        """Append a file that a person carried, as `tillbox office take` does."""
        await take_into(self.file, self.events, path)
        self.projector.news.set()

    # --- what is on its disk --------------------------------------------------------------

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the disk, past whatever the process believes."""
        if self._disk is None:
            uri = f"{self.path.resolve().as_uri()}?mode=ro"
            self._disk = sqlite3.connect(uri, uri=True, isolation_level=None)
        return self._disk.execute(sql, values).fetchall()

    def look_away(self) -> None:
        """Close what `rows` looks through."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    def head(self, number: int) -> tuple[int, bytes]:
        """Return seq and hash of a store's head."""
        found = self.rows("SELECT seq, hash FROM head WHERE store = ?", number)
        return (found[0][0], found[0][1]) if found else (0, bytes(32))

    def frames(self, number: int) -> list[bytes]:
        """Return the frames of a store as they came, oldest first."""
        return [
            body
            for (body,) in self.rows(
                "SELECT body FROM frame WHERE store = ? ORDER BY position", number
            )
        ]
