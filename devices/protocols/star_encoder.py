"""A receipt as the bytes of a Star printer in line mode.

Text, QR codes, bar codes and cuts are the printer's own. What no code page has is drawn: lines
that follow each other are one picture, sent in bands of 24 rows (`ESC k`), each whole by itself, so
that a receipt that breaks off leaves at most one of them to be completed. Raster mode (`ESC * r A`)
would take any height, but a printer that a broken line leaves in it reads texts as commands.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.protocols import star_line as commands
from devices.protocols.escpos_columns import Placed
from devices.protocols.escpos_raster import DrawnBlock, row_bytes_of, trimmed
from devices.protocols.escpos_text import CodePages
from devices.protocols.letters import Lettering
from devices.protocols.receipt_setting import (
    DOTS_PER_COLUMN,
    EncodedReceipt,
    ReceiptSetter,
    TextFitting,
)
from edge.contract.receipt_document import Align, Emphasis, ReceiptDocument

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
_CUT: Final = {"partial": commands.CUT_PARTIAL, "full": commands.CUT_FULL, "none": commands.feed(6)}
_BYTE_BITS: Final = 8
_QR_REST_BYTES: Final = 1_024
"""The longest command besides a band of dots: a native QR code."""


class StarPaperFormat(msgspec.Struct, frozen=True):
    """How a Star printer wants its receipts.

    `columns` of font A: 48 on 80 mm, 32 or 34 on 58 mm. `code_page` as in `STAR_PAGES`;
    `other_code_pages` are switched to for signs that the first lacks; `code_page_numbers` are
    another model's own `n` of ESC GS t. `qr`: by the printer or as text. `drawn_text`: letters that
    no page has are printed as pictures; switch it off for impact printers.
    """

    columns: Annotated[int, Meta(ge=24, le=69)] = 48
    code_page: str = "cp858"
    other_code_pages: tuple[str, ...] = ()
    code_page_numbers: dict[str, Annotated[int, Meta(ge=0, le=255)]] = {}
    qr: Literal["native", "text"] = "native"
    cut: Literal["partial", "full", "none"] = "partial"
    drawn_text: bool = True


class StarEncoder(TextFitting):
    """Sets receipts for one paper format; each job starts with ESC @ and needs nothing before.

    `lettering` draws what the code pages lack; without it that is `?`.
    """

    def __init__(self, paper: StarPaperFormat, lettering: Lettering | None = None) -> None:
        pages = CodePages(
            paper.code_page,
            paper.other_code_pages,
            paper.code_page_numbers,
            known=commands.STAR_PAGES,
            select=commands.select_page,
        )
        super().__init__(pages, lettering if paper.drawn_text else None)
        self.paper = paper

    def encode(self, document: ReceiptDocument) -> EncodedReceipt:
        """Return the receipt as bytes, cut included."""
        job = _Job(self, document.language)
        for block in document.blocks:
            job.add(block)
        return job.finish()

    def flush(self) -> bytes:
        """Return what completes and forgets a receipt that a lost connection left half sent."""
        dots = self.paper.columns * DOTS_PER_COLUMN
        rest = row_bytes_of(dots) * commands.BAND_ROWS if self.paper.drawn_text else 0
        return commands.flush_broken_job(max(rest, _QR_REST_BYTES))

    def cut_scrap(self) -> bytes:
        """Return what cuts off a receipt that was broken off."""
        return _Job(self, "").finish().data


class _Job(ReceiptSetter):
    """One receipt in the making."""

    def __init__(self, encoder: StarEncoder, language: str) -> None:
        super().__init__(encoder, encoder.paper.columns, language)
        self._paper = encoder.paper
        self._row_bytes = row_bytes_of(self._columns * DOTS_PER_COLUMN)
        self._dots: list[int] = []
        """Rows of a picture that is not sent yet: more may follow right below."""
        self._put(
            commands.INITIALISE,
            commands.REPORT_STATUS,
            commands.FONT_A,
            commands.LATIN_SIGNS,
            commands.LINES_OF_4_MM,
            encoder.pages.select,
        )

    @override
    def _put(self, *parts: bytes) -> None:
        if self._dots:
            dots, self._dots = self._dots, []
            super()._put(*self._bands(dots))
        super()._put(*parts)

    @override
    def _align_command(self, align: Align) -> bytes:
        return _ALIGN[align]

    @override
    def _emphasis(self, emphasis: Emphasis) -> tuple[bytes, bytes]:
        return _LOUDER[emphasis]

    @override
    def _feed(self, lines: int) -> bytes:
        return commands.feed(lines)

    @override
    def _cut(self) -> None:
        self._put(_CUT[self._paper.cut])

    @override
    def _qr(self, data: str, module_dots: int) -> bool:
        if self._paper.qr == "text":
            return False
        self._set_align(Align.CENTRE)
        # an empty line above and below: the code needs four modules of white around it
        self._put(b"\n", commands.qr(data.encode(), module_dots), b"\n")
        return True

    @override
    def _barcode(self, data: str) -> bool:
        dots = self._columns * DOTS_PER_COLUMN
        if not data or not data.isascii() or commands.code128_dots(data) > dots:
            return False
        self._set_align(Align.CENTRE)
        self._put(commands.code128(data))
        return True

    @override
    def _draw(self, block: DrawnBlock, line: list[Placed], wide: int, align: Align) -> None:
        spare = max(0, self._columns * DOTS_PER_COLUMN - wide)
        left = {Align.START: 0, Align.CENTRE: spare // 2, Align.END: spare}[align]
        self._place(block.rows(line, wide), row_bytes_of(wide), left)

    @override
    def _picture(self, width_dots: int, rows: bytes) -> None:
        if not self._paper.drawn_text:
            return
        wide = row_bytes_of(width_dots)
        left = (self._columns * DOTS_PER_COLUMN - width_dots) // 2
        dots = [int.from_bytes(rows[at : at + wide], "big") for at in range(0, len(rows), wide)]
        self._place(dots, wide, left)

    def _place(self, rows: list[int], row_bytes: int, left: int) -> None:
        """Add rows of dots below those that wait, so far from the left edge."""
        shift = (self._row_bytes - row_bytes) * _BYTE_BITS - left
        self._dots += [row << shift if shift >= 0 else row >> -shift for row in rows]

    def _bands(self, dots: list[int]) -> list[bytes]:
        parts = [commands.ALIGN_START if self._align is not Align.START else b""]
        parts.append(commands.LINES_OF_24_DOTS)
        inked = max((at + 1 for at, row in enumerate(dots) if row), default=0)
        # white below the last ink is kept to the nearest band
        count = max(-(-inked // commands.BAND_ROWS), round(len(dots) / commands.BAND_ROWS))
        for at in range(count):
            rows = dots[at * commands.BAND_ROWS : (at + 1) * commands.BAND_ROWS]
            # white bands are fed: nothing has to be sent for them
            parts.append(commands.band(*trimmed(rows, self._row_bytes)) if any(rows) else b"\n")
        parts.append(commands.LINES_OF_4_MM)
        parts.append(_ALIGN[self._align] if self._align is not Align.START else b"")
        return parts
