"""The simulated displays read their manuals' bytes, whole or one by one; no driver is near."""

from __future__ import annotations

import asyncio
import io
import random
from typing import Any

import pytest

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.simulators.display_cd5220 import SIMULATOR as CD5220
from devices.simulators.display_escpos import SIMULATOR as ESCPOS
from devices.simulators.printer_escpos import SIMULATOR as PRINTER
from devices.transports.memory_pipe import PipeVariant, memory_pipe
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

DARK = " " * 20
A = b"A" * 20
B = b"B" * 20


async def heard(
    spec: SimulatorSpec[Any], data: bytes, *, chunk_bytes: int = 4_096, **settings: Any
) -> Any:
    """Return a display that was told these bytes."""
    ports = SimulatorPorts(VirtualClock(), open_log("test", io.StringIO()))
    display = spec.build(spec.settings(**settings), ports)
    pipe = memory_pipe(PipeVariant(chunk_bytes=chunk_bytes))
    attending = asyncio.create_task(display.attend(pipe.far))
    for start in range(0, len(data), 1_024):
        await pipe.near.write(data[start : start + 1_024])
    await pipe.near.close()
    await attending
    return display


@pytest.fixture(params=[4_096, 1], ids=["whole", "byte_by_byte"])
def chunk(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@pytest.mark.parametrize(
    ("data", "upper", "lower"),
    [
        (b"", DARK, DARK),
        (b"Hello", "Hello".ljust(20), DARK),
        (A + b"lower", "A" * 20, "lower".ljust(20)),
        (A + B + b"C", "C" + "A" * 19, "B" * 20),
        (b"\x1f$\x13\x02XY", DARK, DARK[:18] + "XY"),
        (b"\x1f$\x00\x01a\x1f$\x15\x01b\x1f$\x01\x03c", "abc".ljust(20), DARK),
        (b"old\x0cnew", "new".ljust(20), DARK),
        (b"old\x18new", "new".ljust(20), DARK),
        (b"old\x1b@new", "new".ljust(20), DARK),
        (b"ab\x08c\x0bX\x0dY\x0aZ", "Yc".ljust(20), " Z".ljust(20)),
        (b"\x1f\x0dR\x1f\x0aU\x09\x1fBE", "U" + DARK[:18] + "R", DARK[:19] + "E"),
        (b"\x81\x1bt\x12\x97\x1bt\x11\x8c\x1bt\x01\x8c", "üŚММ".ljust(20), DARK),
        (b"a\x1b=\x01 \x0c\x1b@gone\x1f$\x01\x01gone\x1b=\x02b", "ab".ljust(20), DARK),
        (b"a\x1f\x01\x1fC\x00\x1fX\x02\x1bR\x02\x1fE\x00\x1f#\x01\x05b", "ab".ljust(20), DARK),
        (b"rest of a command \x1f$\x01", "rest of a command".ljust(20), DARK),
    ],
)
async def test_an_escpos_display_shows(chunk: int, data: bytes, upper: str, lower: str) -> None:
    display = await heard(ESCPOS, data, chunk_bytes=chunk)
    assert display.text == (upper, lower)
    assert display.unknown_commands == 0


async def test_an_escpos_display_keeps_its_settings_until_it_loses_power() -> None:
    display = await heard(ESCPOS, b"\x1fX\x02\x1fC\x00\x1fX\x07\x1bt\x12x")
    assert (display.brightness, display.cursor_shown) == (2, False)
    display.power_cycle()
    assert (display.text, display.brightness, display.cursor_shown) == ((DARK, DARK), 4, True)


async def test_what_an_escpos_display_does_not_know_is_counted() -> None:
    assert (await heard(ESCPOS, b"\x1bp\x1fz\x04a")).unknown_commands == 3
    assert (await heard(ESCPOS, b"\x1b=\x01\x1bp\x04\x1b=\x02a")).unknown_commands == 0


@pytest.mark.parametrize(
    ("data", "upper", "lower"),
    [
        (b"\x1bQA" + A + b"\r\x1bQB" + B + b"\r", "A" * 20, "B" * 20),
        (b"\x1bQAshort\r\x1bQBb\r", "short".ljust(20), "b".ljust(20)),
        (b"\x1bQA" + A + b"too much\r\x1bQBb\r", "A" * 20, "b".ljust(20)),
        (b"\x1bQA" + A + b"\r\x1bQAb\r", "b".ljust(20), DARK),
        (b"\x1bQAa\r\x0cnew", "new".ljust(20), DARK),
        (b"\x1bQAa\r\x18new", "new".ljust(20), DARK),
        (b"\x1bl\x13\x02XY", DARK, DARK[:18] + "XY"),
        (b"ab\x08c\x0bX\x0dY\x0aZ\x09", "Yc".ljust(20), " Z".ljust(20)),
        (b"old\x1b@\x81\x1bcL\x97\x1bcR\x8c\x1bcJ", "üŚМ".ljust(20), DARK),
        (b"\x1bQAlost its end\x1bQBb\r", "lost its end".ljust(20), "b".ljust(20)),
        (b"\x1bQAa\x0cnew", "new".ljust(20), DARK),
    ],
)
async def test_a_cd5220_display_shows(chunk: int, data: bytes, upper: str, lower: str) -> None:
    display = await heard(CD5220, data, chunk_bytes=chunk)
    assert display.text == (upper, lower)
    assert (display.unknown_commands, display.ignored) == (0, 0)


async def test_a_cd5220_display_takes_only_rows_until_it_is_cleared() -> None:
    display = await heard(CD5220, b"\x1bQAa\r\x1b*\x01\x1b_\x00X\x1bl\x01\x01")
    assert (display.brightness, display.cursor_shown) == (4, True)
    assert display.ignored == 4
    assert display.text[0] == "a".ljust(20)
    display = await heard(CD5220, b"\x1bQAa\r\x0c\x1b*\x01\x1b_\x00")
    assert (display.brightness, display.cursor_shown, display.ignored) == (1, False, 0)
    display.power_cycle()
    assert (display.text, display.brightness) == ((DARK, DARK), 4)


async def test_what_a_cd5220_display_does_not_know_is_counted() -> None:
    assert (await heard(CD5220, b"\x1bz\x1bQX\x04")).unknown_commands == 3


@pytest.mark.parametrize("spec", [ESCPOS, CD5220], ids=lambda spec: spec.name)
async def test_a_display_lives_through_garbage_and_is_whole_after_a_clear(
    spec: SimulatorSpec[Any],
) -> None:
    chance = random.Random(20_261_127)
    garbage = chance.randbytes(20_000)
    # NULs end whatever command the garbage began
    display = await heard(spec, garbage + b"\x00" * 9 + b"\x1b=\x02\r\x0c\x1b@Hello")
    assert display.text == ("Hello".ljust(20), DARK)


async def test_a_printer_passes_on_to_its_display_and_prints_none_of_it() -> None:
    data = b"\x1b@paper\n\x1b=\x02\x0cglass\x1b@glass\x1bp\x00\x00\x00\x1b=\x01paper too\n\x1dV\x00"
    printer = await heard(PRINTER, data)
    assert printer.pole == ("glass".ljust(20), DARK)
    assert printer.receipts() == ["paper\npaper too"]
    assert printer.pulses == []
    assert printer.pole_unknown_commands == 1
    printer.power_cycle()
    assert printer.pole == (DARK, DARK)
