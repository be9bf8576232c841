"""The conversation with a printer that speaks ESC/POS: what it says, what it is asked."""

from __future__ import annotations

from abc import ABC
from collections import deque
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from devices.driver import DriverPorts
from devices.drivers.printer_escpos.settings import PrinterEscposSettings
from devices.lettering.letters import Letters
from devices.protocols import escpos_commands as commands
from devices.protocols.display_escpos import DISPLAY_COMMAND_BYTES_MAX, SELECT_PRINTER
from devices.protocols.escpos_encoder import EscposEncoder
from devices.protocols.escpos_questions import StatusQuestions
from devices.protocols.escpos_status import (
    Answer,
    AnswerReader,
    PaperBehindData,
    PrinterText,
    ProcessDone,
    RealTimeStatus,
)
from devices.receipt_printer.jobs import ReceiptPrinter
from devices.receipt_printer.line import Watch
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
)

_IDENTITY: Final = ((67, "model"), (68, "serial_number"), (65, "firmware"))
"""GS I n, asked of printers that report by themselves; others may print what they do not know."""


@dataclass
class EscposWatch(Watch):
    """The receipt under way. `worked_off`: all questions behind data are answered."""

    process: bytes = b""
    by_process: bool = False
    worked_off: bool = False

    @property
    @override
    def answered(self) -> bool:
        return self.printed if self.by_process else self.worked_off


class EscposLine(ReceiptPrinter[Answer, EscposWatch], ABC):
    """Listens to one printer that speaks ESC/POS and asks it."""

    _reader: AnswerReader
    _questions: StatusQuestions

    def __init__(self, settings: PrinterEscposSettings, ports: DriverPorts) -> None:
        letters = Letters()
        super().__init__(
            ports,
            settings.drawer_open_level,
            wants_evidence=settings.evidence != "none",
            letters=letters,
        )
        self._settings = settings
        self._encoder = EscposEncoder(settings, letters)
        self._new_connection()

    @override
    def _new_connection(self) -> None:
        super()._new_connection()
        self._reader = AnswerReader()
        self._questions = StatusQuestions()
        self._greeted = False
        self._called_back = not self._settings.pole_display
        self._has_process_ids = self._settings.evidence == "process_id"
        self._identity = deque(_IDENTITY)
        self._identity_asked = False

    @override
    def _take(self, answer: Answer) -> None:
        self._heard += isinstance(answer, RealTimeStatus)
        now = self.ports.clock.monotonic_ms()
        self._questions.heard(answer, now)
        self._take_status(self._status.after(answer), now)
        if isinstance(answer, PrinterText) and self._identity_asked:
            self._identity_asked = False
            _, name = self._identity.popleft()
            self.ports.describe(**{name: answer.text})
        watch = self._watch
        if watch is None:
            return
        if isinstance(answer, ProcessDone):
            watch.printed = watch.printed or answer.number == watch.process
        elif isinstance(answer, PaperBehindData):
            watch.heard_behind = True
            watch.worked_off = not self._reader.paper_awaited
        self._see_trouble(watch)

    @override
    def _question(self, now_ms: int) -> bytes:
        kind = self._questions.next_kind(now_ms)
        return b"" if kind is None or self._questions.gone else self._status_question(kind)

    def _status_question(self, kind: int) -> bytes:
        self._reader.asked_status(kind)
        return commands.request_status(kind)

    async def _request(self, stream: ByteStream, kind: int) -> None:
        """Ask for one kind of status; the caller holds the line."""
        await self._write(stream, self._status_question(kind), PRINTER_ANSWER_MS_MAX)

    @override
    def _greeting(self) -> bytes:
        if not self._questions.introduced or self._status.offline:
            return b""
        if not self._greeted:
            self._greeted = True
            flush, self._half_sent = self._flush(), False
            return flush + commands.ENABLE_STATUS_BACK + self._lines_again()
        if self._questions.reports_itself and self._identity and not self._identity_asked:
            self._identity_asked = True
            what, _ = self._identity[0]
            return commands.request_identity(what)
        return b""

    def _lines_again(self) -> bytes:
        """Return what lights the display on it again: it lives on the printer's power."""
        return b""

    @override
    def _opening(self) -> bytes:
        """Return what begins a connection: the last one may have ended on its way to the display.

        Lines have no evidence, so nobody knows; NULs complete what command they were cut in.
        """
        if self._called_back:
            return b""
        self._called_back = True
        return b"\x00" * DISPLAY_COMMAND_BYTES_MAX + SELECT_PRINTER

    @override
    def _listening(self) -> bytes:
        """Return what turns the printer back from its display: a byte lost there costs no receipt.

        Nothing, where it has no display.
        """
        return SELECT_PRINTER if self._settings.pole_display else b""
