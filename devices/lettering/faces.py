"""The fonts that were shipped: which has a sign, and HarfBuzz's hold on it.

Files are mapped into memory and touched where a letter is drawn, so that the 13,000 Chinese
signs cost what is printed of them. HarfBuzz (0.35 s to import) is asked for here and nowhere
else, by the first receipt that needs it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from devices.protocols.letters import LetterSize

FONTS: Final = Path(__file__).parent / "fonts"
"""Filled by the build hook; `held.json` says what each file holds, in the order of asking."""
_SIGNS_KEPT_MAX: Final = 4_096
PARTS_OF_DOT: Final = 64
"""HarfBuzz counts in integers: a dot is so many of its units."""


class Face:
    """One file. `grid`: its signs stand in cells; Arabic joins and takes what it needs."""

    def __init__(self, path: Path, harfbuzz: Any) -> None:
        family = path.name.partition("-")[0]
        self.grid = family != "arabic"
        self._squeezed = family == "mono"
        self._arabic = family == "arabic"
        self._harfbuzz = harfbuzz
        self._face = harfbuzz.Face(harfbuzz.Blob.from_file_path(str(path)))
        self._plain = harfbuzz.Font(self._face)
        self._sized: dict[LetterSize, Any] = {}

    def has(self, char: str) -> bool:
        """Say whether there is a letter for a sign; a font may hold less than it is said to."""
        return bool(self._plain.get_nominal_glyph(ord(char)))

    def at(self, size: LetterSize) -> Any:
        """Return HarfBuzz's font in a size."""
        if size not in self._sized:
            font = self._harfbuzz.Font(self._face)
            font.scale = tuple(round(dots * PARTS_OF_DOT) for dots in self._em_dots(size))
            self._sized[size] = font
        return self._sized[size]

    def _em_dots(self, size: LetterSize) -> tuple[float, float]:
        cell = size.cell_dots
        if self._squeezed:  # 0.6 em wide: one cell, and as tall as the printer's own letters
            return cell / 0.6, cell * 22 / 12
        if self._arabic:  # the dots of a last yeh are 0.43 em below the line
            return cell * 21 / 12, cell * 21 / 12
        return cell * 2.0, cell * 2.0


class Faces:
    """All fonts, opened one by one as they are needed."""

    def __init__(self, folder: Path, harfbuzz: Any) -> None:
        self._folder = folder
        self._harfbuzz = harfbuzz
        held = msgspec.json.decode((folder / "held.json").read_bytes(), type=dict[str, str])
        self._families: dict[str, list[tuple[int, int, str]]] = {}
        for name, ranges in held.items():
            family = self._families.setdefault(name.partition("-")[0], [])
            family += [(*_ends(text), name) for text in ranges.split(",")]
        for family in self._families.values():
            family.sort()
        self._open: dict[str, Face] = {}
        self.of = lru_cache(_SIGNS_KEPT_MAX)(self._find)

    def _find(self, char: str, *, arabic: bool = False) -> Face | None:
        """Return the first font with a sign; `arabic`: the Arabic font is asked first."""
        families = sorted(self._families, key=lambda name: arabic and name != "arabic")
        for family in families:
            for name in _holding(self._families[family], ord(char)):
                face = self._open.get(name)
                if face is None:
                    face = self._open[name] = Face(self._folder / name, self._harfbuzz)
                if face.has(char):
                    return face
        return None


def _ends(text: str) -> tuple[int, int]:
    first, _, last = text.strip().removeprefix("U+").partition("-")
    return int(first, 16), int(last or first, 16)


def _holding(ranges: list[tuple[int, int, str]], code: int) -> Iterator[str]:
    """Name the files that are said to hold a sign; few ranges of a family overlap."""
    after = bisect_right(ranges, (code + 1, 0, ""))
    for first, last, name in reversed(ranges[:after]):
        if first <= code <= last:
            yield name
