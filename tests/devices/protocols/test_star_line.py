"""Commands of Star line mode against the bytes that the specifications print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols import star_line as commands
from tests.devices.star_desk import StarDesk

OPENERS = b"\x07\x19\x1a\x1c"


@pytest.mark.parametrize(
    ("data", "hexadecimal"),
    [
        (commands.INITIALISE, "1B 40"),
        (commands.CANCEL, "18"),
        (commands.FONT_A, "1B 1E 46 00"),
        (commands.LATIN_SIGNS, "1B 52 00"),
        (commands.LINES_OF_4_MM, "1B 7A 01"),
        (commands.LINES_OF_24_DOTS, "1B 30"),
        (commands.BOLD_ON, "1B 45"),
        (commands.BOLD_OFF, "1B 46"),
        (commands.LARGE_ON, "1B 69 01 00 1B 45"),
        (commands.LARGE_OFF, "1B 69 00 00 1B 46"),
        (commands.ALIGN_START, "1B 1D 61 00"),
        (commands.ALIGN_CENTRE, "1B 1D 61 01"),
        (commands.ALIGN_END, "1B 1D 61 02"),
        (commands.CUT_FULL, "1B 64 02"),
        (commands.CUT_PARTIAL, "1B 64 03"),
        (commands.REPORT_STATUS, "1B 1E 61 01"),
        (commands.REQUEST_STATUS, "1B 06 01"),
        (commands.CLEAR_MARKS, "1B 1E 45 00"),
        (commands.MARK, "17"),
        (commands.REQUEST_VERSION, "1B 23 2A 0A 00"),
        (commands.DRAWER_1, "07"),
        (commands.DRAWER_1_NOW, "1C"),
        (commands.DRAWER_2, "1A"),
        (commands.select_page(commands.STAR_PAGES["cp858"]), "1B 1D 74 04"),
        (commands.select_page(commands.STAR_PAGES["cp1252"]), "1B 1D 74 20"),
        (commands.select_page(commands.STAR_PAGES["cp866"]), "1B 1D 74 0A"),
        (commands.feed(3), "1B 61 03"),
        (commands.feed(0), ""),
        (commands.feed(-4), ""),
        (commands.feed(127), "1B 61 7F"),
        (commands.feed(130), "1B 61 7F 1B 61 03"),
        (commands.feed(999), "1B 61 7F 1B 61 7F 1B 61 01"),
        (commands.drawer_pulse_width(200, 200), "1B 07 14 14"),
        (commands.drawer_pulse_width(0, 9_999), "1B 07 01 7F"),
        (commands.request_document_end(0), "1B 1D 03 01 20 20"),
        (commands.request_document_end(96), "1B 1D 03 01 21 21"),
        (
            commands.qr(b"abc", 6),
            """1B 1D 79 53 30 02 1B 1D 79 53 31 01 1B 1D 79 53 32 06
               1B 1D 79 44 31 00 03 00 61 62 63 1B 1D 79 50""",
        ),
        (commands.code128("A%1"), "1B 62 36 32 31 40 41 25 30 31 1E"),
        (commands.band([0x80, 0x01], 1), "1B 6B 01 00 80 01" + " 00" * 22 + " 0A"),
        (commands.flush_broken_job(2), "00 00 1E 18 1B 40"),
    ],
)
def test_bytes_are_those_of_the_specifications(data: bytes, hexadecimal: str) -> None:
    assert data == bytes.fromhex(hexadecimal)


def test_numbers_of_documents_come_round_and_are_printable() -> None:
    numbers = [commands.document_number(number) for number in range(commands.DOCUMENT_NUMBERS)]
    assert len(set(numbers)) == commands.DOCUMENT_NUMBERS
    assert all(0x20 <= byte < 0x7F for number in numbers for byte in number)
    assert commands.document_number(commands.DOCUMENT_NUMBERS) == numbers[0]


@pytest.mark.parametrize("text", ["", "\u00e4", "a\x1e", "a\x07", "1" * 121])
def test_no_bar_code_of_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="Code 128"):
        commands.code128(text)


@pytest.mark.parametrize(("data", "module"), [(b"", 3), (b"a", 0), (b"a", 9)])
def test_no_qr_code_of_what_is_none(data: bytes, module: int) -> None:
    with pytest.raises(ValueError, match="QR"):
        commands.qr(data, module)


@pytest.mark.parametrize(("rows", "row_bytes"), [([0] * 25, 1), ([0], 0), ([0], 256)])
def test_no_band_beyond_what_a_printer_takes(rows: list[int], row_bytes: int) -> None:
    with pytest.raises(ValueError, match="ESC k"):
        commands.band(rows, row_bytes)


@pytest.mark.parametrize(
    ("row_bytes", "sent"),
    [(6, 6), (7, 8), (8, 8), (24, 24), (25, 27), (26, 27), (28, 29), (72, 72)],
)
def test_no_width_is_a_number_that_opens_a_drawer(row_bytes: int, sent: int) -> None:
    data = commands.band([1 << (row_bytes * 8 - 1)], row_bytes)
    assert data[2] == sent
    assert data[4] == 0x80
    assert len(data) == 4 + 24 * sent + 1


@given(st.binary(min_size=24, max_size=24 * 9).map(lambda dots: dots[: len(dots) // 24 * 24]))
def test_dots_taken_for_commands_open_no_drawer(dots: bytes) -> None:
    row_bytes = len(dots) // 24
    rows = [int.from_bytes(dots[at::24], "big") for at in range(24)]
    band = commands.band(rows, row_bytes)
    assert not set(band[2:-1]) & set(OPENERS)
    for cut in (3, 4, len(band) // 2, len(band) - 2):
        # as a printer reads them that was switched off and on in between
        assert StarDesk().feed(band[cut:]).pulses == []


def test_where_eight_dots_would_open_a_drawer_one_more_is_black() -> None:
    band = commands.band([0x07191A1C], 4)
    assert band[4:8] == b"\x0f\x39\x3a\x3c"
    others = bytes(set(range(256)) - set(OPENERS))
    rows = [
        int.from_bytes(others[at : at + 12].ljust(12, b"\0"), "big") for at in range(0, 252, 12)
    ]
    assert commands.band(rows, 12)[4 : 4 + 252] == others
