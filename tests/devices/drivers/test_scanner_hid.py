# ruff: noqa: RUF001 - the acute accents are meant
from __future__ import annotations

import asyncio
import io
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.drivers.scanner_hid import ScannerHid, ScannerHidSettings
from devices.protocols.keyboard_layouts import Layout
from devices.simulators.scanner_hid import (
    KernelKeyboard,
    SimulatedHidScanner,
    SimulatedHidScannerSettings,
)
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.contract.device_messages import BarcodeScanned
from edge.contract.device_states import DriverState
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

EAN = "9521234567892"
ADDRESS = "input:///dev/input/by-id/usb-ACME_Scanner-event-kbd"
SHIFT, ALT = 0x02, 0x04
F1, BACKSPACE = 0x3A, 0x2A

LETTERS = {
    Layout.US: "",
    Layout.DE: "äöüÄÖÜß§°€µ²³áéíóúýàèìòùâêîôû´",
    Layout.FR: "éèçàùâêîôûäëïöüÿãñõ²°£¤§µ€¨",
    Layout.ES: "ñÑçÇáéíóúýüº·¡¿€¬´¨ãõàè",
    Layout.IT: "èéòàùìç°§£€",
    Layout.GB: "£¬€éúíóá",
    Layout.PL: "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ€",
}


class ScannerBench:
    """A till's scanner driver and the simulated scanner on one cable."""

    def __init__(
        self, driver: dict[str, Any], scanner: dict[str, Any], variant: PipeVariant | None = None
    ) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable(variant)
        self.ports = KeptPorts(self.cable.connect, self.clock)
        settings = msgspec.convert({"address": ADDRESS, **driver}, ScannerHidSettings)
        self.driver = ScannerHid(settings, self.ports)
        log = open_log("test", io.StringIO(), level="debug")
        self.scanner = SimulatedHidScanner(
            msgspec.convert(scanner, SimulatedHidScannerSettings), SimulatorPorts(self.clock, log)
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SimulatedHidScanner]:
        tasks = [asyncio.create_task(self.driver.run()), asyncio.create_task(self._attend())]
        await self.clock.advance(0)
        assert self.driver.state is DriverState.READY
        try:
            yield self.scanner
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _attend(self) -> None:
        while True:
            await self.scanner.attend(await self.cable.accept())

    async def takes(self, seconds: float, *does: Any) -> None:
        """Let a person's doings run while the time passes."""
        doing = asyncio.gather(*does)
        await self.clock.advance(seconds)
        await doing

    @property
    def scanned(self) -> list[msgspec.Struct]:
        return [data for _, data, _ in self.ports.events]


async def read(
    driver: dict[str, Any], scanner: dict[str, Any], label: str, symbology: str = ""
) -> list[msgspec.Struct]:
    bench = ScannerBench(driver, scanner)
    async with bench.open() as scans:
        await scans.scan(label, symbology)
        await bench.clock.advance(0)
    assert all((kind, age) == ("scan", 5_000) for kind, _, age in bench.ports.events)
    return bench.scanned


@pytest.mark.parametrize("suffix", ["enter", "keypad_enter", "tab"])
@pytest.mark.parametrize("keyboards", [1, 2])
async def test_a_label_read_is_a_scan(suffix: str, keyboards: int) -> None:
    scanner = {"suffix": suffix, "keyboards": keyboards}
    assert await read({}, scanner, EAN) == [BarcodeScanned(EAN)]


@pytest.mark.parametrize(
    ("driver", "scanner", "label", "expected"),
    [
        ({}, {"send_aim": True}, (EAN, ""), BarcodeScanned(EAN, "]E0")),
        ({}, {"send_aim": True}, ("96385074", ""), BarcodeScanned("96385074", "]E4")),
        ({}, {"send_aim": True}, ("SHELF-7", ""), BarcodeScanned("SHELF-7", "]C0")),
        (
            {"layout": "de"},
            {"layout": "de", "send_aim": True},
            ("0109521234567892\x1d10A", "gs1_datamatrix"),
            BarcodeScanned("0109521234567892\x1d10A", "]d2"),
        ),
        (
            {"prefix": "\x02", "suffix": "tab", "group_separator": "|"},
            {"prefix": "\x02", "suffix": "tab"},
            ("0109521234567892|10A", ""),
            BarcodeScanned("0109521234567892\x1d10A"),
        ),
        (
            {"layout": "fr"},  # the layout does not matter
            {"alt_codes": "cp1252"},
            ("01095\x1d10Grüße €", ""),
            BarcodeScanned("01095\x1d10Grüße €"),
        ),
        (
            {"layout": "it", "alt_codes": "unicode"},
            {"alt_codes": "unicode"},
            ("木 Ω ~`", ""),
            BarcodeScanned("木 Ω ~`"),
        ),
        (
            {"layout": "fr"},
            {"layout": "fr"},
            ("https://id.example/01/09521234567892?17=271231&3103=000742", "qr"),
            BarcodeScanned("https://id.example/01/09521234567892?17=271231&3103=000742"),
        ),
    ],
)
async def test_what_a_scanner_is_set_to_is_understood(
    driver: dict[str, Any],
    scanner: dict[str, Any],
    label: tuple[str, str],
    expected: BarcodeScanned,
) -> None:
    assert await read(driver, scanner, *label) == [expected]


@pytest.mark.parametrize("layout", Layout)
async def test_every_sign_of_a_layout_is_read_as_it_was_typed(layout: Layout) -> None:
    ascii_signs = string.printable[:95].strip()
    signs = ascii_signs.replace("`", "").replace("~", "") if layout is Layout.IT else ascii_signs
    label = f"a{signs} {LETTERS[layout]}"
    found = await read({"layout": layout, "aim": False}, {"layout": layout}, label)
    assert found == [BarcodeScanned(label)]


async def test_the_wrong_layout_reads_something_else() -> None:
    assert await read({}, {"layout": "de"}, "YZ-1") == [BarcodeScanned("ZY/1")]


@pytest.mark.parametrize(
    "variant", [PipeVariant("bytes", chunk_bytes=1), PipeVariant("odd", chunk_bytes=35)]
)
async def test_however_the_events_are_cut(variant: PipeVariant) -> None:
    bench = ScannerBench({}, {}, variant)
    async with bench.open() as scanner:
        await scanner.scan(EAN)
        await scanner.scan("42")
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN), BarcodeScanned("42")]


# --- time ---------------------------------------------------------------------------------


async def test_without_a_suffix_the_code_comes_after_the_silence() -> None:
    bench = ScannerBench({}, {"suffix": "none"})
    async with bench.open() as scanner:
        await scanner.scan(EAN[:6])
        await bench.clock.advance(0.05)
        await scanner.scan(EAN[6:])
        await bench.clock.advance(0.099)
        assert bench.scanned == []
        await bench.clock.advance(0.001)
        assert bench.scanned == [BarcodeScanned(EAN)]


@pytest.mark.parametrize(
    ("gap_ms", "idle_ms", "expected"),
    [(20, 100, [BarcodeScanned("9521")]), (110, 100, []), (110, 150, [BarcodeScanned("9521")])],
)
async def test_a_slow_scanner_may_be_given_more_time(
    gap_ms: int, idle_ms: int, expected: list[BarcodeScanned]
) -> None:
    bench = ScannerBench({"suffix": "enter", "idle_ms": idle_ms}, {"gap_ms": gap_ms})
    async with bench.open() as scanner:
        await bench.takes(3, scanner.scan("9521"))
    assert bench.scanned == expected


class LateStream:
    """Its keys are there when the patience of who reads them has just ended."""

    def __init__(self, first: bytes, late: bytes) -> None:
        self.data, self.late = first, late

    async def read(self, max_bytes: int) -> bytes:
        if not self.data:
            try:
                await asyncio.Event().wait()
            finally:
                self.data, self.late = self.late, b""
        data, self.data = self.data, b""
        assert len(data) <= max_bytes
        return data

    async def write(self, data: bytes) -> None:
        raise AssertionError(data)

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_host_that_stood_still_splits_no_code() -> None:
    typed: list[bytes] = []
    at_ms = 1_795_000_000_000
    for text in ("952", "123"):
        keyboard = KernelKeyboard()
        typed.append(b"")
        for digit in text:
            at_ms += 10
            for usage in (0x1E + "1234567890".index(digit), 0):
                typed[-1] += keyboard.report(bytes((0, 0, usage, 0, 0, 0, 0, 0)), at_ms)
    bench = ScannerBench({}, {})
    serving = asyncio.create_task(bench.driver.serve(LateStream(*typed)))
    await bench.clock.advance(0.1)
    assert bench.scanned == []
    await bench.clock.advance(0.1)
    assert bench.scanned == [BarcodeScanned("952123")]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_key_held_down_is_one_sign() -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        holding = asyncio.create_task(scanner.hold("7", ms=60_000))
        await bench.clock.advance(0.4)
        assert bench.scanned == [BarcodeScanned("7")]  # the kernel still repeats it
        await bench.clock.advance(70)
        await holding
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned("7"), BarcodeScanned(EAN)]


# --- faults -------------------------------------------------------------------------------


async def test_half_a_code_is_counted_and_the_next_one_is_whole() -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        await scanner.scan(EAN)
        await scanner.type_text(EAN[:8])
        await bench.clock.advance(0.5)
        await scanner.scan(EAN[8:])  # the rest, late
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN), BarcodeScanned(EAN)]
    assert bench.ports.counts == {"GoodScanCount": 2, "ScanErrorCount": 1}


async def test_a_code_with_lost_events_is_counted_and_the_next_one_is_whole() -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        await scanner.type_text(EAN[:5])
        await scanner.lose_events()
        await scanner.scan(EAN[5:])
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN)]
    assert bench.ports.counts == {"GoodScanCount": 1, "ScanErrorCount": 1}


async def test_a_stuck_modifier_spoils_one_code() -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        await scanner.stick(SHIFT)
        await scanner.scan(EAN)
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN)]
    assert bench.ports.counts == {"GoodScanCount": 1, "ScanErrorCount": 1}


@pytest.mark.parametrize("hostile", ["\x08\x08\x08", "\x0f", "\x1bc", "7" * 5000])
async def test_a_hostile_label_is_no_scan(hostile: str) -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        typing = asyncio.gather(scanner.scan(f"12{hostile}34"))
        for _ in range(100):
            await bench.clock.advance(0)
        await typing
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN)]
    assert bench.ports.counts["ScanErrorCount"] == 1


@pytest.mark.parametrize("usage", [F1, BACKSPACE, 0x4F])
async def test_a_key_that_types_nothing_spoils_the_code(usage: int) -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        await scanner.type_text("12")
        await scanner.press(usage)
        await scanner.scan("34")
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN)]


async def test_what_no_keyboard_sends_makes_the_connection_anew() -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        await scanner.scan("1")
        await scanner.type_bytes(b"\xff" * 24)
        await bench.clock.advance(0)
        await bench.clock.advance(1)
        assert bench.cable.connections == 2
        assert bench.driver.state is DriverState.READY
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned("1"), BarcodeScanned(EAN)]
    assert bench.ports.counts["ProtocolViolationCount"] == 1


async def test_half_an_event_and_silence_makes_the_connection_anew() -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        await scanner.type_bytes(b"\x00" * 23)
        await bench.clock.advance(1)
        assert bench.cable.connections == 2


async def test_half_a_code_before_a_cut_is_not_joined_to_the_next_nor_taken_for_one() -> None:
    bench = ScannerBench({}, {})
    async with bench.open() as scanner:
        await scanner.type_text(EAN[:8])
        await bench.clock.advance(0)
        await bench.cable.unplug()
        await bench.clock.advance(0)
        bench.cable.plug_in()
        await bench.clock.advance(0.3)
        await scanner.scan(EAN[8:])  # a radio scanner sends the rest when it is back
        await bench.clock.advance(0.1)
        assert bench.scanned == []
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN)]


@pytest.mark.parametrize(
    "settings",
    [
        {"layout": "dvorak"},
        {"suffix": "lf"},
        {"alt_codes": "utf-8"},
        {"idle_ms": 10},
        {"idle_ms": 5000},
        {"prefix": "木"},
        {"aim": 1},
        {"grab": False},
    ],
)
def test_settings_that_no_scanner_has_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"address": ADDRESS, **settings}, ScannerHidSettings)
