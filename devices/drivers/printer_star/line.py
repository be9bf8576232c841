"""The conversation with a Star printer: what it says, what it is asked."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from typing_extensions import override

from devices.driver import DriverPorts
from devices.drivers.printer_star.settings import PrinterStarSettings
from devices.lettering.letters import Letters
from devices.protocols import star_line as commands
from devices.protocols.star_encoder import StarEncoder
from devices.protocols.star_marks import PrintedMarks
from devices.protocols.star_questions import StarQuestions
from devices.protocols.star_status import (
    DocumentEnd,
    StarAnswer,
    StarAnswerReader,
    StarStatus,
    StarVersion,
)
from devices.receipt_printer.jobs import ReceiptPrinter
from devices.receipt_printer.line import Watch
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
)


@dataclass
class StarWatch(Watch):
    """The receipt under way. `mark`: its mark, 0 for none; `document`: the end that is awaited."""

    mark: int = 0
    document: bytes = b""
    lost_power: bool = False

    @property
    @override
    def lost_as(self) -> tuple[str, str]:
        if self.lost_power:
            return "printer_restarted", "The receipt printer was switched off and on."
        return super().lost_as


class StarLine(ReceiptPrinter[StarAnswer, StarWatch], ABC):
    """Listens to one Star printer and asks it."""

    _reader: StarAnswerReader
    _questions: StarQuestions

    def __init__(self, settings: PrinterStarSettings, ports: DriverPorts) -> None:
        letters = Letters()
        super().__init__(
            ports,
            settings.drawer_open_level,
            wants_evidence=settings.evidence != "none",
            letters=letters,
        )
        self._settings = settings
        self._encoder = StarEncoder(settings, letters)
        self._new_connection()

    @override
    def _new_connection(self) -> None:
        super()._new_connection()
        self._reader = StarAnswerReader()
        self._questions = StarQuestions()
        self._marks = PrintedMarks()
        self._greeted = False
        self._described = False

    @override
    def _take(self, answer: StarAnswer) -> None:
        match answer:
            case StarStatus():
                self._hear_status(answer)
            case StarVersion() if answer.model:
                self.ports.describe(model=answer.model, firmware=answer.firmware)
            case DocumentEnd(number) if self._watch is not None:
                self._watch.heard_behind = True
                self._watch.printed = self._watch.printed or number == self._watch.document
            case _:
                pass

    def _hear_status(self, answer: StarStatus) -> None:
        now = self.ports.clock.monotonic_ms()
        self._heard += 1
        self._questions.heard(now)
        self._take_status(answer.printer, now)
        self._marks.heard(answer)
        watch = self._watch
        if watch is None:
            return
        watch.heard_behind = watch.heard_behind or answer.mark
        if watch.mark:
            watch.printed = watch.printed or self._marks.reached(watch.mark)
            watch.lost_power = watch.lost_power or self._marks.is_lost(watch.mark)
        self._see_trouble(watch)

    @override
    def _question(self, now_ms: int) -> bytes:
        return commands.REQUEST_STATUS if self._questions.to_be_asked(now_ms) else b""

    async def _request(self, stream: ByteStream) -> None:
        """Ask for the status; the caller holds the line."""
        self._questions.asked(self.ports.clock.monotonic_ms())
        await self._write(stream, commands.REQUEST_STATUS, PRINTER_ANSWER_MS_MAX)

    @override
    def _greeting(self) -> bytes:
        if not self._questions.introduced or self._status.offline:
            return b""
        if not self._greeted:
            self._greeted = True
            flush = self._flush()
            self._half_sent = False
            if not flush:
                self._marks.restart()
            return flush + commands.CLEAR_MARKS + commands.REPORT_STATUS + self._mark()[1]
        if self._questions.reports_itself and not self._described:
            self._described = True
            return commands.REQUEST_VERSION
        return b""

    @override
    def _flush(self) -> bytes:
        """Return what makes the printer forget half a job, and what else waits in it."""
        if self._half_sent:
            self._marks.restart()
        return super()._flush()

    def _mark(self) -> tuple[int, bytes]:
        """Return the next mark and its byte."""
        return self._marks.sent(), commands.MARK
