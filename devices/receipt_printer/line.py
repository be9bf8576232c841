"""The conversation with a receipt printer: what it says, when it is asked, what is shown of it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from typing_extensions import override

from devices.driver import ConnectedDriver, DriverPorts
from devices.protocols.drawer_sensor import DrawerSensor
from devices.protocols.escpos_status import PrinterStatus
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

AnswerT = TypeVar("AnswerT")
AnswerT_co = TypeVar("AnswerT_co", covariant=True)


class Reader(Protocol[AnswerT_co]):
    """Takes the printer's bytes apart."""

    @property
    def garbage_bytes(self) -> int:
        """How many bytes meant nothing so far."""
        ...

    def feed(self, data: bytes) -> Iterable[AnswerT_co]:
        """Return the answers that are whole with these bytes."""
        ...


class Questions(Protocol):
    """Says when a printer is asked how it is, and when it counts as gone."""

    introduced: bool
    answers: bool
    reports_itself: bool

    @property
    def gone(self) -> bool:
        """Whether it answered once and does not any more."""
        ...

    def wait_ms(self, now_ms: int) -> int:
        """Return how long nothing is to be asked."""
        ...

    def postpone(self, now_ms: int) -> None:
        """Ask nothing for a while."""
        ...


@dataclass
class Watch:
    """What the connection tells of the receipt that is under way; the first word counts."""

    connection: int
    writing: bool = True
    printed: bool = False
    heard_behind: bool = False
    """Whether the printer answered behind any receipt, be it an earlier one."""
    trouble: Trouble | None = None
    failed: DeviceUnreachable | None = None

    @property
    def answered(self) -> bool:
        """Whether the printer gave the evidence that it was asked for."""
        return self.printed

    @property
    def lost_as(self) -> tuple[str, str]:
        """The code and the words of a loss that nothing else explains."""
        return "connection_lost", "The receipt printer was lost while it printed."


WatchT = TypeVar("WatchT", bound=Watch)


class PrinterLine(ConnectedDriver, ABC, Generic[AnswerT, WatchT]):
    """Listens to one printer and asks it; jobs write under the same lock, one at a time."""

    _reader: Reader[AnswerT]
    _questions: Questions

    def __init__(self, ports: DriverPorts, drawer_open_level: str) -> None:
        super().__init__(ports)
        self._line = asyncio.Lock()
        self._news = asyncio.Condition()
        self._half_sent = True
        """A job of this or of an earlier process may have been broken off inside a command."""
        self._sensor = DrawerSensor(drawer_open_level)
        self._watch: WatchT | None = None
        self._connections = 0

    def _new_connection(self) -> None:
        """Forget what the last connection told; drivers add a reader and questions."""
        self._status = PrinterStatus()
        self._sensor.forget_level()
        self._heard = 0
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

    @abstractmethod
    def _take(self, answer: AnswerT) -> None:
        """Take one answer of the printer."""

    def _take_status(self, status: PrinterStatus, now_ms: int) -> None:
        if trouble_of(self._status) is not None:
            self._troubled_ms = now_ms
        self._status = status
        if status.drawer_high is not None:
            level = self._sensor.open_level
            self._sensor.saw(high=status.drawer_high, at_ms=now_ms)
            if self._sensor.open_level != level:
                self.ports.log.info("drawer_level_learnt", open_level=self._sensor.open_level)

    def _see_trouble(self, watch: Watch) -> None:
        """Let the receipt under way know what stops it."""
        trouble = trouble_of(self._status)
        if trouble is not None and trouble.stops and not watch.answered:
            watch.trouble = watch.trouble or trouble

    # --- asking ---------------------------------------------------------------------------

    async def _ask(self, stream: ByteStream) -> None:
        """Write what is to be asked or said now, unless a job is writing."""
        now = self.ports.clock.monotonic_ms()
        if self._line.locked() or self._clogged:
            self._questions.postpone(now)
            return
        async with self._line:
            words = self._question(now)
            if self._questions.gone:
                raise DeviceUnreachable(
                    "printer_silent",
                    "The receipt printer stopped answering.",
                    advice="Check its power and its cable.",
                )
            words += self._greeting()
            if words:
                await self._write(stream, self._opening() + words, PRINTER_EVIDENCE_MS_MAX)

    @property
    def _clogged(self) -> bool:
        """Whether half a job stands before every question, and the printer will speak first."""
        return self._half_sent and bool(self._status.offline) and self._questions.reports_itself

    @abstractmethod
    def _question(self, now_ms: int) -> bytes:
        """Return how the printer is asked now; empty while it need not be."""

    @abstractmethod
    def _greeting(self) -> bytes:
        """Return what waits its turn in the printer; nothing while it is offline, or before."""

    def _opening(self) -> bytes:
        """Return what goes before the first bytes of a connection."""
        return b""

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
        fields = self._fields()
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

    def _fields(self) -> dict[str, str]:
        return fields_of(self._status, self._sensor.open_level)

    async def _until(self, true: Callable[[], object], within_ms: int) -> bool:
        """Wait until something the printer says makes it true, or its connection ends it."""
        try:
            async with self.ports.clock.timeout(within_ms / 1000), self._news:
                await self._news.wait_for(true)
        except TimeoutError:
            return False
        return True

    async def _heard_since(self, heard: int) -> bool:
        """Wait for a status; raises DeviceUnreachable when it answered before and is silent."""
        connection = self._connections
        await self._until(
            lambda: self._heard > heard or self._connections != connection, PRINTER_ANSWER_MS_MAX
        )
        if self._heard == heard and self._questions.answers:
            raise DeviceUnreachable(
                "printer_silent",
                "The receipt printer does not answer.",
                advice="Check its power and its cable.",
            )
        return self._heard > heard


def takes_nothing() -> DeviceUnreachable:
    """Return the error of a printer whose buffer stays full."""
    return DeviceUnreachable(
        "printer_takes_nothing",
        "The receipt printer takes no data.",
        advice="Look at its lights; switch it off and on.",
    )
