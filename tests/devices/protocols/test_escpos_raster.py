"""Lines that a printer has no letters for: where they stand, and that they are harmless."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from devices.lettering.letters import Letters
from devices.protocols import escpos_commands as commands
from devices.protocols.escpos_encoder import EncodedReceipt, EscposEncoder, PaperFormat
from devices.protocols.letters import NORMAL, OVERHANG_DOTS, Drawn, LetterSize
from devices.simulators.printer_escpos import PaperLine
from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from tests.devices.escpos_desk import Desk

LETTERS = Letters()
BEER = "\u9752\u5c9b\u5564\u9152"
TEA = "\u0634\u0627\u064a"


class Blocks:
    """Letters that are black boxes of a cell each: dots can be counted."""

    def load(self) -> bool:
        return True

    def knows(self, char: str) -> bool:
        return char != "\u0e0a"

    def width(self, text: str, size: LetterSize, **_: bool) -> int:
        return len(text) * size.cell_dots

    def draw(self, text: str, size: LetterSize, **_: bool) -> Drawn:
        row = "".join(("0" if char == " " else "1") * size.cell_dots for char in text) or "0"
        return Drawn(len(text) * size.cell_dots, (int(row, 2) << OVERHANG_DOTS,) * size.line_dots)


class Missing(Blocks):
    def load(self) -> bool:
        return False


def encoded(
    *blocks: ReceiptBlock, letters: Any = LETTERS, language: str = "en", **paper: Any
) -> EncodedReceipt:
    document = ReceiptDocument("t", blocks, language)
    return EscposEncoder(PaperFormat(**paper), letters).encode(document)


def printed(*blocks: ReceiptBlock, **more: Any) -> list[PaperLine]:
    columns = more.get("columns", 42)
    (receipt,) = Desk(columns).feed(encoded(*blocks, **more).data).roll.receipts
    return list(receipt.lines)


def ink(line: PaperLine) -> tuple[int, int]:
    """Return the first black column on the paper and the one behind the last."""
    with Image.open(io.BytesIO(line.png)) as picture:
        box = Image.eval(picture.convert("L"), lambda grey: 255 - grey).getbbox()
    assert box is not None
    return line.left_dots + box[0], line.left_dots + box[2]


def test_only_what_the_printer_cannot_say_is_drawn() -> None:
    lines = printed(
        RowBlock("K\u00e4se \u2014 1 \u20ac", "1.00"),
        RowBlock(BEER, "4.00"),
        RowBlock("Coca-Cola", "3.00"),
    )
    assert [line.mark for line in lines[:3]] == ["", "picture", ""]


@pytest.mark.parametrize("columns", [32, 42, 48])
def test_amounts_of_drawn_lines_stand_below_those_of_text(columns: int) -> None:
    (line,) = printed(RowBlock("\u9752", "1"), letters=Blocks(), columns=columns)[:1]
    assert ink(line) == (0, columns * 12)
    (narrow,) = printed(TextBlock("  \u9752"), letters=Blocks(), columns=columns)[:1]
    assert ink(narrow) == (24, 36)
    assert narrow.width_dots == 40  # white at its end is not sent


@pytest.mark.parametrize(
    ("align", "language", "ink_at"),
    [
        (Align.START, "en", (0, 48)),
        (Align.CENTRE, "en", (228, 276)),
        (Align.END, "en", (456, 504)),
        (Align.START, "ar", (456, 504)),
        (Align.CENTRE, "ar", (228, 276)),
        (Align.END, "ar", (0, 48)),
    ],
)
def test_drawn_texts_stand_where_they_are_aligned(
    align: Align, language: str, ink_at: tuple[int, int]
) -> None:
    line = printed(TextBlock(BEER, align), letters=Blocks(), language=language)[0]
    assert ink(line) == ink_at


def test_an_arabic_receipt_begins_at_the_right_in_text_too() -> None:
    lines = printed(
        RowBlock("Coca-Cola", "3.00"),
        TextBlock("  3 x 1.00"),
        TextBlock("left", Align.END),
        TextBlock("mid", Align.CENTRE),
        ColumnsBlock(("VAT", "1.00", "2.00")),
        RuleBlock(),
        language="ar",
        columns=32,
    )
    assert [line.text for line in lines[:6]] == [
        "3.00                   Coca-Cola",
        "                      3 x 1.00",
        "left",
        "              mid",
        "2.00      1.00               VAT",
        "-" * 32,
    ]
    row = printed(RowBlock(TEA, "3.00"), language="ar")[0]
    assert ink(row)[0] < 4
    assert ink(row)[1] > 500


def test_cells_stand_in_the_same_columns_drawn_and_written() -> None:
    drawn, written = printed(
        ColumnsBlock(("\u9752\u9752", "\u9752", "\u9752\u9752")),
        ColumnsBlock(("ab", "c", "de")),
        letters=Blocks(),
        columns=24,
    )[:2]
    assert written.text == "ab             c      de"
    with Image.open(io.BytesIO(drawn.png)) as picture:
        row = [picture.convert("L").getpixel((x * 12 + 6, 15)) == 0 for x in range(24)]
    assert "".join("#" if black else " " for black in row) == "##             #      ##"


def test_loud_lines_are_larger_and_bold_ones_struck_twice() -> None:
    loud, bold, plain = printed(
        RowBlock(BEER, "1.00", Emphasis.LARGE),
        RowBlock(BEER, "1.00", Emphasis.BOLD),
        RowBlock(BEER, "1.00"),
    )[:3]
    sizes = [Image.open(io.BytesIO(line.png)) for line in (loud, bold, plain)]
    assert [size.height for size in sizes] == [48, 30, 30]
    black = [size.convert("L").histogram()[0] for size in sizes]
    assert black[0] > black[1] > black[2]


def test_long_names_are_wrapped_and_keep_their_amount() -> None:
    lines = printed(RowBlock(BEER * 12, "4.00"), RowBlock(f"{TEA} " * 40, "5.00"))
    pictures = [line for line in lines if line.mark == "picture"]
    assert len(pictures) > 5
    assert all(line.width_dots <= 504 for line in pictures)


def test_a_letter_without_its_accent_is_another_letter() -> None:
    assert printed(RowBlock("\u0141\u00f3d\u017a", "1"))[0].mark == "picture"
    plain = printed(RowBlock("\u0141\u00f3d\u017a", "1"), other_code_pages=("cp852",))
    assert plain[0].text.startswith("\u0141\u00f3d\u017a")
    off = encoded(RowBlock("\u0141\u00f3d\u017a", "1"), drawn_text=False)
    assert Desk().feed(off.data).receipts[0].startswith("L\u00f3dz")


def test_what_nobody_can_draw_is_counted_and_stays_text_where_it_can() -> None:
    result = encoded(RowBlock("\u0e0a tea", "1"), TextBlock(f"\u0e0a? {BEER}"), letters=Blocks())
    assert result.substituted == 2
    first, second = Desk().feed(result.data).roll.receipts[0].lines[:2]
    assert first.text.startswith("? tea")
    assert second.mark == "picture"


@pytest.mark.parametrize("letters", [Blocks(), LETTERS], ids=["blocks", "real"])
def test_what_stays_text_beside_what_nobody_can_draw_is_in_the_printers_pages(
    letters: Any,
) -> None:
    # the sign could be drawn, and its nearest is in the page: found by fuzzing
    result = encoded(TextBlock("\u2460 rice \u0e0a\U0001fae8"), letters=letters, qr="text")
    assert b"1 rice" in result.data


def test_without_letters_a_receipt_prints_as_before() -> None:
    block = RowBlock(BEER, "1")
    assert encoded(block, letters=Missing()) == encoded(block, letters=None)
    assert encoded(block, letters=None).substituted == 4


def test_a_line_without_ink_is_one_byte_wide() -> None:
    class Blank(Blocks):
        def draw(self, text: str, size: LetterSize, **_: bool) -> Drawn:
            return Drawn(len(text) * size.cell_dots, (0,) * size.line_dots)

    line = printed(TextBlock(BEER), TextBlock("a"), letters=Blank())[0]
    assert line.width_dots == 8


@pytest.mark.parametrize("align", list(Align))
def test_a_mark_without_a_letter_is_a_line_all_the_same(align: Align) -> None:
    (line,) = printed(TextBlock("\u0301", align))[:1]  # no width at all: found by fuzzing
    assert (line.mark, line.width_dots % 8) == ("picture", 0)
    assert line.width_dots


def test_real_time_commands_never_stand_in_dots() -> None:
    rows = [0x1014_0100_0500, 0x1010_0401_1005, 0x0410_0000_0010, 0x0400_0000_0000]
    data = commands.raster(rows, 6)
    desk = Desk().feed(data, 1)
    assert desk.real_time == []
    assert desk.waiting == b""
    sent = data[8:]
    given = b"".join(row.to_bytes(6, "big") for row in rows)
    changed = [at for at in range(24) if sent[at] != given[at]]
    assert [(given[at], sent[at]) for at in changed] == [(0x10, 0x18)] * len(changed)
    assert len(changed) == 4


PIECES = (
    BEER, TEA, "\u0301" * 40, "\u064e" * 40, "\u202e", "\u2066", "\u200f", "\x1bp\x00\x19\xfa",
    "\x10\x14\x01\x00\x05", "Milk", " ", "(", "\u3010", "12.5", "\u0e0a", "\U0001f600", "\ufdfd",
    "\u0600", "\u1160", "\u20dd",
)  # fmt: skip


def hostile(seed: int, count: int) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice(PIECES) for _ in range(count))


def assert_harmless(*blocks: ReceiptBlock, language: str) -> None:
    data = encoded(*blocks, language=language).data
    desk = Desk().feed(data)
    assert desk.pulses == []
    assert desk.real_time == []
    assert desk.interpreter.unknown_commands == 0
    assert desk.waiting == b""
    assert len(desk.receipts) == 1
    for line in desk.roll.receipts[0].lines:
        assert line.left_dots + line.width_dots <= 504


@pytest.mark.parametrize("seed", range(8))
def test_hostile_names_are_drawn_and_do_no_harm(seed: int) -> None:
    name = hostile(seed, 60)
    assert_harmless(
        RowBlock(name, "1.00"),
        TextBlock(name, Align.CENTRE, Emphasis.LARGE),
        ColumnsBlock((name[:9], name[9:15], "1")),
        QrBlock(name[:80] + "x"),
        BarcodeBlock(name[:20]),
        language="ar" if seed % 2 else "en",
    )


@settings(max_examples=80)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=3), st.sampled_from(["en", "ar"]))
def test_no_text_at_all_does_harm(names: list[str], language: str) -> None:
    blocks = [RowBlock(name, "1.00") for name in names]
    assert_harmless(TextBlock("."), *blocks, language=language)


def test_marks_without_end_are_three() -> None:
    few = encoded(TextBlock("\u9752" + "\u0301" * 3)).data
    assert encoded(TextBlock("\u9752" + "\u0301" * 50_000)).data == few


def test_a_huge_line_is_lines_of_two_kilobytes_each() -> None:
    lines = printed(TextBlock(BEER * 2_000))
    pictures = [line for line in lines if line.mark == "picture"]
    assert len(pictures) == 8_000 // 21 + 1
    assert encoded(TextBlock(BEER * 2_000)).data.count(b"\x1dv0\x00") == len(pictures)


@pytest.mark.parametrize("columns", [32, 96])
def test_the_flush_completes_a_drawn_line_broken_off_anywhere(columns: int) -> None:
    encoder = EscposEncoder(PaperFormat(columns=columns), LETTERS)
    document = ReceiptDocument("t", (RowBlock(BEER, "1.00", Emphasis.LARGE), RowBlock(TEA, "2")))
    whole = encoder.encode(document).data
    after = encoder.encode(ReceiptDocument("t", (TextBlock("next"),))).data
    for cut in {*range(1, 40), *range(1, len(whole), 397)}:
        desk = Desk(columns).feed(whole[:cut] + encoder.flush() + encoder.cut_scrap() + after)
        assert desk.receipts[-1] == "next"
        assert desk.waiting == b""


def test_whether_a_receipt_takes_its_time_is_known_before() -> None:
    encoder = EscposEncoder(PaperFormat(), LETTERS)
    quick = (RowBlock("K\u00e4se", "1"), ColumnsBlock(("a", "\u20ac")), QrBlock(BEER), RuleBlock())
    assert not encoder.draws(ReceiptDocument("t", quick))
    assert encoder.draws(ReceiptDocument("t", (*quick, TextBlock(BEER))))
    assert not EscposEncoder(PaperFormat()).draws(ReceiptDocument("t", (TextBlock(BEER),)))
    assert NORMAL.line_dots == 30
