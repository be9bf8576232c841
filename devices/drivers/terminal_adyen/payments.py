"""The till's side of nexo: one transaction in flight, and a truthful end for each.

A transaction is a payment, a refund or a reversal. Before the first byte of one a note with its
ServiceID is on disk. What was not answered is `unknown`: the terminal is asked for it by that
ServiceID (TransactionStatus), and money is never moved a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from devices.driver import DeviceJob, DriverPorts
from devices.drivers.terminal_adyen.connection import LOOK, AdyenConnection, standing
from devices.drivers.terminal_adyen.line import NexoLine, NotSent
from devices.drivers.terminal_adyen.settings import TerminalAdyenSettings
from devices.protocols import nexo_messages as nexo
from devices.protocols.nexo_messages import (
    Category,
    Header,
    PaymentResponse,
    ReversalResponse,
)
from devices.protocols.nexo_names import time_in, timestamp
from devices.protocols.nexo_outcomes import (
    CANCELLED,
    DECLINED,
    Ended,
    PaymentNote,
    ended,
    undecided,
)
from devices.protocols.nexo_words import ABORTED, BUSY, Kind, condition_words
from edge.contract.device_messages import JobResult
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, Refused, SettingsInvalid
from edge.contract.money import CURRENCY_DIGITS
from edge.contract.terminal_messages import (
    AbortPaymentArgs,
    AuthorisePaymentArgs,
    InquirePaymentArgs,
    PaymentOutcome,
    RefundPaymentArgs,
    ReversePaymentArgs,
)

_Args = AuthorisePaymentArgs | RefundPaymentArgs | ReversePaymentArgs
_KINDS: Final[dict[type[_Args], Kind]] = {
    AuthorisePaymentArgs: Kind.PAYMENT,
    RefundPaymentArgs: Kind.REFUND,
    ReversePaymentArgs: Kind.REVERSAL,
}


@dataclass
class _Flight:
    """The transaction in flight. `asked`: its request is out, only the terminal can stop it."""

    job: str
    asked: Header | None = None
    abort_wanted: bool = False


class TerminalAdyen(AdyenConnection):
    """Speaks the Terminal API to one terminal in the shop's own network."""

    def __init__(self, settings: TerminalAdyenSettings, ports: DriverPorts) -> None:
        super().__init__(settings, ports)
        self._flight: _Flight | None = None

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        match job.args:
            case AuthorisePaymentArgs() | RefundPaymentArgs() | ReversePaymentArgs() as args:
                return await self._transact(job, args)
            case InquirePaymentArgs() as args:
                outcome = await self._inquire(args)
                return job.done(self.ports.clock.now_ms(), outcome)
            case AbortPaymentArgs() as args:
                return await self._abort(job, args)
            case _:
                return await self._check_health(job)

    async def _transact(self, job: DeviceJob, args: _Args) -> JobResult:
        if args.currency not in CURRENCY_DIGITS:
            words = f"The terminal is not asked for {args.currency[:10]}."
            raise Refused("currency_not_taken", words)
        flight = self._flight = _Flight(job.id)
        try:
            line = await self._ready_line()
            self._check_key()
            await self._settle_earlier(line)
            await self._prove_awake(line)
            if not line.is_open:  # some terminals close the connection behind each answer
                line = await self._ready_line()
            note = await self._begin(job, args)
            request = await self._request(note)
            if flight.abort_wanted:
                words = condition_words(ABORTED, note.kind)
                given_up = PaymentOutcome(CANCELLED, code=ABORTED, reason=words)
                await self._notes.end(note, Ended(given_up))
                return job.done(self.ports.clock.now_ms(), given_up)
            flight.asked = note.header
            return await self._carry_out(line, job, note, request)
        finally:
            self._flight = None

    def _check_key(self) -> None:
        try:
            self._key.read()
        except SettingsInvalid as error:
            raise Refused(error.code, error.message, advice=error.advice) from error

    async def _settle_earlier(self, line: NexoLine) -> None:
        """Find out what became of the one before: only then another may begin."""
        earlier = await self._notes.last()
        if earlier is not None and earlier.open:
            earlier = await self._ask_what_became(line, earlier)
            if earlier.open:
                raise _busy()

    async def _begin(self, job: DeviceJob, args: _Args) -> PaymentNote:
        """Put the note of a new transaction on disk."""
        note = PaymentNote(
            job.id,
            _KINDS[type(args)],
            args.amount_minor,
            args.currency,
            self._settings.sale_id,
            self._settings.poi_id,
            self._service_id(),
            self.ports.clock.now_ms(),
            args.receipt if isinstance(args, ReversePaymentArgs) else "",
        )
        await self._notes.begin(note)
        return note

    async def _prove_awake(self, line: NexoLine) -> None:
        """Have the terminal answer on this very connection before it is asked for money on it.

        Where it hangs, a request would lie unread until long after it was given up, while the
        terminal truly says on another connection that it never got it.
        """
        try:
            answer = await self._diagnose(line, host_too=False)
        except ProtocolViolation as error:  # nothing was asked for: it certainly did not happen
            raise Refused(error.code, error.message, advice=error.advice or LOOK) from error
        if answer.response.error_condition == BUSY:
            raise _busy()

    async def _carry_out(
        self, line: NexoLine, job: DeviceJob, note: PaymentNote, request: nexo.Request
    ) -> JobResult:
        """Send the request and wait for its answer; from here on money may have moved."""
        self.ports.report(health="Look at the terminal")
        try:
            answer = await line.ask(request, self._settings.payment_ms_max)
            if not isinstance(answer, PaymentResponse | ReversalResponse):
                raise TypeError(type(answer).__name__)
            end = ended(note, answer)
        except NotSent:
            words = f"The {note.kind} was not sent."
            unsent = PaymentOutcome(DECLINED, code="not_sent", reason=words)
            await self._notes.end(note, Ended(unsent))
            raise
        except (DeviceUnreachable, ProtocolViolation) as error:
            await line.close()
            return self._unknown(job, note, error)
        finally:
            if self._line is not None:
                self.ports.report(health=self._standing[0])
        if end is None:
            await line.close()
            return self._unknown(job, note, _not_over())
        await self._notes.end(note, end)
        now = self.ports.clock.now_ms()
        if end.outcome.code == BUSY and note.kind is Kind.PAYMENT:
            return job.failed(now, "terminal_refused", end.outcome.reason, LOOK)
        return job.done(now, end.outcome)

    def _unknown(
        self, job: DeviceJob, note: PaymentNote, error: DeviceUnreachable | ProtocolViolation
    ) -> JobResult:
        self.ports.count(f"Unknown{note.kind.capitalize()}Count")
        self._well_until_ms = None
        return job.unknown(self.ports.clock.now_ms(), error.code, error.message, error.advice)

    async def _request(self, note: PaymentNote) -> nexo.Request:
        at, money = timestamp(note.begun_ms), (note.amount_minor, note.currency)
        if note.kind is Kind.REVERSAL:
            booked_at = await self._notes.time_of(note.reverses) or time_in(note.reverses) or at
            return nexo.reversal(note.header, note.job, at, note.reverses, booked_at)
        if note.kind is Kind.REFUND:
            return nexo.refund(note.header, note.job, at, *money)
        return nexo.payment(note.header, note.job, at, *money)

    async def _inquire(self, args: InquirePaymentArgs) -> PaymentOutcome:
        note = await self._notes.of(args.job)
        if note is not None and note.open:
            line = await self._ready_line()
            # the connection may have settled it while we waited
            note = await self._notes.of(args.job) or note
            if note.open:
                note = await self._ask_what_became(line, note)
            if note.open:
                raise _busy()
        if note is None:
            # the note is on disk before the first byte: without one nothing was sent
            return PaymentOutcome(
                "declined", code="never_begun", reason="The terminal was never asked."
            )
        return note.outcome or undecided(note.kind)

    async def _abort(self, job: DeviceJob, args: AbortPaymentArgs) -> JobResult:
        """Tell the terminal, on a connection of its own: the other one waits for the end.

        Nothing answers an abort but the end of what it aborts, so `done` is only that the
        terminal was told.
        """
        flight = self._flight
        if flight is None or flight.job != args.job:
            words = "The terminal is not at this payment."
            return job.failed(self.ports.clock.now_ms(), "nothing_to_abort", words)
        flight.abort_wanted = True
        if flight.asked is not None:
            request = nexo.abort(self._header(Category.ABORT), flight.asked)
            try:
                line = self._new_line(await self.ports.connect())
                await line.tell(request, self._settings.answer_ms_max)
            except (DeviceUnreachable, ProtocolViolation, SettingsInvalid) as error:
                now = self.ports.clock.now_ms()
                return job.failed(now, "abort_not_heard", error.message, LOOK)
        return job.done(self.ports.clock.now_ms(), None)

    async def _check_health(self, job: DeviceJob) -> JobResult:
        line = await self._ready_line()
        answer = await self._diagnose(line, host_too=True)
        now = self.ports.clock.now_ms()
        words, advice = standing(answer)
        if answer.response.error_condition:
            return job.failed(now, "terminal_refused", words, advice)
        return job.done(now, {"health": words or "ok"})


def _busy() -> Refused:
    return Refused("terminal_busy", condition_words(BUSY, Kind.PAYMENT), advice=LOOK)


def _not_over() -> ProtocolViolation:
    words = "The terminal says that it is still at it."
    return ProtocolViolation("terminal_still_busy", words, advice=LOOK)
