from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from devices.transports.byte_stream import ByteStream
from devices.transports.tcp_stream import tcp_connector
from edge.contract.errors import DeviceUnreachable
from edge.runtime.system_clock import SystemClock

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Listener:
    def __init__(self) -> None:
        self.peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.port = 0


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    seen: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        await made.peers.put((reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        for writer in seen:
            writer.close()


async def write_for_ever(stream: ByteStream, data: bytes) -> None:
    while True:
        await stream.write(data)


async def test_bytes_pass_both_ways_and_closing_ends_it(listener: Listener) -> None:
    stream = await tcp_connector("127.0.0.1", listener.port, SystemClock())()
    reader, writer = await listener.peers.get()
    await stream.write(b"down")
    assert await reader.readexactly(4) == b"down"
    writer.write(b"up")
    assert await stream.read(100) == b"up"
    writer.close()
    assert await stream.read(100) == b""
    await stream.close()
    await stream.close()
    with pytest.raises(DeviceUnreachable, match="closed"):
        await stream.write(b"x")


async def test_a_reset_is_unreachable(listener: Listener) -> None:
    stream = await tcp_connector("127.0.0.1", listener.port, SystemClock())()
    _, writer = await listener.peers.get()
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.close()
    with pytest.raises(DeviceUnreachable, match="broke"):
        await stream.read(100)
    with pytest.raises(DeviceUnreachable, match="broke"):
        await write_for_ever(stream, b"x")
    await stream.close()


async def test_a_device_that_takes_nothing_makes_the_writer_wait(listener: Listener) -> None:
    stream = await tcp_connector("127.0.0.1", listener.port, SystemClock())()
    await listener.peers.get()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(write_for_ever(stream, b"x" * 65_536), 0.2)
    await stream.close()


async def test_the_connection_is_kept_alive_and_undelayed(listener: Listener) -> None:
    stream = await tcp_connector("127.0.0.1", listener.port, SystemClock())()
    sock = stream._writer.get_extra_info("socket")  # type: ignore[attr-defined]  # the inside
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    await stream.close()


async def test_nobody_there_says_where_and_what_to_check() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(DeviceUnreachable, match=rf"127\.0\.0\.1:{port}.*network cable"):
            await tcp_connector("127.0.0.1", port, SystemClock())()
