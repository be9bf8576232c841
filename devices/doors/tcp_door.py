"""A port on this machine behind which something simulated stands; its cable can be pulled."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Final

from devices.transports.asyncio_stream import READER_BYTES_MAX
from edge.contract.device_limits import (
    DOOR_CONNECTIONS_MAX,
)
from edge.contract.errors import SettingsInvalid
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]

_LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing sends RST and throws away what was unsent, as a cut would."""


class TcpDoor:
    """Listens on `host` and has each connection served by a task of its own.

    While unplugged, live connections have been reset and new ones are at once. The port
    stays ours meanwhile: nobody else may take the place of a device whose cable is out.
    """

    def __init__(
        self,
        name: str,
        port: int,
        serve: Serve,
        tasks: Supervisor,
        log: Log,
        *,
        host: str = "127.0.0.1",
    ) -> None:
        self._name = name
        self._host = host
        self._wanted_port = port
        self._serve = serve
        self._tasks = tasks
        self._log = log
        self._server: asyncio.Server | None = None
        self._live: set[asyncio.StreamWriter] = set()
        self._plugged = True

    @property
    def port(self) -> int:
        """The port that is listened on; the wanted one before `open`."""
        if self._server is None:
            return self._wanted_port
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._live)

    @property
    def plugged(self) -> bool:
        """Whether the cable is in; see `plug`."""
        return self._plugged

    def plug(self, *, plugged: bool) -> None:
        """Put the cable in, or pull it: what is connected is reset at once."""
        if plugged != self._plugged:
            self._plugged = plugged
            self._log.info("cable", of=self._name, plugged=plugged)
        if not plugged:
            self._reset_all()

    async def open(self) -> None:
        """Start listening; raises SettingsInvalid when the port is taken."""
        try:
            self._server = await asyncio.start_server(
                self._accept, self._host, self._wanted_port, limit=READER_BYTES_MAX
            )
        except OSError as error:
            raise SettingsInvalid(
                "address_unusable",
                f"The {self._name} cannot listen on port {self._wanted_port} of {self._host}: "
                f"{error.strerror or error}.",
                advice="Choose another port, or stop what uses it.",
            ) from None

    async def close(self) -> None:
        """Stop listening and end what is connected; safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            self._wanted_port = server.sockets[0].getsockname()[1]
            server.close()
        self._reset_all()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._plugged or len(self._live) >= DOOR_CONNECTIONS_MAX:
            reset(writer)
            return
        self._live.add(writer)
        _ = self._tasks.spawn(f"connection of {self._name}", self._attend(reader, writer))

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            self._live.discard(writer)
            if not writer.transport.is_closing():
                reset(writer)

    def _reset_all(self) -> None:
        for writer in self._live:
            reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection at once: the other end gets a reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
