"""The display as a peer: it listens and never answers."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, NoArguments
from devices.simulators.display_escpos.interpreter import DisplayInterpreter
from devices.transports.byte_stream import ByteStream
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_READ_BYTES_MAX: Final = 256


class SimulatedDisplaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class SimulatedDisplay:
    """Keeps what it shows over connections. `deaf`: it takes nothing from the line any more."""

    def __init__(self, _settings: SimulatedDisplaySettings, ports: SimulatorPorts) -> None:
        self._clock = ports.clock
        self._log = ports.log
        self._interpreter = DisplayInterpreter()
        self._buffer = bytearray()
        self.deaf = False
        self.received_bytes = 0

    @property
    def text(self) -> tuple[str, str]:
        """What the two rows show, 20 signs each."""
        return self._interpreter.glass.text

    @property
    def brightness(self) -> int:
        """1 to 4."""
        return self._interpreter.glass.brightness

    @property
    def cursor_shown(self) -> bool:
        """Whether a cursor stands among the signs."""
        return self._interpreter.glass.cursor_shown

    @property
    def unknown_commands(self) -> int:
        """How many commands were met that this model does not know."""
        return self._interpreter.unknown_commands

    def power_cycle(self) -> None:
        """Switch it off and on; the line notices nothing."""
        self._buffer.clear()
        self._interpreter.reset()

    async def attend(self, stream: ByteStream) -> None:
        """Listen until the other end is gone."""
        try:
            while not self.deaf and (data := await stream.read(_READ_BYTES_MAX)):
                self._hear(data)
            while self.deaf:
                await self._clock.sleep(1)
        except DeviceUnreachable:
            self._log.debug("cable_out")
        finally:
            await stream.close()

    def _hear(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self._buffer += data
        while self._buffer and (used := self._interpreter.step(self._buffer)):
            del self._buffer[:used]


class DeafArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it takes nothing from the line."""

    on: bool = True


def _deafen(display: SimulatedDisplay, args: DeafArgs) -> None:
    display.deaf = args.on


def _shows(display: SimulatedDisplay) -> dict[str, Any]:
    return {"rows": display.text, "brightness": display.brightness, "deaf": display.deaf}


SIMULATOR: Final = SimulatorSpec(
    name="display_escpos",
    device_class=DeviceClass.DISPLAY,
    settings=SimulatedDisplaySettings,
    build=SimulatedDisplay,
    actions={
        "power_cycle": Action(
            "Switch it off and on.", NoArguments, lambda display, _: display.power_cycle()
        ),
        "deaf": Action("Take nothing from the line until told otherwise.", DeafArgs, _deafen),
    },
    shows=_shows,
)
