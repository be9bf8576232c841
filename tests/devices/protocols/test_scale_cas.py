from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from devices.protocols.scale_cas import BLOCK_BYTES, Line, Reading, ScaleAnswers, read_block
from edge.contract.device_states import WeightState

BLOCK_742 = bytes.fromhex("01 02 53 20 30302E373432 6B67 60 03 04")
"""0.742 kg, stable; the check byte was added up by hand."""
STABLE_742 = Reading(WeightState.STABLE, 742)
LINES = int(os.environ.get("SCALE_FUZZ_LINES", "50000"))
"""Short form; `SCALE_FUZZ_LINES=1000000` is the long one."""
SEED = int(os.environ.get("SCALE_FUZZ_SEED", "20261126"))


def block(state: str = "S", sign: str = " ", number: str = "00.742", unit: str = "kg") -> bytes:
    text = f"{state}{sign}{number}{unit}".encode("latin-1")
    check = 0
    for byte in text:
        check ^= byte
    return b"\x01\x02" + text + bytes([check]) + b"\x03\x04"


def test_the_helper_writes_what_was_written_by_hand() -> None:
    assert block() == BLOCK_742
    assert len(BLOCK_742) == BLOCK_BYTES


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (BLOCK_742, [STABLE_742]),
        (block(number=" 0.742"), [STABLE_742]),
        (block(number="  0.74"), [Reading(WeightState.STABLE, 740)]),
        (block(number="1234.5"), [Reading(WeightState.STABLE, 1_234_500)]),
        (block(number="00.000"), [Reading(WeightState.STABLE, 0)]),
        (block(sign="+"), [STABLE_742]),
        (block(sign="-", number="00.000"), [Reading(WeightState.STABLE, 0)]),
        (block("U"), [Reading(WeightState.UNSTABLE, 742)]),
        (block("F"), [Reading(WeightState.OVERLOAD)]),
        (block("F", number="------"), [Reading(WeightState.OVERLOAD)]),
        (block(sign="-"), [Reading(WeightState.BELOW_ZERO)]),
        (block("U", sign="-"), [Reading(WeightState.BELOW_ZERO)]),
        (block(unit="lb"), [Reading(WeightState.NOT_KILOGRAMS)]),
        (block(unit=" g"), [Reading(WeightState.NOT_KILOGRAMS)]),
        (block(unit="\x00g"), [Line.NOISE]),
        (block("X"), [Line.NOISE]),
        (block(sign="0"), [Line.NOISE]),
        (block(number="0.7421"), [Line.NOISE]),  # tenths of a gram: a sale has none
        (block(number="000742"), [Line.NOISE]),
        (block(number="0 .742"), [Line.NOISE]),
        (block(number="      "), [Line.NOISE]),
        (block(number="00.74 "), [Line.NOISE]),
        (BLOCK_742[:-3] + b"\x61\x03\x04", [Line.NOISE]),
        (b"\x01\x03" + BLOCK_742[2:], [Line.NOISE]),
        (BLOCK_742[:-1] + b"\x03", [Line.NOISE]),
        (b"\x06", [Line.READY]),
        (b"\x15", [Line.NOT_NOW]),
        (b"\x06" + BLOCK_742, [Line.READY, STABLE_742]),
        (b"noise", [Line.NOISE]),
        (b"noise\x06", [Line.NOISE, Line.READY]),
        (BLOCK_742[:7] + BLOCK_742, [Line.NOISE, STABLE_742]),
        (b"\x01" + BLOCK_742, [Line.NOISE, STABLE_742]),
        (BLOCK_742[:7], []),
        (b"", []),
    ],
)
def test_what_a_scale_says(sent: bytes, expected: list[Reading | Line]) -> None:
    assert ScaleAnswers().feed(sent) == expected
    one_by_one = ScaleAnswers()
    found = [answer for byte in sent for answer in one_by_one.feed(bytes([byte]))]
    assert [each for each in found if each is not Line.NOISE] == [
        each for each in expected if each is not Line.NOISE
    ]
    assert (Line.NOISE in found) == (Line.NOISE in expected)


def test_half_a_block_is_given_up_with_the_silence() -> None:
    answers = ScaleAnswers()
    assert answers.feed(BLOCK_742[:9]) == []
    assert answers.flush() == [Line.NOISE]
    assert answers.flush() == []
    assert answers.feed(BLOCK_742[9:]) == [Line.NOISE]
    assert answers.feed(BLOCK_742) == [STABLE_742]


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES + 1])
def test_a_block_has_fifteen_bytes(size: int) -> None:
    assert read_block((BLOCK_742 + b"\x04")[:size]) is None


# --- whatever the line does, only a whole block that says so is a weight ---------------------


def _damaged(chance: random.Random, good: bytes) -> bytes:
    at = chance.randrange(len(good))
    return good[:at] + bytes([good[at] ^ chance.randint(1, 255)]) + good[at + 1 :]


def _number(chance: random.Random) -> str:
    return f"{chance.randint(1, 99_999) / 1000:06.3f}"


NO_WEIGHT: tuple[Callable[[random.Random], bytes], ...] = (
    lambda chance: block("U", number=_number(chance)),
    lambda chance: block("F", number=chance.choice([_number(chance), "------", "      "])),
    lambda chance: block(chance.choice("SU"), "-", _number(chance)),
    lambda chance: block(
        number=_number(chance), unit=chance.choice(["lb", "oz", " g", " t", "KG"])
    ),
    lambda chance: block(number="".join(chance.choices("0123456789. -", k=5)) + " "),
    lambda chance: _damaged(chance, block(number=_number(chance))),
    lambda chance: block(number=_number(chance))[: chance.randint(1, BLOCK_BYTES - 1)],
    lambda chance: block(number=_number(chance))[chance.randint(1, BLOCK_BYTES - 1) :],
    lambda chance: block(number=_number(chance))[: chance.randint(1, 9)] + block("U"),
    lambda chance: chance.randbytes(chance.randint(1, 40)),
    lambda chance: b"\x01\x02" * chance.randint(1, 9),
    lambda chance: chance.choice([b"\x06", b"\x15", b"\x04", b"\x01"]),
)


@pytest.mark.timeout(300)
def test_nothing_but_a_stable_weight_ever_becomes_one() -> None:
    print(f"SCALE_FUZZ_SEED={SEED} SCALE_FUZZ_LINES={LINES}")
    chance = random.Random(SEED)
    answers = ScaleAnswers()
    sent: list[int] = []
    heard: list[int] = []

    def hear(data: bytes) -> None:
        heard.extend(
            answer.weight_g
            for answer in answers.feed(data)
            if isinstance(answer, Reading) and answer.state is WeightState.STABLE
        )

    for _ in range(LINES):
        if chance.random() < 0.2:
            grams = chance.randint(0, 99_999)
            line = block(number=f"{grams / 1000:06.3f}")
            sent.append(grams)
        else:
            line = chance.choice(NO_WEIGHT)(chance)
        cut = chance.randint(0, len(line))
        hear(line[:cut])
        hear(line[cut:])
        answers.flush()  # as before each question: what broke off is not the head of the next
    assert len(sent) > LINES / 10
    assert heard == sent, f"SCALE_FUZZ_SEED={SEED}"
