"""Plays a recording: the device says what it said once the driver has written what it had then.

Time is the recording's. It is moved on to an entry only when every task waits, and what the
driver writes is as late as it was: so a second then is a second now, in no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from devices import driver_catalogue
from devices.driver import DeviceJob, Driver, DriverSpec, Replay
from devices.recordings.bundle import Bundle, RecordedEnd, RecordedJob
from devices.replaying.comparison import Comparison, Difference, is_written
from devices.replaying.replay_clock import CountedThreads, ReplayClock, come_to_rest
from devices.replaying.replay_ports import ReplayPorts, ReplayStream
from devices.transports.flight_recorder import (
    CONNECTED,
    DISCONNECTED,
    DRIVEN,
    END,
    IN,
    JOB,
    LINES_ON,
    NOTE,
    WRITE_FAILED,
    WRITTEN,
    FlightEntry,
)
from edge.contract.device_messages import JOB_ARGS
from edge.contract.errors import Refused, TillboxError
from edge.contract.instant import iso_utc
from edge.contract.wire import UNREADABLE
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_SLACK_MS: Final = 1_000
"""A driver that writes later than it did has so much longer before the device goes on."""
_STOP_S: Final = 2.0


@dataclass(frozen=True)
class Verdict:
    """`same`: the driver wrote what it wrote then, byte for byte. `recorded`: how many bytes."""

    recorded: int
    difference: Difference | None
    died: str = ""

    @property
    def same(self) -> bool:
        """Whether nothing is different."""
        return self.difference is None and not self.died


class RecordingReplay:
    """One replay. `say` gets lines for people; `show_bytes`: the bytes too, both ways.

    Raises Refused in words when the recording cannot be played.
    """

    def __init__(self, bundle: Bundle, say: Callable[[str], None], *, show_bytes: bool) -> None:
        self._heading = bundle.heading
        self._say = say
        self._spec: DriverSpec[Any] = driver_catalogue.driver(bundle.heading.driver)
        start, self._from_the_middle = _beginning(bundle.entries)
        self._skipped = start
        self._entries = bundle.entries[start:]
        self._start_ms = self._entries[0].at_ms
        self._clock = ReplayClock(self._start_ms)
        self._comparison = Comparison(self._entries, from_the_middle=self._from_the_middle)
        self._ports = ReplayPorts(
            self._heading.device,
            self._clock,
            self._comparison,
            self._tell,
            self._tell if show_bytes else None,
        )
        self._threads = CountedThreads()
        self._over = False
        self._ended_then = dict(_ends(self._entries))

    async def run(self, log: Log) -> Verdict:
        """Play it; call it once, in a loop of its own."""
        driver = self._build()
        self._introduce()
        asyncio.get_running_loop().set_default_executor(self._threads)
        async with Supervisor(self._clock, log, stop_s=_STOP_S) as tasks:
            running = tasks.spawn("replayed driver", driver.run())
            if self._from_the_middle:
                self._ports.let_in(self._lines_on(0))
            written = 0
            for at, entry in enumerate(self._entries):
                await self._until(entry, written)
                self._play(at, driver, tasks)
                written += len(entry.data) if is_written(entry.way, entry.data) else 0
            await self._gate(written, self._entries[-1].at_ms)
            await self._pass_until(self._heading.at_ms + 1)
            died = _death(running)
            verdict = Verdict(self._comparison.recorded, self._comparison.difference(), died)
            self._over = True
        self._conclude(verdict)
        return verdict

    def _build(self) -> Driver:
        try:
            settings = msgspec.convert(self._heading.settings, self._spec.settings)
        except msgspec.ValidationError as error:
            raise Refused(
                "recording_settings",
                f"The recorded settings do not fit today's driver {self._spec.name}: {error}.",
                advice="Use the release of Tillbox that wrote the recording.",
            ) from None
        driver = self._spec.build(settings, self._ports)
        records_bytes = getattr(driver, "records_bytes", True)
        whole = self._spec.replay is Replay.WHOLE
        if self._spec.replay is Replay.READ_ONLY or (whole and not records_bytes):
            raise Refused(
                "recording_read_only",
                f"Recordings of {self._spec.name} cannot be played: they hold what was meant, not "
                "the bytes of the conversation.",
                advice="`tillbox devices replay --read` prints what is in it.",
            )
        return driver

    def _introduce(self) -> None:
        heading = self._heading
        seconds = (self._entries[-1].at_ms - self._start_ms) / 1000
        self._say(
            f"{heading.device} ({heading.driver}), recorded {iso_utc(heading.at_ms)} "
            f"({heading.reason}{f': {heading.words}' if heading.words else ''}); "
            f"{len(self._entries)} entries over {seconds:.1f} s"
        )
        if self._from_the_middle:
            self._say(
                "It begins in the middle of a connection. The driver starts anew: what it says "
                "before it writes what was recorded first is not compared, and it may know less "
                "of the device than it did."
            )
        elif self._skipped:
            self._say(f"{self._skipped} entries before the first connection are passed over.")
        if self._spec.replay is Replay.REDACTED:
            self._say(
                "Card data, receipts and passwords were blanked when it was recorded: texts and "
                "numbers that come of them are blank, and what is compared are the blanked "
                "messages. The driver's notes of earlier payments are not in a recording: it "
                "begins as if there had been none."
            )

    # --- along the recording --------------------------------------------------------------

    async def _until(self, entry: FlightEntry, written: int) -> None:
        """Let time pass up to an entry, once the driver has written what came before it."""
        if is_written(entry.way, entry.data):
            return
        await self._gate(written, entry.at_ms)
        await self._pass_until(entry.at_ms)

    async def _pass_until(self, at_ms: int) -> None:
        """Let everything happen that is due before an instant."""
        await self._rest()
        while (due := self._clock.next_ms()) is not None and due < at_ms:
            self._clock.jump()
            await self._rest()
        self._clock.at_least(at_ms)

    async def _gate(self, written: int, at_ms: int) -> None:
        while True:
            await self._rest()
            if self._comparison.written >= written:
                return
            due = self._clock.next_ms()
            if due is None or due > at_ms + _SLACK_MS:
                return  # it does not write it: the comparison will tell
            self._clock.jump()

    async def _rest(self) -> None:
        await come_to_rest(self._clock, self._threads)

    def _play(self, at: int, driver: Driver, tasks: Supervisor) -> None:
        entry, stream = self._entries[at], self._ports.stream
        if entry.way == IN and stream is not None:
            stream.feed(entry.data)
        elif entry.way == JOB:
            self._begin_job(entry, driver, tasks)
        elif (entry.way, entry.data) == (NOTE, CONNECTED):
            self._ports.let_in(self._lines_on(at + 1))
        elif entry.way == NOTE and stream is not None:
            _note(entry.data, stream)

    def _lines_on(self, start: int) -> frozenset[str] | None:
        """Return what was on when it was first looked at; None for a device without lines."""
        notes = [entry.data for entry in self._entries if entry.way == NOTE]
        if not any(note.startswith((LINES_ON, DRIVEN)) for note in notes):
            return None
        for entry in self._entries[start:]:
            if entry.way == NOTE and entry.data.startswith(LINES_ON):
                return _lines_in(entry.data)
        return frozenset()

    def _begin_job(self, entry: FlightEntry, driver: Driver, tasks: Supervisor) -> None:
        try:
            recorded = msgspec.json.decode(entry.data, type=RecordedJob)
            args = msgspec.json.decode(recorded.args, type=JOB_ARGS[recorded.kind])
        except UNREADABLE as error:
            self._tell(f"a job that cannot be read is passed over: {error}")
            return
        job = DeviceJob(recorded.id, recorded.kind, args, recorded.deadline)
        self._tell(f"job {job.id} {job.kind}")
        _ = tasks.spawn(f"job {job.id}", self._perform(driver, job))

    async def _perform(self, driver: Driver, job: DeviceJob) -> None:
        try:
            result = await driver.perform(job)
        except TillboxError as error:
            end, words = RecordedEnd(job.id, "raised", error.code), str(error)
        else:
            code = result.error.code if result.error is not None else ""
            end = RecordedEnd(job.id, result.status.value, code)
            told = result.error if result.error is not None else result.result
            words = msgspec.json.encode(told).decode()
        then = self._ended_then.get(job.id)
        other = "" if then is None or then == end else f" (then: {then.status} {then.code})"
        self._tell(f"result {job.id} {end.status} {words}{other}")

    # --- in words -------------------------------------------------------------------------

    def _tell(self, words: str) -> None:
        """Say what happens; what the driver says because it is stopped belongs to nothing."""
        if self._over:
            return
        self._say(f"{(self._clock.now_ms() - self._start_ms) / 1000:+10.3f}  {words}")

    def _conclude(self, verdict: Verdict) -> None:
        difference = verdict.difference
        if verdict.died:
            self._say(f"The driver failed: {verdict.died}.")
        if difference is not None:
            seconds = (difference.at_ms - self._start_ms) / 1000
            self._say(
                f"The driver wrote other bytes than then: of {verdict.recorded}, byte "
                f"{difference.offset + 1} is the first, written at {seconds:+.3f}.\n"
                f"  then: {difference.then.hex(' ')}\n"
                f"  now:  {difference.now.hex(' ') or 'nothing'}"
            )
        elif verdict.recorded:
            self._say(f"The driver wrote the same {verdict.recorded} bytes as then.")
        else:
            self._say("The driver wrote nothing then, so there was nothing to compare.")


def _note(words: bytes, stream: ReplayStream) -> None:
    """Let happen what a note tells of a connection."""
    if words == DISCONNECTED:
        stream.snap()  # a driver that closed it itself does not notice
    elif words in {WRITTEN, WRITE_FAILED}:
        stream.end_write(failed=words == WRITE_FAILED)
    elif words.startswith(LINES_ON) and stream.lines is not None:
        stream.lines.become(_lines_in(words))


def _lines_in(note: bytes) -> frozenset[str]:
    names = note.removeprefix(LINES_ON).decode(errors="replace").split()
    return frozenset(names) - {"none"}


def _beginning(entries: tuple[FlightEntry, ...]) -> tuple[int, bool]:
    """Return where to begin and whether that is in the middle of a connection."""
    connected = next(
        (at for at, entry in enumerate(entries) if (entry.way, entry.data) == (NOTE, CONNECTED)),
        None,
    )
    before = entries if connected is None else entries[:connected]
    for begins in (is_written, _is_heard):
        for at, entry in enumerate(before):
            if begins(entry.way, entry.data):
                return at, True
    if connected is None:
        raise Refused(
            "recording_empty",
            "Nothing was said in this recording: there is nothing to play.",
            advice="The device was not connected meanwhile.",
        )
    return connected, False


def _is_heard(way: str, data: bytes) -> bool:
    return way == IN or (way == NOTE and data.startswith(LINES_ON))


def _ends(entries: tuple[FlightEntry, ...]) -> Iterator[tuple[str, RecordedEnd]]:
    for entry in entries:
        if entry.way == END:
            try:
                end = msgspec.json.decode(entry.data, type=RecordedEnd)
            except UNREADABLE:
                continue
            yield end.id, end


def _death(running: asyncio.Task[None]) -> str:
    """Return what the driver died of, or nothing."""
    if not running.done():
        return ""
    error = None if running.cancelled() else running.exception()
    return "it ended by itself" if error is None else f"{type(error).__name__}: {error}"
