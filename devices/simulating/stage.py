"""One simulated device with its line and its script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, Actions, NoArguments, Play
from devices.simulating.line_faults import LINE_ACTIONS, LineFaults
from devices.simulating.player import ScriptPlayer, WatchedStream
from devices.simulating.script import Cue
from devices.transports.asyncio_stream import AsyncioStream
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

Say = Callable[[str], None]


class Stage:
    """Builds the device; `attend` serves each connection. `say` gets lines for people."""

    def __init__(
        self,
        spec: SimulatorSpec[Any],
        settings: msgspec.Struct,
        clock: Clock,
        log: Log,
        tasks: Supervisor,
        say: Say,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._say = say
        self.simulator = spec.build(settings, SimulatorPorts(clock, log.bind(device=spec.name)))
        self.faults = LineFaults(clock, tasks.spawn)
        self.player = ScriptPlayer(self.play, clock, log, tasks.spawn)

    @property
    def name(self) -> str:
        """Whose other end this is."""
        return self._spec.name

    async def attend(self, stream: ByteStream) -> None:
        """Serve one connection until its other end is gone."""
        self.faults.begun(stream)
        try:
            await self.player.tell("connected")
            await self.simulator.attend(WatchedStream(self.faults.wrap(stream), self.player))
        finally:
            self.faults.ended(stream)
            await self.player.tell("disconnected")

    async def attend_socket(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve a connection of a TCP door."""
        await self.attend(AsyncioStream(reader, writer, self._clock, "client"))

    async def play(self, play: Play) -> None:
        """Do an action to whatever it belongs to."""
        if play.name in LINE_ACTIONS:
            await play.on(self.faults)
        elif play.name in _STAGE_ACTIONS:
            await play.on(self)
        else:
            await play.on(self.simulator)

    def show(self) -> None:
        """Print what a person would see of the device, as one line of JSON."""
        shown = self._spec.shows(self.simulator)
        self._say(f"state {msgspec.json.encode(shown).decode()}")

    def begin(self, script: tuple[Cue, ...]) -> None:
        """Play a script; its times count from now."""
        self.player.add(script)


_STAGE_ACTIONS: Final[Actions] = {
    "show": Action(
        "Print a line with what a person would see: `state {...}`.",
        NoArguments,
        lambda stage, _: stage.show(),
    ),
}


def common_actions() -> Actions:
    """Return what a script can do to every device."""
    return {**LINE_ACTIONS, **_STAGE_ACTIONS}


def actions_of(spec: SimulatorSpec[Any]) -> Actions:
    """Return everything that a script can do to a device; a name used twice is a defect."""
    common = common_actions()
    taken = sorted(set(common) & set(spec.actions))
    if taken:
        raise ValueError(f"{spec.name} has actions of its own named {', '.join(taken)}")
    return {**spec.actions, **common}


def settings_of(spec: SimulatorSpec[Any], given: dict[str, Any]) -> msgspec.Struct:
    """Return a device's settings; raises SettingsInvalid naming those there are."""
    try:
        settings: msgspec.Struct = msgspec.convert(given, spec.settings)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(
            "simulator_settings_invalid",
            f"The settings do not fit the simulated {spec.name}: {error}.",
            advice=f"It takes: {', '.join(spec.settings.__struct_fields__)}.",
        ) from None
    return settings
