"""A driver of a receipt printer, a simulated printer, and the cable and clock between them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from devices.driver import DeviceJob, Driver, SimulatorPorts
from devices.drivers.printer_escpos import DRIVER, PrinterEscpos, PrinterEscposSettings
from devices.protocols.escpos_encoder import EscposEncoder
from devices.simulators.printer_escpos import SIMULATOR, SimulatedPrinterSettings
from devices.simulators.printer_escpos.peer import PrinterPeer
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.contract.device_messages import (
    CheckHealthArgs,
    JobKind,
    JobResult,
    KickDrawerArgs,
    PrintReceiptArgs,
)
from edge.contract.device_states import DriverState
from edge.contract.receipt_document import (
    Align,
    Emphasis,
    QrBlock,
    ReceiptDocument,
    RowBlock,
    TextBlock,
)
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

EscposEncoder.load()  # the clock must not jump while a thread imports

DOCUMENT = ReceiptDocument(
    "Receipt 1",
    (
        TextBlock("Corner Shop", Align.CENTRE, Emphasis.LARGE),
        *(RowBlock(f"Article {n}", f"{n}.00") for n in range(1, 11)),
        RowBlock("Total", "55.00", Emphasis.LARGE),
        QrBlock("TILLBOX1|1"),
    ),
)
LONG = ReceiptDocument("long", tuple(TextBlock(f"line {n} " + "x" * 30) for n in range(600)))


class Bench:
    """A driver, a cable, a simulated printer, and the clock they share."""

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
        self.printer: PrinterPeer = SIMULATOR.build(
            SimulatedPrinterSettings(**printer), SimulatorPorts(clock, log)
        )
        self.ports = KeptPorts(self.cable.connect, clock)
        self.driver: Driver = DRIVER.build(
            PrinterEscposSettings(address="tcp://192.0.2.7:9100", **settings), self.ports
        )
        assert isinstance(self.driver, PrinterEscpos)
        self._jobs = 0

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for a condition with a deadline in the clock's own time."""
        ends = self.clock.monotonic_ms() + 120_000
        while not true():
            assert self.clock.monotonic_ms() < ends, (self.ports.states[-3:], self.ports.counts)
            await self.clock.sleep(0.02)

    async def in_state(self, state: DriverState) -> None:
        await self.until(lambda: self.driver.state is state)

    async def do(self, kind: JobKind, args: Any) -> JobResult:
        self._jobs += 1
        job = DeviceJob(f"job-{self._jobs:08d}", kind, args, self.clock.now_ms() + 60_000)
        return await self.driver.perform(job)

    async def print(self, document: ReceiptDocument = DOCUMENT) -> JobResult:
        return await self.do(JobKind.PRINT_RECEIPT, PrintReceiptArgs(document))

    async def kick(self) -> JobResult:
        return await self.do(JobKind.KICK_DRAWER, KickDrawerArgs())

    async def check(self) -> JobResult:
        return await self.do(JobKind.CHECK_HEALTH, CheckHealthArgs())

    async def attend(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self.printer.attend(await self.cable.accept()))


@asynccontextmanager
async def bench(
    variant: PipeVariant | None = None,
    printer: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Bench]:
    clock = VirtualClock()
    if variant is not None and variant.bytes_per_s:
        variant = replace(variant, clock=clock)
    made = Bench(clock, settings, printer or {}, variant)
    async with clock.running():
        tasks = [asyncio.create_task(made.attend()), asyncio.create_task(made.driver.run())]
        try:
            yield made
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
