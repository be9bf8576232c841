from __future__ import annotations

import os
import random

import pytest

from devices.protocols.scale_nci import ASK_WEIGHT, answers
from devices.protocols.weight_readings import SCALE_FAULTY, Reading, Trouble
from edge.contract.device_states import WeightState
from tests.devices.protocols.answer_cases import SPOILS, check_case

WEIGHT_742 = bytes.fromhex("0A 30 30 2E 37 34 32 4B 47 0D 0A 53 30 30 0D 03")
AT_ZERO = bytes.fromhex("0A 53 32 30 0D 03")
"""The example of a manual: at zero, neither below it nor over capacity, nothing faulty."""
STABLE_742 = Reading(WeightState.STABLE, 742)
UNSTABLE = Reading(WeightState.UNSTABLE)
OVERLOAD = Reading(WeightState.OVERLOAD)
BELOW_ZERO = Reading(WeightState.BELOW_ZERO)
POUNDS = Reading(WeightState.NOT_KILOGRAMS)
NOTHING = Reading(WeightState.STABLE)
LINES = int(os.environ.get("SCALE_FUZZ_LINES", "30000"))
"""Short form; `SCALE_FUZZ_LINES=1000000` is the long one."""
SEED = int(os.environ.get("SCALE_FUZZ_SEED", "20261127"))


def test_the_weight_is_asked_for_by_w_and_cr() -> None:
    assert bytes.fromhex("57 0D") == ASK_WEIGHT


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (WEIGHT_742, [STABLE_742]),
        (AT_ZERO, [NOTHING]),
        # two to four status bytes: b6 says that another follows
        (b"\n00.742KG\r\nS0p0\r\x03", [STABLE_742]),
        (b"\n00.742KG\r\nS0pp4\r\x03", [STABLE_742]),
        (b"\n00.742KG\r\nS0p4\r\x03", [STABLE_742]),  # net: what the scale shows
        (b"\n00.742KG\r\nS00p\r\x03", [None]),  # b6 was 0: no third one
        (b"\n00.742KG\r\nS0p\r\x03", [None]),  # b6 was 1: the third one is missing
        (b"\n00.742KG\r\nS0ppp0\r\x03", [None]),
        (b"\n00.742KG\r\nSp0\r\x03", [None]),
        (b"\n00.742KG\r\nS0\r\x03", [None]),
        (b"\n00.742KG\r\nS0A\r\x03", [None]),
        # without S, in small letters, with more digits: other models
        (b"\n   0.742kg\r\n00\r\x03", [STABLE_742]),
        (b"\n0000.742kg\r\n00\r\x03", [STABLE_742]),
        (b"\n  -0.742kg\r\n00\r\x03", [BELOW_ZERO]),
        (b"\n  -0.000kg\r\n00\r\x03", [NOTHING]),
        (b"\n   0.742kg\r\n10\r\x03", [Reading(WeightState.UNSTABLE, 742)]),
        # why there is no weight
        (b"\nS10\r\x03", [UNSTABLE]),
        (b"\nS01\r\x03", [BELOW_ZERO]),
        (b"\nS02\r\x03", [OVERLOAD]),
        (b"\nS12\r\x03", [UNSTABLE]),
        (b"\nS0p8\r\x03", [BELOW_ZERO]),
        (b"\nS40\r\x03", [SCALE_FAULTY]),
        (b"\nS80\r\x03", [SCALE_FAULTY]),
        (b"\nS04\r\x03", [SCALE_FAULTY]),
        (b"\nS08\r\x03", [SCALE_FAULTY]),
        (b"\n00.742KG\r\nS08\r\x03", [SCALE_FAULTY]),
        (b"\n00.742KG\r\nS02\r\x03", [OVERLOAD]),
        (b"\nS00\r\x03", [UNSTABLE]),  # no weight and no reason
        (b"\n00.742LB\r\nS00\r\x03", [POUNDS]),
        (b"\n1LB 12.3OZ\r\nS00\r\x03", [POUNDS]),
        (b"\n742g\r\n00\r\x03", [POUNDS]),
        (b"\n?\r\x03", [None]),
        (b"\n00742KG\r\nS00\r\x03", [None]),
        (b"\n0.742KG\r\nS00\r\x03", [None]),  # a digit was lost
        (b"\n0000000.742KG\r\nS00\r\x03", [None]),
        (b"\n00.742\r\nS00\r\x03", [None]),
        (b"\n00.7421KG\r\nS00\r\x03", [None]),
        (b"\n00.742KG\rS00\r\x03", [None]),
        (b"\n00.742KG\r\nS00\x03", [None]),
        (b"\n\x03", [None]),
        # a status is part of a weight's message: nothing of a damaged one is believed
        (b"\n00.7421KG\r\nS20\r\x03", [None]),
        (WEIGHT_742[:5] + WEIGHT_742, [None]),
        (WEIGHT_742[:5] + WEIGHT_742 + AT_ZERO, [None, NOTHING]),
        (WEIGHT_742 + AT_ZERO, [STABLE_742, NOTHING]),
        (WEIGHT_742[:-1], []),
        (b"\n" + b"0" * 80, [None]),
        (b"\n" + b"0" * 80 + WEIGHT_742, [None, STABLE_742]),
    ],
)
def test_what_a_scale_says(sent: bytes, expected: list[Reading | Trouble | None]) -> None:
    check_case(answers, sent, expected)


def test_half_an_answer_is_given_up_with_the_silence() -> None:
    reader = answers()
    assert reader.feed(WEIGHT_742[:9]) == []
    assert reader.flush() == [None]
    assert reader.feed(WEIGHT_742) == [STABLE_742]


@pytest.mark.timeout(300)
def test_no_line_ever_becomes_another_weight() -> None:
    print(f"SCALE_FUZZ_SEED={SEED} SCALE_FUZZ_LINES={LINES}")
    chance = random.Random(SEED)
    reader = answers()
    good = 0
    for _ in range(LINES):
        weight_g = chance.randint(1, 99_999)
        status = chance.choice([b"00", b"0p0", b"0pp4"])
        line = f"\n{weight_g / 1000:06.3f}KG\r\nS".encode() + status + b"\r\x03"
        fate = chance.random()
        may_be = {weight_g} if fate < 0.2 else set[int]()
        if 0.2 <= fate < 0.4:
            wrong = chance.choice([b"10", b"01", b"02", b"40", b"08", b"0p8", b"1pp4"])
            line = line[: line.index(b"S") + 1] + wrong + b"\r\x03"
        elif 0.4 <= fate < 0.5:
            line = line.replace(b"KG", chance.choice([b"LB", b"OZ", b"G", b"MM"]))
        elif fate >= 0.5:
            line = chance.choice(SPOILS)(chance, line)
            may_be = {weight_g}  # without S, or a status byte less, it is still this weight's line
        cut = chance.randint(0, len(line))
        found = reader.feed(line[:cut]) + reader.feed(line[cut:])
        heard = {
            each.weight_g
            for each in found
            if isinstance(each, Reading) and each.state is WeightState.STABLE and each.weight_g
        }
        assert heard <= may_be, (line, f"SCALE_FUZZ_SEED={SEED}")
        if fate < 0.2:
            assert heard == {weight_g}
            good += 1
        reader.flush()
    assert good > LINES / 10
