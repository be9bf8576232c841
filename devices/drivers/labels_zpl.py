"""Label printers that speak ZPL II, over TCP or a serial line.

A label printer says nothing by itself: it is asked all the time, between labels and never inside
one. Labels that a person must help out (a new roll) go on by themselves, and so does the job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts, DriverSpec, Rung
from devices.protocols.zpl_labels import (
    ASK_STATUS,
    FORGET_HALF_A_FORMAT,
    LabelFormat,
    encode_label,
)
from devices.protocols.zpl_status import HostStatus, StatusReader
from devices.protocols.zpl_trouble import SILENT, LabelTrouble, trouble_of
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    LABEL_ANSWER_MS_MAX,
    LABEL_EVIDENCE_MS_MAX,
    LABEL_POLL_EAGER_MS,
    LABEL_POLL_MS,
    LABEL_SILENCES_MAX,
    LABEL_STANDSTILL_MS_MAX,
    LABEL_WRITE_MS_MAX,
)
from edge.contract.device_messages import (
    JobKind,
    JobResult,
    LabelsOutcome,
    PrintLabelsArgs,
    ShelfLabel,
)
from edge.contract.device_states import DeviceClass, DriverState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable

_READ_BYTES_MAX: Final = 1_024
_AGREE: Final = 2
"""Answers in a row that say that all is out: the first may be a late one to an old question."""
_LOOK_ADVICE: Final = "Look which labels came out, and print the others again."


class LabelsZplSettings(LabelFormat, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` as in `devices.transports.addresses`; ZPL printers listen on port 9100.

    `asks_status`: off for a printer that does not answer `~HS`; its labels are never confirmed.
    """

    address: str
    asks_status: bool = True


class LabelsZpl(ConnectedDriver):
    """One label printer. Whoever writes holds `_line`: a question never stands inside a label."""

    def __init__(self, settings: LabelsZplSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._reader = StatusReader()
        self._line = asyncio.Lock()
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._gone: DeviceUnreachable | None = None
        self._printing = False
        self._half_sent = True
        """Half a label may stand in the printer: what was written last need not have got there."""
        self._connections = 0
        self._asked = 0
        self._out_in_a_row = 0
        """Answers in a row, the newest included, that say that all is out."""
        self._silences = 0
        self._status: HostStatus | None = None

    # --- listening ------------------------------------------------------------------------

    @override
    async def serve(self, stream: ByteStream) -> None:
        self._silences = 0
        self._status = None
        self._reader = StatusReader()
        self._half_sent = True
        try:
            if not self._settings.asks_status:
                self.ready()
                while await stream.read(_READ_BYTES_MAX):
                    pass
                return
            while True:
                async with self._line:
                    status = await self._ask(stream)
                self._take(status)
                await self._rest(stream)
        finally:
            self._connections += 1
            self._tell()

    async def _ask(self, stream: ByteStream) -> HostStatus | None:
        """Put the question; None when there was no whole answer in time."""
        garbage = self._reader.garbage_bytes
        self._reader.forget()
        try:
            async with self.ports.clock.timeout(LABEL_ANSWER_MS_MAX / 1000):
                # one that stands still with a full buffer takes no question either
                await stream.write(self._before() + ASK_STATUS)
                self._half_sent = False
                while True:
                    data = await stream.read(_READ_BYTES_MAX)
                    if not data:
                        raise self._closed()
                    if found := self._reader.feed(data):
                        return found[-1]
        except TimeoutError:
            return None
        finally:
            if self._reader.garbage_bytes > garbage:
                self.ports.count("GarbageByteCount", self._reader.garbage_bytes - garbage)

    def _before(self) -> bytes:
        return FORGET_HALF_A_FORMAT if self._half_sent else b""

    def _take(self, status: HostStatus | None) -> None:
        self._asked += 1
        if status is None:
            self._out_in_a_row = 0
            self._silences += 1
            if self._silences >= LABEL_SILENCES_MAX:
                self._status = None
                self._show(SILENT)
        else:
            self._silences = 0
            self._status = status
            self._out_in_a_row = self._out_in_a_row + 1 if status.all_out else 0
            self._show(trouble_of(status))
        self._tell()

    def _show(self, trouble: LabelTrouble | None) -> None:
        status = self._status
        fields: dict[str, str | int] = {
            "paper": "" if status is None else ("out" if status.paper_out else "ok"),
            "cover": "" if status is None else ("open" if status.head_open else "closed"),
        }
        if trouble is None:
            self.ready(**fields)
        else:
            self.attention(trouble.health, trouble.advice, **fields)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _rest(self, stream: ByteStream) -> None:
        """Wait until the next question is due; raises DeviceUnreachable once it is gone.

        It listens meanwhile: a job must not be begun on a connection that is over already.
        """
        self._hurry.clear()
        self._gone = None
        wait_ms = LABEL_POLL_EAGER_MS if self._printing else LABEL_POLL_MS
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(stream))
            try:
                async with self.ports.clock.timeout(wait_ms / 1000):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            finally:
                listening.cancel()
        if self._gone is not None:
            raise self._gone

    async def _listen(self, stream: ByteStream) -> None:
        """Drop what comes unasked, such as an answer that is late; note when it is over."""
        try:
            while data := await stream.read(_READ_BYTES_MAX):
                self.ports.count("GarbageByteCount", len(data))
            self._gone = self._closed()
        except DeviceUnreachable as error:
            self._gone = error
        self._hurry.set()

    def _closed(self) -> DeviceUnreachable:
        return DeviceUnreachable(
            "connection_closed",
            f"{self.ports.device} closed the connection.",
            advice="Check its power and its cable.",
        )

    @property
    def _trouble(self) -> LabelTrouble | None:
        if not self._settings.asks_status:
            return None
        return SILENT if self._status is None else trouble_of(self._status)

    # --- jobs -----------------------------------------------------------------------------

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        stream = await self.live_stream()
        if not isinstance(job.args, PrintLabelsArgs):
            return await self._check(job)
        trouble = self._trouble
        if trouble is not None:
            raise DeviceNeedsPerson(trouble.code, trouble.health, advice=trouble.advice)
        if self.state is not DriverState.READY:
            raise DeviceUnreachable("label_printer_not_ready", "The label printer is not ready.")
        self._printing = True
        self._hurry.set()
        try:
            return await self._print(job, job.args.labels, stream)
        finally:
            self._printing = False

    async def _print(
        self, job: DeviceJob, labels: tuple[ShelfLabel, ...], stream: ByteStream
    ) -> JobResult:
        ends_ms = self.ports.clock.monotonic_ms() + LABEL_EVIDENCE_MS_MAX
        connection = self._connections
        begun = sent = 0
        try:
            for label in labels:
                await self._until_well(connection, ends_ms)
                begun += 1
                await self._send(stream, encode_label(label, self._settings))
                sent += 1
        except DeviceUnreachable as error:
            if not begun:
                raise
            return self._broken_off(job, error, f"{sent} of {len(labels)} labels were sent.")
        return await self._evidence(job, labels, connection, ends_ms)

    async def _send(self, stream: ByteStream, label: bytes) -> None:
        """Write one label; raises DeviceUnreachable, having closed what takes nothing."""
        async with self._line:
            before, self._half_sent = self._before(), True
            try:
                async with self.ports.clock.timeout(LABEL_WRITE_MS_MAX / 1000):
                    await stream.write(before + label)
            except TimeoutError:
                await stream.close()
                raise DeviceUnreachable(
                    "label_printer_takes_nothing",
                    "The label printer takes no data.",
                    advice="Look at its lights; switch it off and on.",
                ) from None
            self._half_sent = False

    async def _until_well(self, connection: int, ends_ms: int) -> None:
        """Wait while the printer waits for a person; raises DeviceUnreachable when it is gone."""
        while (trouble := self._trouble) is not None or self._connections != connection:
            if self._connections != connection:
                raise DeviceUnreachable("connection_lost", "The label printer was lost.")
            if trouble is not None and not await self._news_before(ends_ms):
                raise DeviceUnreachable(trouble.code, trouble.health, advice=trouble.advice)

    async def _evidence(
        self, job: DeviceJob, labels: tuple[ShelfLabel, ...], connection: int, ends_ms: int
    ) -> JobResult:
        """Wait until the printer says twice that all is out."""
        count = sum(label.copies for label in labels)
        now = self.ports.clock.now_ms
        if not self._settings.asks_status:
            return job.done(now(), LabelsOutcome("sent_unconfirmed", count))
        self._out_in_a_row = 0
        moved_ms = self.ports.clock.monotonic_ms()
        left = self._left()
        while self._out_in_a_row < _AGREE:
            heard = await self._news_before(min(ends_ms, moved_ms + LABEL_STANDSTILL_MS_MAX))
            if self._connections != connection:
                error = DeviceUnreachable("connection_lost", "The label printer was lost.")
                return self._broken_off(job, error, "All labels were sent; some may be missing.")
            trouble = self._trouble
            if trouble is not None or self._left() != left:
                left, moved_ms = self._left(), self.ports.clock.monotonic_ms()
            if not heard and trouble is not None:
                error = DeviceUnreachable(trouble.code, trouble.health, advice=trouble.advice)
                return self._broken_off(job, error, "All labels were sent; some are missing.")
            if not heard:
                self.ports.count("UnconfirmedLabelCount", count)
                return job.done(now(), LabelsOutcome("sent_unconfirmed", count))
        return job.done(now(), LabelsOutcome("confirmed", count))

    def _left(self) -> tuple[int, int]:
        status = self._status or HostStatus()
        return status.formats_waiting, status.labels_left

    async def _news_before(self, ends_ms: int) -> bool:
        """Wait for the next answer, or for the end of the connection; False when it is too late."""
        left_ms = ends_ms - self.ports.clock.monotonic_ms()
        if left_ms <= 0:
            return False
        try:
            async with self.ports.clock.timeout(left_ms / 1000):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _broken_off(self, job: DeviceJob, error: DeviceUnreachable, how_far: str) -> JobResult:
        self.ports.count("BrokenOffLabelsCount")
        words = f"{error.message} {how_far}"
        advice = f"{error.advice} {_LOOK_ADVICE}".strip()
        return job.unknown(self.ports.clock.now_ms(), error.code, words, advice)

    async def _check(self, job: DeviceJob) -> JobResult:
        """Ask now; raises DeviceUnreachable when there is no answer."""
        trouble: LabelTrouble | None = None
        if self._settings.asks_status:
            before = self._asked
            self._hurry.set()
            within_ms = LABEL_WRITE_MS_MAX + 2 * LABEL_ANSWER_MS_MAX
            heard = await self._until(lambda: self._asked > before, within_ms)
            trouble = self._trouble
            if not heard or trouble is SILENT or self._silences:
                raise DeviceUnreachable(SILENT.code, SILENT.health, advice=SILENT.advice)
        return job.done(
            self.ports.clock.now_ms(),
            {
                "state": self.state.value,
                "health": trouble.health if trouble else "",
                "advice": trouble.advice if trouble else "",
            },
        )

    async def _until(self, true: Callable[[], bool], within_ms: int) -> bool:
        ends_ms = self.ports.clock.monotonic_ms() + within_ms
        while not true():
            if not await self._news_before(ends_ms):
                return False
        return True


DRIVER: Final = DriverSpec(
    name="labels_zpl",
    device_class=DeviceClass.LABELS,
    settings=LabelsZplSettings,
    example=LabelsZplSettings(address="tcp://192.0.2.9:9100"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=LabelsZpl,
    job_kinds=frozenset({JobKind.PRINT_LABELS, JobKind.CHECK_HEALTH}),
    model="label printers that speak ZPL II",
    capabilities=("shelf_labels", "ean13", "ean8", "code128"),
    rung=Rung.SIMULATED,
)
