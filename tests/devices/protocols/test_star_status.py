"""What a Star printer sends back, in every way a line can deliver it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.escpos_status import FlowControl, PrinterStatus
from devices.protocols.escpos_trouble import fields_of, trouble_of
from devices.protocols.star_status import (
    BLOCK_BYTES_MAX,
    DocumentEnd,
    StarAnswer,
    StarAnswerReader,
    StarStatus,
    StarVersion,
)

WELL = bytes.fromhex("23 06 00 00 00 00 00 00 00")
SHORT = bytes.fromhex("0F 02 00 00 00 00 00")
FLOW: list[StarAnswer] = [FlowControl(go=False), FlowControl(go=True)]
CASES: list[tuple[str, bytes, list[StarAnswer]]] = [
    ("nine bytes", WELL, [StarStatus(WELL)]),
    ("seven bytes", SHORT, [StarStatus(SHORT)]),
    ("eight bytes", b"\x21\x04" + bytes(6), [StarStatus(b"\x21\x04" + bytes(6))]),
    ("fifteen bytes", b"\x2f\x6e" + bytes(13), [StarStatus(b"\x2f\x6e" + bytes(13))]),
    ("bit 6 of the header is for later", b"\x63\x06" + bytes(7), [StarStatus(b"c\6" + bytes(7))]),
    ("two in a row", WELL + SHORT, [StarStatus(WELL), StarStatus(SHORT)]),
    (
        "a network card's",
        b"\x23\x86" + bytes(7) + b"\x00\x00",
        [StarStatus(b"\x23\x86" + bytes(7))],
    ),
    (
        "a network card's, with more",
        b"\x23\x86" + bytes(7) + b"\x00\x08" + b"01:B\x00\x01\x1b;",
        [StarStatus(b"\x23\x86" + bytes(7))],
    ),
    ("end of a document", b"\x1b\x1d\x03\x01 !\x07\x00", [DocumentEnd(b" !")]),
    (
        "end of a document, count of any value",
        b"\x1b\x1d\x03\x01ab\x1b\x00",
        [DocumentEnd(b"ab")],
    ),
    ("version", b"\x1b#*,HSP7000Ver1.0\n\x00", [StarVersion("HSP7000Ver1.0")]),
    ("version, no sign before it", b"\x1b#*TSP Ver2.2\n\x00", [StarVersion("TSP Ver2.2")]),
    ("flow control", b"\x13\x11", FLOW),
    (
        "everything in one packet",
        SHORT + b"\x13" + b"\x1b\x1d\x03\x01zz\x01\x00" + b"\x1b#*,X\n\x00" + WELL,
        [
            StarStatus(SHORT),
            FlowControl(go=False),
            DocumentEnd(b"zz"),
            StarVersion("X"),
            StarStatus(WELL),
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "answers"), CASES, ids=[name for name, _, _ in CASES])
def test_each_answer_whole_split_and_followed(
    name: str, data: bytes, answers: list[StarAnswer]
) -> None:
    reader = StarAnswerReader()
    assert reader.feed(data) == answers, name
    assert [one for byte in data for one in reader.feed(bytes((byte,)))] == answers
    assert reader.garbage_bytes == 0
    for cut in range(len(data)):
        reader = StarAnswerReader()
        assert reader.feed(data[:cut]) + reader.feed(data[cut:]) == answers
    assert StarAnswerReader().feed(data + WELL) == [*answers, StarStatus(WELL)]
    assert StarAnswerReader().feed(data + b"\xff\x80" + WELL) == [*answers, StarStatus(WELL)]
    assert StarAnswerReader().feed(b"\xff\x80" + data) == answers


@pytest.mark.parametrize(
    ("data", "garbage", "answers"),
    [
        (b"\xff\x80", 2, []),
        (b"\x00\x12\x16", 3, []),
        (b"\x01\x03\x05\x07\x09\x0b\x0d", 7, []),  # shorter than any status
        (b"\x0f\x02\x00" + WELL, 3, [StarStatus(WELL)]),  # a status that lost four bytes
        (WELL[:-1] + WELL, 8, [StarStatus(WELL)]),
        (WELL[1:] + WELL, 8, [StarStatus(WELL)]),
        (b"\x23\x16" + WELL, 2, [StarStatus(WELL)]),
        (b"\x23\x06\x80" + WELL, 3, [StarStatus(WELL)]),
        (b"\x23\x86" + bytes(7) + b"\x02\x01" + WELL, 11, [StarStatus(WELL)]),  # too much more
        (b"\x1b" + WELL, 1, [StarStatus(WELL)]),
        (b"\x1b\x1d" + WELL, 2, [StarStatus(WELL)]),
        (b"\x1b\x1d\x03\x01ab\x07\x01" + WELL, 8, [StarStatus(WELL)]),  # no end behind it
        (b"\x1b#*ab\x01" + WELL, 6, [StarStatus(WELL)]),
        (b"\x1b\x1b#*X\x00", 1, [StarVersion("X")]),
    ],
)
def test_what_fits_nothing_is_counted_and_dropped(
    data: bytes, garbage: int, answers: list[StarAnswer]
) -> None:
    reader = StarAnswerReader()
    assert (reader.feed(data), reader.garbage_bytes) == (answers, garbage)
    assert reader.feed(b"\xff" + b"\x00" * 20 + WELL)[-1:] == [StarStatus(WELL)]


def test_a_version_that_does_not_end_is_given_up() -> None:
    reader = StarAnswerReader()
    assert reader.feed(b"\x1b#*" + b"a" * 2 * BLOCK_BYTES_MAX + WELL) == [StarStatus(WELL)]
    assert reader.garbage_bytes > BLOCK_BYTES_MAX


@pytest.mark.parametrize("at", range(1, 9))
def test_flow_control_falls_inside_a_status(at: int) -> None:
    reader = StarAnswerReader()
    assert reader.feed(WELL[:at] + b"\x13\x11" + WELL[at:]) == [*FLOW, StarStatus(WELL)]
    assert reader.garbage_bytes == 0


@given(st.lists(st.binary(max_size=12), max_size=20))
def test_any_bytes_in_any_split_give_the_same(pieces: list[bytes]) -> None:
    whole, split = StarAnswerReader(), StarAnswerReader()
    assert whole.feed(b"".join(pieces)) == [one for piece in pieces for one in split.feed(piece)]
    assert whole.garbage_bytes == split.garbage_bytes


WELL_STATUS = PrinterStatus(
    offline=False,
    cover_open=False,
    paper_out=False,
    paper_near_end=False,
    cutter_error=False,
    fault=False,
    recovering=False,
    drawer_high=False,
)


def status(at: int, byte: int) -> StarStatus:
    data = bytearray(WELL)
    data[at] = byte
    return StarStatus(bytes(data))


@pytest.mark.parametrize(
    ("at", "byte", "changes"),
    [
        (2, 0x20, {"cover_open": True}),
        (2, 0x08, {"offline": True}),
        (2, 0x04, {"drawer_high": True}),
        (2, 0x02, {}),
        (2, 0x40, {}),
        (3, 0x40, {"recovering": True}),
        (3, 0x20, {"fault": True}),
        (3, 0x08, {"cutter_error": True}),
        (3, 0x04, {"fault": True}),
        (4, 0x02, {"fault": True}),
        (4, 0x04, {"fault": True}),
        (4, 0x08, {"fault": True}),
        (4, 0x40, {}),
        (5, 0x08, {"paper_out": True}),
        (5, 0x04, {"paper_near_end": True}),
        (5, 0x02, {"paper_near_end": True}),
        (6, 0x0E, {}),
        (8, 0x0E, {}),
    ],
)
def test_each_bit_of_the_status(at: int, byte: int, changes: dict[str, bool]) -> None:
    assert status(at, byte).printer == replace(WELL_STATUS, **changes)
    assert status(at, byte).mark == ((at, byte) == (2, 0x02))


@pytest.mark.parametrize(
    ("byte", "count"),
    [(0x00, 0), (0x02, 1), (0x04, 2), (0x08, 4), (0x0E, 7), (0x20, 8), (0x40, 16), (0x6E, 31)],
)
def test_the_count_of_marks_is_in_five_bits_that_are_apart(byte: int, count: int) -> None:
    assert status(7, byte).marks == count
    assert StarStatus(SHORT).marks is None


@pytest.mark.parametrize(
    ("at", "byte", "words"),
    [
        (2, 0x28, "cover of the receipt printer is open"),
        (5, 0x0C, "no paper"),
        (3, 0x08, "cutter"),
        (3, 0x20, "fault"),
        (3, 0x40, "cooling down"),
        (2, 0x08, "offline"),
    ],
)
def test_trouble_is_told_in_words(at: int, byte: int, words: str) -> None:
    trouble = trouble_of(status(at, byte).printer)
    assert trouble is not None
    assert words in trouble.health
    assert trouble.advice


def test_paper_cover_and_drawer_are_told() -> None:
    fields = fields_of(status(2, 0x04).printer, "high")
    assert fields == {"paper": "ok", "cover": "closed", "drawer": "open"}
    assert fields_of(status(5, 0x04).printer, "high")["paper"] == "near_end"
    assert fields_of(StarStatus(WELL).printer, "low")["drawer"] == "open"


@pytest.mark.parametrize(
    ("text", "model", "firmware"),
    [
        ("HSP7000Ver1.0", "HSP7000", "1.0"),
        ("TSP654 Ver. 2.1", "TSP654", "2.1"),
        ("TSP100", "TSP100", ""),
        ("", "", ""),
    ],
)
def test_model_and_firmware(text: str, model: str, firmware: str) -> None:
    version = StarVersion(text)
    assert (version.model, version.firmware) == (model, firmware)
