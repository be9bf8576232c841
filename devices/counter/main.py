"""`tillbox counter`: the simulated hardware of the demo shop, and its page."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from devices.counter.bench import Counter
from devices.counter.counter_api import CounterApi
from devices.counter.goods import load_shelf
from devices.counter.settings import CounterSettings, check
from devices.counter.state_stream import StateStream
from edge.contract.errors import Refused, SettingsInvalid, TillboxError
from edge.contract.instant import Clock
from edge.contract.limits import STOP_S_MAX, WATCHDOG_EVERY_S
from edge.runtime.command_line import Command
from edge.runtime.http_guard import GuardSettings, guarded_app
from edge.runtime.http_service import HttpService
from edge.runtime.ids import SystemIds
from edge.runtime.openapi import Access
from edge.runtime.settings_file import load
from edge.runtime.static_files import StaticFiles
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.runtime.systemd_notify import notify

_SUMMARY = "Run the simulated hardware of the demo shop, with a page to play with it."


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE.toml",
        help=(
            "settings: port, goods (a folder), till_url, [scanner] link, [printer] port, "
            "[terminal] port and journal, [link] port and office_port"
        ),
    )


def _run(arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    log = open_log("counter", clock=clock)
    try:
        settings = load(arguments.config, CounterSettings)
        check(settings)
        asyncio.run(_until_told(settings, clock, log))
    except SettingsInvalid as error:
        print(error, file=sys.stderr)  # noqa: T201 - words for the person at the prompt
        return 2
    except TillboxError as error:
        log.error("counter_ended", code=error.code, reason=str(error))  # noqa: TRY400 - words, no trace
        return 1
    return 0


async def _until_told(settings: CounterSettings, clock: Clock, log: Log) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, clock, log, stop)


async def serve(settings: CounterSettings, clock: Clock, log: Log, stop: asyncio.Event) -> None:
    """Run until `stop` is set, or raise what no restart of a task mends."""
    shelf = load_shelf(settings.goods)
    async with Supervisor(clock, log, stop_s=STOP_S_MAX / 4) as tasks, AsyncExitStack() as ends:
        counter = Counter(settings, clock, log, tasks)
        ends.push_async_callback(counter.close)
        await counter.open()
        stream = StateStream(counter.state, clock)
        api = CounterApi(counter, shelf, stream, load_pages())
        app = guarded_app(
            api.routes(),
            settings=GuardSettings(),
            gate=_nobody,
            clock=clock,
            ids=SystemIds(clock),
            log=log,
        )
        service = HttpService(app, address=settings.address, port=settings.port, clock=clock)
        ends.push_async_callback(service.close)
        ends.callback(stream.close)
        await service.open()
        _ = tasks.start("watchdog", lambda: _watch(clock))
        notify("READY=1")
        log.info("ready", origin=service.origin, **counter.ports)
        stopping = tasks.spawn("stop signal", stop.wait())
        dying = tasks.spawn("life of the tasks", _death(tasks))
        await asyncio.wait({stopping, dying}, return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        if dying.done() and (error := dying.result()) is not None:
            raise error
    log.info("counter_stopped")


def load_pages() -> StaticFiles:
    """Return the page and the kit that it shares with all screens; raises SettingsInvalid."""
    edge = importlib.util.find_spec("edge")
    screens = Path(edge.origin).parent / "screens" if edge and edge.origin else Path("screens")
    return StaticFiles.together(
        (
            StaticFiles.load(screens / "kit", prefix="kit/"),
            StaticFiles.load(Path(__file__).parent / "page", prefix="counter/"),
        )
    )


async def _nobody(_request: web.Request, _access: Access) -> object:
    """Nobody signs in here: every route is for anyone on this machine."""
    raise Refused("not_allowed", "There is no sign-in at the counter.", status=403)


async def _death(tasks: Supervisor) -> TillboxError | None:
    try:
        await tasks.wait()
    except TillboxError as error:
        return error
    return None


async def _watch(clock: Clock) -> None:
    """Tell systemd that this loop turns; it restarts us when it does not hear that."""
    while True:
        notify("WATCHDOG=1")
        await clock.sleep(WATCHDOG_EVERY_S)


COMMAND = Command(name="counter", summary=_SUMMARY, configure=_configure, run=_run)
