"""The composition root of `tillbox edge`: the only place that names concrete classes."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from edge.contract.device_messages import DELIVERY, Delivery, JobKind
from edge.engine.weighing_rules import price_asked_for
from edge.enrolling import service_token
from edge.flows.access import SITE_MIGRATIONS, Access
from edge.flows.adoption import Adoption
from edge.flows.book_readiness import BookReadiness
from edge.flows.box_health import BoxHealth
from edge.flows.card_desk import CardDesk
from edge.flows.card_slips import SlipJobs
from edge.flows.clock_watch import ClockWatch
from edge.flows.coupons import Coupons
from edge.flows.customer_displays import CustomerDisplays
from edge.flows.device_directory import DeviceDirectory
from edge.flows.device_jobs import DeviceJobs
from edge.flows.device_log import DeviceLog, NotedBus
from edge.flows.device_reports import DeviceReports
from edge.flows.digests import Digests
from edge.flows.feed_trust import FeedTrust
from edge.flows.fiscal_desk import FiscalDesk
from edge.flows.gathering import Gathering, TillDevices
from edge.flows.home_assistant import home_assistant
from edge.flows.job_dispatch import JobDispatch
from edge.flows.kept_copies import KeptCopies
from edge.flows.letters import LetterPost
from edge.flows.line_displays import LineDisplays
from edge.flows.link_state import LinkState
from edge.flows.lost_history import LostHistory, mended_ledger
from edge.flows.open_drawers import OpenDrawers
from edge.flows.parking import ParkedSales
from edge.flows.paying_by_card import PayingByCard
from edge.flows.presenting import PresentedReceipts
from edge.flows.price_checking import PriceChecks
from edge.flows.printing import Printing
from edge.flows.ratchet import open_ratchet
from edge.flows.receipt_codes import ReceiptCodes
from edge.flows.receipt_sending import ReceiptSending
from edge.flows.receipt_setting import ReceiptSetting
from edge.flows.recovery import Recovery
from edge.flows.reference_news import ReferenceNews, calendar_of
from edge.flows.replica import Replica
from edge.flows.reprinting import Reprints
from edge.flows.returning import SoldSales
from edge.flows.scanning import Scanning
from edge.flows.selling import Selling
from edge.flows.snapshot_taking import SnapshotTaking
from edge.flows.terminal_day_board import TerminalDayBoard
from edge.flows.terminal_days import TerminalDays
from edge.flows.till import Till, TillViews
from edge.flows.weighing import Weighing
from edge.ledger.adopted_devices import AdoptedDevices
from edge.ledger.coupon_uses import CouponUses
from edge.ledger.disk_space import DiskSpace
from edge.ledger.event_log import MIGRATIONS as LEDGER_MIGRATIONS
from edge.ledger.event_log import Ledger
from edge.ledger.fiscal_records import FiscalRecords
from edge.ledger.kept_words import KeptWords
from edge.ledger.letters import Letters
from edge.ledger.mending_stage import STAGE, MendingStage
from edge.ledger.past_sales import PastSales
from edge.ledger.records import LedgerIdentity, OpenJob
from edge.ledger.terminal_days import TerminalDayRecords
from edge.reference.snapshot_shelf import SnapshotShelf
from edge.reference.store import MIGRATIONS as REFERENCE_MIGRATIONS
from edge.reference.store import ReferenceStore
from edge.runtime.bus import Bus
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.http_guard import GuardSettings, guarded_app
from edge.runtime.http_service import HttpService
from edge.runtime.ids import SystemIds
from edge.runtime.keys import load_or_create_key
from edge.runtime.metrics import CONTENT_TYPE, Metrics
from edge.runtime.pin_hash import PinHasher, load_pepper
from edge.runtime.simulated_tse import SimulatedTse
from edge.runtime.static_files import StaticFiles
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import server_context_if_any
from edge.settings import EdgeSettings
from edge.technician_parts import technician_parts
from edge.web.box_api import BoxApi
from edge.web.caller import EdgeGate
from edge.web.display_api import DisplayApi
from edge.web.mending_api import MendingApi
from edge.web.replica_api import ReplicaApi
from edge.web.till_api import TillApi
from edge.web.till_socket import TillSockets
from edge.web.wall_socket import WallSockets

_DICTIONARY: Final = 1


@dataclass
class Edge:
    """The parts of a running box that `run` and tests need to name."""

    settings: EdgeSettings
    log: Log
    bus: Bus
    tasks: Supervisor
    selling: Selling
    access: Access
    ledger: Ledger
    ledger_file: DatabaseFile
    dispatch: JobDispatch
    fiscal: FiscalDesk
    files: tuple[DatabaseFile, ...]
    web: HttpService
    wall_sockets: WallSockets
    lost: LostHistory


@asynccontextmanager
async def running_edge(  # noqa: PLR0915 - the composition is one list of parts
    settings: EdgeSettings,
    bus: Bus,
    log: Log,
    screens: StaticFiles,
    listening: socket.socket | None = None,
) -> AsyncIterator[Edge]:
    """Run a box until the block is left: opens its files, takes up what is open, serves.

    On the address of its settings, or where `listening` listens already.

    Raises TillboxError when it cannot start.
    """
    clock = SystemClock()
    ids = SystemIds(clock)
    device_log = DeviceLog(clock, lambda: wall_sockets.changed())  # noqa: PLW0108 - bound later
    bus = NotedBus(bus, device_log)
    data = settings.data_dir
    data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Supervisor(clock, log))
        key = load_or_create_key(settings.secrets.box_key_file)
        disk = DiskSpace(data)
        if disk.is_short():
            disk.drop_ballast()  # else no file could be opened, and nothing open be ended
        reference_file = DatabaseFile(data / "reference.db", REFERENCE_MIGRATIONS)
        reference = ReferenceStore(reference_file, clock)
        await reference.open()
        stack.push_async_callback(reference.close)
        calendar = calendar_of(reference)
        mended, unmended = await mended_ledger(data, key.public.hex, clock, calendar, log, tasks)
        ledger_file = DatabaseFile(data / "ledger.db", LEDGER_MIGRATIONS)
        store = settings.store
        # head office gave this box a later generation than its settings name
        gen = store.gen if mended is None else max(store.gen, mended.gen)
        ledger = Ledger(ledger_file, LedgerIdentity(store.slug, store.number, gen), clock, calendar)
        clean = await ledger.open()
        stack.push_async_callback(ledger.close)
        disk.lay_ballast()
        tills: dict[str, Till] = {}
        views: TillViews
        link = LinkState(ledger, clock, lambda: views.publish_all())  # noqa: PLW0108 - bound later
        await link.open()
        dispatch: JobDispatch
        paying: PayingByCard
        weighing: Weighing
        line_displays: LineDisplays
        days: TerminalDays

        def host_back(host: str) -> None:
            dispatch.host_back(host)
            paying.host_back(host)
            line_displays.host_back(host)
            days.host_back(host)

        directory = DeviceDirectory(
            store.slug,
            settings.devices,
            bus,
            log,
            changed=lambda till: views.publish_by_id(till),  # noqa: PLW0108 - bound later
            host_back=host_back,
        )

        reports = DeviceReports(store.slug, bus, log, lambda: wall_sockets.changed())  # noqa: PLW0108
        adopted = AdoptedDevices(ledger_file)
        adoption = Adoption(
            ledger, adopted, directory, reports, settings.tills, settings.devices, log, tasks
        )
        reports.host_seen = adoption.host_seen

        def day(at: int) -> str:
            # head office may give the ledger another calendar while the box runs
            return ledger.calendar.day(at)

        desk = CardDesk(lambda terminal: directory.can(terminal, "reverse"))
        views = TillViews(
            tills,
            directory.views,
            lambda: link.view,
            lambda: link.accepted_seq,
            lambda: reference.store.currency if reference.has_store else "",
            day,
            lambda: parked.views(),  # noqa: PLW0108 - bound later
            desk.doubt,
            desk.alarms,
            desk.signature,
            lambda: reference.goods,
            lambda seq: copies.has(seq),  # noqa: PLW0108 - bound later
        )
        copies = KeptCopies(
            ledger, KeptWords(ledger_file), settings.keeper_keys, clock, views.publish_finished
        )
        await copies.open()

        setting = ReceiptSetting(reference, lambda till: access.cashier_of(till))  # noqa: PLW0108 - bound later
        jobs = DeviceJobs(
            directory,
            setting.receipt,
            lambda cart: price_asked_for(cart, reference),
            SlipJobs(directory, setting.card_slip, lambda: reference.store.card_slips),
        )
        reprints = Reprints(directory, setting.again)

        def send(job: OpenJob) -> None:
            if DELIVERY[JobKind(job.kind)] is Delivery.INQUIRE_ONLY:
                paying.begin(job)
            elif job.kind == JobKind.WEIGH:
                weighing.begin(job)
            else:
                dispatch.add(job)

        eod = TerminalDayBoard(lambda: reference.store.currency if reference.has_store else "")
        past = PastSales(ledger_file)
        codes = ReceiptCodes(past, ledger.identity, key, reference.box_keys)
        parked = ParkedSales()
        sold = SoldSales(past, tills, parked, day, reference)
        gathering = Gathering(
            reference,
            clock,
            sold,
            codes,
            Coupons(CouponUses(ledger_file), tills, parked),
            desk,
            parked,
            day,
            reference.role_of,
            ids.secret,
            TillDevices(
                lambda till: directory.device_of(till, "terminal"),
                lambda till: weighing.scale_of(till),  # noqa: PLW0108 - bound later
                lambda till: bool(directory.device_of(till, "drawer")),
                reprints.has_printer,
                eod.refuse_card,
            ),
        )
        selling = Selling(
            ledger,
            gathering,
            views,
            tills,
            ids.new,
            disk.check if settings.watch_disk else lambda: None,
            jobs.for_events,
            send,
            lambda till: paying.abort(till),  # noqa: PLW0108 - bound later
            lambda till: paying.ask_now(till),  # noqa: PLW0108 - bound later
            reprints.jobs,
        )
        dispatch = JobDispatch(store.slug, bus, directory, clock, log, tasks)
        paying = PayingByCard(selling, dispatch, clock, ids, log, tasks, desk)
        adoption.hold = eod.hold
        days = TerminalDays(
            ledger, TerminalDayRecords(ledger_file), adoption, dispatch, tills, desk, eod, ids
        )
        weighing = Weighing(selling, dispatch, directory, clock, log, tasks)
        printing = Printing(selling, jobs)
        dispatch.settlers = {
            JobKind.PRINT_RECEIPT: printing.settle_receipt,
            JobKind.KICK_DRAWER: printing.settle_drawer,
            JobKind.AUTHORISE_PAYMENT: paying.hear,
            JobKind.REFUND_PAYMENT: paying.hear,
            JobKind.REVERSE_PAYMENT: paying.hear,
            JobKind.END_OF_DAY: days.hear,
            JobKind.WEIGH: weighing.hear,
        }
        dispatch.progress = printing.waiting
        fiscal = FiscalDesk(
            ledger,
            FiscalRecords(ledger_file),
            past,
            SimulatedTse.opened(settings.tse.folder, clock) if settings.tse else None,
            lambda: reference.has_store and bool(reference.store.fiscal),
            clock,
            log,
        )
        await fiscal.open()
        dispatch.arguments = ReceiptSending(codes, reference, fiscal).arguments
        site_file = DatabaseFile(data / "site.db", SITE_MIGRATIONS)
        access = Access(
            ledger,
            reference,
            site_file,
            PinHasher(load_pepper(settings.secrets.pepper_file)),
            clock,
            ids,
            settings.tills,
        )
        await access.open()
        stack.push_async_callback(access.close)
        checks = PriceChecks(selling, clock, tasks)
        scanning = Scanning(
            store.slug, bus, directory, selling, checks, access.cashier_of, clock, log, tasks
        )
        trust = FeedTrust(store.office_key, store.slug, reference, log)
        replica = Replica(
            ledger,
            reference,
            link,
            key,
            shipped_dictionaries()[_DICTIONARY],
            clock,
            log,
            store.office_key,
            trust,
            keepers=frozenset(settings.keeper_keys.values()),
            mended=None if mended is None else mended.proof,
        )
        shelf = SnapshotShelf(reference, clock)
        replica.page_taken = shelf.changed
        readiness = BookReadiness(reference, clock, ids.new())
        news = ReferenceNews(reference, readiness, ledger, views, clock, log)
        replica.feed_taken = news.feed_taken
        # before the recovery: what that begins must not run ahead of what listens for answers
        short = disk.is_short if settings.watch_disk else None
        replica.ratchet = await open_ratchet(ledger_file, log, short)
        await replica.open()
        post = LetterPost(
            Letters(ledger_file),
            sold,
            codes,
            fiscal,
            setting.as_sold,
            lambda: reference.store.name,
            clock,
            log,
        )
        post.open(ledger)
        await adoption.open()
        await days.open()
        recovery = Recovery(ledger, selling, dispatch, paying, weighing, days, log)
        await recovery.start(settings.tills, clean=clean)
        stack.push_async_callback(recovery.stop)
        lost = LostHistory(
            ledger,
            MendingStage(data / STAGE),
            key.public.hex,
            lambda: (key.public, *reference.box_keys(store.number)),
            shipped_dictionaries(),
            store.office_key,
            tills,
            dispatch,
            clock,
            log,
            mended,
            unmended,
        )
        await lost.open()
        stack.push_async_callback(lost.stage.close)
        replica.waits_to_mend = lambda: lost.is_ready
        drawers = OpenDrawers(directory, clock, log, settings.drawer_open_s)
        health = BoxHealth(
            ledger_file,
            reference,
            directory,
            link,
            disk,
            bus,
            dispatch,
            desk,
            drawers,
            fiscal,
            eod,
            trust,
            copies,
            lost,
        )
        metrics = Metrics()
        health.declare(metrics)
        sockets = TillSockets(views, clock, tasks)
        watch = ClockWatch(ledger, clock, log)
        token = service_token(settings.secrets.service_token_file)
        technician = technician_parts(
            access, adoption, days, dispatch, health, watch, device_log, metrics, (token,)
        )
        wall_sockets = technician.sockets
        displays = CustomerDisplays(selling, checks, reference, access.language_of)
        line_displays = LineDisplays(
            store.slug, bus, directory, displays, reference, clock, ids, log, tasks
        )
        line_displays.open(tills.values())
        dispatch.listeners.append(line_displays.hear)
        directory.assigned += (dispatch.devices_left, lambda _left: line_displays.follow())
        routes = BoxApi(
            health.items,
            metrics,
            CONTENT_TYPE,
            screens,
            lambda: reference.store.name if reference.has_store else "Tillbox",
        ).routes(
            (
                *TillApi(
                    access,
                    selling,
                    reference,
                    sockets,
                    checks,
                    PresentedReceipts(ledger, codes, sold, reference),
                ).routes(),
                *DisplayApi(displays, selling, sockets).routes(),
                *technician.routes,
                *ReplicaApi(
                    replica,
                    link,
                    post,
                    Digests(ledger, link),
                    readiness,
                    copies,
                    SnapshotTaking(replica, shelf),
                ).routes(),
                *MendingApi(lost).routes(),
            )
        )
        tls = server_context_if_any(settings.web.certificate_file, settings.web.key_file)
        app = guarded_app(
            routes,
            settings=GuardSettings(hosts=frozenset(settings.web.hosts), tls=tls is not None),
            gate=EdgeGate(access, token),
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
            listening=listening,
        )
        bus.on_connect(directory.greet)
        bus.on_lost(directory.forget_hosts)
        bus.on_lost(reports.forget)
        bus.on_connect(dispatch.greet)
        bus.on_connect(line_displays.greet)
        lasting = {
            "devices": directory.run,
            "device reports": reports.run,
            "results": dispatch.run,
            "scans": scanning.run,
            "late jobs": dispatch.sweep,
            "clock": watch.run,
            "open drawers": drawers.run,
            "price books": news.run,
            "fiscal": fiscal.run,
            "lost history": lost.run,
            "bus": bus.run,
        } | technician.lasting
        lasting |= home_assistant(settings, bus, directory, reports, clock, log, stack)
        for name, work in lasting.items():
            _ = tasks.start(name, work)
        await web.open()
        stack.push_async_callback(web.close)
        # who waits for news would hold the closing up
        stack.push_async_callback(sockets.close)
        stack.push_async_callback(wall_sockets.close)
        stack.callback(replica.close)
        stack.callback(post.close)
        stack.callback(readiness.close)
        yield Edge(
            settings,
            log,
            bus,
            tasks,
            selling,
            access,
            ledger,
            ledger_file,
            dispatch,
            fiscal,
            (ledger_file, reference_file, site_file),
            web,
            wall_sockets,
            lost,
        )
