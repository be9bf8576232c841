"""A drawer driver, its simulator and the cable between them, on jumping time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from devices import driver_catalogue
from devices.driver import DeviceJob, SimulatorPorts
from devices.lined_drawer import LinedDrawer
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_messages import (
    CheckHealthArgs,
    DrawerOutcome,
    JobKind,
    JobResult,
    JobStatus,
    KickDrawerArgs,
)
from edge.contract.errors import DeviceUnreachable
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock


class BytesOnly:
    """A stream whose lines are not wired through."""

    def __init__(self, stream: ByteStream) -> None:
        self.read = stream.read
        self.write = stream.write
        self.close = stream.close


class DrawerBench:
    """`drawer` is the simulated hardware; `lined` False takes the lines out of the cable."""

    def __init__(
        self, name: str, simulated: dict[str, Any], lined: bool, settings: dict[str, Any]
    ) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        self.lined = lined
        self.ports = KeptPorts(self._connect, self.clock)
        spec, other = driver_catalogue.driver(name), driver_catalogue.simulator(name)
        given = msgspec.structs.replace(spec.example, **settings)
        self.driver: LinedDrawer = spec.build(given, self.ports)  # type: ignore[assignment]
        self.drawer: Any = other.build(
            other.settings(**simulated), SimulatorPorts(self.clock, self.ports.log)
        )
        self.jobs = 0

    async def _connect(self) -> ByteStream:
        stream = await self.cable.connect()
        return stream if self.lined else BytesOnly(stream)

    async def attend(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                stream = await self.cable.accept()
                group.create_task(self._attend(stream))

    async def _attend(self, stream: ByteStream) -> None:
        try:
            await self.drawer.attend(stream if self.lined else BytesOnly(stream))
        except DeviceUnreachable:
            return

    async def kick(self, within_ms: int = 10_000, reason: str = "sale") -> JobResult:
        self.jobs += 1
        deadline = self.clock.now_ms() + within_ms
        args = KickDrawerArgs(reason)
        return await self.driver.perform(
            DeviceJob(f"kick-{self.jobs:04}", JobKind.KICK_DRAWER, args, deadline)
        )

    async def outcome(self, within_ms: int = 10_000) -> str:
        result = await self.kick(within_ms)
        assert result.status is JobStatus.DONE, result
        await self.clock.sleep(0.1)  # a switch that nobody looks at moves too
        assert isinstance(result.result, DrawerOutcome)
        return result.result.outcome

    async def health(self) -> Any:
        job = DeviceJob("health-0001", JobKind.CHECK_HEALTH, CheckHealthArgs(), 0)
        return (await self.driver.perform(job)).result

    async def shown(self) -> str:
        """What the drawer is reported to be once all news has arrived."""
        await self.clock.sleep(0.2)
        return str(self.ports.state.get("drawer"))

    def told(self, event: str) -> list[dict[str, Any]]:
        every = [json.loads(line) for line in self.ports.log_text.getvalue().splitlines()]
        return [line for line in every if line["event"] == event]


@asynccontextmanager
async def drawer_bench(
    name: str, simulated: dict[str, Any] | None = None, *, lined: bool = True, **settings: Any
) -> AsyncIterator[DrawerBench]:
    bench = DrawerBench(name, simulated or {}, lined, settings)
    async with bench.clock.running():
        tasks = [asyncio.create_task(bench.driver.run()), asyncio.create_task(bench.attend())]
        try:
            await bench.clock.sleep(1)  # the sensor is believed from now on
            yield bench
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
