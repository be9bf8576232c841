"""A cable inside one process: pairs of byte streams that can be slow, lossy or cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from devices.transports.byte_stream import ByteStream
from devices.transports.memory_lines import MemoryLines, memory_lines
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_BUFFER_BYTES: Final = 4_096
"""What a pipe holds before the writer waits: about what a serial driver of a kernel holds."""


@dataclass(frozen=True)
class PipeVariant:
    """How a pipe treats what passes: the defaults are a perfect cable.

    `chunk_bytes`: a read returns at most so many. `loss`: the chance that a byte is lost
    (with `seed`). `bytes_per_s` and `clock`: a slow line; 0 is as fast as it goes.
    """

    name: str = "whole"
    chunk_bytes: int = _BUFFER_BYTES
    loss: float = 0.0
    seed: int = 0
    bytes_per_s: int = 0
    clock: Clock | None = None


class _OneWay:
    """Bytes from one end to the other, bounded."""

    def __init__(self, variant: PipeVariant, seed: int) -> None:
        self._variant = variant
        self._chance = random.Random(seed)  # noqa: S311 - a seeded fault, not a secret
        self._bytes = bytearray()
        self._changed = asyncio.Condition()
        self._ended = False
        self._cut = False

    async def put(self, data: bytes) -> None:
        variant = self._variant
        if variant.loss:
            data = bytes(byte for byte in data if self._chance.random() >= variant.loss)
        for start in range(0, len(data), _BUFFER_BYTES):
            piece = data[start : start + _BUFFER_BYTES]
            if variant.bytes_per_s and variant.clock is not None:
                await variant.clock.sleep(len(piece) / variant.bytes_per_s)
            async with self._changed:
                await self._changed.wait_for(
                    lambda: self._ended or len(self._bytes) < _BUFFER_BYTES
                )
                if self._ended:
                    raise DeviceUnreachable("cable_cut", "The cable was pulled while writing.")
                self._bytes += piece
                self._changed.notify_all()

    async def get(self, max_bytes: int) -> bytes:
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or len(self._bytes) > 0)
            if self._cut:
                raise DeviceUnreachable("cable_cut", "The cable was pulled.")
            count = min(max_bytes, self._variant.chunk_bytes)
            piece = bytes(self._bytes[:count])
            del self._bytes[:count]
            self._changed.notify_all()
            return piece

    async def end(self, *, cut: bool) -> None:
        async with self._changed:
            self._ended = True
            self._cut = self._cut or cut
            if cut:
                self._bytes.clear()
            self._changed.notify_all()


class _End:
    """One end of a pipe: a `ByteStream`."""

    def __init__(self, incoming: _OneWay, outgoing: _OneWay, lines: MemoryLines) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self.lines = lines
        self._closed = False

    async def read(self, max_bytes: int) -> bytes:
        return b"" if self._closed else await self._incoming.get(max_bytes)

    async def write(self, data: bytes) -> None:
        if self._closed:
            raise DeviceUnreachable("stream_closed", "The connection is closed.")
        await self._outgoing.put(data)

    async def close(self) -> None:
        self._closed = True
        await self._outgoing.end(cut=False)
        await self._incoming.end(cut=False)
        await self.lines.end("The connection is closed.")


@dataclass(frozen=True)
class MemoryPipe:
    """Two connected ends. What one end closes the other reads to the end, then gets b"".

    Both have signal lines (`lines_of`), whatever the variant does to the bytes.
    """

    near: ByteStream
    far: ByteStream
    cut: Callable[[], Awaitable[None]]
    """Pull the cable: both ends raise DeviceUnreachable, and what was under way is gone."""


def memory_pipe(variant: PipeVariant | None = None) -> MemoryPipe:
    """Return a fresh pair of ends; call it where an event loop runs."""
    chosen = variant or PipeVariant()
    down, up = _OneWay(chosen, chosen.seed), _OneWay(chosen, chosen.seed + 1)
    near, far = memory_lines()

    async def cut() -> None:
        await down.end(cut=True)
        await up.end(cut=True)
        await near.end("The cable was pulled.")
        await far.end("The cable was pulled.")

    return MemoryPipe(near=_End(up, down, near), far=_End(down, up, far), cut=cut)


class MemoryCable:
    """A socket on the wall: `connect` is a driver's `Connector`, `accept` gives the far ends.

    A driver may connect more than once. `unplug` cuts all that is connected and lets `connect`
    fail until `plug_in`.
    """

    def __init__(self, variant: PipeVariant | None = None) -> None:
        self._variant = variant
        self._waiting: list[ByteStream] = []
        self._changed = asyncio.Condition()
        self._plugged = True
        self._pipes: list[MemoryPipe] = []
        self.connections = 0
        """How often a driver connected so far."""

    async def connect(self) -> ByteStream:
        """Return a near end, or raise DeviceUnreachable while unplugged."""
        if not self._plugged:
            raise DeviceUnreachable(
                "cable_out", "Nothing is plugged in.", advice="Check the cable."
            )
        pipe = memory_pipe(self._variant)
        self._pipes.append(pipe)
        self.connections += 1
        async with self._changed:
            self._waiting.append(pipe.far)
            self._changed.notify_all()
        return pipe.near

    async def accept(self) -> ByteStream:
        """Return the far end of the next connection."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._waiting))
            return self._waiting.pop(0)

    async def unplug(self) -> None:
        """Cut the cable and keep it out."""
        self._plugged = False
        pipes, self._pipes = self._pipes, []
        for pipe in pipes:
            await pipe.cut()

    def plug_in(self) -> None:
        """Let `connect` succeed again."""
        self._plugged = True
