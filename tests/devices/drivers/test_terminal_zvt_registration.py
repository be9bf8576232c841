"""A ZVT terminal takes the till, or says why not; its health, its settings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devices.drivers.terminal_zvt import DRIVER
from devices.drivers.terminal_zvt.settings import (
    TerminalZvtSettings,
    full_address,
    read_password,
)
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from edge.contract.device_states import DriverState
from edge.contract.errors import Refused, SettingsInvalid
from tests.devices.scripted_terminal import STATUS_OK, scripted
from tests.devices.virtual_clock import VirtualClock
from tests.devices.zvt_shop import ADDRESS, outcome_of, zvt_shop


async def test_a_terminal_that_refuses_the_till_says_so_until_it_is_put_right(
    tmp_path: Path,
) -> None:
    file = tmp_path / "password"
    till = TerminalZvtSettings(ADDRESS, password_file=str(file))
    async with zvt_shop(SimulatedTerminalSettings(password="123456"), till, start=False) as shop:
        shop.start_driver()
        for content, words in (
            (None, "cannot be read"),
            ("12345", "does not hold six digits"),
            ("654321", "refuses the till"),
        ):
            if content is not None:
                file.write_text(content)
                await shop.clock.sleep(3.0)
            await shop.until(DriverState.ATTENTION)
            assert words in shop.ports.state["health"]
            assert "654321" not in shop.ports.state["health"]
            with pytest.raises(Refused, match=words):
                await shop.driver.perform(shop.pay(100))
        file.write_text("123456\n")
        await shop.until(DriverState.READY)
        assert shop.ports.meta["serial_number"] == "52000042"


async def test_a_terminal_that_wants_something_says_so_and_still_takes_payments() -> None:
    async with scripted(registered="19 04") as pt:
        assert pt.shop.driver.state is DriverState.ATTENTION
        assert "personalisation" in pt.shop.ports.state["health"]
        paying = await pt.payment_begun(1234)
        await pt.say("04 FF", "0A")
        await pt.say("04 0F", STATUS_OK)
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"
        assert "personalisation" in pt.shop.ports.state["health"]


async def test_health() -> None:
    async with zvt_shop() as shop:
        result = await shop.driver.perform(shop.health())
        assert result.result == {"health": "ok"}
        assert shop.ports.meta["firmware"] == "SIM 1.0"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("84 83 00", "The terminal cannot do this now."),
        ("80 00 00 06 1E 01 E2", "The terminal's card reader does not answer."),
        ("80 00 00 06 1E 00", "Done."),
        ("80 00 00 06 0F 01 DC", {"health": "A card is still in the terminal."}),
    ],
)
async def test_ill_health(answer: str, words: object) -> None:
    async with scripted() as pt:
        asking = asyncio.create_task(pt.shop.driver.perform(pt.shop.health()))
        assert await pt.hear() == "0501"
        await pt.write(answer)
        result = await asking
        assert words in (result.result, result.error and result.error.detail)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (TerminalZvtSettings("usb://terminal"), "neither tcp nor serial"),
        (TerminalZvtSettings("serial:///dev/ttyS0?speed=9600"), "no setting of a serial line"),
        (TerminalZvtSettings(ADDRESS, currency="ZZZ"), "is not known"),
        (TerminalZvtSettings("tcp://nowhere"), "cannot be used"),
    ],
)
def test_settings_that_cannot_be_used(settings: TerminalZvtSettings, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        DRIVER.connector(settings, VirtualClock())


@pytest.mark.parametrize(
    ("address", "full"),
    [
        ("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB0?stop=2"),
        ("serial:///dev/ttyUSB0?baud=115200", "serial:///dev/ttyUSB0?baud=115200&stop=2"),
        ("serial:///dev/ttyUSB0?stop=1&bits=8", "serial:///dev/ttyUSB0?stop=1&bits=8"),
        (ADDRESS, ADDRESS),
    ],
)
def test_a_serial_terminal_has_two_stop_bits_unless_told(address: str, full: str) -> None:
    settings = TerminalZvtSettings(address)
    assert full_address(settings) == full
    assert DRIVER.connector(settings, VirtualClock()) is not None


def test_the_example_can_be_connected_and_the_factory_password_is_the_default() -> None:
    assert DRIVER.connector(DRIVER.example, VirtualClock()) is not None
    assert read_password("") == "000000"
