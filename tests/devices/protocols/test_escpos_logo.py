"""A logo on paper: dot by dot, in the middle, at both widths; left out where it cannot be."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from edge.contract.receipt_document import PictureBlock, ReceiptDocument, TextBlock
from tests.devices.escpos_desk import Desk


def on_paper(block: PictureBlock, **paper: object) -> Desk:
    fmt = PaperFormat(cut="none", **paper)  # type: ignore[arg-type]
    document = ReceiptDocument("t", (block, TextBlock("below")))
    return Desk(fmt.columns).feed(EscposEncoder(fmt).encode(document).data)


def words(desk: Desk) -> list[str]:
    return [line.text.strip() for line in desk.roll.current if line.text.strip()]


@pytest.mark.parametrize("columns", [32, 42, 48])
@pytest.mark.parametrize(("width", "height"), [(384, 240), (384, 30), (100, 31), (1, 1)])
def test_every_dot_stands_where_it_was(columns: int, width: int, height: int) -> None:
    row_bytes = -(-width // 8)
    chance = random.Random(width * height)
    # 0x10 begins what printers obey inside pictures too; one more dot is black there
    rows = bytes(chance.choice((0x00, 0xFF, 0xA5, 0x3C)) for _ in range(row_bytes * height))
    desk = on_paper(PictureBlock(width, rows), columns=columns)
    drawn = [line for line in desk.roll.current if line.png]
    pictures = [Image.open(io.BytesIO(line.png)).convert("1") for line in drawn]
    assert sum(picture.height for picture in pictures) == height
    assert (
        b"".join(bytes(byte ^ 0xFF for byte in picture.tobytes()) for picture in pictures) == rows
    )
    middle = (columns * 12 - row_bytes * 8) // 2
    assert {line.left_dots for line in drawn} == {middle}
    assert words(desk)[-1] == "below"


def test_a_printer_that_prints_no_dots_or_is_too_narrow_leaves_it_out() -> None:
    block = PictureBlock(384, bytes(48 * 2))
    for desk in (on_paper(block, drawn_text=False), on_paper(block, columns=24)):
        assert words(desk) == ["below"]
