"""`tillbox counter`: the simulated hardware of the demo shop, and its page."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from devices.counter.bench import Counter
from devices.counter.counter_api import CounterApi
from devices.counter.goods import load_shelf
from devices.counter.settings import CounterSettings, check
from devices.counter.state_stream import StateStream
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import (
    STOP_S_MAX,
)
from edge.runtime.command_line import Command
from edge.runtime.http_guard import GuardSettings, guarded_app
from edge.runtime.http_service import HttpService
from edge.runtime.ids import SystemIds
from edge.runtime.openapi import Access
from edge.runtime.process_life import live, run_process, told_to_stop
from edge.runtime.settings_file import load
from edge.runtime.static_files import StaticFiles
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_SUMMARY = "Run the simulated hardware of the demo shop, with a page to play with it."


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE.toml",
        help=(
            "settings: port, goods (a folder), till_url, [scanner] link, [printer] port, "
            "[terminal] port and journal, [scale] port, [link] port and office_port"
        ),
    )


def _run(arguments: argparse.Namespace) -> int:
    return run_process(
        "counter", lambda clock, log: _until_told(_settings(arguments.config), clock, log)
    )


def _settings(path: Path) -> CounterSettings:
    settings = load(path, CounterSettings)
    check(settings)
    return settings


async def _until_told(settings: CounterSettings, clock: Clock, log: Log) -> None:
    await serve(settings, clock, log, told_to_stop())


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
        log.info("ready", origin=service.origin, **counter.ports)
        await live(tasks, clock, stop)
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
    ).versioned()


async def _nobody(_request: web.Request, _access: Access) -> object:
    """Nobody signs in here: every route is for anyone on this machine."""
    raise Refused("not_allowed", "There is no sign-in at the counter.", status=403)


COMMAND = Command(name="counter", summary=_SUMMARY, configure=_configure, run=_run)
