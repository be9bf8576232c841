"""A receipt as the bytes of an ESC/POS printer.

python-escpos is used for what it is good at: QR codes (native and drawn) and cutting, by a
fresh `Dummy` per job. Text is ours: its MagicEncode picks the lowest-numbered page that has
a sign (the euro in ISO 8859-7), lets control bytes through, and takes five times as long
(25 lines: 1.4 to 2.4 ms of CPU; with a forced page about what columns, wrapping and filter
cost here). Bar codes are ours too: its `barcode` prints on standard output. Importing it
costs a third of a second, 12 MiB, and `logging.basicConfig`: only the first receipt of a
process pays for it, in a thread of the driver's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.protocols import escpos_commands as commands
from devices.protocols.escpos_columns import cells, row, wrap
from devices.protocols.escpos_text import CodePages, Fitted, clean
from edge.contract.receipt_document import (
    Align,
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
_QR_MODULE_DOTS: Final = ((100, 6), (300, 4), (800, 3))
"""Bytes of data -> dots of a module: the widest of each row stays under 384 dots (58 mm)."""
_QR_EC_MEDIUM: Final = 1
_TEXTS_KEPT_MAX: Final = 512
"""Labels and the shop's own lines come back on every receipt."""


class PaperFormat(msgspec.Struct, frozen=True):
    """How a printer wants its receipts.

    `columns` of font A: 32 on 58 mm, 42 or 48 on 80 mm. `code_page` as in `EPSON_PAGES`;
    `other_code_pages` are switched to for signs that the first lacks; `code_page_numbers`
    are the maker's own `n` of ESC t. `qr`: by the printer, as a picture, or as text.
    `double_byte_off`: the printer is made for Chinese or Japanese.
    """

    columns: Annotated[int, Meta(ge=24, le=96)] = 42
    code_page: str = "cp858"
    other_code_pages: tuple[str, ...] = ()
    code_page_numbers: dict[str, Annotated[int, Meta(ge=0, le=255)]] = {}
    qr: Literal["native", "picture", "text"] = "native"
    cut: Literal["partial", "full", "none"] = "partial"
    double_byte_off: bool = False


@dataclass(frozen=True)
class EncodedReceipt:
    """`data`: the job's bytes. `substituted`: signs that the printer lacks, `?` on paper."""

    data: bytes
    substituted: int


class EscposEncoder:
    """Sets receipts for one paper format; each job starts with ESC @ and needs nothing before."""

    def __init__(self, paper: PaperFormat) -> None:
        self._paper = paper
        self._pages = CodePages(paper.code_page, paper.other_code_pages, paper.code_page_numbers)
        self._fit = lru_cache(_TEXTS_KEPT_MAX)(self._fit_anew)

    def _fit_anew(self, text: str) -> Fitted:
        return self._pages.fit(clean(text))

    @staticmethod
    def load() -> type[Any]:
        """Import python-escpos and return its `Dummy`; the first time takes 0.34 s."""
        from escpos.printer import Dummy  # noqa: PLC0415 - only a process that prints pays for it

        dummy: type[Any] = Dummy
        return dummy

    def encode(self, document: ReceiptDocument) -> EncodedReceipt:
        """Return the receipt as bytes, cut included."""
        job = _Job(self._paper, self._pages, self._fit, self.load()(profile=_PROFILE))
        for block in document.blocks:
            job.add(block)
        return job.finish()

    def flush(self) -> bytes:
        """Return what completes and forgets a receipt that a lost connection left half sent."""
        if self._paper.qr == "picture":
            return commands.flush_broken_job(commands.PICTURE_REST_BYTES_MAX)
        return commands.flush_broken_job(commands.SYMBOL_REST_BYTES_MAX)

    def cut_scrap(self) -> bytes:
        """Return what cuts off a receipt that was broken off."""
        job = _Job(self._paper, self._pages, self._fit, self.load()(profile=_PROFILE))
        return job.finish().data


class _Job:
    """One receipt in the making."""

    def __init__(
        self,
        paper: PaperFormat,
        pages: CodePages,
        fit: Callable[[str], Fitted],
        dummy: Any,
    ) -> None:
        self._paper = paper
        self._columns = paper.columns
        self._pages = pages
        self._fitted = fit
        self._dummy = dummy
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
        columns = self._columns
        match block:
            case RowBlock(start, end, emphasis):
                self._lines(row(self._fit(start), self._fit(end), columns), emphasis)
            case TextBlock(text, align, emphasis):
                self._lines(wrap(self._fit(text), columns), emphasis, align)
            case ColumnsBlock(texts):
                self._lines(cells(tuple(self._fit(text) for text in texts), columns))
            case RuleBlock():
                self._lines(["-" * columns])
            case FeedBlock(lines):
                self._parts.append(commands.feed(lines))
            case QrBlock(data):
                self._qr(clean(data))
            case _:
                self._barcode(clean(block.data))

    def finish(self) -> EncodedReceipt:
        self._set_align(Align.START)
        if self._paper.cut == "none":
            self._parts.append(commands.feed(6))
        else:
            self._dummy.cut(mode="PART" if self._paper.cut == "partial" else "FULL")
            self._take_dummy()
        return EncodedReceipt(b"".join(self._parts), self._substituted)

    def _fit(self, text: str) -> str:
        fitted = self._fitted(text)
        self._substituted += fitted.substituted
        return fitted.text

    def _lines(
        self, lines: list[str], emphasis: Emphasis = Emphasis.NORMAL, align: Align = Align.START
    ) -> None:
        self._set_align(align)
        on, off = _LOUDER[emphasis]
        text = b"".join(self._pages.encode(line) + b"\n" for line in lines)
        self._parts += (on, text, off)

    def _set_align(self, align: Align) -> None:
        if align is not self._align:
            self._parts.append(_ALIGN[align])
            self._align = align

    def _qr(self, data: str) -> None:
        size = len(data.encode())
        module = next((dots for most, dots in _QR_MODULE_DOTS if size <= most), 0)
        if not data or not module or self._paper.qr == "text":
            self._text_instead(data)
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

    def _text_instead(self, data: str) -> None:
        """Set as text what the printer cannot draw: the number can still be typed in."""
        self._lines(wrap(self._fit(data), self._columns), align=Align.CENTRE)

    def _take_dummy(self) -> None:
        self._parts.append(self._dummy.output)
        self._dummy.clear()
