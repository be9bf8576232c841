from __future__ import annotations

import pytest

from devices.drivers.scale_mt8217 import DRIVER
from devices.transports.serial_port import SerialLine
from edge.contract.device_limits import (
    SCALE_8217_RETRY_MS,
    SCALE_STILL_MS_MAX,
)
from edge.contract.device_states import DriverState
from tests.devices.scale_bench import scale_bench, serial_line

NAME = "scale_mt8217"


def test_its_example_is_a_line_of_seven_bits_and_even_parity() -> None:
    assert serial_line(DRIVER.example.address) == SerialLine("/dev/ttyUSB0", 9_600, 7, "e", 1)


async def test_a_tare_that_was_taken_at_the_scale_is_off_already() -> None:
    async with scale_bench(NAME, {"net": True}) as bench:
        bench.scale.put(742)
        assert (await bench.outcome()).weight_g == 742


async def test_goods_that_sway_are_asked_after_every_fifth_of_a_second() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742, swaying=True)
        before = bench.scale.asked
        assert (await bench.trouble()).code == "scale_unstable"
        asked = bench.scale.asked - before
        assert asked in range(SCALE_STILL_MS_MAX // SCALE_8217_RETRY_MS - 2, 15)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0x48, "scale_below_zero"),  # it found no zero when it was switched on
        (0x6A, "scale_overloaded"),
        (0x40, "scale_unstable"),
    ],
)
async def test_nothing_is_sold_by_a_status(status: int, code: str) -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.damage = lambda _: b"\x02?" + bytes((status,)) + b"\r"
        assert (await bench.trouble()).code == code


async def test_pounds_are_said_with_a_next_step() -> None:
    async with scale_bench(NAME, {"unit": "lb"}) as bench:
        bench.scale.put(742)
        await bench.clock.sleep(1)
        assert bench.driver.state is DriverState.ATTENTION
        assert bench.ports.state["advice"] == "Set the scale to kg."
