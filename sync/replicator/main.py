"""`tillbox sync`: the link of a shop to head office, and the only way out of the shop."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp

from edge.contract.instant import Clock
from edge.contract.limits import (
    METERED_PING_S,
    STOP_S_MAX,
)
from edge.contract.line_class import METERED, LineClass
from edge.runtime.command_line import Command
from edge.runtime.process_life import live, run_process, told_to_stop
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.replicator.daemon_resolver import DaemonResolver
from sync.replicator.edge_client import EdgeClient
from sync.replicator.line_use import LineMeter
from sync.replicator.office_link import OfficeLink, dial
from sync.replicator.replicator import Replicator
from sync.replicator.settings import KeeperPeer, Peers, load_peers
from sync.replicator.troubles import KEEPER

_SUMMARY = "Replicate this shop with head office whenever there is a line."


@asynccontextmanager
async def connected(peers: Peers, clock: Clock, log: Log) -> AsyncIterator[Replicator]:
    """Give a replicator that may call edge and dial head office until the block is left."""
    async with all_connected(peers, clock, log) as replicators:
        yield replicators[0]


@asynccontextmanager
async def all_connected(
    peers: Peers, clock: Clock, log: Log
) -> AsyncIterator[tuple[Replicator, ...]]:
    """Give head office's replicator and one for each second copy; none knows of the others."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=peers.tls or True, resolver=DaemonResolver()),
        headers={"Authorization": f"Bearer {peers.token}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # each call has its own, by the clock
        auto_decompress=False,
    ) as http:
        meter = LineMeter(peers.line, clock, log)
        meter.open()

        def line() -> AbstractAsyncContextManager[OfficeLink]:
            if meter.line is LineClass.OPEN:
                return dial(peers.session_url, peers.tls, clock)
            seldom = f"{peers.session_url}?line={METERED}"
            return dial(seldom, peers.tls, clock, ping_s=METERED_PING_S)

        def to_keeper(keeper: KeeperPeer) -> Replicator:
            def line_to_keeper() -> AbstractAsyncContextManager[OfficeLink]:
                return dial(keeper.session_url, keeper.tls, clock, KEEPER)

            return Replicator(
                EdgeClient(http, peers.edge_url, clock, keeper.key),
                line_to_keeper,
                clock,
                log.bind(keeper=keeper.session_url),
            )

        yield (
            Replicator(EdgeClient(http, peers.edge_url, clock), line, clock, log, meter),
            *map(to_keeper, peers.keepers),
        )


async def run(peers: Peers, clock: Clock, log: Log) -> None:
    """Run until SIGTERM or SIGINT, or raise what no restart of a task mends."""
    stop = told_to_stop()
    async with all_connected(peers, clock, log) as replicators:
        try:
            async with Supervisor(clock, log, stop_s=STOP_S_MAX / 2) as tasks:
                for number, replicator in enumerate(replicators):
                    name = f"second copy {number}" if number else "replicator"
                    _ = tasks.start(name, replicator.run)
                log.info("ready", edge=peers.edge_url, office=peers.session_url)
                await live(tasks, clock, stop)
        finally:
            for replicator in replicators:
                await replicator.say_goodbye()
    log.info("stopped")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE.toml",
        help="settings: edge_url, service_token_file, office_url, ca_file, [line] and [[keepers]]",
    )


def _run(arguments: argparse.Namespace) -> int:
    return run_process("sync", lambda clock, log: run(load_peers(arguments.config), clock, log))


COMMAND = Command(name="sync", summary=_SUMMARY, configure=_configure, run=_run)
