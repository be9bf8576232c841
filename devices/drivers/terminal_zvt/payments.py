"""The till's side of ZVT: one payment in flight, and a truthful end for each.

Before the first byte of a payment a note with the terminal's last stored transaction is on
disk; what the terminal says is on disk before it is acknowledged. What was not heard to the
end is `unknown`: it is asked about (06 20) and never charged a second time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec
from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts
from devices.drivers.terminal_zvt.line import End, ZvtLine
from devices.drivers.terminal_zvt.notes import PaymentNotes
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings, read_password
from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_fields import TERMINAL_ID
from devices.protocols.zvt_messages import (
    Aborted,
    Answer,
    Completion,
    IntermediateStatus,
    Message,
    PrintedText,
    StatusInformation,
    read_status_enquiry,
)
from devices.protocols.zvt_receipts import ReceiptCollector
from devices.protocols.zvt_recovery import (
    LastStored,
    PaymentNote,
    booking_of,
    outcome_of,
    refused,
    undecided,
)
from devices.protocols.zvt_results import ABORTED, BUSY, OK, result_words, status_words
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import (
    AbortPaymentArgs,
    AuthorisePaymentArgs,
    InquirePaymentArgs,
    JobResult,
    PaymentOutcome,
)
from edge.contract.errors import DeviceUnreachable, ProtocolViolation, Refused, SettingsInvalid
from edge.contract.limits import TERMINAL_BUSY_RETRY_MS
from edge.contract.money import CURRENCY_NUMBERS

_NOT_CONNECTED: Final = "The payment terminal is not connected."
_STILL_BUSY: Final = (
    "The terminal is still at the last payment.",
    "Look at the terminal's display.",
)
_LOOK: Final = "Look at the terminal and try again."


@dataclass
class _Payment:
    """The payment in flight. `charging`: 06 01 is on its way, only the terminal can stop it."""

    job: str
    charging: bool = False
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
        self._payment: _Payment | None = None

    # --- connection ----------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
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
        """Find out what became of a payment that was not heard to its end."""
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
            case AuthorisePaymentArgs() as args:
                return await self._authorise(job, args)
            case InquirePaymentArgs() as args:
                outcome = await self._inquire(args)
                return job.done(self.ports.clock.now_ms(), outcome)
            case AbortPaymentArgs() as args:
                return await self._abort(job, args)
            case _:
                return await self._check_health(job)

    async def _authorise(self, job: DeviceJob, args: AuthorisePaymentArgs) -> JobResult:
        if args.currency != self._settings.currency:
            raise Refused(
                "currency_not_taken",
                f"The terminal takes {self._settings.currency}, not {args.currency}.",
            )
        payment = self._payment = _Payment(job.id)
        try:
            line = await self._ready_line()
            note, sync_receipt = await self._begin(line, job, args)
            if payment.abort_wanted:
                outcome = await self._notes.end(note, refused(ABORTED))
                return job.done(self.ports.clock.now_ms(), outcome)
            return await self._charge(line, job, note, sync_receipt)
        finally:
            self._payment = None
            payment.answer_abort(OK)
            if self._line is not None:
                self.ports.report(health=self._standing)

    async def _begin(
        self, line: ZvtLine, job: DeviceJob, args: AuthorisePaymentArgs
    ) -> tuple[PaymentNote, bytes | None]:
        """Ask what is stored, settle what is open, and put the new payment's note on disk."""
        last = await self._ask_last_stored(line)
        if last is None:
            raise _busy()
        earlier = await self._notes.last()
        if earlier is not None and earlier.open:
            earlier = await self._notes.decide(earlier, last)
            if earlier.open:
                raise _busy()
        status = last.status
        note = PaymentNote(
            job.id,
            args.amount_minor,
            CURRENCY_NUMBERS[args.currency],
            asked=last.said,
            baseline=None if status is None else booking_of(status),
            begun_ms=self.ports.clock.now_ms(),
            nothing_code=last.code,
        )
        await self._notes.begin(note)
        return note, None if status is None else status.sync_receipt

    async def _charge(
        self, line: ZvtLine, job: DeviceJob, note: PaymentNote, sync_receipt: bytes | None
    ) -> JobResult:
        """Send 06 01 and hear it to the end; from here on the card may be charged."""
        hearing = _Hearing(note, self._notes, self.ports)
        payment = self._payment or _Payment(job.id)
        payment.charging = True
        command = commands.authorisation(
            note.amount_minor, note.currency_number, sync_receipt=sync_receipt
        )
        try:
            end = await line.converse(command, hearing.listen, payment.answer_abort)
        except (DeviceUnreachable, ProtocolViolation) as error:
            self.ports.count("UnknownPaymentCount")
            return job.unknown(self.ports.clock.now_ms(), error.code, error.message, error.advice)
        outcome = hearing.outcome(end)
        now = self.ports.clock.now_ms()
        if outcome is None:
            self.ports.count("UnknownPaymentCount")
            return job.unknown(
                now,
                "end_contradicts",
                "The terminal's last words contradict each other.",
                "Wait: the terminal is asked what it has booked.",
            )
        await self._notes.end(hearing.note, outcome)
        if isinstance(end, Answer):
            return job.failed(now, "terminal_refused", outcome.reason, _LOOK)
        return job.done(now, outcome)

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
        return note.outcome or undecided()

    async def _abort(self, job: DeviceJob, args: AbortPaymentArgs) -> JobResult:
        payment, line = self._payment, self._line
        if payment is None or payment.job != args.job:
            return job.failed(
                self.ports.clock.now_ms(),
                "nothing_to_abort",
                "The terminal is not at this payment.",
            )
        payment.abort_wanted = True
        if payment.charging and line is not None:
            answer = payment.abort_answer = asyncio.get_running_loop().create_future()
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


class _Hearing:
    """What the terminal says during one payment, put on disk before it is acknowledged."""

    def __init__(self, note: PaymentNote, notes: PaymentNotes, ports: DriverPorts) -> None:
        self.note = note
        self._notes = notes
        self._ports = ports
        self._receipts = ReceiptCollector()
        self._status: StatusInformation | None = None

    async def listen(self, message: Message) -> None:
        match message:
            case IntermediateStatus():
                self._ports.report(health=message.words)
            case StatusInformation():
                self._status = message
                if message.result == OK:
                    await self._keep(
                        seen=booking_of(message),
                        heard=outcome_of(message, self.note.amount_minor),
                    )
            case PrintedText():
                self._receipts.take(message)
                if message.ends and self.note.heard is not None:
                    await self._keep(heard=self._with_receipts(self.note.heard))
            case _:
                pass  # 06 0F and 06 1E: the payment's end is put on disk as a whole

    def outcome(self, end: End) -> PaymentOutcome | None:
        """Return how the payment ended, or None when it is not said or contradicts itself."""
        match end:
            case Answer(refusal):
                return refused(refusal)
            case Aborted(code) if self.note.heard is None:
                status = self._status
                told = None if status is None else status.result
                words = "" if status is None else status.words
                return self._with_receipts(refused(told or code, words))
            case Completion() if self.note.heard is not None and self._unsaid:
                return None
            case Completion() if self.note.heard is not None:
                return self._with_receipts(self.note.heard)
            case Completion() if self._status is not None and self._status.result is not None:
                return self._with_receipts(refused(self._status.result, self._status.words))
            case _:
                return None

    @property
    def _unsaid(self) -> bool:
        """Whether a failure was told behind the approval."""
        return self._status is not None and self._status.result not in {OK, None}

    async def _keep(self, **changes: object) -> None:
        self.note = await self._notes.keep(msgspec.structs.replace(self.note, **changes))

    def _with_receipts(self, outcome: PaymentOutcome) -> PaymentOutcome:
        return msgspec.structs.replace(
            outcome,
            merchant_receipt=self._receipts.merchant,
            customer_receipt=self._receipts.customer,
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
