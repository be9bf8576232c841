"""`tillbox devices`: runs the hardware that is attached to this machine."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

from devices.host.device_host import DeviceHost
from devices.host.running_device import Surroundings
from devices.job_journal import MIGRATIONS, JobJournal
from devices.settings import DevicesSettings
from edge.contract.device_messages import OFFLINE
from edge.contract.device_topics import HostTopics
from edge.contract.errors import SettingsInvalid, TillboxError
from edge.contract.identity import is_short_id
from edge.contract.instant import Clock
from edge.contract.limits import STOP_S_MAX, WATCHDOG_EVERY_S
from edge.runtime.bus import LastWill
from edge.runtime.command_line import Command
from edge.runtime.database_file import DatabaseFile
from edge.runtime.ids import SystemIds
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.settings_file import load
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.runtime.systemd_notify import notify

_SUMMARY = "Run the hardware attached to this machine: scanners, printers, drawers, terminals."


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE.toml",
        help="settings: store, host, database and [broker] with user and password_file",
    )
    parser.add_argument(
        "--host", default="", metavar="NAME", help="this machine's name, instead of the file's"
    )


def _run(arguments: argparse.Namespace) -> int:
    clock = SystemClock()
    log = open_log("devices", clock=clock)
    try:
        settings = _settings(arguments.config, arguments.host)
        asyncio.run(_serve(settings, clock, log))
    except SettingsInvalid as error:
        print(error, file=sys.stderr)  # noqa: T201 - words for the person at the prompt
        return 2
    except TillboxError as error:
        log.error("devices_ended", code=error.code, reason=str(error))  # noqa: TRY400 - words, no trace
        return 1
    return 0


def _settings(path: Path, host: str) -> DevicesSettings:
    settings = load(path, DevicesSettings)
    if not host:
        return settings
    if not is_short_id(host):
        raise SettingsInvalid(
            "host_invalid",
            f"The host name {host!r} cannot be used.",
            advice="Take 1 to 40 of a-z, 0-9 and '-'.",
        )
    return msgspec.structs.replace(settings, host=host)


async def _serve(settings: DevicesSettings, clock: Clock, log: Log) -> None:
    """Run until SIGTERM or SIGINT, or raise what no restart of a task mends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    topics = HostTopics(settings.store, settings.host)
    async with Supervisor(clock, log, stop_s=STOP_S_MAX / 4) as tasks:
        bus = MqttBus(settings.broker, LastWill(topics.availability, OFFLINE), clock, log)
        around = Surroundings(
            bus=bus,
            journal=JobJournal(DatabaseFile(settings.database, MIGRATIONS), clock),
            clock=clock,
            ids=SystemIds(clock),
            log=log,
            tasks=tasks,
        )
        host = DeviceHost(topics, version("tillbox"), around)
        await host.open()
        for name, work in (
            ("host", host.run),
            ("statistics", host.run_statistics),
            ("bus", bus.run),
            ("watchdog", lambda: _watch(clock)),
        ):
            _ = tasks.start(name, work)
        notify("READY=1")
        log.info("devices_ready", host=settings.host, store=settings.store)
        stopping = tasks.spawn("stop signal", stop.wait())
        dying = tasks.spawn("life of the tasks", _death(tasks))
        try:
            await asyncio.wait({stopping, dying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            notify("STOPPING=1")
            await host.close()
        if dying.done() and (error := dying.result()) is not None:
            raise error
    log.info("devices_stopped")


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


COMMAND = Command(name="devices", summary=_SUMMARY, configure=_configure, run=_run)
