"""The second copy put together: the only place that names concrete classes."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from edge.contract.instant import Clock
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.http_guard import GuardSettings, guarded_app
from edge.runtime.http_service import HttpService
from edge.runtime.ids import SystemIds
from edge.runtime.keys import SigningKey, load_key
from edge.runtime.metrics import Counter, Gauge, Metrics
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import server_context
from sync.appending.frame_sessions import FrameSessions
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.keeper.box_directory import BoxDirectory
from sync.keeper.branches_aside import BranchesAside
from sync.keeper.database import keeper_database
from sync.keeper.desk import KEEPER, KeeperDesk
from sync.keeper.keeper_api import KeeperApi, KeeperGate
from sync.keeper.settings import KeeperSettings


@dataclass
class Keeper:
    """The parts of a running second copy that `serve` and tests need to name."""

    file: DatabaseFile
    tasks: Supervisor
    boxes: BoxDirectory
    sessions: FrameSessions
    events: SqliteEventStore
    key: SigningKey
    web: HttpService


@asynccontextmanager
async def running_keeper(
    settings: KeeperSettings, log: Log, clock: Clock | None = None
) -> AsyncIterator[Keeper]:
    """Run a second copy until the block is left. Raises TillboxError when it cannot start."""
    clock = clock or SystemClock()
    ids = SystemIds(clock)
    settings.check_mounted()
    key = load_key(settings.signing_key_file)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Supervisor(clock, log))
        file = keeper_database(settings.database_file)
        await file.open()
        stack.push_async_callback(file.close)
        dictionaries = shipped_dictionaries()
        boxes = BoxDirectory(file, clock)
        events = SqliteEventStore(file, clock)
        counter = Counter(
            "tillbox_keeper_frames_total", "Frames that came, by what became of them", ("outcome",)
        )
        sessions = FrameSessions(
            KEEPER,
            KeeperDesk(
                boxes,
                key,
                dictionaries,
                clock,
                log,
                BranchesAside(file, clock),
                events,
                settings.office_key,
            ),
            events,
            dictionaries,
            counter,
            clock,
            ids,
            log,
            tasks,
        )
        metrics = Metrics()
        metrics.add(
            counter,
            Gauge(
                "tillbox_keeper_boxes",
                "Boxes connected now",
                lambda: {(): float(len(sessions.connected))},
            ),
        )
        tls = _tls(settings)
        app = guarded_app(
            KeeperApi(sessions, file, boxes, metrics).routes(),
            settings=GuardSettings(hosts=frozenset(settings.web.hosts), tls=tls is not None),
            gate=KeeperGate(),
            clock=clock,
            ids=ids,
            log=log,
        )
        web = HttpService(
            app, address=settings.web.address, port=settings.web.port, clock=clock, tls=tls
        )
        await web.open()
        stack.push_async_callback(web.close)
        # sessions hold requests open: they end before the server waits for its requests
        stack.push_async_callback(sessions.close)
        yield Keeper(file, tasks, boxes, sessions, events, key, web)


def _tls(settings: KeeperSettings) -> ssl.SSLContext | None:
    web = settings.web
    if web.certificate_file is None or web.key_file is None:
        return None
    return server_context(web.certificate_file, web.key_file)
