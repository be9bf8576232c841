"""`tillbox devices`: runs the hardware that is attached to this machine."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

from devices.host import joining
from devices.host.device_finder import FolderFinder
from devices.host.device_host import DeviceHost
from devices.host.network_finder import NetworkFinder, SeveralFinders
from devices.host.network_names import KINDS
from devices.host.plug_watch import PlugWatch
from devices.host.running_device import Surroundings
from devices.job_journal import MIGRATIONS, JobJournal
from devices.recordings.recording_folder import RecordingFolder
from devices.replaying import recording_commands
from devices.settings import DevicesSettings, NetworkSettings
from devices.transports.network_interfaces import NetworkInterfaces
from devices.transports.service_announcements import ServiceListener, check_library
from edge.contract.device_limits import JOB_JOURNAL_CACHE_KIB
from edge.contract.device_states import OFFLINE
from edge.contract.device_topics import HostTopics
from edge.contract.errors import SettingsInvalid
from edge.contract.identity import is_short_id
from edge.contract.instant import Clock
from edge.contract.limits import (
    STOP_S_MAX,
)
from edge.runtime.bus import LastWill
from edge.runtime.command_line import Command
from edge.runtime.database_file import DatabaseFile
from edge.runtime.ids import SystemIds
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.process_life import WRONG_SETTINGS, live, run_process, told_to_stop
from edge.runtime.settings_file import load
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_SUMMARY = "Run the hardware attached to this machine: scanners, printers, drawers, terminals."


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.toml",
        help="settings: store, host, database and [broker] with user and password_file",
    )
    parser.add_argument(
        "--host", default="", metavar="NAME", help="this machine's name, instead of the file's"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    joining.configure(actions)
    recording_commands.configure(actions)
    parser.set_defaults(act=_serve_devices)


def _run(arguments: argparse.Namespace) -> int:
    status: int = arguments.act(arguments)
    return status


def _serve_devices(arguments: argparse.Namespace) -> int:
    if arguments.config is None:
        sys.stderr.write("--config FILE.toml is missing: it says whose devices are run here.\n")
        return WRONG_SETTINGS
    return run_process(
        "devices",
        lambda clock, log: _serve(_settings(arguments.config, arguments.host), clock, log),
    )


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
    stop = told_to_stop()
    topics = HostTopics(settings.store, settings.host)
    async with Supervisor(clock, log, stop_s=STOP_S_MAX / 4) as tasks:
        bus = MqttBus(settings.broker, LastWill(topics.availability, OFFLINE), clock, log)
        around = Surroundings(
            bus=bus,
            journal=JobJournal(
                DatabaseFile(settings.database, MIGRATIONS, cache_kib=JOB_JOURNAL_CACHE_KIB), clock
            ),
            clock=clock,
            ids=SystemIds(clock),
            log=log,
            tasks=tasks,
            recordings=RecordingFolder(settings.recordings_folder),
            version=version("tillbox"),
        )
        plugged_in = FolderFinder(settings.look_in)
        network, trouble = _network_listener(settings.network, clock, log)
        finder = SeveralFinders((plugged_in, NetworkFinder(network))) if network else plugged_in
        host = DeviceHost(topics, version("tillbox"), around, finder, network_trouble=trouble)
        await host.open()
        for name, work in (
            ("host", host.run),
            ("statistics", host.run_statistics),
            ("discovery", host.run_discovery),
            ("bus", bus.run),
        ):
            _ = tasks.start(name, work)
        if network:
            # spawned, not kept running: whatever ails it, it takes no device down
            _ = tasks.spawn("network", network.run(host.look_soon))
        plugs = PlugWatch(host.look_soon, log)
        plugs.open()
        log.info("devices_ready", host=settings.host, store=settings.store)
        try:
            await live(tasks, clock, stop)
        finally:
            plugs.close()
            await host.close()
    log.info("devices_stopped")


def _network_listener(
    settings: NetworkSettings, clock: Clock, log: Log
) -> tuple[ServiceListener | None, str]:
    """Return who listens to the network, or why nobody does though it is wanted, in words."""
    if not settings.find:
        return None, ""
    try:
        check_library()
    except SettingsInvalid as error:
        log.warning("network_not_searched", detail=error.message, advice=error.advice)
        return None, str(error)
    interfaces = NetworkInterfaces(settings.interfaces)
    return ServiceListener(KINDS, interfaces, clock, log), ""


COMMAND = Command(name="devices", summary=_SUMMARY, configure=_configure, run=_run)
