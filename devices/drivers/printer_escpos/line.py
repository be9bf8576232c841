"""The conversation with a receipt printer: what it says, what it is asked, what is shown."""

from __future__ import annotations

import asyncio
from abc import ABC
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from devices.driver import ConnectedDriver, DriverPorts
from devices.drivers.printer_escpos.settings import PrinterEscposSettings
from devices.lettering.letters import Letters
from devices.protocols import escpos_commands as commands
from devices.protocols.display_escpos import DISPLAY_COMMAND_BYTES_MAX, SELECT_PRINTER
from devices.protocols.drawer_sensor import DrawerSensor
from devices.protocols.escpos_encoder import EscposEncoder
from devices.protocols.escpos_questions import StatusQuestions
from devices.protocols.escpos_status import (
    Answer,
    AnswerReader,
    PaperBehindData,
    PrinterStatus,
    PrinterText,
    ProcessDone,
    RealTimeStatus,
)
from devices.protocols.escpos_trouble import (
    NEAR_END,
    NEAR_END_ADVICE,
    NOT_KNOWN,
    Trouble,
    fields_of,
    trouble_of,
)
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
    PRINTER_EVIDENCE_MS_MAX,
)
from edge.contract.errors import DeviceUnreachable

_READ_BYTES_MAX: Final = 4_096
_IDENTITY: Final = ((67, "model"), (68, "serial_number"), (65, "firmware"))
"""GS I n, asked of printers that report by themselves; others may print what they do not know."""


@dataclass
class Watch:
    """What the connection tells of the receipt that is under way; the first word counts."""

    process: bytes
    by_process: bool
    connection: int
    writing: bool = True
    worked_off: bool = False
    heard_behind: bool = False
    """Whether a question behind data was answered, be it of an earlier receipt."""
    printed: bool = False
    trouble: Trouble | None = None
    failed: DeviceUnreachable | None = None

    @property
    def answered(self) -> bool:
        """Whether the printer gave the evidence that it was asked for."""
        return self.printed if self.by_process else self.worked_off


class PrinterLine(ConnectedDriver, ABC):
    """Listens to one printer and asks it; jobs write under the same lock, one at a time."""

    def __init__(self, settings: PrinterEscposSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._letters = Letters()
        self._encoder = EscposEncoder(settings, self._letters)
        self._line = asyncio.Lock()
        self._news = asyncio.Condition()
        self._half_sent = True
        """A job of this or of an earlier process may have been broken off inside a command."""
        self._sensor = DrawerSensor(settings.drawer_open_level)
        self._watch: Watch | None = None
        self._connections = 0
        self._new_connection()

    def _new_connection(self) -> None:
        self._reader = AnswerReader()
        self._status = PrinterStatus()
        self._sensor.forget_level()
        self._questions = StatusQuestions()
        self._heard = 0
        self._greeted = False
        self._called_back = not self._settings.pole_display
        self._troubled_ms = 0
        self._has_process_ids = self._settings.evidence == "process_id"
        self._identity = deque(_IDENTITY)
        self._identity_asked = False
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

    def _take(self, answer: Answer) -> None:
        self._heard += isinstance(answer, RealTimeStatus)
        now = self.ports.clock.monotonic_ms()
        self._questions.heard(answer, now)
        if trouble_of(self._status) is not None:
            self._troubled_ms = now
        self._status = self._status.after(answer)
        if self._status.drawer_high is not None:
            self._feel_drawer(now, high=self._status.drawer_high)
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
        trouble = trouble_of(self._status)
        if trouble is not None and trouble.stops and not watch.answered:
            watch.trouble = watch.trouble or trouble

    def _feel_drawer(self, now_ms: int, *, high: bool) -> None:
        level = self._sensor.open_level
        self._sensor.saw(high=high, at_ms=now_ms)
        if self._sensor.open_level != level:
            self.ports.log.info("drawer_level_learnt", open_level=self._sensor.open_level)

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
                await self._write(stream, self._call_back() + words, PRINTER_EVIDENCE_MS_MAX)

    @property
    def _clogged(self) -> bool:
        """Whether half a job stands before every question, and the printer will speak first."""
        return self._half_sent and bool(self._status.offline) and self._questions.reports_itself

    def _question(self, now_ms: int) -> bytes:
        kind = self._questions.next_kind(now_ms)
        if self._questions.gone:
            raise DeviceUnreachable(
                "printer_silent",
                "The receipt printer stopped answering.",
                advice="Check its power and its cable.",
            )
        return b"" if kind is None else self._status_question(kind)

    def _status_question(self, kind: int) -> bytes:
        self._reader.asked_status(kind)
        return commands.request_status(kind)

    async def _request(self, stream: ByteStream, kind: int) -> None:
        """Ask for one kind of status; the caller holds the line."""
        await self._write(stream, self._status_question(kind), PRINTER_ANSWER_MS_MAX)

    def _greeting(self) -> bytes:
        """Return what waits its turn in the printer; nothing while it is offline, or before."""
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

    def _flush(self) -> bytes:
        return self._encoder.flush() if self._half_sent else b""

    def _call_back(self) -> bytes:
        """Return what begins a connection: the last one may have ended on its way to the display.

        Lines have no evidence, so nobody knows; NULs complete what command they were cut in.
        """
        if self._called_back:
            return b""
        self._called_back = True
        return b"\x00" * DISPLAY_COMMAND_BYTES_MAX + SELECT_PRINTER

    def _listening(self) -> bytes:
        """Return what turns the printer back from its display, where it has one."""
        return SELECT_PRINTER if self._settings.pole_display else b""

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
        fields = fields_of(self._status, self._sensor.open_level)
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
