"""Totals of a terminal, and what became of an end of day whose end was not heard."""

from __future__ import annotations

import random

import pytest

from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_apdu import Apdu, encode_apdu
from devices.protocols.zvt_end_of_day import (
    EndOfDayNote,
    TotalsAnswer,
    closed,
    judge_end_of_day,
    never_begun,
    not_closed,
    totals_of,
    undecided,
)
from devices.protocols.zvt_messages import StatusInformation, read_message
from devices.protocols.zvt_redaction import redact
from devices.protocols.zvt_text import TextEncoding
from edge.contract.terminal_messages import BatchTotals, EndOfDayOutcome, SchemeTotal

NONE = " 00 000000000000"
RECORDED = (
    "27 00 04 000000000958 0B 000982 0D 0406 0C 081706 60 F0F5F3 0233 0234"
    + NONE * 2 + " 02 000000000958" + NONE * 4
)  # fmt: skip
"""A terminal's end of day as the free library zvt (senvend) has it recorded: two Mastercards."""


def status(data: str) -> StatusInformation:
    message = read_message(Apdu(0x040F, bytes.fromhex(data)), TextEncoding.CP437)
    assert isinstance(message, StatusInformation)
    return message


@pytest.mark.parametrize(
    ("command", "wire"),
    [
        (commands.end_of_day("123456"), "0650 03 123456"),
        (commands.send_totals("000000"), "0610 03 000000"),
        (commands.initialisation("123456"), "0693 03 123456"),
        (commands.repeat_receipt("000000", prints=True), "0620 05 000000 03 02"),
    ],
)
def test_commands(command: Apdu, wire: str) -> None:
    assert encode_apdu(command) == bytes.fromhex(wire)
    if command.control != 0x0620:
        assert redact(command).data == b"\xee\xee\xee", "a password was recorded"


FULL = (
    "60 F0F5F3 0007 0042"
    " 01 000000000100 02 000000000200 03 000000000300 04 000000000400"
    " 05 000000000500 06 000000000600 FF 000000000700"
)
SCHEMES = ("girocard", "JCB", "Mastercard", "American Express", "Visa", "Diners", "other")


@pytest.mark.parametrize(
    ("data", "totals"),
    [
        pytest.param(
            RECORDED,
            BatchTotals(958, "0233", "0234", (SchemeTotal("Mastercard", 2, 958),)),
            id="recorded",
        ),
        pytest.param(
            FULL,
            BatchTotals(
                2_800,
                "0007",
                "0042",
                tuple(
                    SchemeTotal(name, 255 if at == 7 else at, 100 * at)
                    for at, name in enumerate(SCHEMES, 1)
                ),
            ),
            id="all kinds; no sum of its own",
        ),
        pytest.param("27 00 04 000000001234", BatchTotals(1_234), id="the sum alone"),
        pytest.param("04 999999999999", BatchTotals(999_999_999_999), id="the largest sum"),
        pytest.param("27 00", None, id="nothing"),
        pytest.param("04 00000000000A", None, id="no number"),
        pytest.param(
            "04 000000000000 60 F0F5F3 0000 0000" + NONE * 7, BatchTotals(0), id="an empty batch"
        ),
        pytest.param("04 000000000005 60 F0F0F4 00010002", BatchTotals(5), id="cut short"),
        pytest.param(
            "04 000000000005 60 F0F5F3 FFFF FFFF" + NONE * 6 + " 01 00000000000F",
            BatchTotals(5),
            id="a sum that is no number",
        ),
        pytest.param(
            "04 000000000005 60 F0F5F3 FFFF 0003" + NONE * 6 + " 01 000000000005",
            BatchTotals(5, "", "0003", (SchemeTotal("other", 1, 5),)),
            id="no first receipt",
        ),
    ],
)
def test_totals(data: str, totals: BatchTotals | None) -> None:
    assert totals_of(status(data)) == totals


def test_totals_never_raise() -> None:
    chance = random.Random(650)
    for _ in range(2_000):
        data = chance.randbytes(chance.randrange(70))
        totals_of(status((b"\x60\xf0\xf5\xf3" + data).hex()))
        totals_of(status(data.hex()))


def test_what_the_flight_recorder_keeps_of_totals_is_free_of_card_data() -> None:
    told = Apdu(0x040F, bytes.fromhex(RECORDED + "22 F0F2 4111"))
    assert redact(told).data == bytes.fromhex(RECORDED + "22 F0F2 EEEE")


# --- what became of it ------------------------------------------------------------------------

SOME = BatchTotals(500, "0001", "0002", (SchemeTotal("Visa", 2, 500),))
MORE = BatchTotals(700, "0001", "0003", (SchemeTotal("Visa", 3, 700),))
LEVEL = BatchTotals(0, "0001", "0002", (SchemeTotal("Visa", 2, 0),))
"""A payment and its refund: no money, and still something to hand in."""
EMPTY = BatchTotals(0)
TOLD = EndOfDayOutcome("closed", totals=SOME, code="00")


@pytest.mark.parametrize(
    ("note", "now", "outcome"),
    [
        pytest.param((True, SOME), (True, SOME), "not_closed", id="the same totals: still open"),
        pytest.param((True, SOME), (True, EMPTY), SOME, id="none any more: closed"),
        pytest.param((True, SOME), (True, None), SOME, id="nothing named any more: closed"),
        pytest.param((True, LEVEL), (True, EMPTY), LEVEL, id="a sum of zero was closed"),
        pytest.param((True, LEVEL), (True, LEVEL), "not_closed", id="a sum of zero is open"),
        pytest.param((True, SOME), (True, MORE), None, id="others"),
        pytest.param((True, EMPTY), (True, EMPTY), EMPTY, id="there was nothing"),
        pytest.param((True, None), (True, None), EMPTY, id="there was nothing to name"),
        pytest.param((True, EMPTY), (True, SOME), None, id="something came since"),
        pytest.param((True, SOME), (False, None), None, id="it does not say"),
        pytest.param((False, None), (True, EMPTY), None, id="it did not say before"),
        pytest.param((False, None), (True, SOME), None, id="it did not say before either"),
    ],
)
def test_the_totals_decide(
    note: tuple[bool, BatchTotals | None],
    now: tuple[bool, BatchTotals | None],
    outcome: BatchTotals | str | None,
) -> None:
    told = judge_end_of_day(EndOfDayNote("eod-1", note[0], note[1]), TotalsAnswer(*now))
    match outcome:
        case None:
            assert told is None
        case BatchTotals():
            assert told is not None
            assert (told.outcome, told.totals, told.inferred) == ("closed", outcome, True)
        case _:
            assert told is not None
            assert (told.outcome, told.totals, told.code) == (outcome, None, "still_open")


@pytest.mark.parametrize("now", [(True, SOME), (True, EMPTY), (False, None)])
def test_what_was_told_and_kept_counts_whatever_comes_behind_it(
    now: tuple[bool, BatchTotals | None],
) -> None:
    note = EndOfDayNote("eod-1", asked=True, before=SOME, heard=TOLD)
    assert judge_end_of_day(note, TotalsAnswer(*now)) == TOLD


def test_words() -> None:
    assert closed(status(RECORDED), ("a",)).lines == ("a",)
    assert closed(status(RECORDED)).trace == "000982"
    no = not_closed(0x77)
    assert (no.outcome, no.code) == ("not_closed", "77")
    assert no.reason == "The end-of-day batch is not possible now."
    assert not_closed(0x77, "Netz").reason.endswith("(Netz)")
    assert not_closed(None).reason == "The terminal gave up its end of day."
    assert not_closed(0x6C).reason.startswith("The end of day was given up at the terminal")
    assert never_begun().code == "never_begun"
    assert undecided().code == "terminal_cannot_say"
    assert undecided().advice


def test_a_note_is_open_until_it_is_decided() -> None:
    note = EndOfDayNote("eod-1", asked=True)
    assert note.open
    assert not EndOfDayNote("eod-1", asked=True, undecided=True).open
    assert not EndOfDayNote("eod-1", asked=True, outcome=TOLD).open
