"""A driver of a Star printer, a simulated one, and the cable and clock between them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from devices.driver import SimulatorPorts
from devices.drivers.printer_star import DRIVER, PrinterStar, PrinterStarSettings
from devices.simulators.printer_star import (
    SIMULATOR,
    SimulatedStarPrinter,
    SimulatedStarPrinterSettings,
)
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.printer_bench import Bench
from tests.devices.virtual_clock import VirtualClock


class StarBench(Bench):
    """The same calls as for the other printer."""

    def __init__(
        self,
        clock: VirtualClock,
        settings: dict[str, Any],
        printer: dict[str, Any],
        variant: PipeVariant | None,
    ) -> None:
        self.clock = clock
        self.cable = MemoryCable(variant)
        log = open_log("test", io.StringIO())
        self.star: SimulatedStarPrinter = SIMULATOR.build(
            SimulatedStarPrinterSettings(**printer), SimulatorPorts(clock, log)
        )
        self.printer = self.star
        self.ports = KeptPorts(self.cable.connect, clock)
        driver = DRIVER.build(
            PrinterStarSettings(address="tcp://192.0.2.8:9100", **settings), self.ports
        )
        assert isinstance(driver, PrinterStar)
        self.driver = driver
        self._jobs = 0


@asynccontextmanager
async def bench(
    variant: PipeVariant | None = None,
    printer: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[StarBench]:
    clock = VirtualClock()
    if variant is not None and variant.bytes_per_s:
        variant = replace(variant, clock=clock)
    made = StarBench(clock, settings, printer or {}, variant)
    async with clock.running():
        tasks = [asyncio.create_task(made.attend()), asyncio.create_task(made.driver.run())]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
