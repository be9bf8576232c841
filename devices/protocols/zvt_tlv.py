"""ZVT's TLV objects: BER-like tags of one to three bytes, lengths of one to three bytes.

Source: PA00P015, chapter on TLV containers: tag 1F xx has two bytes, 1F 8x xx three; length
below 80, `81 xx`, or `82 hi lo`. What cannot be read is kept raw and never guessed at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

CONTAINER: Final = 0x06
"""The BMP and the tag of a container of objects."""

_MORE_TAG: Final = 0x1F
_LAST_TAG_BIT: Final = 0x80
_CONSTRUCTED: Final = 0x20
_TAG_BYTES_MAX: Final = 3
_SHORT_LENGTH_END: Final = 0x80
_LENGTH_ONE: Final = 0x81
_LENGTH_ONE_MAX: Final = 0xFF
_LENGTH_TWO: Final = 0x82
_LENGTH_MAX: Final = 0xFFFF
_NESTING_MAX: Final = 8
"""Objects in objects; real messages nest three deep, a hostile one must not exhaust us."""


@dataclass(frozen=True, slots=True)
class Tlv:
    """One object. `value` is always the raw bytes; `children` what they hold when constructed."""

    tag: int
    value: bytes = b""
    children: tuple[Tlv, ...] = ()


@dataclass(frozen=True, slots=True)
class TlvRead:
    """Objects that could be read, and the raw bytes from the first that could not."""

    items: tuple[Tlv, ...]
    rest: bytes = b""


def encode_length(size: int) -> bytes:
    """Return the shortest coding of a length; raises ValueError above 65,535."""
    if not 0 <= size <= _LENGTH_MAX:
        raise ValueError(f"a TLV length of {size} does not fit into two bytes")
    if size < _SHORT_LENGTH_END:
        return bytes((size,))
    if size <= _LENGTH_ONE_MAX:
        return bytes((_LENGTH_ONE, size))
    return bytes((_LENGTH_TWO,)) + size.to_bytes(2, "big")


def read_length(data: bytes, at: int) -> tuple[int, int] | None:
    """Return (length, where the value starts), or None: not readable."""
    if at >= len(data):
        return None
    first = data[at]
    if first < _SHORT_LENGTH_END:
        return first, at + 1
    if first == _LENGTH_ONE and at + 2 <= len(data):
        return data[at + 1], at + 2
    if first == _LENGTH_TWO and at + 3 <= len(data):
        return int.from_bytes(data[at + 1 : at + 3], "big"), at + 3
    return None


def encode_tag(tag: int) -> bytes:
    """Return the bytes of a tag: 0x07, 0x1F07, 0x1F8001."""
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")


def encode_tlv(tag: int, value: bytes | Iterable[bytes] = b"") -> bytes:
    """Return one object; `value` may be the encoded objects that it holds."""
    body = value if isinstance(value, bytes) else b"".join(value)
    return encode_tag(tag) + encode_length(len(body)) + body


def read_tlv(data: bytes) -> TlvRead:
    """Return the objects that stand in `data`; never raises."""
    return _read(data, 0)


def _read(data: bytes, depth: int) -> TlvRead:
    items: list[Tlv] = []
    at = 0
    while at < len(data):
        start = at
        tag_end = _tag_end(data, at)
        length = None if tag_end is None else read_length(data, tag_end)
        if tag_end is None or length is None or length[1] + length[0] > len(data):
            return TlvRead(tuple(items), data[start:])
        size, value_at = length
        at = value_at + size
        value = data[value_at:at]
        children: tuple[Tlv, ...] = ()
        if (data[start] & _CONSTRUCTED or data[start] == CONTAINER) and depth < _NESTING_MAX:
            children = _read(value, depth + 1).items
        items.append(Tlv(int.from_bytes(data[start:tag_end], "big"), value, children))
    return TlvRead(tuple(items))


def _tag_end(data: bytes, at: int) -> int | None:
    end = at + 1
    if data[at] & _MORE_TAG == _MORE_TAG:
        while True:
            if end >= len(data) or end - at >= _TAG_BYTES_MAX:
                return None
            end += 1
            if not data[end - 1] & _LAST_TAG_BIT:
                break
    return end


def walk(items: Iterable[Tlv]) -> Iterator[Tlv]:
    """Yield objects and what they hold, depth first, in the order of the wire."""
    for item in items:
        yield item
        yield from walk(item.children)


def find(items: Iterable[Tlv], tag: int) -> bytes | None:
    """Return the value of the first object with this tag at any depth, or None."""
    return next((item.value for item in walk(items) if item.tag == tag), None)
