"""The terminal's own writing and reading of ZVT: shares no code with the driver's codec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from devices.transports.byte_stream import ByteStream
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_ZVT7: Final = {"Ä": "[", "Ö": "\\", "Ü": "]", "ä": "{", "ö": "|", "ü": "}", "ß": "~"}
_FIELD_BYTES: Final = {0x01: 1, 0x02: 1, 0x03: 1, 0x04: 6, 0x05: 1, 0x19: 1, 0x49: 2, 0x87: 2}
"""Fields that a till puts into its commands."""
CONTAINER: Final = 0x06
"""The field that holds TLV objects."""
_HEAD_BYTES: Final = 3
"""Class, instruction, length."""
_LONG_HEAD_BYTES: Final = 5
_LENGTH_FOLLOWS: Final = 0xFF
"""As length: two bytes with it follow, the low one first."""
_TLV_SHORT_END: Final = 0x80
"""Shorter things have their length in one byte; 81 or 82 says how many bytes it has else."""
_BYTE_END: Final = 0x100
_LONG_TAG: Final = 0x1F
"""These bits say that another byte of the tag follows."""
_UNIT_BYTES_MAX: Final = 4_096
"""A till's commands are short: a longer one is garbage."""


class LineLost(Exception):
    """The till is gone, or we pulled the cable ourselves."""


@dataclass(frozen=True)
class Heard:
    """A unit of the till: `command` is its first two bytes as hexadecimal text, `0601`."""

    command: str
    data: bytes


@dataclass
class Manners:
    """How this terminal puts bytes on the line.

    `delay_ms` before each unit; `fragment`: byte by byte; `coalesce`: its 80 00 waits for
    the unit after it and leaves in one piece with it.

    On a serial line, each for so many blocks: `spoil_blocks` leave with a wrong checksum;
    `refuse_blocks` of the till are answered 15; `mute_answers` are not sent, so that the till
    repeats; `miss_answers` of the till are not noticed, so that the terminal repeats, and
    with `strict` nothing else is noticed meanwhile. `repeats_heard` counts the till's repeats.
    """

    delay_ms: int = 0
    fragment: bool = False
    coalesce: bool = False
    spoil_blocks: int = 0
    refuse_blocks: int = 0
    mute_answers: int = 0
    miss_answers: int = 0
    strict: bool = False
    repeats_heard: int = 0


class TillLine:
    """One connection of a till, as the terminal sees it."""

    def __init__(self, stream: ByteStream, clock: Clock, manners: Manners) -> None:
        self._stream = stream
        self._clock = clock
        self._manners = manners
        self._held = b""
        self._unsent = b""
        self._inbox: list[Heard] = []
        self.lost = False

    @staticmethod
    def unit(command: str, data: bytes) -> bytes:
        """Return a unit as bytes."""
        size = len(data)
        if size < _LENGTH_FOLLOWS:
            length = bytes([size])
        else:
            length = bytes([_LENGTH_FOLLOWS, size % _BYTE_END, size // _BYTE_END])
        return bytes.fromhex(command) + length + data

    def mend(self) -> bool:
        """Say whether the line goes on after it was lost."""
        return False

    async def ignore(self, _seconds: float) -> None:
        """Answer nothing, until the till gives up."""
        while True:
            await self.hear(None)

    async def say(self, command: str, data: bytes = b"") -> None:
        """Send a unit; raises LineLost."""
        out = self._unsent + self.unit(command, data)
        self._unsent = b""
        if self._manners.coalesce and command == "8000":
            self._unsent = out
            return
        if self._manners.delay_ms:
            await self._clock.sleep(self._manners.delay_ms / 1000)
        await self._put([bytes([byte]) for byte in out] if self._manners.fragment else [out])

    async def _flush(self) -> None:
        """Send a held-back answer that nothing follows."""
        held, self._unsent = self._unsent, b""
        if held:
            await self._put([held])

    async def _put(self, pieces: list[bytes]) -> None:
        try:
            for piece in pieces:
                if self.lost:
                    raise LineLost
                await self._stream.write(piece)
        except DeviceUnreachable:
            self.lost = True
            raise LineLost from None

    async def hear(self, within_s: float | None) -> Heard | None:
        """Return the till's next unit, None when none comes in time; raises LineLost."""
        await self._flush()
        try:
            async with self._clock.timeout(within_s):
                while (heard := self._cut_off_unit()) is None:
                    data = b"" if self.lost else await self._stream.read(_UNIT_BYTES_MAX)
                    if not data:
                        self.lost = True
                        raise LineLost
                    self._held += data
        except TimeoutError:
            return None
        except DeviceUnreachable:
            self.lost = True
            raise LineLost from None
        return heard

    def _cut_off_unit(self) -> Heard | None:
        held = self._held
        if len(held) < _HEAD_BYTES:
            return None
        if held[0] not in b"\x04\x05\x06\x08\x80\x84":
            self._held = b""  # noise: a terminal waits for something it knows
            return None
        start, size = _HEAD_BYTES, held[2]
        if size == _LENGTH_FOLLOWS:
            if len(held) < _LONG_HEAD_BYTES:
                return None
            start, size = _LONG_HEAD_BYTES, held[3] + _BYTE_END * held[4]
        if size > _UNIT_BYTES_MAX:
            self._held = b""
            return None
        if len(held) < start + size:
            return None
        self._held = held[start + size :]
        return Heard(held[:2].hex(), held[start : start + size])

    @staticmethod
    def whole_unit(data: bytes) -> Heard | None:
        """Return the unit that some bytes are, or None when they are none or more than one."""
        start, size = _HEAD_BYTES, int.from_bytes(data[2:_HEAD_BYTES], "big")
        if size == _LENGTH_FOLLOWS and len(data) >= _LONG_HEAD_BYTES:
            start, size = _LONG_HEAD_BYTES, data[3] + _BYTE_END * data[4]
        if len(data) != start + size:
            return None
        return Heard(data[:2].hex(), data[start:])

    async def pull(self) -> None:
        """Pull the cable."""
        self.lost = True
        await self._stream.close()


def digits(number: int, size: int) -> bytes:
    """Return a number as BCD, its last `2 * size` digits."""
    return bytes.fromhex(str(number).zfill(size * 2)[-size * 2 :])


def short_text(tag: int, value: bytes) -> bytes:
    """Return a field with a length of two digits."""
    return bytes([tag, 0xF0 + len(value) // 10, 0xF0 + len(value) % 10]) + value


def long_text(tag: int, value: bytes) -> bytes:
    """Return a field with a length of three digits."""
    size = len(value)
    return bytes([tag, 0xF0 + size // 100, 0xF0 + size // 10 % 10, 0xF0 + size % 10]) + value


def thing(tag: str, *values: bytes) -> bytes:
    """Return a TLV object; also a container, whose tag is `06`."""
    body = b"".join(values)
    size = len(body)
    if size < _TLV_SHORT_END:
        length = bytes([size])
    elif size < _BYTE_END:
        length = bytes([0x81, size])
    else:
        length = bytes([0x82, size // _BYTE_END, size % _BYTE_END])
    return bytes.fromhex(tag) + length + body


def things(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the objects of a till's container: tags of one and two bytes, short lengths."""
    while data:
        width = 2 if data[0] & _LONG_TAG == _LONG_TAG else 1
        if len(data) <= width:
            return
        size = data[width]
        yield data[:width].hex(), data[width + 1 : width + 1 + size]
        data = data[width + 1 + size :]


def written(text: str, encoding: str) -> bytes:
    """Return a text as this terminal's maker writes it."""
    if encoding == "zvt7":
        return "".join(_ZVT7.get(letter, letter) for letter in text).encode("ascii", "replace")
    return text.encode(encoding, "replace")


def command_fields(data: bytes) -> dict[int, bytes]:
    """Return the fields of a command up to the first that is not known."""
    fields: dict[int, bytes] = {}
    while data:
        tag = data[0]
        if tag == CONTAINER and data[1:]:
            size, start = data[1], 2
        elif tag in _FIELD_BYTES:
            size, start = _FIELD_BYTES[tag], 1
        else:
            break
        fields[tag] = data[start : start + size]
        data = data[start + size :]
    return fields
