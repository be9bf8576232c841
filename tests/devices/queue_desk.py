"""A device for whose jobs a queue works: a driver by script, and what was answered."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from devices.driver import DeviceJob
from devices.job_journal import JobJournal
from devices.job_router.incoming_jobs import read_job
from devices.job_router.job_queue import JobQueue
from edge.contract.device_messages import (
    DELIVERY,
    CheckHealthArgs,
    DisplayLine,
    JobError,
    JobKind,
    JobResult,
    JobStatus,
    KickDrawerArgs,
    PrintLabelsArgs,
    PrintReceiptArgs,
    SaveRecordingArgs,
    ShelfLabel,
    ShowLinesArgs,
    WeighArgs,
)
from edge.contract.device_states import DriverState
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.terminal_messages import (
    AbortPaymentArgs,
    AuthorisePaymentArgs,
    CaptureReservationArgs,
    EndOfDayArgs,
    InquireEndOfDayArgs,
    InquirePaymentArgs,
    LogOffTerminalArgs,
    PaymentOutcome,
    RefundPaymentArgs,
    ReleaseReservationArgs,
    RepeatCardReceiptArgs,
    ReservePaymentArgs,
    ReversePaymentArgs,
    ServiceTerminalArgs,
)
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from tests.devices.loop_database import LoopDatabase
from tests.devices.virtual_clock import VirtualClock

Work = Callable[[DeviceJob], Awaitable[JobResult]]

ARGS: dict[JobKind, msgspec.Struct] = {
    JobKind.PRINT_RECEIPT: PrintReceiptArgs(ReceiptDocument("Receipt", ())),
    JobKind.KICK_DRAWER: KickDrawerArgs(),
    JobKind.AUTHORISE_PAYMENT: AuthorisePaymentArgs("payment-1", 1200, "EUR"),
    JobKind.REFUND_PAYMENT: RefundPaymentArgs("refund-01", 1200, "EUR"),
    JobKind.REVERSE_PAYMENT: ReversePaymentArgs("refund-01", 1200, "EUR", "0001"),
    JobKind.RESERVE_PAYMENT: ReservePaymentArgs("payment-2", 1200, "EUR"),
    JobKind.CAPTURE_RESERVATION: CaptureReservationArgs("payment-2", 700, 1200, "EUR", "0002"),
    JobKind.RELEASE_RESERVATION: ReleaseReservationArgs("payment-2", 1200, "EUR", "0002"),
    JobKind.INQUIRE_PAYMENT: InquirePaymentArgs("payment-1", "pay-00001", 1200, "EUR"),
    JobKind.ABORT_PAYMENT: AbortPaymentArgs("pay-00001"),
    JobKind.END_OF_DAY: EndOfDayArgs(),
    JobKind.INQUIRE_END_OF_DAY: InquireEndOfDayArgs("eod-00001"),
    JobKind.REPEAT_CARD_RECEIPT: RepeatCardReceiptArgs(),
    JobKind.SERVICE_TERMINAL: ServiceTerminalArgs(),
    JobKind.LOG_OFF_TERMINAL: LogOffTerminalArgs(),
    JobKind.SHOW_LINES: ShowLinesArgs((DisplayLine("Whole milk 1 l", "1.29"),)),
    JobKind.PRINT_LABELS: PrintLabelsArgs((ShelfLabel("Whole milk", "1.29", "", "9520000000011"),)),
    JobKind.WEIGH: WeighArgs(price_minor=299),
    JobKind.CHECK_HEALTH: CheckHealthArgs(),
    JobKind.SAVE_RECORDING: SaveRecordingArgs(),
}
APPROVED = PaymentOutcome("approved", 1200, "4242", "Test")


def payload(sent: JobKind, job_id: str, deadline: int, /, **changes: Any) -> bytes:
    message = {
        "id": job_id,
        "kind": sent.value,
        "args": msgspec.to_builtins(ARGS[sent]),
        "deadline": deadline,
        "delivery": DELIVERY[sent].value,
        "correlation": f"c-{job_id}",
    }
    return msgspec.json.encode(message | changes)


class ScriptedDriver:
    """A driver whose jobs end as the test says; unasked they are done at once."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.state = DriverState.READY
        self.performed: list[str] = []
        self.work: dict[str, Work] = {}
        self.at_work = 0
        self.at_work_max = 0

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def perform(self, job: DeviceJob) -> JobResult:
        self.performed.append(job.id)
        self.at_work += job.kind is not JobKind.ABORT_PAYMENT
        self.at_work_max = max(self.at_work_max, self.at_work)
        try:
            if job.id in self.work:
                return await self.work[job.id](job)
            return job.done(self.clock.now_ms(), "done")
        finally:
            self.at_work -= job.kind is not JobKind.ABORT_PAYMENT

    def raises(self, job_id: str, *errors: Exception | None) -> None:
        """Raise these one after the other; None and the end of them is a done job."""
        left = list(errors)

        async def work(job: DeviceJob) -> JobResult:
            error = left.pop(0) if left else None
            if error is not None:
                raise error
            return job.done(self.clock.now_ms(), "done")

        self.work[job_id] = work

    def returns(self, job_id: str, result: Callable[[DeviceJob], JobResult]) -> None:
        async def work(job: DeviceJob) -> JobResult:
            return result(job)

        self.work[job_id] = work

    def holds(self, job_id: str) -> asyncio.Event:
        """Hold this job until the returned event is set."""
        go = asyncio.Event()

        async def work(job: DeviceJob) -> JobResult:
            await go.wait()
            return job.done(self.clock.now_ms(), "done")

        self.work[job_id] = work
        return go


class Desk:
    """`devices.job_router.job_queue.Desk` that keeps the answers."""

    def __init__(self, clock: VirtualClock, device: str = "device-1") -> None:
        self.device = device
        self.clock = clock
        self.driver = ScriptedDriver(clock)
        self.answers: list[JobResult] = []
        self.jobs_waiting = 0
        self.database = LoopDatabase()
        self.journal = JobJournal(self.database, clock)
        self.log_text = io.StringIO()
        self.log = open_log("test", self.log_text, clock=clock)
        self.kinds = frozenset(JobKind)
        self.tasks = Supervisor(clock, self.log)
        self.queue = self.new_queue()

    def new_queue(self) -> JobQueue:
        return JobQueue(
            self,
            kinds=self.kinds,
            journal=self.journal,
            clock=self.clock,
            log=self.log,
            spawn=self.tasks.spawn,
        )

    @property
    def trouble(self) -> JobError:
        return JobError(f"device_{self.driver.state.value}", "It is not ready.", "Help it.")

    def answer(self, result: JobResult) -> None:
        self.answers.append(result)

    def waiting(self, jobs: int) -> None:
        self.jobs_waiting = jobs

    def state(self, state: DriverState) -> None:
        self.driver.state = state
        self.queue.wake()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Desk]:
        await self.journal.open()
        async with self.tasks:
            self.tasks.start("jobs", self.queue.run, restart=False)
            yield self

    async def send(
        self, sent: JobKind, job_id: str, /, *, in_s: float = 60.0, **changes: Any
    ) -> None:
        """Send a job and wait until everything that can happen now has happened."""
        deadline = self.clock.now_ms() + round(in_s * 1000)
        job = read_job(payload(sent, job_id, deadline, **changes))
        assert job is not None
        self.queue.take(job)
        await self.clock.advance(0)

    def of(self, job_id: str) -> list[str]:
        """The statuses answered for a job, with the code where there is one."""
        return [
            answer.status.value + (f":{answer.error.code}" if answer.error else "")
            for answer in self.answers
            if answer.id == job_id
        ]

    def outcome(self, job_id: str) -> tuple[str, str]:
        (answer,) = [a for a in self.answers if a.id == job_id and a.status is JobStatus.DONE]
        outcome = msgspec.convert(msgspec.to_builtins(answer.result), PaymentOutcome)
        return outcome.outcome, outcome.code
