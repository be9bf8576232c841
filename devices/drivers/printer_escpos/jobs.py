"""What a receipt printer is asked to do: print, open the drawer, say how it is, show lines.

"Printed" is said only of a receipt that the printer answered behind; one that was broken off
is `unknown`, for it may hang out of the printer. What is not known never stops a receipt.
"""

from __future__ import annotations

import asyncio
from typing import Final

from typing_extensions import override

from devices.drawer_answers import drawer_answer, drawer_lost
from devices.driver import DeviceJob, DriverPorts
from devices.drivers.printer_escpos.line import PrinterLine, Watch, takes_nothing
from devices.drivers.printer_escpos.settings import PrinterEscposSettings
from devices.protocols import escpos_commands as commands
from devices.protocols.display_escpos import EscposDisplay
from devices.protocols.display_text import DisplayText, Rows
from devices.protocols.drawer_sensor import Position
from devices.protocols.escpos_trouble import NOT_KNOWN, fields_of, trouble_of
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    DISPLAY_WRITE_MS_MAX,
    DRAWER_LOOK_MS,
    DRAWER_OPENS_MS_MAX,
    PRINTER_ANSWER_MS_MAX,
    PRINTER_BYTES_PER_S_MIN,
    PRINTER_EVIDENCE_MS_MAX,
    PRINTER_NO_EVIDENCE_MS_MAX,
)
from edge.contract.device_messages import (
    DisplayLine,
    JobResult,
    KickDrawerArgs,
    PrintOutcome,
    PrintReceiptArgs,
    ShowLinesArgs,
    ShowOutcome,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable
from edge.contract.receipt_document import ReceiptDocument

_LETTERS_ADVICE: Final = "Install Tillbox from its wheel, which brings fonts and HarfBuzz."
_COPY_ADVICE: Final = "Look whether the receipt came out whole; if not, print a copy."


class PrinterEscpos(PrinterLine):
    """One printer and the drawer on it."""

    def __init__(self, settings: PrinterEscposSettings, ports: DriverPorts) -> None:
        super().__init__(settings, ports)
        self._warm = False
        """Encoding is a matter of less than a millisecond."""
        self._scrap = False
        """Part of a receipt may hang out of the printer without a cut behind it."""
        self._told_of_letters = False
        self._processes = 0
        self._evidence_ms = PRINTER_EVIDENCE_MS_MAX
        self._gave_up_ms = 0
        self._prints_until_ms = 0
        """Until then a receipt without evidence may still stand before what is sent now."""
        self._pole_text = DisplayText(settings.pole_page)
        self._pole = EscposDisplay(self._pole_text.select, settings.pole_brightness)
        self._pole_rows: Rows | None = None

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        stream = await self.live_stream()
        match job.args:
            case PrintReceiptArgs(document):
                return await self._print(job, document, stream)
            case KickDrawerArgs():
                return await self._kick(job, stream)
            case ShowLinesArgs(lines):
                return await self._show_lines(job, lines, stream)
            case _:
                return await self._check(job, stream)

    async def _print(
        self, job: DeviceJob, document: ReceiptDocument, stream: ByteStream
    ) -> JobResult:
        async with self._line:
            if self._warm and not self._encoder.draws(document):
                receipt = self._encoder.encode(document)
            else:
                # the first import of python-escpos costs 0.34 s, a drawn QR code some 30 ms,
                # a receipt in Arabic some 10 ms, and the first of them half a second
                receipt = await asyncio.to_thread(self._encoder.encode, document)
                self._warm = self._settings.qr != "picture"
            if self._letters.problem and not self._told_of_letters:
                self._told_of_letters = True
                self.ports.log.error(
                    "letters_missing", problem=self._letters.problem, advice=_LETTERS_ADVICE
                )
            if receipt.substituted:
                self.ports.count("SubstitutedCharacterCount", receipt.substituted)
                self.ports.log.warning("signs_missing", job=job.id, substituted=receipt.substituted)
            trouble = trouble_of(self._status)
            if trouble is not None:
                raise DeviceNeedsPerson(trouble.code, trouble.health, advice=trouble.advice)
            if self.state is not DriverState.READY:
                raise DeviceUnreachable("printer_not_ready", "The receipt printer is not ready.")
            self._processes += 1
            number = commands.process_id(self._processes)
            watch = self._watch = Watch(number, self._has_process_ids, self._connections)
            before = self._encoder.cut_scrap() if self._scrap else b""
            data = b"".join(
                (
                    self._flush(),
                    self._listening(),  # a byte lost on the way to the display costs no receipt
                    before,
                    receipt.data,
                    self._evidence_question(),
                )
            )
            try:
                await self._write_receipt(stream, data, watch)
                return await self._evidence(job, watch)
            finally:
                self._watch = None

    async def _write_receipt(self, stream: ByteStream, data: bytes, watch: Watch) -> None:
        """Write until all is written, the printer reports trouble, or takes nothing any more."""
        self._half_sent = True
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._written(stream, data, watch))
            wire_ms = len(data) * 1000 // PRINTER_BYTES_PER_S_MIN
            await self._until(
                lambda: not watch.writing or self._broken(watch), PRINTER_EVIDENCE_MS_MAX + wire_ms
            )
            writing.cancel()
        self._half_sent = watch.writing
        self._scrap = watch.writing
        if watch.writing and not self._broken(watch):
            watch.failed = takes_nothing()
            await stream.close()

    async def _written(self, stream: ByteStream, data: bytes, watch: Watch) -> None:
        try:
            await stream.write(data)
            watch.writing = False
        except DeviceUnreachable as error:
            watch.failed = error
        await self._tell()

    def _broken(self, watch: Watch) -> bool:
        return (
            watch.trouble is not None
            or watch.failed is not None
            or self._connections != watch.connection
        )

    def _evidence_question(self) -> bytes:
        if self._settings.evidence == "none":
            return b""
        # a printer that was slow or in trouble still owes its answers to earlier receipts
        quiet_ms = self.ports.clock.monotonic_ms() - max(self._gave_up_ms, self._troubled_ms)
        if quiet_ms >= PRINTER_EVIDENCE_MS_MAX:
            self._reader.forget_paper()
        self._reader.asked_paper()
        if self._has_process_ids:
            behind = commands.request_process_id(self._processes)
            return behind + commands.REQUEST_PAPER_BEHIND_DATA
        return commands.REQUEST_PAPER_BEHIND_DATA

    async def _evidence(self, job: DeviceJob, watch: Watch) -> JobResult:
        if self._settings.evidence != "none":
            await self._until(
                lambda: watch.answered or watch.worked_off or self._broken(watch), self._evidence_ms
            )
            # behind the data it answered, but printers with process ids say when it is printed
            half_answered = watch.worked_off and not watch.answered and not self._broken(watch)
            if half_answered and not await self._until(
                lambda: watch.answered or self._broken(watch), PRINTER_NO_EVIDENCE_MS_MAX
            ):
                self._has_process_ids = False
        now = self.ports.clock.now_ms()
        if watch.answered or (watch.worked_off and not self._broken(watch)):
            self._evidence_ms = PRINTER_EVIDENCE_MS_MAX
            self._prints_until_ms = 0
            return job.done(now, PrintOutcome("confirmed"))
        self._gave_up_ms = self.ports.clock.monotonic_ms()
        self._prints_until_ms = self._gave_up_ms + PRINTER_EVIDENCE_MS_MAX
        if watch.trouble is not None:
            return self._broken_off(job, watch.trouble.code, watch.trouble.health)
        if watch.failed is not None:
            return self._broken_off(job, watch.failed.code, watch.failed.message)
        if self._broken(watch):
            # what was written may have got out in part: a command may be half received
            self._scrap = self._half_sent = True
            return self._broken_off(
                job, "connection_lost", "The receipt printer was lost while it printed."
            )
        if self._settings.evidence != "none":
            if not watch.heard_behind:
                self._evidence_ms = PRINTER_NO_EVIDENCE_MS_MAX
            self.ports.count("UnconfirmedReceiptCount")
        return job.done(now, PrintOutcome("sent_unconfirmed"))

    def _broken_off(self, job: DeviceJob, code: str, words: str) -> JobResult:
        self.ports.count("BrokenOffReceiptCount")
        return job.unknown(
            self.ports.clock.now_ms(), code, f"The receipt was broken off: {words}", _COPY_ADVICE
        )

    # --- the display on the printer -------------------------------------------------------

    async def _show_lines(
        self, job: DeviceJob, lines: tuple[DisplayLine, ...], stream: ByteStream
    ) -> JobResult:
        """Pass lines through in one piece; what waits in an offline printer would be old."""
        if not self._settings.pole_display:
            return job.failed(
                self.ports.clock.now_ms(),
                "no_pole_display",
                f"{self.ports.device} is not told that a display hangs on it.",
                "Set pole_display for this printer, or give the till another display.",
            )
        rows = self._pole_text.rows(lines)
        if rows.substituted:
            self.ports.count("SubstitutedCharacterCount", rows.substituted)
        async with self._line:
            if self._status.offline:
                trouble = trouble_of(self._status)
                raise DeviceNeedsPerson(
                    trouble.code if trouble else "printer_offline",
                    "The receipt printer passes nothing on to its display while it is offline.",
                    advice=trouble.advice if trouble else "Look at the printer.",
                )
            data = self._flush() + self._pole.show_through_printer(rows)
            await self._write(stream, data, DISPLAY_WRITE_MS_MAX)
            self._half_sent = False
            self._pole_rows = rows
        return job.done(self.ports.clock.now_ms(), ShowOutcome(rows.substituted))

    @override
    def _lines_again(self) -> bytes:
        rows = self._pole_rows
        return b"" if rows is None else self._pole.show_through_printer(rows)

    # --- drawer ---------------------------------------------------------------------------

    async def _kick(self, job: DeviceJob, stream: ByteStream) -> JobResult:
        clock = self.ports.clock
        async with self._line:
            connection = self._connections
            pin, on_ms = self._settings.drawer_pin, self._settings.drawer_on_ms
            waits = False
            if self._status.offline:
                # ESC p would wait behind the data and open the drawer when nobody expects it
                pulse = commands.drawer_pulse_now(pin, on_ms)
            else:
                waits = self._half_sent or clock.monotonic_ms() < self._prints_until_ms
                pulse = (
                    self._flush()
                    + self._listening()
                    + commands.drawer_pulse(pin, on_ms, self._settings.drawer_off_ms)
                )
            self._sensor.kicked(clock.monotonic_ms())
            try:
                await self._write(stream, pulse, DRAWER_OPENS_MS_MAX)
                self._half_sent = self._half_sent and bool(self._status.offline)
            except DeviceUnreachable as error:
                return drawer_lost(job, self.ports, error.code, "the printer")
            self.ports.count("DrawerPulseCount")
            await self._until_drawer_opens(stream, connection)
        if self._connections != connection:
            return drawer_lost(job, self.ports, "connection_lost", "the printer")
        position = self._sensor.position
        if waits and position is Position.CLOSED:
            position = Position.UNKNOWN  # it may open yet, once what stands before is printed
        return drawer_answer(job, self.ports, position)

    async def _until_drawer_opens(self, stream: ByteStream, connection: int) -> None:
        """Wait until the sensor sees it open, but no longer than that may take."""
        ends_ms = self.ports.clock.monotonic_ms() + DRAWER_OPENS_MS_MAX

        def decided() -> bool:
            return self._sensor.position is Position.OPEN or self._connections != connection

        while (left_ms := ends_ms - self.ports.clock.monotonic_ms()) > 0:
            if self._status.drawer_high is None or await self._until(
                decided, min(left_ms, DRAWER_LOOK_MS)
            ):
                return
            if not self._questions.reports_itself:
                try:
                    await self._request(stream, 1)
                except DeviceUnreachable:
                    return  # the pulse was given all the same

    # --- health ---------------------------------------------------------------------------

    async def _check(self, job: DeviceJob, stream: ByteStream) -> JobResult:
        """Ask for all there is to know; raises DeviceUnreachable when it answered before."""
        async with self._line:
            for kind in () if self._clogged else commands.STATUS_KINDS:
                heard = self._heard
                await self._request(stream, kind)
                if not await self._heard_since(heard):
                    if self._questions.answers:
                        raise DeviceUnreachable(
                            "printer_silent",
                            "The receipt printer does not answer.",
                            advice="Check its power and its cable.",
                        )
                    break
        trouble = trouble_of(self._status)
        health = trouble.health if trouble else ("" if self._status.known else NOT_KNOWN)
        return job.done(
            self.ports.clock.now_ms(),
            {
                "state": self.state.value,
                "health": health,
                "advice": trouble.advice if trouble else "",
                **fields_of(self._status, self._sensor.open_level),
            },
        )

    async def _heard_since(self, heard: int) -> bool:
        connection = self._connections
        await self._until(
            lambda: self._heard > heard or self._connections != connection, PRINTER_ANSWER_MS_MAX
        )
        return self._heard > heard
