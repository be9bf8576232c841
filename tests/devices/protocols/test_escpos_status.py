from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.escpos_status import (
    BLOCK_BYTES_MAX,
    Answer,
    AnswerReader,
    FlowControl,
    OtherBlock,
    PaperBehindData,
    PrinterStatus,
    PrinterText,
    ProcessDone,
    RealTimeStatus,
    StatusBack,
)
from devices.protocols.escpos_trouble import fields_of, trouble_of

WELL = b"\x14\x00\x00\x0f"
FLOW: list[Answer] = [FlowControl(go=False), FlowControl(go=True)]
CASES: list[tuple[str, bytes, list[Answer]]] = [
    ("status back", WELL, [StatusBack(WELL)]),
    ("two in a row", WELL + b"\x1c\x00\x0f\x0f", [StatusBack(WELL), StatusBack(b"\x1c\0\x0f\x0f")]),
    ("real time", b"\x12", [RealTimeStatus(4, 0x12)]),
    ("real time, paper out", b"\x7e", [RealTimeStatus(4, 0x7E)]),
    ("behind data", b"\x00", [PaperBehindData(0)]),
    ("behind data, out", b"\x0f", [PaperBehindData(0x0F)]),
    ("process id", b"\x37\x220042\x00", [ProcessDone(b"0042")]),
    ("text", b"\x5fTM-T88V\x00", [PrinterText("TM-T88V")]),
    ("empty text", b"\x5f\x00", [PrinterText("")]),
    ("other block", b"\x3d\x21a\x00", [OtherBlock(b"\x3d\x21a")]),
    ("short process block", b"\x37\x22004\x00", [OtherBlock(b"\x37\x22004")]),
    ("flow control", b"\x13\x11", FLOW),
    (
        "everything in one packet",
        WELL + b"\x16" + b"\x37\x220001\x00" + b"\x03" + b"\x5fX\x00" + WELL,
        [
            StatusBack(WELL),
            RealTimeStatus(4, 0x16),
            ProcessDone(b"0001"),
            PaperBehindData(3),
            PrinterText("X"),
            StatusBack(WELL),
        ],
    ),
]


def asked() -> AnswerReader:
    reader = AnswerReader()
    reader.asked_status(4)
    reader.asked_paper()
    return reader


@pytest.mark.parametrize(("name", "data", "answers"), CASES, ids=[name for name, _, _ in CASES])
def test_each_answer_whole_split_and_followed(
    name: str, data: bytes, answers: list[Answer]
) -> None:
    assert asked().feed(data) == answers
    reader = asked()
    assert [one for byte in data for one in reader.feed(bytes((byte,)))] == answers
    assert reader.garbage_bytes == 0
    for cut in range(len(data)):
        reader = asked()
        assert reader.feed(data[:cut]) + reader.feed(data[cut:]) == answers
    assert asked().feed(data + WELL) == [*answers, StatusBack(WELL)]
    assert asked().feed(data + b"\xff" + WELL) == [*answers, StatusBack(WELL)]


@pytest.mark.parametrize(
    ("data", "garbage", "answers"),
    [
        (b"\xff\x80", 2, []),
        (b"\x12", 1, []),  # nobody asked
        (b"\x00", 1, []),
        (b"\x10\x00" + WELL, 2, [StatusBack(WELL)]),  # a status that lost two bytes
        (b"\x5fab\x01" + WELL, 4, [StatusBack(WELL)]),
        (b"\x5fab\xff\x80", 5, []),
        (b"\x14\x12\x00\x00\x0f", 1, [StatusBack(WELL)]),  # nobody asked
        (
            b"\x5f" + b"a" * 2 * BLOCK_BYTES_MAX + b"\x10\x00\x00\x0f",
            0,
            [StatusBack(b"\x10\0\0\x0f")],
        ),
    ],
)
def test_what_fits_nothing_is_counted_and_dropped(
    data: bytes, garbage: int, answers: list[Answer]
) -> None:
    reader = AnswerReader()
    found = reader.feed(data)
    if garbage:
        assert (found, reader.garbage_bytes) == (answers, garbage)
    else:
        assert reader.garbage_bytes > BLOCK_BYTES_MAX


@given(st.lists(st.binary(max_size=12), max_size=20))
def test_any_bytes_in_any_split_give_the_same(pieces: list[bytes]) -> None:
    whole, split = asked(), asked()
    assert whole.feed(b"".join(pieces)) == [one for piece in pieces for one in split.feed(piece)]
    assert whole.garbage_bytes == split.garbage_bytes


INSIDE: list[tuple[str, bytes, list[Answer]]] = [
    ("flow control in a status", b"\x14\x13\x00\x11\x00\x0f", [*FLOW, StatusBack(WELL)]),
    ("flow control in a block", b"\x37\x2200\x134\x112\x00", [*FLOW, ProcessDone(b"0042")]),
    ("real time in a status", b"\x14\x00\x1e\x00\x0f", [RealTimeStatus(4, 0x1E), StatusBack(WELL)]),
]


@pytest.mark.parametrize(("name", "data", "answers"), INSIDE, ids=[name for name, _, _ in INSIDE])
def test_what_falls_inside_another_answer_breaks_neither(
    name: str, data: bytes, answers: list[Answer]
) -> None:
    reader = asked()
    assert reader.feed(data) == answers
    assert reader.garbage_bytes == 0
    assert reader.paper_awaited == 1, f"{name} passed for an answer behind data"


def test_only_so_many_answers_as_were_asked_for() -> None:
    reader = AnswerReader()
    reader.asked_paper()
    reader.asked_paper()
    assert reader.paper_awaited == 2
    assert reader.feed(b"\x00\x00\x00") == [PaperBehindData(0)] * 2
    assert reader.paper_awaited == 0
    assert reader.garbage_bytes == 1
    reader.asked_paper()
    reader.forget_paper()
    assert reader.feed(b"\x00") == []
    reader.asked_status(1)
    reader.asked_status(2)
    assert reader.feed(b"\x12\x12") == [RealTimeStatus(2, 0x12)]


WELL_STATUS = PrinterStatus(
    offline=False,
    cover_open=False,
    paper_out=False,
    paper_near_end=False,
    cutter_error=False,
    fault=False,
    recovering=False,
    drawer_high=True,
)


@pytest.mark.parametrize(
    ("data", "code", "fields"),
    [
        (b"\x14\x00\x00\x0f", "", ("ok", "closed", "closed")),
        (b"\x10\x00\x03\x0f", "", ("near_end", "closed", "open")),
        (b"\x1c\x00\x0f\x0f", "no_paper", ("out", "closed", "closed")),
        (b"\x3c\x00\x00\x0f", "cover_open", ("ok", "open", "closed")),
        (b"\x1c\x08\x00\x0f", "cutter_jammed", ("ok", "closed", "closed")),
        (b"\x1c\x20\x00\x0f", "printer_fault", ("ok", "closed", "closed")),
        (b"\x1c\x04\x00\x0f", "printer_fault", ("ok", "closed", "closed")),
        (b"\x1c\x40\x00\x0f", "printer_hot", ("ok", "closed", "closed")),
        (b"\x1c\x00\x00\x0f", "printer_offline", ("ok", "closed", "closed")),
        (b"\x3c\x28\x0f\x0f", "printer_fault", ("out", "open", "closed")),
    ],
)
def test_automatic_status_in_words(data: bytes, code: str, fields: tuple[str, ...]) -> None:
    status = PrinterStatus().after(StatusBack(data))
    trouble = trouble_of(status)
    assert (trouble.code if trouble else "") == code
    assert tuple(fields_of(status, "low").values()) == fields


@pytest.mark.parametrize(
    ("kind", "byte", "changed"),
    [
        (1, 0x12, {"drawer_high": False}),
        (1, 0x1A, {"offline": True, "drawer_high": False}),
        (1, 0x16, {}),
        (2, 0x12, {}),
        (2, 0x16, {"cover_open": True}),
        (2, 0x32, {"paper_out": True}),
        (3, 0x12, {}),
        (3, 0x1A, {"cutter_error": True}),
        (3, 0x32, {"fault": True}),
        (3, 0x52, {"recovering": True}),
        (4, 0x12, {}),
        (4, 0x1E, {"paper_near_end": True}),
        (4, 0x72, {"paper_out": True}),
        (4, 0x7E, {"paper_near_end": True, "paper_out": True}),
    ],
)
def test_real_time_status_changes_what_it_speaks_of(
    kind: int, byte: int, changed: dict[str, bool]
) -> None:
    status = WELL_STATUS.after(RealTimeStatus(kind, byte))
    seen = {
        name: getattr(status, name)
        for name in PrinterStatus.__dataclass_fields__
        if getattr(status, name) != getattr(WELL_STATUS, name)
    }
    assert seen == changed


def test_a_sensor_that_sees_paper_ends_paper_out() -> None:
    out = WELL_STATUS.after(RealTimeStatus(2, 0x32))
    assert out.paper_out
    assert out.after(RealTimeStatus(2, 0x12)).paper_out  # the cause alone does not end it
    assert not out.after(RealTimeStatus(4, 0x12)).paper_out


def test_other_answers_change_nothing_and_nothing_is_known_at_first() -> None:
    nothing = PrinterStatus()
    assert not nothing.known
    assert trouble_of(nothing) is None
    assert set(fields_of(nothing, "").values()) == {""}
    assert set(fields_of(nothing, "high").values()) == {""}
    assert nothing.after(PrinterText("x")) is nothing
    behind = WELL_STATUS.after(PaperBehindData(0x0F))
    assert behind.paper_out
    assert behind.paper_near_end
    assert fields_of(WELL_STATUS, "high")["drawer"] == "open"
    assert fields_of(WELL_STATUS, "")["drawer"] == ""
