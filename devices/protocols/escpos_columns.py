"""Text in columns of one width: wrapping, a text with an amount, cells, centred, ruled."""

from __future__ import annotations

from typing import Final

from devices.protocols.escpos_text import display_width

_WIDEST_SIGN: Final = 2
START_COLUMNS_MIN: Final = 8
"""Beside a longer amount the text gets lines of its own."""


def wrap(text: str, columns: int) -> list[str]:
    """Return the text in lines of at most so many columns, broken at spaces, then at signs.

    An indent at the start is kept on every line while it leaves half of the line.
    """
    text = text.rstrip(" ")
    if display_width(text) <= columns:
        return [text]
    body = text.lstrip(" ")
    indent = " " * (len(text) - len(body))
    if columns - len(indent) < max(columns // 2, _WIDEST_SIGN):
        indent = ""
    lines: list[str] = []
    line = indent
    for word in body.split(" "):
        gap = " " if line != indent else ""
        if display_width(line) + len(gap) + display_width(word) <= columns:
            line += gap + word
            continue
        if line.strip(" "):
            lines.append(line.rstrip(" "))
        *full, line = _chop(indent, word, columns)
        lines += full
    lines.append(line.rstrip(" "))
    return lines


def _chop(indent: str, word: str, columns: int) -> list[str]:
    """Break a word into lines; the last may be shorter, and is the indent alone for no word."""
    lines: list[str] = []
    line, width = indent, len(indent)
    for char in word:
        char_width = display_width(char)
        if width + char_width > columns and width > len(indent):
            lines.append(line)
            line, width = indent, len(indent)
        line += char
        width += char_width
    return [*lines, line]


def row(start: str, end: str, columns: int) -> list[str]:
    """Return a text with an amount at the end of its last line; the amount is never broken.

    An amount that leaves less than `START_COLUMNS_MIN` columns stands on lines of its own.
    """
    end_width = display_width(end)
    room = columns - end_width - 1
    start_width = display_width(start)
    if start_width <= room:
        return [start + " " * (columns - start_width - end_width) + end]
    if room < START_COLUMNS_MIN:
        return [*wrap(start, columns), *(at_end(line, columns) for line in wrap(end, columns))]
    *before, last = wrap(start, room)
    return [*before, last + " " * (columns - display_width(last) - end_width) + end]


def cells(texts: tuple[str, ...], columns: int) -> list[str]:
    """Return a line of cells, the first at its start, the others at their ends.

    Equal widths while everything fits with a space between; then as wide as each needs;
    then each cell on a line of its own.
    """
    if not texts:
        return [""]
    widths = [display_width(text) for text in texts]
    equal = columns // len(texts)
    room = [columns - equal * (len(texts) - 1), *([equal] * (len(texts) - 1))]
    if any(width + 1 > cell for width, cell in zip(widths[1:], room[1:], strict=True)) or (
        widths[0] > room[0]
    ):
        spare = columns - sum(widths) - (len(texts) - 1)
        if spare < 0:
            first, *others = texts
            return [
                *wrap(first, columns),
                *(at_end(line, columns) for text in others for line in wrap(text, columns)),
            ]
        room = [widths[0] + spare, *(width + 1 for width in widths[1:])]
    first, *others = texts
    line = first + " " * (room[0] - widths[0])
    for text, width, cell in zip(others, widths[1:], room[1:], strict=True):
        line += " " * (cell - width) + text
    return [line.rstrip(" ")]


def at_end(text: str, columns: int) -> str:
    """Return the text with spaces before it, so that it ends with the line."""
    return " " * max(0, columns - display_width(text)) + text
