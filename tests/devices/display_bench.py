"""A driver of a line display, a simulated display, and the cable and clock between them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from devices.display_writer import DisplayWriter
from devices.driver import DeviceJob, DriverSpec, SimulatorPorts, SimulatorSpec
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_messages import (
    CheckHealthArgs,
    DisplayLine,
    JobKind,
    JobResult,
    ShowLinesArgs,
)
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

ADDRESS = "serial:///dev/ttyUSB0"
DARK = " " * 20


class DisplayBench:
    def __init__(
        self, driver: DriverSpec[Any], simulator: SimulatorSpec[Any], settings: dict[str, Any]
    ) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        self.ports = KeptPorts(self.cable.connect, self.clock)
        self.driver = driver.build(driver.settings(address=ADDRESS, **settings), self.ports)
        assert isinstance(self.driver, DisplayWriter)
        self.display: Any = simulator.build(
            simulator.settings(),
            SimulatorPorts(self.clock, open_log("test", io.StringIO(), level="debug")),
        )
        self.far_end: Callable[[ByteStream], Awaitable[None]] = self.display.attend
        self._jobs = 0

    async def attend(self) -> None:
        while True:
            stream = await self.cable.accept()
            await self.far_end(stream)

    async def show(self, *lines: tuple[str, str], within_ms: int = 10_000) -> JobResult:
        args = ShowLinesArgs(tuple(DisplayLine(start, end) for start, end in lines))
        return await self.do(JobKind.SHOW_LINES, args, within_ms)

    async def check(self) -> JobResult:
        return await self.do(JobKind.CHECK_HEALTH, CheckHealthArgs(), 10_000)

    async def do(self, kind: JobKind, args: Any, within_ms: int) -> JobResult:
        self._jobs += 1
        deadline = self.clock.now_ms() + within_ms
        job = DeviceJob(f"show-{self._jobs:04}", kind, args, deadline)
        result = await self.driver.perform(job)
        await self.clock.sleep(0.1)  # the line carries it
        return result


@asynccontextmanager
async def running(
    driver: DriverSpec[Any], simulator: SimulatorSpec[Any], **settings: Any
) -> AsyncIterator[DisplayBench]:
    bench = DisplayBench(driver, simulator, settings)
    async with bench.clock.running():
        tasks = [asyncio.create_task(bench.driver.run()), asyncio.create_task(bench.attend())]
        try:
            await bench.clock.sleep(0.1)
            yield bench
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
