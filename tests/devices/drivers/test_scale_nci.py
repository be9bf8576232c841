from __future__ import annotations

from typing import Any

import pytest

from devices.drivers.scale_nci import DRIVER
from devices.transports.serial_port import SerialLine
from edge.contract.device_states import DriverState
from tests.devices.scale_bench import scale_bench, serial_line

NAME = "scale_nci"


def test_its_example_is_a_line_of_seven_bits_and_even_parity() -> None:
    assert serial_line(DRIVER.example.address) == SerialLine("/dev/ttyUSB0", 9_600, 7, "e", 1)


@pytest.mark.parametrize(
    "set_up",
    [
        {"dialect": "ecr", "status_bytes": 3},
        {"dialect": "ecr", "status_bytes": 4},
        {"dialect": "general"},
        {"dialect": "general", "status_bytes": 4},
    ],
)
async def test_each_dialect_weighs(set_up: dict[str, Any]) -> None:
    async with scale_bench(NAME, set_up) as bench:
        bench.scale.put(742)
        assert (await bench.outcome()).weight_g == 742
        bench.scale.put(742, swaying=True)
        assert (await bench.trouble()).code == "scale_unstable"
        bench.scale.put(-30)
        assert (await bench.trouble()).code == "scale_below_zero"


async def test_the_live_weight_moves_where_the_scale_tells_it() -> None:
    async with scale_bench(NAME, {"dialect": "general"}) as bench:
        bench.scale.put(742, swaying=True)
        await bench.clock.sleep(1)
        assert bench.shown == ("unstable", 742)


async def test_a_scale_that_calls_itself_faulty_sells_nothing_until_it_is_well() -> None:
    async with scale_bench(NAME, {"dialect": "general"}) as bench:
        bench.scale.put(742)
        sold = await bench.outcome()
        bench.scale.faulty = True
        error = await bench.trouble()
        assert (error.code, "serviced" in error.advice) == ("scale_faulty", True)
        await bench.clock.sleep(1)
        assert bench.driver.state is DriverState.ATTENTION
        assert bench.ports.state["health"] == error.message
        assert bench.shown == ("", 0)
        bench.scale.faulty = False
        assert await bench.outcome() == sold, "a fault moves no goods"
