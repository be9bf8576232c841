"""The cash drawer at two pins: pulsed long enough, never too long, and with rests between."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from devices.drivers.drawer_gpio import DRIVER, DrawerGpioSettings
from edge.contract.device_messages import JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import SettingsInvalid
from edge.runtime.system_clock import SystemClock
from tests.devices.drawer_bench import drawer_bench

NAME = "drawer_gpio"


@pytest.mark.parametrize("level", ["high", "low"])
@pytest.mark.parametrize("pulse_ms", [100, 200, 500])
async def test_a_drawer_is_pulsed_and_seen_to_open(level: str, pulse_ms: int) -> None:
    async with drawer_bench(
        NAME, {"pin_while_open": level}, drawer_open_level=level, pulse_ms=pulse_ms
    ) as bench:
        assert bench.driver.state is DriverState.READY
        assert await bench.shown() == "closed"
        assert await bench.outcome() == "opened"
        assert await bench.shown() == "open"
        await bench.drawer.push_shut()
        assert await bench.shown() == "closed"
        assert [pulse.on_ms for pulse in bench.drawer.pulses] == [pulse_ms]
        assert not bench.drawer.coil_on
        assert bench.ports.counts["DrawerPulseCount"] == 1


@pytest.mark.parametrize("level", ["high", "low"])
async def test_the_level_of_an_open_drawer_is_learnt_by_a_kick(level: str) -> None:
    async with drawer_bench(NAME, {"pin_while_open": level}) as bench:
        assert await bench.shown() == ""
        assert await bench.outcome() == "opened"
        assert (await bench.health())["drawer_open_level"] == level
        await bench.drawer.push_shut()
        assert await bench.shown() == "closed"


async def test_a_coil_rests_four_times_as_long_as_it_was_on() -> None:
    async with drawer_bench(NAME, pulse_ms=500, drawer_open_level="low") as bench:
        for _ in range(5):
            assert await bench.outcome() == "opened"
            await bench.drawer.push_shut()
            await bench.clock.sleep(0.01)
        starts = [pulse.at_ms for pulse in bench.drawer.pulses]
        assert all(after - before >= 2_500 for before, after in pairwise(starts))
        assert not bench.drawer.burnt


async def test_a_pulse_that_the_rest_would_delay_too_long_is_refused() -> None:
    async with drawer_bench(NAME, pulse_ms=500) as bench:
        await bench.outcome()
        result = await bench.kick(within_ms=500)
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert result.error.code == "drawer_not_ready"
        await bench.clock.sleep(60)
        assert len(bench.drawer.pulses) == 1


async def test_settings_that_nobody_checked_do_not_burn_the_coil() -> None:
    async with drawer_bench(NAME, pulse_ms=60_000) as bench:
        await bench.outcome()
        assert [pulse.on_ms for pulse in bench.drawer.pulses] == [500]


async def test_a_job_that_is_broken_off_leaves_no_current_in_the_coil() -> None:
    async with drawer_bench(NAME, pulse_ms=500) as bench:
        kicking = asyncio.create_task(bench.kick())
        await bench.clock.sleep(0.2)
        assert bench.drawer.coil_on
        kicking.cancel()
        await asyncio.gather(kicking, return_exceptions=True)
        await bench.clock.sleep(0.001)
        assert not bench.drawer.coil_on
        assert bench.drawer.pulses[0].on_ms < 500


async def test_pins_lost_during_the_pulse_are_unknown() -> None:
    async with drawer_bench(NAME, pulse_ms=500, drawer_open_level="low") as bench:
        kicking = asyncio.create_task(bench.kick())
        await bench.clock.sleep(0.2)
        await bench.cable.unplug()
        result = await kicking
        assert result.status is JobStatus.UNKNOWN
        assert not bench.drawer.coil_on
        bench.cable.plug_in()
        await bench.clock.sleep(60)
        assert len(bench.drawer.pulses) == 1, "it is not kicked a second time"


async def test_a_drawer_that_stays_shut_is_said() -> None:
    async with drawer_bench(NAME, drawer_open_level="low") as bench:
        bench.drawer.locked = True
        result = await bench.kick()
        assert result.error is not None
        assert (result.status, result.error.code) == (JobStatus.FAILED, "open_failed")
        assert bench.told("drawer_open_failed")[0]["job"] == "kick-0001"


async def test_a_pulse_that_lasted_too_long_is_told_and_rested_for() -> None:
    async with drawer_bench(NAME, pulse_ms=500) as bench:
        slow = bench.driver._lines
        assert slow is not None
        drive = slow.drive

        async def late(line: str, *, on: bool) -> None:
            if not on:
                await bench.clock.sleep(0.4)  # the process had no time
            await drive(line, on=on)

        slow.drive = late  # type: ignore[method-assign]
        await bench.outcome()
        (told,) = bench.told("drawer_pulse_too_long")
        assert told["on_ms"] == 900
        assert bench.ports.counts["DrawerLongPulseCount"] == 1
        assert bench.driver.wait_ms() > 2_000


async def test_a_drawer_without_pins_is_lost_with_words() -> None:
    async with drawer_bench(NAME, lined=False) as bench:
        await bench.clock.sleep(10)
        assert bench.driver.state is DriverState.LOST
        assert "no pins to pulse" in bench.ports.state["health"]


async def test_a_drawer_without_a_sensor_is_only_pulsed() -> None:
    async with drawer_bench(NAME, sensor_pin=None) as bench:
        began = bench.clock.monotonic_ms()
        assert await bench.outcome() == "pulsed"
        assert bench.clock.monotonic_ms() - began == 300, "nothing is waited for"
        assert (await bench.health())["sensor"] == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"chip": "gpiochip0"}, "/dev/gpiochip0"),
        ({"sensor_pin": 17}, "a pin of its own"),
    ],
)
def test_wiring_that_cannot_be(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        DRIVER.connector(msgspec.structs.replace(DRIVER.example, **wrong), SystemClock())
    assert callable(DRIVER.connector(DRIVER.example, SystemClock()))


@pytest.mark.parametrize("pulse_ms", [99, 501, -1])
def test_a_pulse_out_of_bounds_is_no_setting(pulse_ms: int) -> None:
    settings = {"chip": "/dev/gpiochip0", "pulse_pin": 17, "pulse_ms": pulse_ms}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, DrawerGpioSettings)
