"""Connections that stay half-said: aiohttp has no deadline for a request line or a header.

Each connection notes since when it waits for the rest of a request; one sweep closes those
that wait too long. How many an address may hold is counted here too.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final, cast

from aiohttp import web
from typing_extensions import override

from edge.contract.instant import Clock
from edge.contract.limits import (
    KEEP_ALIVE_S_MAX,
    REQUEST_HEAD_S_MAX,
    SOCKETS_FROM_LOOPBACK_MAX,
    SOCKETS_MAX,
    SOCKETS_PER_ADDRESS_MAX,
)
from edge.runtime.http_errors import plain_response

SWEEP_S: Final = 1.0
"""How often connections are looked at: a deadline is kept within this."""


@dataclass
class ConnectionWatch:
    """All open connections of a server; `admit` and `sweep` hold the limits.

    Counters: `turned_away` over a limit, `cut` too slow, `malformed` not HTTP.
    """

    clock: Clock
    per_address_max: int = SOCKETS_PER_ADDRESS_MAX
    loopback_max: int = SOCKETS_FROM_LOOPBACK_MAX
    total_max: int = SOCKETS_MAX
    turned_away: int = 0
    cut: int = 0
    malformed: int = 0
    _connections: set[GuardedConnection] = field(default_factory=set)
    _per_address: Counter[str] = field(default_factory=Counter)

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    def admit(self, connection: GuardedConnection, address: str) -> bool:
        """Count a connection in, or say no."""
        limit = self.loopback_max if is_loopback(address) else self.per_address_max
        if len(self._connections) >= self.total_max or self._per_address[address] >= limit:
            self.turned_away += 1
            return False
        self._connections.add(connection)
        self._per_address[address] += 1
        return True

    def release(self, connection: GuardedConnection, address: str) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        self._per_address[address] -= 1
        if self._per_address[address] <= 0:
            del self._per_address[address]

    def sweep(self) -> None:
        """Close every connection that waited too long."""
        now_ms = self.clock.monotonic_ms()
        for connection in [c for c in self._connections if c.is_overdue(now_ms)]:
            self.cut += 1
            connection.cut()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await self.clock.sleep(SWEEP_S)
            self.sweep()


def is_loopback(address: str) -> bool:
    """Say whether an IP address (as a socket names its peer) is this machine itself."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


class GuardedConnection(web.RequestHandler):
    """aiohttp's connection, watched: it knows since when it waits for a whole request head."""

    __slots__ = ("_address", "_half_said", "_peer", "_seen_waiting_ms", "_waits", "_watch")

    def __init__(self, watch: ConnectionWatch, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch = watch
        self._address: str | None = None
        self._peer: asyncio.Transport | None = None
        self._waits = False
        self._half_said = False
        self._seen_waiting_ms: int | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # other loops' transports are no subclasses of asyncio's, and have all it has
        stream = cast("asyncio.Transport", transport)
        peer = stream.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._watch.admit(self, address):
            stream.abort()
            return
        self._address = address
        self._peer = stream
        self._waits = True
        super().connection_made(transport)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is not None:
            self._watch.release(self, self._address)
            self._address = None
        self._peer = None
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._waits and not self._half_said:
            self._half_said = True
            self._seen_waiting_ms = None
        super().data_received(data)

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        # what never became a request: the parser's words may repeat what was sent, and
        # aiohttp's answer would name its version
        self._watch.malformed += 1
        if request.writer.output_size:
            raise ConnectionResetError("the answer broke off")
        response = plain_response(web.HTTPBadRequest())
        response.headers["Server"] = "tillbox"
        response.force_close()
        return response

    def head_arrived(self) -> None:
        """Stop waiting: a handler has the request."""
        self._waits = self._half_said = False
        self._seen_waiting_ms = None

    def answered(self) -> None:
        """Wait for the next request, or for the answer to be fetched."""
        self._waits = True

    def is_overdue(self, now_ms: int) -> bool:
        """Say whether this connection has waited longer than it may.

        Time counts from the first sweep that saw it wait like this: a request costs no
        look at the clock, and a deadline comes at most a sweep late.
        """
        if not self._waits:
            return False
        if self._seen_waiting_ms is None:
            self._seen_waiting_ms = now_ms
        limit_s = REQUEST_HEAD_S_MAX if self._half_said else KEEP_ALIVE_S_MAX
        return now_ms - self._seen_waiting_ms > limit_s * 1000

    def cut(self) -> None:
        """Close at once, unsent bytes and all."""
        if self._peer is not None:
            self._peer.abort()
