"""Text for line displays: two rows of exactly 20 signs, in the display's own code page. Pure.

The boundary between data and commands, as `escpos_text` is for printers: a row has 20 bytes from
0x20 on, without 0x7F, whatever the name of an article holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from devices.protocols.escpos_text import CodePages, Fitted, clean
from edge.contract.device_limits import (
    DISPLAY_LINES_MAX,
)
from edge.contract.device_messages import DisplayLine

COLUMNS: Final = 20
_TEXTS_KEPT_MAX: Final = 128
"""What a display says comes back: the shop's name, the words for total and change."""

_CYRILLIC: Final = (
    "а=a б=b в=v г=g д=d е=e ё=e ж=zh з=z и=i й=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f "  # noqa: RUF001 - Cyrillic letters are meant
    "х=kh ц=ts ч=ch ш=sh щ=shch ъ= ы=y ь= э=e ю=yu я=ya є=ie і=i ї=i ґ=g ў=u "  # noqa: RUF001 - as above
    "ј=j љ=lj њ=nj ћ=c ђ=d џ=dz"  # noqa: RUF001 - as above
)
_GREEK: Final = (
    "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f "  # noqa: RUF001 - Greek letters are meant
    "χ=ch ψ=ps ω=o ά=a έ=e ή=i ί=i ό=o ύ=y ώ=o ϊ=i ϋ=y ΐ=i ΰ=y"
)
_IN_LATIN_LETTERS: Final[Mapping[str, str]] = {
    letter: latin
    for letter, _, latin in (pair.partition("=") for pair in f"{_CYRILLIC} {_GREEK}".split())
}
"""Lower-case letters of other scripts by how they are read: for a customer who knows the word."""


@dataclass(frozen=True)
class Rows:
    """What the display is to show: each row has `COLUMNS` bytes. `substituted` signs are `?`."""

    upper: bytes
    lower: bytes
    substituted: int = 0


BLANK: Final = Rows(b" " * COLUMNS, b" " * COLUMNS)


class DisplayText:
    """Sets lines for a display with one code page (a key of `EPSON_PAGES`).

    `number` is the display's own `n` of ESC t where it is not Epson's. Raises KeyError for a
    page without a number.
    """

    def __init__(self, page: str, number: int | None = None) -> None:
        self._page = page
        self._pages = CodePages(page, (), {} if number is None else {page: number})
        self._fit = lru_cache(_TEXTS_KEPT_MAX)(self._fit_anew)

    @property
    def select(self) -> bytes:
        """ESC t for the page."""
        return self._pages.select

    def rows(self, lines: Sequence[DisplayLine]) -> Rows:
        """Return lines as the display shows them; those that are not given are blank.

        Signs that the page lacks lose their accents or are spelt in Latin letters; what nothing
        stands for is `?`, counted. The end of a line is kept whole, its start cut where they meet.
        """
        rows: list[bytes] = []
        substituted = 0
        for line in lines[:DISPLAY_LINES_MAX]:
            start, end = self._fit(line.start), self._fit(line.end)
            substituted += start.substituted + end.substituted
            rows.append(self._pages.encode(_placed(start.text, end.text)))
        rows += [BLANK.upper] * (DISPLAY_LINES_MAX - len(rows))
        return Rows(rows[0], rows[1], substituted)

    def _fit_anew(self, text: str) -> Fitted:
        text = clean(text)
        if any(char.lower() in _IN_LATIN_LETTERS and not self._has(char) for char in text):
            # the whole text: half of a word in each script is no word
            text = "".join(map(_spelt, text))
        fitted = self._pages.fit(text)
        return Fitted(" ".join(fitted.text.split()), fitted.substituted)

    def _has(self, char: str) -> bool:
        return self._pages.fit(char) == Fitted(char, 0)


def _spelt(char: str) -> str:
    spelt = _IN_LATIN_LETTERS.get(char.lower())
    if spelt is None:
        return char
    return spelt.capitalize() if char.isupper() else spelt


def _placed(start: str, end: str) -> str:
    end = end[:COLUMNS]
    room = COLUMNS - len(end) - 1 if end else COLUMNS
    return start[: max(0, room)].rstrip().ljust(COLUMNS - len(end)) + end
