"""Pins of a GPIO chip: a simulated chip, and the real library where it is installed."""

from __future__ import annotations

import asyncio
import errno
import inspect
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devices.transports.byte_stream import ByteStream
from devices.transports.gpio_lines import GpioPins, gpio_connector
from devices.transports.signal_lines import SignalLines, lines_of
from edge.contract.device_limits import (
    LINES_LOOK_MS,
)
from edge.contract.errors import DeviceUnreachable
from tests.devices.virtual_clock import VirtualClock


@dataclass
class Chip:
    """A chip that keeps levels by line; `history` is what was written, `open` what is in use."""

    levels: dict[int, bool] = field(default_factory=dict)
    history: list[tuple[int, bool]] = field(default_factory=list)
    asked: list[tuple[str, int, str, str]] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    refuse: dict[int, Exception] = field(default_factory=dict)
    broken: bool = False

    def open_pin(self, chip: str, line: int, direction: str, pull: str) -> ChipPin:
        if line in self.refuse:
            raise self.refuse[line]
        self.asked.append((chip, line, direction, pull))
        self.open.add(line)
        if direction != "in":
            self.levels[line] = direction == "high"
        return ChipPin(self, line)


@dataclass
class ChipPin:
    chip: Chip
    line: int

    def read(self) -> bool:
        self.check()
        return self.chip.levels.get(self.line, False)

    def write(self, value: bool) -> None:
        self.check()
        self.chip.levels[self.line] = value
        self.chip.history.append((self.line, value))

    def close(self) -> None:
        self.chip.open.discard(self.line)

    def check(self) -> None:
        assert self.line in self.chip.open, "a pin that was given back is used"
        if self.chip.broken:
            raise OSError(errno.ENODEV, "No such device")


def lines(stream: ByteStream) -> SignalLines:
    found = lines_of(stream)
    assert found is not None
    return found


@pytest.mark.parametrize(("pulse_on", "rest"), [("high", "low"), ("low", "high")])
async def test_the_coil_is_off_from_the_first_moment_to_the_last(pulse_on: str, rest: str) -> None:
    chip = Chip()
    pins = GpioPins("/dev/gpiochip0", 17, 27, pulse_on)
    stream = await gpio_connector(pins, VirtualClock(), chip.open_pin)()
    assert chip.asked[0] == ("/dev/gpiochip0", 17, rest, "default")
    coil = lines(stream)
    await coil.drive("pulse", on=True)
    await stream.close()
    on = pulse_on == "high"
    assert chip.history == [(17, on), (17, not on)]
    assert chip.open == set()
    await stream.close()
    assert chip.history == [(17, on), (17, not on)]
    with pytest.raises(DeviceUnreachable, match="closed"):
        await coil.drive("pulse", on=True)
    assert await stream.read(10) == b""


@pytest.mark.parametrize(
    ("pull", "asked"), [("up", "pull_up"), ("down", "pull_down"), ("none", "disable")]
)
async def test_the_sensor_is_read_electrically(pull: str, asked: str) -> None:
    chip, clock = Chip(), VirtualClock()
    pins = GpioPins("/dev/gpiochip1", 17, 27, sensor_pull=pull)
    stream = await gpio_connector(pins, clock, chip.open_pin)()
    assert chip.asked[1] == ("/dev/gpiochip1", 27, "in", asked)
    found = lines(stream)
    assert await found.levels() == frozenset()
    async with clock.running():
        waiting = asyncio.create_task(found.changed(frozenset()))
        await clock.sleep(3)
        chip.levels[27] = True
        began = clock.monotonic_ms()
        assert await waiting == {"sensor"}
        assert clock.monotonic_ms() - began <= LINES_LOOK_MS
    with pytest.raises(ValueError, match="no pin drives 'sensor'"):
        await found.drive("sensor", on=True)
    with pytest.raises(DeviceUnreachable, match="no bytes"):
        await stream.write(b"\x07")


async def test_reading_waits_until_it_is_closed() -> None:
    stream = await gpio_connector(GpioPins("/dev/x", 1), VirtualClock(), Chip().open_pin)()
    reading = asyncio.create_task(stream.read(10))
    await asyncio.sleep(0)
    assert not reading.done()
    assert await lines(stream).levels() == frozenset(), "no sensor is wired"
    await stream.close()
    assert await reading == b""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOENT, "No such file"), "Check the name of the chip"),
        (PermissionError(errno.EACCES, "Permission denied"), "group gpio"),
        (OSError(errno.EBUSY, "Device or resource busy"), "Another program holds the pin"),
        (OSError(errno.EINVAL, "Invalid argument"), "numbers of the pins"),
        (OSError(errno.EIO, "Input/output error"), "Check the chip, the pins"),
        (LookupError("GPIO line not found"), "GPIO line not found"),
    ],
)
@pytest.mark.parametrize("line", [17, 27])
async def test_pins_that_cannot_be_used_say_so_and_none_is_kept(
    error: Exception, words: str, line: int
) -> None:
    chip = Chip(refuse={line: error})
    with pytest.raises(DeviceUnreachable, match=words) as raised:
        await gpio_connector(GpioPins("/dev/gpiochip0", 17, 27), VirtualClock(), chip.open_pin)()
    assert "/dev/gpiochip0" in raised.value.message
    assert chip.open == set()


async def test_a_chip_that_goes_away_is_unreachable() -> None:
    chip = Chip()
    stream = await gpio_connector(
        GpioPins("/dev/gpiochip0", 17, 27), VirtualClock(), chip.open_pin
    )()
    chip.broken = True
    with pytest.raises(DeviceUnreachable, match="do not work any more"):
        await lines(stream).levels()
    with pytest.raises(DeviceUnreachable, match="do not work any more"):
        await lines(stream).drive("pulse", on=True)
    await stream.close()
    assert chip.open == set()


async def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "periphery", None)
    with pytest.raises(DeviceUnreachable, match=r"tillbox\[hardware\]"):
        await gpio_connector(GpioPins("/dev/gpiochip0", 17), VirtualClock())()


async def test_the_real_library_takes_what_it_is_given(tmp_path: Path) -> None:
    periphery = pytest.importorskip("periphery")
    asked = inspect.signature(periphery.CdevGPIO.__init__).parameters
    assert {"path", "line", "direction", "bias", "label"} <= asked.keys()
    clock = VirtualClock()
    with pytest.raises(DeviceUnreachable, match="Check the name of the chip"):
        await gpio_connector(GpioPins(str(tmp_path / "gpiochip7"), 17), clock)()
    no_chip = tmp_path / "file"
    no_chip.write_bytes(b"")
    with pytest.raises(DeviceUnreachable, match="this is none"):
        await gpio_connector(GpioPins(str(no_chip), 17, 27), clock)()
