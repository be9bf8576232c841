"""What a printer that speaks ESC/POS is asked to do: print, open the drawer, show lines.

"Printed" is said only of a receipt behind which the printer answered, by its process id where it
knows those.
"""

from __future__ import annotations

import asyncio

from typing_extensions import override

from devices.driver import DeviceJob, DriverPorts
from devices.drivers.printer_escpos.line import EscposLine, EscposWatch
from devices.drivers.printer_escpos.settings import PrinterEscposSettings
from devices.protocols import escpos_commands as commands
from devices.protocols.display_escpos import EscposDisplay
from devices.protocols.display_text import DisplayText, Rows
from devices.protocols.escpos_trouble import trouble_of
from devices.protocols.receipt_setting import EncodedReceipt
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    DISPLAY_WRITE_MS_MAX,
    PRINTER_NO_EVIDENCE_MS_MAX,
)
from edge.contract.device_messages import DisplayLine, JobResult, ShowLinesArgs, ShowOutcome
from edge.contract.errors import DeviceNeedsPerson
from edge.contract.receipt_document import ReceiptDocument


class PrinterEscpos(EscposLine):
    """One printer, the drawer on it and the display behind it."""

    def __init__(self, settings: PrinterEscposSettings, ports: DriverPorts) -> None:
        super().__init__(settings, ports)
        self._warm = False
        """Encoding is a matter of less than a millisecond."""
        self._processes = 0
        self._pole_text = DisplayText(settings.pole_page)
        self._pole = EscposDisplay(self._pole_text.select, settings.pole_brightness)
        self._pole_rows: Rows | None = None

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        if isinstance(job.args, ShowLinesArgs):
            return await self._show_lines(job, job.args.lines, await self.live_stream())
        return await super().perform(job)

    # --- receipts -------------------------------------------------------------------------

    @override
    async def _encoded(self, document: ReceiptDocument) -> EncodedReceipt:
        if self._warm:
            return await super()._encoded(document)
        # the first import of python-escpos costs 0.34 s, a drawn QR code some 30 ms each time
        receipt = await asyncio.to_thread(self._encoder.encode, document)
        self._warm = self._settings.qr != "picture"
        return receipt

    @override
    def _new_watch(self) -> EscposWatch:
        self._processes += 1
        number = commands.process_id(self._processes)
        return EscposWatch(self._connections, process=number, by_process=self._has_process_ids)

    @override
    def _evidence_question(self, watch: EscposWatch, *, owes: bool) -> bytes:
        if not self._wants_evidence:
            return b""
        if not owes:
            self._reader.forget_paper()
        self._reader.asked_paper()
        process = commands.request_process_id(self._processes) if watch.by_process else b""
        return process + commands.REQUEST_PAPER_BEHIND_DATA

    @override
    async def _await_evidence(self, stream: ByteStream, watch: EscposWatch) -> None:
        await self._until(
            lambda: watch.answered or watch.worked_off or self._broken(watch), self._evidence_ms
        )
        # behind the data it answered, but printers with process ids say when it is printed
        half_answered = watch.worked_off and not watch.answered and not self._broken(watch)
        if half_answered and not await self._until(
            lambda: watch.answered or self._broken(watch), PRINTER_NO_EVIDENCE_MS_MAX
        ):
            self._has_process_ids = False

    @override
    def _is_printed(self, watch: EscposWatch) -> bool:
        return watch.answered or (watch.worked_off and not self._broken(watch))

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

    # --- drawer and health ----------------------------------------------------------------

    @override
    def _pulse(self) -> bytes:
        pin, on_ms = self._settings.drawer_pin, self._settings.drawer_on_ms
        if self._status.offline:
            # ESC p would wait behind the data and open the drawer when nobody expects it
            return commands.drawer_pulse_now(pin, on_ms)
        pulse = commands.drawer_pulse(pin, on_ms, self._settings.drawer_off_ms)
        return self._flush() + self._listening() + pulse

    @override
    async def _look_at_drawer(self, stream: ByteStream) -> None:
        await self._request(stream, 1)

    @override
    async def _ask_all(self, stream: ByteStream) -> None:
        for kind in commands.STATUS_KINDS:
            heard = self._heard
            await self._request(stream, kind)
            if not await self._heard_since(heard):
                break
