"""A client of MQTT 3.1.1 that says whatever a test wants, well-behaved or not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13


def field_of(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def packet(first: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (128 if length else 0))
        if not length:
            return bytes([first]) + bytes(digits) + body


def connect_packet(
    client_id: str,
    user: str | None,
    password: str | None,
    *,
    will: tuple[str, bytes] | None = None,
    keep_alive_s: int = 30,
    level: int = 4,
    clean: bool = True,
) -> bytes:
    flags = 2 if clean else 0
    payload = field_of(client_id.encode())
    if will is not None:
        flags |= 0x04 | 0x08 | 0x20
        payload += field_of(will[0].encode()) + field_of(will[1])
    if user is not None:
        flags |= 0x80
        payload += field_of(user.encode())
    if password is not None:
        flags |= 0x40
        payload += field_of(password.encode())
    head = field_of(b"MQTT") + bytes([level, flags]) + keep_alive_s.to_bytes(2, "big")
    return packet(0x10, head + payload)


@dataclass
class RawClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    async def read(self) -> tuple[int, bytes]:
        """The next packet that is no PUBLISH; those are kept in `heard` and acknowledged."""
        while True:
            first = (await self.reader.readexactly(1))[0]
            length = shift = 0
            while True:
                digit = (await self.reader.readexactly(1))[0]
                length |= (digit & 127) << shift
                shift += 7
                if digit < 128:
                    break
            body = await self.reader.readexactly(length)
            if first >> 4 != PUBLISH:
                return first >> 4, body
            end = 2 + int.from_bytes(body[:2], "big")
            topic, rest = body[2:end].decode(), body[end:]
            if first & 6:
                self.writer.write(packet(0x40, rest[:2]))
                rest = rest[2:]
            self.heard.append((topic, rest))

    async def connect(self, *args: str | None, **more: object) -> int | None:
        """CONNACK's return code; None when the door was shut without a word."""
        self.writer.write(connect_packet(*args, **more))  # type: ignore[arg-type]
        try:
            kind, body = await self.read()
        except (OSError, asyncio.IncompleteReadError):
            return None
        assert kind == CONNACK
        return body[1]

    async def subscribe(self, *filters: str) -> None:
        topics = b"".join(field_of(name.encode()) + b"\x01" for name in filters)
        self.writer.write(packet(0x82, b"\x00\x07" + topics))
        assert (await self.read())[0] == SUBACK

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        head = field_of(topic.encode()) + b"\x00\x09"
        self.writer.write(packet(0x32 | retain, head + payload))
        assert (await self.read())[0] == PUBACK

    async def settle(self) -> list[tuple[str, bytes]]:
        """What was heard before the broker answers a ping."""
        self.writer.write(b"\xc0\x00")
        while (await self.read())[0] != PINGRESP:
            pass
        return self.heard

    async def hear(self, wanted: tuple[str, bytes]) -> None:
        """Wait for a message; the deadline is the block's."""
        while wanted not in self.heard:
            await self.settle()


@asynccontextmanager
async def raw_client(port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        async with asyncio.timeout(20):
            yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
