"""What every driver of a scale keeps, whatever its language, its line and its scale do."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from devices.weighing.simulated_platter import ScaleFault
from edge.contract.device_limits import (
    SCALE_STILL_MS_MAX,
)
from edge.contract.device_messages import WeighOutcome
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable
from tests.devices.scale_bench import scale_bench

SEED = 20_261_127

ASKED_ALL_THE_TIME = ("scale_cas", "scale_mt8217", "scale_nci")
LIVE = (*ASKED_ALL_THE_TIME, "scale_adam")
SCALES = (*LIVE, "scale_dialog06")

every_scale = pytest.mark.parametrize("name", SCALES)
live_scale = pytest.mark.parametrize("name", LIVE)


@every_scale
async def test_a_still_weight_is_answered_in_grams(name: str) -> None:
    async with scale_bench(name) as bench:
        assert bench.driver.state is DriverState.READY
        assert await bench.outcome() == WeighOutcome(0, "")
        bench.scale.put(742)
        outcome = await bench.outcome()
        assert (outcome.weight_g, outcome.unit) == (742, "kg")
        assert outcome.load


@live_scale
async def test_the_same_goods_are_the_same_load_until_they_were_moved(name: str) -> None:
    async with scale_bench(name) as bench:
        bench.scale.put(742)
        first = await bench.outcome()
        assert await bench.outcome() == first
        bench.scale.fault = ScaleFault.WRONG_UNIT
        await bench.clock.sleep(1)
        bench.scale.fault = ScaleFault.NONE
        assert await bench.outcome() == first, "who presses a key of the scale moves nothing"
        loads = {first.load}
        for between in (0, -30, 15_001, 900):
            bench.scale.put(between)
            await bench.clock.sleep(1)
            bench.scale.put(742)
            loads.add((await bench.outcome()).load)
        bench.scale.put(742, swaying=True)
        await bench.clock.sleep(1)
        bench.scale.put(742)
        loads.add((await bench.outcome()).load)
        assert len(loads) == 6


@pytest.mark.parametrize("name", ASKED_ALL_THE_TIME)
async def test_one_damaged_reading_makes_no_other_load(name: str) -> None:
    async with scale_bench(name) as bench:
        bench.scale.put(742)
        sold = await bench.outcome()
        for _ in range(3):
            bench.scale.grams = 724  # for one reading: nobody touched anything
            asked = bench.scale.asked
            while bench.scale.asked == asked:
                await bench.clock.sleep(0.02)
            bench.scale.grams = 742
            assert await bench.outcome() == sold


@live_scale
async def test_the_live_weight_follows_the_hand(name: str) -> None:
    async with scale_bench(name) as bench:
        bench.scale.put(742, swaying=True)
        await bench.clock.sleep(1)
        assert bench.shown[0] == "unstable"
        bench.scale.put(742)
        await bench.clock.sleep(2)
        assert bench.shown == ("stable", 742)
        await bench.cable.unplug()
        await bench.clock.sleep(0.1)
        assert bench.shown == ("", 0)


@every_scale
@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        (ScaleFault.MOTION, "unstable", "scale_unstable"),
        (ScaleFault.OVERLOAD, "overload", "scale_overloaded"),
        (ScaleFault.UNDER_ZERO, "below_zero", "scale_below_zero"),
        (ScaleFault.WRONG_UNIT, "not_kilograms", "scale_not_kilograms"),
    ],
)
async def test_what_a_person_must_put_right_is_said(
    name: str, fault: ScaleFault, state: str, code: str
) -> None:
    async with scale_bench(name) as bench:
        bench.scale.put(742)
        bench.scale.fault = fault
        began = bench.clock.monotonic_ms()
        error = await bench.trouble()
        assert (error.code, bool(error.advice)) == (code, True)
        took_ms = bench.clock.monotonic_ms() - began
        assert took_ms == SCALE_STILL_MS_MAX if state == "unstable" else took_ms < 1_000
        await bench.clock.sleep(1)
        if name in LIVE:
            assert bench.shown[0] == state
        bench.scale.fault = ScaleFault.NONE
        bench.scale.put(100)
        await bench.clock.sleep(1)
        assert (await bench.outcome()).weight_g == 100


@every_scale
async def test_a_silent_scale_is_said_to_be_and_then_lost(name: str) -> None:
    async with scale_bench(name) as bench:
        bench.scale.put(742)
        bench.scale.fault = ScaleFault.SILENT
        await bench.clock.sleep(0.2)
        error = await bench.trouble()
        assert isinstance(error, DeviceUnreachable)
        assert error.code == "scale_silent"
        assert "that it is set to" in error.advice
        await bench.clock.sleep(30)
        assert bench.driver.state is DriverState.LOST
        assert bench.shown == ("", 0)
        bench.scale.fault = ScaleFault.NONE
        await bench.clock.sleep(60)
        assert bench.driver.state is DriverState.READY
        assert (await bench.outcome()).weight_g == 742


@every_scale
@pytest.mark.parametrize("fault", [ScaleFault.SLOW, ScaleFault.ONE_BYTE_AT_A_TIME])
async def test_a_slow_line_is_only_slow(name: str, fault: ScaleFault) -> None:
    async with scale_bench(name, {"fault": fault}) as bench:
        await bench.clock.sleep(3)
        bench.scale.put(742)
        assert (await bench.outcome()).weight_g == 742


@every_scale
@pytest.mark.parametrize(
    "fault",
    [
        ScaleFault.HALF_MESSAGE,
        ScaleFault.GARBAGE,
        ScaleFault.WRONG_CHECKSUM,
        ScaleFault.LATE_ANSWER,
        ScaleFault.DUPLICATE,
    ],
)
async def test_a_bad_line_sells_nothing_that_did_not_lie_there(
    name: str, fault: ScaleFault
) -> None:
    chance = random.Random(SEED)
    async with scale_bench(name) as bench:
        answered = set()
        for _ in range(8):
            grams = chance.randrange(100, 15_000)
            bench.scale.put(grams)
            bench.scale.fault = fault
            with suppress(DeviceUnreachable, DeviceNeedsPerson):
                outcome = await bench.outcome()
                assert outcome.weight_g == grams
                answered.add(grams)
            bench.scale.fault = ScaleFault.NONE
            bench.scale.put(0)
            await bench.clock.sleep(20)
            bench.scale.put(500)
            assert (await bench.outcome()).weight_g == 500, "well again, it weighs again"
        if fault in {ScaleFault.HALF_MESSAGE, ScaleFault.GARBAGE, ScaleFault.WRONG_CHECKSUM}:
            assert not answered
        assert bench.driver.state is DriverState.READY


@live_scale
async def test_a_stale_value_is_never_sold_a_second_time(name: str) -> None:
    async with scale_bench(name) as bench:
        bench.scale.put(742)
        sold = await bench.outcome()
        bench.scale.fault = ScaleFault.STALE_VALUE
        bench.scale.put(0)
        await bench.clock.sleep(1)
        bench.scale.put(500)
        assert await bench.outcome() == sold, "the load that was sold: the till refuses it"
        bench.scale.fault = ScaleFault.NONE
        after = await bench.outcome()
        assert after.weight_g == 500
        assert after.load != sold.load


@every_scale
async def test_an_answer_of_the_past_is_no_answer_to_a_new_weighing(name: str) -> None:
    """The line holds back what the scale said; it comes when other goods lie there."""
    answered = 0
    async with scale_bench(name, {"late_ms": 650}) as bench:
        for grams in (1_000, 2_000, 3_000, 4_000):
            bench.scale.fault = ScaleFault.LATE_ANSWER
            bench.scale.put(grams)
            await bench.clock.sleep(2)
            bench.scale.put(0)
            await bench.clock.sleep(2)
            bench.scale.fault = ScaleFault.NONE
            bench.scale.put(grams + 7)
            with suppress(DeviceUnreachable, DeviceNeedsPerson):
                assert (await bench.outcome()).weight_g == grams + 7
                answered += 1
            await bench.clock.sleep(20)
    assert answered


@pytest.mark.parametrize("name", ASKED_ALL_THE_TIME)
async def test_of_two_answers_to_one_question_none_is_believed(name: str) -> None:
    async with scale_bench(name) as bench:
        kept: list[bytes] = []

        def keep(answer: bytes) -> bytes:
            kept.append(answer)
            return answer

        bench.scale.damage = keep
        bench.scale.put(300)
        await bench.outcome()
        bench.scale.damage = lambda answer: kept[-1] + answer
        bench.scale.put(742)
        assert (await bench.trouble()).code == "scale_silent"


@every_scale
async def test_a_scale_of_another_language_is_lost_with_words(name: str) -> None:
    other = "scale_nci" if name != "scale_nci" else "scale_mt8217"
    async with scale_bench(name) as bench:
        bench.far_end = bench.simulator(other).attend
        await bench.cable.unplug()
        bench.cable.plug_in()
        await bench.clock.sleep(40)
        assert bench.driver.state is DriverState.LOST
        assert "does not answer as a" in bench.ports.state["health"]
        assert "baud" in bench.ports.state["advice"]


@every_scale
async def test_a_line_that_never_falls_silent_is_no_scale(name: str) -> None:
    async with scale_bench(name) as bench:
        bench.scale.put(742)

        def flood(_: bytes) -> bytes:
            return bytes(32_768)

        bench.scale.damage = flood
        if name == "scale_dialog06":
            await bench.trouble()
        await bench.clock.sleep(3)
        assert bench.ports.counts["ProtocolViolationCount"] >= 1
