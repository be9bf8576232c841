"""A serial cable that no connection begins or ends: what was sent stays sent.

Opening and closing the port at the till tells the terminal nothing, and what the terminal
sends while nobody has the port open is lost. Same names as `MemoryCable`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devices.transports.byte_stream import ByteStream
from edge.contract.errors import DeviceUnreachable

_BUFFER_BYTES = 4_096


class _Way:
    """One direction. `spoil` may change or swallow what passes."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.changed = asyncio.Condition()
        self.spoil: Callable[[bytes], bytes] = lambda data: data

    async def put(self, data: bytes) -> None:
        async with self.changed:
            self.bytes += self.spoil(data)
            self.changed.notify_all()

    async def get(self, max_bytes: int, over: Callable[[], bool]) -> bytes:
        async with self.changed:
            await self.changed.wait_for(lambda: over() or len(self.bytes) > 0)
            if over():
                return b""
            piece = bytes(self.bytes[:max_bytes])
            del self.bytes[: len(piece)]
            return piece

    async def wake(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class _Handle:
    """The till's open port."""

    def __init__(self, wire: SerialWire) -> None:
        self._wire = wire
        self.closed = False

    def _check(self) -> None:
        if not self._wire.plugged:
            raise DeviceUnreachable("cable_cut", "The serial adapter was pulled out.")

    async def read(self, max_bytes: int) -> bytes:
        size = min(max_bytes, self._wire.chunk_bytes)
        data = await self._wire.to_till.get(size, lambda: self.closed or not self._wire.plugged)
        if not self.closed:
            self._check()
        return data

    async def write(self, data: bytes) -> None:
        self._check()
        if self.closed:
            raise DeviceUnreachable("stream_closed", "The port is closed.")
        if not self._wire.loose:
            await self._wire.to_terminal.put(data)

    async def close(self) -> None:
        self.closed = True
        if self._wire.handle is self:
            self._wire.handle = None
        await self._wire.to_till.wake()


class _Terminal:
    """The terminal's end: it never learns of open and closed ports."""

    def __init__(self, wire: SerialWire) -> None:
        self._wire = wire
        self._pulled = False

    async def read(self, max_bytes: int) -> bytes:
        size = min(max_bytes, self._wire.chunk_bytes)
        return await self._wire.to_terminal.get(size, lambda: self._pulled)

    async def write(self, data: bytes) -> None:
        if self._pulled:
            raise DeviceUnreachable("cable_out", "The terminal's cable is out.")
        wire = self._wire
        if wire.handle is not None and wire.plugged and not wire.loose:
            await wire.to_till.put(data)

    async def close(self) -> None:
        """Somebody pulls the plug at the terminal, and puts it back when `accept` is called."""
        if not self._pulled:
            self._pulled = self._wire.loose = True
            await self._wire.to_terminal.wake()


class SerialWire:
    """`connect` is the till's `Connector`; `accept` gives the terminal its end, again after
    it pulled the plug, `loose_s` later. `unplug` pulls the till's USB adapter."""

    def __init__(self, sleep: Callable[[float], object], chunk_bytes: int = 4_096) -> None:
        self.chunk_bytes = chunk_bytes
        self.loose_s = 1.0
        self.to_till, self.to_terminal = _Way(), _Way()
        self.handle: _Handle | None = None
        self.plugged = True
        self.loose = False
        self.connections = 0
        self._sleep = sleep
        self._end: _Terminal | None = None

    async def connect(self) -> ByteStream:
        if not self.plugged:
            raise DeviceUnreachable("port_not_open", "The port is not there.")
        self.connections += 1
        self.to_till.bytes.clear()  # opening a port throws away what stood in it
        self.handle = _Handle(self)
        return self.handle

    async def accept(self) -> ByteStream:
        if self._end is not None:
            ended = self._end
            async with self.to_terminal.changed:
                await self.to_terminal.changed.wait_for(lambda: ended._pulled)
            waiting = self._sleep(self.loose_s)
            assert asyncio.iscoroutine(waiting)
            await waiting
        self.to_terminal.bytes.clear()
        self.loose = False
        self._end = _Terminal(self)
        return self._end

    async def unplug(self) -> None:
        self.plugged = False
        await self.to_till.wake()

    def plug_in(self) -> None:
        self.plugged = True
