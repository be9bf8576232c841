"""Letters in every script: ordered, shaped and drawn by HarfBuzz, kept as rows of dots."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from devices.lettering.faces import FONTS, PARTS_OF_DOT, Face, Faces
from devices.protocols.letters import OVERHANG_DOTS, Drawn, LetterSize
from devices.protocols.text_direction import has_turns, runs_of

_PIECES_KEPT_MAX: Final = 2_048
"""Signs and words as dots, 30 integers each: some 3 MiB when full."""
_TEXTS_KEPT_MAX: Final = 512
"""A text is measured for wrapping and for placing before it is drawn."""
_INK_FROM: Final = 112
"""Of 255 parts of a dot that a letter covers: from here on it is black."""
_BITS: Final = bytes(ord("1") if part >= _INK_FROM else ord("0") for part in range(256))


@dataclass(frozen=True)
class _Piece:
    """A sign with its marks, or a run of Arabic, that is shaped in one font.

    A mark alone takes no cell: it stands on what is before it.
    """

    face: Face
    text: str
    right_to_left: bool

    @property
    def is_mark(self) -> bool:
        return _is_mark(self.text[0])


class Letters:
    """Draws with the fonts that were shipped; nothing is read or imported before `load`."""

    def __init__(self, folder: Path = FONTS) -> None:
        self._folder = folder
        self._harfbuzz: Any = None
        self._faces: Faces | None = None
        self.problem = ""
        """Why there are no letters, where `load` has failed."""
        self._kept = lru_cache(_PIECES_KEPT_MAX)(self._drawn)
        self._advance = lru_cache(_PIECES_KEPT_MAX)(self._advance_anew)
        self._pieces = lru_cache(_TEXTS_KEPT_MAX)(self._pieces_anew)

    def load(self) -> bool:
        """Import HarfBuzz and look at the fonts; says whether that was possible."""
        if self._faces is None and not self.problem:
            try:
                import uharfbuzz  # noqa: PLC0415 - a third of a second, for who needs it

                self._harfbuzz = uharfbuzz
                self._faces = Faces(self._folder, uharfbuzz)
            except (ImportError, OSError) as error:
                self.problem = str(error)
        return self._faces is not None

    def knows(self, char: str) -> bool:
        """Say whether there is a letter for a sign."""
        return self._loaded.of(char) is not None

    def width(self, text: str, size: LetterSize, *, right_to_left: bool) -> int:
        """Return how many dots a text takes in a line of that direction."""
        return sum(
            self._advance(piece, size) for piece in self._pieces(text, right_to_left=right_to_left)
        )

    def draw(self, text: str, size: LetterSize, *, right_to_left: bool) -> Drawn:
        """Return the text in dots, its signs in the order in which they stand."""
        pieces = [
            self._kept(piece, size) for piece in self._pieces(text, right_to_left=right_to_left)
        ]
        width = sum(piece.width_dots for piece in pieces)
        rows = [0] * size.line_dots
        left = 0
        for piece in pieces:
            shift = width - left - piece.width_dots
            for at, row in enumerate(piece.rows):
                rows[at] |= row << shift
            left += piece.width_dots
        return Drawn(width, tuple(rows))

    @property
    def _loaded(self) -> Faces:
        if not self.load() or self._faces is None:
            raise RuntimeError(f"there are no letters: {self.problem}")
        return self._faces

    def _pieces_anew(self, text: str, *, right_to_left: bool) -> tuple[_Piece, ...]:
        """Return a line's pieces as they stand from left to right."""
        if not has_turns(text):
            return tuple(self._pieces_of_run(text, right_to_left=False))
        pieces: list[_Piece] = []
        for run in runs_of(text, right_to_left=right_to_left):
            found = list(self._pieces_of_run(run.text, right_to_left=run.right_to_left))
            pieces += reversed(found) if run.right_to_left else found
        return tuple(pieces)

    def _pieces_of_run(self, text: str, *, right_to_left: bool) -> Iterator[_Piece]:
        """Cut where the font changes, and in a grid at every sign that is no mark."""
        began, face = 0, None
        for at, char in enumerate(text):
            if face is not None and _is_mark(char) and face.has(char):
                continue
            now = self._loaded.of(char, arabic=right_to_left)
            if face is not None and (face.grid or now is not face):
                yield _Piece(face, text[began:at], right_to_left)
                began = at
            if now is None:
                began = at + 1
            face = now
        if face is not None:
            yield _Piece(face, text[began:], right_to_left)

    def _advance_anew(self, piece: _Piece, size: LetterSize) -> int:
        """Return a piece's width: whole cells in a grid, what it takes in Arabic."""
        _, positions = self._shaped(piece, size)
        return _cells(piece, _sum_dots(positions), size)

    def _shaped(self, piece: _Piece, size: LetterSize) -> tuple[Sequence[Any], Sequence[Any]]:
        buffer = self._harfbuzz.Buffer()
        buffer.add_str(piece.text)
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if piece.right_to_left else "ltr"
        self._harfbuzz.shape(piece.face.at(size), buffer)
        return buffer.glyph_infos, buffer.glyph_positions

    def _drawn(self, piece: _Piece, size: LetterSize) -> Drawn:
        infos, positions = self._shaped(piece, size)
        taken = _sum_dots(positions)
        width = _cells(piece, taken, size)
        bits = width + 2 * OVERHANG_DOTS
        raster = self._harfbuzz.RasterDraw()
        raster.scale_factor = (PARTS_OF_DOT, PARTS_OF_DOT)
        below = size.line_dots - size.base_dots
        raster.extents = self._harfbuzz.RasterExtents(-OVERHANG_DOTS, -below, bits, size.line_dots)
        # in the middle of its cells; a mark alone is drawn back over what is before it
        left = (width - taken) / 2 - (size.cell_dots / 2 if piece.is_mark else 0)
        x = round(left * PARTS_OF_DOT)
        for info, place in zip(infos, positions, strict=True):
            raster.transform = (1, 0, 0, 1, x + place.x_offset, place.y_offset)
            raster.draw_glyph(piece.face.at(size), info.codepoint)
            x += place.x_advance
        image = raster.render()
        stride, data = image.extents.stride, image.buffer.translate(_BITS)
        lines = range((size.line_dots - 1) * stride, -1, -stride)
        return Drawn(width, tuple(int(data[at : at + bits], 2) for at in lines))


def _cells(piece: _Piece, taken_dots: float, size: LetterSize) -> int:
    if piece.is_mark:
        return 0
    if not piece.face.grid:
        return round(taken_dots)
    cells = -(-(taken_dots - 1) // size.cell_dots)
    return max(1, int(cells)) * size.cell_dots


def _sum_dots(positions: Sequence[Any]) -> float:
    total: int = sum(place.x_advance for place in positions)
    return total / PARTS_OF_DOT


@lru_cache(_PIECES_KEPT_MAX)
def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in {"Mn", "Me"}
