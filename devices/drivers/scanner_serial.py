"""Scanners on a serial line: RS-232, USB in serial (CDC-ACM) mode, Bluetooth SPP."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts, DriverSpec, Rung
from devices.protocols.scanned_codes import Misread
from devices.protocols.scanner_lines import LineFormat, ScannerLines
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import EVENT_SCAN, JobKind, JobResult
from edge.contract.device_states import DeviceClass
from edge.contract.limits import (
    SCAN_AGE_MS_MAX,
)

_READ_BYTES_MAX: Final = 4_096

Affix = Annotated[str, Meta(max_length=8, pattern=r"^[\x00-\xff]*$")]


class ScannerSerialSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; the rest as the scanner is set.

    `prefix` and `suffix` are bytes written as text of U+0000 to U+00FF; an empty suffix
    means CR, LF or CRLF. `group_separator` is a printable stand-in for 0x1D, or empty.
    """

    address: str
    prefix: Affix = ""
    suffix: Affix = ""
    aim: bool = True
    group_separator: Annotated[str, Meta(max_length=1)] = ""


class ScannerSerial(ConnectedDriver):
    """Turns lines of a scanner into scan events; a scanner has nothing to be asked."""

    def __init__(self, settings: ScannerSerialSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings

    @override
    async def serve(self, stream: ByteStream) -> None:
        settings, clock = self._settings, self.ports.clock
        lines = ScannerLines(
            LineFormat(
                settings.prefix.encode("latin-1"),
                settings.suffix.encode("latin-1"),
                settings.aim,
                settings.group_separator,
            )
        )
        self.ready()
        while True:
            silence_ms = lines.silence_ms
            try:
                async with clock.timeout(None if silence_ms is None else silence_ms / 1000):
                    data = await stream.read(_READ_BYTES_MAX)
            except TimeoutError:
                found = lines.flush()
            else:
                if not data:
                    return
                found = lines.feed(data)
            for code in found:
                if isinstance(code, Misread):
                    self.ports.count("ScanErrorCount")
                    self.ports.log.debug("misread", reason=code.value)
                else:
                    self.ports.count("GoodScanCount")
                    self.ports.emit(EVENT_SCAN, code, SCAN_AGE_MS_MAX)

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        await self.live_stream()
        return job.done(self.ports.clock.now_ms(), {"health": "connected"})


DRIVER: Final = DriverSpec(
    name="scanner_serial",
    device_class=DeviceClass.SCANNER,
    settings=ScannerSerialSettings,
    example=ScannerSerialSettings(address="serial:///dev/ttyACM0?baud=9600"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScannerSerial,
    job_kinds=frozenset({JobKind.CHECK_HEALTH}),
    model="any scanner that types its codes into a serial port",
    capabilities=("aim", "gs1"),
    rung=Rung.SIMULATED,
)
