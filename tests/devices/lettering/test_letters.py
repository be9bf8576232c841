"""Letters in every script, as dots."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.lettering.letters import Letters
from devices.protocols.letters import LARGE, NORMAL, OVERHANG_DOTS, Drawn, LetterSize

LETTERS = Letters()
TEA = "\u0634\u0627\u064a"


def ink(drawn: Drawn) -> str:
    """Return the dots as text, white rows and columns around them left out."""
    bits = drawn.width_dots + 2 * OVERHANG_DOTS
    rows = [f"{row:0{bits}b}" for row in drawn.rows]
    used = [at for at in range(bits) if any(row[at] == "1" for row in rows)]
    return "\n".join(row[used[0] : used[-1] + 1] for row in rows if "1" in row) if used else ""


def draw(text: str, size: LetterSize = NORMAL, *, right: bool = False) -> Drawn:
    drawn = LETTERS.draw(text, size, right_to_left=right)
    assert drawn.width_dots == LETTERS.width(text, size, right_to_left=right)
    assert len(drawn.rows) == size.line_dots
    return drawn


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("a", 1),
        ("Milk 1 l", 8),
        ("\u0141\u00f3d\u017a", 4),
        ("\u0427\u0430\u0439", 3),
        ("\u03a4\u03c3\u03ac\u03b9", 4),
        ("\u9752\u5c9b", 4),
        ("\u55b1\u8803\uff08\u6563\uff09", 10),
        ("\uae40\uce58 1kg", 8),
        ("\u3054\u98ef", 4),
        ("q\u0301", 1),
    ],
)
def test_signs_in_a_grid_keep_to_its_cells(text: str, cells: int) -> None:
    for size in (NORMAL, LARGE):
        assert draw(text, size).width_dots == cells * size.cell_dots
    assert bool(ink(draw(text))) == bool(text)


def test_the_languages_of_the_receipts_have_all_their_letters() -> None:
    hangul = map(chr, range(0xAC00, 0xD7A4))
    arabic = (chr(code) for code in range(0x620, 0x64B))
    missing = [char for char in (*hangul, *arabic) if not LETTERS.knows(char)]
    assert missing == []
    chinese = [
        bytes((high, low)).decode("gb2312", "ignore")
        for high in range(0xB0, 0xF8)
        for low in range(0xA1, 0xFF)
    ]
    missing = [char for char in filter(None, chinese) if not LETTERS.knows(char)]
    assert len(missing) <= 33  # of 6,763, rare ones; the font has none of them
    for page in ("cp1250", "cp1251", "cp1253", "cp1254", "cp1257"):
        signs = bytes(range(0xC0, 0x100)).decode(page, "ignore")
        assert [char for char in signs if char.isalpha() and not LETTERS.knows(char)] == []


def test_there_is_no_letter_for_everything() -> None:
    assert not LETTERS.knows("\u0e0a")  # Thai
    assert not LETTERS.knows("\U0001f600")
    assert draw("\u0e0aa\u0e0a").width_dots == NORMAL.cell_dots
    assert draw("\u0e0a").width_dots == 0


def test_arabic_letters_are_joined() -> None:
    apart = sum(draw(char, right=True).width_dots for char in TEA)
    joined = draw(TEA, right=True)
    assert joined.width_dots < apart
    lam_alef = draw("\u0644\u0627", right=True)  # one sign for two letters
    assert lam_alef.width_dots < draw("\u0644", right=True).width_dots + 4


def test_arabic_stands_from_right_to_left_and_numbers_do_not() -> None:
    line = draw(f"{TEA} 12", right=True)
    tea = draw(TEA, right=True)
    mask = (1 << (tea.width_dots + OVERHANG_DOTS - 2)) - 1
    black = sum((row & mask).bit_count() for row in tea.rows)
    other = sum(
        ((mine ^ alone) & mask).bit_count() for mine, alone in zip(line.rows, tea.rows, strict=True)
    )
    assert other < black / 5  # the same letters, at most half a dot aside
    number = draw("12")
    assert ink(number) == ink(draw("12", right=True))
    left = line.width_dots - number.width_dots
    assert [row >> (left + OVERHANG_DOTS) for row in line.rows] == [
        row >> OVERHANG_DOTS for row in number.rows
    ]


def test_brackets_are_mirrored_where_they_turn() -> None:
    opening = ink(draw("("))
    turned = draw(f"{TEA}(", right=True)
    bits = turned.width_dots + 2 * OVERHANG_DOTS
    left = [f"{row:0{bits}b}"[: OVERHANG_DOTS + NORMAL.cell_dots] for row in turned.rows]
    used = [at for at in range(len(left[0])) if any(row[at] == "1" for row in left)]
    shown = "\n".join(row[used[0] : used[-1] + 1] for row in left if "1" in row)
    assert shown == ink(draw(")")) != opening


def test_marks_take_no_cell() -> None:
    assert draw(f"{TEA}\u064e", right=True).width_dots == draw(TEA, right=True).width_dots
    assert draw("\u9752\u0301").width_dots == draw("\u9752").width_dots
    assert ink(draw("\u9752\u0301")) != ink(draw("\u9752"))
    assert draw("\u0301").width_dots == 0


def test_large_letters_are_half_as_large_again() -> None:
    assert draw("\u9752", LARGE).width_dots == 36
    high = len(ink(draw("\u9752", LARGE)).splitlines())
    assert high > 1.3 * len(ink(draw("\u9752")).splitlines())


@settings(max_examples=150)
@given(st.text(max_size=30), st.booleans())
def test_any_text_stays_within_its_line(text: str, right: bool) -> None:
    drawn = draw(text, right=right)
    assert max(drawn.rows) < 1 << (drawn.width_dots + 2 * OVERHANG_DOTS)
    assert min(drawn.rows) >= 0


def test_without_fonts_there_are_no_letters(tmp_path: Path) -> None:
    letters = Letters(tmp_path)
    assert not letters.load()
    assert not letters.load()
    assert "held.json" in letters.problem
    with pytest.raises(RuntimeError, match="no letters"):
        letters.knows("a")


def test_without_harfbuzz_there_are_no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uharfbuzz", None)
    letters = Letters()
    assert not letters.load()
    assert "uharfbuzz" in letters.problem


def test_a_printer_of_latin_receipts_loads_neither_fonts_nor_harfbuzz() -> None:
    script = """
import sys
from devices.lettering.letters import Letters
from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from edge.contract.receipt_document import ReceiptDocument, RowBlock
encoder = EscposEncoder(PaperFormat(), Letters())
def encode(name):
    encoder.encode(ReceiptDocument("t", (RowBlock(name, "1.00"),)))
    maps = open("/proc/self/maps").read()
    print("uharfbuzz" in sys.modules, "/lettering/fonts/" in maps)
encode("K\\u00e4se \\u2014 1 \\u20ac")
encode("\\u9752")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False", "True", "True"]


def test_every_mark_of_the_tests_is_one() -> None:
    assert unicodedata.category("\u0301") == unicodedata.category("\u064e") == "Mn"


@pytest.mark.parametrize("size", [NORMAL, LARGE])
@pytest.mark.parametrize(
    "letter", ["\u064a", "\u0623", "\u0625", "\u9f98", "\uafe8", "\u015a", "g"]
)
def test_no_letter_is_cut_off_above_or_below(letter: str, size: LetterSize) -> None:
    roomy = LetterSize(size.cell_dots, size.line_dots + 40, size.base_dots + 20)
    black = sum(row.bit_count() for row in draw(letter, size, right=True).rows)
    assert black == sum(row.bit_count() for row in draw(letter, roomy, right=True).rows)
