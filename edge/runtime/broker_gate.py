"""The door of the embedded broker: nobody reaches amqtt before he has proved who he is.

amqtt 0.12.1 by itself deletes the session of a client id before it checks the password,
lets a second client of the same id stand beside the first, publishes any last will, reads
packets of 256 MB, and never misses a client that fell silent. All of that ends here, and
behind the door there are only clients whose id is their user name.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from amqtt.adapters import ReaderAdapter, StreamWriterAdapter
from typing_extensions import override

from edge.contract.errors import SettingsInvalid
from edge.contract.limits import (
    MQTT_CONNECT_BYTES_MAX,
    MQTT_CONNECT_S_MAX,
    MQTT_CONNECTIONS_MAX,
    MQTT_PACKET_BYTES_MAX,
    MQTT_SEND_S_MAX,
)
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.broker_passwords import BrokerPasswords
from edge.runtime.mqtt_connect import (
    CONNECT_BYTE,
    REFUSED_IDENTIFIER,
    REFUSED_NOT_ALLOWED,
    REFUSED_PASSWORD,
    REFUSED_PROTOCOL,
    Connect,
    LengthReader,
    NotAConnect,
    OtherProtocol,
    clean_connect,
    parse_connect,
    refusal,
)
from edge.runtime.structured_log import Log

Admit = Callable[[ReaderAdapter, StreamWriterAdapter], Awaitable[None]]

_SILENCE: Final = 1.5
"""Keep-alives that may pass without a packet (MQTT 3.1.1, 3.1.2.10)."""


class _Refused(Exception):
    """The door stays closed; `code` is what CONNACK says, None for no answer at all."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class _Guest:
    """One who is inside."""

    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class BrokerGate:
    """Takes connections, checks them, and hands those that may come in to `admit`."""

    def __init__(
        self, access: BrokerAccess, passwords: BrokerPasswords, admit: Admit, log: Log
    ) -> None:
        self._access = access
        self._passwords = passwords
        self._admit = admit
        self._log = log
        self._guests: dict[str, _Guest] = {}
        self._connections: set[asyncio.StreamWriter] = set()
        self._refusals = 0
        self._servers: list[asyncio.Server] = []

    async def open(self, address: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen, here too; return the port (0 asks for a free one). Raises SettingsInvalid."""
        try:
            server = await asyncio.start_server(
                self._serve, address, port, ssl=tls, limit=MQTT_PACKET_BYTES_MAX
            )
        except OSError as error:
            raise SettingsInvalid(
                "address_unusable",
                f"The broker cannot listen on {address}:{port}: {error.strerror}.",
                advice="Another broker may run there: stop it, or choose another port.",
            ) from None
        self._servers.append(server)
        listening: int = server.sockets[0].getsockname()[1]
        return listening

    async def close(self) -> None:
        """Take nobody in any more and cut all who are inside."""
        for server in self._servers:
            server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        for guest in list(self._guests.values()):
            await guest.gone.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            connect = await self._introduction(reader)
            await self._check(connect)
            await self._let_in(connect, reader, writer)
        except _Refused as error:
            self._refusals += 1
            # at 1, 2, 4, 8 …: a flood of strangers is no flood of lines
            if self._refusals.bit_count() == 1:
                self._log.warning("broker_refused", reason=str(error), refused=self._refusals)
            if error.code is not None:
                writer.write(refusal(error.code))
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # gone: there is nobody left to answer
        except Exception as error:  # noqa: BLE001 - one client's trouble is not the others'
            self._log.error("broker_connection_failed", defect=f"{type(error).__name__}: {error}")
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _introduction(self, reader: asyncio.StreamReader) -> Connect:
        if len(self._connections) > MQTT_CONNECTIONS_MAX:
            raise _Refused(None, f"over {MQTT_CONNECTIONS_MAX} connections")
        try:
            async with asyncio.timeout(MQTT_CONNECT_S_MAX):
                packet = await read_packet(reader, MQTT_CONNECT_BYTES_MAX)
            if packet.head[0] != CONNECT_BYTE:
                raise _Refused(None, "no CONNECT")
            return parse_connect(packet.body)
        except TimeoutError:
            raise _Refused(None, "no CONNECT in time") from None
        except OtherProtocol as error:
            raise _Refused(REFUSED_PROTOCOL, f"not MQTT 3.1.1: {error}") from None
        except NotAConnect as error:
            raise _Refused(None, f"no CONNECT: {error}") from None

    async def _check(self, connect: Connect) -> None:
        if connect.user is None or connect.password is None:
            raise _Refused(REFUSED_NOT_ALLOWED, "anonymous")
        if not await self._password_fits(connect.user, connect.password):
            raise _Refused(REFUSED_PASSWORD, f"wrong password for {connect.user[:40]!r}")
        if connect.client_id != connect.user:
            raise _Refused(REFUSED_IDENTIFIER, f"{connect.user} as {connect.client_id[:40]!r}")
        if connect.will and not self._access.may_say(connect.user, connect.will.topic):
            raise _Refused(REFUSED_NOT_ALLOWED, f"a foreign last will of {connect.user}")

    async def _password_fits(self, user: str, password: str) -> bool:
        try:
            return await asyncio.to_thread(self._passwords.fits, user, password)
        except SettingsInvalid as error:
            raise _Refused(REFUSED_NOT_ALLOWED, str(error)) from None

    async def _let_in(
        self, connect: Connect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        name = connect.client_id
        while (before := self._guests.get(name)) is not None:
            # the same client again: the old connection ends first, last will and all
            before.writer.transport.abort()
            await before.gone.wait()
        guest = self._guests[name] = _Guest(writer)
        try:
            silence_s = connect.keep_alive_s * _SILENCE or None
            guarded = GuardedReader(reader, clean_connect(connect), silence_s)
            await self._admit(guarded, GuardedWriter(writer, self._log.bind(user=name)))
        finally:
            del self._guests[name]
            guest.gone.set()


@dataclass(frozen=True)
class Packet:
    """One packet: its fixed header, and what follows."""

    head: bytes
    body: bytes


async def read_packet(reader: asyncio.StreamReader, bytes_max: int) -> Packet:
    """Read one whole packet. Raises NotAConnect when it is too long, IncompleteReadError."""
    head = bytearray(await reader.readexactly(1))
    length = LengthReader()
    while True:
        byte = await reader.readexactly(1)
        head += byte
        if length.feed(byte[0]):
            break
    if length.length > bytes_max:
        raise NotAConnect(f"a packet of {length.length} bytes")
    return Packet(bytes(head), await reader.readexactly(length.length))


class GuardedReader(ReaderAdapter):  # type: ignore[misc]  # amqtt ships no types
    """What amqtt reads from: whole packets of bounded size; silence and nonsense are the end."""

    def __init__(self, reader: asyncio.StreamReader, first: bytes, silence_s: float | None) -> None:
        self._reader = reader
        self._ready = first
        self._silence_s = silence_s
        self._ended = False

    @override
    async def read(self, n: int = -1) -> bytes:
        """Return the next `n` bytes of the packet at hand; nothing at the end."""
        if n == 0:
            return b""
        if not self._ready and not self._ended:
            await self._next_packet()
        n = len(self._ready) if n < 0 else n
        taken, self._ready = self._ready[:n], self._ready[n:]
        return taken

    @override
    def feed_eof(self) -> None:
        """End it."""
        self._ended = True

    async def _next_packet(self) -> None:
        try:
            async with asyncio.timeout(self._silence_s):
                packet = await read_packet(self._reader, MQTT_PACKET_BYTES_MAX)
        except (TimeoutError, NotAConnect, OSError, asyncio.IncompleteReadError):
            self._ended = True
        else:
            self._ready = packet.head + packet.body


class GuardedWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt ships no types
    """What amqtt writes to: who does not read what he asked for is cut."""

    def __init__(self, writer: asyncio.StreamWriter, log: Log) -> None:
        super().__init__(writer)
        self._transport = writer.transport
        self._log = log

    @override
    async def drain(self) -> None:
        """Wait until there is room again, `MQTT_SEND_S_MAX` at most; then cut the connection."""
        try:
            async with asyncio.timeout(MQTT_SEND_S_MAX):
                await super().drain()
        except TimeoutError:
            if not self._transport.is_closing():
                self._log.warning("broker_client_cut", reason="takes nothing")
                self._transport.abort()
