from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.drivers.scanner_hidpos import ScannerHidPos, ScannerHidPosSettings
from devices.scripted_actions import read_play
from devices.simulators.scanner_hidpos import (
    ACTIONS,
    SimulatedHidPosScanner,
    SimulatedHidPosScannerSettings,
)
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.contract.device_messages import BarcodeScanned
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

EAN = "9521234567892"
LINK = "https://id.example/01/09521234567892?17=271231&3103=000742&10=A1B2C3"
STRANGE = b"\x02\x0d9521234567892".ljust(64, b"\0")
"""The IDTECH layout: no AIM identifier."""


class ScannerBench:
    """A till's scanner driver and the simulated scanner on one cable."""

    def __init__(
        self,
        group_separator: str = "",
        encoding: Literal["utf-8", "latin-1"] = "utf-8",
        variant: PipeVariant | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable(variant)
        self.ports = KeptPorts(self.cable.connect, self.clock)
        settings = ScannerHidPosSettings("hidraw:usb/0c2e:0b67", group_separator)
        self.driver = ScannerHidPos(settings, self.ports)
        log = open_log("test", io.StringIO(), level="debug")
        self.scanner = SimulatedHidPosScanner(
            SimulatedHidPosScannerSettings(encoding), SimulatorPorts(self.clock, log)
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SimulatedHidPosScanner]:
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

    @property
    def scanned(self) -> list[msgspec.Struct]:
        return [data for _, data, _ in self.ports.events]


@pytest.mark.parametrize(
    ("bench", "label", "expected"),
    [
        (ScannerBench(), (EAN, ""), BarcodeScanned(EAN, "]E0")),
        (ScannerBench(), ("96385074", ""), BarcodeScanned("96385074", "]E4")),
        (ScannerBench(), (LINK, "qr"), BarcodeScanned(LINK, "]Q1")),
        (ScannerBench(), ("0109521\x1d10A", "gs1_128"), BarcodeScanned("0109521\x1d10A", "]C1")),
        (ScannerBench("|"), ("0109521|10A", "gs1_128"), BarcodeScanned("0109521\x1d10A", "]C1")),
        (ScannerBench(encoding="latin-1"), ("Grüße", ""), BarcodeScanned("Grüße", "]C0")),
        (
            ScannerBench(variant=PipeVariant(chunk_bytes=1)),
            ("木" * 100, "qr"),
            BarcodeScanned("木" * 100, "]Q1"),
        ),
    ],
)
async def test_a_label_read_is_a_scan(
    bench: ScannerBench, label: tuple[str, str], expected: BarcodeScanned
) -> None:
    async with bench.open() as scanner:
        await scanner.scan(*label)
        await bench.clock.advance(0)
    assert bench.ports.events == [("scan", expected, 5_000)]
    assert bench.ports.counts == {"GoodScanCount": 1}


def test_a_label_is_put_into_reports_as_the_manuals_say() -> None:
    data = "M1GATHERGOOD/MICHAEL  YABCDEF LHRDURAK 3542 052Y003D23  1234"
    assert ScannerBench().scanner.reports_of(data, "qr") == [
        b"\x02\x38]Q1" + data[:56].encode() + b"s\x00\x01",
        b"\x02\x04]Q1" + data[56:].encode() + bytes(52) + b"s\x00\x00",
    ]


async def test_half_a_code_is_counted_and_neither_its_rest_nor_more_is_lost() -> None:
    bench = ScannerBench()
    async with bench.open() as scanner:
        first, rest = scanner.reports_of(LINK, "qr")
        await scanner.send(first)
        await bench.clock.advance(0.3)
        await scanner.send(rest)
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN, "]E0")]
    assert bench.ports.counts == {"GoodScanCount": 1, "ScanErrorCount": 1}


async def test_a_report_of_another_layout_asks_for_a_person_until_a_code_is_read() -> None:
    bench = ScannerBench()
    async with bench.open() as scanner:
        await scanner.send(STRANGE)
        await bench.clock.advance(0)
        assert bench.driver.state is DriverState.ATTENTION
        assert "keyboard mode" in bench.ports.state["advice"]
        assert bench.scanned == []
        await scanner.scan(EAN)
        await bench.clock.advance(0)
        assert bench.ports.state == {"state": "ready", "health": "", "advice": ""}
    assert bench.scanned == [BarcodeScanned(EAN, "]E0")]


async def test_half_a_report_makes_the_connection_anew() -> None:
    bench = ScannerBench()
    async with bench.open() as scanner:
        await scanner.send(STRANGE[:63])
        await bench.clock.advance(1)
        assert bench.cable.connections == 2
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN, "]E0")]
    assert bench.ports.counts["ProtocolViolationCount"] == 1


async def test_half_a_code_before_a_cut_is_not_joined_to_the_next_nor_taken_for_one() -> None:
    bench = ScannerBench()
    async with bench.open() as scanner:
        first, rest = scanner.reports_of(LINK, "qr")
        await scanner.send(first)
        await bench.clock.advance(0)
        await bench.cable.unplug()
        await bench.clock.advance(0)
        with pytest.raises(DeviceUnreachable, match="cable is out"):
            await scanner.scan(EAN)
        bench.cable.plug_in()
        await bench.clock.advance(0.3)
        await scanner.send(rest)
        await scanner.scan(EAN)
        await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN, "]E0")]


async def test_a_script_can_do_what_a_person_can() -> None:
    bench = ScannerBench()
    async with bench.open() as scanner:
        assert scanner.connected
        await read_play(ACTIONS, "half_scan", {"text": LINK, "symbology": "qr"}).on(scanner)
        await bench.clock.advance(2)
        await read_play(ACTIONS, "scan", {"text": EAN}).on(scanner)
        await read_play(ACTIONS, "type", {"hex": STRANGE.hex()}).on(scanner)
        await bench.clock.advance(0)
        assert scanner.scanned == 1
    assert bench.scanned == [BarcodeScanned(EAN, "]E0")]
    assert bench.ports.counts == {"GoodScanCount": 1, "ScanErrorCount": 2}
