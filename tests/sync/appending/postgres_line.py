"""A line to PostgreSQL that reads along and fails at a message that was chosen beforehand.

What the messages look like: PostgreSQL's manual, "Message Flow" and "Message Formats".
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

CANCEL_REQUEST = 80_877_102


@dataclass
class Fault:
    """Fails at the `after`th message like `like` that the client sends from now on.

    `like` is how it begins, from its kind on; empty for any.

    With `behind`, it counts from the first message on that begins like that.

    `passes`: the message reaches the server, and no answer comes back; otherwise it does not.
    `act` is given the process numbers of the servers' ends of all connections.
    """

    like: str
    after: int
    passes: bool
    act: Callable[[set[int], int], Awaitable[None]]
    behind: str = ""

    def is_met(self, message: str) -> bool:
        """Say whether this is the message to fail at."""
        if self.behind:
            if message.startswith(self.behind):
                self.behind = ""
            return False
        self.after -= message.startswith(self.like)
        return self.after == 0 and message.startswith(self.like)


@dataclass
class PostgresLine:
    """Listens on loopback and passes on to a port, message by message."""

    target_port: int
    port: int = 0
    fault: Fault | None = None
    hit: list[str] = field(default_factory=list)
    mute: bool = False
    backends: set[int] = field(default_factory=set)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _failing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        backend: list[int] = []
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target_port)
            self._writers.add(far)
            ways = [
                asyncio.create_task(self._up(reader, far, backend)),
                asyncio.create_task(self._down(far_reader, writer, backend)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            self.backends.difference_update(backend)
            for end in (writer, far):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()

    async def _up(
        self, reader: asyncio.StreamReader, far: asyncio.StreamWriter, backend: list[int]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            # the first message has no kind
            length = await reader.readexactly(4)
            far.write(length + await reader.readexactly(struct.unpack(">I", length)[0] - 4))
            while True:
                kind, whole = await self._message(reader)
                fault = self.fault
                if fault is not None and fault.is_met(kind + whole[5:45].decode("latin-1")):
                    # a task of its own: what it does may end this one
                    self._failing = asyncio.create_task(
                        self._fail(fault, kind, whole, far, backend)
                    )
                    await asyncio.shield(self._failing)
                    return
                far.write(whole)
                await far.drain()

    async def _fail(
        self, fault: Fault, kind: str, whole: bytes, far: asyncio.StreamWriter, backend: list[int]
    ) -> None:
        self.fault = None
        self.mute = True
        self.hit.append(fault.like or kind)
        if fault.passes:
            far.write(whole)
            await far.drain()
        await fault.act(set(self.backends), backend[0] if backend else 0)
        self.cut()
        self.mute = False

    async def _down(
        self, far_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, backend: list[int]
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind, whole = await self._message(far_reader)
                if kind == "K":
                    backend.append(struct.unpack(">I", whole[5:9])[0])
                    self.backends.update(backend)
                if not self.mute:
                    writer.write(whole)
                    await writer.drain()

    @staticmethod
    async def _message(reader: asyncio.StreamReader) -> tuple[str, bytes]:
        head = await reader.readexactly(5)
        (length,) = struct.unpack(">I", head[1:])
        return chr(head[0]), head + await reader.readexactly(length - 4)
