from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.escpos_columns import joined, mirrored, place_cells, place_row, wrap
from devices.protocols.escpos_text import EPSON_PAGES, CodePages, clean, display_width

LATIN = CodePages("cp858")
MANY = CodePages("cp858", ("cp852", "cp866", "cp737"))


def row(start: str, end: str, columns: int) -> list[str]:
    return [joined(line) for line in place_row(start, end, columns)]


def cells(texts: tuple[str, ...], columns: int) -> list[str]:
    return [joined(line) for line in place_cells(texts, columns)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("K\u00e4se", "K\u00e4se"),
        ("Ka\u0308se", "K\u00e4se"),
        ("a\tb\r\nc\x0bd\x0ce", "a b  c d e"),
        ("a\u00a0b\u2009c\u2028d\u2029e", "a b c d e"),
        ("\x1bp\x00\x19\xfa", "p\u00fa"),
        ("\x10\x14\x01\x00\x05", ""),
        ("\x9b1m\x85", "1m"),
        ("abc\u202edef\u2066g\u200fh", "abcdefgh"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("\ue000\U000f0000\ud800x", "x"),
        ("\u0378x", "x"),
        ("\x7f", ""),
        ("a\u200e\u0301", "\u00e1"),  # found by fuzzing
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text())
def test_what_is_clean_has_no_controls_and_stays_so(text: str) -> None:
    cleaned = clean(text)
    assert all(unicodedata.category(char)[0] != "C" for char in cleaned)
    assert all(char == " " or unicodedata.category(char)[0] != "Z" for char in cleaned)
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("abc", 3),
        ("K\u00e4se", 4),
        ("\u9752\u5c9b", 4),
        ("\uff21", 2),
        ("e\u0323\u0301", 1),
    ],
)
def test_display_width(text: str, width: int) -> None:
    assert display_width(text) == width


@pytest.mark.parametrize(
    ("pages", "text", "expected", "substituted"),
    [
        (LATIN, "plain", "plain", 0),
        (LATIN, "K\u00e4se 1 \u20ac", "K\u00e4se 1 \u20ac", 0),
        (LATIN, "\u2014 \u2018x\u2019 \u2026", "- 'x' ...", 0),
        (LATIN, "\u0141\u00f3d\u017a", "L\u00f3dz", 0),
        (MANY, "\u0141\u00f3d\u017a", "\u0141\u00f3d\u017a", 0),
        (LATIN, "\u0427\u0430\u0439", "???", 3),
        (MANY, "\u0427\u0430\u0439", "\u0427\u0430\u0439", 0),
        (MANY, "\u9752\u5c9b beer", "?? beer", 2),
        (LATIN, "\uc11c\uc6b8", "??", 2),
        (LATIN, "\u0634\u0627\u064a", "???", 3),
        (LATIN, "x\u0336y", "xy", 0),
        (CodePages("cp437"), "1 \u20ac", "1 EUR", 0),
        (LATIN, "\u2153\u2122", "1/3TM", 0),
    ],
)
def test_fit(pages: CodePages, text: str, expected: str, substituted: int) -> None:
    fitted = pages.fit(text)
    assert (fitted.text, fitted.substituted) == (expected, substituted)
    assert pages.encode(fitted.text)


def test_encode_switches_pages_and_comes_back() -> None:
    assert LATIN.select == b"\x1bt\x13"
    assert LATIN.encode("K\u00e4se 1 \u20ac") == b"K\x84se 1 \xd5"
    assert MANY.encode("a\u0427\u0430b\u00e4") == b"a\x1bt\x11\x97\xa0b\x1bt\x13\x84"
    assert MANY.encode("\u0427") == b"\x1bt\x11\x97\x1bt\x13"
    own = CodePages("cp858", ("cp866",), {"cp858": 7, "cp866": 200})
    assert own.encode("\u0427") == b"\x1bt\xc8\x97\x1bt\x07"


@pytest.mark.parametrize("text", ["\x1b@", "\u9752", "a\x10b", "\u00e4\x10", "\u0427\x10", "\x7f"])
def test_what_was_not_fitted_does_not_pass(text: str) -> None:
    with pytest.raises(ValueError, match=r"control characters|not fitted"):
        MANY.encode(text)


def test_a_page_without_a_number_is_refused() -> None:
    with pytest.raises(KeyError, match="cp1"):
        CodePages("cp1")


@given(st.sampled_from(sorted(EPSON_PAGES)), st.text())
def test_no_text_becomes_a_control_byte(page: str, text: str) -> None:
    pages = CodePages(page)
    data = pages.encode(pages.fit(clean(text)).text)
    assert all(byte >= 0x20 and byte != 0x7F for byte in data)


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("", 10, [""]),
        ("short  ", 10, ["short"]),
        ("one two three", 8, ["one two", "three"]),
        ("one  two three", 9, ["one  two", "three"]),
        ("  2 x 3.00 and more", 10, ["  2 x 3.00", "  and more"]),
        ("abcdefghijkl", 5, ["abcde", "fghij", "kl"]),
        ("ab cdefghijkl", 5, ["ab", "cdefg", "hijkl"]),
        ("      abcdefgh", 8, ["abcdefgh"]),
        ("\u9752\u5c9b\u9752\u5c9b\u9752", 5, ["\u9752\u5c9b", "\u9752\u5c9b", "\u9752"]),
        ("\u9752\u5c9b", 1, ["\u9752", "\u5c9b"]),
        ("aaaa bbbb ", 4, ["aaaa", "bbbb"]),
    ],
)
def test_wrap(text: str, columns: int, lines: list[str]) -> None:
    assert wrap(text, columns) == lines


@given(st.text(alphabet="ab \u9752", max_size=60), st.integers(2, 20))
def test_wrapping_loses_nothing_but_spaces(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert all(display_width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("start", "end", "columns", "lines"),
    [
        ("Milk", "1.00", 12, ["Milk    1.00"]),
        ("Milkmilk", "1.00", 13, ["Milkmilk 1.00"]),
        (
            "Whole milk from hills",
            "1.00",
            15,
            ["Whole milk", "from hills 1.00"],
        ),
        ("Milk", "1234567890", 12, ["Milk", "  1234567890"]),
        ("Milk", "x" * 14, 12, ["Milk", "x" * 12, "          xx"]),
        ("", "1.00", 12, ["        1.00"]),
    ],
)
def test_row(start: str, end: str, columns: int, lines: list[str]) -> None:
    assert row(start, end, columns) == lines


@pytest.mark.parametrize(
    ("texts", "columns", "lines"),
    [
        ((), 12, [""]),
        (("a",), 12, ["a"]),
        (("Tax", "Net", "Gross"), 15, ["Tax   Net Gross"]),
        (("7%", "1.00", "2.00"), 15, ["7%    1.00 2.00"]),
        (("7%", "10000.00", "2.00"), 17, ["7%  10000.00 2.00"]),
        (("7%", "1000000.00", "200000.00"), 15, ["7%", "     1000000.00", "      200000.00"]),
    ],
)
def test_cells(texts: tuple[str, ...], columns: int, lines: list[str]) -> None:
    assert cells(texts, columns) == lines


def test_a_line_that_begins_at_the_right() -> None:
    (line,) = place_row("Milk", "1.25", 12)
    assert joined(mirrored(line, 12)) == "1.25    Milk"
    (line,) = place_cells(("a", "b", "c"), 9)
    assert joined(mirrored(line, 9)) == "c  b    a"
    assert joined(mirrored([("too long", 0)], 4)) == "too long"
    assert joined(mirrored([("  3 x 0.45", 0)], 14)) == "    3 x 0.45"
