"""The flight recorder of a device: the last bytes in and out with their times, bounded.

`devices.recordings` saves it; `tillbox devices replay` plays it into the same driver. Drivers of
payment terminals record messages themselves, with card data taken out.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from devices.transports.byte_stream import ByteStream
from devices.transports.signal_lines import SignalLines, lines_of
from edge.contract.device_limits import (
    FLIGHT_RECORDER_BYTES_MAX,
)
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

IN: Final = "in"
OUT: Final = "out"
NOTE: Final = "note"
JOB: Final = "job"
END: Final = "end"
CONNECTED: Final = b"connected"
DISCONNECTED: Final = b"disconnected"
"""The notes between which a connection stood."""
WRITTEN: Final = b"written"
WRITE_FAILED: Final = b"write failed"
WRITE_BROKEN_OFF: Final = b"write broken off"
"""How a write ended that took its time, failed, or was given up by the driver."""
LINES_ON: Final = b"lines on: "
DRIVEN: Final = b"line "
"""What the device shows on lines beside the bytes; what the driver lets a line of its own be."""

_SLOW_WRITE_MS: Final = 20
"""A write that waits for the device so long is noted: what came meanwhile was heard before."""
_ENTRY_BYTES: Final = 64
"""What an entry costs besides its bytes: many small ones must not outgrow the bound."""


class FlightEntry(msgspec.Struct, frozen=True):
    """`at_ms`: milliseconds since 1970 UTC; `data` empty with `in`: the device hung up.

    `way`: `in` (from the device), `out`, `note`, or `job` and `end` of what the driver was asked.
    """

    at_ms: int
    way: str
    data: bytes


class FlightRecorder:
    """A ring of at most `bytes_max` bytes; the oldest entries go first."""

    def __init__(self, clock: Clock, bytes_max: int = FLIGHT_RECORDER_BYTES_MAX) -> None:
        self._clock = clock
        self._bytes_max = bytes_max
        self._entries: deque[FlightEntry] = deque()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """What the ring holds now; never more than its bound."""
        return self._bytes

    def record(self, way: str, data: bytes) -> None:
        """Keep some bytes; of a piece larger than the ring only the end."""
        kept = bytes(data[-max(0, self._bytes_max - _ENTRY_BYTES) :])
        self._entries.append(FlightEntry(self._clock.now_ms(), way, kept))
        self._bytes += len(kept) + _ENTRY_BYTES
        while self._bytes > self._bytes_max and len(self._entries) > 1:
            self._bytes -= len(self._entries.popleft().data) + _ENTRY_BYTES

    def note(self, words: str) -> None:
        """Keep what happened in words, between the bytes."""
        self.record(NOTE, words.encode())

    def entries(self) -> tuple[FlightEntry, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._entries)


class RecordedStream:
    """A stream that writes down in a recorder what passes through it."""

    def __init__(self, stream: ByteStream, recorder: FlightRecorder, clock: Clock) -> None:
        self._stream = stream
        self._recorder = recorder
        lines = lines_of(stream)
        self.lines = None if lines is None else RecordedLines(lines, recorder)
        self._clock = clock

    async def read(self, max_bytes: int) -> bytes:
        """Read and write down; see `ByteStream.read`."""
        data = await self._stream.read(max_bytes)
        self._recorder.record(IN, data)
        return data

    async def write(self, data: bytes) -> None:
        """Write down and write; see `ByteStream.write`."""
        self._recorder.record(OUT, data)
        begun_ms = self._clock.monotonic_ms()
        try:
            await self._stream.write(data)
        except DeviceUnreachable:
            self._recorder.record(NOTE, WRITE_FAILED)
            raise
        except BaseException:
            self._recorder.record(NOTE, WRITE_BROKEN_OFF)
            raise
        if self._clock.monotonic_ms() - begun_ms >= _SLOW_WRITE_MS:
            self._recorder.record(NOTE, WRITTEN)

    async def close(self) -> None:
        """Close the stream; see `ByteStream.close`."""
        await self._stream.close()


class RecordedLines:
    """Signal lines that write down as notes what changes on them."""

    def __init__(self, lines: SignalLines, recorder: FlightRecorder) -> None:
        self._lines = lines
        self._recorder = recorder
        self._noted: frozenset[str] | None = None

    async def levels(self) -> frozenset[str]:
        """Write down what is on, if that is news, and return it; see `SignalLines.levels`."""
        return self._note(await self._lines.levels())

    async def changed(self, since: frozenset[str]) -> frozenset[str]:
        """Write down what it became; see `SignalLines.changed`."""
        return self._note(await self._lines.changed(since))

    def _note(self, now: frozenset[str]) -> frozenset[str]:
        if now != self._noted:
            self._noted = now
            self._recorder.record(NOTE, LINES_ON + (" ".join(sorted(now)) or "none").encode())
        return now

    async def drive(self, line: str, *, on: bool) -> None:
        """Write down and drive; see `SignalLines.drive`."""
        self._recorder.record(NOTE, DRIVEN + f"{line} {'on' if on else 'off'}".encode())
        await self._lines.drive(line, on=on)
