from __future__ import annotations

import asyncio
from typing import Any

import pytest

from devices.driver import DeviceJob
from devices.drivers.scale_dialog06 import DRIVER
from devices.transports.serial_port import SerialLine
from devices.weighing.simulated_platter import ScaleFault
from edge.contract.device_messages import CheckHealthArgs, JobKind, WeighOutcome
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson
from tests.devices.scale_bench import ScaleBench, scale_bench, serial_line

NAME = "scale_dialog06"
NOTHING = b"\x15"


def test_its_example_is_a_line_of_seven_bits_and_odd_parity() -> None:
    assert serial_line(DRIVER.example.address) == SerialLine("/dev/ttyUSB0", 9_600, 7, "o", 1)


async def test_it_weighs_at_the_price_of_the_article_and_shows_it() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        assert (await bench.outcome(price_minor=299)).weight_g == 742
        assert bench.scale.shows_minor == 299
        bench.scale.put(500)
        assert (await bench.outcome(price_minor=999_999)).weight_g == 500
        assert bench.scale.shows_minor == 999_999


@pytest.mark.parametrize("price_minor", [0, 1_000_000])
async def test_without_a_price_it_says_that_it_wants_one(price_minor: int) -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        error = await bench.trouble(price_minor)
        assert isinstance(error, DeviceNeedsPerson)
        assert error.code == "scale_wants_price"
        assert "type the weight" in error.advice
        assert bench.scale.asked == 0
        assert (await bench.outcome()).weight_g == 742


async def test_there_is_no_live_weight_and_nothing_pretends_one() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        await bench.outcome()
        await bench.clock.sleep(5)
        assert bench.driver.state is DriverState.READY
        assert bench.shown == ("", 0)
        assert bench.scale.asked == 1, "what the scale gives once is not spent on a screen"
        job = DeviceJob("health-0001", JobKind.CHECK_HEALTH, CheckHealthArgs(), 0)
        assert (await bench.driver.perform(job)).result == {"health": "connected"}
        assert "live_weight" not in DRIVER.capabilities


async def test_the_same_goods_are_weighed_once_until_they_were_moved() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        first = await bench.outcome()
        error = await bench.trouble()
        assert error.code == "scale_not_moved"
        assert "Take it off" in error.advice
        bench.scale.put(0)
        assert await bench.outcome() == WeighOutcome(0, "")
        bench.scale.put(742)
        second = await bench.outcome()
        assert second.weight_g == 742
        assert second.load != first.load


async def test_two_bags_of_the_same_weight_are_two_loads() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(500)
        first = await bench.outcome()
        bench.scale.put(500)  # so fast that nobody saw the scale empty, but it did
        second = await bench.outcome()
        assert (second.weight_g, second.load != first.load) == (500, True)


async def test_goods_that_come_to_rest_are_weighed_with_one_price() -> None:
    async with scale_bench(NAME) as bench:
        prices = []
        obey = bench.scale._obey

        def obeyed(record: bytes) -> bytes:
            if record != b"08":
                prices.append(record)
            answer: bytes = obey(record)
            return answer

        bench.scale._obey = obeyed
        bench.scale.put(742, swaying=True)
        waiting = asyncio.create_task(bench.outcome())
        await bench.clock.sleep(1)
        assert not waiting.done()
        assert bench.ports.state["weight"] == "unstable"
        bench.scale.put(700)
        assert (await waiting).weight_g == 700
        assert prices == [b"01\x1b000299\x1b"], "20 asks for the result again, not anew"


async def check_demand(bench: ScaleBench) -> None:
    error = await bench.trouble()
    assert isinstance(error, DeviceNeedsPerson)
    assert error.code == "scale_wants_certified_till"
    assert "certified part of Dialog 06" in error.message
    assert "type the weight" in error.advice
    await bench.clock.sleep(2)
    assert bench.driver.state is DriverState.ATTENTION
    assert bench.ports.state["health"] == error.message
    assert bench.shown == ("", 0)


async def test_a_scale_that_demands_the_certified_part_is_refused_with_that_reason() -> None:
    async with scale_bench(NAME, {"demands_checksums": True}) as bench:
        bench.scale.put(742)
        await check_demand(bench)
        await check_demand(bench)
        bench.scale.demands_checksums = False
        assert (await bench.outcome()).weight_g == 742
        await bench.clock.sleep(1)
        assert bench.driver.state is DriverState.READY


async def test_so_is_one_that_demands_it_in_place_of_a_result_or_a_status() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        bench.scale.damage = lambda _: b"\x0211\x1b2A7\x03"
        await check_demand(bench)
    async with scale_bench(NAME) as bench:
        bench.scale._obey = lambda _: b"\x0211\x1b0\x03"
        await bench.clock.sleep(1)
        assert bench.driver.state is DriverState.ATTENTION


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("10", "scale_other_dialog"),
        ("11", "scale_refuses_price"),
        ("12", "scale_other_dialog"),
        ("21", "scale_not_moved"),
        ("22", "scale_unstable"),
        ("31", "scale_below_zero"),
        ("32", "scale_overloaded"),
        ("02", "scale_silent"),
        ("99", "scale_silent"),
    ],
)
async def test_each_reason_not_to_weigh_is_said(status: str, code: str) -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)

        def refuse(_: bytes) -> bytes:
            bench.scale._status = status
            return NOTHING

        bench.scale.damage = refuse
        error = await bench.trouble()
        assert (error.code, bool(error.advice)) == (code, True)


@pytest.mark.parametrize(
    ("result", "step_minor", "sold"),
    [
        (b"\x0202\x1b3\x1b00742\x1b000299\x1b000222\x03", 1, True),
        (b"\x0202\x1b3\x1b00742\x1b000299\x1b000220\x03", 5, True),
        (b"\x0202\x1b3\x1b00742\x1b000299\x1b000220\x03", 1, False),
        (b"\x0202\x1b3\x1b00542\x1b000299\x1b000222\x03", 1, False),
        (b"\x0202\x1b3\x1b00742\x1b000300\x1b000222\x03", 1, False),
    ],
)
async def test_a_result_that_does_not_add_up_is_not_sold(
    result: bytes, step_minor: int, sold: bool
) -> None:
    async with scale_bench(NAME, amount_step_minor=step_minor) as bench:
        bench.scale.put(742)
        bench.scale.damage = lambda _: result
        if sold:
            assert (await bench.outcome()).weight_g == 742
        else:
            assert (await bench.trouble()).code == "scale_silent"


# --- a tare --------------------------------------------------------------------------------


async def test_a_scale_that_is_not_known_to_take_a_tare_is_told_none_and_weighs_gross() -> None:
    async with scale_bench(NAME, {"tare": "refused"}) as bench:
        bench.scale.put(742)
        outcome = await bench.outcome(tare_g=10)
        assert (outcome.weight_g, outcome.tare_g) == (742, 0), "the till takes it off"


async def test_one_that_takes_it_weighs_net_and_says_what_it_took_off() -> None:
    async with scale_bench(NAME, takes_tare=True) as bench:
        bench.scale.put(742)
        outcome = await bench.outcome(tare_g=10)
        assert (outcome.weight_g, outcome.tare_g) == (732, 10)
        assert bench.scale.tare_g == 10, "the customer reads the price without the container"


@pytest.mark.parametrize("keeps_tare", [False, True])
async def test_the_tare_of_one_customer_is_never_the_next_ones(keeps_tare: bool) -> None:
    async with scale_bench(NAME, {"keeps_tare": keeps_tare}, takes_tare=True) as bench:
        bench.scale.put(742)
        await bench.outcome(tare_g=10)
        bench.scale.put(500)
        outcome = await bench.outcome()
        assert (outcome.weight_g, outcome.tare_g) == (500, 0)
        bench.scale.put(742)
        assert (await bench.outcome(tare_g=42)).weight_g == 700


@pytest.mark.parametrize(
    ("set_up", "tare_g"),
    [({"tare": "refused"}, 10), ({"tare_g_max": 9}, 10), ({"step_g": 4}, 10), ({}, 10_000)],
)
async def test_a_tare_that_it_cannot_take_is_refused_in_words_and_nothing_is_weighed(
    set_up: dict[str, Any], tare_g: int
) -> None:
    async with scale_bench(NAME, set_up, takes_tare=True) as bench:
        bench.scale.put(742)
        error = await bench.trouble(tare_g=tare_g)
        assert isinstance(error, DeviceNeedsPerson)
        assert error.code == "scale_refuses_tare"
        assert "type the weight" in error.advice
        assert bench.scale.asked == 0


async def test_a_scale_that_knows_no_record_with_a_tare_is_told_apart_from_another_dialog() -> None:
    async with scale_bench(NAME, takes_tare=True) as bench:
        bench.scale.put(742)
        obey = bench.scale._obey
        bench.scale._obey = lambda record: (
            bench.scale._refuse("10") if record[:2] == b"03" else obey(record)
        )
        assert (await bench.trouble(tare_g=10)).code == "scale_refuses_tare"


@pytest.mark.parametrize(
    ("grams", "tare_g", "code"),
    [
        (9, 10, "scale_tare_too_large"),
        (-30, 0, "scale_below_zero"),
        (-30, 10, "scale_tare_too_large"),
    ],
)
async def test_less_than_the_tare_is_no_weight(grams: int, tare_g: int, code: str) -> None:
    async with scale_bench(NAME, takes_tare=True) as bench:
        bench.scale.put(grams)
        assert (await bench.trouble(tare_g=tare_g)).code == code


async def test_a_container_alone_is_nothing_to_sell() -> None:
    async with scale_bench(NAME, takes_tare=True) as bench:
        bench.scale.put(10)
        assert await bench.outcome(tare_g=10) == WeighOutcome(0, "", tare_g=10)


async def test_a_result_that_nobody_waits_for_any_more_is_nobodys() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        bench.scale.fault = ScaleFault.SLOW
        job = asyncio.create_task(bench.weigh(within_ms=300))
        with pytest.raises(Exception, match="does not answer"):
            await job
        # its result is still on the line as the next weighing begins
        error = await bench.trouble()
        assert error.code == "scale_not_moved"
