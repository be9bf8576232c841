"""Simulated scales say what the manuals write, and play every fault that one can have."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from devices import driver_catalogue
from devices.driver import SimulatorPorts
from devices.transports.memory_pipe import memory_pipe
from devices.weighing.simulated_platter import ScaleFault
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

SCALES = ("scale_cas", "scale_mt8217", "scale_nci", "scale_dialog06", "scale_adam")
PRICE_299 = b"\x04\x0201\x1b000299\x1b\x03"
RESULT_742 = b"\x0202\x1b3\x1b00742\x1b000299\x1b000222\x03"
TARE_10 = b"\x04\x0203\x1b000299\x1b0010\x03"
RESULT_732 = b"\x0202\x1b3\x1b00732\x1b000299\x1b000219\x03"
STATUS = b"\x04\x0208\x03"

CAS_742 = bytes.fromhex("01 02 53 20 30302E373432 6B67 60 03 04")
QUESTIONS = {
    "scale_cas": b"\x05\x11",
    "scale_mt8217": b"W",
    "scale_nci": b"W\r",
    "scale_dialog06": PRICE_299 + b"\x04\x05",
    "scale_adam": b"P\r\n",
}
ANSWERS = {
    "scale_cas": b"\x06" + CAS_742,
    "scale_mt8217": b"\x0200.742\r",
    "scale_nci": b"\n00.742KG\r\nS00\r\x03",
    "scale_dialog06": b"\x06" + RESULT_742,
    "scale_adam": b"        0.742kg \r\n",
}


def build(name: str, clock: VirtualClock | None = None, **set_up: Any) -> Any:
    spec = driver_catalogue.simulator(name)
    log = open_log("test", io.StringIO(), level="debug")
    settings = msgspec.convert(set_up, spec.settings)
    return spec.build(settings, SimulatorPorts(clock or VirtualClock(), log))


def told(scale: Any, *questions: bytes) -> bytes:
    """What it answers on a perfect line."""
    return b"".join(scale.answer(byte) for question in questions for byte in question)


@pytest.mark.parametrize(
    ("name", "set_up", "grams", "question", "answer"),
    [
        ("scale_mt8217", {}, 742, b"W", b"\x0200.742\r"),
        ("scale_mt8217", {}, 0, b"W", b"\x0200.000\r"),
        ("scale_mt8217", {"net": True}, 742, b"W", b"\x0200.742N\r"),
        ("scale_mt8217", {"unit": "lb"}, 742, b"W", b"\x02001.64\r"),
        ("scale_mt8217", {}, 15_001, b"W", bytes.fromhex("02 3F 42 0D")),
        ("scale_mt8217", {}, -30, b"W", bytes.fromhex("02 3F 44 0D")),
        ("scale_mt8217", {}, 100, b"ZW", bytes.fromhex("02 3F 50 0D") + b"\x0200.000\r"),
        ("scale_mt8217", {}, 742, b"ZW", bytes.fromhex("02 3F 40 0D") + b"\x0200.742\r"),
        ("scale_mt8217", {}, 742, b"EhelloFW", b"\x02E\rhello\x02F\r\x0200.742\r"),
        ("scale_mt8217", {}, 742, b"AB", b"\x02\r\x02?@\r"),
        ("scale_mt8217", {}, 742, b"T00100C", b""),
        ("scale_mt8217", {}, 742, b"x", bytes.fromhex("02 3F 40 0D")),
        ("scale_nci", {}, 742, b"W\r", b"\n00.742KG\r\nS00\r\x03"),
        ("scale_nci", {}, 0, b"S\r", bytes.fromhex("0A 53 32 30 0D 03")),
        ("scale_nci", {}, 100, b"Z\r", bytes.fromhex("0A 53 32 30 0D 03")),
        ("scale_nci", {}, 742, b"Z\r", b"\nS00\r\x03"),
        ("scale_nci", {}, -30, b"W\r", b"\nS01\r\x03"),
        ("scale_nci", {}, 15_001, b"W\r", b"\nS02\r\x03"),
        ("scale_nci", {"status_bytes": 3}, 742, b"W\r", b"\n00.742KG\r\nS0p0\r\x03"),
        ("scale_nci", {"status_bytes": 4}, 742, b"W\r", b"\n00.742KG\r\nS0pp4\r\x03"),
        ("scale_nci", {"dialect": "general"}, 742, b"W\r", b"\n   0.742kg\r\n00\r\x03"),
        ("scale_nci", {"dialect": "general"}, -30, b"W\r", b"\n  -0.030kg\r\n01\r\x03"),
        ("scale_nci", {"unit": "lb"}, 742, b"W\r", b"\n01.636LB\r\nS00\r\x03"),
        ("scale_nci", {}, 742, b"X\r", b"\n?\r\x03"),
        ("scale_nci", {}, 742, b"WWWWWWWWWW\r", b"\n?\r\x03"),
        ("scale_dialog06", {}, 742, PRICE_299, b"\x06"),
        ("scale_dialog06", {}, 742, PRICE_299 + b"\x04\x05", b"\x06" + RESULT_742),
        (
            "scale_dialog06",
            {},
            742,
            b"\x04\x0205\x1b000299\x1b0010\x1bApples       \x03\x04\x05",
            b"\x06" + RESULT_732,
        ),
        ("scale_dialog06", {}, 742, TARE_10 + b"\x04\x05", b"\x06" + RESULT_732),
        ("scale_dialog06", {}, 742, TARE_10 + PRICE_299 + b"\x04\x05", b"\x06\x06" + RESULT_742),
        (
            "scale_dialog06",
            {"keeps_tare": True},
            742,
            TARE_10 + PRICE_299 + b"\x04\x05",
            b"\x06\x06" + RESULT_732,
        ),
        (
            "scale_dialog06",
            {"tare": "ignored"},
            742,
            TARE_10 + b"\x04\x05",
            b"\x06" + RESULT_742,
        ),
        ("scale_dialog06", {"tare": "refused"}, 742, TARE_10 + STATUS, b"\x15\x0209\x1b12\x03"),
        ("scale_dialog06", {"tare_g_max": 9}, 742, TARE_10 + STATUS, b"\x15\x0209\x1b12\x03"),
        ("scale_dialog06", {"step_g": 4}, 742, TARE_10 + STATUS, b"\x15\x0209\x1b12\x03"),
        ("scale_dialog06", {}, 9, TARE_10 + b"\x04\x05" + STATUS, b"\x06\x15\x0209\x1b31\x03"),
        ("scale_dialog06", {}, 10, TARE_10 + b"\x04\x05" + STATUS, b"\x06\x15\x0209\x1b30\x03"),
        (
            "scale_dialog06",
            {},
            742,
            b"\x04\x0203\x1b000299\x1b010\x03" + STATUS,
            b"\x15\x0209\x1b11\x03",
        ),
        ("scale_dialog06", {}, 742, b"\x04\x05" + STATUS, b"\x15\x0209\x1b01\x03"),
        (
            "scale_dialog06",
            {},
            742,
            (PRICE_299 + b"\x04\x05") * 2 + STATUS,
            b"\x06" + RESULT_742 + b"\x06\x15\x0209\x1b21\x03",
        ),
        ("scale_dialog06", {}, 0, PRICE_299 + b"\x04\x05" + STATUS, b"\x06\x15\x0209\x1b30\x03"),
        ("scale_dialog06", {}, -30, PRICE_299 + b"\x04\x05" + STATUS, b"\x06\x15\x0209\x1b31\x03"),
        (
            "scale_dialog06",
            {},
            15_001,
            PRICE_299 + b"\x04\x05" + STATUS,
            b"\x06\x15\x0209\x1b32\x03",
        ),
        ("scale_dialog06", {}, 742, b"\x04\x0201\x1b299\x1b\x03" + STATUS, b"\x15\x0209\x1b11\x03"),
        (
            "scale_dialog06",
            {},
            742,
            b"\x04\x0201\x1b000000\x1b\x03" + STATUS,
            b"\x15\x0209\x1b11\x03",
        ),
        (
            "scale_dialog06",
            {},
            1_500,
            b"\x04\x0201\x1b999999\x1b\x03\x04\x05" + STATUS,
            b"\x06\x15\x0209\x1b01\x03",
        ),
        ("scale_dialog06", {}, 742, b"\x04\x0207\x03" + STATUS, b"\x15\x0209\x1b10\x03"),
        ("scale_dialog06", {"demands_checksums": True}, 742, PRICE_299, b"\x0211\x1b2A7\x03"),
        ("scale_dialog06", {}, 742, b"\x05\x04\x02" + b"0" * 80 + PRICE_299, b"\x06"),
        ("scale_adam", {"mode": "request"}, 742, b"P\r\nP\r\n", b"        0.742kg \r\n"),
        ("scale_adam", {}, 742, b"P\r\n", b""),
    ],
)
def test_what_it_answers(
    name: str, set_up: dict[str, Any], grams: int, question: bytes, answer: bytes
) -> None:
    scale = build(name, **set_up)
    scale.put(grams)
    assert told(scale, question) == answer


@pytest.mark.parametrize(
    ("form", "grams", "line"),
    [
        ("highland", 1_234, bytes.fromhex("2020202020202020312E3233346B67200D0A")),
        ("highland", -30, b"-       0.030kg \r\n"),
        ("mdw", 1_234, bytes.fromhex("0A20202020312E3233346B6747520D03")),
        ("mdw", 15_001, b"\n^^^^^^^^^kgGR\r\x03"),
        ("cpwplus", 1_234, b"G +   1.234 kg\r\n"),
        ("indicator", 1_234, b"ST,GS,+   1.234kg\r\n"),
        ("indicator", 15_001, b"OL,GS,+  15.001kg\r\n"),
    ],
)
def test_what_an_adam_scale_sends(form: str, grams: int, line: bytes) -> None:
    scale = build("scale_adam", form=form)
    scale.put(grams)
    assert scale.line() == line


def test_goods_that_sway_are_seen_to() -> None:
    for name, answer in (
        ("scale_mt8217", bytes.fromhex("02 3F 41 0D")),
        ("scale_nci", b"\nS10\r\x03"),
        ("scale_cas", b"\x06\x01\x02U 00.742kg"),
    ):
        scale = build(name)
        scale.put(742, swaying=True)
        assert told(scale, QUESTIONS[name]).startswith(answer)
    scale = build("scale_dialog06")
    scale.put(742, swaying=True)
    assert told(scale, QUESTIONS["scale_dialog06"], STATUS) == b"\x06\x15\x0209\x1b20\x03"
    scale = build("scale_adam", form="indicator")
    scale.put(742, swaying=True)
    assert scale.line().startswith(b"US,GS,+   0.742kg")
    scale = build("scale_adam")
    scale.put(742, swaying=True)
    assert scale.line() != scale.line(), "only its digits say so"


# --- the faults ------------------------------------------------------------------------------


async def heard(name: str, fault: ScaleFault, within_s: float = 0.5) -> bytes:
    """What is heard on the line of a scale with 742 g on it, after one question."""
    clock = VirtualClock()
    mode = {"mode": "request"} if name == "scale_adam" else {}
    scale = build(name, clock, **mode)
    scale.put(742)
    scale.fault = fault
    pipe = memory_pipe()
    data = b""
    async with clock.running():
        task = asyncio.create_task(scale.attend(pipe.far))
        await pipe.near.write(QUESTIONS[name])
        try:
            async with clock.timeout(within_s):
                while True:
                    data += await pipe.near.read(1_000)
        except TimeoutError:
            pass
        await pipe.near.close()
        await task
    return data


@pytest.mark.parametrize("name", SCALES)
async def test_a_good_line_and_a_slow_one(name: str) -> None:
    answer = ANSWERS[name]
    assert await heard(name, ScaleFault.NONE) == answer
    assert await heard(name, ScaleFault.ONE_BYTE_AT_A_TIME) == answer
    assert await heard(name, ScaleFault.SLOW) == answer
    assert len(await heard(name, ScaleFault.SLOW, within_s=0.1)) in range(1, len(answer))


@pytest.mark.parametrize("name", SCALES)
async def test_a_line_that_loses_doubles_spoils_or_delays(name: str) -> None:
    answer = ANSWERS[name]
    assert await heard(name, ScaleFault.SILENT) == b""
    half = await heard(name, ScaleFault.HALF_MESSAGE)
    assert half in answer
    assert 0 < len(half) < len(answer)
    assert len(await heard(name, ScaleFault.DUPLICATE)) == 2 * len(answer)
    spoilt = await heard(name, ScaleFault.WRONG_CHECKSUM)
    assert len(spoilt) == len(answer)
    assert sum(a != b for a, b in zip(spoilt, answer, strict=True)) == 1
    noise = await heard(name, ScaleFault.GARBAGE)
    assert len(noise) == len(answer)
    assert noise != answer
    assert await heard(name, ScaleFault.LATE_ANSWER) == b""
    assert await heard(name, ScaleFault.LATE_ANSWER, within_s=1.5) == answer


@pytest.mark.parametrize("name", SCALES)
def test_a_stale_value_is_what_was_seen_when_the_fault_began(name: str) -> None:
    scale = build(name)
    scale.put(742)
    scale.fault = ScaleFault.STALE_VALUE
    scale.put(500, swaying=True)
    say: Callable[[], bytes] = scale.line if name == "scale_adam" else lambda: b""
    assert (say() or told(scale, QUESTIONS[name])) == ANSWERS[name]
    scale.fault = ScaleFault.NONE
    assert (say() or told(scale, QUESTIONS[name])) != ANSWERS[name]


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (ScaleFault.MOTION, bytes.fromhex("02 3F 41 0D")),
        (ScaleFault.OVERLOAD, bytes.fromhex("02 3F 42 0D")),
        (ScaleFault.UNDER_ZERO, bytes.fromhex("02 3F 44 0D")),
        (ScaleFault.WRONG_UNIT, b"\x02001.64\r"),
    ],
)
def test_a_fault_may_be_there_from_the_beginning(fault: ScaleFault, answer: bytes) -> None:
    scale = build("scale_mt8217", fault=fault.value)
    scale.put(742)
    assert told(scale, b"W") == answer
