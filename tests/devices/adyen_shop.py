"""A till, an Adyen terminal and the cable between them, on one virtual clock."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devices.driver import SimulatorPorts
from devices.drivers.terminal_adyen import DRIVER
from devices.drivers.terminal_adyen.payments import TerminalAdyen
from devices.drivers.terminal_adyen.settings import TerminalAdyenSettings
from devices.simulators.terminal_adyen.scripts import SimulatedAdyenSettings
from devices.simulators.terminal_adyen.terminal import SimulatedAdyenTerminal
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.runtime.structured_log import open_log
from tests.devices.card_shop import CardShop, outcome_of
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

__all__ = ["SETTINGS", "AdyenShop", "adyen_shop", "outcome_of"]

SETTINGS = DRIVER.example
AdyenShop = CardShop


@asynccontextmanager
async def adyen_shop(
    terminal: SimulatedAdyenSettings | None = None,
    till: TerminalAdyenSettings | None = None,
    *,
    variant: PipeVariant | None = None,
    driver_class: type[TerminalAdyen] = TerminalAdyen,
    start: bool = True,
    plugged: bool = True,
) -> AsyncIterator[AdyenShop]:
    clock = VirtualClock()
    cable = MemoryCable(variant)
    ports = KeptPorts(cable.connect, clock, device="terminal-1")
    settings = till or SETTINGS
    sim_ports = SimulatorPorts(clock, open_log("counter", io.StringIO()))
    sim_settings = terminal or SimulatedAdyenSettings()
    shop = CardShop(
        clock,
        cable,
        ports,
        lambda: driver_class(settings, ports),
        lambda: SimulatedAdyenTerminal(sim_settings, sim_ports),
    )
    async with shop.open(start=start, plugged=plugged):
        yield shop
