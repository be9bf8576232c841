from __future__ import annotations

import os
import random

import pytest

from devices.protocols.scale_mt8217 import ASK_WEIGHT, answers
from devices.protocols.weight_readings import Reading
from edge.contract.device_states import WeightState
from tests.devices.protocols.answer_cases import SPOILS, check_case

WEIGHT_742 = bytes.fromhex("02 30 30 2E 37 34 32 0D")
STABLE_742 = Reading(WeightState.STABLE, 742)
POUNDS = Reading(WeightState.NOT_KILOGRAMS)
UNSTABLE = Reading(WeightState.UNSTABLE)
OVERLOAD = Reading(WeightState.OVERLOAD)
BELOW_ZERO = Reading(WeightState.BELOW_ZERO)
NOTHING = Reading(WeightState.STABLE)
LINES = int(os.environ.get("SCALE_FUZZ_LINES", "30000"))
"""Short form; `SCALE_FUZZ_LINES=1000000` is the long one."""
SEED = int(os.environ.get("SCALE_FUZZ_SEED", "20261127"))


def test_the_weight_is_asked_for_by_one_letter_without_an_end() -> None:
    assert bytes.fromhex("57") == ASK_WEIGHT


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (WEIGHT_742, [STABLE_742]),
        (b"\x0200.742N\r", [STABLE_742]),  # net: what the scale shows
        (b"\x02 0.742\r", [STABLE_742]),
        (b"\x0200.000\r", [NOTHING]),
        (b"\x0299.999\r", [Reading(WeightState.STABLE, 99_999)]),
        (b"\x0212.34\r", [POUNDS]),
        (b"\x02012.34\r", [POUNDS]),
        (b"\x02012.34N\r", [POUNDS]),
        # a status is never a weight; 41h is motion alone, and so on
        (bytes.fromhex("02 3F 41 0D"), [UNSTABLE]),
        (bytes.fromhex("02 3F 42 0D"), [OVERLOAD]),
        (bytes.fromhex("02 3F 44 0D"), [BELOW_ZERO]),
        (bytes.fromhex("02 3F 48 0D"), [BELOW_ZERO]),
        (bytes.fromhex("02 3F 50 0D"), [NOTHING]),
        (bytes.fromhex("02 3F 40 0D"), [UNSTABLE]),
        (bytes.fromhex("02 3F 60 0D"), [UNSTABLE]),
        (bytes.fromhex("02 3F 51 0D"), [UNSTABLE]),
        (bytes.fromhex("02 3F 43 0D"), [UNSTABLE]),
        (bytes.fromhex("02 3F 52 0D"), [OVERLOAD]),
        (bytes.fromhex("02 3F 76 0D"), [OVERLOAD]),
        (bytes.fromhex("02 3F 6C 0D"), [BELOW_ZERO]),
        (bytes.fromhex("02 3F 01 0D"), [None]),  # b6 is always 1
        (bytes.fromhex("02 3F C1 0D"), [None]),  # the eighth bit is parity, taken off by the port
        (b"\x02?\r", [None]),
        (b"\x02?AA\r", [None]),
        (b"\x02E\r", [None]),
        (b"\x02\r", [None]),
        (b"\x020.742\r", [None]),  # a digit was lost: 10.742 may have been meant
        (b"\x02000.742\r", [None]),
        (b"\x0200742\r", [None]),
        (b"\x0200.7 2\r", [None]),
        (b"\x02-0.742\r", [None]),
        (b"\x0200.742n\r", [None]),
        (b"\x0200.742NN\r", [None]),
        (b"00.742\r", [None]),
        (WEIGHT_742[:5] + WEIGHT_742, [None, STABLE_742]),
        (WEIGHT_742 + bytes.fromhex("02 3F 41 0D"), [STABLE_742, UNSTABLE]),
        (WEIGHT_742[:-1], []),
        (b"\x02" + b"0" * 15, [None]),
        (b"\x02" + b"0" * 40 + WEIGHT_742, [None, STABLE_742]),
    ],
)
def test_what_a_scale_says(sent: bytes, expected: list[Reading | None]) -> None:
    check_case(answers, sent, expected)


def test_half_an_answer_is_given_up_with_the_silence() -> None:
    reader = answers()
    assert reader.feed(WEIGHT_742[:4]) == []
    assert reader.flush() == [None]
    assert reader.feed(WEIGHT_742[4:]) == [None]
    assert reader.feed(WEIGHT_742) == [STABLE_742]


@pytest.mark.timeout(300)
def test_nothing_but_a_weight_ever_becomes_one() -> None:
    print(f"SCALE_FUZZ_SEED={SEED} SCALE_FUZZ_LINES={LINES}")
    chance = random.Random(SEED)
    reader = answers()
    sent: list[int] = []
    heard: list[int] = []
    for _ in range(LINES):
        weight_g = chance.randint(1, 99_999)
        line = f"\x02{weight_g / 1000:06.3f}\r".encode()
        fate = chance.random()
        if fate < 0.2:
            sent.append(weight_g)
        elif fate < 0.4:
            line = b"\x02?" + bytes([chance.randrange(256)]) + b"\r"
        elif fate < 0.5:
            line = f"\x020{weight_g / 1000:05.2f}\r".encode()
        else:
            line = chance.choice(SPOILS)(chance, line)
        cut = chance.randint(0, len(line))
        found = reader.feed(line[:cut]) + reader.feed(line[cut:])
        heard += [
            each.weight_g
            for each in found
            if each is not None and each.state is WeightState.STABLE and each.weight_g
        ]
        reader.flush()
    assert len(sent) > LINES / 10
    assert heard == sent, f"SCALE_FUZZ_SEED={SEED}"
