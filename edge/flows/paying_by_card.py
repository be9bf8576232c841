"""Card payments and refunds: asked for once, never again; then asked about until it is known.

An authorisation, a refund or a reversal is sent to the terminal's host once, right after its
intent is on disk. From then on only inquiries are sent: when the host came back, when the bus
did, when this process started anew, when no answer came. An inquiry never moves money; a host
that never saw the job answers that it never will do it.

A cashier may have it asked at once. What a person settled in a terminal's stead (`card_desk`) is
asked about all the same, less and less often: what the terminal says then is kept beside it, and
moves no money.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_messages import JobKind, JobResult, JobStatus
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    INQUIRY_EVERY_MS,
    INQUIRY_GAP_MS,
    PAYMENT_ANSWER_MS_MAX,
    PAYMENT_QUIET_INQUIRIES,
    RESOLVED_INQUIRY_MS_MAX,
    RESOLVED_WATCH_MS,
)
from edge.contract.terminal_messages import AbortPaymentArgs, InquirePaymentArgs, PaymentOutcome
from edge.contract.till_protocol import TillState
from edge.contract.wire import encode
from edge.engine.cart import ASKED, Cart
from edge.flows.card_desk import CardDesk
from edge.flows.card_endings import CardEnding, HeldError, standing
from edge.flows.card_outcomes import DEFINITE, doubt_event, outcome_of, reversal_doubt
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
    desk: CardDesk = field(default_factory=CardDesk)
    _watched: dict[str, asyncio.Event] = field(default_factory=dict)
    _answers: dict[str, JobResult] = field(default_factory=dict)
    _wished: set[str] = field(default_factory=set)

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
                self._wished.add(job.job_id)
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

    def ask_now(self, till: Till) -> None:
        """Ask at once about the payment, or refund, that is in doubt on a till."""
        payment = till.cart.open_payment
        names = () if payment is None else (payment.tender_id, payment.reversal)
        for job_id in names:
            wake = self._watched.get(job_id)
            if wake is not None:
                self._wished.add(job_id)
                wake.set()

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
            while self.dispatch.is_open(job.job_id) and not await self._ended(job):
                if inquiries and await self._rest(job, wake):
                    continue
                inquiries += 1
                wake.clear()
                at = self.clock.now_ms()  # the answer may be here before the sending has returned
                if await self.dispatch.send(self._inquiry(job, inquiries)):
                    self.desk.asked(job.job_id, at)
                    self._show(job)
                await self._wait(wake, self._pause_ms(job))
                if inquiries >= PAYMENT_QUIET_INQUIRIES and not wake.is_set():
                    await self._doubt(job, "The terminal does not answer.")
                if self.desk.settled_for_ms(job.job_id, self.clock.now_ms()) > RESOLVED_WATCH_MS:
                    await self._give_up(job)
        finally:
            self._watched.pop(job.job_id, None)
            self._answers.pop(job.job_id, None)
            self._wished.discard(job.job_id)
            self.desk.ended(job.job_id)

    async def _rest(self, job: OpenJob, wake: asyncio.Event) -> bool:
        """Wait a little behind an answer that decided nothing; say whether another one came.

        Somebody who wishes it, or a host that comes back, has it asked at once.
        """
        if job.job_id in self._wished or not wake.is_set():
            self._wished.discard(job.job_id)
            return False
        wake.clear()
        if job.job_id not in self._answers:
            await self._wait(wake, INQUIRY_GAP_MS)
        return job.job_id in self._answers

    def _pause_ms(self, job: OpenJob) -> int:
        """Return how long to wait for an answer: what a person settled is less and less urgent."""
        settled_for = self.desk.settled_for_ms(job.job_id, self.clock.now_ms())
        return min(RESOLVED_INQUIRY_MS_MAX, max(INQUIRY_EVERY_MS, settled_for))

    async def _give_up(self, job: OpenJob) -> None:
        """Ask no more about what a person settled long ago."""
        await self.selling.step_sale(
            job.sale, job.till, lambda _cart, _till: (), settled=(job.job_id,)
        )
        self.dispatch.forget(job.job_id)
        self.log.warning("payment_never_answered", payment=job.job_id)

    def _show(self, job: OpenJob) -> None:
        """Let the till that has the sale show when its terminal was asked, and what it said."""
        for till in self.selling.tills.values():
            if till.cart.sale == job.sale and till.cart.state is TillState.IN_DOUBT:
                self.selling.views.publish(till)

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
            await self._note(job, result.error.code if result.error else "", words)
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
            code = result.error.code if result.error else outcome.code
            await self._note(job, code, words or "The terminal's answer is not known.")
            return False
        try:
            await self._settle(job, outcome, _INQUIRY if asked_about else "")
        except HeldError:
            await self._note(job, outcome.code, outcome.reason or outcome.outcome)
            return False
        return True

    async def _note(self, job: OpenJob, code: str, words: str) -> None:
        """Keep what a terminal answered that decides nothing."""
        self.desk.answered(job.job_id, self.clock.now_ms(), code, words)
        await self._doubt(job, words)
        self._show(job)

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
            payment, reversal = standing(cart, job)
            if payment is None:
                return ()
            if reversal:
                asked = payment.reversal_state == ASKED
                return (reversal_doubt(job, payment, reason),) if asked else ()
            return (doubt_event(job, reason),) if payment.state == ASKED else ()

        await self.selling.step_sale(job.sale, job.till, decide)

    async def _settle(self, job: OpenJob, outcome: PaymentOutcome, resolved_by: str) -> None:
        """Record a definite outcome; raises HeldError when it decides nothing yet."""
        ending = CardEnding(job, outcome, resolved_by, self.desk, self.log)
        await self.selling.step_sale(job.sale, job.till, ending.decide, settled=ending.settled)
        for job_id in ending.settled:
            self.dispatch.forget(job_id)
            if wake := self._watched.get(job_id):
                wake.set()
        self.log.info("payment_ended", payment=job.job_id, outcome=outcome.outcome, by=resolved_by)
        if ending.late is not None and ending.late.differs:
            self._raise_alarm(job, outcome)

    def _raise_alarm(self, job: OpenJob, outcome: PaymentOutcome) -> None:
        """Say on the till that asked, and in the log, that a terminal contradicts a person."""
        self.log.error("card_contradiction", payment=job.job_id, said=outcome.outcome)
        till = self.selling.tills[job.till]
        till.say(
            "card_alarm",
            "trouble",
            "A terminal now says something else of a card payment than was settled by hand. "
            "Nothing was counted twice. Tell a supervisor.",
        )
        self.selling.views.publish_all()

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
