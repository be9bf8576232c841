"""A scale's driver and its simulator on one cable, on jumping time; for every kind of scale."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from devices import driver_catalogue
from devices.driver import DeviceJob, SimulatorPorts
from devices.transports import addresses
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable
from devices.transports.serial_port import SerialLine
from edge.contract.device_messages import JobKind, JobResult, JobStatus, WeighArgs, WeighOutcome
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, TillboxError
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

PRICE_MINOR = 299


class ScaleBench:
    """`set_up` are settings of the simulator, `settings` changes of the driver's example."""

    def __init__(self, name: str, set_up: dict[str, Any], settings: dict[str, Any]) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        self.ports = KeptPorts(self.cable.connect, self.clock)
        spec = driver_catalogue.driver(name)
        self.driver = spec.build(
            msgspec.structs.replace(spec.example, **settings),
            self.ports,
        )
        self.scale = self.simulator(name, set_up)
        self.far_end: Callable[[ByteStream], Awaitable[None]] = self.scale.attend
        self.jobs = 0

    def simulator(self, name: str, set_up: dict[str, Any] | None = None) -> Any:
        """Return a simulated scale that lives by this bench's clock."""
        spec = driver_catalogue.simulator(name)
        log = open_log("test", io.StringIO(), level="debug")
        settings = msgspec.convert(set_up or {}, spec.settings)
        return spec.build(settings, SimulatorPorts(self.clock, log))

    async def attend(self) -> None:
        while True:
            await self.far_end(await self.cable.accept())

    async def weigh(
        self, price_minor: int = PRICE_MINOR, within_ms: int = 60_000, *, tare_g: int = 0
    ) -> JobResult:
        self.jobs += 1
        job = DeviceJob(
            f"weigh-{self.jobs:04}",
            JobKind.WEIGH,
            WeighArgs(price_minor, tare_g),
            self.clock.now_ms() + within_ms,
        )
        return await self.driver.perform(job)

    async def outcome(self, price_minor: int = PRICE_MINOR, *, tare_g: int = 0) -> WeighOutcome:
        result = await self.weigh(price_minor, tare_g=tare_g)
        assert result.status is JobStatus.DONE
        assert isinstance(result.result, WeighOutcome)
        return result.result

    async def trouble(self, price_minor: int = PRICE_MINOR, *, tare_g: int = 0) -> TillboxError:
        with pytest.raises((DeviceNeedsPerson, DeviceUnreachable)) as raised:
            await self.weigh(price_minor, tare_g=tare_g)
        return raised.value

    @property
    def shown(self) -> tuple[Any, Any]:
        return self.ports.state.get("weight"), self.ports.state.get("weight_g")


@asynccontextmanager
async def scale_bench(
    name: str, set_up: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[ScaleBench]:
    bench = ScaleBench(name, set_up or {}, settings)
    async with bench.clock.running():
        tasks = [asyncio.create_task(bench.driver.run()), asyncio.create_task(bench.attend())]
        try:
            await bench.clock.sleep(0.5)
            yield bench
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def serial_line(address: str) -> SerialLine:
    """Return the line that an address names."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    return addresses._line(
        addresses._Address(address, "", 0, parts.path, modem_lines=False, query=query)
    )
