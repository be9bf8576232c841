"""The first packet of an MQTT 3.1.1 connection, in bytes: read, written anew, answered.

Source: OASIS MQTT 3.1.1, sections 2.2.3, 3.1 and 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CONNECT_BYTE: Final = 0x10
PROTOCOL_LEVEL: Final = 4
REFUSED_PROTOCOL: Final = 1
REFUSED_IDENTIFIER: Final = 2
REFUSED_PASSWORD: Final = 4
REFUSED_NOT_ALLOWED: Final = 5

_USER: Final = 0x80
_PASSWORD: Final = 0x40
_WILL_RETAIN: Final = 0x20
_WILL_QOS: Final = 0x18
_WILL: Final = 0x04
_CLEAN: Final = 0x02
_RESERVED: Final = 0x01
_QOS_MAX: Final = 2
_LENGTH_BYTES_MAX: Final = 4


class NotAConnect(Exception):
    """The bytes are no CONNECT packet."""


class OtherProtocol(NotAConnect):
    """A CONNECT of another version of MQTT."""


@dataclass(frozen=True)
class Will:
    """What is to be published for a client that ends without a goodbye."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Connect:
    """A client introduces itself."""

    client_id: str
    user: str | None
    password: str | None
    keep_alive_s: int
    will: Will | None = None


def parse_connect(body: bytes) -> Connect:
    """Return what stands behind the fixed header. Raises NotAConnect or OtherProtocol."""
    reader = _Reader(body)
    name = reader.data()
    level, flags = reader.byte(), reader.byte()
    if name != b"MQTT" or level != PROTOCOL_LEVEL:
        raise OtherProtocol(f"{name[:8]!r} level {level}")
    if flags & _RESERVED or (flags & _PASSWORD and not flags & _USER):
        raise NotAConnect("impossible flags")
    keep_alive_s = reader.number()
    client_id = reader.text()
    will = _will(reader, flags)
    user = reader.text() if flags & _USER else None
    password = reader.data().decode("utf-8", "surrogateescape") if flags & _PASSWORD else None
    reader.end()
    return Connect(client_id, user, password, keep_alive_s, will)


def _will(reader: _Reader, flags: int) -> Will | None:
    qos, retain = (flags & _WILL_QOS) >> 3, bool(flags & _WILL_RETAIN)
    if not flags & _WILL:
        if qos or retain:
            raise NotAConnect("will flags without a will")
        return None
    if qos > _QOS_MAX:
        raise NotAConnect("will with QoS 3")
    return Will(reader.text(), reader.data(), qos, retain)


def clean_connect(connect: Connect) -> bytes:
    """Return the whole packet for a client whose password was checked.

    A clean session without a password and without keep-alive: what is to survive is
    retained or in the ledger, and the gate itself watches for silence.
    """
    flags = _CLEAN
    payload = _data(connect.client_id.encode())
    if connect.will is not None:
        flags |= _WILL | connect.will.qos << 3 | (_WILL_RETAIN if connect.will.retain else 0)
        payload += _data(connect.will.topic.encode()) + _data(connect.will.payload)
    if connect.user is not None:
        flags |= _USER
        payload += _data(connect.user.encode())
    body = _data(b"MQTT") + bytes([PROTOCOL_LEVEL, flags, 0, 0]) + payload
    return bytes([CONNECT_BYTE]) + remaining_length(len(body)) + body


def refusal(code: int) -> bytes:
    """Return the CONNACK that says no."""
    return bytes([0x20, 2, 0, code])


def remaining_length(length: int) -> bytes:
    """Return a length as the fixed header writes it: seven bits a byte, lowest first."""
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


@dataclass
class LengthReader:
    """Takes the bytes of a remaining length one by one."""

    length: int = 0
    count: int = 0

    def feed(self, byte: int) -> bool:
        """Take a byte; say whether it was the last. Raises NotAConnect for a fifth."""
        if self.count == _LENGTH_BYTES_MAX:
            raise NotAConnect("a length of five bytes")
        self.length |= (byte & 0x7F) << 7 * self.count
        self.count += 1
        return not byte & 0x80


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def _take(self, count: int) -> bytes:
        taken = self._body[self._at : self._at + count]
        if len(taken) != count:
            raise NotAConnect("it ends too early")
        self._at += count
        return taken

    def byte(self) -> int:
        return self._take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self._take(2), "big")

    def data(self) -> bytes:
        return self._take(self.number())

    def text(self) -> str:
        try:
            found = self.data().decode()
        except UnicodeDecodeError:
            raise NotAConnect("text that is not UTF-8") from None
        if "\0" in found:
            raise NotAConnect("text with a NUL")
        return found

    def end(self) -> None:
        if self._at != len(self._body):
            raise NotAConnect("it goes on too long")


def _data(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content
