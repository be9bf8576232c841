"""What a Star printer is asked to do: print, open a drawer, say how it is.

"Printed" is said only of a receipt behind which the printer came to its mark; one that was broken
off is `unknown`, for it may hang out of the printer. What is not known never stops a receipt.
"""

from __future__ import annotations

import asyncio
from typing import Final

from typing_extensions import override

from devices.driver import DeviceJob, DriverPorts
from devices.drivers.printer_star.line import StarLine, Watch, takes_nothing
from devices.drivers.printer_star.settings import PrinterStarSettings
from devices.protocols import star_line as commands
from devices.protocols.escpos_trouble import NOT_KNOWN, fields_of, trouble_of
from devices.protocols.receipt_setting import EncodedReceipt
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    DRAWER_LOOK_MS,
    DRAWER_OPENS_MS_MAX,
    PRINTER_ANSWER_MS_MAX,
    PRINTER_BYTES_PER_S_MIN,
    PRINTER_EVIDENCE_MS_MAX,
    PRINTER_NO_EVIDENCE_MS_MAX,
)
from edge.contract.device_messages import (
    DrawerOutcome,
    JobResult,
    KickDrawerArgs,
    PrintOutcome,
    PrintReceiptArgs,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable
from edge.contract.receipt_document import ReceiptDocument

_LETTERS_ADVICE: Final = "Install Tillbox from its wheel, which brings fonts and HarfBuzz."
_COPY_ADVICE: Final = "Look whether the receipt came out whole; if not, print a copy."


class PrinterStar(StarLine):
    """One printer and the drawer on it."""

    def __init__(self, settings: PrinterStarSettings, ports: DriverPorts) -> None:
        super().__init__(settings, ports)
        self._scrap = False
        """Part of a receipt may hang out of the printer without a cut behind it."""
        self._told_of_letters = False
        self._documents = 0
        self._evidence_ms = PRINTER_EVIDENCE_MS_MAX
        self._gave_up_ms = 0

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        stream = await self.live_stream()
        match job.args:
            case PrintReceiptArgs(document):
                return await self._print(job, document, stream)
            case KickDrawerArgs():
                return await self._kick(job, stream)
            case _:
                return await self._check(job, stream)

    # --- receipts -------------------------------------------------------------------------

    async def _print(
        self, job: DeviceJob, document: ReceiptDocument, stream: ByteStream
    ) -> JobResult:
        async with self._line:
            if self._encoder.draws(document):
                # a receipt in Arabic takes some 10 ms, and the first of them half a second
                receipt = await asyncio.to_thread(self._encoder.encode, document)
            else:
                receipt = self._encoder.encode(document)
            self._note_missing(job, receipt)
            trouble = trouble_of(self._status)
            if trouble is not None:
                raise DeviceNeedsPerson(trouble.code, trouble.health, advice=trouble.advice)
            if self.state is not DriverState.READY:
                raise DeviceUnreachable("printer_not_ready", "The receipt printer is not ready.")
            before = self._flush() + (self._encoder.cut_scrap() if self._scrap else b"")
            watch = self._watch = Watch(self._connections)
            data = before + receipt.data + self._evidence_question(watch)
            try:
                await self._write_receipt(stream, data, watch)
                return await self._evidence(job, stream, watch)
            finally:
                self._watch = None

    def _note_missing(self, job: DeviceJob, receipt: EncodedReceipt) -> None:
        if self._letters.problem and not self._told_of_letters:
            self._told_of_letters = True
            self.ports.log.error(
                "letters_missing", problem=self._letters.problem, advice=_LETTERS_ADVICE
            )
        if receipt.substituted:
            self.ports.count("SubstitutedCharacterCount", receipt.substituted)
            self.ports.log.warning("signs_missing", job=job.id, substituted=receipt.substituted)

    async def _write_receipt(self, stream: ByteStream, data: bytes, watch: Watch) -> None:
        """Write until all is written, the printer reports trouble, or takes nothing any more."""
        self._half_sent = self._scrap = True
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._written(stream, data, watch))
            wire_ms = len(data) * 1000 // PRINTER_BYTES_PER_S_MIN
            await self._until(
                lambda: not watch.writing or self._broken(watch), PRINTER_EVIDENCE_MS_MAX + wire_ms
            )
            writing.cancel()
        self._half_sent = self._scrap = watch.writing
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
            or watch.lost_power
            or self._connections != watch.connection
        )

    def _evidence_question(self, watch: Watch) -> bytes:
        """Return what the printer is to answer behind a receipt; it may still owe earlier ones."""
        quiet_ms = self.ports.clock.monotonic_ms() - max(self._gave_up_ms, self._troubled_ms)
        if quiet_ms >= PRINTER_EVIDENCE_MS_MAX:
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

    async def _evidence(self, job: DeviceJob, stream: ByteStream, watch: Watch) -> JobResult:
        if self._settings.evidence != "none":
            await self._await_evidence(stream, watch)
        now = self.ports.clock.now_ms()
        if watch.printed:
            self._evidence_ms = PRINTER_EVIDENCE_MS_MAX
            return job.done(now, PrintOutcome("confirmed"))
        self._gave_up_ms = self.ports.clock.monotonic_ms()
        if watch.trouble is not None:
            return self._broken_off(job, watch.trouble.code, watch.trouble.health)
        if watch.failed is not None:
            return self._broken_off(job, watch.failed.code, watch.failed.message)
        if self._broken(watch):
            # what was written may have got out in part: a command may be half received
            self._scrap = self._half_sent = True
            if watch.lost_power:
                return self._broken_off(
                    job, "printer_restarted", "The receipt printer was switched off and on."
                )
            return self._broken_off(
                job, "connection_lost", "The receipt printer was lost while it printed."
            )
        if self._settings.evidence != "none":
            if not watch.heard_behind:
                self._evidence_ms = PRINTER_NO_EVIDENCE_MS_MAX
            self.ports.count("UnconfirmedReceiptCount")
        return job.done(now, PrintOutcome("sent_unconfirmed"))

    async def _await_evidence(self, stream: ByteStream, watch: Watch) -> None:
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

    def _broken_off(self, job: DeviceJob, code: str, words: str) -> JobResult:
        self.ports.count("BrokenOffReceiptCount")
        return job.unknown(
            self.ports.clock.now_ms(), code, f"The receipt was broken off: {words}", _COPY_ADVICE
        )

    # --- drawer ---------------------------------------------------------------------------

    async def _kick(self, job: DeviceJob, stream: ByteStream) -> JobResult:
        async with self._line:
            before = self._status.drawer_high
            pulse = self._pulse()
            try:
                await self._write(stream, pulse, DRAWER_OPENS_MS_MAX)
                self._half_sent = self._half_sent and bool(self._status.offline)
            except DeviceUnreachable as error:
                return job.unknown(
                    self.ports.clock.now_ms(),
                    error.code,
                    "The drawer was told to open, and then the printer was lost.",
                    "Look whether the drawer is open.",
                )
            self.ports.count("DrawerPulseCount")
            opened = before is not None and await self._saw_it_open(stream, high_before=before)
        outcome = "opened" if opened else "pulsed"
        return job.done(self.ports.clock.now_ms(), DrawerOutcome(outcome))

    def _pulse(self) -> bytes:
        """Return what opens the drawer now; raises DeviceNeedsPerson where it could be later."""
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

    async def _saw_it_open(self, stream: ByteStream, *, high_before: bool) -> bool:
        """Wait for the switch; learn which level is open when it changes right behind a pulse."""
        connection = self._connections
        ends_ms = self.ports.clock.monotonic_ms() + DRAWER_OPENS_MS_MAX

        def is_open() -> bool:
            if self._open_level:
                return self._status.drawer_high == (self._open_level == "high")
            return self._status.drawer_high is not high_before

        while (left_ms := ends_ms - self.ports.clock.monotonic_ms()) > 0:
            await self._until(
                lambda: is_open() or self._connections != connection, min(left_ms, DRAWER_LOOK_MS)
            )
            if self._connections != connection:
                return False
            if is_open():
                if not self._open_level:
                    self._open_level = "low" if high_before else "high"
                    self.ports.log.info("drawer_level_learnt", open_level=self._open_level)
                return True
            if not self._questions.reports_itself:
                try:
                    await self._request(stream)
                except DeviceUnreachable:
                    return False  # the pulse was given all the same
        return False

    # --- health ---------------------------------------------------------------------------

    async def _check(self, job: DeviceJob, stream: ByteStream) -> JobResult:
        """Ask for all there is to know; raises DeviceUnreachable when it answered before."""
        async with self._line:
            heard, connection = self._heard, self._connections
            if not self._clogged:
                await self._request(stream)
                await self._until(
                    lambda: self._heard > heard or self._connections != connection,
                    PRINTER_ANSWER_MS_MAX,
                )
                if self._heard == heard and self._questions.answers:
                    raise DeviceUnreachable(
                        "printer_silent",
                        "The receipt printer does not answer.",
                        advice="Check its power and its cable.",
                    )
        trouble = trouble_of(self._status)
        health = trouble.health if trouble else ("" if self._status.known else NOT_KNOWN)
        return job.done(
            self.ports.clock.now_ms(),
            {
                "state": self.state.value,
                "health": health,
                "advice": trouble.advice if trouble else "",
                **fields_of(self._status, self._open_level),
            },
        )
