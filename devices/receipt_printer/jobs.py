"""What a receipt printer is asked to do: print, open a drawer, say how it is.

"Printed" is said only of a receipt that the printer answered behind; one that was broken off
is `unknown`, for it may hang out of the printer. What is not known never stops a receipt.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final, Protocol

from typing_extensions import override

from devices.drawer_answers import drawer_answer, drawer_lost
from devices.driver import DeviceJob, DriverPorts
from devices.lettering.letters import Letters
from devices.protocols.drawer_sensor import Position
from devices.protocols.escpos_trouble import NOT_KNOWN, trouble_of
from devices.protocols.receipt_setting import EncodedReceipt
from devices.receipt_printer.line import AnswerT, PrinterLine, Watch, WatchT, takes_nothing
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    DRAWER_LOOK_MS,
    DRAWER_OPENS_MS_MAX,
    PRINTER_BYTES_PER_S_MIN,
    PRINTER_EVIDENCE_MS_MAX,
    PRINTER_NO_EVIDENCE_MS_MAX,
)
from edge.contract.device_messages import JobResult, KickDrawerArgs, PrintOutcome, PrintReceiptArgs
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable
from edge.contract.receipt_document import ReceiptDocument

_LETTERS_ADVICE: Final = "Install Tillbox from its wheel, which brings fonts and HarfBuzz."
_COPY_ADVICE: Final = "Look whether the receipt came out whole; if not, print a copy."


class Encoder(Protocol):
    """Writes receipts in the printer's bytes."""

    def draws(self, document: ReceiptDocument) -> bool:
        """Say whether letters of it are drawn, which takes its time."""
        ...

    def encode(self, document: ReceiptDocument) -> EncodedReceipt:
        """Return a receipt with its cut."""
        ...

    def flush(self) -> bytes:
        """Return what ends any command that was broken off."""
        ...

    def cut_scrap(self) -> bytes:
        """Return what cuts off what hangs out of the printer."""
        ...


class ReceiptPrinter(PrinterLine[AnswerT, WatchT], ABC):
    """One printer and the drawer on it. `wants_evidence`: it is asked behind each receipt."""

    _encoder: Encoder

    def __init__(
        self, ports: DriverPorts, drawer_open_level: str, *, wants_evidence: bool, letters: Letters
    ) -> None:
        super().__init__(ports, drawer_open_level)
        self._wants_evidence = wants_evidence
        self._letters = letters
        self._told_of_letters = False
        self._scrap = False
        """Part of a receipt may hang out of the printer without a cut behind it."""
        self._evidence_ms = PRINTER_EVIDENCE_MS_MAX
        self._gave_up_ms = 0
        self._prints_until_ms = 0
        """Until then a receipt without evidence may still stand before what is sent now."""

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
            receipt = await self._encoded(document)
            self._note_missing(job, receipt)
            trouble = trouble_of(self._status)
            if trouble is not None:
                raise DeviceNeedsPerson(trouble.code, trouble.health, advice=trouble.advice)
            if self.state is not DriverState.READY:
                raise DeviceUnreachable("printer_not_ready", "The receipt printer is not ready.")
            before = self._flush() + self._listening()
            scrap = self._encoder.cut_scrap() if self._scrap else b""
            watch = self._watch = self._new_watch()
            quiet_ms = self.ports.clock.monotonic_ms() - max(self._gave_up_ms, self._troubled_ms)
            # a printer that was slow or in trouble still owes its answers to earlier receipts
            owes = quiet_ms < PRINTER_EVIDENCE_MS_MAX
            data = before + scrap + receipt.data + self._evidence_question(watch, owes=owes)
            try:
                await self._write_receipt(stream, data, watch)
                return await self._evidence(job, stream, watch)
            finally:
                self._watch = None

    async def _encoded(self, document: ReceiptDocument) -> EncodedReceipt:
        """Return the receipt's bytes; off the loop where that takes its time."""
        if self._encoder.draws(document):
            # a receipt in Arabic takes some 10 ms, and the first of them half a second
            return await asyncio.to_thread(self._encoder.encode, document)
        return self._encoder.encode(document)

    def _note_missing(self, job: DeviceJob, receipt: EncodedReceipt) -> None:
        if self._letters.problem and not self._told_of_letters:
            self._told_of_letters = True
            self.ports.log.error(
                "letters_missing", problem=self._letters.problem, advice=_LETTERS_ADVICE
            )
        if receipt.substituted:
            self.ports.count("SubstitutedCharacterCount", receipt.substituted)
            self.ports.log.warning("signs_missing", job=job.id, substituted=receipt.substituted)

    def _flush(self) -> bytes:
        """Return what makes the printer forget half a job."""
        return self._encoder.flush() if self._half_sent else b""

    def _listening(self) -> bytes:
        """Return what makes the printer take what follows for itself."""
        return b""

    @abstractmethod
    def _new_watch(self) -> WatchT:
        """Return what is known of a receipt of which nothing is sent yet."""

    @abstractmethod
    def _evidence_question(self, watch: WatchT, *, owes: bool) -> bytes:
        """Return what the printer is to answer behind a receipt; it may still owe earlier ones."""

    async def _write_receipt(self, stream: ByteStream, data: bytes, watch: WatchT) -> None:
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

    def _broken(self, watch: WatchT) -> bool:
        return (
            watch.trouble is not None
            or watch.failed is not None
            or self._connections != watch.connection
        )

    def _is_printed(self, watch: WatchT) -> bool:
        return watch.answered

    @abstractmethod
    async def _await_evidence(self, stream: ByteStream, watch: WatchT) -> None:
        """Wait for the evidence, as long as `_evidence_ms`."""

    async def _evidence(self, job: DeviceJob, stream: ByteStream, watch: WatchT) -> JobResult:
        if self._wants_evidence:
            await self._await_evidence(stream, watch)
        now = self.ports.clock.now_ms()
        if self._is_printed(watch):
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
            return self._broken_off(job, *watch.lost_as)
        if self._wants_evidence:
            if not watch.heard_behind:
                self._evidence_ms = PRINTER_NO_EVIDENCE_MS_MAX
            self.ports.count("UnconfirmedReceiptCount")
        return job.done(now, PrintOutcome("sent_unconfirmed"))

    def _broken_off(self, job: DeviceJob, code: str, words: str) -> JobResult:
        self.ports.count("BrokenOffReceiptCount")
        return job.unknown(
            self.ports.clock.now_ms(), code, f"The receipt was broken off: {words}", _COPY_ADVICE
        )

    # --- drawer ---------------------------------------------------------------------------

    async def _kick(self, job: DeviceJob, stream: ByteStream) -> JobResult:
        clock = self.ports.clock
        async with self._line:
            connection = self._connections
            prints = self._half_sent or clock.monotonic_ms() < self._prints_until_ms
            waits = prints and not self._status.offline
            pulse = self._pulse()
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

    @abstractmethod
    def _pulse(self) -> bytes:
        """Return what opens the drawer now; raises DeviceNeedsPerson where it could be later."""

    @abstractmethod
    async def _look_at_drawer(self, stream: ByteStream) -> None:
        """Ask a printer that does not report by itself where its drawer is."""

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
                    await self._look_at_drawer(stream)
                except DeviceUnreachable:
                    return  # the pulse was given all the same

    # --- health ---------------------------------------------------------------------------

    async def _check(self, job: DeviceJob, stream: ByteStream) -> JobResult:
        """Ask for all there is to know; raises DeviceUnreachable when it answered before."""
        async with self._line:
            if not self._clogged:
                await self._ask_all(stream)
        trouble = trouble_of(self._status)
        health = trouble.health if trouble else ("" if self._status.known else NOT_KNOWN)
        return job.done(
            self.ports.clock.now_ms(),
            {
                "state": self.state.value,
                "health": health,
                "advice": trouble.advice if trouble else "",
                **self._fields(),
            },
        )

    @abstractmethod
    async def _ask_all(self, stream: ByteStream) -> None:
        """Ask for all there is to know; raises DeviceUnreachable when it answered before."""
