"""Where texts stand on a line: wrapped, a text with an amount, cells, begun at the right."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from devices.protocols.escpos_text import display_width

_WIDEST_SIGN: Final = 2
_GAPS: Final = re.compile("^ +| {2,}")
_PARTS: Final = re.compile("[^ ]+(?: [^ ]+)*")
START_COLUMNS_MIN: Final = 8
"""Beside a longer amount the text gets lines of its own."""


Placed = tuple[str, int]
"""A text, and where on its line it begins."""


@dataclass(frozen=True)
class Ruler:
    """How wide texts are: columns for the printer's own letters, dots for drawn ones."""

    measure: Callable[[str], int]
    space: int


COLUMNS: Final = Ruler(display_width, 1)


def wrap(text: str, room: int, ruler: Ruler = COLUMNS) -> list[str]:
    """Return the text in lines of at most so many columns, broken at spaces, then at signs.

    An indent at the start is kept on every line while it leaves half of the line.
    """
    text = text.rstrip(" ")
    if ruler.measure(text) <= room:
        return [text]
    body = text.lstrip(" ")
    indent = " " * (len(text) - len(body))
    if room - len(indent) * ruler.space < max(room // 2, _WIDEST_SIGN * ruler.space):
        indent = ""
    lines: list[str] = []
    line = indent
    for word in body.split(" "):
        gap = " " if line != indent else ""
        if ruler.measure(line) + len(gap) * ruler.space + ruler.measure(word) <= room:
            line += gap + word
            continue
        if line.strip(" "):
            lines.append(line.rstrip(" "))
        *full, line = _chop(indent, word, room, ruler)
        lines += full
    lines.append(line.rstrip(" "))
    return lines


def _chop(indent: str, word: str, room: int, ruler: Ruler) -> list[str]:
    """Break a word into lines; the last may be shorter, and is the indent alone for no word."""
    lines: list[str] = []
    line, width = indent, len(indent) * ruler.space
    for char in word:
        char_width = ruler.measure(char)
        if width + char_width > room and width > len(indent) * ruler.space:
            lines.append(line)
            line, width = indent, len(indent) * ruler.space
        line += char
        width += char_width
    return [*lines, line]


def place_row(start: str, end: str, room: int, ruler: Ruler = COLUMNS) -> list[list[Placed]]:
    """Place a text, and an amount at the end of its last line; the amount is never broken.

    An amount that leaves less than `START_COLUMNS_MIN` columns stands on lines of its own.
    """
    end_width = ruler.measure(end)
    beside = room - end_width - ruler.space
    if ruler.measure(start) <= beside:
        return [[(start, 0), (end, room - end_width)]]
    if beside < START_COLUMNS_MIN * ruler.space:
        return [
            *([(line, 0)] for line in wrap(start, room, ruler)),
            *([_at_end(line, room, ruler)] for line in wrap(end, room, ruler)),
        ]
    *before, last = wrap(start, beside, ruler)
    return [*([(line, 0)] for line in before), [(last, 0), (end, room - end_width)]]


def place_cells(texts: tuple[str, ...], room: int, ruler: Ruler = COLUMNS) -> list[list[Placed]]:
    """Place cells on a line, the first at its start, the others at their ends.

    Equal widths while everything fits with a space between; then as wide as each needs;
    then each cell on a line of its own.
    """
    if not texts:
        return [[]]
    widths = [ruler.measure(text) for text in texts]
    equal = room // ruler.space // len(texts) * ruler.space
    cells = [room - equal * (len(texts) - 1), *([equal] * (len(texts) - 1))]
    fits = zip(widths[1:], cells[1:], strict=True)
    if any(width + ruler.space > cell for width, cell in fits) or widths[0] > cells[0]:
        spare = room - sum(widths) - (len(texts) - 1) * ruler.space
        if spare < 0:
            first, *others = texts
            rest = (line for text in others for line in wrap(text, room, ruler))
            return [
                *([(line, 0)] for line in wrap(first, room, ruler)),
                *([_at_end(line, room, ruler)] for line in rest),
            ]
        cells = [widths[0] + spare, *(width + ruler.space for width in widths[1:])]
    placed = [(texts[0], 0)]
    edge = cells[0]
    for text, width, cell in zip(texts[1:], widths[1:], cells[1:], strict=True):
        edge += cell
        placed.append((text, edge - width))
    return [placed]


def place_fixed(texts: tuple[str, ...], room: int, ruler: Ruler = COLUMNS) -> list[list[Placed]]:
    """Place lines that another machine set in columns: each part stays in the column it had.

    What is too wide loses spaces from its widest gap first; a line across the paper ends with the
    paper. What is too wide still is wrapped.
    """
    return [placed for text in texts for placed in _fixed(text.rstrip(" "), room, ruler)]


def _fixed(text: str, room: int, ruler: Ruler) -> list[list[Placed]]:
    columns = room // ruler.space
    if len(set(text.strip(" "))) == 1:
        text = text[:columns]
    while display_width(text) > columns and (gaps := list(_GAPS.finditer(text))):
        at = max(gaps, key=lambda gap: len(gap.group())).start()
        text = text[:at] + text[at + 1 :]
    parts = list(_PARTS.finditer(text))
    placed: list[Placed] = []
    free = 0
    for part in parts:
        at = display_width(text[: part.start()]) * ruler.space
        width = ruler.measure(part.group())
        if part is parts[-1] and placed:  # mostly an amount: it ends where it ended
            at = display_width(text[: part.end()]) * ruler.space - width
        at = max(at, free)
        free = at + width + ruler.space
        placed.append((part.group(), at))
    if free - ruler.space > room:
        return [[(line, 0)] for line in wrap(text, room, ruler)]
    return [placed or [("", 0)]]


def mirrored(line: list[Placed], room: int, ruler: Ruler = COLUMNS) -> list[Placed]:
    """Return a line that begins at the right, indents too, in the order in which it stands."""
    turned = []
    for text, at in reversed(line):
        body = text.lstrip(" ")
        begins = at + (len(text) - len(body)) * ruler.space
        turned.append((body, max(0, room - begins - ruler.measure(body))))
    return turned


def joined(line: list[Placed]) -> str:
    """Return a placed line as one text with spaces between."""
    if len(line) == 1:
        ((text, at),) = line
        return " " * at + text
    whole, width = "", 0
    for text, at in line:
        whole += " " * (at - width) + text
        width = at + display_width(text)
    return whole


def _at_end(text: str, room: int, ruler: Ruler) -> Placed:
    return text, max(0, room - ruler.measure(text))
