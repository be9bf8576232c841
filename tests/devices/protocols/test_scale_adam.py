from __future__ import annotations

import os
import random

import pytest

from devices.protocols.scale_adam import LINE_BYTES_MAX, ScaleLines, Unmarked, read_line
from devices.protocols.weight_readings import Reading
from edge.contract.device_states import WeightState
from tests.devices.protocols.answer_cases import SPOILS

HIGHLAND = bytes.fromhex("20 20 20 20 20 20 20 20 31 2E 32 33 34 6B 67 20 0D 0A")
"""Sixteen characters, then CR and LF."""
MDW = bytes.fromhex("0A 20 20 20 20 31 2E 32 33 34 6B 67 47 52 0D 03")
"""LF, nine characters, the unit, GR, CR, ETX."""
OVERLOAD = Reading(WeightState.OVERLOAD)
BELOW_ZERO = Reading(WeightState.BELOW_ZERO)
OTHER = Reading(WeightState.NOT_KILOGRAMS)
LINES = int(os.environ.get("SCALE_FUZZ_LINES", "30000"))
"""Short form; `SCALE_FUZZ_LINES=1000000` is the long one."""
SEED = int(os.environ.get("SCALE_FUZZ_SEED", "20261127"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (HIGHLAND[:-2], Unmarked(1_234)),
        (MDW[1:-2], Unmarked(1_234)),
        (b"    1.234kgNT", Unmarked(1_234)),
        (b"G +   1.234 kg", Unmarked(1_234)),
        (b"N +   1.234 kg", Unmarked(1_234)),
        (b"   1.234Kg", Unmarked(1_234)),
        (b"ST,GS,+  1.234kg", Reading(WeightState.STABLE, 1_234)),
        (b"ST,GS+  5.12KG", Reading(WeightState.STABLE, 5_120)),
        (b"US,NT,+  1.234kg", Reading(WeightState.UNSTABLE, 1_234)),
        (b"OL,GS,+  1.234kg", OVERLOAD),
        (b"OL,GS,+ ------kg", OVERLOAD),
        (b"^^^^^^^^^kgGR", OVERLOAD),
        (b"_________kgGR", BELOW_ZERO),
        (b"---------kgGR", BELOW_ZERO),
        (b"-       1.234kg ", BELOW_ZERO),
        (b"ST,GS,-  0.030kg", BELOW_ZERO),
        (b"ST,GS,-  0.000kg", Reading(WeightState.STABLE)),
        (b"       1.234lb  ", OTHER),
        (b"      123.45 g  ", OTHER),
        (b"            125PCS", OTHER),
        (b"       1.2345kg", None),
        (b"        1234kg ", None),
        (b"        1.234   ", None),
        (b"        1.2 4kg ", None),
        (b"        1..34kg ", None),
        (b"No.         01", None),
        (b"Total     1.234kg", None),
        (b"T +   1.234 kg", None),
        (b"XX,GS,+  1.234kg", None),
        (b"", None),
        (b" " * 25 + b"1.234kg ", None),
    ],
)
def test_what_a_line_says(line: bytes, expected: Reading | Unmarked | None) -> None:
    assert read_line(line) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (HIGHLAND, [None]),  # the first line: who knows what it lacks
        (HIGHLAND * 3, [None, Unmarked(1_234), Unmarked(1_234)]),
        (MDW * 3, [None, Unmarked(1_234), Unmarked(1_234)]),
        (HIGHLAND[9:] + HIGHLAND * 2, [None, None, Unmarked(1_234)]),
        # a byte lost: that line and the next one are none
        (
            HIGHLAND * 2 + HIGHLAND[:8] + HIGHLAND[9:] + HIGHLAND * 2,
            [None, Unmarked(1_234), None, None, Unmarked(1_234)],
        ),
        (HIGHLAND * 2 + b"\r\n\r\n" + HIGHLAND, [None, Unmarked(1_234), Unmarked(1_234)]),
        (HIGHLAND * 2 + HIGHLAND[:-2], [None, Unmarked(1_234)]),
        (b"", []),
    ],
)
def test_lines_as_they_come(sent: bytes, expected: list[Reading | Unmarked | None]) -> None:
    assert ScaleLines().feed(sent) == expected
    one_by_one = ScaleLines()
    assert [each for i in range(len(sent)) for each in one_by_one.feed(sent[i : i + 1])] == expected
    with_more = ScaleLines()
    assert with_more.feed(sent) + with_more.feed(b"\xff") == expected


def test_a_line_without_an_end_is_not_kept() -> None:
    lines = ScaleLines()
    assert lines.feed(HIGHLAND * 2)[1:] == [Unmarked(1_234)]
    assert lines.feed(b"1" * (LINE_BYTES_MAX + 1)) == [None]
    assert len(lines._buffer) == 0
    assert lines.feed(b"1" * (LINE_BYTES_MAX + 1)) == []
    assert lines.feed(HIGHLAND[4:]) == [], "the rest of what is no line"
    assert lines.feed(HIGHLAND[4:]) == [None], "the first line after it"
    assert lines.feed(HIGHLAND * 2) == [None, Unmarked(1_234)]
    lines.feed(HIGHLAND[:5])
    lines.flush()
    assert lines.feed(HIGHLAND) == [None]


@pytest.mark.timeout(300)
def test_a_damaged_line_never_becomes_another_weight() -> None:
    print(f"SCALE_FUZZ_SEED={SEED} SCALE_FUZZ_LINES={LINES}")
    chance = random.Random(SEED)
    lines = ScaleLines()
    before = good = 0
    spoilt = False
    for _ in range(LINES):
        weight_g = chance.randint(1, 99_999)
        line = f" {weight_g / 1000:12.3f}kg \r\n".encode()
        # two in a row that lack a byte each look alike: that the weight stays is the driver's part
        spoilt = not spoilt and chance.random() < 0.3
        if spoilt:
            line = chance.choice(SPOILS)(chance, line)
        cut = chance.randint(0, len(line))
        for each in (*lines.feed(line[:cut]), *lines.feed(line[cut:])):
            if isinstance(each, Unmarked):
                assert each.weight_g in {before, weight_g}, (line, f"SCALE_FUZZ_SEED={SEED}")
                good += 1
        before = weight_g
        assert len(lines._buffer) <= LINE_BYTES_MAX
    assert good > LINES / 10
