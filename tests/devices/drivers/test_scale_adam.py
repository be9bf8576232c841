from __future__ import annotations

import asyncio

import msgspec
import pytest

from devices.drivers.scale_adam import DRIVER, ScaleAdamSettings
from devices.transports.byte_stream import ByteStream
from devices.transports.serial_port import SerialLine
from devices.weighing.simulated_platter import ScaleFault
from edge.contract.device_limits import (
    SCALE_STREAM_STILL_MS,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import SettingsInvalid
from tests.devices.scale_bench import scale_bench, serial_line
from tests.devices.virtual_clock import VirtualClock

NAME = "scale_adam"
LINE = b"        0.742kg \r\n"


def test_its_example_is_a_line_of_4800_baud() -> None:
    assert serial_line(DRIVER.example.address) == SerialLine("/dev/ttyUSB0", 4_800, 8, "n", 1)


def test_a_scale_that_would_be_asked_is_refused_with_the_reason() -> None:
    with pytest.raises(SettingsInvalid, match="an old weight could be sold") as raised:
        DRIVER.connector(ScaleAdamSettings("tcp://192.0.2.7:4001", "request"), VirtualClock())
    assert "send continuously" in raised.value.advice
    assert DRIVER.connector(ScaleAdamSettings("tcp://192.0.2.7:4001"), VirtualClock())
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"address": "tcp://192.0.2.7:4001", "mode": "x"}, ScaleAdamSettings)


async def test_a_scale_that_waits_to_be_asked_is_not_and_is_lost_with_words() -> None:
    async with scale_bench(NAME, {"mode": "request"}) as bench:
        bench.scale.put(742)
        await bench.clock.sleep(30)
        assert bench.driver.state is DriverState.LOST
        assert "send continuously" in bench.ports.state["advice"]
        assert "an old weight could be sold" in bench.ports.state["advice"]
        assert bench.scale.asked == 0


@pytest.mark.parametrize("form", ["highland", "mdw", "cpwplus", "indicator"])
async def test_each_form_of_its_lines_weighs(form: str) -> None:
    async with scale_bench(NAME, {"form": form}) as bench:
        bench.scale.put(742)
        assert (await bench.outcome()).weight_g == 742
        bench.scale.put(742, swaying=True)
        assert (await bench.trouble()).code == "scale_unstable"
        bench.scale.put(15_001)
        assert (await bench.trouble()).code == "scale_overloaded"
        bench.scale.put(-30)
        assert (await bench.trouble()).code == "scale_below_zero"


async def test_a_weight_is_still_when_it_has_stayed_the_same() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        await bench.clock.sleep(3)
        for grams in (700, 742, 700, 742):
            bench.scale.put(grams)
            await bench.clock.sleep((SCALE_STREAM_STILL_MS - 200) / 1000)
            assert bench.shown[0] == "unstable", grams
        await bench.clock.sleep(1)
        assert bench.shown == ("stable", 742)


async def test_a_line_that_got_lost_makes_no_other_load() -> None:
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        sold = await bench.outcome()
        for fault in (ScaleFault.WRONG_CHECKSUM, ScaleFault.HALF_MESSAGE, ScaleFault.SILENT):
            bench.scale.fault = fault
            await bench.clock.sleep(0.7)
            bench.scale.fault = ScaleFault.NONE
            assert await bench.outcome() == sold, fault


async def test_an_old_weight_is_taken_off_the_screen_within_a_second() -> None:
    """As a scale does that sends only what is new: print on stable, not continuous."""
    async with scale_bench(NAME) as bench:
        bench.scale.put(742)
        await bench.clock.sleep(3)
        assert bench.shown == ("stable", 742)
        bench.scale.fault = ScaleFault.SILENT
        await bench.clock.sleep(1.5)
        assert bench.shown == ("", 0)
        assert bench.driver.state is DriverState.READY
        assert (await bench.trouble()).code == "scale_silent"


async def test_one_line_for_each_load_is_never_enough() -> None:
    async with scale_bench(NAME) as bench:

        async def print_on_stable(stream: ByteStream) -> None:
            for grams in range(300, 900, 30):
                await stream.write(f"        {grams / 1000:.3f}kg \r\n".encode())
                await bench.clock.sleep(0.9)

        bench.far_end = print_on_stable
        await bench.cable.unplug()
        bench.cable.plug_in()
        await bench.clock.sleep(2)
        for _ in range(3):
            assert (await bench.trouble()).code == "scale_unstable"


async def test_of_lines_that_piled_up_the_last_one_counts() -> None:
    async with scale_bench(NAME) as bench:

        async def pile(stream: ByteStream) -> None:
            while True:
                await stream.write(LINE * 8 + b"        0.900kg \r\n")
                await bench.clock.sleep(0.3)

        bench.far_end = pile
        await bench.cable.unplug()
        bench.cable.plug_in()
        await bench.clock.sleep(0.5)
        assert (await bench.outcome()).weight_g == 900


async def test_more_lines_than_a_serial_line_can_carry_come_from_no_scale() -> None:
    async with scale_bench(NAME) as bench:

        async def babble(stream: ByteStream) -> None:
            while True:
                await stream.write(LINE)
                await asyncio.sleep(0)

        bench.far_end = babble
        await bench.cable.unplug()
        bench.cable.plug_in()
        await bench.clock.sleep(1)
        assert bench.ports.counts["ProtocolViolationCount"] >= 1
