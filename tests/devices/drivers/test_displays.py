"""What both kinds of line displays on their own cable show, and when they are told again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from devices.driver_catalogue import driver, simulator
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    DISPLAY_REFRESH_MS,
)
from edge.contract.device_messages import JobStatus, ShowOutcome
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable
from tests.devices.display_bench import DARK, DisplayBench, running

NAMES = ("display_cd5220", "display_escpos")
MILK = (("Whole milk 1 l", "1.29"), ("TOTAL", "1.29"))
MILK_SHOWN = ("Whole milk 1 l  1.29", "TOTAL           1.29")


@pytest.fixture(params=NAMES)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[DisplayBench]:
    async with running(driver(request.param), simulator(request.param)) as made:
        yield made


async def test_a_display_is_dark_until_it_is_told_something(bench: DisplayBench) -> None:
    assert bench.driver.state is DriverState.READY
    assert bench.display.text == (DARK, DARK)
    assert (bench.display.brightness, bench.display.cursor_shown) == (4, False)


async def test_lines_stand_in_the_cells_and_the_next_ones_take_their_place(
    bench: DisplayBench,
) -> None:
    result = await bench.show(*MILK)
    assert (result.status, result.result) == (JobStatus.DONE, ShowOutcome(0))
    assert bench.display.text == MILK_SHOWN
    await bench.show(("Brötchen", "0.45"))
    assert bench.display.text == ("Brötchen        0.45", DARK)
    await bench.show()
    assert bench.display.text == (DARK, DARK)
    assert bench.display.unknown_commands == 0
    assert getattr(bench.display, "ignored", 0) == 0


async def test_signs_that_are_missing_are_counted(bench: DisplayBench) -> None:
    result = await bench.show(("牛奶", "1.29 €"))
    assert result.result == ShowOutcome(2)
    assert bench.display.text[0] == "??          1.29 EUR"
    assert bench.ports.counts["SubstitutedCharacterCount"] == 2


async def test_no_name_is_a_command(bench: DisplayBench) -> None:
    hostile = "\x0c\x1b@\x1b*\x01\x1fX\x01\r\x1bQB\x1b=\x01"
    await bench.show(*MILK)
    await bench.show((hostile, hostile), (hostile, hostile))
    assert (bench.display.brightness, bench.display.unknown_commands) == (4, 0)
    await bench.show(*MILK)
    assert bench.display.text == MILK_SHOWN


async def test_a_display_that_lost_its_power_shows_its_lines_again(bench: DisplayBench) -> None:
    await bench.show(*MILK)
    bench.display.power_cycle()
    assert bench.display.text == (DARK, DARK)
    await bench.clock.sleep(DISPLAY_REFRESH_MS / 1000 + 0.1)
    assert bench.display.text == MILK_SHOWN


async def test_what_the_far_end_babbles_does_not_put_the_refresh_off(bench: DisplayBench) -> None:
    async def babbling(stream: ByteStream) -> None:
        async def babble() -> None:
            for _ in range(400):
                await stream.write(b"\x06\x15garbage")
                await bench.clock.sleep(0.05)

        await asyncio.gather(babble(), bench.display.attend(stream))

    bench.far_end = babbling
    await bench.cable.unplug()
    bench.cable.plug_in()
    await bench.clock.sleep(1)
    await bench.show(*MILK)
    bench.display.power_cycle()
    await bench.clock.sleep(DISPLAY_REFRESH_MS / 1000 + 0.1)
    assert bench.display.text == MILK_SHOWN


async def test_a_display_that_was_away_shows_its_last_lines(bench: DisplayBench) -> None:
    await bench.show(*MILK)
    await bench.cable.unplug()
    await bench.clock.sleep(10)
    assert bench.driver.state is DriverState.LOST
    with pytest.raises(DeviceUnreachable):
        await bench.show(("Bread roll", "0.45"))
    bench.display.power_cycle()
    bench.cable.plug_in()
    await bench.clock.sleep(20)
    assert bench.driver.state is DriverState.READY
    assert bench.display.text == MILK_SHOWN, "what could not be shown is not shown later"


async def test_lines_that_come_in_a_blip_are_shown_behind_it(bench: DisplayBench) -> None:
    await bench.show(*MILK)
    await bench.cable.unplug()
    showing = asyncio.create_task(bench.show(("Bread roll", "0.45")))
    await bench.clock.sleep(0.5)
    bench.cable.plug_in()
    assert (await showing).status is JobStatus.DONE
    assert bench.display.text == ("Bread roll      0.45", DARK)
    assert "lost" not in bench.ports.moves
    assert getattr(bench.display, "ignored", 0) == 0, "it was cleared before it was set anew"


async def test_a_line_that_takes_nothing_is_closed_and_said_in_words(bench: DisplayBench) -> None:
    held: list[ByteStream] = []

    async def hold(stream: ByteStream) -> None:
        held.append(stream)

    bench.far_end = hold
    await bench.cable.unplug()
    bench.cable.plug_in()
    await bench.clock.sleep(1)
    showing = asyncio.gather(
        *(bench.show(*MILK, within_ms=0) for _ in range(100)), return_exceptions=True
    )
    errors = [each for each in await showing if isinstance(each, Exception)]
    assert errors
    assert {type(each) for each in errors} == {DeviceUnreachable}
    codes = {each.code for each in errors if isinstance(each, DeviceUnreachable)}
    assert "display_takes_nothing" in codes
    bench.far_end = bench.display.attend
    await bench.cable.unplug()
    bench.cable.plug_in()
    await bench.clock.sleep(20)
    await bench.show(*MILK)
    assert bench.display.text == MILK_SHOWN


async def test_its_health_is_that_its_line_is_open(bench: DisplayBench) -> None:
    assert (await bench.check()).result == {"health": "connected"}
    await bench.cable.unplug()
    await bench.clock.sleep(0.1)
    with pytest.raises(DeviceUnreachable):
        await bench.check()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("page", "text", "shown"),
    [("cp852", "Żółty ser", "Żółty ser"), ("cp866", "Молоко", "Молоко")],
)
async def test_a_display_shows_the_letters_of_its_page(
    name: str, page: str, text: str, shown: str
) -> None:
    async with running(driver(name), simulator(name), code_page=page, brightness=2) as bench:
        await bench.show((text, ""))
        assert bench.display.text[0] == shown.ljust(20)
        assert bench.display.brightness == 2


async def test_a_font_is_left_alone_where_the_settings_say_so() -> None:
    name = "display_cd5220"
    async with running(
        driver(name), simulator(name), code_page="cp852", choose_font=False
    ) as bench:
        await bench.show(("ł", ""))
        assert bench.display.text[0] == "ê".ljust(20), "its own font has another sign there"
