"""The simulated scanner against literal events, as HID and the kernel's sources have them."""

from __future__ import annotations

import asyncio
import io
import struct

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.scripted_actions import read_play
from devices.simulators.scanner_hid import (
    KernelKeyboard,
    SimulatedHidScanner,
    SimulatedHidScannerSettings,
)
from devices.simulators.scanner_hid.scanner import ACTIONS
from devices.transports.memory_pipe import MemoryPipe, memory_pipe
from edge.contract.errors import DeviceUnreachable, Refused
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

AT_MS = 1_795_000_000_250
EVENT = struct.Struct("<qqHHi")


def events(data: bytes) -> list[tuple[int, int, int]]:
    """Type, code and value, without the scan codes."""
    found = [event[2:] for event in EVENT.iter_unpack(data)]
    return [event for event in found if event[0] != 4]


def test_a_report_becomes_the_events_that_the_kernel_writes() -> None:
    keyboard = KernelKeyboard()
    assert keyboard.report(bytes.fromhex("00 00 26 00 00 00 00 00"), AT_MS) == bytes.fromhex(
        "c086fd6a00000000 90d0030000000000 0400 0400 26000700"
        "c086fd6a00000000 90d0030000000000 0100 0a00 01000000"
        "c086fd6a00000000 90d0030000000000 0000 0000 00000000"
    )
    assert events(keyboard.report(bytes(8), AT_MS)) == [(1, 10, 0), (0, 0, 0)]
    assert keyboard.report(bytes(8), AT_MS) == b""  # nothing changed, nothing is said


def test_held_keys_come_before_the_others_and_rollover_is_kept() -> None:
    keyboard = KernelKeyboard()
    assert events(keyboard.report(bytes.fromhex("0200040000000000"), 0)) == [
        (1, 42, 1),
        (1, 30, 1),
        (0, 0, 0),
    ]
    assert events(keyboard.report(bytes.fromhex("4000040500000000"), 0)) == [
        (1, 42, 0),
        (1, 100, 1),
        (1, 48, 1),
        (0, 0, 0),
    ]
    assert events(keyboard.repeat(0)) == [(1, 48, 2), (0, 0, 1)]


class Desk:
    """A simulated scanner on a pipe."""

    def __init__(self, **settings: object) -> None:
        self.clock = VirtualClock()
        log = open_log("test", io.StringIO(), level="debug")
        self.scanner = SimulatedHidScanner(
            msgspec.convert(settings, SimulatedHidScannerSettings),
            SimulatorPorts(self.clock, log),
        )

    async def __aenter__(self) -> MemoryPipe:
        self.pipe = memory_pipe()
        self.attending = asyncio.create_task(self.scanner.attend(self.pipe.far))
        await asyncio.sleep(0)
        return self.pipe

    async def __aexit__(self, *_: object) -> None:
        await self.pipe.near.close()
        await self.attending

    async def typed(self) -> list[tuple[int, int]]:
        """Key codes that went down or up, in order."""
        found = events(await self.pipe.near.read(100_000))
        return [(code, value) for kind, code, value in found if kind == 1]


@pytest.mark.parametrize(
    ("settings", "sign", "keys"),
    [
        ({}, "a", [(30, 1), (30, 0)]),
        ({}, "\x1d", [(29, 1), (27, 1), (29, 0), (27, 0)]),
        ({}, "\x02", [(29, 1), (48, 1), (29, 0), (48, 0)]),
        ({"layout": "de"}, "@", [(100, 1), (16, 1), (100, 0), (16, 0)]),
        ({"layout": "de"}, "^", [(41, 1), (41, 0), (57, 1), (57, 0)]),
        ({"layout": "de"}, "é", [(13, 1), (13, 0), (18, 1), (18, 0)]),
        ({"layout": "de"}, "~", [(100, 1), (27, 1), (100, 0), (27, 0)]),
        ({"layout": "fr"}, "1", [(42, 1), (2, 1), (42, 0), (2, 0)]),
        ({"layout": "fr"}, "m", [(39, 1), (39, 0)]),
        ({"layout": "it"}, "{", [(42, 1), (100, 1), (26, 1), (42, 0), (100, 0), (26, 0)]),
        ({"layout": "gb"}, "\\", [(86, 1), (86, 0)]),
        (
            {"alt_codes": "cp1252"},
            "ä",
            [(56, 1), (82, 1), (82, 0), (80, 1), (80, 0), (80, 1), (80, 0), (72, 1), (72, 0),
             (56, 0)],
        ),
        ({"alt_codes": "unicode"}, "\t", [(56, 1), (73, 1), (73, 0), (56, 0)]),
    ],
)  # fmt: skip
async def test_a_sign_is_typed_as_on_that_keyboard(
    settings: dict[str, object], sign: str, keys: list[tuple[int, int]]
) -> None:
    desk = Desk(**settings)
    async with desk:
        await desk.scanner.type_text(sign)
        assert await desk.typed() == keys


async def test_a_sign_that_the_layout_lacks_is_told() -> None:
    desk = Desk(layout="it")
    async with desk:
        with pytest.raises(Refused, match="'~' cannot be typed by a it keyboard"):
            await desk.scanner.type_text("~")
        with pytest.raises(Refused, match="'~' cannot be typed"):
            await desk.scanner.hold("~", ms=1)
    desk = Desk(alt_codes="cp1252")
    async with desk:
        with pytest.raises(Refused, match="'木' cannot be typed by an ALT code of Windows"):
            await desk.scanner.type_text("木")


async def test_a_key_held_down_repeats_after_a_quarter_of_a_second() -> None:
    desk = Desk()
    async with desk, desk.clock.running():
        await desk.scanner.hold("7", ms=320)
        assert await desk.typed() == [(8, 1), (8, 2), (8, 2), (8, 2), (8, 0)]
    assert desk.clock.monotonic_ms() == 250 + 2 * 33


@pytest.mark.parametrize(
    ("action", "args", "keys"),
    [
        ("scan", {"text": "7"}, [(8, 1), (8, 0), (28, 1), (28, 0)]),
        ("type", {"text": "7"}, [(8, 1), (8, 0)]),
        ("press", {"usage": 0x3A, "held": 1}, [(29, 1), (59, 1), (29, 0), (59, 0)]),
        ("hold", {"sign": "7", "ms": 0}, [(8, 1), (8, 0)]),
        ("stick", {"key": "shift"}, [(42, 1)]),
        ("stick", {"key": "altgr"}, [(100, 1)]),
        ("lose_events", {}, []),
        ("send", {"hex": "00" * 16 + "0100" + "0800" + "01000000"}, [(8, 1)]),
    ],
)
async def test_a_script_can_do_what_a_person_can(
    action: str, args: dict[str, object], keys: list[tuple[int, int]]
) -> None:
    desk = Desk()
    async with desk:
        await read_play(ACTIONS, action, args).on(desk.scanner)
        assert await desk.typed() == keys
        assert desk.scanner.connected
        assert desk.scanner.scanned == (action == "scan")


async def test_a_key_that_no_keyboard_has_is_refused_in_words() -> None:
    desk = Desk()
    async with desk:
        with pytest.raises(Refused, match="usage 70"):
            await read_play(ACTIONS, "press", {"usage": 0x46}).on(desk.scanner)


async def test_what_is_scanned_without_a_cable_is_gone() -> None:
    desk = Desk()
    async with desk:
        pass
    with pytest.raises(DeviceUnreachable, match="cable is out"):
        await desk.scanner.scan("1")
