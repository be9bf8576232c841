"""Scanners in USB HID point-of-sale mode: no keyboard layout, and always the AIM identifier."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts, DriverSpec, Rung
from devices.protocols.hidpos_reports import REPORT_BYTES, HidPosReports
from devices.protocols.scanned_codes import Misread
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import EVENT_SCAN, BarcodeScanned, JobKind, JobResult
from edge.contract.device_states import DeviceClass
from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    SCAN_AGE_MS_MAX,
)

_READ_BYTES_MAX: Final = 64 * REPORT_BYTES


class ScannerHidPosSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`.

    `group_separator`: a printable stand-in for 0x1D, should the scanner be set to one.
    """

    address: str
    group_separator: Annotated[str, Meta(max_length=1)] = ""


class ScannerHidPos(ConnectedDriver):
    """Turns reports of a scanner into scan events; a scanner has nothing to be asked."""

    def __init__(self, settings: ScannerHidPosSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._cut_off = False

    @override
    async def serve(self, stream: ByteStream) -> None:
        clock = self.ports.clock
        reports = HidPosReports(self._settings.group_separator, cut_off=self._cut_off)
        self.ready()
        try:
            while not reports.broken:
                silence_ms = reports.silence_ms
                try:
                    async with clock.timeout(None if silence_ms is None else silence_ms / 1000):
                        data = await stream.read(_READ_BYTES_MAX)
                except TimeoutError:
                    self._tell(reports.flush())
                    continue
                if not data:
                    return
                self._tell(reports.feed(data))
        finally:
            self._cut_off = reports.unfinished
        raise ProtocolViolation(
            "report_cut",
            f"{self.ports.device} sent half a report.",
            advice="Unplug the scanner and plug it in again.",
        )

    def _tell(self, found: list[BarcodeScanned | Misread]) -> None:
        for code in found:
            if isinstance(code, BarcodeScanned):
                self.ports.count("GoodScanCount")
                self.ports.emit(EVENT_SCAN, code, SCAN_AGE_MS_MAX)
                self.ready()
                continue
            self.ports.count("ScanErrorCount")
            self.ports.log.debug("misread", reason=code.value)
            if code is Misread.UNKNOWN_REPORT:
                self.attention(
                    "The scanner sends its codes in a form that is not known here.",
                    "Set it to serial (USB-COM) or to keyboard mode, and adopt it again.",
                )

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        await self.live_stream()
        return job.done(self.ports.clock.now_ms(), {"health": "connected"})


DRIVER: Final = DriverSpec(
    name="scanner_hidpos",
    device_class=DeviceClass.SCANNER,
    settings=ScannerHidPosSettings,
    example=ScannerHidPosSettings(address="hidraw:usb/0c2e:0b67"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScannerHidPos,
    job_kinds=frozenset({JobKind.CHECK_HEALTH}),
    model="scanners whose report is that of Honeywell and Access-IS",
    capabilities=("aim", "gs1"),
    rung=Rung.SIMULATED,
)
