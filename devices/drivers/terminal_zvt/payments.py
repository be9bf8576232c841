"""The till's side of ZVT: one transaction in flight, and a truthful end for each.

A transaction is a payment, a refund, a reversal, or a reservation and what becomes of it.
Before the first byte of one a note with the terminal's last stored transaction is on disk; what
the terminal says is on disk before it is acknowledged. What was not heard to the end is
`unknown`: it is asked about (06 20), and money is never moved a second time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from devices.driver import DeviceJob, DriverPorts
from devices.drivers.terminal_zvt.connection import LOOK, STILL_BUSY, TerminalConnection, busy
from devices.drivers.terminal_zvt.end_of_day import EndOfDay
from devices.drivers.terminal_zvt.hearing import Hearing
from devices.drivers.terminal_zvt.line import ZvtLine
from devices.drivers.terminal_zvt.services import TerminalServices
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_apdu import Apdu
from devices.protocols.zvt_messages import Answer
from devices.protocols.zvt_recovery import (
    LastStored,
    PaymentNote,
    booking_of,
    refused,
    undecided,
)
from devices.protocols.zvt_results import ABORTED, BUSY, OK, result_words
from devices.protocols.zvt_transactions import Kind
from edge.contract.device_messages import JobResult
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, Refused
from edge.contract.money import CURRENCY_NUMBERS
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

_RECEIPT_MAX: Final = 9_999

_Args = (
    AuthorisePaymentArgs
    | RefundPaymentArgs
    | ReversePaymentArgs
    | ReservePaymentArgs
    | CaptureReservationArgs
    | ReleaseReservationArgs
)
_KINDS: Final[dict[type[_Args], Kind]] = {
    AuthorisePaymentArgs: Kind.PAYMENT,
    RefundPaymentArgs: Kind.REFUND,
    ReversePaymentArgs: Kind.REVERSAL,
    ReservePaymentArgs: Kind.RESERVATION,
    CaptureReservationArgs: Kind.CAPTURE,
    ReleaseReservationArgs: Kind.RELEASE,
}


@dataclass
class _Flight:
    """The transaction in flight. `sent`: its command is out, only the terminal can stop it."""

    job: str
    sent: bool = False
    abort_wanted: bool = False
    abort_answer: asyncio.Future[int] | None = None

    def answer_abort(self, code: int) -> None:
        if self.abort_answer is not None and not self.abort_answer.done():
            self.abort_answer.set_result(code)


class TerminalZvt(TerminalConnection):
    """Speaks ZVT as the electronic cash register."""

    def __init__(self, settings: TerminalZvtSettings, ports: DriverPorts) -> None:
        super().__init__(settings, ports)
        self._flight: _Flight | None = None
        self._end_of_day = EndOfDay(ports, settings.answer_ms_max)
        self._services = TerminalServices(settings, ports)

    @override
    async def _settle_open(self, line: ZvtLine) -> None:
        note = await self._notes.last()
        while note is not None and note.open:
            answer = await self._ask_last_stored(line)
            if answer is not None:
                note = await self._notes.decide(note, answer)
            if note.open:
                await self._wait_until_asked_again(line)
        while not await self._end_of_day.settle(line, self._password):
            await self._wait_until_asked_again(line)

    async def _wait_until_asked_again(self, line: ZvtLine) -> None:
        await self._wait_for_person(*STILL_BUSY)
        if line.forgotten:
            await self._register(line)

    async def _nothing_open(self, line: ZvtLine) -> LastStored:
        """Return what the terminal has stored; raises Refused unless all before is decided."""
        last = await self._ask_last_stored(line)
        if last is None and line.forgotten:
            await self._register_again(line)
            last = await self._ask_last_stored(line)
        if last is None:
            raise busy()
        earlier = await self._notes.last()
        if earlier is not None and earlier.open:
            earlier = await self._notes.decide(earlier, last)
            if earlier.open:
                raise busy()
        if not await self._end_of_day.settle(line, self._password):
            raise busy()
        return last

    # --- jobs ----------------------------------------------------------------------------

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        match job.args:
            case (
                AuthorisePaymentArgs()
                | RefundPaymentArgs()
                | ReversePaymentArgs()
                | ReservePaymentArgs()
                | CaptureReservationArgs()
                | ReleaseReservationArgs()
            ) as args:
                return await self._transact(job, args)
            case InquirePaymentArgs() as args:
                outcome = await self._inquire(args)
                return job.done(self.ports.clock.now_ms(), outcome)
            case AbortPaymentArgs() as args:
                return await self._abort(job, args)
            case EndOfDayArgs():
                return await self._close_batch(job)
            case InquireEndOfDayArgs(end_of_day):
                return await self._inquire_end_of_day(job, end_of_day)
            case _:
                return await self._serve_job(job)

    async def _close_batch(self, job: DeviceJob) -> JobResult:
        line = await self._ready_line()
        await self._nothing_open(line)
        await self._notes.batch_closed()
        try:
            return await self._end_of_day.run(job, line, self._password)
        finally:
            self._show_standing()

    async def _inquire_end_of_day(self, job: DeviceJob, end_of_day: str) -> JobResult:
        if await self._end_of_day.is_open(end_of_day):
            line = await self._ready_line()
            if not await self._end_of_day.settle(line, self._password):
                raise busy()
        outcome = await self._end_of_day.outcome(end_of_day)
        return job.done(self.ports.clock.now_ms(), outcome)

    async def _serve_job(self, job: DeviceJob) -> JobResult:
        line, services = await self._ready_line(), self._services
        try:
            match job.args:
                case RepeatCardReceiptArgs():
                    return await services.repeat_receipt(job, line, self._password)
                case ServiceTerminalArgs(initialise):
                    return await services.service(job, line, self._password, initialise=initialise)
                case LogOffTerminalArgs():
                    result, self._logged_off = await services.log_off(job, line)
                    return result
                case _:
                    return await services.check_health(job, line, self._password)
        finally:
            self._show_standing()

    def _show_standing(self) -> None:
        """Report how the terminal is, in place of what it showed during a dialogue."""
        if self._line is not None:
            self.ports.report(health=self._standing)

    async def _transact(self, job: DeviceJob, args: _Args) -> JobResult:
        if args.currency != self._settings.currency:
            raise Refused(
                "currency_not_taken",
                f"The terminal takes {self._settings.currency}, not {args.currency}.",
            )
        receipt, of_amount = _named_by(args)
        flight = self._flight = _Flight(job.id)
        try:
            line = await self._ready_line()
            note, sync_receipt = await self._begin(line, job, args, receipt, of_amount)
            if flight.abort_wanted:
                outcome = await self._notes.end(note, refused(ABORTED, kind=note.kind))
                return job.done(self.ports.clock.now_ms(), outcome)
            return await self._carry_out(line, job, note, sync_receipt)
        finally:
            self._flight = None
            flight.answer_abort(OK)
            self._show_standing()

    async def _begin(
        self, line: ZvtLine, job: DeviceJob, args: _Args, receipt: str, of_amount: int
    ) -> tuple[PaymentNote, bytes | None]:
        """Ask what is stored, settle what is open, and put the new one's note on disk."""
        last = await self._nothing_open(line)
        earlier = await self._notes.last()
        kind = _KINDS[type(args)]
        status = last.status
        note = PaymentNote(
            job.id,
            args.amount_minor,
            CURRENCY_NUMBERS[args.currency],
            asked=last.said and await self._notes.names(kind, earlier, last),
            baseline=None if status is None else booking_of(status),
            begun_ms=self.ports.clock.now_ms(),
            nothing_code=last.code,
            kind=kind,
            reverses=receipt,
            of_amount_minor=of_amount,
        )
        _refuse_other_amount(note)
        await self._notes.begin(note)
        return note, await self._notes.mirrored(last)

    async def _carry_out(
        self, line: ZvtLine, job: DeviceJob, note: PaymentNote, sync_receipt: bytes | None
    ) -> JobResult:
        """Send the command and hear it to the end; from here on money may have moved."""
        hearing = Hearing(note, self._notes, self.ports)
        flight = self._flight or _Flight(job.id)
        flight.sent = True
        command = self._command(note, sync_receipt)
        try:
            end = await line.converse(command, hearing.listen, flight.answer_abort)
        except (DeviceUnreachable, ProtocolViolation) as error:
            self._count_unknown(note)
            return job.unknown(self.ports.clock.now_ms(), error.code, error.message, error.advice)
        outcome = hearing.outcome(end)
        now = self.ports.clock.now_ms()
        if outcome is None:
            self._count_unknown(note)
            return job.unknown(
                now,
                "end_contradicts",
                "The terminal's last words contradict each other.",
                "Wait: the terminal is asked what it has booked.",
            )
        await self._notes.end(hearing.note, outcome)
        if isinstance(end, Answer) and note.kind is Kind.PAYMENT:
            return job.failed(now, "terminal_refused", outcome.reason, LOOK)
        return job.done(now, outcome)

    def _command(self, note: PaymentNote, sync_receipt: bytes | None) -> Apdu:
        amount, currency = note.amount_minor, note.currency_number
        receipt = int(note.reverses or 0)
        match note.kind:
            case Kind.REVERSAL:
                return commands.reversal(self._password, receipt, sync_receipt=sync_receipt)
            case Kind.REFUND:
                return commands.refund(self._password, amount, currency, sync_receipt=sync_receipt)
            case Kind.RESERVATION:
                return commands.reservation(amount, currency, sync_receipt=sync_receipt)
            case Kind.CAPTURE:
                released = note.of_amount_minor - amount
                return commands.capture(receipt, released, currency, sync_receipt=sync_receipt)
            case Kind.RELEASE:
                return commands.release(receipt, currency)
            case Kind.PAYMENT:
                return commands.authorisation(amount, currency, sync_receipt=sync_receipt)

    def _count_unknown(self, note: PaymentNote) -> None:
        self.ports.count(f"Unknown{note.kind.capitalize()}Count")

    async def _inquire(self, args: InquirePaymentArgs) -> PaymentOutcome:
        note = await self._notes.of(args.job)
        if note is not None and note.open:
            line = await self._ready_line()
            # the connection may have settled it while we waited
            note = await self._notes.of(args.job) or note
            if note.open:
                last = await self._ask_last_stored(line)
                if last is not None:
                    note = await self._notes.decide(note, last)
            if note.open:
                raise busy()
        if note is None:
            # the note is on disk before the first byte: without one nothing was sent
            return PaymentOutcome(
                "declined", code="never_begun", reason="The terminal was never asked."
            )
        return note.outcome or undecided(note.kind)

    async def _abort(self, job: DeviceJob, args: AbortPaymentArgs) -> JobResult:
        flight, line = self._flight, self._line
        if flight is None or flight.job != args.job:
            return job.failed(
                self.ports.clock.now_ms(),
                "nothing_to_abort",
                "The terminal is not at this payment.",
            )
        flight.abort_wanted = True
        if flight.sent and line is not None:
            answer = flight.abort_answer = asyncio.get_running_loop().create_future()
            await line.send(commands.abort())
            try:
                async with self.ports.clock.timeout(self._settings.answer_ms_max / 1000):
                    refusal = await answer
            except TimeoutError:
                refusal = BUSY
            if refusal:
                return job.failed(
                    self.ports.clock.now_ms(), "too_late_to_abort", result_words(refusal)
                )
        return job.done(self.ports.clock.now_ms(), None)


def _named_by(args: _Args) -> tuple[str, int]:
    """Return receipt number and amount of the transaction that a wish names; "" and 0 for none.

    Raises Refused for a number that is none, and for a capture of more than was set aside.
    """
    match args:
        case ReversePaymentArgs() | ReleaseReservationArgs():
            return _receipt_number(args.receipt), args.amount_minor
        case CaptureReservationArgs(amount_minor=amount, reserved_minor=reserved):
            if amount > reserved:
                raise Refused(
                    "more_than_reserved",
                    "More was to be charged than is set aside on the card.",
                    advice="Charge what is set aside, and take a payment for the rest.",
                )
            return _receipt_number(args.receipt), reserved
        case _:
            return "", 0


def _receipt_number(receipt: str) -> str:
    """Return a terminal's receipt number as its four digits; raises Refused for any other."""
    number = int(receipt) if receipt.isascii() and receipt.isdecimal() else 0
    if not 0 < number <= _RECEIPT_MAX:
        raise Refused(
            "receipt_not_known",
            f"{receipt!r} is no receipt number of this terminal.",
            advice="Refund the amount to the card instead.",
        )
    return f"{number:04d}"


def _refuse_other_amount(note: PaymentNote) -> None:
    """Raise Refused when the terminal's last receipt has that number and another amount."""
    last = note.baseline
    if last is None or not note.baseline_is_reversed:
        return
    if last.amount_minor not in {note.of_amount_minor, None}:
        raise Refused(
            "receipt_of_another_payment",
            f"The terminal's receipt {note.reverses} is of another amount.",
            advice="Look at the terminal's receipt; refund the amount to the card instead.",
        )
