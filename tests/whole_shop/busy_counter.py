"""Twenty devices of all kinds that say fifty messages a second each, and who counts them.

Each device is a simulator of its own behind a port of its own. A scanner scans; everything else
is asked 25 jobs a second, each of which is a message down and a message up, and lives meanwhile:
goods move on scales, paper runs low, terminals tell what the customer does.
"""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from devices import driver_catalogue
from devices.driver import SimulatorPorts
from devices.simulators.printer_escpos.mechanics import Paper
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_messages import (
    EVENT_SCAN,
    BarcodeScanned,
    DeviceEvent,
    DisplayLine,
    JobKind,
    JobResult,
    JobStatus,
    ShowLinesArgs,
)
from edge.contract.device_states import DeviceState, DriverState, HostConfig, WantedDevice
from edge.contract.device_topics import HostTopics, every_device
from edge.contract.terminal_messages import AuthorisePaymentArgs
from edge.runtime.bus import Bus
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.queue_desk import payload

PER_S: Final = 50
"""Messages of each device."""
TICK_S: Final = 1 / PER_S
JOB_EVERY_TICKS: Final = 2
"""A job is two messages: itself and its result."""
JOB_IN_S: Final = 30.0
TICKS_BEHIND_MAX: Final = 20
"""What is caught up at once: less than `EVENTS_BURST_MAX`, which the host may need for itself."""
KINDS: Final = {
    "scanner_serial": 8,
    "scale_cas": 1,
    "scale_mt8217": 1,
    "scale_nci": 1,
    "printer_escpos": 3,
    "labels_zpl": 2,
    "display_cd5220": 1,
    "terminal_zvt": 3,
}
DEVICES: Final = sum(KINDS.values())
HOST: Final = "host-1"
SIMULATOR_SETTINGS: Final = {
    "terminal_zvt": SimulatedTerminalSettings(customer_ms=40, network_ms=40)
}


@dataclass
class BusyDevice:
    """One device: what was asked of it and what it said. All counts; nothing is kept for long."""

    name: str
    driver: str
    simulator: Any
    server: asyncio.Server | None = None
    state: DriverState = DriverState.CONFIGURED
    state_seq: int = 0
    event_seq: int = 0
    scanned: int = 0
    heard: int = 0
    asked: int = 0
    open_jobs: dict[str, JobKind] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_scanner(self) -> bool:
        return self.driver == "scanner_serial"

    def code(self, number: int) -> str:
        return f"{self.name}-{number:08}"

    def job(self, number: int) -> tuple[JobKind, msgspec.Struct | None]:
        """Return what it is asked at its `number`th turn; None: the usual arguments."""
        match self.driver:
            case "scale_cas" | "scale_mt8217" | "scale_nci" if number % 50 == 20:
                return JobKind.WEIGH, None
            case "printer_escpos" if number % 25 == 0:
                return JobKind.PRINT_RECEIPT, None
            case "labels_zpl" if number % 50 == 0:
                return JobKind.PRINT_LABELS, None
            case "display_cd5220":
                shown = (DisplayLine("Whole milk 1 l", f"{number / 100:.2f}"),)
                return JobKind.SHOW_LINES, ShowLinesArgs(shown)
            case "terminal_zvt" if number % 10 == 0:
                name = f"{self.name}-{number}"
                return JobKind.AUTHORISE_PAYMENT, AuthorisePaymentArgs(name, 100 + number, "EUR")
            case _:
                return JobKind.CHECK_HEALTH, None

    def live(self, number: int) -> None:
        """Let something happen to it beside its jobs."""
        match self.driver:
            case "scale_cas" | "scale_mt8217" | "scale_nci":
                if number % 50 > 25 and number % 6 == 0:  # still while it weighs for a sale
                    self.simulator.put(100 + number % 5_000)
            case "printer_escpos" if number % 25 == 12:
                low = self.simulator.paper is Paper.OK
                self.simulator.paper = Paper.NEAR_END if low else Paper.OK
            case _:
                pass

    def says(self, leaf: str, body: bytes, event_kind: str) -> None:
        """Count what edge hears of it, and note what was lost, doubled or out of order."""
        self.messages += 1
        match leaf:
            case "state":
                state = msgspec.json.decode(body, type=DeviceState)
                if state.seq < self.state_seq:
                    self.wrong.append(f"state {state.seq} after {self.state_seq}")
                self.state, self.state_seq = state.state, state.seq
            case "result":
                self._ends(msgspec.json.decode(body, type=JobResult))
            case "event":
                event = msgspec.json.decode(body, type=DeviceEvent)
                text = msgspec.json.decode(event.data, type=BarcodeScanned).text
                if (event_kind, event.seq, text) != (
                    EVENT_SCAN,
                    self.event_seq + 1,
                    self.code(self.heard),
                ):
                    self.wrong.append(f"{event_kind} {event.seq} {text} after {self.heard} scans")
                self.event_seq = event.seq
                self.heard += 1

    def _ends(self, result: JobResult) -> None:
        if result.status is JobStatus.ACCEPTED:
            return
        kind = self.open_jobs.pop(result.id, None)
        if kind is None:
            self.wrong.append(f"{result.id} ended twice or was never asked")
            return
        code = "" if result.error is None else f" {result.error.code}"
        self.ends[f"{kind} {result.status}{code}"] += 1


class BusyCounter:
    """The devices, and edge's side of the broker."""

    def __init__(self, clock: SystemClock) -> None:
        self.clock = clock
        ports = SimulatorPorts(clock, open_log("test", io.StringIO()))
        self.devices: dict[str, BusyDevice] = {}
        for kind, count in KINDS.items():
            spec = driver_catalogue.simulator(kind)
            for number in range(count):
                settings = SIMULATOR_SETTINGS.get(kind) or spec.settings()
                name = f"{kind.replace('_', '-')}-{number}"
                self.devices[name] = BusyDevice(name, kind, spec.build(settings, ports))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[WantedDevice, ...]]:
        """Open the ports; yield what the host is to run."""
        wanted = []
        for device in self.devices.values():
            attend = self._attending(device.simulator)
            device.server = await asyncio.start_server(attend, "127.0.0.1", 0)
            port = device.server.sockets[0].getsockname()[1]
            address = {"address": f"tcp://127.0.0.1:{port}"}
            wanted.append(WantedDevice(device.name, device.driver, address))
        try:
            yield tuple(wanted)
        finally:
            for device in self.devices.values():
                if device.server is not None:
                    device.server.close()

    def _attending(self, simulator: Any) -> Callable[..., Any]:
        async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await simulator.attend(AsyncioStream(reader, writer, self.clock, "till"))

        return attend

    async def wish(self, bus: Bus, store: str, wanted: tuple[WantedDevice, ...]) -> None:
        """Tell the host which devices it has."""
        config = msgspec.json.encode(HostConfig(wanted))
        await bus.publish(HostTopics(store, HOST).config, config, retain=True)

    async def listen(self, bus: Bus, store: str) -> None:
        """Be edge: take what the devices say, until cancelled."""
        leaves = ("event/+", "state", "result")
        async for message in bus.subscribe([every_device(store, leaf) for leaf in leaves]):
            _, _, _, _, _, _, name, leaf, *kind = message.topic.split("/")
            self.devices[name].says(leaf, message.payload, "".join(kind))

    async def be_busy(self, bus: Bus, store: str, seconds: float) -> None:
        """Let every device say its messages for so long; who is late catches up in small steps."""
        topics = HostTopics(store, HOST)
        begun = self.clock.monotonic_ms()
        for tick in range(round(seconds * PER_S)):
            late_s = (self.clock.monotonic_ms() - begun) / 1000 - tick * TICK_S
            if late_s < 0:
                await self.clock.sleep(-late_s)
            elif late_s > TICKS_BEHIND_MAX * TICK_S:
                begun += round(late_s * 1000)  # the machine stood still: no burst nobody could make
            sending = []
            for device in self.devices.values():
                if device.is_scanner:
                    code, device.scanned = device.code(device.scanned), device.scanned + 1
                    sending.append(device.simulator.scan(code))
                elif tick % JOB_EVERY_TICKS == 0:
                    sending.append(self._ask(device, bus, topics))
            await asyncio.gather(*sending)

    async def _ask(self, device: BusyDevice, bus: Bus, topics: HostTopics) -> None:
        number, device.asked = device.asked, device.asked + 1
        device.live(number)
        kind, args = device.job(number)
        job_id = f"{device.name}-{number:07}"
        deadline = self.clock.now_ms() + round(JOB_IN_S * 1000)
        changes = {} if args is None else {"args": msgspec.to_builtins(args)}
        device.open_jobs[job_id] = kind
        device.messages += 1
        await bus.publish(
            topics.device(device.name).job, payload(kind, job_id, deadline, **changes)
        )

    @property
    def all_ready(self) -> bool:
        return all(device.state is DriverState.READY for device in self.devices.values())

    @property
    def under_way(self) -> int:
        """How many scans and jobs were not heard of to their end."""
        return sum(
            device.scanned - device.heard + len(device.open_jobs)
            for device in self.devices.values()
        )

    @property
    def all_heard(self) -> bool:
        """Whether every scan arrived and every job has its end."""
        return self.under_way <= 0

    def wrongs(self) -> list[str]:
        """What was lost, doubled or out of order, and what the devices themselves say of it."""
        found = []
        for device in self.devices.values():
            found += [f"{device.name}: {words}" for words in device.wrong[:5]]
            if device.heard != device.scanned:
                found.append(f"{device.name}: {device.heard} of {device.scanned} scans arrived")
            found += [f"{device.name}: {job} never ended" for job in list(device.open_jobs)[:5]]
            done = {
                kind: device.ends[f"{kind} done"]
                for kind in (JobKind.AUTHORISE_PAYMENT, JobKind.PRINT_LABELS)
            }
            if device.driver == "terminal_zvt":
                booked = len(device.simulator.booked())
                if booked != done[JobKind.AUTHORISE_PAYMENT]:
                    found.append(f"{device.name}: {booked} booked, {done} told")
        return found
