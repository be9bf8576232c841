"""Head office put together: the only place that names concrete classes."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from edge.contract.health import HealthItem
from edge.contract.instant import Clock
from edge.contract.limits import (
    OFFICE_FILES_SPARED,
    OFFICE_SOCKETS_MAX,
    OFFICE_SOCKETS_PER_ADDRESS_MAX,
)
from edge.contract.reference_data import Feed
from edge.runtime.connection_watch import ConnectionWatch
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import Dictionaries, shipped_dictionaries
from edge.runtime.http_guard import GuardSettings, guarded_app
from edge.runtime.http_service import HttpService
from edge.runtime.ids import SystemIds
from edge.runtime.keys import load_key
from edge.runtime.metrics import Gauge, Metrics
from edge.runtime.open_files import raise_open_files
from edge.runtime.pin_hash import PinHasher, load_pepper
from edge.runtime.process_life import MayFail
from edge.runtime.static_files import CONTENT_TYPES, StaticFiles
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.runtime.systemd_sockets import inherited_socket
from edge.runtime.tls_contexts import server_context
from sync.appending.event_store import EventStore
from sync.office.archive import Archive
from sync.office.attention import attention_of
from sync.office.attention_watch import AttentionWatch
from sync.office.coupon_uses import CouponUses
from sync.office.database import office_database
from sync.office.desk import OfficeDesk
from sync.office.digests import Digests
from sync.office.feeds import Feeds
from sync.office.frame_keeping import health_of, kept_frames
from sync.office.gate import OfficeGate
from sync.office.live_events import LiveEvents
from sync.office.mail_carrier import carrier_of
from sync.office.mailing import Mailing
from sync.office.mending import HistoryMending
from sync.office.office_api import OfficeApi
from sync.office.outbox import Outbox
from sync.office.people import People
from sync.office.price_books import PriceBooks
from sync.office.projector import Projector
from sync.office.sale_keeping import KeptSales, kept_sales
from sync.office.sales import Sales
from sync.office.session import BoxSessions
from sync.office.settings import OfficeSettings
from sync.office.store_directory import StoreDirectory
from sync.office.tips import Tips
from sync.office.upload_turns import UploadTurns

_PAGES: Final = Path(__file__).parent / "pages"
_KIT: Final = ("kit", "vendor", "words")


@dataclass
class Office:
    """The parts of a running head office that `serve` and tests need to name."""

    file: DatabaseFile
    tasks: Supervisor
    directory: StoreDirectory
    feeds: Feeds
    people: People
    projector: Projector
    boxes: BoxSessions
    mailing: Mailing
    books: PriceBooks
    watch: AttentionWatch
    web: HttpService
    watched: tuple[MayFail, ...]
    """What ends the process when it fails."""


@asynccontextmanager
async def running_office(
    settings: OfficeSettings, log: Log, clock: Clock | None = None
) -> AsyncIterator[Office]:
    """Run head office until the block is left. Raises TillboxError when it cannot start."""
    clock = clock or SystemClock()
    ids = SystemIds(clock)
    key = load_key(settings.signing_key_file)
    hasher = PinHasher(load_pepper(settings.pepper_file))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    carrier = carrier_of(settings.mail, clock)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Supervisor(clock, log))
        file = office_database(settings.database_file)
        await file.open()
        stack.push_async_callback(file.close)
        dictionaries = shipped_dictionaries()
        directory = StoreDirectory(file, clock)
        events = await stack.enter_async_context(kept_frames(settings, file, clock, log, tasks))
        feeds = Feeds(file)
        people = People(file, hasher, clock, ids)
        stack.callback(people.close)
        kept = await stack.enter_async_context(
            kept_sales(settings, file, directory, dictionaries, clock, log)
        )
        projector = await _projector(kept, events, dictionaries, clock, log)
        mailing = Mailing(
            Outbox(file, clock),
            directory,
            carrier,
            settings.mail.sender if settings.mail else "",
            settings.mail.sender_name if settings.mail else "",
            clock,
            log,
        )
        archive = Archive(
            settings.archive_folder,
            file,
            events,
            key,
            lambda: projector.positions,
            clock,
            log,
            settings.archive.close_after_s,
        )
        await archive.open()
        digests = Digests(file, kept.reader, directory, clock, log)
        books = PriceBooks(
            file,
            directory,
            feeds,
            lambda: boxes.connected,
            lambda slug: boxes.refusals(slug),  # noqa: PLW0108 - bound later
            clock,
            log,
        )
        turns = UploadTurns(clock)
        desk = OfficeDesk(
            directory,
            events,
            feeds,
            key,
            dictionaries,
            clock,
            log,
            mailing.take,
            digests.take,
            books,
            turns,
        )
        boxes = BoxSessions(desk, clock, ids, log, tasks)
        sales = Sales(
            kept.reader,
            directory,
            events,
            feeds,
            lambda: boxes.connected,
            digests.exposed,
            clock,
        )
        attention = attention_of(
            file,
            directory,
            events,
            feeds,
            sales,
            desk,
            boxes,
            settings.data_dir,
            clock,
            log,
            kept.aside,
        )
        live = LiveEvents(sales, attention.alarms, people.sessions, clock)
        metrics = Metrics()
        _declare(metrics, boxes, projector, file, mailing, books, turns)
        boxes.open(metrics)
        boxes.taken.append(projector.news.set)
        projector.progress = turns.projected
        attention.tell(live.changed, digests.mended, metrics)
        projector.listeners += [live.changed, digests.news.set, attention.watch.news.set]
        projector.coupon_listeners.append(lambda: feeds.changed(Feed.USED_COUPON))
        api = OfficeApi(
            attention=attention.api,
            boxes=boxes,
            mending=HistoryMending(
                directory,
                events,
                key,
                dictionaries,
                desk.admission,
                boxes,
                clock,
                ids,
                log,
            ),
            directory=directory,
            feeds=feeds,
            people=people,
            sales=sales,
            coupons=CouponUses(kept.reader),
            tips=Tips(kept.reader, directory, sales),
            mailing=mailing,
            digests=digests,
            books=books,
            live=live,
            metrics=metrics,
            health=lambda: (
                *_health(file),
                *health_of(events),
                *kept.health(),
                archive.health(),
                mailing.health(),
            ),
            pages=load_pages(),
        )
        tls = _tls(settings)
        app = guarded_app(
            api.routes(),
            settings=GuardSettings(hosts=frozenset(settings.web.hosts), tls=tls is not None),
            gate=OfficeGate(people.sessions),
            clock=clock,
            ids=ids,
            log=log,
        )
        web = HttpService(
            app,
            address=settings.web.address,
            port=settings.web.port,
            clock=clock,
            tls=tls,
            watch=_watch(clock),
            listening=inherited_socket("office"),
        )
        for name, work in (
            ("projector", projector.run),
            ("carried files", projector.look_again),
            ("mail", mailing.run),
            ("digests", digests.run),
            ("price books", books.run),
            ("turns of backlogs", turns.run),
            ("archive", archive.run),
            ("attention", attention.watch.run),
        ):
            _ = tasks.start(name, work)
        await web.open()
        stack.push_async_callback(web.close)
        # these hold requests open: they end before the server waits for its requests
        stack.push_async_callback(boxes.close)
        stack.callback(live.close)
        watched = tuple(each for each in (file, events, kept.remote) if isinstance(each, MayFail))
        yield Office(
            file,
            tasks,
            directory,
            feeds,
            people,
            projector,
            boxes,
            mailing,
            books,
            attention.watch,
            web,
            watched,
        )


async def _projector(
    kept: KeptSales, events: EventStore, dictionaries: Dictionaries, clock: Clock, log: Log
) -> Projector:
    projector = Projector(kept.projection, events, dictionaries, clock, log)
    await projector.open()
    return projector


def _declare(
    metrics: Metrics,
    boxes: BoxSessions,
    projector: Projector,
    file: DatabaseFile,
    mailing: Mailing,
    books: PriceBooks,
    turns: UploadTurns,
) -> None:
    metrics.add(
        Gauge(
            "tillbox_office_boxes",
            "Boxes connected now",
            lambda: {(): float(len(boxes.connected))},
        ),
        Gauge(
            "tillbox_office_projected_position",
            "Frames that the sales show",
            lambda: {(): float(sum(projector.positions.values()))},
        ),
        Gauge(
            "tillbox_office_backlogs_waiting",
            "Boxes whose backlog waits for its turn",
            lambda: {(): float(turns.waiting)},
        ),
        Gauge(
            "tillbox_office_frames_queued_bytes",
            "Frames in memory that were not looked at yet",
            lambda: {(): float(turns.queued_bytes)},
        ),
        Gauge(
            "tillbox_office_frames_unprojected_bytes",
            "Frames of this run that the sales do not show yet",
            lambda: {(): float(turns.lag_bytes)},
        ),
        Gauge(
            "tillbox_office_mails_waiting",
            "Receipts that wait to be sent by e-mail",
            lambda: {(): float(mailing.waiting)},
        ),
        Gauge(
            "tillbox_office_shops_without_book",
            "Shops that lack a price book which holds soon, or did today",
            lambda: {(): float(books.lacking)},
        ),
        Gauge(
            "tillbox_office_commits",
            "Commits of this run",
            lambda: {(): float(file.counts.commits)},
        ),
    )


def _health(file: DatabaseFile) -> tuple[HealthItem, ...]:
    if file.failure is None:
        return (HealthItem("database", True, "The database takes what comes."),)
    return (HealthItem("database", False, file.failure.message, file.failure.advice),)


def _watch(clock: Clock) -> ConnectionWatch:
    """Allow as many sockets as a thousand boxes need, where the system allows the files."""
    sockets = min(
        OFFICE_SOCKETS_MAX,
        raise_open_files(OFFICE_SOCKETS_MAX + OFFICE_FILES_SPARED) - OFFICE_FILES_SPARED,
    )
    per_address = min(sockets, OFFICE_SOCKETS_PER_ADDRESS_MAX)
    return ConnectionWatch(
        clock, per_address_max=per_address, loopback_max=per_address, total_max=sockets
    )


def load_pages(folder: Path = _PAGES) -> StaticFiles | None:
    """Return the pages of head office with the screen kit; None when there are none."""
    if not any(path.suffix in CONTENT_TYPES for path in folder.rglob("*")):
        return None
    screens = Path(str(resources.files("edge"))) / "screens"
    kit = [
        StaticFiles.load(screens / name, prefix=f"{name}/")
        for name in _KIT
        if (screens / name).is_dir()
    ]
    return StaticFiles.together([*kit, StaticFiles.load(folder)]).versioned()


def _tls(settings: OfficeSettings) -> ssl.SSLContext | None:
    web = settings.web
    if web.certificate_file is None or web.key_file is None:
        return None
    return server_context(web.certificate_file, web.key_file)
