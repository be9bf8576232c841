"""The bytes of both display languages, held against what their manuals say."""

from __future__ import annotations

from devices.protocols.display_cd5220 import FONTS, Cd5220
from devices.protocols.display_escpos import EscposDisplay
from devices.protocols.display_text import Rows

ROWS = Rows(b"Whole milk 1 l  1.29", b"TOTAL           1.29")
UPPER = bytes.fromhex("57686F6C65206D696C6B2031206C2020312E3239")
LOWER = bytes.fromhex("544F54414C2020202020202020202020312E3239")


def test_a_cd5220_display_is_cleared_first_for_it_may_be_in_its_string_mode() -> None:
    begin = Cd5220(b"A", 3).begin()
    assert begin == bytes.fromhex("0C 1B40 1B6341 1B5F00 1B2A03")
    assert Cd5220(b"", 4).begin() == bytes.fromhex("0C 1B40 1B5F00 1B2A04")


def test_cd5220_rows_are_strings_of_twenty_signs_with_their_end() -> None:
    shown = Cd5220(b"A", 4).show(ROWS)
    assert shown == (
        bytes.fromhex("1B5141") + UPPER + b"\x0d" + bytes.fromhex("1B5142") + LOWER + b"\x0d"
    )
    assert FONTS == {"cp437": b"A", "cp852": b"L", "cp866": b"R"}


def test_an_escpos_display_is_selected_and_set_before_anything_is_shown() -> None:
    display = EscposDisplay(b"\x1bt\x12", 2)
    settings = bytes.fromhex("1B7412 1F01 1F4300 1F5802")
    assert display.begin() == bytes.fromhex("1B3D02 1B40 0C") + settings
    shown = bytes.fromhex("1B3D02") + settings
    shown += bytes.fromhex("1F240101") + UPPER + bytes.fromhex("1F240102") + LOWER
    assert display.show(ROWS) == shown
    assert display.show_through_printer(ROWS) == shown + bytes.fromhex("1B3D01")
