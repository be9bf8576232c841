"""A simulated device's serial port: a pseudo-terminal that is found under a path that stays.

Like a USB device it is a new one each time it is plugged in; the path leads to it, as
udev's /dev/serial/by-id does. When its reader goes, the line is made anew, so that nothing
said to one reader is read by the next. The system tells the far end that a port was closed only
while nobody holds it: a reader that opens it again before that was heard is the same one to us.
"""

from __future__ import annotations

import asyncio
import os
import pty
import select
import termios
import tty
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from devices.transports.asyncio_stream import READER_BYTES_MAX, AsyncioStream
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    PTY_LOOK_MS,
)
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.runtime.structured_log import Log


class PtyDoor:
    """Runs the line: `attend` gets each connection's stream, the device's end of it.

    `name` is the device in logs and errors; `link` the path, in a folder that may be written to.
    """

    def __init__(
        self,
        name: str,
        link: Path,
        attend: Callable[[ByteStream], Awaitable[None]],
        clock: Clock,
        log: Log,
    ) -> None:
        self._name = name
        self._link = link
        self._attend = attend
        self._clock = clock
        self._log = log
        self._in = asyncio.Event()
        self._in.set()
        self._stream: ByteStream | None = None
        self._pulled = 0
        """How often the cable was pulled: a line made before is no line any more."""
        self.offered = asyncio.Event()
        """Set once the path has led to a port for the first time."""

    @property
    def plugged(self) -> bool:
        """Whether the cable is in."""
        return self._in.is_set()

    @property
    def connected(self) -> bool:
        """Whether somebody holds the port open."""
        return self._stream is not None

    async def plug(self, *, plugged: bool) -> None:
        """Put the cable in, or pull it: the port is gone, whoever holds it is told."""
        if plugged != self.plugged:
            self._log.info("cable", of=self._name, plugged=plugged)
        if plugged:
            self._in.set()
            return
        self._in.clear()
        self._pulled += 1
        self._unlink()
        if self._stream is not None:
            await self._stream.close()

    async def run(self) -> None:
        """Offer the port until cancelled; raises SettingsInvalid when the path cannot be used."""
        try:
            while True:
                await self._in.wait()
                await self._offer()
        finally:
            self._unlink()

    async def _offer(self) -> None:
        """Make a line, wait for its reader, serve it until it goes."""
        master, pulled = self._make(), self._pulled
        try:
            while self._pulled == pulled and _nobody_at(master):
                await self._clock.sleep(PTY_LOOK_MS / 1000)
            if self._pulled != pulled:
                return
            stream = await _PtyStream.open(os.dup(master), self._clock, str(self._link))
        finally:
            os.close(master)
        self._stream = stream
        try:
            await self._attend(stream)
        finally:
            self._stream = None
            await stream.close()

    def _make(self) -> int:
        """Return the device's end of a new line; the path leads to the other."""
        master, slave = pty.openpty()
        try:
            tty.setraw(slave)
            self._lead_to(os.ttyname(slave))
        except (OSError, termios.error, SettingsInvalid):
            os.close(master)
            raise
        finally:
            os.close(slave)
        return master

    def _lead_to(self, port: str) -> None:
        beside = self._link.with_name(f".{self._link.name}.new")
        try:
            if self._link.exists() and not self._link.is_symlink():
                raise FileExistsError(0, "a file of another kind is there")
            beside.unlink(missing_ok=True)
            beside.symlink_to(port)
            beside.replace(self._link)
            self.offered.set()
        except OSError as error:
            raise SettingsInvalid(
                "link_unusable",
                f"The {self._name}'s port cannot be put at {self._link}: {error.strerror}.",
                advice="Name a path in a folder that this process may write to.",
            ) from None

    def _unlink(self) -> None:
        with suppress(OSError):
            if self._link.is_symlink():
                self._link.unlink()


def _nobody_at(master: int) -> bool:
    look = select.poll()
    look.register(master, 0)
    return any(events & select.POLLHUP for _, events in look.poll(0))


class _PtyStream:
    """Our end of the line, both ways."""

    def __init__(
        self,
        stream: AsyncioStream,
        incoming: asyncio.ReadTransport,
        outgoing: asyncio.WriteTransport,
    ) -> None:
        self._stream = stream
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False

    @classmethod
    async def open(cls, master: int, clock: Clock, name: str) -> _PtyStream:
        """Take over a descriptor."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READER_BYTES_MAX)
        incoming, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(master), "rb", 0)
        )
        outgoing, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()),
            os.fdopen(master, "wb", 0),
        )
        writer = asyncio.StreamWriter(outgoing, protocol, None, loop)
        return cls(AsyncioStream(reader, writer, clock, name), incoming, outgoing)

    async def read(self, max_bytes: int) -> bytes:
        """Return what the reader's side wrote; raises DeviceUnreachable once it is gone."""
        return await self._stream.read(max_bytes)

    async def write(self, data: bytes) -> None:
        """Type."""
        await self._stream.write(data)

    async def close(self) -> None:
        """Let go of both ways; what nobody read is gone, as on a cable that is out."""
        if not self._closed:
            self._closed = True
            self._incoming.close()
            self._outgoing.abort()
