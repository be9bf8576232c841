"""What a Star printer is asked to do: print, open a drawer, say how it is.

"Printed" is said only of a receipt behind which the printer came to its mark.
"""

from __future__ import annotations

from typing_extensions import override

from devices.driver import DriverPorts
from devices.drivers.printer_star.line import StarLine, StarWatch
from devices.drivers.printer_star.settings import PrinterStarSettings
from devices.protocols import star_line as commands
from devices.protocols.escpos_trouble import trouble_of
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
)
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable


class PrinterStar(StarLine):
    """One printer and the drawer on it."""

    def __init__(self, settings: PrinterStarSettings, ports: DriverPorts) -> None:
        super().__init__(settings, ports)
        self._documents = 0

    @override
    def _new_watch(self) -> StarWatch:
        return StarWatch(self._connections)

    @override
    def _broken(self, watch: StarWatch) -> bool:
        return watch.lost_power or super()._broken(watch)

    @override
    def _evidence_question(self, watch: StarWatch, *, owes: bool) -> bytes:
        if not owes:
            self._marks.forget()
        match self._settings.evidence:
            case "marks":
                watch.mark, byte = self._mark()
                return byte
            case "document":
                self._documents += 1
                watch.document = commands.document_number(self._documents)
                return commands.request_document_end(self._documents)
            case _:
                return b""

    @override
    async def _await_evidence(self, stream: ByteStream, watch: StarWatch) -> None:
        """Wait for the mark; a printer that does not report by itself is asked now and then."""
        ends_ms = self.ports.clock.monotonic_ms() + self._evidence_ms
        while (left_ms := ends_ms - self.ports.clock.monotonic_ms()) > 0:
            asks = self._questions.answers and not self._questions.reports_itself
            if await self._until(
                lambda: watch.printed or self._broken(watch),
                min(left_ms, PRINTER_ANSWER_MS_MAX) if asks else left_ms,
            ):
                return
            if asks:
                try:
                    await self._request(stream)
                except DeviceUnreachable as error:
                    watch.failed = error
                    return

    @override
    def _pulse(self) -> bytes:
        settings = self._settings
        if settings.drawer == 1:
            if self._status.offline:
                # BEL would wait behind the data and open the drawer when nobody expects it
                return commands.DRAWER_1_NOW
            width = commands.drawer_pulse_width(settings.drawer_on_ms, settings.drawer_off_ms)
            return self._flush() + width + commands.DRAWER_1
        if self._status.offline:
            # so would SUB, on models that put it behind the data
            trouble = trouble_of(self._status)
            raise DeviceNeedsPerson(
                trouble.code if trouble else "printer_offline",
                "The receipt printer does not open its second drawer while it is offline.",
                advice=trouble.advice if trouble else "Look at the printer.",
            )
        return self._flush() + commands.DRAWER_2

    @override
    async def _look_at_drawer(self, stream: ByteStream) -> None:
        await self._request(stream)

    @override
    async def _ask_all(self, stream: ByteStream) -> None:
        heard = self._heard
        await self._request(stream)
        _ = await self._heard_since(heard)
