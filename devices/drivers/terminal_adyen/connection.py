"""The connection to an Adyen terminal: how it becomes ready, and what it is asked besides money.

Before the terminal is ready it has said what became of a transaction whose answer was not
heard, and how it is itself.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from devices.driver import SERVING, ConnectedDriver, DriverPorts
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
    TransactionStatusResponse,
)
from devices.protocols.nexo_names import service_id_of
from devices.protocols.nexo_outcomes import Ended, NotFoundSince, PaymentNote, judged
from devices.protocols.nexo_words import BUSY, NOT_FOUND, condition_words
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    DEVICE_LOST_AFTER_MS,
    NEXO_FRESH_MS,
    TERMINAL_BUSY_RETRY_MS,
)
from edge.contract.errors import DeviceUnreachable, Refused, SettingsInvalid

_NOT_CONNECTED: Final = "The payment terminal is not connected."
_STILL_BUSY: Final = (
    "The terminal is still at the last payment.",
    "Look at the terminal's display.",
)
_TURN_S: Final = 0.05
"""How soon it is looked whether there is a connection again."""
LOOK: Final = "Look at the terminal and try again."


class AdyenConnection(ConnectedDriver):
    """Everything but jobs; `TerminalAdyen` has those."""

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
                self._standing = standing(answer)
                self.ports.describe(serial_number=self._settings.poi_id)
                return
            await self._wait_for_person(*_STILL_BUSY)

    async def _wait_for_person(self, why: str, advice: str) -> None:
        self._why_not = why
        self.attention(why, advice)
        await self.ports.clock.sleep(TERMINAL_BUSY_RETRY_MS / 1000)

    async def _ready_line(self) -> NexoLine:
        """Return a connection to ask on; where the terminal closed the last one, the next."""
        try:
            async with self.ports.clock.timeout(DEVICE_LOST_AFTER_MS / 1000):
                while True:
                    await self.live_stream()
                    if self._line is None:
                        raise Refused("terminal_not_ready", self._why_not, advice=LOOK)
                    if self._line.is_open:
                        return self._line
                    await self.ports.clock.sleep(_TURN_S)
        except TimeoutError:
            raise DeviceUnreachable("terminal_gone", _NOT_CONNECTED, advice=LOOK) from None

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


def standing(answer: DiagnosisResponse) -> tuple[str, str]:
    """Return what is not well with the terminal and what to do; two empty texts when all is."""
    status = answer.poi_status
    if condition := answer.response.error_condition:
        return condition_words(condition, "diagnosis"), LOOK
    if status.communication_ok_flag is False:
        words = "The terminal has no connection to the card network."
        return words, "Check the shop's line; until then cards may be refused."
    if status.global_status == "Maintenance":
        return "The terminal is being serviced.", "Wait until it is done."
    return "", ""
