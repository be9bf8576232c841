"""TCP connections to devices in the shop's own network."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from devices.transports.asyncio_stream import READER_BYTES_MAX, AsyncioStream
from devices.transports.byte_stream import ByteStream, Connector
from edge.contract.device_limits import (
    DEVICE_CONNECT_MS_MAX,
)
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_KEEPALIVE_IDLE_S: Final = 10
_KEEPALIVE_EVERY_S: Final = 5
_KEEPALIVE_PROBES: Final = 3
"""A printer that was switched off silently is found within half a minute."""
_UNACKNOWLEDGED_MS_MAX: Final = 10_000
"""Bytes that the device's network card has not acknowledged by then will not be."""


def tcp_connector(host: str, port: int, clock: Clock) -> Connector:
    """Return a connector to `host:port`; a try takes `DEVICE_CONNECT_MS_MAX` at most."""

    async def connect() -> ByteStream:
        name = f"{host}:{port}"
        try:
            async with clock.timeout(DEVICE_CONNECT_MS_MAX / 1000):
                reader, writer = await asyncio.open_connection(host, port, limit=READER_BYTES_MAX)
        except OSError as error:  # TimeoutError and unknown names are among them
            raise DeviceUnreachable(
                "no_connection",
                f"Nothing answers at {name}: {error.strerror or 'no answer in time'}.",
                advice="Check that the device is on, its network cable, and its address.",
            ) from error
        keep_watch(writer.get_extra_info("socket"))
        return AsyncioStream(reader, writer, clock, name)

    return connect


def keep_watch(sock: socket.socket) -> None:
    """Let the kernel find out by itself, and soon, that the other end is gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", _KEEPALIVE_EVERY_S),
        ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS_MAX),  # Linux only
    ):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
