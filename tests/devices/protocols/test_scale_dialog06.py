from __future__ import annotations

import os
import random

import pytest

from devices.protocols.scale_dialog06 import (
    ASK_RESULT,
    ASK_STATUS,
    ChecksumsWanted,
    Record,
    Sign,
    Status,
    Weighed,
    adds_up,
    answers,
    price_record,
    tare_record,
)
from edge.contract.device_limits import (
    SCALE_PRICE_MINOR_MAX,
    SCALE_TARE_G_MAX,
)
from tests.devices.protocols.answer_cases import SPOILS, check_case

RESULT = bytes.fromhex(
    "02 30 32 1B 33 1B 30 30 37 34 32 1B 30 30 30 32 39 39 1B 30 30 30 32 32 32 03"
)
"""0.742 kg at 2.99 a kilogram is 2.22 (2.21858)."""
WEIGHED = Weighed("3", 742, 299, 222)
LINES = int(os.environ.get("SCALE_FUZZ_LINES", "30000"))
"""Short form; `SCALE_FUZZ_LINES=1000000` is the long one."""
SEED = int(os.environ.get("SCALE_FUZZ_SEED", "20261127"))


def test_what_the_till_says() -> None:
    assert price_record(299) == bytes.fromhex("04 02 30 31 1B 30 30 30 32 39 39 1B 03")
    assert price_record(999_999) == b"\x04\x0201\x1b999999\x1b\x03"
    assert tare_record(299, 10) == bytes.fromhex(
        "04 02 30 33 1B 30 30 30 32 39 39 1B 30 30 31 30 03"
    )
    assert tare_record(1, 0) == b"\x04\x0203\x1b000001\x1b0000\x03"
    assert tare_record(999_999, 9_999) == b"\x04\x0203\x1b999999\x1b9999\x03"
    assert bytes.fromhex("04 05") == ASK_RESULT
    assert bytes.fromhex("04 02 30 38 03") == ASK_STATUS


@pytest.mark.parametrize("price_minor", [0, -1, SCALE_PRICE_MINOR_MAX + 1])
def test_a_price_that_does_not_fit_is_not_sent(price_minor: int) -> None:
    with pytest.raises(ValueError, match="six digits"):
        price_record(price_minor)
    with pytest.raises(ValueError, match="six digits"):
        tare_record(price_minor, 10)


@pytest.mark.parametrize("tare_g", [-1, SCALE_TARE_G_MAX + 1])
def test_nor_is_a_tare(tare_g: int) -> None:
    with pytest.raises(ValueError, match="four digits"):
        tare_record(299, tare_g)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x06", [Sign.TAKEN]),
        (b"\x15", [Sign.NOT_TAKEN]),
        (RESULT, [WEIGHED]),
        (RESULT.replace(b"\x1b000299", b"\x1b00299"), [WEIGHED]),  # price of five digits
        (RESULT.replace(b"\x1b3\x1b", b"\x1b1\x1b"), [Weighed("1", 742, 299, 222)]),
        (RESULT.replace(b"\x1b3\x1b", b"\x1b4\x1b"), [None]),
        (RESULT.replace(b"00742", b"0742"), [None]),
        (RESULT.replace(b"00742", b"0 742"), [None]),
        (RESULT.replace(b"000222", b"00222"), [None]),
        (RESULT.replace(b"02\x1b", b"03\x1b"), [None]),
        (RESULT.replace(b"\x1b000222", b"000222"), [None]),
        (b"\x0209\x1b20\x03", [Status("20")]),
        (b"\x0209\x1b00\x03", [Status("00")]),
        (b"\x0209\x1b2\x03", [None]),
        (b"\x0209\x1b200\x03", [None]),
        (b"\x0209 20\x03", [None]),
        (b"\x0211\x1b2A7\x03", [ChecksumsWanted()]),
        (b"\x0211\x1b2\x03", [ChecksumsWanted()]),
        (b"\x0211\x1b0\x03", [ChecksumsWanted()]),
        (b"\x0211\x1b1\x03", [None]),  # valid: an answer to what this till never sends
        (b"\x0211\x1b3\x03", [None]),
        (b"\x06" + RESULT, [Sign.TAKEN, WEIGHED]),
        (RESULT + RESULT, [WEIGHED, WEIGHED]),
        (RESULT[:9] + RESULT, [None, WEIGHED]),
        (b"noise\x15", [None, Sign.NOT_TAKEN]),
        (RESULT[:-1], []),
        (b"\x02" + b"0" * 60, [None]),
        (b"\x02" + b"0" * 60 + RESULT, [None, WEIGHED]),
    ],
)
def test_what_a_scale_says(sent: bytes, expected: list[Record | None]) -> None:
    check_case(answers, sent, expected)


@pytest.mark.parametrize(
    ("weighed", "price_minor", "step_minor", "fits"),
    [
        (WEIGHED, 299, 1, True),
        (Weighed("3", 742, 299, 221), 299, 1, True),  # rounded down
        (Weighed("3", 742, 299, 223), 299, 1, False),
        (Weighed("3", 742, 299, 220), 299, 1, False),
        (Weighed("3", 742, 299, 220), 299, 5, True),  # nothing smaller than 5 is paid
        (Weighed("3", 742, 299, 215), 299, 5, False),
        (WEIGHED, 298, 1, False),
        (Weighed("3", 542, 299, 222), 299, 1, False),
        (Weighed("3", 742, 299, 0), 299, 1, False),
        (Weighed("3", 0, 299, 0), 299, 1, True),
    ],
)
def test_the_amount_must_fit_the_weight(
    weighed: Weighed, price_minor: int, step_minor: int, fits: bool
) -> None:
    assert adds_up(weighed, price_minor, step_minor) is fits


@pytest.mark.timeout(300)
def test_nothing_but_a_result_that_adds_up_ever_becomes_a_weight() -> None:
    print(f"SCALE_FUZZ_SEED={SEED} SCALE_FUZZ_LINES={LINES}")
    chance = random.Random(SEED)
    reader = answers()
    good = 0
    for _ in range(LINES):
        weight_g, price = chance.randint(1, 99_999), chance.randint(100, 9_999)
        amount = (weight_g * price + 500) // 1000
        line = f"\x0202\x1b3\x1b{weight_g:05}\x1b{price:06}\x1b{amount:06}\x03".encode()
        intact = chance.random() < 0.2
        if not intact:
            line = chance.choice(SPOILS)(chance, line)
        cut = chance.randint(0, len(line))
        found = reader.feed(line[:cut]) + reader.feed(line[cut:])
        heard = {
            each.weight_g for each in found if isinstance(each, Weighed) and adds_up(each, price, 1)
        }
        assert heard <= {weight_g}, (line, f"SCALE_FUZZ_SEED={SEED}")
        if intact:
            assert heard == {weight_g}
            good += 1
        reader.flush()
    assert good > LINES / 10
