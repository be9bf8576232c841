"""Lines that a printer has no letters for, as pictures of one line each.

A line is one `GS v 0` of 30 rows (48 where it is loud): 2 KB at most on 80 mm, so that it is
whole in every printer's buffer, and stands where a line of the printer's own would stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Final

from devices.protocols.escpos_columns import Placed, Ruler
from devices.protocols.escpos_commands import raster
from devices.protocols.letters import LARGE, NORMAL, OVERHANG_DOTS, Lettering, LetterSize
from devices.protocols.text_direction import begins_right, has_turns
from edge.contract.receipt_document import Emphasis

_BYTE_BITS: Final = 8
_HEAD_BYTES: Final = 8


def raster_rest_bytes(width_dots: int) -> int:
    """Return how many NULs complete the longest line that was broken off."""
    return -(-width_dots // _BYTE_BITS) * LARGE.line_dots + _HEAD_BYTES


def picture(width_dots: int, rows: bytes) -> list[bytes]:
    """Return dots as rasters of as many rows as a line of letters has, so that each is whole."""
    row_bytes = -(-width_dots // _BYTE_BITS)
    lines = [
        int.from_bytes(rows[at : at + row_bytes], "big") for at in range(0, len(rows), row_bytes)
    ]
    step = NORMAL.line_dots
    return [raster(lines[at : at + step], row_bytes) for at in range(0, len(lines), step)]


class DrawnBlock:
    """Draws the lines of one block: one size, one direction for what is written both ways."""

    def __init__(
        self, lettering: Lettering, texts: Sequence[str], emphasis: Emphasis, *, mirrored: bool
    ) -> None:
        self._lettering = lettering
        self._size: LetterSize = LARGE if emphasis is Emphasis.LARGE else NORMAL
        self._bold = emphasis is not Emphasis.NORMAL
        self._right = any(map(begins_right, texts)) or (mirrored and any(map(has_turns, texts)))
        self.ruler = Ruler(self.width, self._size.cell_dots)

    def width(self, text: str) -> int:
        """Return how many dots a text takes."""
        return self._lettering.width(text, self._size, right_to_left=self._right)

    def line(self, line: Sequence[Placed], room: int) -> bytes:
        """Return a line's picture; white at its right end is left out."""
        return raster(*trimmed(self.rows(line, room), row_bytes_of(room)))

    def rows(self, line: Sequence[Placed], room: int) -> list[int]:
        """Return a line's dots in rows of `row_bytes_of(room)` bytes, the highest bit leftmost."""
        bits = row_bytes_of(room) * _BYTE_BITS
        beyond = (1 << (bits + OVERHANG_DOTS)) - 1
        rows = [0] * self._size.line_dots
        for text, left in line:
            drawn = self._lettering.draw(text, self._size, right_to_left=self._right)
            shift = bits - left - drawn.width_dots
            for at, row in enumerate(drawn.rows):
                rows[at] |= row << shift if shift >= 0 else row >> -shift
        if self._bold:
            # away from the edge at which the line begins
            rows = [row | (row << 1 if self._right else row >> 1) for row in rows]
        return [(row & beyond) >> OVERHANG_DOTS for row in rows]


def row_bytes_of(room: int) -> int:
    """Return how many bytes a row of so many dots takes; marks without a letter have no width."""
    return max(1, -(-room // _BYTE_BITS))


def trimmed(rows: Sequence[int], row_bytes: int) -> tuple[list[int], int]:
    """Return rows without the bytes that are white at their right ends, and how many are left."""
    ink = reduce(or_, rows)
    white = ((ink & -ink).bit_length() - 1) // _BYTE_BITS if ink else row_bytes - 1
    return [row >> white * _BYTE_BITS for row in rows], row_bytes - white
