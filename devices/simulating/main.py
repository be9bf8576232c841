"""`tillbox simulate DRIVER`: a simulated device to try things with, without the hardware."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import tomllib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from devices import driver_catalogue
from devices.doors.pty_door import PtyDoor
from devices.doors.tcp_door import TcpDoor
from devices.driver import SimulatorSpec
from devices.scripted_actions import Actions, described
from devices.simulating.script import Cue, cue_of, load_script, read_step
from devices.simulating.stage import Stage, actions_of, common_actions, settings_of
from edge.contract.device_limits import (
    SCRIPT_BYTES_MAX,
)
from edge.contract.errors import SettingsInvalid, TillboxError
from edge.contract.instant import Clock
from edge.contract.limits import (
    STOP_S_MAX,
)
from edge.runtime.command_line import Command
from edge.runtime.process_life import live, run_process, told_to_stop
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_SUMMARY: Final = "Simulate one device on a TCP port or a pseudo-terminal, with faults by script."
_EPILOG: Final = """\
Prints `ready ADDRESS` once it accepts; ADDRESS is what a driver's settings take. Ends on SIGTERM or
SIGINT. Whoever can reach the address is served: there is no sign-in.

A script is a TOML file of steps, or JSON lines (one step a line), or `-`: JSON lines that are
played as they come through a pipe. `--actions` lists what a device can play.

  [[step]]
  at_s = 2.5               # seconds after ready; with every_s and times again and again
  play = "put"
  args = { grams = 500 }

  [[step]]
  on = "received"          # or connected, disconnected, sent
  has = "11"               # bytes that must be in it, hexadecimal
  count = 3                # the third time; times = 0: and each time after it
  after_s = 0.1
  play = "line_cut"
  args = { for_s = 5 }

  {"on": "connected", "play": "paper_out"}
"""
_STDIN: Final = "-"
_PORT_MAX: Final = 65_535


@dataclass(frozen=True)
class _Wish:
    """What the command line asks for, found good.

    `listen` is host and port, None for a serial port; `link` its path, None for one of our own.
    """

    spec: SimulatorSpec[Any]
    settings: msgspec.Struct
    actions: Actions
    script: tuple[Cue, ...]
    by_pipe: bool
    listen: tuple[str, int] | None
    link: Path | None


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "driver", help=f"whose other end: {', '.join(driver_catalogue.simulator_names())}"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--tcp", metavar="HOST:PORT", help="listen there; port 0 takes a free one")
    where.add_argument(
        "--pty",
        nargs="?",
        const="",
        metavar="PATH",
        help="be a serial port, found under PATH (by default in a folder of its own)",
    )
    parser.add_argument("--script", metavar="FILE", help="what to play; - reads a pipe")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the simulated device; repeatable",
    )
    parser.add_argument(
        "--actions", action="store_true", help="list settings and actions of the device, and end"
    )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.actions:
        try:
            sys.stdout.write("\n".join(_told(arguments.driver)) + "\n")
        except SettingsInvalid as error:
            sys.stderr.write(f"{error}\n")
            return 2
        return 0
    return run_process("simulate", lambda clock, log: _serve(_wish(arguments), clock, log))


def _told(driver: str) -> list[str]:
    spec = driver_catalogue.simulator(driver)
    lines = [f"{spec.name} ({spec.device_class.value})", "", "Settings (--set):"]
    lines += [
        f"  {each.encode_name}={msgspec.json.encode(each.default).decode()}"
        if not each.required
        else f"  {each.encode_name} (must be given)"
        for each in msgspec.structs.fields(spec.settings)
    ]
    return [
        *lines,
        "",
        "Actions (play, args):",
        *(f"  {each}" for each in described(spec.actions)),
        "",
        "Actions of every simulated device:",
        *(f"  {each}" for each in described(common_actions())),
    ]


# --- what is wished -----------------------------------------------------------------------


def _wish(arguments: argparse.Namespace) -> _Wish:
    spec = driver_catalogue.simulator(arguments.driver)
    actions = actions_of(spec)
    settings = settings_of(spec, dict(map(_setting, arguments.set)))
    script: tuple[Cue, ...] = ()
    if arguments.script and arguments.script != _STDIN:
        script = load_script(Path(arguments.script), actions)
    if arguments.tcp is None and arguments.pty is None:
        raise SettingsInvalid(
            "address_missing",
            "It was not said where the device is to be found.",
            advice="Add --tcp 127.0.0.1:0 or --pty.",
        )
    return _Wish(
        spec,
        settings,
        actions,
        script,
        by_pipe=arguments.script == _STDIN,
        listen=None if arguments.tcp is None else _host_and_port(arguments.tcp),
        link=Path(arguments.pty).absolute() if arguments.pty else None,
    )


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SettingsInvalid(
            "setting_invalid",
            f"{text[:80]!r} is no setting.",
            advice="Write --set KEY=VALUE, for example --set speed_mm_s=100.",
        )
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value  # a word without quotes


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port[:6]) <= _PORT_MAX):
        raise SettingsInvalid(
            "address_invalid",
            f"{text[:200]!r} is no address to listen on.",
            advice="Write --tcp HOST:PORT, for example 127.0.0.1:9100; port 0 takes a free one.",
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


# --- the process --------------------------------------------------------------------------


async def _serve(wish: _Wish, clock: Clock, log: Log) -> None:
    """Run until told to stop, or raise what no restart of a task mends."""
    stop = told_to_stop()
    async with Supervisor(clock, log, stop_s=STOP_S_MAX / 4) as tasks, AsyncExitStack() as ends:
        stage = Stage(wish.spec, wish.settings, clock, log, tasks, _say)
        if wish.listen is not None:
            address = await _open_tcp(stage, wish.listen, tasks, log, ends)
        else:
            address = await _open_pty(stage, wish.link, tasks, clock, log, ends)
        _say(f"ready {address}")
        stage.begin(wish.script)
        if wish.by_pipe:
            _ = tasks.spawn("script from the pipe", _read_pipe(stage, wish.actions))
        await live(tasks, clock, stop)
    log.info("simulate_stopped")


async def _open_tcp(
    stage: Stage, listen: tuple[str, int], tasks: Supervisor, log: Log, ends: AsyncExitStack
) -> str:
    host, port = listen
    door = TcpDoor(stage.name, port, stage.attend_socket, tasks, log, host=host)

    async def plug(plugged: bool) -> None:  # noqa: FBT001 - the shape of `LineFaults.plug`
        door.plug(plugged=plugged)

    stage.faults.plug = plug
    await door.open()
    ends.push_async_callback(door.close)
    return f"tcp://[{host}]:{door.port}" if ":" in host else f"tcp://{host}:{door.port}"


async def _open_pty(
    stage: Stage,
    link: Path | None,
    tasks: Supervisor,
    clock: Clock,
    log: Log,
    ends: AsyncExitStack,
) -> str:
    if link is None:
        folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="tillbox-simulate-"))
        link = Path(folder) / stage.name
    door = PtyDoor(stage.name, link, stage.attend, clock, log)

    async def plug(plugged: bool) -> None:  # noqa: FBT001 - the shape of `LineFaults.plug`
        await door.plug(plugged=plugged)

    stage.faults.plug = plug
    _ = tasks.start("serial port", door.run)
    offered = tasks.spawn("port offered", _event(door.offered))
    dying = tasks.spawn("port refused", _first_death(tasks))
    await asyncio.wait({offered, dying}, return_when=asyncio.FIRST_COMPLETED)
    if dying.done() and (error := dying.result()) is not None:
        raise error
    dying.cancel()
    return f"serial://{link}"


async def _event(event: asyncio.Event) -> None:
    await event.wait()


async def _first_death(tasks: Supervisor) -> TillboxError | None:
    try:
        await tasks.wait()
    except TillboxError as error:
        return error
    return None


async def _read_pipe(stage: Stage, actions: Actions) -> None:
    """Play what comes through standard input, a step a line; a bad line is told and passed over."""
    reader = asyncio.StreamReader(limit=SCRIPT_BYTES_MAX)
    try:
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
    except ValueError:
        raise SettingsInvalid(
            "script_no_pipe",
            "Standard input is no pipe.",
            advice="Name the file: --script FILE.",
        ) from None
    number = 0
    while line := await reader.readline():
        number += 1
        if not line.strip():
            continue
        where = f"Standard input, line {number}"
        try:
            stage.begin((cue_of(read_step(line, where), actions, where),))
        except SettingsInvalid as error:
            sys.stderr.write(f"{error}\n")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


COMMAND: Final = Command(name="simulate", summary=_SUMMARY, configure=_configure, run=_run)
