"""Symbols and graphics that are stored first and printed by a later command; bar code names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_NAMES: Final = {
    0: "UPC-A",
    1: "UPC-E",
    2: "EAN13",
    3: "EAN8",
    4: "CODE39",
    5: "ITF",
    6: "CODABAR",
    65: "UPC-A",
    66: "UPC-E",
    67: "EAN13",
    68: "EAN8",
    69: "CODE39",
    70: "ITF",
    71: "CODABAR",
    72: "CODE93",
    73: "CODE128",
    74: "GS1-128",
    75: "GS1 DATABAR",
    76: "GS1 DATABAR TRUNCATED",
    77: "GS1 DATABAR LIMITED",
    78: "GS1 DATABAR EXPANDED",
}
_CODE128: Final = 73
_SYMBOLS: Final = {48: "PDF417", 49: "QR", 50: "MAXICODE", 51: "DATABAR", 52: "COMPOSITE"}
_FUNCTION_BYTES: Final = 2
"""Which symbol or mode, and which function."""
_STORE: Final = 80
_PRINT: Final = 81
_GRAPHICS_STORE: Final = 112
_GRAPHICS_HEAD_BYTES: Final = 10
_GRAPHICS_PRINT: Final = (2, 50)


@dataclass(frozen=True)
class StoredPicture:
    """Dots of `GS ( L`, function 112, in rows."""

    data: bytes
    row_bytes: int
    width_dots: int


@dataclass
class Symbols:
    """What was stored by `GS ( k` and `GS ( L` and how it is to look."""

    settings: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """(cn, fn) -> parameters: module size, error correction, model."""
    stored: dict[int, bytes] = field(default_factory=dict)
    picture: StoredPicture | None = None

    def symbol(self, data: bytes) -> str:
        """Take the body of `GS ( k`; return what is printed now, or nothing."""
        if len(data) < _FUNCTION_BYTES:
            return ""
        kind, function, rest = data[0], data[1], data[_FUNCTION_BYTES:]
        if function == _STORE:
            self.stored[kind] = rest[1:]
        elif function != _PRINT:
            self.settings[kind, function] = rest
        elif kind in self.stored and kind in _SYMBOLS:
            return f"[{_SYMBOLS[kind]}] {_readable(self.stored[kind])}"
        return ""

    def graphics(self, data: bytes) -> StoredPicture | None:
        """Take the body of `GS ( L`; return the picture that is printed now, or None."""
        if len(data) < _FUNCTION_BYTES:
            return None
        if data[1] == _GRAPHICS_STORE and len(data) >= _GRAPHICS_HEAD_BYTES:
            width = int.from_bytes(data[6:8], "little")
            self.picture = StoredPicture(data[_GRAPHICS_HEAD_BYTES:], (width + 7) // 8, width)
        elif data[1] in _GRAPHICS_PRINT:
            printed, self.picture = self.picture, None
            return printed
        return None


def barcode_text(kind: int, data: bytes) -> tuple[str, str]:
    """Return a bar code's name and what its text below would say."""
    name = _NAMES.get(kind, f"BARCODE {kind}")
    return name, _code128_text(data) if kind == _CODE128 else _readable(data)


def _code128_text(data: bytes) -> str:
    text = ""
    pairs = False
    at = 0
    while at < len(data):
        two = data[at : at + 2]
        if two in (b"{A", b"{B", b"{C"):
            pairs = two == b"{C"
            at += 2
        elif two == b"{{":
            text += "{"
            at += 2
        elif pairs:
            text += f"{data[at]:02d}"
            at += 1
        else:
            text += _readable(data[at : at + 1])
            at += 1
    return text


def _readable(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "".join(char if char.isprintable() else f"<{ord(char):02X}>" for char in text)
