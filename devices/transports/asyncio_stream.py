"""A pair of asyncio reader and writer as a `ByteStream`: sockets and serial ports alike."""

from __future__ import annotations

import asyncio
from typing import Final

from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

READER_BYTES_MAX: Final = 65_536
"""What waits unread before the kernel is asked to hold the device back."""
_WRITER_BYTES_MAX: Final = 16_384
"""What waits unsent before `write` waits: a driver must notice a device that takes nothing."""
_FAREWELL_S: Final = 1.0
"""How long closing waits for bytes that are still on their way."""


class AsyncioStream:
    """`name` says in messages what is at the other end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock, name: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._name = name
        self._closed = False
        writer.transport.set_write_buffer_limits(_WRITER_BYTES_MAX)

    async def read(self, max_bytes: int) -> bytes:
        """Return what came; see `ByteStream.read`."""
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise self._broken(error) from error

    async def write(self, data: bytes) -> None:
        """Send all; see `ByteStream.write`."""
        if self._closed:
            raise DeviceUnreachable("stream_closed", f"The connection to {self._name} is closed.")
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise self._broken(error) from error

    async def close(self) -> None:
        """Close it; what is still unsent after a second is given up."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        try:
            async with self._clock.timeout(_FAREWELL_S):
                await self._writer.wait_closed()
        except OSError:  # the farewell of a broken connection, or its time ran out
            self._writer.transport.abort()

    def _broken(self, error: OSError) -> DeviceUnreachable:
        return DeviceUnreachable(
            "connection_broken",
            f"The connection to {self._name} broke: {error.strerror or error}.",
            advice="Check its power and its cable.",
        )
