"""What a driver is given in a replay: the recorded device, and ears for all that it says."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from typing_extensions import override

from devices.replaying.comparison import Comparison, is_written
from devices.replaying.replay_clock import ReplayClock
from devices.transports.byte_stream import ByteStream
from devices.transports.flight_recorder import IN, NOTE, OUT, FlightRecorder
from edge.contract.errors import DeviceUnreachable
from edge.contract.identity import Ids
from edge.runtime.ids import SystemIds
from edge.runtime.structured_log import Log, open_log

Tell = Callable[[str], None]


class ReplayLines:
    """`SignalLines` of a recorded device: on is what was on."""

    def __init__(self, clock: ReplayClock, on: frozenset[str]) -> None:
        self._clock = clock
        self._on = on
        self._news = asyncio.Event()
        self.broken = False

    def become(self, on: frozenset[str]) -> None:
        """Let other lines be on."""
        self._on = on
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._clock.touched += 1
        self._news.set()

    async def levels(self) -> frozenset[str]:
        """Return what is on; see `SignalLines.levels`."""
        self._clock.touched += 1
        if self.broken:
            raise DeviceUnreachable("connection_broken", "The connection broke.")
        return self._on

    async def changed(self, since: frozenset[str]) -> frozenset[str]:
        """Wait for other levels; see `SignalLines.changed`."""
        while (now := await self.levels()) == since:
            self._news.clear()
            await self._news.wait()
        return now

    async def drive(self, line: str, *, on: bool) -> None:
        """Drive; the driver's recorder has noted it already."""
        del line, on
        await self.levels()


class ReplayStream:
    """The device's end of a connection: it says what it said, in the pieces that it came in.

    `lines` are the signal lines beside the bytes, None for a device without.
    """

    def __init__(
        self, clock: ReplayClock, comparison: Comparison, lines: ReplayLines | None
    ) -> None:
        self.lines = lines
        self._clock = clock
        self._comparison = comparison
        self._write_ends = asyncio.Event()
        self._write_fails = False
        self._pieces: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._broken = False
        self.closed = False

    def feed(self, data: bytes) -> None:
        """Let the device say something; nothing at all: it hangs up."""
        self._pieces.append(data)
        self._wake()

    def snap(self) -> None:
        """Let the connection break."""
        self._broken = True
        self._wake()

    def end_write(self, *, failed: bool) -> None:
        """Let the write that takes its time end."""
        self._clock.touched += 1
        self._write_fails = failed
        self._write_ends.set()

    def _wake(self) -> None:
        self._clock.touched += 1
        self._news.set()
        self._write_ends.set()
        if self.lines is not None:
            self.lines.broken = self._broken or self.closed
            self.lines.wake()

    async def read(self, max_bytes: int) -> bytes:
        """Read; see `ByteStream.read`."""
        self._clock.touched += 1
        while not (self._pieces or self._broken or self.closed):
            self._news.clear()
            await self._news.wait()
        if self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > max_bytes:
                self._pieces.appendleft(piece[max_bytes:])
            if not piece:
                self._pieces.appendleft(piece)  # who hung up has hung up for good
            return piece[:max_bytes]
        if self._broken:
            raise DeviceUnreachable("connection_broken", "The connection broke.")
        return b""

    async def write(self, data: bytes) -> None:
        """Write; the driver's recorder has seen the data already."""
        self._clock.touched += len(data)
        if self._comparison.slow and not (self.closed or self._broken):
            self._write_ends.clear()
            await self._write_ends.wait()
        if self.closed or self._broken or self._write_fails:
            raise DeviceUnreachable("stream_closed", "The connection is closed.")

    async def close(self) -> None:
        """Close it; see `ByteStream.close`."""
        self.closed = True
        self._wake()


class _ComparedRecorder(FlightRecorder):
    """The replayed driver's own flight recorder: what it would record now is compared."""

    def __init__(self, clock: ReplayClock, comparison: Comparison, tell: Tell | None) -> None:
        super().__init__(clock)
        self._replay_clock = clock
        self._comparison = comparison
        self._tell = tell

    @override
    def record(self, way: str, data: bytes) -> None:
        """Take what is written now; it is as late then as it was when it was recorded."""
        self._replay_clock.touched += 1
        if is_written(way, data):
            at_ms = self._comparison.wrote(data)
            if at_ms is not None:
                self._replay_clock.at_least(at_ms)
        if self._tell is None or not data:
            return
        if way in {IN, OUT}:
            self._tell(f"{'>' if way == OUT else '<'} {data.hex(' ')}")
        elif way == NOTE:
            self._tell(f"- {data.decode(errors='replace')}")


class ReplayPorts:
    """`DriverPorts` of one replay. `tell` gets what happens, `tell_bytes` the bytes, or None."""

    def __init__(
        self,
        device: str,
        clock: ReplayClock,
        comparison: Comparison,
        tell: Tell,
        tell_bytes: Tell | None,
    ) -> None:
        self.device: Final = device
        self.clock: Final = clock
        self.ids: Final[Ids] = SystemIds(clock)
        self.log: Final[Log] = open_log("replay", sys.stderr, clock=clock, level="warning")
        self.recorder: Final[FlightRecorder] = _ComparedRecorder(clock, comparison, tell_bytes)
        self._comparison = comparison
        self._tell = tell
        self._told: dict[str, str | int] = {}
        self._notes: dict[tuple[str, str], bytes] = {}
        self._open = asyncio.Event()
        self.stream: ReplayStream | None = None

    def let_in(self, lines_on: frozenset[str] | None) -> None:
        """Let the driver connect: now, or when it tries. `lines_on` None: the device has none."""
        self.clock.touched += 1
        lines = None if lines_on is None else ReplayLines(self.clock, lines_on)
        self.stream = ReplayStream(self.clock, self._comparison, lines)
        self._open.set()

    async def connect(self) -> ByteStream:
        """Wait until the device was there."""
        self.clock.touched += 1
        await self._open.wait()
        self._open.clear()
        if self.stream is None:
            raise AssertionError("let in without a stream")
        return self.stream

    def report(self, **changes: str | int) -> None:
        """Tell what changed of the reported state."""
        new = {name: value for name, value in changes.items() if self._told.get(name, "") != value}
        self._told |= changes
        if new:
            self._happens("state " + " ".join(f"{name}={_shown(new[name])}" for name in new))

    def describe(self, **changes: str) -> None:
        """Tell what the driver learnt of the device."""
        self._happens("meta " + " ".join(f"{name}={_shown(changes[name])}" for name in changes))

    def emit(self, kind: str, data: msgspec.Struct, expires_in_ms: int) -> None:
        """Tell an event."""
        self._happens(f"event {kind} {_shown(data)} for {expires_in_ms} ms")

    def count(self, name: str, by: int = 1) -> None:
        """Tell what is counted."""
        self._happens(f"count {name} +{by}")

    async def remember(self, job_id: str, key: str, value: bytes) -> None:
        """Keep a note, in memory."""
        self.clock.touched += 1
        self._notes[job_id, key] = value

    async def recall(self, job_id: str, key: str) -> bytes | None:
        """Return a note that was made in this replay."""
        self.clock.touched += 1
        return self._notes.get((job_id, key))

    def _happens(self, words: str) -> None:
        self.clock.touched += 1
        self._tell(words)


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()
