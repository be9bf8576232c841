"""Inputs that nobody meant well: bytes and texts, seeded, most of them nearly right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

Play = Callable[[Random], None]
"""One input: makes it with the chance it is given, and asserts what holds for any."""

_LONG_CHANCE = 0.002
_LONG_BYTES = 20_000
_SHORT_BYTES = 48

_SIGNS: tuple[str, ...] = (
    *"aZ0 9-.,|{}[]~^\\\"'%",
    *"\x00\x01\x02\x03\x04\x05\x07\x0a\x0d\x10\x14\x1b\x1d\x7f\x80\x9b",  # commands, C1
    *"äßéŁşŽ€£°µ",
    *"\u0301\u0327\u20dd\u064b\u0e31",  # marks
    *"אבגשاہپ١٢",
    *"中語한ｱＡ",
    *"\u200e\u200f\u202a\u202e\u2066\u2069\u061c\ufeff\u00ad\u2028",  # turns, invisible, line ends
    *"😀\U000e0041\U0010ffff\ufffd\ufffe",
    *"ﷺﬁ½①㍍",  # NFKC takes them apart
)
_PHRASES: tuple[str, ...] = (
    "\x1bp\x00\x19\xfa",
    "\x10\x14\x01\x00\x05",
    "\x1b@",
    "4111111111111111",
    "4111 1111 1111 1111",
    "9521234567892",
    "Milch 1,5 %",
    "שלום עולם (123)",
    "مرحبا 12.50",
    "]E0",
    "https://id.example/01/9521234567892",
    "]" * 70,
    "([{" * 30,
)


def some_bytes(chance: Random, right: Sequence[bytes] = (), most: int = _SHORT_BYTES) -> bytes:
    """Return bytes: anything, one byte again and again, or something right that was spoilt."""
    roll = chance.random()
    if roll < _LONG_CHANCE:
        return _filled(chance, chance.randint(1, _LONG_BYTES))
    if roll < 0.2 or not right:
        return _filled(chance, chance.randint(0, most))
    data = bytearray(chance.choice(right))
    for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
        _spoil(chance, data)
    if chance.random() < 0.2:
        data += chance.choice(right)
    return bytes(data)


def _filled(chance: Random, size: int) -> bytes:
    if chance.random() < 0.3:
        return bytes([chance.randrange(256)]) * size
    return chance.randbytes(size)


def _spoil(chance: Random, data: bytearray) -> None:
    at = chance.randint(0, len(data))
    match chance.randrange(6):
        case 0:
            del data[at : at + chance.randint(1, 4)]
        case 1:
            data[at:at] = chance.randbytes(chance.randint(1, 4))
        case 2 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 3 if at < len(data):
            data[at] = chance.choice((0x00, 0x06, 0x10, 0x1B, 0x1F, 0x7F, 0x80, 0xFF))
        case 4:
            data[at:at] = data[at : at + chance.randint(1, 8)]
        case _:
            del data[at:]


def pieces(chance: Random, data: bytes) -> list[bytes]:
    """Return bytes cut anywhere, as a line may deliver them."""
    if not data or chance.random() < 0.4:
        return [data]
    if chance.random() < 0.1 and len(data) < 200:
        return [data[at : at + 1] for at in range(len(data))]
    cut = chance.randint(0, len(data))
    return [data[:cut], data[cut:]]


def some_text(chance: Random, most: int = 24) -> str:
    """Return a text as JSON could bring it: any script, marks, turns, controls, commands."""
    roll = chance.random()
    if roll < 0.15:
        return chance.choice(_PHRASES)
    if roll < 0.15 + _LONG_CHANCE:
        return chance.choice(_SIGNS) * chance.randint(200, 2_000)
    if roll < 0.4:
        return "".join(chance.choice("abc 123.,") for _ in range(chance.randint(0, most)))
    return "".join(
        chance.choice(_SIGNS) if chance.random() < 0.8 else chance.choice(_PHRASES)[:8]
        for _ in range(chance.randint(0, most))
    )
