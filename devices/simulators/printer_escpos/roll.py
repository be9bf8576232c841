"""What came out of a simulated printer: lines on paper, pictures, cuts, pulses of a drawer."""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Final

RECEIPTS_KEPT_MAX: Final = 500
"""A demo that runs for days must not grow; the oldest go first."""
LINES_KEPT_MAX: Final = 5_000
"""Paper that nobody cuts; beyond it a cut is made."""
PULSES_KEPT_MAX: Final = 1_000


@dataclass(frozen=True)
class PaperLine:
    """One line as it looks: `text` stands where it was printed, spaces before it included.

    `mark`: `qr`, `barcode` or `picture` for what is not text (its content is in `text`).
    A picture is kept as its dots, `png`, and `text` says only its size: a printer that was
    sent dots knows no words. `left_dots` and `width_dots` say where on the paper it stands.
    """

    text: str
    bold: bool = False
    height: int = 1
    width: int = 1
    mark: str = ""
    png: bytes = b""
    left_dots: int = 0
    width_dots: int = 0

    @property
    def looks(self) -> str:
        """How it is shown in a golden file: a gutter of two signs, then the text."""
        loud = "L" if self.height > 1 or self.width > 1 else ("B" if self.bold else " ")
        return f"{loud} {self.text}".rstrip()


@dataclass(frozen=True)
class Pulse:
    """A pulse on the drawer's port; `now`: by a real-time command."""

    pin: int
    on_ms: int
    off_ms: int
    at_ms: int
    now: bool = False


@dataclass(frozen=True)
class Receipt:
    """What lay between two cuts."""

    lines: tuple[PaperLine, ...]
    cut: str

    @property
    def text(self) -> str:
        """The receipt as plain text, empty lines at its ends left out."""
        return "\n".join(line.text for line in self.lines).strip("\n")


@dataclass
class Roll:
    """The paper: `current` is not cut yet; `receipts` are, newest last."""

    current: list[PaperLine] = field(default_factory=list)
    receipts: deque[Receipt] = field(default_factory=lambda: deque(maxlen=RECEIPTS_KEPT_MAX))

    def add(self, line: PaperLine) -> None:
        """Let a line come out."""
        self.current.append(line)
        if len(self.current) >= LINES_KEPT_MAX:
            self.cut("torn")

    def cut(self, how: str) -> None:
        """Cut; empty paper is no receipt."""
        if any(line.text.strip() or line.png for line in self.current):
            self.receipts.append(Receipt(tuple(self.current), how))
        self.current.clear()


def columns_of(text: str) -> int:
    """Return the columns a text takes on this paper."""
    return sum(
        0
        if unicodedata.combining(char)
        else 2
        if unicodedata.east_asian_width(char) in ("W", "F")
        else 1
        for char in text
    )


def png_of(rows: list[bytes], width_dots: int) -> bytes:
    """Return rows of dots (1 is black, highest bit first) as a PNG of one bit grey."""
    raw = b"".join(b"\x00" + bytes(byte ^ 0xFF for byte in row) for row in rows)
    head = struct.pack(">IIBBBBB", width_dots, len(rows), 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    )


def rows_of_columns(data: bytes, bytes_per_column: int) -> tuple[list[bytes], int]:
    """Turn the columns of ESC * (top bit first) into rows; returns rows and width in dots."""
    width = len(data) // bytes_per_column
    rows = []
    for y in range(bytes_per_column * 8):
        row = bytearray((width + 7) // 8)
        for x in range(width):
            if data[x * bytes_per_column + y // 8] & (0x80 >> (y % 8)):
                row[x // 8] |= 0x80 >> (x % 8)
        rows.append(bytes(row))
    return rows, width
