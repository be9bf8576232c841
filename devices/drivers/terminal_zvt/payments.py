"""The till's side of ZVT: one transaction in flight, and a truthful end for each.

A transaction is a payment, a refund or a reversal. Before the first byte of one a note with
the terminal's last stored transaction is on disk; what the terminal says is on disk before it
is acknowledged. What was not heard to the end is `unknown`: it is asked about (06 20), and
money is never moved a second time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts
from devices.drivers.terminal_zvt.blocks import BlockStream
from devices.drivers.terminal_zvt.hearing import Hearing
from devices.drivers.terminal_zvt.line import ZvtLine
from devices.drivers.terminal_zvt.notes import PaymentNotes
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings, read_password
from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_apdu import Apdu
from devices.protocols.zvt_fields import TERMINAL_ID
from devices.protocols.zvt_messages import (
    Aborted,
    Answer,
    Completion,
    Message,
    StatusInformation,
    read_status_enquiry,
)
from devices.protocols.zvt_recovery import (
    LastStored,
    PaymentNote,
    booking_of,
    refused,
    undecided,
)
from devices.protocols.zvt_results import ABORTED, BUSY, OK, result_words, status_words
from devices.protocols.zvt_transactions import Kind
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    TERMINAL_BUSY_RETRY_MS,
    TERMINAL_QUIET_EXTRA_MS,
)
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
from edge.contract.money import CURRENCY_NUMBERS

_NOT_CONNECTED: Final = "The payment terminal is not connected."
_STILL_BUSY: Final = (
    "The terminal is still at the last payment.",
    "Look at the terminal's display.",
)
_LOOK: Final = "Look at the terminal and try again."
_RECEIPT_MAX: Final = 9_999

_Args = AuthorisePaymentArgs | RefundPaymentArgs | ReversePaymentArgs
_KINDS: Final[dict[type[_Args], Kind]] = {
    AuthorisePaymentArgs: Kind.PAYMENT,
    RefundPaymentArgs: Kind.REFUND,
    ReversePaymentArgs: Kind.REVERSAL,
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


class TerminalZvt(ConnectedDriver):
    """Speaks ZVT as the electronic cash register."""

    records_bytes = False

    def __init__(self, settings: TerminalZvtSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._notes = PaymentNotes(ports, settings.answer_ms_max)
        self._line: ZvtLine | None = None
        self._password = ""
        self._why_not = _NOT_CONNECTED
        self._standing = ""
        self._flight: _Flight | None = None

    # --- connection ----------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        if self._settings.serial:
            stream = await self._settled(stream)
        line = ZvtLine(stream, self._settings, self.ports)
        await self._register(line)
        await self._settle_last_payment(line)
        self._line = line
        if self._standing:
            self.attention(self._standing, "Start that function on the terminal.")
        else:
            self.ready()
        try:
            await line.pump()
        finally:
            self._line, self._why_not = None, _NOT_CONNECTED

    async def _settled(self, stream: ByteStream) -> ByteStream:
        """Return a serial line on which nothing of an earlier dialogue is left.

        No connection ends there with the dialogue: what the terminal still has to say would
        be taken for the answer to the next question.
        """
        blocks = BlockStream(stream, self.ports)
        await blocks.settle(self._settings.answer_ms_max + TERMINAL_QUIET_EXTRA_MS)
        return blocks

    async def _register(self, line: ZvtLine) -> None:
        """Register until the terminal takes it; meanwhile a person is told why it does not."""
        settings = self._settings
        number = CURRENCY_NUMBERS[settings.currency]
        while True:
            try:
                self._password = read_password(settings.password_file)
                end = await line.converse(
                    commands.registration(self._password, number, settings.config_byte), _ignore
                )
                if isinstance(end, Completion):
                    self._standing = status_words(end.status_byte)
                    if terminal_id := end.fields.digits(TERMINAL_ID):
                        self.ports.describe(serial_number=terminal_id)
                    return
                why, advice = _refusal_words(end)
            except SettingsInvalid as error:
                why, advice = error.message, error.advice
            await self._wait_for_person(why, advice)

    async def _settle_last_payment(self, line: ZvtLine) -> None:
        """Find out what became of a transaction that was not heard to its end."""
        note = await self._notes.last()
        while note is not None and note.open:
            answer = await self._ask_last_stored(line)
            if answer is not None:
                note = await self._notes.decide(note, answer)
            if note.open:
                await self._wait_for_person(*_STILL_BUSY)

    async def _wait_for_person(self, why: str, advice: str) -> None:
        self._why_not = why
        self.attention(why, advice)
        await self.ports.clock.sleep(TERMINAL_BUSY_RETRY_MS / 1000)

    async def _ready_line(self) -> ZvtLine:
        await self.live_stream()
        if self._line is None:
            raise Refused("terminal_not_ready", self._why_not, advice=_LOOK)
        return self._line

    async def _ask_last_stored(self, line: ZvtLine) -> LastStored | None:
        """Return the terminal's last stored transaction; None: it is busy, ask again."""
        heard: list[StatusInformation] = []

        async def listen(message: Message) -> None:
            if isinstance(message, StatusInformation):
                heard.append(message)

        end = await line.converse(commands.repeat_receipt(self._password), listen)
        if heard:
            await self._notes.note_can_repeat()
            return LastStored(said=True, status=heard[0])
        if isinstance(end, Answer):
            return None if end.refusal == BUSY else LastStored(said=False)
        if isinstance(end, Aborted) and end.code == BUSY:
            return None
        # a terminal that gives up the question has nothing stored, if it ever could answer
        if isinstance(end, Completion):
            return LastStored(said=True)
        return LastStored(said=await self._notes.can_repeat(), code=end.code or OK)

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
        if args.currency != self._settings.currency:
            raise Refused(
                "currency_not_taken",
                f"The terminal takes {self._settings.currency}, not {args.currency}.",
            )
        receipt = _receipt_number(args.receipt) if isinstance(args, ReversePaymentArgs) else ""
        flight = self._flight = _Flight(job.id)
        try:
            line = await self._ready_line()
            note, sync_receipt = await self._begin(line, job, args, receipt)
            if flight.abort_wanted:
                outcome = await self._notes.end(note, refused(ABORTED, kind=note.kind))
                return job.done(self.ports.clock.now_ms(), outcome)
            return await self._carry_out(line, job, note, sync_receipt)
        finally:
            self._flight = None
            flight.answer_abort(OK)
            if self._line is not None:
                self.ports.report(health=self._standing)

    async def _begin(
        self, line: ZvtLine, job: DeviceJob, args: _Args, receipt: str
    ) -> tuple[PaymentNote, bytes | None]:
        """Ask what is stored, settle what is open, and put the new one's note on disk."""
        last = await self._ask_last_stored(line)
        if last is None:
            raise _busy()
        earlier = await self._notes.last()
        if earlier is not None and earlier.open:
            earlier = await self._notes.decide(earlier, last)
            if earlier.open:
                raise _busy()
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
        )
        _refuse_other_amount(note)
        await self._notes.begin(note)
        return note, None if status is None else status.sync_receipt

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
            return job.failed(now, "terminal_refused", outcome.reason, _LOOK)
        return job.done(now, outcome)

    def _command(self, note: PaymentNote, sync_receipt: bytes | None) -> Apdu:
        amount, currency = note.amount_minor, note.currency_number
        if note.kind is Kind.REVERSAL:
            receipt = int(note.reverses)
            return commands.reversal(self._password, receipt, sync_receipt=sync_receipt)
        if note.kind is Kind.REFUND:
            return commands.refund(self._password, amount, currency, sync_receipt=sync_receipt)
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
                raise _busy()
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

    async def _check_health(self, job: DeviceJob) -> JobResult:
        line = await self._ready_line()
        end = await line.converse(commands.status_enquiry(self._password), _ignore)
        if not isinstance(end, Completion):
            code = end.refusal if isinstance(end, Answer) else end.code
            words = result_words(OK if code is None else code)
            return job.failed(self.ports.clock.now_ms(), "terminal_refused", words, _LOOK)
        software, status = read_status_enquiry(end.body, self._settings.text_encoding)
        if software:
            self.ports.describe(firmware=software)
        health = result_words(status) if status else ""
        return job.done(self.ports.clock.now_ms(), {"health": health or "ok"})


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
    if last.amount_minor not in {note.amount_minor, None}:
        raise Refused(
            "receipt_of_another_payment",
            f"The terminal's receipt {note.reverses} is of another amount.",
            advice="Look at the terminal's receipt; refund the amount to the card instead.",
        )


def _busy() -> Refused:
    return Refused("terminal_busy", result_words(BUSY), advice=_LOOK)


async def _ignore(_message: Message) -> None:
    """Listen to a dialogue of which only the end matters."""


def _refusal_words(end: Aborted | Answer) -> tuple[str, str]:
    code = end.refusal if isinstance(end, Answer) else end.code
    if code == BUSY:
        return _STILL_BUSY
    words = "" if code is None else f" {result_words(code)}"
    return f"The terminal refuses the till.{words}", "Check the terminal's password and currency."
