"""A till, a ZVT terminal and the cable between them, on one virtual clock."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from devices.driver import SimulatorPorts
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.runtime.structured_log import open_log
from tests.devices.card_shop import CardShop, day_of, outcome_of
from tests.devices.driver_ports import KeptPorts
from tests.devices.serial_wire import SerialWire
from tests.devices.virtual_clock import VirtualClock

__all__ = ["ADDRESS", "SERIAL_ADDRESS", "ZvtShop", "day_of", "outcome_of", "zvt_shop"]

ADDRESS = "tcp://192.0.2.20:20007"
SERIAL_ADDRESS = "serial:///dev/ttyUSB0"
ZvtShop = CardShop


@asynccontextmanager
async def zvt_shop(
    terminal: SimulatedTerminalSettings | None = None,
    till: TerminalZvtSettings | None = None,
    *,
    variant: PipeVariant | None = None,
    serial: bool = False,
    driver_class: type[TerminalZvt] = TerminalZvt,
    start: bool = True,
    plugged: bool = True,
) -> AsyncIterator[ZvtShop]:
    clock = VirtualClock()
    cable: MemoryCable | SerialWire = MemoryCable(variant)
    settings = till or TerminalZvtSettings(ADDRESS)
    sim_settings = terminal or SimulatedTerminalSettings()
    if serial:
        cable = SerialWire(clock.sleep, (variant or PipeVariant()).chunk_bytes)
        sim_settings = msgspec.structs.replace(sim_settings, line="serial")
        settings = msgspec.structs.replace(settings, address=SERIAL_ADDRESS)
    ports = KeptPorts(cable.connect, clock, device="terminal-1")
    sim_ports = SimulatorPorts(clock, open_log("counter", io.StringIO()))
    shop = CardShop(
        clock,
        cable,
        ports,
        lambda: driver_class(settings, ports),
        lambda: SimulatedTerminal(sim_settings, sim_ports),
    )
    async with shop.open(start=start, plugged=plugged):
        yield shop
