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

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.protocols import escpos_commands as commands
from devices.protocols.escpos_columns import Placed
from devices.protocols.escpos_raster import DrawnBlock, picture, raster_rest_bytes
from devices.protocols.escpos_text import CodePages
from devices.protocols.letters import Lettering
from devices.protocols.receipt_setting import (
    DOTS_PER_COLUMN,
    EncodedReceipt,
    ReceiptSetter,
    TextFitting,
    texts_of,
)
from edge.contract.receipt_document import Align, Emphasis, ReceiptDocument

__all__ = ["EncodedReceipt", "EscposEncoder", "PaperFormat", "texts_of"]

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
_QR_EC_MEDIUM: Final = 1


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


class EscposEncoder(TextFitting):
    """Sets receipts for one paper format; each job starts with ESC @ and needs nothing before.

    `lettering` draws what the code pages lack; without it that is `?`.
    """

    def __init__(self, paper: PaperFormat, lettering: Lettering | None = None) -> None:
        pages = CodePages(paper.code_page, paper.other_code_pages, paper.code_page_numbers)
        super().__init__(pages, lettering if paper.drawn_text else None)
        self.paper = paper

    @staticmethod
    def load() -> type[Any]:
        """Import python-escpos and return its `Dummy`; the first time takes 0.34 s."""
        from escpos.printer import Dummy  # noqa: PLC0415 - only a process that prints pays for it

        dummy: type[Any] = Dummy
        return dummy

    def encode(self, document: ReceiptDocument) -> EncodedReceipt:
        """Return the receipt as bytes, cut included."""
        job = _Job(self, document.language)
        for block in document.blocks:
            job.add(block)
        return job.finish()

    def flush(self) -> bytes:
        """Return what completes and forgets a receipt that a lost connection left half sent."""
        rest = commands.SYMBOL_REST_BYTES_MAX
        if self.paper.drawn_text:
            rest = max(rest, raster_rest_bytes(self.paper.columns * DOTS_PER_COLUMN))
        if self.paper.qr == "picture":
            rest = max(rest, commands.PICTURE_REST_BYTES_MAX)
        return commands.flush_broken_job(rest)

    def cut_scrap(self) -> bytes:
        """Return what cuts off a receipt that was broken off."""
        return _Job(self, "").finish().data


class _Job(ReceiptSetter):
    """One receipt in the making."""

    def __init__(self, encoder: EscposEncoder, language: str) -> None:
        super().__init__(encoder, encoder.paper.columns, language)
        self._paper = encoder.paper
        self._dummy = encoder.load()(profile=_PROFILE)
        self._put(
            commands.INITIALISE,
            commands.ENABLE_STATUS_BACK,
            commands.DOUBLE_BYTE_OFF if self._paper.double_byte_off else b"",
            commands.LATIN_SIGNS,
            encoder.pages.select,
        )

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
        if self._paper.cut == "none":
            self._put(commands.feed(6))
        else:
            self._dummy.cut(mode="PART" if self._paper.cut == "partial" else "FULL")
            self._take_dummy()

    @override
    def _qr(self, data: str, module_dots: int) -> bool:
        if self._paper.qr == "text":
            return False
        native = self._paper.qr == "native"
        self._set_align(Align.CENTRE)
        self._dummy.qr(data, ec=_QR_EC_MEDIUM, size=module_dots, native=native)
        self._take_dummy()
        self._put(b"\n" if native else self._fitting.pages.select)
        return True

    @override
    def _barcode(self, data: str) -> bool:
        dots = self._columns * DOTS_PER_COLUMN
        if not data or not data.isascii() or commands.code128_dots(data) > dots:
            return False
        self._set_align(Align.CENTRE)
        self._put(commands.code128(data), b"\n")
        return True

    @override
    def _draw(self, block: DrawnBlock, line: list[Placed], wide: int, align: Align) -> None:
        self._set_align(align)
        self._put(block.line(line, wide))

    @override
    def _picture(self, width_dots: int, rows: bytes) -> None:
        if self._paper.drawn_text:
            self._set_align(Align.CENTRE)
            self._put(*picture(width_dots, rows))

    def _take_dummy(self) -> None:
        self._put(self._dummy.output)
        self._dummy.clear()
