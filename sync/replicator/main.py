"""`tillbox sync`: the link of a shop to head office, and the only way out of the shop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp

from edge.contract.errors import SettingsInvalid, TillboxError
from edge.contract.instant import Clock
from edge.contract.limits import STOP_S_MAX, WATCHDOG_EVERY_S
from edge.runtime.command_line import Command
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.runtime.systemd_notify import notify
from sync.replicator.daemon_resolver import DaemonResolver
from sync.replicator.edge_client import EdgeClient
from sync.replicator.office_link import OfficeLink, dial
from sync.replicator.replicator import Replicator
from sync.replicator.settings import Peers, load_peers

_SUMMARY = "Replicate this shop with head office whenever there is a line."


@asynccontextmanager
async def connected(peers: Peers, clock: Clock, log: Log) -> AsyncIterator[Replicator]:
    """Give a replicator that may call edge and dial head office until the block is left."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=peers.tls or True, resolver=DaemonResolver()),
        headers={"Authorization": f"Bearer {peers.token}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # each call has its own, by the clock
        auto_decompress=False,
    ) as http:

        def line() -> AbstractAsyncContextManager[OfficeLink]:
            return dial(peers.session_url, peers.tls, clock)

        yield Replicator(EdgeClient(http, peers.edge_url, clock), line, clock, log)


async def run(peers: Peers, clock: Clock, log: Log) -> None:
    """Run until SIGTERM or SIGINT, or raise what no restart of a task mends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with connected(peers, clock, log) as replicator:
        async with Supervisor(clock, log, stop_s=STOP_S_MAX / 2) as tasks:
            _ = tasks.start("replicator", replicator.run)
            _ = tasks.start("watchdog", lambda: _watch(clock))
            notify("READY=1")
            log.info("ready", edge=peers.edge_url, office=peers.session_url)
            stopping = tasks.spawn("stop signal", stop.wait())
            dying = tasks.spawn("life of the tasks", _death(tasks))
            await asyncio.wait({stopping, dying}, return_when=asyncio.FIRST_COMPLETED)
            notify("STOPPING=1")
        await replicator.say_goodbye()
        if dying.done() and not dying.cancelled() and (error := dying.result()) is not None:
            raise error
    log.info("stopped")


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


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE.toml",
        help="settings: edge_url, service_token_file, office_url and ca_file",
    )


def _run(arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    log = open_log("sync", clock=clock)
    try:
        asyncio.run(run(load_peers(arguments.config), clock, log))
    except SettingsInvalid as error:
        print(error, file=sys.stderr)  # noqa: T201 - words for the person at the prompt
        return 2
    except TillboxError as error:
        log.error("sync_ended", code=error.code, reason=str(error))  # noqa: TRY400 - words, no trace
        return 1
    return 0


COMMAND = Command(name="sync", summary=_SUMMARY, configure=_configure, run=_run)
