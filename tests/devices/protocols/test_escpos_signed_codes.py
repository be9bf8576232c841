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


def signed(lines: int) -> str:
    goods = tuple(SoldGoods(number, 1_234_567, 1, 1_299, 0) for number in range(1, lines + 1))
    return code_text(bytes(range(64)), pack_code(replace(CODE, lines=goods)))


def printed(code: str, **paper: object) -> Desk:
    fmt = PaperFormat(columns=32, **paper)  # type: ignore[arg-type]
    block = QrBlock(code, instead="TILLBOX1|till-1-000001|sale-1|1|EUR")
    encoded = EscposEncoder(fmt).encode(ReceiptDocument("t", (block,)))
    return Desk(fmt.columns).feed(encoded.data)


@pytest.mark.parametrize("lines", [1, 5, 10, 15, 20, LINES_MOST, 400])
def test_a_drawn_code_of_any_sale_fits_58_mm_and_can_be_read(lines: int, tmp_path: Path) -> None:
    code = signed(lines)
    desk = printed(code, qr="picture", cut="none")
    assert read_symbol(desk) == code
    assert max(line.width_dots for line in desk.roll.current if line.png) <= DOTS_58_MM


@pytest.mark.parametrize("lines", [1, LINES_MOST])
def test_the_printer_is_told_the_whole_code(lines: int) -> None:
    (receipt,) = printed(signed(lines), qr="native").roll.receipts
    assert receipt.lines[0].text == f"[QR] {signed(lines)}"


def test_a_printer_without_codes_writes_the_short_one() -> None:
    (receipt,) = printed(signed(5), qr="text").roll.receipts
    written = "".join(line.text.strip() for line in receipt.lines)
    assert "TILLBOX1|till-1-000001|sale-1|1|EUR" in written
    assert "TILLBOX2" not in written
