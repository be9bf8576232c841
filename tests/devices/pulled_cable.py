"""A cable whose plug can be pulled at any message, in each of the ways in which it is noticed.

A message is one write of the driver, one piece that it reads, or one change of a line that it
drives. Messages are counted, so that a test can pull behind each of them, or in the middle.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override

from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable, MemoryPipe, memory_pipe
from devices.transports.signal_lines import SignalLines, lines_of
from edge.contract.device_limits import DEVICE_CONNECT_MS_MAX
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_TURNS = 50
"""More than a simulator needs to take a message and to act on it."""
KERNEL_NOTICES_S = 25.0
"""When a kernel tells of a TCP connection that fell silent (`transports.tcp_stream`)."""


class Loss(StrEnum):
    """How the driver's end hears that the plug is out."""

    BROKEN = "broken"
    """At once, as an error: a pipe that breaks, a node that vanishes, a reset."""
    CLOSED = "closed"
    """At once, as an end: the other side closed, a pseudo-terminal hung up."""
    SILENT = "silent"
    """Not at all until the kernel notices: a network cable. Put back before, all goes on."""


@dataclass(frozen=True)
class PullAt:
    """Pull at the `message`th message from now, once it is through, or with `half` of it lost.

    The first message is number 1; `half` of a single byte is nothing of it.
    """

    message: int
    half: bool = False


class PulledCable(MemoryCable):
    """One socket on the wall; `loss` is how a pull is noticed."""

    def __init__(self, clock: Clock, loss: Loss = Loss.BROKEN) -> None:
        super().__init__()
        self.clock = clock
        self.loss = loss
        self.messages = 0
        self.tries = 0
        """How often the driver tried to connect."""
        self.pulled = asyncio.Event()
        self._pull_at: tuple[int, bool] | None = None
        self._live: list[_WatchedStream] = []
        self._ends: list[MemoryPipe] = []

    @override
    async def connect(self) -> ByteStream:
        self.tries += 1
        if not self._plugged:
            if self.loss is Loss.SILENT:
                await self.clock.sleep(DEVICE_CONNECT_MS_MAX / 1000)
            raise DeviceUnreachable(
                "cable_out", "Nothing is plugged in.", advice="Check the cable."
            )
        pipe = memory_pipe()
        stream = _WatchedStream(pipe, self)
        self._live.append(stream)
        self.connections += 1
        async with self._changed:
            self._waiting.append(pipe.far)
            self._changed.notify_all()
        return stream

    def arm(self, at: PullAt | None) -> None:
        """Pull at a message that is still to come."""
        self.pulled.clear()
        self._pull_at = None if at is None else (self.messages + at.message, at.half)

    def next_message(self) -> PullAt | None:
        """Count a message; return how the plug is to be pulled at it, if it is."""
        self.messages += 1
        if self._pull_at is None or self.messages < self._pull_at[0]:
            return None
        _, half = self._pull_at
        self._pull_at = None
        return PullAt(0, half)

    @override
    async def unplug(self) -> None:
        self._plugged = False
        self._pull_at = None
        self.pulled.set()
        if self.loss is Loss.SILENT:
            for stream in self._live:
                stream.hold()
            return
        await self.end_all()

    async def end_all(self) -> None:
        """Let everything that is connected be over, for good."""
        live, self._live = self._live, []
        for stream in live:
            await stream.lose(closed=self.loss is Loss.CLOSED)

    @override
    def plug_in(self) -> None:
        self._plugged = True
        for stream in self._live:
            stream.let_go()

    def forget(self, stream: _WatchedStream) -> None:
        """Hear that the driver closed a stream."""
        if stream in self._live:
            self._live.remove(stream)

    @property
    def open_streams(self) -> int:
        """How many streams were neither closed by the driver nor lost."""
        return len(self._live)


class _WatchedStream:
    """The driver's end of one connection."""

    def __init__(self, pipe: MemoryPipe, cable: PulledCable) -> None:
        self._pipe = pipe
        self._cable = cable
        self._flows = asyncio.Event()
        self._flows.set()
        self._kept = bytearray()
        self._rest = b""
        self._gone = self._ended = False
        lines = lines_of(pipe.near)
        assert lines is not None
        self.lines: SignalLines = _WatchedLines(lines, cable)

    async def read(self, max_bytes: int) -> bytes:
        data, self._rest = self._rest, b""
        data = data or await self._pipe.near.read(max_bytes)
        await self._flows.wait()
        if self._gone:
            raise DeviceUnreachable("cable_cut", "The cable was pulled.")
        if not data or self._ended:
            return b""
        at = self._cable.next_message()
        if at is None:
            return data
        await self._cable.unplug()
        if at.half:
            data, rest = data[: len(data) // 2], data[len(data) // 2 :]
            self._rest = b"" if self._flows.is_set() else rest  # a network sends it again
        # none of it came: the next read tells why, or waits until the kernel does
        return data or await self.read(max_bytes)

    async def write(self, data: bytes) -> None:
        at = self._cable.next_message()
        passed = data[: len(data) // 2] if at is not None and at.half else data
        if not self._flows.is_set():
            self._kept += data
            return
        if at is None:
            await self._pipe.near.write(data)
            return
        self.hold()  # the device does what it was told, and its answer does not come
        if passed:
            await self._pipe.near.write(passed)
        await let_the_device_act()
        self._kept += data[len(passed) :]
        await self._cable.unplug()
        if at.half and self._gone:
            raise DeviceUnreachable("cable_cut", "The cable was pulled while writing.")

    async def close(self) -> None:
        self._cable.forget(self)
        self._flows.set()
        await self._pipe.near.close()

    # --- the plug -------------------------------------------------------------------------

    def hold(self) -> None:
        """Let nothing pass until it is put back."""
        self._flows.clear()

    def let_go(self) -> None:
        """Let what waits pass: the connection was never over."""
        if not self._flows.is_set():
            kept, self._kept = bytes(self._kept), bytearray()
            self._flows.set()
            if kept:
                self._sending = asyncio.get_running_loop().create_task(self._pass(kept))

    async def _pass(self, kept: bytes) -> None:
        try:
            await self._pipe.near.write(kept)
        except DeviceUnreachable:
            return

    async def lose(self, *, closed: bool) -> None:
        self._gone = not closed
        self._ended = closed
        self._flows.set()
        if closed:
            await self._pipe.far.close()
        else:
            await self._pipe.cut()


class _WatchedLines:
    """The lines beside it: what is driven is a message too. No network carries them, so they
    are never silent: what was driven then stays so until the connection is over."""

    def __init__(self, lines: SignalLines, cable: PulledCable) -> None:
        self._lines = lines
        self._cable = cable

    async def levels(self) -> frozenset[str]:
        return await self._lines.levels()

    async def changed(self, since: frozenset[str]) -> frozenset[str]:
        return await self._lines.changed(since)

    async def drive(self, line: str, *, on: bool) -> None:
        at = self._cable.next_message()
        if at is None or not at.half or self._cable.loss is Loss.SILENT:
            await self._lines.drive(line, on=on)
        if at is not None:
            await let_the_device_act()
            await self._cable.unplug()


async def let_the_device_act() -> None:
    """Let everybody have some turns, in no time."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
