"""`tillbox edge`: a box as a process, and what is asked of it from the command line."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from typing import Final

import uvloop

from edge.contract.instant import Clock
from edge.enrolling import enrol
from edge.flows.home_assistant import last_will
from edge.main import running_edge
from edge.runtime.command_line import Command
from edge.runtime.keys import load_or_create_key
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.process_life import live, run_process, told_to_stop
from edge.runtime.settings_file import load
from edge.runtime.structured_log import Log
from edge.runtime.systemd_sockets import inherited_socket
from edge.settings import EdgeSettings
from edge.web.shipped_screens import load_screens

_GC_THRESHOLDS: Final = (20_000, 20, 100)
"""A sale makes little that refers to itself: the collector looks for such rarely."""


async def run(settings: EdgeSettings, clock: Clock, log: Log) -> None:
    """Run a box until SIGTERM or SIGINT, or raise what no restart of a task mends.

    A box that got back a history it had lost starts anew here, to open it mended. Tills are
    served where systemd listens for them (`FileDescriptorName=till`), if it does.
    """
    stop, listening = told_to_stop(), inherited_socket("till")
    while not stop.is_set():
        bus = MqttBus(settings.broker, last_will(settings), clock, log)
        async with running_edge(settings, bus, log, load_screens(), listening) as edge:
            # what a box is made of stays: the collector need not look at it again and again
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            log.info("ready", origin=edge.web.origin)
            await live(edge.tasks, clock, stop, edge.files, edge.lost.again)
        if not edge.lost.again.is_set():
            break
        log.info("starting_anew")
    log.info("stopped")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="the settings, a TOML file")
    parser.add_argument(
        "action",
        nargs="?",
        choices=("serve", "key", "enrol"),
        default="serve",
        help="serve (default); key: make the box key and print its public half; "
        "enrol: ask the running box for a code that makes a device a till",
    )
    parser.add_argument("--till", help="with enrol: which till the device becomes")


def _run(namespace: argparse.Namespace) -> int:
    settings = load(namespace.config, EdgeSettings)
    if namespace.action == "key":
        key = load_or_create_key(settings.secrets.box_key_file)
        print(key.public.hex)  # noqa: T201 - the answer
        return 0
    if namespace.action == "enrol":
        return enrol(settings, namespace.till)
    return run_process(
        "edge",
        lambda clock, log: run(settings, clock, log),
        loop_factory=uvloop.new_event_loop,
    )


COMMAND: Final = Command("edge", "the box: tills, selling, the ledger", _configure, _run)
