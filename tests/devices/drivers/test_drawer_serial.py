"""The serial cash drawer: charged before it is kicked, kicked once, believed by its line."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from devices.drivers.drawer_serial import DRIVER, DrawerSerialSettings
from devices.transports.memory_pipe import memory_pipe
from edge.contract.device_messages import JobStatus
from edge.contract.device_states import DriverState
from tests.devices.drawer_bench import DrawerBench, drawer_bench

NAME = "drawer_serial"


async def charged(bench: DrawerBench) -> None:
    await bench.clock.sleep(12)


@pytest.mark.parametrize(("line_while_open", "level"), [("on", "high"), ("off", "low")])
@pytest.mark.parametrize("line", ["cts", "ri"])
async def test_a_drawer_is_seen_to_open_and_to_close(
    line: str, line_while_open: str, level: str
) -> None:
    simulated = {"line": line, "line_while_open": line_while_open}
    async with drawer_bench(NAME, simulated, sensor=line, drawer_open_level=level) as bench:
        assert bench.driver.state is DriverState.READY
        assert await bench.shown() == "closed"
        await charged(bench)
        assert await bench.outcome() == "opened"
        assert await bench.shown() == "open"
        await bench.clock.sleep(30)
        await bench.drawer.push_shut()
        assert await bench.shown() == "closed"
        assert len(bench.drawer.openings) == 1
        assert [told["by"] for told in bench.told("drawer_open")] == ["kick"]
        (closed,) = bench.told("drawer_closed")
        assert 30_000 <= closed["open_ms"] <= 31_000


async def test_one_byte_07_opens_it() -> None:
    """Factory setting of the DIP switches: BEL."""
    async with drawer_bench(NAME) as bench:
        await charged(bench)
        await bench.outcome()
        sent = [entry.data for entry in bench.ports.recorder.entries() if entry.way == "out"]
        assert sent == [b"\x07"]
        notes = [entry.data for entry in bench.ports.recorder.entries() if entry.way == "note"]
        driven = [note for note in notes if b"tr" in note or b"rts" in note]
        assert driven == [b"line dtr on", b"line rts on"]


@pytest.mark.parametrize("line_while_open", ["on", "off"])
async def test_the_level_of_an_open_drawer_is_learnt_by_a_kick(line_while_open: str) -> None:
    async with drawer_bench(NAME, {"line_while_open": line_while_open}) as bench:
        await charged(bench)
        assert await bench.shown() == ""
        assert await bench.outcome() == "opened"
        assert await bench.shown() == "open"
        level = "high" if line_while_open == "on" else "low"
        assert [told["open_level"] for told in bench.told("drawer_level_learnt")] == [level]
        assert (await bench.health())["drawer_open_level"] == level
        await bench.cable.unplug()
        await bench.clock.sleep(0.1)
        assert bench.ports.state["drawer"] == ""
        bench.cable.plug_in()
        await bench.clock.sleep(5)
        assert await bench.shown() == "open", "what was learnt outlives a cable"


async def test_asking_for_its_health_opens_nothing() -> None:
    async with drawer_bench(NAME) as bench:
        await charged(bench)
        assert await bench.health() == {
            "state": "ready",
            "health": "connected",
            "drawer": "",
            "drawer_open_level": "",
            "sensor": "cts",
        }
        assert bench.drawer.openings == []


async def test_a_drawer_opened_with_its_key_is_told_too() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        await charged(bench)
        await bench.drawer.pull()
        assert await bench.shown() == "open"
        assert [told["by"] for told in bench.told("drawer_open")] == ["hand"]


async def test_a_drawer_that_stays_shut_is_said_after_two_seconds() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        await charged(bench)
        bench.drawer.locked = True
        began = bench.clock.monotonic_ms()
        result = await bench.kick()
        assert bench.clock.monotonic_ms() - began == 2_000
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert result.error.code == "open_failed"
        assert "did not see it open within 2 s" in result.error.detail
        assert "key" in result.error.advice
        assert bench.ports.counts["DrawerFailedOpenCount"] == 1
        bench.drawer.locked = False
        assert await bench.outcome() == "opened"
        assert bench.ports.counts["DrawerGoodOpenCount"] == 1


@pytest.mark.parametrize("case", ["dead switch", "no sensor", "no lines"])
async def test_what_nobody_can_see_is_only_pulsed(case: str) -> None:
    settings = {"sensor": "none"} if case == "no sensor" else {}
    async with drawer_bench(NAME, lined=case != "no lines", **settings) as bench:
        bench.drawer.dead_switch = case == "dead switch"
        await charged(bench)
        assert await bench.outcome() == "pulsed"
        assert len(bench.drawer.openings) == 1
        assert await bench.shown() == ""


async def test_nothing_is_sent_before_it_is_charged() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        early = asyncio.create_task(bench.outcome(within_ms=20_000))
        await bench.clock.sleep(10.9)
        assert not bench.drawer.is_open
        assert await early == "opened"
        first = bench.clock.monotonic_ms()
        await bench.drawer.push_shut()
        assert await bench.outcome() == "opened"
        assert bench.clock.monotonic_ms() - first >= 5_800
        assert len(bench.drawer.openings) == 2
        assert bench.drawer.unheard == 0


async def test_a_kick_that_would_open_it_too_late_is_refused_at_once() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        began = bench.clock.monotonic_ms()
        result = await bench.kick(within_ms=10_000)
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert result.error.code == "drawer_not_ready"
        assert result.error.detail.startswith("The drawer can open in 11 s")
        assert bench.clock.monotonic_ms() == began
        await bench.clock.sleep(60)
        assert bench.drawer.openings == []


async def test_a_drawer_with_its_own_power_supply_opens_at_once() -> None:
    async with drawer_bench(NAME, {"power_supply": True}, own_power=True) as bench:
        assert await bench.outcome(within_ms=1) == "opened"


async def test_a_port_that_was_shut_charges_again() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        await charged(bench)
        await bench.cable.unplug()
        bench.cable.plug_in()
        await bench.clock.sleep(2)
        result = await bench.kick(within_ms=5_000)
        assert result.error is not None
        assert result.error.code == "drawer_not_ready"


async def test_a_cable_pulled_behind_the_kick_is_unknown() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        await charged(bench)
        bench.drawer.locked = True
        kicked = asyncio.create_task(bench.kick())
        await bench.clock.sleep(0.5)
        await bench.cable.unplug()
        result = await kicked
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert "Look whether the drawer is open" in result.error.advice
        bench.cable.plug_in()
        await bench.clock.sleep(60)
        assert len(bench.drawer.openings) == 0, "it is not kicked a second time"


async def test_a_port_that_takes_nothing_is_unknown() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        await charged(bench)
        stream = bench.driver._stream
        assert stream is not None
        clogged = memory_pipe()
        stream._stream = clogged.near  # type: ignore[attr-defined]
        filling = asyncio.create_task(clogged.near.write(bytes(5_000)))
        await bench.clock.sleep(0.1)
        result = await bench.kick()
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "drawer_takes_nothing"
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)


async def test_an_open_drawer_is_kicked_and_stays_open() -> None:
    async with drawer_bench(NAME, drawer_open_level="high") as bench:
        await charged(bench)
        await bench.drawer.pull()
        await bench.clock.sleep(1)
        assert await bench.outcome() == "opened"


@pytest.mark.parametrize(("open_with", "good"), [("07", True), ("1b07", True), ("7", False)])
@pytest.mark.parametrize("upper", [False, True])
def test_opening_characters_are_hex(open_with: str, good: bool, upper: bool) -> None:
    text = open_with.upper() if upper else open_with
    good = good and text == text.lower()
    settings = {"address": "serial:///dev/ttyUSB0", "open_with": text}
    if good:
        assert msgspec.convert(settings, DrawerSerialSettings).open_with == text
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(settings, DrawerSerialSettings)


def test_it_says_what_it_can() -> None:
    assert DRIVER.capabilities == ("drawer", "drawer_sensor")
