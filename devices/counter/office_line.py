"""The line to head office: bytes go through as they are, in both directions."""

from __future__ import annotations

import asyncio
from typing import Final

from devices.doors.tcp_door import reset
from devices.transports.asyncio_stream import READER_BYTES_MAX
from edge.contract.device_limits import (
    DEVICE_CONNECT_MS_MAX,
)
from edge.contract.instant import Clock
from edge.runtime.structured_log import Log

_PIECE_BYTES: Final = 65_536
_FAREWELL_S: Final = 1.0
"""How long closing waits for bytes that are still on their way."""


class OfficeLine:
    """Carries each connection on to head office; `carry` serves a `TcpDoor`."""

    def __init__(self, host: str, port: int, clock: Clock, log: Log) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._log = log

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry until both sides have ended; when one is cut, so is the other."""
        try:
            async with self._clock.timeout(DEVICE_CONNECT_MS_MAX / 1000):
                office_reader, office_writer = await asyncio.open_connection(
                    self._host, self._port, limit=READER_BYTES_MAX
                )
        except OSError:  # a timeout is among them
            self._log.debug("office_not_there")
            return
        try:
            async with asyncio.TaskGroup() as both:
                _ = both.create_task(_pump(reader, writer, office_writer))
                _ = both.create_task(_pump(office_reader, office_writer, writer))
            # both have said all they had to say: let the last bytes arrive
            await self._farewell(writer)
            await self._farewell(office_writer)
        except* OSError:
            self._log.debug("line_cut")
        finally:
            reset(office_writer)

    async def _farewell(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        async with self._clock.timeout(_FAREWELL_S):
            await writer.wait_closed()


async def _pump(
    reader: asyncio.StreamReader, source: asyncio.StreamWriter, target: asyncio.StreamWriter
) -> None:
    """Carry one direction to its end; raises OSError when either side was cut."""
    while data := await reader.read(_PIECE_BYTES):
        target.write(data)
        await target.drain()
    if source.transport.is_closing():
        raise ConnectionResetError("cut on our side")
    target.write_eof()
