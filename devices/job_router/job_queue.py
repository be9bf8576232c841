"""Takes jobs from the bus to their device: each once, one at a time, in order, in time.

Each device has its own queue and its own worker: a stuck device delays nobody else.
What is printed waits until the device is ready, everything else until it answers at all; what
has passed its deadline is refused, and looked at again right before acting. Of lines for a
display only the newest waits, and it goes first: it takes no time, and a receipt that waits for
paper would make it old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from devices.driver import SERVING, DeviceJob, Driver
from devices.job_journal import JobJournal, Stage
from devices.job_router.incoming_jobs import JobInvalid, check_job
from devices.job_router.job_answers import (
    recorded_outcome,
    recorded_result,
    result_of_error,
    settled_outcome,
)
from edge.contract.device_limits import (
    JOB_RUN_S_MAX,
    JOBS_PER_DEVICE_MAX,
    WAIT_RECHECK_S,
)
from edge.contract.device_messages import (
    DELIVERY,
    NEWEST_COUNTS,
    Delivery,
    Job,
    JobError,
    JobKind,
    JobResult,
    JobStatus,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import (
    DeviceNeedsPerson,
    DeviceUnreachable,
    StorageFailed,
)
from edge.contract.instant import Clock
from edge.contract.terminal_messages import AbortPaymentArgs, InquirePaymentArgs, PaymentOutcome
from edge.runtime.structured_log import Log

_TRY_AGAIN_MS: Final = 1_000
"""What the printer sent back before the first byte is tried again after this."""
_PRINTED: Final = frozenset({JobKind.PRINT_RECEIPT, JobKind.PRINT_LABELS})
"""Kinds that wait until the device is ready: paper comes, and nobody need ask again."""


class Desk(Protocol):
    """What the router needs of the device it works for."""

    @property
    def device(self) -> str:
        """The device's id."""
        ...

    @property
    def driver(self) -> Driver:
        """The driver that runs now."""
        ...

    @property
    def trouble(self) -> JobError:
        """Why the device is not ready, and what a person should do."""
        ...

    def answer(self, result: JobResult) -> None:
        """Send a result; it is kept until the broker has it."""
        ...

    def waiting(self, jobs: int) -> None:
        """Say how many jobs wait for the device to become ready."""
        ...


@dataclass(eq=False)
class _Entry:
    job: DeviceJob
    correlation: str
    told: str = ""
    """The reason for waiting that was sent last."""
    begun: bool = False
    not_before_ms: int = 0
    sent_back: JobError | None = None
    """Why the device sent it back before anything happened."""


class JobQueue:
    """The jobs of one device; `take` from the bus, `run` works them off until cancelled."""

    def __init__(
        self,
        desk: Desk,
        *,
        kinds: frozenset[JobKind],
        journal: JobJournal,
        clock: Clock,
        log: Log,
        spawn: Callable[[str, Coroutine[Any, Any, None]], object],
    ) -> None:
        self._desk = desk
        self._kinds = kinds
        self._journal = journal
        self._clock = clock
        self._log = log
        self._spawn = spawn
        self._waiting: list[_Entry] = []
        self._running: _Entry | None = None
        self._aborting: set[str] = set()
        self._changed = asyncio.Event()
        self.counts: dict[str, int] = {}
        """Refusals by code, for the statistics."""

    # --- from the bus ---------------------------------------------------------------------

    def take(self, job: Job) -> None:
        """Take a job over; it is answered sooner or later, whatever it is."""
        if (same := self._at_hand(job.id)) is not None:
            same.correlation = job.correlation
            same.told = ""  # say again what it waits for
            self._changed.set()
            return
        if (known := self._journal.recent(job.id)) is not None:
            self._answer(recorded_result(known, self._clock.now_ms()), job.correlation)
            return
        try:
            checked = check_job(job, self._kinds)
        except JobInvalid as invalid:
            self._refuse(job.id, job.correlation, invalid.code, invalid.detail)
            return
        entry = _Entry(checked, job.correlation)
        if isinstance(checked.args, AbortPaymentArgs):
            self._take_abort(entry, checked.args)
        elif isinstance(checked.args, InquirePaymentArgs) and self._is_running(checked.args.job):
            error = JobError("in_progress", "The terminal is working on this payment.")
            self._answer(
                JobResult(job.id, JobStatus.UNKNOWN, self._clock.now_ms(), error=error),
                entry.correlation,
            )
        elif checked.kind in NEWEST_COUNTS:
            self._supersede(checked.kind)
            self._waiting.insert(0, entry)
            self._changed.set()
        elif len(self._waiting) >= JOBS_PER_DEVICE_MAX:
            self._refuse(
                job.id, job.correlation, "queue_full", f"{JOBS_PER_DEVICE_MAX} jobs wait already."
            )
        else:
            self._waiting.append(entry)
            self._changed.set()

    def _supersede(self, kind: JobKind) -> None:
        """Refuse what waits of a kind of which only the newest counts: there is a newer one."""
        for entry in [entry for entry in self._waiting if entry.job.kind is kind]:
            self._waiting.remove(entry)
            words = "A newer one came before its turn."
            self._refuse(entry.job.id, entry.correlation, "superseded", words)

    def wake(self) -> None:
        """Look again: the device's state has changed."""
        self._changed.set()

    async def take_over(self, other: JobQueue) -> None:
        """Take over what waits in the queue of the same device's former driver."""
        moved, other._waiting = other._waiting, []
        for entry in moved:
            if entry.job.kind in self._kinds:
                self._waiting.append(entry)
            else:
                await self._dismiss(
                    entry, JobError("kind_unknown", "The new driver does not take such jobs.")
                )
        self._changed.set()

    async def dismiss(self, why: JobError) -> None:
        """Refuse everything that waits: the device is gone."""
        moved, self._waiting = self._waiting, []
        for entry in moved:
            await self._dismiss(entry, why)

    async def _dismiss(self, entry: _Entry, why: JobError) -> None:
        known = None if entry.begun else await self._journal.find(entry.job.id)
        now = self._clock.now_ms()
        if known is not None:
            self._answer(recorded_result(known, now), entry.correlation)
            return
        self._count(why.code)
        result = JobResult(entry.job.id, JobStatus.FAILED, now, error=why)
        if entry.begun:
            await self._journal.finish(self._desk.device, entry.job.kind, result, now=False)
        self._answer(result, entry.correlation)

    # --- the worker -----------------------------------------------------------------------

    async def run(self) -> None:
        """Work the queue off until cancelled; a job under way then ends as unknown."""
        while True:
            self._changed.clear()
            now = self._clock.now_ms()
            if late := [entry for entry in self._waiting if entry.job.deadline <= now]:
                for expired in late:
                    if expired in self._waiting:  # the one before took its time: gone meanwhile?
                        self._waiting.remove(expired)
                        await self._answer_late(expired)
                continue
            entry = next((entry for entry in self._waiting if self._may_run(entry, now)), None)
            if entry is None:
                await self._tell_waiting()
                await self._wait(now)
                continue
            self._waiting.remove(entry)
            self._running = entry
            try:
                await self._run_one(entry)
            finally:
                self._running = None

    async def _wait(self, now: int) -> None:
        until = [entry.job.deadline for entry in self._waiting]
        until += [entry.not_before_ms for entry in self._waiting if entry.not_before_ms > now]
        wait_s = min((min(until) - now) / 1000, WAIT_RECHECK_S) if until else None
        try:
            async with self._clock.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _may_run(self, entry: _Entry, now: int) -> bool:
        if now < entry.not_before_ms:
            return False
        state = self._desk.driver.state
        match entry.job.kind:
            case JobKind.INQUIRE_PAYMENT:
                return not entry.told or state in SERVING  # the record alone may know the answer
            case kind if kind in _PRINTED:
                return state is DriverState.READY
            case _:
                return state in SERVING

    async def _tell_waiting(self) -> None:
        self._desk.waiting(len(self._waiting))
        for entry in list(self._waiting):
            trouble = entry.sent_back or self._desk.trouble
            if entry.told == trouble.code:
                continue
            known = None
            if not (entry.told or entry.begun):  # a repeat of a done job needs no device
                known = await self._journal.find(entry.job.id)
                if entry not in self._waiting:
                    continue  # answered while the disk was read
            entry.told = trouble.code
            if known is not None:
                self._drop(entry)
                self._answer(recorded_result(known, self._clock.now_ms()), entry.correlation)
                continue
            self._answer(
                JobResult(entry.job.id, JobStatus.ACCEPTED, self._clock.now_ms(), error=trouble),
                entry.correlation,
            )

    async def _answer_late(self, entry: _Entry) -> None:
        words = f"The {entry.job.kind} was not begun before its deadline."
        advice = self._desk.trouble.advice if entry.told else ""
        await self._dismiss(entry, JobError("expired", words, advice))

    async def _run_one(self, entry: _Entry) -> None:
        job = entry.job
        if isinstance(job.args, InquirePaymentArgs):
            await self._inquire(entry, job.args)
            return
        durable = DELIVERY[job.kind] is not Delivery.REPEATABLE
        if durable and not entry.begun:
            known = await self._journal.begin(job.id, self._desk.device, job.kind)
            if known is not None:
                self._answer(recorded_result(known, self._clock.now_ms()), entry.correlation)
                return
            entry.begun = True
            if job.deadline <= self._clock.now_ms():  # the disk took its time
                await self._answer_late(entry)
                return
        result = await self._perform(entry)
        if result is None:
            return
        if durable:
            await self._journal.finish(
                self._desk.device,
                job.kind,
                result,
                now=DELIVERY[job.kind] is Delivery.INQUIRE_ONLY,
            )
        self._answer(result, entry.correlation)

    async def _perform(self, entry: _Entry) -> JobResult | None:
        """Have the driver do it; None when the job waits for another turn."""
        job = entry.job
        entry.sent_back = None
        try:
            async with self._clock.timeout(JOB_RUN_S_MAX):
                result = await self._desk.driver.perform(job)
        except asyncio.CancelledError:
            # the device is being stopped: its record stays `begun`, which answers unknown
            result = job.unknown(
                self._clock.now_ms(), "broken_off", "The device was stopped during this job."
            )
            self._answer(result, entry.correlation)
            raise
        except StorageFailed:
            raise
        except (DeviceUnreachable, DeviceNeedsPerson) as error:
            if job.kind in _PRINTED:
                entry.sent_back = JobError(error.code, error.message, error.advice)
                entry.not_before_ms = self._clock.now_ms() + _TRY_AGAIN_MS
                self._waiting.insert(0, entry)
                return None
            return result_of_error(error, job, self._clock.now_ms())
        except Exception as error:  # noqa: BLE001 - a defect of one driver is not the queue's end
            ended = result_of_error(error, job, self._clock.now_ms())
            return ended or self._defect(job, repr(error))
        if result.id != job.id or result.status is JobStatus.ACCEPTED:
            return self._defect(job, f"a result that is none: {result.id} {result.status}")
        return result

    def _defect(self, job: DeviceJob, words: str) -> JobResult:
        self._log.error("job_defect", job=job.id, kind=job.kind, defect=words)
        return job.unknown(
            self._clock.now_ms(), "driver_defect", "The driver failed during this job."
        )

    # --- payments -------------------------------------------------------------------------

    async def _inquire(self, entry: _Entry, args: InquirePaymentArgs) -> None:
        """Say what became of a payment: from the record when it knows, else by the terminal.

        A refund and a reversal too: their kind stands in the record of the job that is named.
        """
        self._withdraw(args.job)
        known = await self._journal.refuse(args.job, self._desk.device, JobKind.INQUIRE_PAYMENT)
        if known is None or known.stage is Stage.REFUSED:
            never = PaymentOutcome(
                "declined", code="never_begun", reason="The terminal was never asked for this."
            )
            self._answer(entry.job.done(self._clock.now_ms(), never), entry.correlation)
            return
        outcome = recorded_outcome(known.result)
        if outcome is None:
            if self._desk.driver.state not in SERVING:
                entry.told = "asks_terminal"  # from here on it waits for the terminal
                self._waiting.insert(0, entry)
                return
            result = await self._perform(entry)
            if result is None:
                return
            # only `done` speaks of the payment; any other end is the inquiry's own
            outcome = settled_outcome(result.result) if result.status is JobStatus.DONE else None
            if outcome is None:
                self._answer(result, entry.correlation)
                return
            settled = JobResult(args.job, JobStatus.DONE, result.ts, outcome)
            await self._journal.finish(self._desk.device, JobKind(known.kind), settled, now=True)
        self._answer(entry.job.done(self._clock.now_ms(), outcome), entry.correlation)

    def _withdraw(self, job_id: str) -> None:
        """Take a payment that was not begun out of the queue: it never will be."""
        for entry in self._waiting:
            if entry.job.id == job_id:
                self._drop(entry)
                self._refuse(
                    job_id, entry.correlation, "withdrawn", "An inquiry or abort came first."
                )
                return

    def _take_abort(self, entry: _Entry, args: AbortPaymentArgs) -> None:
        if self._is_running(args.job):
            if args.job in self._aborting:
                words = "The terminal is being asked to give up already."
                self._refuse(entry.job.id, entry.correlation, "abort_under_way", words)
                return
            self._aborting.add(args.job)
            self._spawn(f"abort on {self._desk.device}", self._abort(entry, args.job))
            return
        waiting = next((other for other in self._waiting if other.job.id == args.job), None)
        if waiting is None or DELIVERY[waiting.job.kind] is not Delivery.INQUIRE_ONLY:
            self._refuse(
                entry.job.id, entry.correlation, "nothing_to_abort", "No such payment is under way."
            )
            return
        self._drop(waiting)
        self._spawn(f"withdrawal on {self._desk.device}", self._cancel_waiting(waiting, entry))

    async def _abort(self, entry: _Entry, payment_job: str) -> None:
        try:
            result = await self._perform(entry)
        finally:
            self._aborting.discard(payment_job)
        if result is not None:
            self._answer(result, entry.correlation)

    async def _cancel_waiting(self, payment: _Entry, abort: _Entry) -> None:
        known = await self._journal.refuse(payment.job.id, self._desk.device, payment.job.kind)
        now = self._clock.now_ms()
        if known is not None:
            self._answer(recorded_result(known, now), payment.correlation)
        else:
            reason = "Given up before the terminal was asked."
            outcome = PaymentOutcome("cancelled", code="never_begun", reason=reason)
            self._answer(payment.job.done(now, outcome), payment.correlation)
        self._answer(abort.job.done(now, {"aborted": True}), abort.correlation)

    # --- answers --------------------------------------------------------------------------

    def _is_running(self, job_id: str) -> bool:
        return self._running is not None and self._running.job.id == job_id

    def _at_hand(self, job_id: str) -> _Entry | None:
        if self._running is not None and self._running.job.id == job_id:
            return self._running
        return next((entry for entry in self._waiting if entry.job.id == job_id), None)

    def _drop(self, entry: _Entry) -> None:
        if entry in self._waiting:
            self._waiting.remove(entry)

    def _refuse(self, job_id: str, correlation: str, code: str, detail: str) -> None:
        self._count(code)
        error = JobError(code, detail)
        self._answer(
            JobResult(job_id, JobStatus.FAILED, self._clock.now_ms(), error=error), correlation
        )

    def _answer(self, result: JobResult, correlation: str) -> None:
        self._desk.answer(msgspec.structs.replace(result, correlation=correlation))

    def _count(self, code: str) -> None:
        self.counts[code] = self.counts.get(code, 0) + 1
