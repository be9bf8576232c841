"""A cash drawer at two pins in the other role: a coil that heats up, a latch, a switch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, Protocol

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, Actions, NoArguments
from devices.transports.byte_stream import ByteStream
from devices.transports.signal_lines import SignalLines, lines_of
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_LATCH_NEEDS_MS: Final = 100
_COIL_BEARS_MS: Final = 500
_HOST_BYTES_MAX: Final = 256


class SimulatedGpioDrawerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`pin_while_open`: the level of the switch while the drawer is open."""

    pin_while_open: Literal["high", "low"] = "low"


@dataclass(frozen=True)
class CoilPulse:
    """When the coil went on, and for how long."""

    at_ms: int
    on_ms: int


class SimulatedGpioDrawer:
    """Keeps its position over connections. `pulses` is what its coil went through.

    `locked`: the key is turned; `coil_on`: it is on now.
    """

    def __init__(self, settings: SimulatedGpioDrawerSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._lines: SignalLines | None = None
        self._on_since_ms: int | None = None
        self.locked = False
        self.is_open = False
        self.pulses: list[CoilPulse] = []

    @property
    def coil_on(self) -> bool:
        """Whether there is current in the coil."""
        return self._on_since_ms is not None

    @property
    def burnt(self) -> bool:
        """Whether a pulse was too long, or the pulses stood too close for a coil."""
        too_long = any(pulse.on_ms > _COIL_BEARS_MS for pulse in self.pulses)
        too_close = any(
            5 * first.on_ms > second.at_ms - first.at_ms for first, second in pairwise(self.pulses)
        )
        return too_long or too_close

    async def attend(self, stream: ByteStream) -> None:
        """Serve one connection until its other end is gone."""
        lines = self._lines = lines_of(stream)
        try:
            await self._show()
            async with asyncio.TaskGroup() as tasks:
                feeling = tasks.create_task(self._feel(lines))
                try:
                    while await stream.read(_HOST_BYTES_MAX):
                        pass
                except DeviceUnreachable:
                    self._log.debug("cable_out")
                finally:
                    feeling.cancel()
        finally:
            self._lines = None
            self._coil(on=False)
            await stream.close()

    async def _feel(self, lines: SignalLines | None) -> None:
        if lines is None:
            return
        try:
            levels = await lines.levels()
            while True:
                if self._coil(on="pulse" in levels):
                    await self.pull()
                try:
                    async with self._clock.timeout(self._latch_s()):
                        levels = await lines.changed(levels)
                except TimeoutError:
                    await self.pull()
        except DeviceUnreachable:
            self._coil(on=False)

    def _coil(self, *, on: bool) -> bool:
        """Let current flow or stop; say whether a pulse that ended just so moved the latch."""
        now = self._clock.monotonic_ms()
        if on and self._on_since_ms is None:
            self._on_since_ms = now
        elif not on and self._on_since_ms is not None:
            pulse = CoilPulse(self._on_since_ms, now - self._on_since_ms)
            self._on_since_ms = None
            self.pulses.append(pulse)
            return pulse.on_ms >= _LATCH_NEEDS_MS and not (self.is_open or self.locked)
        return False

    def _latch_s(self) -> float | None:
        """How long the coil must stay on for the latch to move; None when it will not now."""
        if self._on_since_ms is None or self.is_open or self.locked:
            return None
        left_ms = self._on_since_ms + _LATCH_NEEDS_MS - self._clock.monotonic_ms()
        return max(0, left_ms) / 1000

    async def pull(self) -> None:
        """Let it be open, as by its key."""
        self.is_open = True
        await self._show()

    async def push_shut(self) -> None:
        """Push it shut."""
        self.is_open = False
        await self._show()

    async def _show(self) -> None:
        if self._lines is None:
            return
        high = self.is_open == (self._settings.pin_while_open == "high")
        try:
            await self._lines.drive("sensor", on=high)
        except DeviceUnreachable:
            self._log.debug("cable_out")


class Latch(Protocol):
    """What any simulated drawer has for a hand."""

    is_open: bool
    locked: bool

    async def pull(self) -> None:
        """Open it as by its key."""
        ...

    async def push_shut(self) -> None:
        """Push it shut."""
        ...


class LockArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the key is turned."""

    on: bool = True


def _lock(drawer: Latch, args: LockArgs) -> None:
    drawer.locked = args.on


LATCH_ACTIONS: Final[Actions] = {
    "pull": Action("Open it as by its key.", NoArguments, lambda drawer, _: drawer.pull()),
    "push_shut": Action("Push it shut.", NoArguments, lambda drawer, _: drawer.push_shut()),
    "lock": Action("Turn its key, so that it does not open.", LockArgs, _lock),
}
"""What a script can do to any drawer."""


SIMULATOR: Final = SimulatorSpec(
    name="drawer_gpio",
    device_class=DeviceClass.DRAWER,
    settings=SimulatedGpioDrawerSettings,
    build=SimulatedGpioDrawer,
    actions=LATCH_ACTIONS,
    shows=lambda drawer: {
        "open": drawer.is_open,
        "locked": drawer.locked,
        "burnt": drawer.burnt,
    },
)
