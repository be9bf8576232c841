"""A host on a bus in memory, with real drivers on real sockets, and edge's side of the bus."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from devices.driver import SimulatorPorts
from devices.host.device_finder import DeviceFinder
from devices.host.device_host import DeviceHost
from devices.host.running_device import Surroundings
from devices.job_journal import MIGRATIONS, JobJournal
from devices.recordings.recording_folder import RecordingFolder
from devices.simulators.scanner_serial import SIMULATOR, SimulatedScanner, SimulatedScannerSettings
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_messages import JobResult
from edge.contract.device_states import OFFLINE, DeviceState, HostConfig, HostInfo, WantedDevice
from edge.contract.device_topics import HostTopics
from edge.contract.instant import Clock
from edge.runtime.bus import Bus, BusMessage, LastWill
from edge.runtime.database_file import DatabaseFile
from edge.runtime.ids import SystemIds
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock

TOPICS = HostTopics("store-1", "host-1")
T = TypeVar("T")


async def until(condition: Callable[[], T], *, within_s: float = 10.0) -> T:
    """Wait until the condition is true and return its value."""
    async with asyncio.timeout(within_s):
        while not (value := condition()):
            await asyncio.sleep(0.002)
        return value


class EdgeSide:
    """What edge would see and say on the bus."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.seen: list[BusMessage] = []

    async def listen(self) -> None:
        async for message in self.bus.subscribe(["tillbox/v1/store-1/#"]):
            self.seen.append(message)

    def last(self, topic: str) -> bytes | None:
        return next((m.payload for m in reversed(self.seen) if m.topic == topic), None)

    def all(self, topic: str) -> list[bytes]:
        return [m.payload for m in self.seen if m.topic == topic]

    def info(self) -> HostInfo | None:
        payload = self.last(TOPICS.info)
        return None if payload is None else msgspec.json.decode(payload, type=HostInfo)

    def state(self, device: str) -> DeviceState | None:
        payload = self.last(TOPICS.device(device).state)
        return None if payload is None else msgspec.json.decode(payload, type=DeviceState)

    def state_is(self, device: str, state: str) -> bool:
        known = self.state(device)
        return known is not None and known.state.value == state

    def results(self, device: str) -> list[JobResult]:
        topic = TOPICS.device(device).result
        return [msgspec.json.decode(payload, type=JobResult) for payload in self.all(topic)]

    async def configure(self, *wanted: WantedDevice) -> None:
        payload = msgspec.json.encode(HostConfig(wanted))
        await self.bus.publish(TOPICS.config, payload, retain=True)

    async def configure_raw(self, payload: bytes) -> None:
        await self.bus.publish(TOPICS.config, payload, retain=True)

    async def send(self, device: str, payload: bytes, *, retain: bool = False) -> None:
        await self.bus.publish(TOPICS.device(device).job, payload, retain=retain)


class ScannerOnTcp:
    """A simulated scanner behind a serial-to-network box."""

    def __init__(self, clock: Clock) -> None:
        self.log_text = io.StringIO()
        self._clock = clock
        ports = SimulatorPorts(clock, open_log("test", self.log_text))
        simulator = SIMULATOR.build(SimulatedScannerSettings(), ports)
        assert isinstance(simulator, SimulatedScanner)
        self.simulator = simulator
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._attend, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.simulator.attend(AsyncioStream(reader, writer, self._clock, "till"))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def wanted(self, device: str = "scanner-1", **settings: Any) -> WantedDevice:
        return WantedDevice(
            device, "scanner_serial", {"address": f"tcp://127.0.0.1:{self.port}", **settings}
        )


class HostBench:
    def __init__(
        self,
        database: Path,
        broker: MemoryBroker,
        clock: Clock | None = None,
        finder: DeviceFinder | None = None,
        network_trouble: str = "",
    ) -> None:
        self.finder = finder
        self.network_trouble = network_trouble
        self.clock = clock or SystemClock()
        self.broker = broker
        self.database = database
        self.log_text = io.StringIO()
        self.log = open_log("test", self.log_text)
        self.edge = EdgeSide(broker.connect("edge"))
        self.bus = broker.connect("host-1", LastWill(TOPICS.availability, OFFLINE))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[DeviceHost]:
        """Run a host as its process would, and edge's side beside it."""
        async with Supervisor(self.clock, self.log) as tasks:
            journal = JobJournal(DatabaseFile(self.database, MIGRATIONS), self.clock)
            around = Surroundings(
                bus=self.bus,
                journal=journal,
                clock=self.clock,
                ids=SystemIds(self.clock),
                log=self.log,
                tasks=tasks,
                recordings=RecordingFolder(self.database.parent / "recordings"),
                version="0.0.0",
            )
            host = DeviceHost(
                TOPICS, "0.0.0", around, self.finder, network_trouble=self.network_trouble
            )
            await host.open()
            tasks.start("edge bus", self.edge.bus.run)
            tasks.start("edge", self.edge.listen)
            tasks.start("host", host.run)
            tasks.start("bus", self.bus.run)
            tasks.start("statistics", host.run_statistics)
            await until(lambda: self.bus.connected and self.edge.bus.connected)
            try:
                yield host
            finally:
                await host.close()
