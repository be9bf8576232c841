"""Names become rows of exactly 20 harmless bytes, in signs that the display has."""

from __future__ import annotations

import os
import random
import unicodedata

import pytest

from devices.protocols.display_text import BLANK, COLUMNS, DisplayText, Rows
from edge.contract.device_messages import DisplayLine

CHANCE = random.Random(int(os.environ.get("DISPLAY_FUZZ_SEED", "20261127")))
TEXTS = int(os.environ.get("DISPLAY_FUZZ_TEXTS", "5000"))
"""Short form; `DISPLAY_FUZZ_TEXTS=1000000` is the long one."""


def shown(start: str, end: str = "", page: str = "cp437") -> str:
    return DisplayText(page).rows([DisplayLine(start, end)]).upper.decode(page)


@pytest.mark.parametrize(
    ("start", "end", "row"),
    [
        ("", "", "                    "),
        ("Milk", "", "Milk                "),
        ("Milk", "1.29", "Milk            1.29"),
        ("Whole milk 1 litre", "1.29", "Whole milk 1 li 1.29"),
        ("Sixteen and more", "1234.56", "Sixteen and  1234.56"),
        ("Fifteen letters", "1.29", "Fifteen letters 1.29"),
        ("Exactly twenty signs", "", "Exactly twenty signs"),
        ("Exactly twenty signs!", "", "Exactly twenty signs"),
        ("", "1.29", "                1.29"),
        ("Name", "1234567890123456789", "1234567890123456789".rjust(20)),
        ("Name", "12345678901234567890", "12345678901234567890"),
        ("Name", "123456789012345678901", "12345678901234567890"),
        ("  spaces   between  ", "1", "spaces between     1"),
    ],
)
def test_a_line_has_its_text_at_the_start_and_its_amount_at_the_end(
    start: str, end: str, row: str
) -> None:
    assert shown(start, end) == row


@pytest.mark.parametrize(
    ("page", "text", "expected"),
    [
        ("cp437", "Käse, Müsli, Öl, Äpfel, ß", "Käse, Müsli, Öl, Äpf"),
        ("cp437", "Crème brûlée, señor", "Crème brûlée, señor"),
        ("cp437", "Świeży żółty", "Swiezy zólty"),
        ("cp852", "Świeży żółty", "Świeży żółty"),
        ("cp437", "Àéîõú Ÿ", "Aéîoú Y"),
        ("cp866", "Молоко", "Молоко"),
        ("cp437", "Молоко, щи", "Moloko, shchi"),
        ("cp437", "ЩИ", "ShchI"),
        ("cp437", "Γάλα φρέσκο", "Gala fresko"),
        ("cp437", "Œufs, Łódź", "OEufs, Lódz"),
        ("cp858", "1,29 €", "1,29 €"),
        ("cp437", "1,29 €", "1,29 EUR"),
        ("cp437", "“Quote” \u2013 dash…", '"Quote" - dash...'),
        ("cp437", "牛奶 1 l", "?? 1 l"),
        ("cp437", "e\u0301 in two signs", "é in two signs"),
        ("cp866", "Straße", "Strasse"),
    ],
)
def test_what_a_page_lacks_is_written_without(page: str, text: str, expected: str) -> None:
    assert shown(text, page=page) == expected.ljust(COLUMNS)


def test_what_nothing_stands_for_is_counted_in_both_lines_and_ends() -> None:
    lines = [DisplayLine("牛奶", "¥½牛"), DisplayLine("奶")]
    rows = DisplayText("cp437").rows(lines)
    assert (rows.upper.decode("cp437"), rows.substituted) == ("??               ¥½?", 4)
    assert rows.lower == b"?" + b" " * 19


@pytest.mark.parametrize(
    "text",
    [
        "\x1b@\x0c",
        "\x1bp\x00\x32\x32",
        "a\rb\nc\td",
        "\x1f$\x01\x02",
        "\x1b=\x01",
        "\x10\x04\x01",
        "\x7f\x80\x9f",
        "\u202eright to left\u202c",
        "\ufeff\ue000\u200b",
    ],
)
def test_no_control_byte_of_a_name_reaches_the_display(text: str) -> None:
    rows = DisplayText("cp437").rows([DisplayLine(text, text)])
    assert not {byte for byte in rows.upper if byte < 0x20 or byte == 0x7F}


def test_lines_that_are_not_given_are_blank_and_a_third_one_is_not_shown() -> None:
    text = DisplayText("cp437")
    assert text.rows([]) == BLANK == Rows(b" " * 20, b" " * 20, 0)
    assert text.rows([DisplayLine("a")]) == Rows(b"a" + b" " * 19, b" " * 20)
    assert text.rows([DisplayLine("a"), DisplayLine("b"), DisplayLine("c")]).lower[:1] == b"b"


def test_the_page_is_chosen_by_epsons_number_or_the_makers_own() -> None:
    assert DisplayText("cp852").select == b"\x1bt\x12"
    assert DisplayText("cp852", 9).select == b"\x1bt\x09"
    with pytest.raises(KeyError):
        DisplayText("cp1")


def random_text() -> str:
    count = CHANCE.randint(0, 40)
    signs = (chr(CHANCE.choice((CHANCE.randint(0, 0x2FF), CHANCE.randint(0, 0x10FFFF))))
             for _ in range(count))  # fmt: skip
    return "".join(sign for sign in signs if unicodedata.category(sign) != "Cs")


@pytest.mark.parametrize("page", ["cp437", "cp852", "cp866", "cp1252"])
def test_whatever_is_said_fills_two_rows_of_harmless_bytes(page: str) -> None:
    text = DisplayText(page)
    for _ in range(TEXTS // 4):
        lines = [DisplayLine(random_text(), random_text()) for _ in range(CHANCE.randint(0, 2))]
        rows = text.rows(lines)
        for row in (rows.upper, rows.lower):
            assert len(row) == COLUMNS, lines
            assert all(byte >= 0x20 and byte != 0x7F for byte in row), lines
