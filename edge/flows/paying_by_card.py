"""Card payments and refunds: asked for once, never again; then asked about until it is known.

An authorisation, a refund or a reversal is sent to the terminal's host once, right after its
intent is on disk. From then on only inquiries are sent: when the host came back, when the bus
did, when this process started anew, when no answer came. An inquiry never moves money; a host
that never saw the job answers that it never will do it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_messages import (
    AbortPaymentArgs,
    InquirePaymentArgs,
    JobKind,
    JobResult,
    JobStatus,
    PaymentOutcome,
)
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import INQUIRY_EVERY_MS, PAYMENT_ANSWER_MS_MAX, PAYMENT_QUIET_INQUIRIES
from edge.contract.wire import encode
from edge.engine.cart import ASKED, Cart, Tender
from edge.engine.cart_changes import apply
from edge.engine.tender_rules import complete_if_covered
from edge.flows.card_outcomes import (
    DEFINITE,
    differs,
    doubt_event,
    end_event,
    outcome_of,
    say_how_it_ended,
)
from edge.flows.job_dispatch import JobDispatch
from edge.flows.selling import Selling
from edge.flows.till import Till
from edge.ledger.records import OpenJob
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_INQUIRY: Final = "inquiry"
_IN_PROGRESS: Final = "in_progress"
"""How a host answers an inquiry about a payment that its terminal is busy with."""


@dataclass
class PayingByCard:
    """Watches every open card payment and refund of the store until it is definite."""

    selling: Selling
    dispatch: JobDispatch
    clock: Clock
    ids: Ids
    log: Log
    tasks: Supervisor
    _watched: dict[str, asyncio.Event] = field(default_factory=dict)
    _answers: dict[str, JobResult] = field(default_factory=dict)

    def begin(self, job: OpenJob) -> None:
        """Ask the terminal, once: called when the intent has just been committed."""
        self.dispatch.watch(job)
        self._watch(job, ask_first=True)

    def resume(self, job: OpenJob) -> None:
        """Take up a payment that was open when the process ended: only ask about it."""
        self.dispatch.watch(job)
        self._watch(job, ask_first=False)

    def host_back(self, host: str) -> None:
        """Ask about payments at a host that came back: answers may have been lost meanwhile."""
        for job in self.dispatch.open_jobs():
            wake = self._watched.get(job.job_id)
            if wake is not None and self.dispatch.directory.host_of(job.device) == host:
                wake.set()

    async def abort(self, till: Till) -> None:
        """Ask the terminal of a till to give up waiting for a card."""
        payment = till.cart.open_payment
        job = next(
            (
                job
                for job in self.dispatch.open_jobs()
                if payment and job.job_id == payment.tender_id
            ),
            None,
        )
        if job is None:
            raise Refused("no_payment_waits", "No card payment is waiting.")
        args = encode(AbortPaymentArgs(job.job_id))
        await self.dispatch.send(self._side_job(job, JobKind.ABORT_PAYMENT, args))

    # --- one payment ----------------------------------------------------------------------

    def _watch(self, job: OpenJob, *, ask_first: bool) -> None:
        self._watched[job.job_id] = asyncio.Event()
        _ = self.tasks.spawn(f"payment {job.job_id}", self._follow(job, ask_first=ask_first))

    async def _follow(self, job: OpenJob, *, ask_first: bool) -> None:
        wake = self._watched[job.job_id]
        try:
            if ask_first and await self.dispatch.send(job):
                await self._wait(wake, PAYMENT_ANSWER_MS_MAX)
            inquiries = 0
            while not await self._ended(job):
                inquiries += 1
                wake.clear()
                await self.dispatch.send(self._inquiry(job, inquiries))
                await self._wait(wake, INQUIRY_EVERY_MS)
                if inquiries >= PAYMENT_QUIET_INQUIRIES and not wake.is_set():
                    await self._doubt(job, "The terminal does not answer.")
        finally:
            self._watched.pop(job.job_id, None)
            self._answers.pop(job.job_id, None)

    async def _wait(self, wake: asyncio.Event, wait_ms: int) -> None:
        try:
            async with self.clock.timeout(wait_ms / 1000):
                await wake.wait()
        except TimeoutError:
            return

    async def _ended(self, job: OpenJob) -> bool:
        """Record an answer that came; say whether the payment is definite now."""
        result = self._answers.pop(job.job_id, None)
        if result is None:
            return False
        asked_about = result.id != job.job_id
        if asked_about and result.status is JobStatus.FAILED:
            # the question was not put (a busy terminal): that says nothing about the payment
            words = result.error.detail if result.error else "The terminal cannot be asked."
            await self._doubt(job, words)
            return False
        if result.status is JobStatus.FAILED:
            detail = result.error.detail if result.error else "The terminal was not asked."
            code = result.error.code if result.error else "failed"
            advice = result.error.advice if result.error else ""
            outcome = PaymentOutcome("declined", code=code, reason=detail, advice=advice)
        elif result.status is JobStatus.DONE:
            outcome = outcome_of(result)
        else:
            outcome = PaymentOutcome("unknown")
        if result.error is not None and result.error.code == _IN_PROGRESS:
            return False  # the terminal is at it: its own answer will come
        if outcome.outcome not in DEFINITE:
            words = result.error.detail if result.error else outcome.reason
            await self._doubt(job, words or "The terminal's answer is not known.")
            return False
        await self._settle(job, outcome, _INQUIRY if asked_about else "")
        return True

    async def hear(self, job: OpenJob, result: JobResult) -> None:
        """Take the result of an authorisation, or of an inquiry about it (`result.id`)."""
        kept = self._answers.get(job.job_id)
        if kept is None or kept.status is not JobStatus.DONE:  # an answer is not unsaid
            self._answers[job.job_id] = result
        wake = self._watched.get(job.job_id)
        if wake is not None:
            wake.set()

    async def _doubt(self, job: OpenJob, reason: str) -> None:
        def decide(cart: Cart, _: Till | None) -> tuple[Event, ...]:
            payment = _payment(cart, job)
            if payment is None or payment.state != ASKED:
                return ()
            return (doubt_event(job, reason),)

        await self.selling.step_sale(job.sale, job.till, decide)

    async def _settle(self, job: OpenJob, outcome: PaymentOutcome, resolved_by: str) -> None:
        def decide(cart: Cart, till: Till | None) -> tuple[Event, ...]:
            payment = _payment(cart, job)
            if payment is None:
                return ()
            event = end_event(job, payment, outcome, resolved_by)
            if differs(payment, outcome):
                asked, given = -payment.amount_minor, outcome.amount_minor
                self.log.error("refund_differs", refund=job.job_id, asked=asked, given=given)
            if till is None:
                return (event,)  # parked: it is completed where it is taken up again
            say_how_it_ended(till, cart, payment, outcome)
            after = apply(cart, event, 0)
            return (event, *complete_if_covered(after, till=till.id, receipts=till.receipts))

        self.dispatch.forget(job.job_id)
        await self.selling.step_sale(job.sale, job.till, decide, settled=(job.job_id,))
        self.log.info("payment_ended", payment=job.job_id, outcome=outcome.outcome, by=resolved_by)

    # --- messages -------------------------------------------------------------------------

    def _inquiry(self, job: OpenJob, number: int) -> OpenJob:
        asked = msgspec.json.decode(job.args)
        args = InquirePaymentArgs(job.job_id, job.job_id, asked["amount_minor"], asked["currency"])
        self.log.info("payment_inquired", payment=job.job_id, number=number)
        return self._side_job(job, JobKind.INQUIRE_PAYMENT, encode(args))

    def _side_job(self, job: OpenJob, kind: JobKind, args: bytes) -> OpenJob:
        deadline = self.clock.now_ms() + PAYMENT_ANSWER_MS_MAX
        side = OpenJob(self.ids.new(), kind, job.till, job.sale, job.device, 0, deadline, args)
        if kind is JobKind.INQUIRE_PAYMENT:
            self.dispatch.answers_for(side.job_id, job)
        return side


def _payment(cart: Cart, job: OpenJob) -> Tender | None:
    payment = cart.open_payment
    return payment if payment is not None and payment.tender_id == job.job_id else None
