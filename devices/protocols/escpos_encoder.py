"""A receipt as the bytes of an ESC/POS printer.

python-escpos is used for what it is good at: QR codes (native and drawn) and cutting, by a
fresh `Dummy` per job. Text is ours: its MagicEncode picks the lowest-numbered page that has
a sign (the euro in ISO 8859-7), lets control bytes through, and takes five times as long
(25 lines: 1.4 to 2.4 ms of CPU; with a forced page about what columns, wrapping and filter
cost here). Bar codes are ours too: its `barcode` prints on standard output. Importing it
costs a third of a second, 12 MiB, and `logging.basicConfig`: only the first receipt of a
process pays for it, in a thread of the driver's.

Blocks with letters that no code page has are drawn (`escpos_raster`), others stay text: a
line of text is 40 bytes, a drawn one up to 2 KB, which takes a slow line and a slow head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.protocols import escpos_commands as commands
from devices.protocols.escpos_columns import (
    COLUMNS,
    Placed,
    Ruler,
    joined,
    mirrored,
    place_cells,
    place_row,
    wrap,
)
from devices.protocols.escpos_raster import DrawnBlock, picture, raster_rest_bytes
from devices.protocols.escpos_text import SUBSTITUTE, CodePages, Fitted, clean, marks_bounded
from devices.protocols.letters import MARKS_MAX, Lettering
from devices.protocols.text_direction import reads_right_to_left
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

_DOTS_PER_COLUMN: Final = 12
"""Font A."""
_PROFILE: Final = "TM-T88V"
"""python-escpos' profile that has every command used here; pages are ours."""

_Place = Callable[[tuple[str, ...], int, Ruler], list[list[Placed]]]

_ALIGN: Final = {
    Align.START: commands.ALIGN_START,
    Align.CENTRE: commands.ALIGN_CENTRE,
    Align.END: commands.ALIGN_END,
}
_LOUDER: Final = {
    Emphasis.NORMAL: (b"", b""),
    Emphasis.BOLD: (commands.BOLD_ON, commands.BOLD_OFF),
    Emphasis.LARGE: (commands.LARGE_ON, commands.LARGE_OFF),
}
_QR_MODULE_DOTS: Final = ((180, 6), (287, 5), (504, 4), (800, 3))
"""Bytes of data -> dots of a module: the widest of each row stays under 384 dots (58 mm).

With its quiet zone, in byte mode: a printer may not know the alphanumeric one. Versions 9, 12, 17
and 23; three dots are 0.375 mm, which imagers and telephones read well."""
_QR_EC_MEDIUM: Final = 1
_TEXTS_KEPT_MAX: Final = 512
"""Labels and the shop's own lines come back on every receipt."""


class PaperFormat(msgspec.Struct, frozen=True):
    """How a printer wants its receipts.

    `columns` of font A: 32 on 58 mm, 42 or 48 on 80 mm. `code_page` as in `EPSON_PAGES`;
    `other_code_pages` are switched to for signs that the first lacks; `code_page_numbers`
    are the maker's own `n` of ESC t. `qr`: by the printer, as a picture, or as text.
    `double_byte_off`: the printer is made for Chinese or Japanese. `drawn_text`: letters that
    no page has are printed as pictures; switch it off for printers without `GS v 0`.
    """

    columns: Annotated[int, Meta(ge=24, le=96)] = 42
    code_page: str = "cp858"
    other_code_pages: tuple[str, ...] = ()
    code_page_numbers: dict[str, Annotated[int, Meta(ge=0, le=255)]] = {}
    qr: Literal["native", "picture", "text"] = "native"
    cut: Literal["partial", "full", "none"] = "partial"
    double_byte_off: bool = False
    drawn_text: bool = True


@dataclass(frozen=True)
class EncodedReceipt:
    """`data`: the job's bytes. `substituted`: signs that the printer lacks, `?` on paper."""

    data: bytes
    substituted: int


class EscposEncoder:
    """Sets receipts for one paper format; each job starts with ESC @ and needs nothing before.

    `lettering` draws what the code pages lack; without it that is `?`.
    """

    def __init__(self, paper: PaperFormat, lettering: Lettering | None = None) -> None:
        self._paper = paper
        self._lettering = lettering if paper.drawn_text else None
        self._pages = CodePages(paper.code_page, paper.other_code_pages, paper.code_page_numbers)
        self.fit = lru_cache(_TEXTS_KEPT_MAX)(self._fit_anew)
        self.drawable = lru_cache(_TEXTS_KEPT_MAX)(self._drawable_anew)

    def _fit_anew(self, text: str) -> tuple[Fitted, bool]:
        """Return a text as the printer can show it, and whether that is as it is written."""
        text = clean(text)
        return self._pages.fit(text), self._pages.says(text)

    def _drawable_anew(self, text: str) -> Fitted:
        """Return a text of which there is every letter, `?` for what nobody can draw."""
        kept = []
        substituted = 0
        for char in marks_bounded(clean(text), MARKS_MAX):
            known = self._lettering is not None and self._lettering.knows(char)
            kept.append(char if known else self._pages.nearest(char))
            substituted += kept[-1] == SUBSTITUTE != char
        return Fitted("".join(kept), substituted)

    def draws(self, document: ReceiptDocument) -> bool:
        """Say whether a receipt has lines to be drawn: that takes long enough for a thread."""
        return self._lettering is not None and not all(
            self.fit(text)[1] for block in document.blocks for text in texts_of(block)
        )

    @staticmethod
    def load() -> type[Any]:
        """Import python-escpos and return its `Dummy`; the first time takes 0.34 s."""
        from escpos.printer import Dummy  # noqa: PLC0415 - only a process that prints pays for it

        dummy: type[Any] = Dummy
        return dummy

    def encode(self, document: ReceiptDocument) -> EncodedReceipt:
        """Return the receipt as bytes, cut included."""
        job = _Job(self, self._paper, self._pages, self._lettering, document.language)
        for block in document.blocks:
            job.add(block)
        return job.finish()

    def flush(self) -> bytes:
        """Return what completes and forgets a receipt that a lost connection left half sent."""
        rest = commands.SYMBOL_REST_BYTES_MAX
        if self._paper.drawn_text:
            rest = max(rest, raster_rest_bytes(self._paper.columns * _DOTS_PER_COLUMN))
        if self._paper.qr == "picture":
            rest = max(rest, commands.PICTURE_REST_BYTES_MAX)
        return commands.flush_broken_job(rest)

    def cut_scrap(self) -> bytes:
        """Return what cuts off a receipt that was broken off."""
        return _Job(self, self._paper, self._pages, None, "").finish().data


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


class _Job:
    """One receipt in the making."""

    def __init__(
        self,
        encoder: EscposEncoder,
        paper: PaperFormat,
        pages: CodePages,
        lettering: Lettering | None,
        language: str,
    ) -> None:
        self._encoder = encoder
        self._paper = paper
        self._columns = paper.columns
        self._pages = pages
        self._lettering = lettering
        self._mirrored = reads_right_to_left(language)
        self._dummy = encoder.load()(profile=_PROFILE)
        self._align = Align.START
        self._substituted = 0
        self._parts = [
            commands.INITIALISE,
            commands.ENABLE_STATUS_BACK,
            commands.DOUBLE_BYTE_OFF if paper.double_byte_off else b"",
            commands.LATIN_SIGNS,
            pages.select,
        ]

    def add(self, block: ReceiptBlock) -> None:
        match block:
            case RowBlock(start, end, emphasis):
                self._written((start, end), _place_row, emphasis)
            case TextBlock(text, align, emphasis):
                self._written((text,), _place_text, emphasis, align)
            case ColumnsBlock(texts):
                self._written(texts, place_cells)
            case RuleBlock():
                self._print_lines([[("-" * self._columns, 0)]])
            case FeedBlock(lines):
                self._parts.append(commands.feed(lines))
            case QrBlock(data, instead):
                self._qr(clean(data), clean(instead or data))
            case BarcodeBlock(data):
                self._barcode(clean(data))
            case _:
                self._picture(block.width_dots, block.rows)

    def finish(self) -> EncodedReceipt:
        self._set_align(Align.START)
        if self._paper.cut == "none":
            self._parts.append(commands.feed(6))
        else:
            self._dummy.cut(mode="PART" if self._paper.cut == "partial" else "FULL")
            self._take_dummy()
        return EncodedReceipt(b"".join(self._parts), self._substituted)

    def _written(
        self,
        texts: tuple[str, ...],
        place: _Place,
        emphasis: Emphasis = Emphasis.NORMAL,
        align: Align = Align.START,
    ) -> None:
        """Print a block as text where the printer has its letters, else draw it."""
        looked_at = [self._encoder.fit(text) for text in texts]
        fitted = [each for each, _ in looked_at]
        whole = all(is_whole for _, is_whole in looked_at)
        letters = None if whole else self._lettering
        if letters is not None and letters.load():
            fitted = [self._encoder.drawable(text) for text in texts]
            # what nobody can draw is `?`: perhaps there is nothing left to be drawn
            again = [self._encoder.fit(each.text) for each in fitted]
            whole = all(is_whole for _, is_whole in again)
            if whole:  # in what the pages have: there a sign may stand for one that was drawable
                fitted = [
                    Fitted(text.text, each.substituted)
                    for (text, _), each in zip(again, fitted, strict=True)
                ]
        said = tuple(each.text for each in fitted)
        if letters is None or whole or not letters.load():
            self._print_lines(place(said, self._columns, COLUMNS), emphasis, align)
        else:
            block = DrawnBlock(letters, said, emphasis, mirrored=self._mirrored)
            lines = place(said, self._columns * _DOTS_PER_COLUMN, block.ruler)
            self._draw_lines(block, lines, align)
        self._substituted += sum(each.substituted for each in fitted)

    def _print_lines(
        self,
        lines: list[list[Placed]],
        emphasis: Emphasis = Emphasis.NORMAL,
        align: Align = Align.START,
    ) -> None:
        if self._mirrored and align is not Align.CENTRE:
            # not by ESC a 2: what is wider than the columns would not stand below the rows
            lines = [_turned(line, align, self._columns, COLUMNS) for line in lines]
            align = Align.START
        self._set_align(align)
        on, off = _LOUDER[emphasis]
        text = b"".join(self._pages.encode(joined(line).rstrip(" ")) + b"\n" for line in lines)
        self._parts += (on, text, off)

    def _draw_lines(self, block: DrawnBlock, lines: list[list[Placed]], align: Align) -> None:
        room = self._columns * _DOTS_PER_COLUMN
        if self._mirrored and align is not Align.CENTRE:
            lines = [_turned(line, align, room, block.ruler) for line in lines]
            align = Align.START
        self._set_align(align)
        for line in lines:
            # the printer centres a picture as it does a text: by its width
            wide = room if align is Align.START else min(room, block.width(line[0][0]))
            self._parts.append(block.line(line, wide))

    def _set_align(self, align: Align) -> None:
        if align is not self._align:
            self._parts.append(_ALIGN[align])
            self._align = align

    def _qr(self, data: str, instead: str) -> None:
        size = len(data.encode())
        module = next((dots for most, dots in _QR_MODULE_DOTS if size <= most), 0)
        if not data or not module or self._paper.qr == "text":
            self._text_instead(instead)
            return
        self._set_align(Align.CENTRE)
        self._dummy.qr(data, ec=_QR_EC_MEDIUM, size=module, native=self._paper.qr == "native")
        self._take_dummy()
        self._parts.append(b"\n" if self._paper.qr == "native" else self._pages.select)

    def _barcode(self, data: str) -> None:
        dots = self._columns * _DOTS_PER_COLUMN
        if data and data.isascii() and commands.code128_dots(data) <= dots:
            self._set_align(Align.CENTRE)
            self._parts += (commands.code128(data), b"\n")
        else:
            self._text_instead(data)

    def _picture(self, width_dots: int, rows: bytes) -> None:
        if not self._paper.drawn_text or width_dots > self._columns * _DOTS_PER_COLUMN:
            return
        self._set_align(Align.CENTRE)
        self._parts += picture(width_dots, rows)

    def _text_instead(self, data: str) -> None:
        """Set as text what the printer cannot draw: the number can still be typed in."""
        fitted, _ = self._encoder.fit(data)
        self._substituted += fitted.substituted
        lines = _place_text((fitted.text,), self._columns, COLUMNS)
        self._print_lines(lines, align=Align.CENTRE)

    def _take_dummy(self) -> None:
        self._parts.append(self._dummy.output)
        self._dummy.clear()


def _place_text(texts: tuple[str, ...], room: int, ruler: Ruler) -> list[list[Placed]]:
    return [[(line, 0)] for text in texts for line in wrap(text, room, ruler)]


def _place_row(texts: tuple[str, ...], room: int, ruler: Ruler) -> list[list[Placed]]:
    start, end = texts
    return place_row(start, end, room, ruler)


def _turned(line: list[Placed], align: Align, room: int, ruler: Ruler) -> list[Placed]:
    """Return a line of a receipt that reads from right to left; its end is at the left."""
    return line if align is Align.END else mirrored(line, room, ruler)
