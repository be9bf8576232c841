"""`tillbox devices` as a process, killed (SIGKILL) at each step of a refund and of a reversal.

The terminal stands in the test's own process and stalls where the kill is to come. Whatever
was on its way: the job is on record as begun, the new process finds out what the acquirer has
booked before it is ready, an inquiry says so, and the job itself is never done again.
"""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_messages import (
    AuthorisePaymentArgs,
    InquirePaymentArgs,
    JobKind,
    JobResult,
    JobStatus,
    PaymentOutcome,
    RefundPaymentArgs,
    ReversePaymentArgs,
)
from edge.contract.device_states import WantedDevice
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from tests.devices.broker import MOSQUITTO, RealBroker
from tests.devices.host_bench import EdgeSide, until
from tests.devices.queue_desk import payload
from tests.devices.test_main import Machine

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(MOSQUITTO is None, reason="Mosquitto is not installed"),
]

AMOUNT = 1999
STALL_S = 0.8
CUT_SHORT = pytest.mark.timeout(120)
POINTS = [point for point in Point if not point.value.startswith("re")]


class Counter:
    """A terminal behind a TCP port, the host that drives it, and edge's side of the bus."""

    def __init__(self, machine: Machine, edge: EdgeSide, terminal: SimulatedTerminal) -> None:
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
        self.machine.end(signal.SIGKILL)
        self.edge.seen.clear()
        self.machine.start()
        await self.until_ready()


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
    folder: Path, broker: RealBroker, settings: SimulatedTerminalSettings
) -> AsyncIterator[Counter]:
    clock, log = SystemClock(), open_log("test", io.StringIO())
    terminal = SimulatedTerminal(settings, SimulatorPorts(clock, log))

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await terminal.attend(AsyncioStream(reader, writer, clock, "till"))

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    machine = Machine(folder, broker)
    edge = EdgeSide(MqttBus(broker.settings("edge"), None, clock, log))
    try:
        async with Supervisor(clock, log, stop_s=3.0) as tasks:
            _ = tasks.start("edge", edge.listen)
            _ = tasks.start("edge bus", edge.bus.run)
            await until(lambda: edge.bus.connected)
            machine.start()
            wish = {"address": address, "answer_ms_max": 1_000}
            await edge.configure(WantedDevice("terminal-1", "terminal_zvt", wish))
            made = Counter(machine, edge, terminal)
            await made.until_ready()
            yield made
    finally:
        machine.close()
        server.close()


@CUT_SHORT
@pytest.mark.parametrize(
    ("kind", "sync"),
    [(JobKind.REFUND_PAYMENT, True), (JobKind.REVERSE_PAYMENT, False)],
    ids=["refund, 1F1F", "reversal, old rule"],
)
async def test_money_goes_back_once_whenever_the_process_is_killed(
    tmp_path: Path, broker: RealBroker, kind: JobKind, sync: bool
) -> None:
    settings = SimulatedTerminalSettings(customer_ms=20, network_ms=20, sync_receipt=sync)
    async with counter_with(tmp_path, broker, settings) as counter:
        terminal = counter.terminal
        endings: dict[str, str] = {}
        for number, point in enumerate(POINTS):
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
        # the steps really lie on both sides of the booking
        assert {endings["printed"], endings["completed"]} == {"approved"}
        assert (endings["booked"] == "approved") == sync
