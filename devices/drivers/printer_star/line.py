"""The conversation with a Star printer: what it says, what it is asked, what is shown of it."""

from __future__ import annotations

import asyncio
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from devices.driver import ConnectedDriver, DriverPorts
from devices.drivers.printer_star.settings import PrinterStarSettings
from devices.lettering.letters import Letters
from devices.protocols import star_line as commands
from devices.protocols.escpos_status import PrinterStatus
from devices.protocols.escpos_trouble import (
    NEAR_END,
    NEAR_END_ADVICE,
    NOT_KNOWN,
    Trouble,
    fields_of,
    trouble_of,
)
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
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
    PRINTER_EVIDENCE_MS_MAX,
)
from edge.contract.errors import DeviceUnreachable

_READ_BYTES_MAX: Final = 4_096


@dataclass
class Watch:
    """What the connection tells of the receipt that is under way; the first word counts."""

    connection: int
    mark: int = 0
    """Its mark; 0: it has none."""
    document: bytes = b""
    """The end of document that is asked for; empty: none is."""
    writing: bool = True
    printed: bool = False
    heard_behind: bool = False
    """Whether the printer came to any mark or end, be it of an earlier receipt."""
    lost_power: bool = False
    trouble: Trouble | None = None
    failed: DeviceUnreachable | None = None


class StarLine(ConnectedDriver, ABC):
    """Listens to one printer and asks it; jobs write under the same lock, one at a time."""

    def __init__(self, settings: PrinterStarSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._letters = Letters()
        self._encoder = StarEncoder(settings, self._letters)
        self._line = asyncio.Lock()
        self._news = asyncio.Condition()
        self._half_sent = True
        """A job of this or of an earlier process may have been broken off inside a command."""
        self._open_level: str = settings.drawer_open_level
        self._watch: Watch | None = None
        self._connections = 0
        self._new_connection()

    def _new_connection(self) -> None:
        self._reader = StarAnswerReader()
        self._status = PrinterStatus()
        self._questions = StarQuestions()
        self._marks = PrintedMarks()
        self._heard = 0
        self._greeted = False
        self._described = False
        self._troubled_ms = 0
        self._shown: tuple[object, ...] = ()

    # --- listening ------------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        clock = self.ports.clock
        self._new_connection()
        try:
            while True:
                self._show()
                await self._ask(stream)
                self._show()
                await self._tell()
                wait_ms = self._questions.wait_ms(clock.monotonic_ms())
                try:
                    async with clock.timeout(wait_ms / 1000):
                        data = await stream.read(_READ_BYTES_MAX)
                except TimeoutError:
                    continue
                if not data:
                    return
                self._hear(data)
        finally:
            self._connections += 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _hear(self, data: bytes) -> None:
        garbage = self._reader.garbage_bytes
        for answer in self._reader.feed(data):
            self._take(answer)
        if self._reader.garbage_bytes > garbage:
            self.ports.count("GarbageByteCount", self._reader.garbage_bytes - garbage)

    def _take(self, answer: StarAnswer) -> None:
        match answer:
            case StarStatus():
                self._take_status(answer)
            case StarVersion() if answer.model:
                self.ports.describe(model=answer.model, firmware=answer.firmware)
            case DocumentEnd(number) if self._watch is not None:
                self._watch.heard_behind = True
                self._watch.printed = self._watch.printed or number == self._watch.document
            case _:
                pass

    def _take_status(self, answer: StarStatus) -> None:
        now = self.ports.clock.monotonic_ms()
        self._heard += 1
        self._questions.heard(now)
        if trouble_of(self._status) is not None:
            self._troubled_ms = now
        self._status = answer.printer
        self._marks.heard(answer)
        watch = self._watch
        if watch is None:
            return
        watch.heard_behind = watch.heard_behind or answer.mark
        if watch.mark:
            watch.printed = watch.printed or self._marks.reached(watch.mark)
            watch.lost_power = watch.lost_power or self._marks.is_lost(watch.mark)
        trouble = trouble_of(self._status)
        if trouble is not None and trouble.stops and not watch.printed:
            watch.trouble = watch.trouble or trouble

    # --- asking ---------------------------------------------------------------------------

    async def _ask(self, stream: ByteStream) -> None:
        """Write what is to be asked or said now, unless a job is writing."""
        now = self.ports.clock.monotonic_ms()
        if self._line.locked() or self._clogged:
            self._questions.postpone(now)
            return
        async with self._line:
            words = self._question(now) + self._greeting()
            if words:
                await self._write(stream, words, PRINTER_EVIDENCE_MS_MAX)

    @property
    def _clogged(self) -> bool:
        """Whether half a job stands before every question, and the printer will speak first."""
        return self._half_sent and bool(self._status.offline) and self._questions.reports_itself

    def _question(self, now_ms: int) -> bytes:
        asked = self._questions.to_be_asked(now_ms)
        if self._questions.gone:
            raise DeviceUnreachable(
                "printer_silent",
                "The receipt printer stopped answering.",
                advice="Check its power and its cable.",
            )
        return commands.REQUEST_STATUS if asked else b""

    async def _request(self, stream: ByteStream) -> None:
        """Ask for the status; the caller holds the line."""
        self._questions.asked(self.ports.clock.monotonic_ms())
        await self._write(stream, commands.REQUEST_STATUS, PRINTER_ANSWER_MS_MAX)

    def _greeting(self) -> bytes:
        """Return what waits its turn in the printer; nothing while it is offline, or before."""
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

    def _flush(self) -> bytes:
        """Return what makes the printer forget half a job, and what else waits in it."""
        if not self._half_sent:
            return b""
        self._marks.restart()
        return self._encoder.flush()

    def _mark(self) -> tuple[int, bytes]:
        """Return the next mark and its byte."""
        return self._marks.sent(), commands.MARK

    async def _write(self, stream: ByteStream, data: bytes, within_ms: int) -> None:
        """Write all of it; raises DeviceUnreachable, having closed what takes nothing."""
        try:
            async with self.ports.clock.timeout(within_ms / 1000):
                await stream.write(data)
        except TimeoutError:
            self._half_sent = True
            await stream.close()
            raise takes_nothing() from None

    def _show(self) -> None:
        """Report the state, if it changed."""
        if not self._questions.introduced:
            return
        trouble = trouble_of(self._status)
        fields = fields_of(self._status, self._open_level)
        shown = (trouble, self._status.known, *fields.values())
        if shown == self._shown:
            return
        self._shown = shown
        if trouble is not None:
            self.attention(trouble.health, trouble.advice, **fields)
        elif fields["paper"] == "near_end":
            self.ready(health=NEAR_END, advice=NEAR_END_ADVICE, **fields)
        else:
            self.ready(health="" if self._status.known else NOT_KNOWN, **fields)

    async def _until(self, true: Callable[[], object], within_ms: int) -> bool:
        """Wait until something the printer says makes it true, or its connection ends it."""
        try:
            async with self.ports.clock.timeout(within_ms / 1000), self._news:
                await self._news.wait_for(true)
        except TimeoutError:
            return False
        return True


def takes_nothing() -> DeviceUnreachable:
    """Return the error of a printer whose buffer stays full."""
    return DeviceUnreachable(
        "printer_takes_nothing",
        "The receipt printer takes no data.",
        advice="Look at its lights; switch it off and on.",
    )
