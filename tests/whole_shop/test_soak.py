"""Twenty busy scanners on one host for minutes: nothing lost, nothing doubled, no growth.

`make soak` takes ten minutes, a check thirty seconds (`TILLBOX_SOAK_S`). The scanners are
simulated, on TCP; `tillbox devices` and the broker are the real processes.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.simulators.scanner_serial import SimulatedScanner, SimulatedScannerSettings
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_messages import EVENT_SCAN, BarcodeScanned, DeviceEvent
from edge.contract.device_states import DeviceState, DriverState, HostConfig, WantedDevice
from edge.contract.device_topics import HostTopics, every_device
from edge.runtime.mqtt_bus import MqttBus, MqttSettings
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from tests.bench.processes import Program, cpu_s, pss_kib, python
from tests.brokers import STORE, Mosquitto
from tests.devices.host_bench import until

SOAK_S: Final = float(os.environ.get("TILLBOX_SOAK_S", "30"))
SCANNERS: Final = 20
PER_S: Final = 50
"""Scans of all of them together."""
FULL_S: Final = 400.0
"""By then every flight recorder is full: what grows later is a leak."""
GROWTH_KIB_MAX: Final = 1_024
"""Of the host once its recorders are full."""
FILLING_KIB_MAX: Final = 4_096
"""Of the host while they fill: 50 entries a second of a few hundred bytes."""
SAMPLES: Final = 60

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.mosquitto,
    pytest.mark.timeout(int(SOAK_S) + 120),
]


class Scanners:
    """Twenty scanners behind serial-to-network boxes, each with a port of its own."""

    def __init__(self, clock: SystemClock) -> None:
        ports = SimulatorPorts(clock, open_log("test", io.StringIO()))
        self._clock = clock
        self._scanners = [
            SimulatedScanner(SimulatedScannerSettings(), ports) for _ in range(SCANNERS)
        ]
        self._servers: list[asyncio.Server] = []
        self.sent: list[list[str]] = [[] for _ in self._scanners]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[WantedDevice, ...]]:
        wanted = []
        for number, scanner in enumerate(self._scanners):
            server = await asyncio.start_server(self._attending(scanner), "127.0.0.1", 0)
            self._servers.append(server)
            port = server.sockets[0].getsockname()[1]
            address = {"address": f"tcp://127.0.0.1:{port}"}
            wanted.append(WantedDevice(f"scanner-{number}", "scanner_serial", address))
        yield tuple(wanted)
        for server in self._servers:
            server.close()

    def _attending(self, scanner: SimulatedScanner):  # noqa: ANN202 - asyncio's own shape
        async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await scanner.attend(AsyncioStream(reader, writer, self._clock, "till"))

        return attend

    @property
    def connected(self) -> bool:
        return all(scanner.connected for scanner in self._scanners)

    async def scan_for(self, seconds: float) -> None:
        """Scan in turn, so that all together make the rate; who is late catches up."""
        begun = self._clock.monotonic_ms()
        for count in itertools.count():
            due_s = count / PER_S
            if due_s >= seconds:
                return
            await self._clock.sleep(max(0.0, due_s - (self._clock.monotonic_ms() - begun) / 1000))
            at = count % SCANNERS
            text = f"S{at:02}-{count:08}"
            self.sent[at].append(text)
            await self._scanners[at].scan(text)


class Subscriber:
    """Edge's side of the broker: counts what arrives."""

    def __init__(self, bus: MqttBus) -> None:
        self.bus = bus
        self.ids: Counter[str] = Counter()
        self.texts: dict[str, list[str]] = {}
        self.states: dict[str, DriverState] = {}

    async def listen(self) -> None:
        filters = [every_device(STORE, "event/+"), every_device(STORE, "state")]
        async for message in self.bus.subscribe(filters):
            device = message.topic.split("/")[6]
            if message.topic.endswith("/state"):
                state = msgspec.json.decode(message.payload, type=DeviceState)
                self.states[device] = state.state
                continue
            assert message.topic.endswith(f"/event/{EVENT_SCAN}")
            event = msgspec.json.decode(message.payload, type=DeviceEvent)
            self.ids[event.id] += 1
            scanned = msgspec.json.decode(event.data, type=BarcodeScanned)
            self.texts.setdefault(device, []).append(scanned.text)

    @property
    def count(self) -> int:
        return self.ids.total()

    @property
    def all_ready(self) -> bool:
        ready = sum(state is DriverState.READY for state in self.states.values())
        return ready == SCANNERS


@asynccontextmanager
async def subscribed(
    mosquitto: Mosquitto, clock: SystemClock, log: Log
) -> AsyncIterator[Subscriber]:
    settings = MqttSettings(
        user="edge", password_file=mosquitto.password_file("edge"), port=mosquitto.port
    )
    subscriber = Subscriber(MqttBus(settings, None, clock, log))
    async with Supervisor(clock, log, stop_s=3.0) as tasks:
        _ = tasks.start("subscriber", subscriber.listen)
        _ = tasks.start("subscriber's bus", subscriber.bus.run)
        await until(lambda: subscriber.bus.connected)
        yield subscriber


def host(folder: Path, mosquitto: Mosquitto) -> Program:
    config = folder / "devices.toml"
    config.write_text(
        f'store = "{STORE}"\nhost = "host-1"\ndatabase = "devices.db"\n[broker]\nuser = "host-1"\n'
        f'password_file = "{mosquitto.password_file("host-1")}"\nport = {mosquitto.port}\n'
    )
    words = python("edge.cli", "devices", "--config", str(config))
    return Program("devices", words, folder / "devices.log")


async def test_nothing_is_lost_and_nothing_grows(tmp_path: Path, mosquitto: Mosquitto) -> None:
    clock, log = SystemClock(), open_log("test", io.StringIO())
    scanners = Scanners(clock)
    program = host(tmp_path, mosquitto)
    async with scanners.open() as wanted, subscribed(mosquitto, clock, log) as subscriber:
        topics = HostTopics(STORE, "host-1")
        await subscriber.bus.publish(
            topics.config, msgspec.json.encode(HostConfig(wanted)), retain=True
        )
        program.start()
        try:
            await until(lambda: subscriber.all_ready and scanners.connected, within_s=30)
            assert mosquitto.process is not None
            pids = {"devices": program.pid, "broker": mosquitto.process.pid}
            busy = {name: cpu_s(pid) for name, pid in pids.items()}
            sizes: list[tuple[float, int]] = []
            measuring = asyncio.create_task(measure(program.pid, sizes))
            await scanners.scan_for(SOAK_S)
            measuring.cancel()
            busy = {name: cpu_s(pid) - busy[name] for name, pid in pids.items()}
            sent = sum(map(len, scanners.sent))
            await until(lambda: subscriber.count >= sent, within_s=10)
            await asyncio.sleep(0.5)  # what comes twice would come now
        finally:
            process = program.process
            program.stop()
    assert process is not None
    assert process.returncode == 0
    grew, where, bound = growth(sizes)
    shares = ", ".join(f"{name} {100 * used / SOAK_S:.1f} %" for name, used in busy.items())
    print(
        f"\nsoak: {sent} scans of {SCANNERS} scanners in {SOAK_S:.0f} s, "
        f"{subscriber.count} arrived\n"
        f"CPU of one core: {shares}\n"
        f"PSS of devices: {sizes[0][1]} KiB at first, {sizes[-1][1]} KiB at last; {grew:+.0f} KiB "
        f"{where} (bound {bound})"
    )
    assert sent >= SOAK_S * PER_S
    assert set(subscriber.ids.values()) == {1}, "a scan's id came twice"
    assert {f"scanner-{at}": texts for at, texts in enumerate(scanners.sent)} == subscriber.texts
    assert grew <= bound
    written = program.log.read_text()
    assert "Traceback" not in written
    assert '"level":"error"' not in written


async def measure(pid: int, sizes: list[tuple[float, int]]) -> None:
    """Note the size of a process now and then, with when that was."""
    begun = asyncio.get_running_loop().time()
    while True:
        sizes.append((asyncio.get_running_loop().time() - begun, pss_kib(pid)))
        await asyncio.sleep(SOAK_S / SAMPLES)


def growth(sizes: list[tuple[float, int]]) -> tuple[float, str, int]:
    """Return by how many KiB it grew, over which time in words, and how many are allowed.

    The medians of the first and the last fifth of that time are compared.
    """
    long = SOAK_S >= 1.4 * FULL_S
    begin = FULL_S if long else SOAK_S * 0.2
    looked_at = [size for at, size in sizes if at >= begin]
    fifth = max(1, len(looked_at) // 5)
    grew = median(looked_at[-fifth:]) - median(looked_at[:fifth])
    if long:
        return grew, "once the flight recorders were full", GROWTH_KIB_MAX
    return grew, "while the flight recorders fill", FILLING_KIB_MAX
