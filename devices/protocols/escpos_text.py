"""Text for a printer: made harmless, fitted to its code pages, turned into bytes.

This is the one boundary between data and commands. `clean` takes out every character of
Unicode category C (controls, bidi marks, private use), so that no name carries ESC p or
DLE DC4; `CodePages.encode` gives bytes from 0x20 on, without 0x7F.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from devices.protocols.escpos_commands import select_page

EPSON_PAGES: Final[Mapping[str, int]] = {
    "cp437": 0,
    "cp850": 2,
    "cp860": 3,
    "cp863": 4,
    "cp865": 5,
    "cp857": 13,
    "cp737": 14,
    "iso8859-7": 15,
    "cp1252": 16,
    "cp866": 17,
    "cp852": 18,
    "cp858": 19,
    "cp775": 33,
    "cp855": 34,
    "cp861": 35,
    "cp869": 38,
    "iso8859-2": 39,
    "iso8859-15": 40,
    "cp1250": 45,
    "cp1251": 46,
    "cp1253": 47,
    "cp1254": 48,
    "cp1257": 51,
}
"""Page -> `n` of ESC t on Epson printers; other makers number differently.

Pages for Hebrew, Arabic, Thai and Vietnamese are left out: without reordering and shaping
their texts come out wrong, which is worse than not at all.
"""

SUBSTITUTE: Final = "?"
_FIRST_COMBINING: Final = "\u0300"
"""Every clean sign before it takes one column."""

_CONTROL_SPACES: Final = str.maketrans("\t\n\v\f\r", "     ")

_NEAREST: Final[Mapping[str, str]] = {
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2015": "-",
    "\u2212": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201a": "'",
    "\u201b": "'",
    "\u2032": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u201e": '"',
    "\u2033": '"',
    "\u2039": "<",
    "\u203a": ">",
    "\u00ab": '"',
    "\u00bb": '"',
    "\u2044": "/",
    "\u2022": "*",
    "\u00b7": ".",
    "\u00d7": "x",
    "\u00f7": "/",
    "\u20ac": "EUR",
    "\u00a3": "GBP",
    "\u00a5": "JPY",
    "\u00a9": "(c)",
    "\u00ae": "(R)",
    "\u00df": "ss",
    "\u1e9e": "SS",
    "\u00c6": "AE",
    "\u00e6": "ae",
    "\u0152": "OE",
    "\u0153": "oe",
    "\u00d8": "O",
    "\u00f8": "o",
    "\u0110": "D",
    "\u0111": "d",
    "\u00d0": "D",
    "\u00f0": "d",
    "\u0141": "L",
    "\u0142": "l",
    "\u00de": "Th",
    "\u00fe": "th",
    "\u0131": "i",
}
"""Letters and signs that NFKD does not take apart, by what people write without them."""


def clean(text: str) -> str:
    """Return the text in NFC on one line, without any character of category C.

    Tabs and line ends become spaces, as do all separators (category Z).
    """
    if text.isprintable() and unicodedata.is_normalized("NFC", text):
        return text  # printable: neither C nor Z, the plain space excepted
    composed = unicodedata.normalize("NFC", text.translate(_CONTROL_SPACES))
    kept = []
    for char in composed:
        category = unicodedata.category(char)[0]
        if category == "Z":
            kept.append(" ")
        elif category != "C":
            kept.append(char)
    # a letter and its mark may have stood apart by what is gone now
    return unicodedata.normalize("NFC", "".join(kept))


def marks_bounded(text: str, most: int) -> str:
    """Return a text without the marks that are piled up on a letter beyond so many."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if marks <= most:
            kept.append(char)
    return "".join(kept)


def display_width(text: str) -> int:
    """Return how many columns a text takes: East Asian wide signs 2, combining marks 0."""
    if text.isascii() or max(text) < _FIRST_COMBINING:
        return len(text)
    return sum(map(_width, text))


@lru_cache(maxsize=4_096)
def _width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


@dataclass(frozen=True)
class Fitted:
    """A text of which a printer has every sign; `substituted` signs are `?` in it."""

    text: str
    substituted: int


class CodePages:
    """The code pages of one printer: the one it is left in, and more it can switch to.

    `numbers` overrides `known`, the maker's numbers; `select` is the maker's command for one.
    Raises KeyError (the page's name) for a page without a number.
    """

    def __init__(
        self,
        page: str,
        others: tuple[str, ...] = (),
        numbers: Mapping[str, int] | None = None,
        known: Mapping[str, int] = EPSON_PAGES,
        select: Callable[[int], bytes] = select_page,
    ) -> None:
        numbered = {**known, **(numbers or {})}
        self._pages = tuple((name, select(numbered[name])) for name in (page, *others))
        self._page = page

    @property
    def select(self) -> bytes:
        """ESC t for the page that text starts in."""
        return self._pages[0][1]

    def fit(self, text: str) -> Fitted:
        """Return a clean text as the printer can show it.

        What no page has loses its accents or becomes the nearest ASCII; what has none
        becomes `?`, counted, never dropped in silence.
        """
        if text.isascii() or _has(self._page, text):
            return Fitted(text, 0)
        kept: list[str] = []
        substituted = 0
        for char in text:
            if self._page_of(char) is not None:
                kept.append(char)
            elif (nearest := self._nearest(char)) is not None:
                kept.append(nearest)
            else:
                kept.append(SUBSTITUTE)
                substituted += 1
        return Fitted("".join(kept), substituted)

    def says(self, text: str) -> bool:
        """Say whether a clean text comes out as it is written.

        A dash or a quotation mark may be the nearest one; a letter that loses its accent
        may not, for it is another letter.
        """
        if text.isascii() or _has(self._page, text):
            return True
        return all(
            self._page_of(char) is not None
            or (unicodedata.category(char)[0] not in "LM" and self._nearest(char) is not None)
            for char in text
        )

    def nearest(self, char: str) -> str:
        """Return what stands for a sign that nobody has letters for; `?` when nothing does."""
        return self._nearest(char) or SUBSTITUTE

    def encode(self, text: str) -> bytes:
        """Return a fitted text as bytes, back in the first page at the end.

        Raises ValueError for text that was not fitted: nothing else may pass here.
        """
        if text.isascii() or _has(self._page, text):
            data = text.encode(self._page)
            if not text.isprintable():
                raise ValueError("control characters reached the encoder")
            return data
        parts: list[bytes] = []
        current: tuple[str, bytes] = self._pages[0]
        for char in text:
            page = current if _has(current[0], char) else self._page_of(char)
            if page is None or not char.isprintable():
                raise ValueError("text was not fitted to the printer")
            if page is not current:
                parts.append(page[1])
                current = page
            parts.append(char.encode(page[0]))
        if current is not self._pages[0]:
            parts.append(self.select)
        return b"".join(parts)

    def _page_of(self, char: str) -> tuple[str, bytes] | None:
        return next((page for page in self._pages if _has(page[0], char)), None)

    def _nearest(self, char: str) -> str | None:
        """Return what stands for a sign that no page has; None when nothing does."""
        parts = [_NEAREST.get(part, part) for part in unicodedata.normalize("NFKD", char)]
        plain = "".join(
            part for text in parts for part in text if unicodedata.category(part) != "Mn"
        )
        return plain if plain.isascii() and plain.isprintable() else None


def _has(page: str, text: str) -> bool:
    try:
        text.encode(page)
    except UnicodeEncodeError:
        return False
    return True
