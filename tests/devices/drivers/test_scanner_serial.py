from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.drivers.scanner_serial import ScannerSerial, ScannerSerialSettings
from devices.simulators.scanner_serial import SimulatedScanner, SimulatedScannerSettings
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_messages import BarcodeScanned
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

EAN = "9521234567892"


class ScannerBench:
    """A till's scanner driver and the simulated scanner on one cable."""

    def __init__(self, driver: ScannerSerialSettings, scanner: SimulatedScannerSettings) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        self.ports = KeptPorts(self.cable.connect, self.clock)
        self.driver = ScannerSerial(driver, self.ports)
        log = open_log("test", io.StringIO(), level="debug")
        self.scanner = SimulatedScanner(scanner, SimulatorPorts(self.clock, log))

    async def open(self) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.driver.run()), asyncio.create_task(self._attend())]
        await self.clock.advance(0)
        assert self.driver.state is DriverState.READY
        return tasks

    async def _attend(self) -> None:
        while True:
            await self.scanner.attend(await self.cable.accept())

    @property
    def scanned(self) -> list[msgspec.Struct]:
        return [data for _, data, _ in self.ports.events]


@pytest.fixture
async def benches() -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


ADDRESS = "serial:///dev/ttyACM0"
PLAIN = ScannerSerialSettings(ADDRESS)


@pytest.mark.parametrize(
    ("driver", "scanner", "read", "expected"),
    [
        (PLAIN, SimulatedScannerSettings(), (EAN, ""), BarcodeScanned(EAN)),
        (PLAIN, SimulatedScannerSettings(suffix="\r\n"), (EAN, ""), BarcodeScanned(EAN)),
        (PLAIN, SimulatedScannerSettings(send_aim=True), (EAN, ""), BarcodeScanned(EAN, "]E0")),
        (
            PLAIN,
            SimulatedScannerSettings(send_aim=True),
            ("96385074", ""),
            BarcodeScanned("96385074", "]E4"),
        ),
        (
            PLAIN,
            SimulatedScannerSettings(send_aim=True),
            ("SHELF-7", ""),
            BarcodeScanned("SHELF-7", "]C0"),
        ),
        (
            PLAIN,
            SimulatedScannerSettings(send_aim=True),
            ("0109521234567892\x1d10A", "gs1_datamatrix"),
            BarcodeScanned("0109521234567892\x1d10A", "]d2"),
        ),
        (
            ScannerSerialSettings(ADDRESS, prefix="\x02", suffix="\x03", group_separator="|"),
            SimulatedScannerSettings(prefix="\x02", suffix="\x03"),
            ("0109521234567892|10A", ""),
            BarcodeScanned("0109521234567892\x1d10A"),
        ),
    ],
)
async def test_a_label_read_is_a_scan(
    benches: list[asyncio.Task[None]],
    driver: ScannerSerialSettings,
    scanner: SimulatedScannerSettings,
    read: tuple[str, str],
    expected: BarcodeScanned,
) -> None:
    bench = ScannerBench(driver, scanner)
    benches += await bench.open()
    await bench.scanner.scan(*read)
    await bench.clock.advance(0)
    assert bench.ports.events == [("scan", expected, 5_000)]
    assert bench.ports.counts == {"GoodScanCount": 1}


async def test_without_a_suffix_the_code_comes_after_the_silence(
    benches: list[asyncio.Task[None]],
) -> None:
    bench = ScannerBench(PLAIN, SimulatedScannerSettings(suffix=""))
    benches += await bench.open()
    await bench.scanner.scan(EAN[:6])
    await bench.clock.advance(0.019)
    await bench.scanner.scan(EAN[6:])
    await bench.clock.advance(0.079)
    assert bench.scanned == []
    await bench.clock.advance(0.001)
    assert bench.scanned == [BarcodeScanned(EAN)]


async def test_half_a_code_is_counted_and_the_next_one_is_whole(
    benches: list[asyncio.Task[None]],
) -> None:
    bench = ScannerBench(PLAIN, SimulatedScannerSettings())
    benches += await bench.open()
    await bench.scanner.scan(EAN)
    await bench.scanner.type_bytes(EAN[:8].encode())
    await bench.clock.advance(0.1)
    await bench.scanner.type_bytes(b"\x00\x01\x02\r")
    await bench.scanner.scan(EAN)
    await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN), BarcodeScanned(EAN)]
    assert bench.ports.counts == {"GoodScanCount": 2, "ScanErrorCount": 1}


async def test_half_a_code_before_a_cut_is_not_joined_to_the_next(
    benches: list[asyncio.Task[None]],
) -> None:
    bench = ScannerBench(PLAIN, SimulatedScannerSettings())
    benches += await bench.open()
    await bench.scanner.type_bytes(EAN[:8].encode())
    await bench.clock.advance(0)
    await bench.cable.unplug()
    await bench.clock.advance(0)
    with pytest.raises(DeviceUnreachable, match="cable is out"):
        await bench.scanner.scan(EAN)
    bench.cable.plug_in()
    await bench.clock.advance(1)
    await bench.scanner.scan(EAN)
    await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN)]


async def test_what_the_host_sends_changes_nothing_for_the_simulated_scanner(
    benches: list[asyncio.Task[None]],
) -> None:
    bench = ScannerBench(PLAIN, SimulatedScannerSettings())
    benches += await bench.open()
    stream = await bench.driver.live_stream()
    await stream.write(b"\x16\x54\x0d")
    await bench.scanner.scan(EAN)
    await bench.clock.advance(0)
    assert bench.scanned == [BarcodeScanned(EAN)]


@pytest.mark.parametrize("settings", [{"prefix": "木"}, {"prefix": "123456789"}, {"aim": 1}])
def test_settings_that_no_scanner_has_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"address": ADDRESS, **settings}, ScannerSerialSettings)
