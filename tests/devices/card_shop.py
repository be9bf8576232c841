"""A till's driver, a card terminal and the cable between them, on one virtual clock.

Whichever terminal: `zvt_shop` and `adyen_shop` set one up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from devices.driver import DeviceJob, Driver
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_messages import CheckHealthArgs, JobKind, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, Refused
from edge.contract.terminal_messages import (
    AbortPaymentArgs,
    AuthorisePaymentArgs,
    CaptureReservationArgs,
    EndOfDayArgs,
    EndOfDayOutcome,
    InquireEndOfDayArgs,
    InquirePaymentArgs,
    PaymentOutcome,
    RefundPaymentArgs,
    ReleaseReservationArgs,
    ReservePaymentArgs,
    ReversePaymentArgs,
)
from tests.devices.driver_ports import KeptPorts
from tests.devices.serial_wire import SerialWire
from tests.devices.virtual_clock import VirtualClock

DEADLINE_S = 900.0


@dataclass
class CardShop:
    """`driver` may be killed and made anew from its notes; the terminal stays what it is."""

    clock: VirtualClock
    cable: MemoryCable | SerialWire
    ports: KeptPorts
    new_driver: Callable[[], Driver]
    new_terminal: Callable[[], Any]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.driver = self.new_driver()
        self.terminal = self.new_terminal()
        self.numbers = count(1)
        self._running: asyncio.Task[None] | None = None

    def start_driver(self) -> None:
        self.driver = self.new_driver()
        self._running = asyncio.create_task(self.driver.run())

    async def kill_driver(self) -> None:
        """As SIGKILL would: nothing is said, the kernel closes the connection."""
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def kill_after(self, job: DeviceJob) -> None:
        """Perform a job and be killed before anything is asked about it."""
        assert (await self.driver.perform(job)).status is JobStatus.UNKNOWN
        await self.kill_driver()

    async def plug(self) -> None:
        """Serve every connection that comes, as the terminal's listener does."""
        while True:
            stream = await self.cable.accept()
            self.tasks.append(asyncio.create_task(self.terminal.attend(stream)))

    async def until(self, *states: DriverState) -> None:
        end_ms = self.clock.monotonic_ms() + DEADLINE_S * 1000
        while self.driver.state not in states:
            assert self.clock.monotonic_ms() < end_ms, self.ports.states[-3:]
            await self.clock.sleep(0.05)

    async def until_live(self) -> None:
        """Wait until a job would be taken at once: the state may still be that before a blip."""
        while self.driver._line is None:
            await self.clock.sleep(0.05)

    def pay(self, amount_minor: int, currency: str = "EUR") -> DeviceJob:
        job = f"pay-{next(self.numbers):06d}"
        args = AuthorisePaymentArgs(f"sale-{job}", amount_minor, currency)
        return DeviceJob(job, JobKind.AUTHORISE_PAYMENT, args, self.clock.now_ms() + 30_000)

    def refund(self, amount_minor: int, currency: str = "EUR") -> DeviceJob:
        job = f"back-{next(self.numbers):06d}"
        args = RefundPaymentArgs(f"sale-{job}", amount_minor, currency)
        return DeviceJob(job, JobKind.REFUND_PAYMENT, args, self.clock.now_ms() + 30_000)

    def reversal(self, amount_minor: int, receipt: str) -> DeviceJob:
        job = f"undo-{next(self.numbers):06d}"
        args = ReversePaymentArgs(f"sale-{job}", amount_minor, "EUR", receipt)
        return DeviceJob(job, JobKind.REVERSE_PAYMENT, args, self.clock.now_ms() + 30_000)

    def reservation(self, amount_minor: int) -> DeviceJob:
        name = f"hold-{next(self.numbers):06d}"
        args = ReservePaymentArgs(f"sale-{name}", amount_minor, "EUR")
        return self.job(JobKind.RESERVE_PAYMENT, args, name)

    def capture(self, amount_minor: int, reserved_minor: int, receipt: str) -> DeviceJob:
        name = f"take-{next(self.numbers):06d}"
        args = CaptureReservationArgs(f"sale-{name}", amount_minor, reserved_minor, "EUR", receipt)
        return self.job(JobKind.CAPTURE_RESERVATION, args, name)

    def release(self, amount_minor: int, receipt: str) -> DeviceJob:
        name = f"free-{next(self.numbers):06d}"
        args = ReleaseReservationArgs(f"sale-{name}", amount_minor, "EUR", receipt)
        return self.job(JobKind.RELEASE_RESERVATION, args, name)

    def inquiry(self, job: DeviceJob) -> DeviceJob:
        asked: Any = job.args
        refunds = isinstance(asked, RefundPaymentArgs | ReversePaymentArgs)
        name = asked.refund if refunds else asked.payment
        args = InquirePaymentArgs(name, job.id, asked.amount_minor, asked.currency)
        name = f"ask-{next(self.numbers):06d}"
        return DeviceJob(name, JobKind.INQUIRE_PAYMENT, args, self.clock.now_ms() + 30_000)

    def abortion(self, job: DeviceJob) -> DeviceJob:
        name = f"stop-{next(self.numbers):06d}"
        args = AbortPaymentArgs(job.id)
        return DeviceJob(name, JobKind.ABORT_PAYMENT, args, self.clock.now_ms() + 30_000)

    def end_of_day(self) -> DeviceJob:
        name = f"eod-{next(self.numbers):06d}"
        return self.job(JobKind.END_OF_DAY, EndOfDayArgs(), name)

    def day_inquiry(self, job: DeviceJob) -> DeviceJob:
        return self.job(JobKind.INQUIRE_END_OF_DAY, InquireEndOfDayArgs(job.id))

    def job(self, kind: JobKind, args: msgspec.Struct, name: str = "") -> DeviceJob:
        name = name or f"job-{next(self.numbers):06d}"
        return DeviceJob(name, kind, args, self.clock.now_ms() + 30_000)

    def health(self) -> DeviceJob:
        name = f"well-{next(self.numbers):06d}"
        return DeviceJob(name, JobKind.CHECK_HEALTH, CheckHealthArgs(), self.clock.now_ms() + 9)

    async def definite(self, job: DeviceJob) -> PaymentOutcome:
        """Ask as `edge` does until the terminal has said what became of a payment."""
        end_ms = self.clock.monotonic_ms() + DEADLINE_S * 1000
        while self.clock.monotonic_ms() < end_ms:
            with contextlib.suppress(DeviceUnreachable, Refused):
                return outcome_of(await self.driver.perform(self.inquiry(job)))
            await self.clock.sleep(1.0)
        raise AssertionError(f"{job.id} was never settled")

    async def definite_day(self, job: DeviceJob) -> EndOfDayOutcome:
        """Ask until it is known what became of an end of day."""
        end_ms = self.clock.monotonic_ms() + DEADLINE_S * 1000
        while self.clock.monotonic_ms() < end_ms:
            with contextlib.suppress(DeviceUnreachable, Refused):
                return day_of(await self.driver.perform(self.day_inquiry(job)))
            await self.clock.sleep(1.0)
        raise AssertionError(f"{job.id} was never settled")

    def standing(self) -> list[int]:
        """The amounts that the acquirer has booked and not given back."""
        return [amount for _, amount in self.books()]

    def books(self) -> list[tuple[str, int]]:
        """What the acquirer has booked and nobody took back: kind and amount."""
        return [
            (each["kind"], each["amount_minor"])
            for each in self.terminal.booked()
            if each["state"] == "booked"
        ]

    def restart_terminal(self) -> None:
        """Switch it off and on: what is under way is gone, its journal is not."""
        for task in self.tasks:
            task.cancel()
        self.terminal = self.new_terminal()

    @asynccontextmanager
    async def open(self, *, start: bool = True, plugged: bool = True) -> AsyncIterator[CardShop]:
        async with self.clock.running():
            listener = asyncio.create_task(self.plug() if plugged else asyncio.Event().wait())
            try:
                if start:
                    self.start_driver()
                    await self.until(DriverState.READY)
                yield self
            finally:
                if self._running is not None:
                    await self.kill_driver()
                listener.cancel()
                for task in self.tasks:
                    task.cancel()
                ended = await asyncio.gather(*self.tasks, listener, return_exceptions=True)
        for end in ended:
            assert end is None or isinstance(end, asyncio.CancelledError), end


def day_of(result: JobResult) -> EndOfDayOutcome:
    assert result.status is JobStatus.DONE, result
    assert isinstance(result.result, EndOfDayOutcome)
    return result.result


def outcome_of(result: JobResult) -> PaymentOutcome:
    assert result.status is JobStatus.DONE, result
    assert isinstance(result.result, PaymentOutcome)
    return result.result
