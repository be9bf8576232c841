"""A listening address: starts an application behind the connection watch, and stops it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any, Final

from aiohttp import web

from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.contract.limits import (
    HEADER_BYTES_MAX,
    KEEP_ALIVE_S_MAX,
    LINGER_S_MAX,
    STOP_S_MAX,
    TLS_HANDSHAKE_S_MAX,
)
from edge.runtime.connection_watch import ConnectionWatch, GuardedConnection, is_loopback

_BACKLOG: Final = 256
_STOP_S: Final = STOP_S_MAX / 2
"""Handlers get half of a clean stop; the ledger and the bus need the other half."""
_CONNECTION_SETTINGS: Final = {
    "access_log": None,
    "auto_decompress": False,  # else bodies are unpacked, unbounded, before any middleware
    "keepalive_timeout": KEEP_ALIVE_S_MAX + 15,  # behind our own watch, which knows more
    "lingering_time": LINGER_S_MAX,
    "max_field_size": HEADER_BYTES_MAX,
    "max_line_size": HEADER_BYTES_MAX,
}


class HttpService:
    """Serves an application on one address: `open()` binds, `close()` ends it in good order.

    `address` is an IP address or `localhost`; every one but loopback needs `tls`. Port 0
    takes a free one: `port` says which, once open. `listening` is a socket that listens already:
    its address and port count then, and it stays open when the service closes.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        address: str,
        port: int,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        watch: ConnectionWatch | None = None,
        listening: socket.socket | None = None,
    ) -> None:
        if listening is not None:
            address, port = listening.getsockname()[:2]
        self._listening = listening
        self._app = app
        self._address = address
        self._wanted_port = port
        self._clock = clock
        self._tls = tls
        self.watch = watch or ConnectionWatch(clock)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; the wanted one before `open`."""
        if self._server is None:
            return self._wanted_port
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def origin(self) -> str:
        """Scheme, address and port, as a browser's Origin has them."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    async def open(self) -> int:
        """Start listening and return the port.

        Raises SettingsInvalid: an address other than loopback without TLS, or one that
        cannot be listened on.
        """
        require_tls_beyond_loopback(self._address, self._tls)
        runner = web.AppRunner(self._app, handle_signals=False, shutdown_timeout=_STOP_S)
        await runner.setup()
        self._runner = runner
        manager = runner.server
        assert manager is not None  # noqa: S101 - setup() has made it
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: GuardedConnection(self.watch, manager, loop=loop, **_CONNECTION_SETTINGS),
                **self._where(),
                ssl=self._tls,
                ssl_handshake_timeout=TLS_HANDSHAKE_S_MAX if self._tls else None,
                backlog=_BACKLOG,
            )
        except OSError as error:
            await self.close()
            raise SettingsInvalid(
                "address_unusable",
                f"Cannot listen on {self._address} port {self._wanted_port}: {error.strerror}.",
                advice="Choose another port, or stop what uses it.",
            ) from None
        self._sweeper = asyncio.create_task(self.watch.run(), name="connection watch")
        return self.port

    def _where(self) -> dict[str, Any]:
        if self._listening is not None:
            return {"sock": self._listening.dup()}
        return {"host": self._address, "port": self._wanted_port}

    async def close(self) -> None:
        """Take no more connections, let handlers end, cut what is left; safe to call twice."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None
        if self._server is not None:
            self._wanted_port = self.port
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


def require_tls_beyond_loopback(address: str, tls: ssl.SSLContext | None) -> None:
    """Raise SettingsInvalid when an address that others can reach would speak plain http."""
    if tls is None and address != "localhost" and not is_loopback(address):
        raise SettingsInvalid(
            "tls_required",
            f"{address or 'every address'} without TLS: only loopback may be plain http.",
            advice="Give a certificate and its key, or listen on 127.0.0.1.",
        )
