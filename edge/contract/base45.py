"""Bytes as text of 45 signs (RFC 9285): what QR codes hold in 5.5 bits a sign.

Of digits, capital letters and nine marks, all of which a QR code's alphanumeric mode has: two
bytes become three signs, three per cent more than the bytes themselves. Written here, since it
is these few lines, and the contract takes nothing but msgspec from outside.
"""

from __future__ import annotations

import struct
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_BASE: Final = len(ALPHABET)
_VALUES: Final = {sign: value for value, sign in enumerate(ALPHABET)}
_PAIRS: Final = [ALPHABET[low] + ALPHABET[high] for high in range(_BASE) for low in range(_BASE)]
_SIGNS: Final = 3
"""Signs of two bytes; one byte alone takes two."""


def encode45(data: bytes) -> str:
    """Write bytes as Base45; the least of three signs comes first."""
    pairs, rest = divmod(len(data), 2)
    square = _BASE * _BASE
    text = "".join(
        [
            _PAIRS[number % square] + ALPHABET[number // square]
            for number in struct.unpack_from(f">{pairs}H", data)
        ]
    )
    return text + _PAIRS[data[-1]] if rest else text


def decode45(text: str) -> bytes:
    """Read Base45; the one text that `encode45` makes of these bytes. Raises ValueError."""
    values = [_VALUES.get(sign, -1) for sign in text]
    if min(values, default=0) < 0:
        raise ValueError("a sign that Base45 does not have")
    data = bytearray()
    for at in range(0, len(values), _SIGNS):
        piece = values[at : at + _SIGNS]
        if len(piece) == 1:
            raise ValueError("one sign too many")
        number = sum(value * _BASE**place for place, value in enumerate(piece))
        try:
            data += number.to_bytes(len(piece) - 1, "big")
        except OverflowError:
            raise ValueError("signs that stand for no bytes") from None
    return bytes(data)
