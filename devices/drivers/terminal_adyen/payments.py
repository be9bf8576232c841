"""The till's side of nexo: one transaction in flight, and a truthful end for each.

A transaction is a payment, a refund or a reversal. Before the first byte of one a note with its
ServiceID is on disk. What was not answered is `unknown`: the terminal is asked for it by that
ServiceID (TransactionStatus), and money is never moved a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from devices.driver import SERVING, ConnectedDriver, DeviceJob, DriverPorts
from devices.drivers.terminal_adyen.line import KeyRefused, NexoLine
from devices.drivers.terminal_adyen.notes import PaymentNotes
from devices.drivers.terminal_adyen.settings import KeyReader, TerminalAdyenSettings
from devices.protocols import nexo_messages as nexo
from devices.protocols.nexo_messages import (
    CannotSay,
    Category,
    DiagnosisResponse,
    Header,
    Parties,
    PaymentResponse,
    ReversalResponse,
    TransactionStatusResponse,
)
from devices.protocols.nexo_names import service_id_of, time_in, timestamp
from devices.protocols.nexo_outcomes import (
    CANCELLED,
    Ended,
    NotFoundSince,
    PaymentNote,
    ended,
    judged,
    undecided,
)
from devices.protocols.nexo_words import ABORTED, BUSY, NOT_FOUND, Kind, condition_words
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import (
    AbortPaymentArgs,
    AuthorisePaymentArgs,
    InquirePaymentArgs,
    JobResult,
    PaymentOutcome,
    RefundPaymentArgs,
    ReversePaymentArgs,
)
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, Refused, SettingsInvalid
from edge.contract.limits import NEXO_FRESH_MS, TERMINAL_BUSY_RETRY_MS
from edge.contract.money import CURRENCY_DIGITS

_NOT_CONNECTED: Final = "The payment terminal is not connected."
_STILL_BUSY: Final = (
    "The terminal is still at the last payment.",
    "Look at the terminal's display.",
)
_LOOK: Final = "Look at the terminal and try again."

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


class TerminalAdyen(ConnectedDriver):
    """Speaks the Terminal API to one terminal in the shop's own network."""

    records_bytes = False

    def __init__(self, settings: TerminalAdyenSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._parties = Parties(settings.sale_id, settings.poi_id)
        self._notes = PaymentNotes(ports)
        self._key = KeyReader(settings.key_file)
        self._line: NexoLine | None = None
        self._why_not = _NOT_CONNECTED
        self._standing = ("", "")
        self._well_until_ms: int | None = None
        self._unheard = NotFoundSince()
        self._flight: _Flight | None = None

    # --- connection ----------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        line = self._new_line(stream)
        await self._settle_last(line)
        if not self._is_fresh:
            await self._greet(line)
        self._line = line
        if self._standing[0]:
            self.attention(*self._standing)
        else:
            self.ready()
        try:
            await line.pump()
        finally:
            self._line, self._why_not = None, _NOT_CONNECTED

    def _new_line(self, stream: ByteStream) -> NexoLine:
        return NexoLine(stream, self._settings, self.ports, self._key.read)

    @property
    def _is_fresh(self) -> bool:
        """Whether the terminal said a moment ago how it is: an idle connection ended, no more."""
        until_ms = self._well_until_ms
        now_ms = self.ports.clock.monotonic_ms()
        return self.state in SERVING and until_ms is not None and now_ms < until_ms

    async def _settle_last(self, line: NexoLine) -> None:
        """Find out what became of a transaction whose answer was not heard."""
        note = await self._notes.last()
        while note is not None and note.open:
            self._well_until_ms = None
            try:
                note = await self._ask_what_became(line, note)
            except (KeyRefused, SettingsInvalid) as error:
                await self._wait_for_person(error.message, error.advice)
                if isinstance(error, KeyRefused):
                    raise  # the connection is closed: on the next one the key is read again
            else:
                if note.open:
                    await self._wait_for_person(*_STILL_BUSY)

    async def _greet(self, line: NexoLine) -> None:
        """Ask how the terminal is until it answers; meanwhile a person is told why not."""
        while True:
            try:
                answer = await self._diagnose(line, host_too=False)
            except (KeyRefused, SettingsInvalid) as error:
                await self._wait_for_person(error.message, error.advice)
                if isinstance(error, KeyRefused):
                    raise
                continue
            if answer.response.error_condition != BUSY:
                self._well_until_ms = self.ports.clock.monotonic_ms() + NEXO_FRESH_MS
                self._standing = _standing(answer)
                self.ports.describe(serial_number=self._settings.poi_id)
                return
            await self._wait_for_person(*_STILL_BUSY)

    async def _wait_for_person(self, why: str, advice: str) -> None:
        self._why_not = why
        self.attention(why, advice)
        await self.ports.clock.sleep(TERMINAL_BUSY_RETRY_MS / 1000)

    async def _ready_line(self) -> NexoLine:
        await self.live_stream()
        if self._line is None:
            raise Refused("terminal_not_ready", self._why_not, advice=_LOOK)
        return self._line

    # --- questions -----------------------------------------------------------------------

    def _header(self, category: Category) -> Header:
        return self._parties.header(category, self._service_id())

    def _service_id(self) -> str:
        return service_id_of(self.ports.ids.new())

    async def _diagnose(self, line: NexoLine, *, host_too: bool) -> DiagnosisResponse:
        request = nexo.diagnosis(self._header(Category.DIAGNOSIS), host_too=host_too)
        answer = await line.ask(request, self._settings.answer_ms_max)
        if not isinstance(answer, DiagnosisResponse):
            raise TypeError(type(answer).__name__)
        return answer

    async def _ask_what_became(self, line: NexoLine, note: PaymentNote) -> PaymentNote:
        """Ask the terminal for an open transaction and return its note, perhaps still open.

        What only a person can settle is put down as undecided. Raises DeviceUnreachable and
        ProtocolViolation when nothing was heard that is the terminal's own.
        """
        if note.poi_id != self._settings.poi_id:
            self.ports.log.warning("payment_at_another_terminal", job=note.job, poi=note.poi_id)
            return await self._notes.give_up(note)
        request = nexo.transaction_status(self._header(Category.STATUS), note.header)
        try:
            answer = await line.ask(request, self._settings.answer_ms_max)
            if not isinstance(answer, TransactionStatusResponse):
                raise TypeError(type(answer).__name__)
            end = self._judged(note, answer)
        except CannotSay as error:
            self.ports.log.warning("payment_undecided", job=note.job, why=error.message)
            return await self._notes.give_up(note)
        if end is None:
            return note
        self.ports.log.info("payment_settled", job=note.job, outcome=end.outcome.outcome)
        return await self._notes.end(note, end)

    def _judged(self, note: PaymentNote, answer: TransactionStatusResponse) -> Ended | None:
        clock = self.ports.clock
        unheard_ms = 0
        if answer.response.error_condition == NOT_FOUND:
            unheard_ms = self._unheard.for_ms(note.service_id, clock.monotonic_ms())
        else:
            self._unheard = NotFoundSince()
        return judged(note, answer, clock.now_ms(), unheard_ms)

    # --- jobs ----------------------------------------------------------------------------

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
            note = await self._begin(line, job, args)
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

    async def _begin(self, line: NexoLine, job: DeviceJob, args: _Args) -> PaymentNote:
        """Settle what is open, and put the new one's note on disk."""
        earlier = await self._notes.last()
        if earlier is not None and earlier.open:
            earlier = await self._ask_what_became(line, earlier)
            if earlier.open:
                raise _busy()
        await self._prove_awake(line)
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
            raise Refused(error.code, error.message, advice=error.advice or _LOOK) from error
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
            return job.failed(now, "terminal_refused", end.outcome.reason, _LOOK)
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
                return job.failed(now, "abort_not_heard", error.message, _LOOK)
        return job.done(self.ports.clock.now_ms(), None)

    async def _check_health(self, job: DeviceJob) -> JobResult:
        line = await self._ready_line()
        answer = await self._diagnose(line, host_too=True)
        now = self.ports.clock.now_ms()
        words, advice = _standing(answer)
        if answer.response.error_condition:
            return job.failed(now, "terminal_refused", words, advice)
        return job.done(now, {"health": words or "ok"})


def _standing(answer: DiagnosisResponse) -> tuple[str, str]:
    """Return what is not well with the terminal and what to do; two empty texts when all is."""
    status = answer.poi_status
    if condition := answer.response.error_condition:
        return condition_words(condition, "diagnosis"), _LOOK
    if status.communication_ok_flag is False:
        words = "The terminal has no connection to the card network."
        return words, "Check the shop's line; until then cards may be refused."
    if status.global_status == "Maintenance":
        return "The terminal is being serviced.", "Wait until it is done."
    return "", ""


def _busy() -> Refused:
    return Refused("terminal_busy", condition_words(BUSY, Kind.PAYMENT), advice=_LOOK)


def _not_over() -> ProtocolViolation:
    words = "The terminal says that it is still at it."
    return ProtocolViolation("terminal_still_busy", words, advice=_LOOK)
