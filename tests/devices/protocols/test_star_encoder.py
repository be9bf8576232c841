"""Receipts for Star printers, as a simulated printer's paper shows them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from devices.lettering.letters import Letters
from devices.protocols import star_line as commands
from devices.protocols.star_encoder import StarEncoder, StarPaperFormat
from devices.simulators.printer_escpos.roll import PaperLine
from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    PictureBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from tests.devices.protocols.test_escpos_raster import Blocks, Missing
from tests.devices.star_desk import StarDesk

LETTERS = Letters()
BEER = "\u9752\u5c9b\u5564\u9152"
BEGIN = b"\x1b@\x1b\x1ea\x01\x1b\x1eF\x00\x1bR\x00\x1bz\x01\x1b\x1dt\x04"


def desk(
    *blocks: ReceiptBlock, letters: Any = None, language: str = "en", **paper: Any
) -> StarDesk:
    fmt = StarPaperFormat(**paper)
    encoded = StarEncoder(fmt, letters).encode(ReceiptDocument("t", blocks, language))
    made = StarDesk(fmt.columns).feed(encoded.data)
    assert made.interpreter.unknown_commands == 0
    assert made.waiting == b""
    assert made.pulses == []
    return made


def lines(*blocks: ReceiptBlock, **more: Any) -> list[PaperLine]:
    (receipt,) = desk(*blocks, **more).roll.receipts
    return list(receipt.lines)


def ink(line: PaperLine) -> tuple[int, int, int, int]:
    """Return the box on the paper of what is black in a band."""
    with Image.open(io.BytesIO(line.png)) as picture:
        box = Image.eval(picture.convert("L"), lambda grey: 255 - grey).getbbox()
    assert box is not None
    return line.left_dots + box[0], box[1], line.left_dots + box[2], box[3]


@pytest.mark.parametrize("columns", [32, 42, 48])
def test_every_block_comes_out(columns: int) -> None:
    made = desk(
        TextBlock("Shop", Align.CENTRE, Emphasis.LARGE),
        TextBlock("end", Align.END),
        RuleBlock(),
        RowBlock("K\u00e4se", "1,00 \u20ac"),
        RowBlock("Sum", "1,00", Emphasis.BOLD),
        ColumnsBlock(("MwSt", "Netto", "Brutto")),
        FeedBlock(2),
        QrBlock("TILLBOX1|1|\u00e4"),
        BarcodeBlock("A-1%2"),
        columns=columns,
    )
    (receipt,) = made.roll.receipts
    looks = [line.looks for line in receipt.lines]
    assert looks[0] == "L " + " " * ((columns - 4) // 2) + "Shop"
    assert (receipt.lines[0].height, receipt.lines[0].width) == (2, 1)
    assert looks[1] == "  " + "end".rjust(columns)
    assert looks[2] == "  " + "-" * columns
    assert looks[3] == "  " + "K\u00e4se" + "1,00 \u20ac".rjust(columns - 4)
    assert looks[4] == "B " + "Sum" + "1,00".rjust(columns - 3)
    assert looks[5].split() == ["MwSt", "Netto", "Brutto"]
    assert [look.strip() for look in looks[6:12]] == [
        "", "", "", "[QR] TILLBOX1|1|\u00e4", "", "[CODE128] A-1%2",
    ]  # fmt: skip
    assert receipt.cut == "partial"


def test_a_job_stands_alone_and_is_cut() -> None:
    document = ReceiptDocument("t", (TextBlock("x"),))
    assert StarEncoder(StarPaperFormat()).encode(document).data == BEGIN + b"x\n\x1bd\x03"
    assert StarEncoder(StarPaperFormat(cut="full")).encode(document).data.endswith(b"x\n\x1bd\x02")
    assert StarEncoder(StarPaperFormat(cut="none")).encode(document).data.endswith(b"x\n\x1ba\x06")
    assert StarEncoder(StarPaperFormat()).cut_scrap() == BEGIN + b"\x1bd\x03"


@pytest.mark.parametrize(
    ("data", "paper", "shown"),
    [
        ("abc", {}, "[QR] abc"),
        ("x" * 800, {}, "[QR] " + "x" * 800),
        ("x" * 801, {}, "x" * 48),
        ("abc", {"qr": "text"}, "abc"),
        ("a\x1c\x07\x1ab", {}, "[QR] ab"),
    ],
)
def test_qr_codes(data: str, paper: dict[str, Any], shown: str) -> None:
    made = desk(QrBlock(data), **paper)
    assert made.roll.receipts[0].text.strip().splitlines()[0].strip() == shown


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("123456", "[CODE128] 123456"),
        ("\x1e123", "[CODE128] 123"),
        ("K\u00e4se", "K\u00e4se"),
        ("1" * 60, "1" * 48),
    ],
)
def test_barcodes_or_their_text(data: str, shown: str) -> None:
    assert desk(BarcodeBlock(data)).roll.receipts[0].text.splitlines()[0].strip() == shown


HOSTILE = (
    "Milk\x1bd\x02", "Tea\x07", "Rice\x1c\x1a\x19", "Oil\x18", "Salt\x17\x1b\x1d\x03\x01  ",
    "Eggs\x1b\x06\x01", "Ham\u202e\x9b\x1b*rA", "Nuts\n\x1b\x1ea\x00",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("page", commands.STAR_PAGES)
def test_no_name_steers_the_printer(name: str, page: str) -> None:
    plain = StarEncoder(StarPaperFormat(code_page=page)).encode(
        ReceiptDocument("t", (RowBlock("x", "1.00"),))
    )
    made = desk(RowBlock(name, "1.00"), code_page=page)
    (receipt,) = made.roll.receipts
    assert receipt.text.startswith(name[:3])
    assert len(receipt.lines) == 4  # one, and what is fed to the cutter
    data = StarEncoder(StarPaperFormat(code_page=page)).encode(
        ReceiptDocument("t", (RowBlock(name, "1.00"),))
    )
    controls = [byte for byte in data.data if byte < 0x20]
    assert controls == [byte for byte in plain.data if byte < 0x20]


def test_other_pages_are_switched_to_and_back() -> None:
    made = desk(
        RowBlock("\u0141\u00f3d\u017a", "1.00 \u20ac"),
        RowBlock("\u0427\u0430\u0439", "2.00"),
        other_code_pages=("cp852", "cp866"),
    )
    text = made.roll.receipts[0].text.splitlines()
    assert text[0].split() == ["\u0141\u00f3d\u017a", "1.00", "\u20ac"]
    assert text[1].split() == ["\u0427\u0430\u0439", "2.00"]


@pytest.mark.parametrize("page", commands.STAR_PAGES)
def test_every_page_says_what_python_says(page: str) -> None:
    every = bytes(range(0xA0, 0x100)).decode(page, "ignore")
    text = "".join(char for char in every if char.isprintable() and char.isalpha())[:40]
    made = desk(TextBlock(text), code_page=page)
    assert made.roll.receipts[0].text == text


def test_another_models_number_of_a_page() -> None:
    fmt = StarPaperFormat(code_page="cp1252", code_page_numbers={"cp1252": 71})
    assert b"\x1b\x1dt\x47" in StarEncoder(fmt).encode(ReceiptDocument("t", ())).data


# --- what is drawn ------------------------------------------------------------------------


def test_drawn_lines_that_follow_each_other_are_one_picture() -> None:
    made = desk(*(RowBlock(BEER, f"{n}.00") for n in range(4)), TextBlock("text"), letters=LETTERS)
    (receipt,) = made.roll.receipts
    assert [line.mark for line in receipt.lines[:6]] == ["picture"] * 5 + [""]
    # four lines of 30 rows are five bands of 24, right below each other
    assert made.dots == 5 * 24 + 32 + 3 * 32
    assert receipt.lines[5].text == "text"


@pytest.mark.parametrize(
    ("align", "language", "at"),
    [
        (Align.START, "en", (0, 48)),
        (Align.CENTRE, "en", (264, 312)),
        (Align.END, "en", (528, 576)),
        (Align.START, "ar", (528, 576)),
        (Align.CENTRE, "ar", (264, 312)),
        (Align.END, "ar", (0, 48)),
    ],
)
def test_drawn_texts_stand_where_they_are_aligned(
    align: Align, language: str, at: tuple[int, int]
) -> None:
    printed = lines(TextBlock(BEER, align), letters=Blocks(), language=language)
    left, top, right, bottom = ink(printed[0])
    assert (left, right, top, bottom) == (*at, 0, 24)


def test_amounts_of_drawn_lines_stand_below_those_of_text() -> None:
    for columns in (32, 42, 48):
        line = lines(RowBlock("\u9752", "1"), letters=Blocks(), columns=columns)[0]
        assert ink(line)[0::2] == (0, columns * 12)


def test_text_behind_a_picture_keeps_its_place_and_its_spacing() -> None:
    printed = lines(
        TextBlock("middle", Align.CENTRE),
        TextBlock(BEER, Align.START),
        TextBlock("middle", Align.CENTRE),
        letters=Blocks(),
    )
    middles = [line.text for line in printed if "middle" in line.text]
    assert middles == [" " * 21 + "middle"] * 2
    data = StarEncoder(StarPaperFormat(), Blocks()).encode(
        ReceiptDocument("t", (TextBlock("a", Align.CENTRE), TextBlock(BEER), TextBlock("b")))
    )
    assert data.data.count(commands.LINES_OF_24_DOTS) == 1
    behind = data.data.rpartition(commands.LINES_OF_24_DOTS)[2]
    assert commands.LINES_OF_4_MM in behind


def test_a_logo_stands_in_the_middle() -> None:
    dots = b"".join(b"\xff\xff\xc0" if row in {0, 32} else b"\x80\x00\x40" for row in range(33))
    first, second, *_ = lines(PictureBlock(18, dots), columns=48)
    assert ink(first) == (279, 0, 297, 24)
    assert ink(second) == (279, 0, 297, 9)
    assert list(desk(PictureBlock(18, dots), drawn_text=False).roll.receipts) == []
    assert list(desk(PictureBlock(600, dots * 40), columns=48).roll.receipts) == []


def test_white_bands_of_a_picture_are_fed() -> None:
    data = StarEncoder(StarPaperFormat()).encode(
        ReceiptDocument("t", (PictureBlock(8, b"\xff" + b"\x00" * 70 + b"\xff"),))
    )
    assert data.data.count(b"\x1bk") == 2
    assert data.data.count(b"\n") >= 3


@pytest.mark.parametrize(
    ("rows", "inked", "bands"),
    [(30, 22, 1), (30, 24, 1), (30, 25, 2), (48, 1, 2), (60, 48, 2), (60, 49, 3), (24, 24, 1)],
)
def test_white_below_a_picture_takes_no_band_of_its_own(rows: int, inked: int, bands: int) -> None:
    dots = b"\xff" * inked + b"\x00" * (rows - inked)
    assert desk(PictureBlock(8, dots), cut="none").dots == bands * 24 + 6 * 32


def test_without_letters_there_are_question_marks() -> None:
    for letters in (None, Missing()):
        encoded = StarEncoder(StarPaperFormat(), letters).encode(
            ReceiptDocument("t", (TextBlock(BEER + " x"),))
        )
        assert encoded.substituted == 4
        assert b"???? x\n" in encoded.data


def test_a_broken_job_is_completed_and_forgotten() -> None:
    flush = StarEncoder(StarPaperFormat(columns=48)).flush()
    assert flush == b"\x00" * (72 * 24) + b"\x1e\x18\x1b@"
    assert len(StarEncoder(StarPaperFormat(columns=24, drawn_text=False)).flush()) == 1_024 + 4


@pytest.mark.parametrize("broken_at", [1, 5, 12, 13, 16, 40, 60, 100, 700, 1_500])
def test_whatever_was_broken_off_the_next_receipt_is_whole(broken_at: int) -> None:
    encoder = StarEncoder(StarPaperFormat(), LETTERS)
    document = ReceiptDocument(
        "t", (QrBlock("x" * 30), TextBlock(BEER), BarcodeBlock("4711"), RowBlock("Tea", "1.00"))
    )
    data = encoder.encode(document).data
    made = StarDesk().feed(data[:broken_at] + encoder.flush() + encoder.cut_scrap() + data)
    whole = made.roll.receipts[-1]
    assert "[QR] " + "x" * 30 in whole.text
    assert "[CODE128] 4711" in whole.text
    assert whole.lines[-4].text.split() == ["Tea", "1.00"]
    assert made.waiting == b""
