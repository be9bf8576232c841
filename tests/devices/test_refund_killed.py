"""`tillbox devices` as a process, killed (SIGKILL) at each step of what moves money or closes it.

The terminal stands in the test's own process and stalls where the kill is to come. Whatever
was on its way: the job is on record as begun, the new process finds out what the acquirer has
booked before it is ready, an inquiry says so, and the job itself is never done again.
"""

from __future__ import annotations

import asyncio
import io
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices import driver_catalogue
from devices.driver import SimulatorPorts
from devices.drivers.terminal_adyen import TRIAL_KEY
from devices.simulators.terminal_adyen.scripts import Point as AdyenPoint
from devices.simulators.terminal_adyen.scripts import SimulatedAdyenSettings
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_messages import JobKind, JobResult, JobStatus
from edge.contract.device_states import WantedDevice
from edge.contract.terminal_messages import (
    AuthorisePaymentArgs,
    CaptureReservationArgs,
    EndOfDayArgs,
    EndOfDayOutcome,
    InquireEndOfDayArgs,
    InquirePaymentArgs,
    PaymentOutcome,
    RefundPaymentArgs,
    ReservePaymentArgs,
    ReversePaymentArgs,
)
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from tests.devices.broker import MOSQUITTO, RealBroker
from tests.devices.host_bench import EdgeSide, until
from tests.devices.queue_desk import payload
from tests.devices.terminal_certificates import Maker
from tests.devices.test_main import Machine

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(MOSQUITTO is None, reason="Mosquitto is not installed"),
]

AMOUNT = 1999
STALL_S = 0.8
CUT_SHORT = pytest.mark.timeout(120)
POINTS = [point for point in Point if not point.value.startswith("re")]
ADYEN_POINTS = [
    AdyenPoint.UNREAD,
    AdyenPoint.REQUEST,
    AdyenPoint.BEFORE_BOOKING,
    AdyenPoint.BOOKED,
    AdyenPoint.HALF_TOLD,
    AdyenPoint.TOLD,
    AdyenPoint.DIAGNOSIS,
]


@dataclass
class CardDevice:
    """A terminal, and how a host is told to reach it: `wish` without its address."""

    driver: str
    settings: msgspec.Struct
    wish: dict[str, Any]
    address: str = "tcp://127.0.0.1:{port}"
    tls: ssl.SSLContext | None = None


def zvt(*, sync: bool) -> CardDevice:
    settings = SimulatedTerminalSettings(customer_ms=20, network_ms=20, sync_receipt=sync)
    return CardDevice("terminal_zvt", settings, {"answer_ms_max": 1_000})


def adyen(folder: Path) -> CardDevice:
    """As in a shop: over TLS, with a certificate of the maker's and a name that no DNS knows."""
    maker, settings = Maker(folder), SimulatedAdyenSettings(customer_ms=20, network_ms=20)
    name = f"{settings.poi_id}.test.terminal.maker.example"
    return CardDevice(
        "terminal_adyen",
        settings,
        {"poi_id": settings.poi_id, "key_file": str(TRIAL_KEY)},
        f"tls://127.0.0.1:{{port}}?ca={maker.root_file}&name={name}",
        maker.server(name),
    )


class Counter:
    """A terminal behind a TCP port, the host that drives it, and edge's side of the bus."""

    def __init__(self, machine: Machine, edge: EdgeSide, terminal: Any) -> None:
        self.machine = machine
        self.edge = edge
        self.terminal = terminal
        self._numbers = count(1)

    async def until_ready(self) -> None:
        await until(lambda: self.edge.state_is("terminal-1", "ready"), within_s=30)

    async def send(self, kind: JobKind, job: str, args: msgspec.Struct) -> None:
        deadline = SystemClock().now_ms() + 60_000
        sent = payload(kind, job, deadline, args=msgspec.to_builtins(args))
        await self.edge.send("terminal-1", sent)

    async def answer(self, job: str) -> JobResult:
        def final() -> JobResult | None:
            results = [each for each in self.edge.results("terminal-1") if each.id == job]
            ended = [each for each in results if each.status is not JobStatus.ACCEPTED]
            return ended[-1] if ended else None

        found = await until(final, within_s=30)
        assert found is not None
        return found

    async def reserve(self) -> str:
        """Set money aside on a card and return the receipt number."""
        job = f"hold-{next(self._numbers):06d}"
        args = ReservePaymentArgs(f"sale-{job}", AMOUNT, "EUR")
        await self.send(JobKind.RESERVE_PAYMENT, job, args)
        return outcome_of(await self.answer(job)).receipt

    async def ask_for_the_day(self, about: str) -> EndOfDayOutcome:
        while True:
            job = f"ask-{next(self._numbers):06d}"
            await self.send(JobKind.INQUIRE_END_OF_DAY, job, InquireEndOfDayArgs(about))
            result = await self.answer(job)
            if result.status is JobStatus.DONE:
                return msgspec.convert(result.result, EndOfDayOutcome)
            await asyncio.sleep(0.2)

    async def pay(self) -> str:
        """Charge a card and return the receipt number."""
        job = f"pay-{next(self._numbers):06d}"
        args = AuthorisePaymentArgs(f"sale-{job}", AMOUNT, "EUR")
        await self.send(JobKind.AUTHORISE_PAYMENT, job, args)
        return outcome_of(await self.answer(job)).receipt

    async def ask_until_definite(self, about: str) -> PaymentOutcome:
        args = InquirePaymentArgs(f"sale-{about}", about, AMOUNT, "EUR")
        while True:
            job = f"ask-{next(self._numbers):06d}"
            await self.send(JobKind.INQUIRE_PAYMENT, job, args)
            result = await self.answer(job)
            if result.status is JobStatus.DONE:
                return outcome_of(result)
            await asyncio.sleep(0.2)

    async def kill_and_start(self) -> None:
        known = self.edge.state("terminal-1")
        assert known is not None
        self.machine.end(signal.SIGKILL)
        self.edge.seen.clear()
        self.machine.start()
        # what the killed process said last may come after it, and is no sign of the new one
        await until(lambda: self._started_since(known.boot), within_s=30)
        await self.until_ready()

    def _started_since(self, boot: str) -> bool:
        known = self.edge.state("terminal-1")
        return known is not None and known.boot != boot


def outcome_of(result: JobResult) -> PaymentOutcome:
    return msgspec.convert(result.result, PaymentOutcome)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RealBroker]:
    made = RealBroker(tmp_path)
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def counter_with(
    folder: Path, broker: RealBroker, device: CardDevice
) -> AsyncIterator[Counter]:
    clock, log = SystemClock(), open_log("test", io.StringIO())
    simulator = driver_catalogue.simulator(device.driver)
    terminal = simulator.build(device.settings, SimulatorPorts(clock, log))
    tills: list[asyncio.StreamWriter] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tills.append(writer)
        await terminal.attend(AsyncioStream(reader, writer, clock, "till"))

    server = await asyncio.start_server(attend, "127.0.0.1", 0, ssl=device.tls)
    address = device.address.format(port=server.sockets[0].getsockname()[1])
    machine = Machine(folder, broker)
    edge = EdgeSide(MqttBus(broker.settings("edge"), None, clock, log))
    try:
        async with Supervisor(clock, log, stop_s=3.0) as tasks:
            _ = tasks.start("edge", edge.listen)
            _ = tasks.start("edge bus", edge.bus.run)
            await until(lambda: edge.bus.connected)
            machine.start()
            wish = {"address": address, **device.wish}
            await edge.configure(WantedDevice("terminal-1", device.driver, wish))
            made = Counter(machine, edge, terminal)
            await made.until_ready()
            yield made
    finally:
        machine.close()
        server.close()
        for till in tills:
            till.transport.abort()


async def killed_at_each(counter: Counter, kind: JobKind, points: list[Any]) -> dict[str, str]:
    """Kill the process at each point of a refund or reversal; return how each ended."""
    terminal = counter.terminal
    endings: dict[str, str] = {}
    for number, point in enumerate(points):
        receipt = await counter.pay()
        balance, rows = terminal.balance_minor, len(terminal.booked())
        terminal.stall_at, terminal.stall_s = point, STALL_S
        job = f"back-{number:05d}"
        args = (
            RefundPaymentArgs(f"sale-{job}", AMOUNT, "EUR")
            if kind is JobKind.REFUND_PAYMENT
            else ReversePaymentArgs(f"sale-{job}", AMOUNT, "EUR", receipt)
        )
        await counter.send(kind, job, args)
        await until(lambda: terminal.stall_at is None)
        await counter.kill_and_start()
        outcome = await counter.ask_until_definite(job)
        endings[point] = outcome.outcome
        assert outcome.outcome in {"approved", "declined"}, point
        given = AMOUNT if outcome.outcome == "approved" else 0
        assert terminal.balance_minor == balance - given, point
        # neither a repeat of the job nor another question moves anything
        await counter.send(kind, job, args)
        assert await counter.ask_until_definite(job) == outcome, point
        assert outcome_of(await counter.answer(job)) == outcome, point
        assert terminal.balance_minor == balance - given, point
        assert len(terminal.booked()) <= rows + 1, point
    return endings


@CUT_SHORT
@pytest.mark.parametrize(
    ("kind", "sync"),
    [(JobKind.REFUND_PAYMENT, True), (JobKind.REVERSE_PAYMENT, False)],
    ids=["refund, 1F1F", "reversal, old rule"],
)
async def test_money_goes_back_once_whenever_the_process_is_killed(
    tmp_path: Path, broker: RealBroker, kind: JobKind, sync: bool
) -> None:
    async with counter_with(tmp_path, broker, zvt(sync=sync)) as counter:
        endings = await killed_at_each(counter, kind, POINTS)
    # the steps really lie on both sides of the booking
    assert {endings["printed"], endings["completed"]} == {"approved"}
    assert (endings["booked"] == "approved") == sync


@CUT_SHORT
@pytest.mark.parametrize("kind", [JobKind.REFUND_PAYMENT, JobKind.REVERSE_PAYMENT])
async def test_an_adyen_terminal_gives_it_back_once_whenever_the_process_is_killed(
    tmp_path: Path, broker: RealBroker, kind: JobKind
) -> None:
    async with counter_with(tmp_path, broker, adyen(tmp_path)) as counter:
        endings = await killed_at_each(counter, kind, ADYEN_POINTS)
        assert counter.terminal.repeated == 0
    # before it is asked for money there is nothing to go on with; then it goes on by itself
    assert endings.pop("diagnosis") == "declined"
    assert set(endings.values()) == {"approved"}


@CUT_SHORT
async def test_a_reservation_is_charged_once_whenever_the_process_is_killed(
    tmp_path: Path, broker: RealBroker
) -> None:
    async with counter_with(tmp_path, broker, zvt(sync=True)) as counter:
        terminal = counter.terminal
        endings: dict[str, str] = {}
        for number, point in enumerate(POINTS):
            receipt = await counter.reserve()
            balance = terminal.balance_minor
            terminal.stall_at, terminal.stall_s = point, STALL_S
            job = f"take-{number:05d}"
            args = CaptureReservationArgs(f"sale-{job}", AMOUNT - 5, AMOUNT, "EUR", receipt)
            await counter.send(JobKind.CAPTURE_RESERVATION, job, args)
            await until(lambda: terminal.stall_at is None)
            await counter.kill_and_start()
            outcome = await counter.ask_until_definite(job)
            endings[point] = outcome.outcome
            charged = AMOUNT - 5 if outcome.outcome == "approved" else 0
            assert terminal.balance_minor == balance + charged, point
            await counter.send(JobKind.CAPTURE_RESERVATION, job, args)
            assert await counter.ask_until_definite(job) == outcome, point
            assert outcome_of(await counter.answer(job)) == outcome, point
            assert terminal.balance_minor == balance + charged, point
        assert {endings["printed"], endings["completed"]} == {"approved"}
        assert endings["command"] == "declined"


@CUT_SHORT
async def test_a_day_is_closed_once_whenever_the_process_is_killed(
    tmp_path: Path, broker: RealBroker
) -> None:
    async with counter_with(tmp_path, broker, zvt(sync=True)) as counter:
        terminal = counter.terminal
        endings: dict[str, str] = {}
        for number, point in enumerate(POINTS):
            await counter.pay()
            held = terminal.balance_minor - sum(each["sum_minor"] for each in terminal.closed())
            batches = len(terminal.closed())
            terminal.stall_at, terminal.stall_s = point, STALL_S
            job = f"eod-{number:06d}"
            await counter.send(JobKind.END_OF_DAY, job, EndOfDayArgs())
            await until(lambda: terminal.stall_at is None)
            await counter.kill_and_start()
            told = await counter.ask_for_the_day(job)
            endings[point] = told.outcome
            assert len(terminal.closed()) == batches + (told.outcome == "closed"), point
            if told.outcome == "closed":
                assert told.totals is not None
                assert told.totals.amount_minor == held, point
            # a repeat of the job closes nothing: it was begun, and is only asked about
            await counter.send(JobKind.END_OF_DAY, job, EndOfDayArgs())
            assert (await counter.answer(job)).status in {JobStatus.UNKNOWN, JobStatus.DONE}
            assert len(terminal.closed()) == batches + (told.outcome == "closed"), point
        assert {endings["printed"], endings["completed"], endings["booked"]} == {"closed"}
        assert endings["command"] == "not_closed"
