"""A device that is unplugged in every state it can be in, and what must hold each time.

`Unplugging` is a conformance bench with a plug that can be pulled at any message. A case is a
moment, a way in which the pull is noticed, and a way in which the device comes back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec
from typing_extensions import override

from devices.driver import DriverSpec, SimulatorPorts, SimulatorSpec
from devices.job_router.incoming_jobs import read_job
from devices.scripted_actions import read_play
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_limits import DEVICE_LOST_AFTER_MS
from edge.contract.device_messages import (
    DELIVERY,
    Delivery,
    JobKind,
    JobResult,
    JobStatus,
    PrintReceiptArgs,
)
from edge.contract.device_states import DeviceClass, DriverState
from edge.contract.receipt_document import ReceiptDocument, RowBlock
from edge.contract.terminal_messages import InquirePaymentArgs
from edge.runtime.supervisor import Supervisor
from tests.devices.conformance import JOB_WITHIN_S, KINDS, READY_WITHIN_S, DriverBench
from tests.devices.pulled_cable import KERNEL_NOTICES_S, Loss, PullAt, PulledCable
from tests.devices.queue_desk import ARGS, payload

JOB_IN_S: Final = 60.0
OUT_S: Final = 8.0
OUT_SILENT_S: Final = 45.0
"""Long enough for the kernel, and for a driver that asks every 15 s."""
BLIP_S: Final = 0.7
assert BLIP_S * 1000 < DEVICE_LOST_AFTER_MS
MESSAGES_MAX: Final = 400
"""More than any dialogue has: one that never ends is a defect."""
ENDINGS: Final = frozenset({"approved", "declined", "cancelled"})
PAYING: Final = frozenset(kind for kind, rule in DELIVERY.items() if rule is Delivery.INQUIRE_ONLY)
BOOKED: Final = PAYING | {JobKind.END_OF_DAY}
"""What a terminal's journal holds over a power cycle."""
RECEIPT: Final = ReceiptDocument("Receipt", (RowBlock("Whole milk 1 l", "1.29"),))


class Return(StrEnum):
    """How the device comes back."""

    SAME = "same"
    """As it was; also as another node, which is the connector's matter."""
    FORGETFUL = "forgetful"
    """Power-cycled: what it had in memory is gone, what is on its paper or booked is not."""
    BLIP = "blip"
    """Back before anybody calls it lost."""
    FLICKER = "flicker"
    """The same, power-cycled: the plug of its power supply was touched."""
    THRICE = "thrice"
    """Out and in three times in a row, with some messages in between."""


@dataclass(frozen=True)
class Moment:
    """When the plug is pulled. `what` is a job's kind, an action, or one of the words below."""

    what: str
    at: PullAt | None = None

    def __str__(self) -> str:
        if self.at is None:
            return self.what
        return f"{self.what}, {'half of ' if self.at.half else ''}message {self.at.message}"


IDLE: Final = "idle"
QUEUED: Final = "a job comes while it is out"
SCAN: Final = "a scan"
CONNECTING: Final = "connecting"
TROUBLE: Final = "in trouble by "


def losses(spec: DriverSpec[Any]) -> tuple[Loss, ...]:
    """Return how the loss of such a device can be noticed, by what it hangs on.

    What the kernel itself drives ends as an error. Nothing carries lines beside the bytes over a
    network, so nothing can fall silent there.
    """
    address = str(getattr(spec.example, "address", ""))
    if not address.startswith(("serial:", "tcp:", "tls:")):
        return (Loss.BROKEN,)
    if spec.device_class is DeviceClass.DRAWER:
        return (Loss.BROKEN, Loss.CLOSED)
    return tuple(Loss)


def done_by(simulator: Any, kind: JobKind) -> int | None:
    """Return how often a device did such a job so far; None where it leaves no trace."""
    match kind:
        case JobKind.PRINT_RECEIPT:
            counted = simulator.receipts() if hasattr(simulator, "receipts") else None
        case JobKind.KICK_DRAWER:
            counted = getattr(simulator, "pulses", None)
        case JobKind.PRINT_LABELS:
            counted = getattr(simulator, "printed", None)
        case JobKind.END_OF_DAY:
            counted = simulator.closed() if hasattr(simulator, "closed") else None
        case _ if kind in PAYING:
            counted = simulator.booked() if hasattr(simulator, "booked") else None
        case _:
            counted = None
    return None if counted is None else len(counted)


class Unplugging(DriverBench):
    """A driver, its queue and its device, with a plug between them."""

    def __init__(
        self,
        driver: DriverSpec[Any],
        simulator: SimulatorSpec[Any],
        loss: Loss,
        back: Return,
        folder: Path,
    ) -> None:
        super().__init__(driver, simulator, PipeVariant())
        self.plug = PulledCable(self.clock, loss)
        self.cable = self.plug
        self.ports.connector = self.plug.connect
        self.back = back
        self.new_simulator = simulator
        self._settings = simulator.settings()
        if "journal" in simulator.settings.__struct_fields__:
            # what is booked survives a power cycle
            journal = str(folder / "journal")
            self._settings = msgspec.structs.replace(self._settings, journal=journal)
        self._plug_new_simulator()
        self._attending: set[asyncio.Task[None]] = set()
        self._before: dict[JobKind, int] = {}
        self._numbers = 0

    def _plug_new_simulator(self) -> None:
        ports = SimulatorPorts(self.clock, self.ports.log)
        self.simulator = self.new_simulator.build(self._settings, ports)
        self.far_end = self.simulator.attend

    @override
    async def _attend_all(self, tasks: Supervisor) -> None:
        while True:
            stream = await self.cable.accept()
            task = tasks.spawn("simulator", self._attend(stream))
            self._attending.add(task)
            task.add_done_callback(self._attending.discard)

    # --- what is done to it ---------------------------------------------------------------

    async def power_cycle(self) -> None:
        """Let it forget everything but what is booked, on paper, or on its platter."""
        for kind in KINDS:
            done = done_by(self.simulator, kind)
            if done is not None and not (self._keeps_books and kind in BOOKED):
                self._before[kind] = self._before.get(kind, 0) + done
        for task in list(self._attending):
            task.cancel()
        await asyncio.gather(*self._attending, return_exceptions=True)
        grams = getattr(self.simulator, "grams", None)
        self._plug_new_simulator()
        if grams is not None:
            self.simulator.put(grams)

    @property
    def _keeps_books(self) -> bool:
        return "journal" in self.new_simulator.settings.__struct_fields__

    def done(self, kind: JobKind) -> int | None:
        """Return how often the device did such a job, over its power cycles."""
        done = done_by(self.simulator, kind)
        return None if done is None else done + self._before.get(kind, 0)

    @property
    def rows(self) -> str | None:
        """What a customer reads on its display; None where it has none."""
        shown = self.new_simulator.shows(self.simulator).get("rows")
        shown = shown or getattr(self.simulator, "pole", None)
        return None if shown is None else str(shown)

    async def play(self, action: str, **args: Any) -> bool:
        """Do an action of the simulator's table; False when it has none of this name."""
        actions = self.new_simulator.actions
        if action not in actions:
            return False
        await read_play(actions, action, args).on(self.simulator)
        return True

    async def scan(self) -> str:
        """Let it read a label that no other was like; return its text, "" if it is no scanner."""
        text = f"LABEL{self._number():06d}"
        return text if await self.play("scan", text=text) else ""

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    async def new_goods(self) -> int:
        """Put other goods on it if it is a scale, and shut it if it is a drawer."""
        grams = 200 + 10 * (self._number() % 100)
        await self.play("put", grams=grams)
        await self.play("push_shut")
        await self.play("drawer_close")
        await self.clock.sleep(0.5)  # the driver hears of it
        return grams

    # --- jobs -----------------------------------------------------------------------------

    def ask(self, kind: JobKind, in_s: float = JOB_IN_S) -> str:
        """Send a job that is none of those before; return its id."""
        number = self._number()
        job_id = f"{'pay' if kind in PAYING else 'job'}-{number:06d}"
        args: Any = ARGS[kind]
        names = {"payment": f"payment-{number}", "refund": f"refund-{number}"}
        if kind in PAYING:
            known = {name: text for name, text in names.items() if hasattr(args, name)}
            args = msgspec.structs.replace(args, **known)
        if kind is JobKind.PRINT_RECEIPT:
            args = PrintReceiptArgs(RECEIPT)
        body = {"args": msgspec.to_builtins(args)}
        deadline = self.clock.now_ms() + round(in_s * 1000)
        job = read_job(payload(kind, job_id, deadline, **body))
        assert job is not None
        assert self.queue is not None
        self.queue.take(job)
        return job_id

    async def end_of(self, job_id: str) -> JobResult:
        await self.until(lambda: bool(self.finals(job_id)), JOB_WITHIN_S, f"the end of {job_id}")
        return self.finals(job_id)[0]

    async def settled(self, kind: JobKind, job_id: str) -> str:
        """Ask about money until it is known what became of it; return the outcome."""
        args: Any = ARGS[kind]
        name = "payment" if hasattr(args, "payment") else "refund"
        number = int(job_id.rpartition("-")[2])
        named = InquirePaymentArgs(f"{name}-{number}", job_id, args.amount_minor, args.currency)
        ends_ms = self.clock.monotonic_ms() + round(JOB_WITHIN_S * 1000)
        while self.clock.monotonic_ms() < ends_ms:
            asking = f"ask-{self._number():06d}"
            deadline = self.clock.now_ms() + 60_000
            job = read_job(
                payload(JobKind.INQUIRE_PAYMENT, asking, deadline, args=msgspec.to_builtins(named))
            )
            assert job is not None
            assert self.queue is not None
            self.queue.take(job)
            result = await self.end_of(asking)
            if result.status is JobStatus.DONE:
                return outcome_word(result)
            await self.clock.sleep(1.0)
        raise AssertionError(f"nobody can say what became of {job_id}")

    async def until_well(self) -> None:
        """Wait until it is ready, and has been for a while: a blip shows the state before it."""
        for _ in range(2):
            await self.until(
                lambda: self.driver.state is DriverState.READY, READY_WITHIN_S, "ready"
            )
            await self.clock.sleep(1.0)

    # --- the plug -------------------------------------------------------------------------

    async def out_and_in(self) -> None:
        """Be called when the plug is out: keep it out, put it back as the case wants it."""
        blip = self.back in {Return.BLIP, Return.FLICKER}
        if blip:
            await self.clock.sleep(BLIP_S)
        elif self.back is Return.THRICE:
            for _ in range(2):
                await self._stay_out(1.2)
                self.plug.plug_in()
                await self.clock.sleep(0.45)
                await self.plug.unplug()
            await self._stay_out(1.2)
        else:
            await self._stay_out(OUT_SILENT_S if self.plug.loss is Loss.SILENT else OUT_S)
            self.must_be_lost()
        if self.back in {Return.FORGETFUL, Return.FLICKER}:
            await self.power_cycle()
            await self.plug.end_all()  # what it had as connections it does not know any more
        self.plug.plug_in()

    async def _stay_out(self, seconds: float) -> None:
        await self.clock.sleep(min(seconds, KERNEL_NOTICES_S))
        if seconds > KERNEL_NOTICES_S:
            await self.plug.end_all()
            await self.clock.sleep(seconds - KERNEL_NOTICES_S)

    def must_be_lost(self) -> None:
        state = self.ports.state
        assert self.driver.state is DriverState.LOST, f"out for long, yet {self.driver.state}"
        assert state["state"] == "lost"
        assert state["health"], "lost, and no words say so"
        assert state["advice"], "lost, and nobody is told what to do"
        assert not state.get("weight"), "the weight of a lost scale is still shown"


async def until_pulled(bench: Unplugging, seconds: float) -> bool:
    """Wait until the plug is out, no longer than that; say whether it is."""
    over = bench.clock.monotonic_ms() + round(seconds * 1000)
    while not bench.plug.pulled.is_set():
        if bench.clock.monotonic_ms() >= over:
            return False
        await bench.clock.sleep(0.01)
    return True


def outcome_word(result: JobResult) -> str:
    """Return how a payment ended by a result that is done."""
    told = msgspec.to_builtins(result.result)
    return str(told.get("outcome", "")) if isinstance(told, dict) else ""
