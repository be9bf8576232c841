"""What draws the letters that a printer lacks must offer, and how large letters are.

The printer's own letters stand in cells of 12 by 24 dots, 30 from line to line; drawn ones
keep to that grid, so that columns meet. Large ones are half as large again both ways: twice
the height alone, as the printer does it, pulls Arabic and Chinese out of shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

OVERHANG_DOTS: Final = 8
"""A letter may reach so far beyond its own width."""
MARKS_MAX: Final = 3
"""Marks upon one letter; more of them are not writing."""


@dataclass(frozen=True)
class LetterSize:
    """The cell of a Latin letter, how high a line is, and where in it the letters stand."""

    cell_dots: int
    line_dots: int
    base_dots: int


NORMAL: Final = LetterSize(12, 30, 21)
LARGE: Final = LetterSize(18, 48, 34)


@dataclass(frozen=True)
class Drawn:
    """A text as rows of dots: each row is an integer, its highest bit leftmost.

    A row has `width_dots` bits and `OVERHANG_DOTS` more at either side.
    """

    width_dots: int
    rows: tuple[int, ...]


class Lettering(Protocol):
    """Draws text of one line. Slow the first time: call it in a thread."""

    def load(self) -> bool:
        """Make ready; False when that is not possible on this machine."""
        ...

    def knows(self, char: str) -> bool:
        """Say whether there is a letter for a sign."""
        ...

    def width(self, text: str, size: LetterSize, *, right_to_left: bool) -> int:
        """Return how many dots a text takes in a line of that direction."""
        ...

    def draw(self, text: str, size: LetterSize, *, right_to_left: bool) -> Drawn:
        """Return the text in dots, its signs in the order in which they stand."""
        ...
