"""Lines that another machine set in columns keep them, on whatever paper they come out."""

from __future__ import annotations

import random

import pytest

from devices.lettering.letters import Letters
from devices.protocols.escpos_columns import Ruler, joined, place_fixed
from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from devices.protocols.escpos_text import display_width
from edge.contract.receipt_document import ReceiptDocument, TextBlock
from tests.devices.escpos_desk import Desk


@pytest.mark.parametrize(
    ("text", "room", "lines"),
    [
        ("Betrag      12,34", 32, ["Betrag      12,34"]),
        ("Betrag      12,34", 17, ["Betrag      12,34"]),
        ("Betrag      12,34", 16, ["Betrag     12,34"]),
        ("Betrag      12,34", 12, ["Betrag 12,34"]),
        ("Betrag      12,34", 11, ["Betrag", "12,34"]),
        ("      Kundenbeleg", 20, ["      Kundenbeleg"]),
        ("      Kundenbeleg", 12, [" Kundenbeleg"]),
        ("      Kundenbeleg", 11, ["Kundenbeleg"]),
        ("PAN ****4242      0001  EXP", 24, ["PAN ****4242   0001  EXP"]),
        ("A  B          C", 10, ["A  B     C"]),
        ("========================", 10, ["=========="]),
        ("  --------------------", 10, ["  --------"]),
        ("A B C D E F", 5, ["A B C", "D E F"]),
        ("金额      10.00", 15, ["金额      10.00"]),
        ("金额      10.00", 12, ["金额   10.00"]),
        ("", 32, [""]),
        ("   ", 32, [""]),
    ],
)
def test_gaps_give_way_before_words_do(text: str, room: int, lines: list[str]) -> None:
    assert [joined(line) for line in place_fixed((text,), room)] == lines


def test_drawn_letters_begin_where_they_did_and_the_last_part_ends_there() -> None:
    narrow = Ruler(lambda text: 7 * len(text), 12)  # a letter takes seven dots, a column twelve
    ((first, second, third),) = place_fixed(("Nr  0001     1,29",), 384, narrow)
    assert first == ("Nr", 0)
    assert second == ("0001", 4 * 12)
    assert third == ("1,29", 17 * 12 - 4 * 7)


def test_letters_wider_than_a_column_do_not_run_into_each_other_or_off_the_paper() -> None:
    wide = Ruler(lambda text: 20 * len(text), 12)
    ((first, second),) = place_fixed(("ABC  DE",), 384, wide)
    assert (first, second) == (("ABC", 0), ("DE", 72))
    assert place_fixed(("ABC  DE",), 111, wide) == [[("ABC", 0)], [("DE", 0)]]


def test_whatever_is_set_stays_on_the_paper_and_loses_no_letter() -> None:
    chance = random.Random(20261127)
    for _ in range(2_000):
        text = "".join(chance.choice("ab1.* \u91d1   ") for _ in range(chance.randrange(60)))
        room = chance.choice((24, 32, 42, 48))
        lines = [joined(line) for line in place_fixed((text,), room)]
        assert all(display_width(line) <= room for line in lines), (text, room)
        if len(set(text.replace(" ", ""))) > 1:
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def paper(block: TextBlock, language: str, columns: int = 32) -> list[str]:
    encoder = EscposEncoder(PaperFormat(columns=columns), Letters())
    encoded = encoder.encode(ReceiptDocument("x", (block,), language))
    (receipt,) = Desk(columns).feed(encoded.data).roll.receipts
    return [line.looks.rstrip() for line in receipt.lines if line.looks.strip()]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_latin_lines_begin_at_the_left_on_every_receipt(language: str) -> None:
    block = TextBlock("Betrag      12,34", fixed=True)
    assert paper(block, language) == ["  Betrag      12,34"]


def test_a_paragraph_of_a_receipt_that_reads_from_right_to_left_begins_at_the_right() -> None:
    assert paper(TextBlock("Betrag 12,34"), "ar") == ["  " + "Betrag 12,34".rjust(32)]
