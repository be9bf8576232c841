"""A serial cash drawer in the other role: a capacitor, a latch, and a switch on a modem line."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.simulators.drawer_gpio import LATCH_ACTIONS
from devices.transports.byte_stream import ByteStream
from devices.transports.signal_lines import SignalLines, lines_of
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_FIRST_CHARGE_S: Final = 12
_RECHARGE_S: Final = 6
_HOST_BYTES_MAX: Final = 256


class SimulatedSerialDrawerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`opens_with`: the one character of its switches; `line_while_open`: the switch's contact."""

    opens_with: int = 7
    line: Literal["cts", "ri"] = "cts"
    line_while_open: Literal["on", "off"] = "on"
    springs_ms: int = 80
    power_supply: bool = False


class SimulatedSerialDrawer:
    """Keeps its charge and its position over connections.

    `locked`: the key is turned; `dead_switch`: the line says what it said; `openings` are the
    instants at which it sprang open, `unheard` counts characters that found it uncharged.
    """

    def __init__(self, settings: SimulatedSerialDrawerSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._lines: SignalLines | None = None
        self._charged_at_ms: int | None = None
        self.locked = False
        self.dead_switch = False
        self.is_open = False
        self.openings: list[int] = []
        self.unheard = 0

    async def attend(self, stream: ByteStream) -> None:
        """Serve one connection until its other end is gone."""
        lines = self._lines = lines_of(stream)
        try:
            await self._show()
            async with asyncio.TaskGroup() as tasks:
                feeling = tasks.create_task(self._feel(lines))
                try:
                    while data := await stream.read(_HOST_BYTES_MAX):
                        for byte in data:
                            await self._hear(byte)
                except DeviceUnreachable:
                    self._log.debug("cable_out")
                finally:
                    feeling.cancel()
        finally:
            self._lines = None
            self._charged_at_ms = None
            await stream.close()

    async def _feel(self, lines: SignalLines | None) -> None:
        """Charge while the host keeps both of its lines on."""
        if lines is None:
            return
        try:
            levels = await lines.levels()
            while True:
                powered = {"dtr", "rts"} <= levels
                if powered and self._charged_at_ms is None:
                    self._charged_at_ms = self._clock.monotonic_ms() + _FIRST_CHARGE_S * 1000
                elif not powered:
                    self._charged_at_ms = None
                levels = await lines.changed(levels)
        except DeviceUnreachable:
            self._charged_at_ms = None

    @property
    def charged(self) -> bool:
        """Whether it has the power to open."""
        if self._settings.power_supply or self._lines is None:
            return True
        now = self._clock.monotonic_ms()
        return self._charged_at_ms is not None and now >= self._charged_at_ms

    async def _hear(self, byte: int) -> None:
        if byte != self._settings.opens_with:
            return
        if not self.charged:
            self.unheard += 1
            return
        self._charged_at_ms = self._clock.monotonic_ms() + _RECHARGE_S * 1000
        if self.locked:
            return
        await self._clock.sleep(self._settings.springs_ms / 1000)
        await self.pull()

    async def pull(self) -> None:
        """Let it be open, as by its key."""
        self.openings.append(self._clock.monotonic_ms())
        self.is_open = True
        await self._show()

    async def push_shut(self) -> None:
        """Push it shut."""
        self.is_open = False
        await self._show()

    async def _show(self) -> None:
        if self._lines is None or self.dead_switch:
            return
        on = self.is_open == (self._settings.line_while_open == "on")
        try:
            await self._lines.drive(self._settings.line, on=on)
        except DeviceUnreachable:
            self._log.debug("cable_out")


SIMULATOR: Final = SimulatorSpec(
    name="drawer_serial",
    device_class=DeviceClass.DRAWER,
    settings=SimulatedSerialDrawerSettings,
    build=SimulatedSerialDrawer,
    actions=LATCH_ACTIONS,
    shows=lambda drawer: {
        "open": drawer.is_open,
        "locked": drawer.locked,
        "unheard": drawer.unheard,
    },
)
