"""A receipt document set on paper, whatever language the printer speaks.

What is said, how wide it is, where it stands and what has to be drawn is decided here, once; a
language of printers (`escpos_encoder`, `star_encoder`) gives its bytes. Texts have passed `clean`
before a language sees them: no name carries a command in any of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from devices.protocols.escpos_columns import (
    COLUMNS,
    Placed,
    Ruler,
    joined,
    mirrored,
    place_cells,
    place_fixed,
    place_row,
    wrap,
)
from devices.protocols.escpos_raster import DrawnBlock
from devices.protocols.escpos_text import SUBSTITUTE, CodePages, Fitted, clean, marks_bounded
from devices.protocols.letters import MARKS_MAX, Lettering
from devices.protocols.text_direction import begins_right, reads_right_to_left
from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)

DOTS_PER_COLUMN: Final = 12
"""Font A."""
_TEXTS_KEPT_MAX: Final = 512
"""Labels and the shop's own lines come back on every receipt."""
_QR_MODULE_DOTS: Final = ((180, 6), (287, 5), (504, 4), (800, 3))
"""Bytes of data -> dots of a module: the widest of each row stays under 384 dots (58 mm).

With its quiet zone, in byte mode: a printer may not know the alphanumeric one. Versions 9, 12, 17
and 23; three dots are 0.375 mm, which imagers and telephones read well."""

_Place = Callable[[tuple[str, ...], int, Ruler], list[list[Placed]]]


@dataclass(frozen=True)
class EncodedReceipt:
    """`data`: the job's bytes. `substituted`: signs that the printer lacks, `?` on paper."""

    data: bytes
    substituted: int


class TextFitting:
    """What a printer can say of a text: by its code pages, by letters drawn for it, or by `?`.

    `lettering` draws what the code pages lack; without it that is `?`.
    """

    def __init__(self, pages: CodePages, lettering: Lettering | None) -> None:
        self.pages = pages
        self.lettering = lettering
        self.fit = lru_cache(_TEXTS_KEPT_MAX)(self._fit_anew)
        self.drawable = lru_cache(_TEXTS_KEPT_MAX)(self._drawable_anew)

    def _fit_anew(self, text: str) -> tuple[Fitted, bool]:
        """Return a text as the printer can show it, and whether that is as it is written."""
        text = clean(text)
        return self.pages.fit(text), self.pages.says(text)

    def _drawable_anew(self, text: str) -> Fitted:
        """Return a text of which there is every letter, `?` for what nobody can draw."""
        kept = []
        substituted = 0
        for char in marks_bounded(clean(text), MARKS_MAX):
            known = self.lettering is not None and self.lettering.knows(char)
            kept.append(char if known else self.pages.nearest(char))
            substituted += kept[-1] == SUBSTITUTE != char
        return Fitted("".join(kept), substituted)

    def draws(self, document: ReceiptDocument) -> bool:
        """Say whether a receipt has lines to be drawn: that takes long enough for a thread."""
        return self.lettering is not None and not all(
            self.fit(text)[1] for block in document.blocks for text in texts_of(block)
        )


def texts_of(block: ReceiptBlock) -> tuple[str, ...]:
    """Return what is written in a block; codes are not written."""
    match block:
        case RowBlock(start, end):
            return start, end
        case TextBlock(text):
            return (text,)
        case ColumnsBlock(texts):
            return texts
        case _:
            return ()


def qr_module_dots(size_bytes: int) -> int:
    """Return how wide a module is printed for so many bytes; 0 is more than a receipt takes."""
    return next((dots for most, dots in _QR_MODULE_DOTS if size_bytes <= most), 0)


class ReceiptSetter(ABC):
    """One receipt in the making; a language of printers fills in its commands."""

    def __init__(self, fitting: TextFitting, columns: int, language: str) -> None:
        self._fitting = fitting
        self._columns = columns
        self._mirrored = reads_right_to_left(language)
        self._align = Align.START
        self._substituted = 0
        self._parts: list[bytes] = []

    # --- the printer's language -----------------------------------------------------------

    @abstractmethod
    def _align_command(self, align: Align) -> bytes: ...

    @abstractmethod
    def _emphasis(self, emphasis: Emphasis) -> tuple[bytes, bytes]:
        """Return what makes text louder, and what ends that."""

    @abstractmethod
    def _feed(self, lines: int) -> bytes: ...

    @abstractmethod
    def _cut(self) -> None: ...

    @abstractmethod
    def _qr(self, data: str, module_dots: int) -> bool:
        """Print a code of clean text; False where this printer is to print text instead."""

    @abstractmethod
    def _barcode(self, data: str) -> bool:
        """Print a bar code of clean text; False for one that does not fit or cannot be."""

    @abstractmethod
    def _draw(self, block: DrawnBlock, line: list[Placed], wide: int, align: Align) -> None:
        """Print a drawn line that takes `wide` dots."""

    @abstractmethod
    def _picture(self, width_dots: int, rows: bytes) -> None:
        """Print dots in the middle."""

    # --- setting --------------------------------------------------------------------------

    def add(self, block: ReceiptBlock) -> None:
        """Set one block."""
        match block:
            case RowBlock(start, end, emphasis):
                self._written((start, end), _place_row, emphasis)
            case TextBlock():
                self._text(block)
            case ColumnsBlock(texts):
                self._written(texts, place_cells)
            case RuleBlock():
                self._print_lines([[("-" * self._columns, 0)]])
            case FeedBlock(lines):
                self._put(self._feed(lines))
            case QrBlock(data, instead):
                self._code(clean(data), clean(instead or data))
            case BarcodeBlock(data):
                if not self._barcode(clean(data)):
                    self._text_instead(clean(data))
            case _:
                if block.width_dots <= self._columns * DOTS_PER_COLUMN:
                    self._picture(block.width_dots, block.rows)

    def _text(self, block: TextBlock) -> None:
        if block.fixed:  # it is read as it is written, whatever the receipt is written in
            mirrored = begins_right(block.text)
            self._written((block.text,), place_fixed, block.emphasis, mirrored=mirrored)
        else:
            self._written((block.text,), _place_text, block.emphasis, block.align)

    def finish(self) -> EncodedReceipt:
        """Return the receipt, cut off."""
        self._set_align(Align.START)
        self._cut()
        return EncodedReceipt(b"".join(self._parts), self._substituted)

    def _put(self, *parts: bytes) -> None:
        self._parts += parts

    def _written(
        self,
        texts: tuple[str, ...],
        place: _Place,
        emphasis: Emphasis = Emphasis.NORMAL,
        align: Align = Align.START,
        *,
        mirrored: bool | None = None,
    ) -> None:
        """Print a block as text where the printer has its letters, else draw it.

        `mirrored`: whether its lines begin at the right; None for as the receipt's do.
        """
        mirrored = self._mirrored if mirrored is None else mirrored
        looked_at = [self._fitting.fit(text) for text in texts]
        fitted = [each for each, _ in looked_at]
        whole = all(is_whole for _, is_whole in looked_at)
        letters = None if whole else self._fitting.lettering
        if letters is not None and letters.load():
            fitted = [self._fitting.drawable(text) for text in texts]
            # what nobody can draw is `?`: perhaps there is nothing left to be drawn
            again = [self._fitting.fit(each.text) for each in fitted]
            whole = all(is_whole for _, is_whole in again)
            if whole:  # in what the pages have: there a sign may stand for one that was drawable
                fitted = [
                    Fitted(text.text, each.substituted)
                    for (text, _), each in zip(again, fitted, strict=True)
                ]
        said = tuple(each.text for each in fitted)
        if letters is None or whole or not letters.load():
            lines = place(said, self._columns, COLUMNS)
            self._print_lines(lines, emphasis, align, mirrored=mirrored)
        else:
            block = DrawnBlock(letters, said, emphasis, mirrored=mirrored)
            lines = place(said, self._columns * DOTS_PER_COLUMN, block.ruler)
            self._draw_lines(block, lines, align, mirrored=mirrored)
        self._substituted += sum(each.substituted for each in fitted)

    def _print_lines(
        self,
        lines: list[list[Placed]],
        emphasis: Emphasis = Emphasis.NORMAL,
        align: Align = Align.START,
        *,
        mirrored: bool = False,
    ) -> None:
        if mirrored and align is not Align.CENTRE:
            # not by the printer: what is wider than the columns would not stand below the rows
            lines = [_turned(line, align, self._columns, COLUMNS) for line in lines]
            align = Align.START
        self._set_align(align)
        on, off = self._emphasis(emphasis)
        pages = self._fitting.pages
        text = b"".join(pages.encode(joined(line).rstrip(" ")) + b"\n" for line in lines)
        self._put(on, text, off)

    def _draw_lines(
        self, block: DrawnBlock, lines: list[list[Placed]], align: Align, *, mirrored: bool
    ) -> None:
        room = self._columns * DOTS_PER_COLUMN
        if mirrored and align is not Align.CENTRE:
            lines = [_turned(line, align, room, block.ruler) for line in lines]
            align = Align.START
        for line in lines:
            # a picture is centred as a text is: by its width
            wide = room if align is Align.START else min(room, block.width(line[0][0]))
            self._draw(block, line, wide, align)

    def _set_align(self, align: Align) -> None:
        if align is not self._align:
            self._put(self._align_command(align))
            self._align = align

    def _code(self, data: str, instead: str) -> None:
        module = qr_module_dots(len(data.encode()))
        if not data or not module or not self._qr(data, module):
            self._text_instead(instead)

    def _text_instead(self, data: str) -> None:
        """Set as text what the printer cannot draw: the number can still be typed in."""
        fitted, _ = self._fitting.fit(data)
        self._substituted += fitted.substituted
        lines = _place_text((fitted.text,), self._columns, COLUMNS)
        self._print_lines(lines, align=Align.CENTRE)


def _place_text(texts: tuple[str, ...], room: int, ruler: Ruler) -> list[list[Placed]]:
    return [[(line, 0)] for text in texts for line in wrap(text, room, ruler)]


def _place_row(texts: tuple[str, ...], room: int, ruler: Ruler) -> list[list[Placed]]:
    start, end = texts
    return place_row(start, end, room, ruler)


def _turned(line: list[Placed], align: Align, room: int, ruler: Ruler) -> list[Placed]:
    """Return a line of a receipt that reads from right to left; its end is at the left."""
    return line if align is Align.END else mirrored(line, room, ruler)
