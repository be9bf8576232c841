"""Signed codes on paper: drawn, they can be read; native, they are whole; else the number stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from edge.contract.receipt_code import SoldGoods, code_text, pack_code
from edge.contract.receipt_document import QrBlock, ReceiptDocument
from tests.devices.escpos_desk import Desk
from tests.devices.simulators.test_printer_escpos_paper import read_symbol
from tests.golden.signed_receipt import CODE

DOTS_58_MM = 384
LINES_MOST = 29
BYTES_AT_MOST = (
    14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412,
    450, 504, 560, 624, 666, 711, 779, 857,
)  # fmt: skip
"""ISO/IEC 18004, table 7: bytes in versions 1 to 23 with error correction M."""


def signed(lines: int) -> str:
    goods = tuple(SoldGoods(number, 1_234_567, 1, 1_299, 0) for number in range(1, lines + 1))
    return code_text(bytes(range(64)), pack_code(replace(CODE, lines=goods)))


def encoded(code: str, **paper: object) -> bytes:
    fmt = PaperFormat(columns=32, **paper)  # type: ignore[arg-type]
    block = QrBlock(code, instead="TILLBOX1|till-1-000001|sale-1|1|EUR")
    return EscposEncoder(fmt).encode(ReceiptDocument("t", (block,))).data


def printed(code: str, **paper: object) -> Desk:
    return Desk(32).feed(encoded(code, **paper))


@pytest.mark.parametrize("lines", [1, 5, 10, 15, 20, LINES_MOST, 400])
def test_a_drawn_code_of_any_sale_fits_58_mm_and_can_be_read(lines: int, tmp_path: Path) -> None:
    code = signed(lines)
    desk = printed(code, qr="picture", cut="none")
    assert read_symbol(desk) == code
    assert max(line.width_dots for line in desk.roll.current if line.png) <= DOTS_58_MM


@pytest.mark.parametrize(
    ("size", "dots"), [(180, 6), (181, 5), (287, 5), (288, 4), (504, 4), (505, 3), (800, 3)]
)
def test_so_does_one_in_byte_mode_which_is_all_that_some_printers_know(
    size: int, dots: int
) -> None:
    text = ("https://example.com/" * 40)[:size]
    assert read_symbol(printed(text, qr="picture", cut="none")) == text
    (receipt,) = printed(text, qr="native").roll.receipts
    assert receipt.lines[0].text == f"[QR] {text}"
    side = 17 + 4 * next(v for v, most in enumerate(BYTES_AT_MOST, 1) if size <= most)
    assert (side + 8) * dots <= DOTS_58_MM
    assert bytes((0x31, 0x43, dots)) in encoded(text, qr="native")  # GS ( k, function 167


@pytest.mark.parametrize("lines", [1, LINES_MOST])
def test_the_printer_is_told_the_whole_code(lines: int) -> None:
    (receipt,) = printed(signed(lines), qr="native").roll.receipts
    assert receipt.lines[0].text == f"[QR] {signed(lines)}"


def test_a_printer_without_codes_writes_the_short_one() -> None:
    (receipt,) = printed(signed(5), qr="text").roll.receipts
    written = "".join(line.text.strip() for line in receipt.lines)
    assert "TILLBOX1|till-1-000001|sale-1|1|EUR" in written
    assert "TILLBOX2" not in written
