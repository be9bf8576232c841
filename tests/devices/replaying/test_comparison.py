from __future__ import annotations

import pytest

from devices.replaying.comparison import Comparison, Difference
from devices.transports.flight_recorder import FlightEntry

ENTRIES = (
    FlightEntry(100, "note", b"connected"),
    FlightEntry(110, "out", b"abc"),
    FlightEntry(120, "in", b"xyz"),
    FlightEntry(130, "out", b"de"),
    FlightEntry(135, "note", b"written"),
    FlightEntry(140, "out", b"f"),
)


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        ([b"abc", b"de", b"f"], None),
        ([b"ab", b"cdef"], None),  # in other pieces
        ([b"abcdef", b"more, past the end"], None),
        ([b"abcdefmore"], None),
        ([], Difference(0, 110, b"abcdef", b"")),
        ([b"abc", b"d"], Difference(4, 130, b"ef", b"")),
        ([b"abc", b"de"], Difference(5, 140, b"f", b"")),
        ([b"abx", b"de", b"f"], Difference(2, 110, b"cdef", b"xdef")),
        ([b"abc", b"xde"], Difference(3, 130, b"def", b"xde")),
    ],
)
def test_the_first_byte_that_is_another_is_found(
    now: list[bytes], difference: Difference | None
) -> None:
    comparison = Comparison(ENTRIES, from_the_middle=False)
    for piece in now:
        comparison.wrote(piece)
    assert comparison.difference() == difference
    assert comparison.recorded == 6


def test_what_is_written_now_was_written_then_and_may_have_taken_its_time() -> None:
    comparison = Comparison(ENTRIES, from_the_middle=False)
    pieces = (b"a", b"bc", b"de", b"f", b"more")
    told = [(comparison.wrote(piece), comparison.slow) for piece in pieces]
    assert told == [(110, False), (110, False), (130, True), (140, False), (None, False)]


def test_from_the_middle_nothing_counts_before_what_was_recorded_first() -> None:
    comparison = Comparison(ENTRIES, from_the_middle=True)
    assert comparison.wrote(b"hello") is None
    assert (comparison.written, comparison.passed_over) == (0, 5)
    assert comparison.wrote(b"abcd") == 110
    assert comparison.wrote(b"ef") == 130
    assert comparison.difference() is None


def test_nothing_recorded_is_nothing_to_differ_from() -> None:
    comparison = Comparison((FlightEntry(1, "in", b"x"),), from_the_middle=True)
    assert comparison.wrote(b"anything") is None
    assert comparison.difference() is None
