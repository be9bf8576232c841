"""The three strings of `~HS`, whole, cut, doubled, garbled; and what they mean to a person."""

from __future__ import annotations

import os
import random
import tracemalloc

import pytest

from devices.protocols.zpl_status import HostStatus, StatusReader
from devices.protocols.zpl_trouble import SILENT, trouble_of

WELL = (
    b"\x02030,0,0,0304,000,0,0,0,000,0,0,0\x03\r\n"
    b"\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n"
    b"\x021234,0\x03\r\n"
)
"""As the programming guide prints it, all flags 0."""
BUSY = (
    b"\x02014,1,1,1245,012,1,0,1,000,0,1,1\x03\r\n"
    b"\x02041,0,1,1,1,1,4,1,00000345,1,009\x03\r\n"
    b"\x020000,1\x03\r\n"
)
BUSY_STATUS = HostStatus(
    paper_out=True,
    paused=True,
    formats_waiting=12,
    buffer_full=True,
    format_begun=True,
    too_cold=True,
    too_hot=True,
    head_open=True,
    ribbon_out=True,
    label_waits=True,
    labels_left=345,
)
FIRST, SECOND, THIRD = WELL.splitlines(keepends=True)
LINES = int(os.environ.get("LABEL_STATUS_FUZZ_LINES", "20000"))
"""Short form; `LABEL_STATUS_FUZZ_LINES=1000000` is the long one."""
SEED = 20_261_127

CASES = [
    (WELL, [HostStatus()]),
    (BUSY, [BUSY_STATUS]),
    (WELL + BUSY, [HostStatus(), BUSY_STATUS]),
    (WELL.replace(b"\r\n", b""), [HostStatus()]),
    (b"garbage" + WELL, [HostStatus()]),
    (FIRST + FIRST + SECOND + THIRD, [HostStatus()]),
    (FIRST + SECOND + WELL, [HostStatus()]),
    (SECOND + THIRD, []),
    (FIRST + THIRD + SECOND, []),
    (FIRST + SECOND, []),
    (FIRST[:20] + WELL, [HostStatus()]),
    (FIRST + SECOND[:9] + WELL, [HostStatus()]),
    (WELL.replace(b"0304", b"304"), []),
    (WELL.replace(b"\x02030,0", b"\x02030,2"), []),
    (WELL.replace(b",000\x03", b",00x\x03"), []),
    (b"\x02" + b"0" * 500 + b"\x03" + WELL, [HostStatus()]),
    (b"\x02" * 500 + WELL[1:], [HostStatus()]),
    (b"\x03\x03\r\n" + WELL, [HostStatus()]),
    (b"", []),
]


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_answers_are_read_whole_and_byte_by_byte(data: bytes, expected: list[HostStatus]) -> None:
    assert StatusReader().feed(data) == expected
    reader = StatusReader()
    assert [each for byte in data for each in reader.feed(bytes((byte,)))] == expected


def test_bytes_behind_an_answer_wait_for_their_own_rest() -> None:
    reader = StatusReader()
    assert reader.feed(WELL + BUSY[:50]) == [HostStatus()]
    assert reader.feed(BUSY[50:]) == [BUSY_STATUS]
    assert reader.garbage_bytes == 0


def test_half_an_answer_is_forgotten_and_counted() -> None:
    reader = StatusReader()
    assert reader.feed(FIRST + SECOND[:10]) == []
    reader.forget()
    assert reader.garbage_bytes == len(FIRST) - 4 + 10 + 2 - 2
    assert reader.feed(SECOND + THIRD) == []
    assert reader.feed(WELL) == [HostStatus()]


def test_all_is_out_when_nothing_waits_and_nothing_has_begun() -> None:
    assert HostStatus().all_out
    assert not HostStatus(formats_waiting=1).all_out
    assert not HostStatus(labels_left=1).all_out
    assert not HostStatus(format_begun=True).all_out


def test_noise_is_survived_and_nothing_grows() -> None:
    chance = random.Random(SEED)
    reader = StatusReader()
    pieces = [*WELL.splitlines(keepends=True), *BUSY.splitlines(keepends=True)]
    tracemalloc.start()
    for _ in range(LINES):
        piece = bytearray(chance.choice(pieces))
        for _ in range(chance.randint(0, 2)):
            piece[chance.randrange(len(piece))] = chance.randrange(256)
        reader.feed(bytes(piece[: chance.randint(0, len(piece))]))
    assert tracemalloc.get_traced_memory()[0] < 100_000
    tracemalloc.stop()
    reader.forget()
    assert reader.feed(WELL) == [HostStatus()]


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (HostStatus(head_open=True, paper_out=True, paused=True), "label_head_open", "Close"),
        (HostStatus(paper_out=True, paused=True), "labels_out", "roll"),
        (HostStatus(ribbon_out=True, paused=True), "label_ribbon_out", "ribbon"),
        (HostStatus(too_hot=True), "label_head_hot", "cooled"),
        (HostStatus(too_cold=True), "label_head_cold", "warm"),
        (HostStatus(label_waits=True), "label_waits", "Take"),
        (HostStatus(paused=True), "label_printer_paused", "pause"),
    ],
)
def test_each_trouble_has_words_and_a_next_step(status: HostStatus, code: str, advice: str) -> None:
    trouble = trouble_of(status)
    assert trouble is not None
    assert trouble.code == code
    assert trouble.health
    assert advice in trouble.advice


def test_a_printer_at_work_is_well() -> None:
    assert trouble_of(HostStatus(formats_waiting=3, labels_left=9, buffer_full=True)) is None
    assert "does not answer" in SILENT.health
