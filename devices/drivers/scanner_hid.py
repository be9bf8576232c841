"""Scanners in keyboard mode: USB HID and Bluetooth, through the kernel's input devices."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, DriverPorts, DriverSpec, Rung
from devices.protocols.key_events import INPUT_EVENT, KeyCodes, KeyFormat, KeySuffix
from devices.protocols.keyboard_layouts import Layout
from devices.protocols.scanned_codes import Misread
from devices.protocols.typewriter import AltCodes
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    KEY_IDLE_FLUSH_MS,
)
from edge.contract.device_messages import EVENT_SCAN, BarcodeScanned, JobKind, JobResult
from edge.contract.device_states import DeviceClass
from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    SCAN_AGE_MS_MAX,
)

_READ_BYTES_MAX: Final = 1_024 * INPUT_EVENT.size

Prefix = Annotated[str, Meta(max_length=8, pattern=r"^[\x00-\xff]*$")]


class ScannerHidSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; the rest as the scanner is set.

    `layout`: the country of its keyboard; ALT codes are understood whatever it is, and
    `alt_codes` says what their numbers mean. `prefix`: what it types before each code.
    `group_separator`: a printable stand-in for 0x1D, or empty. `idle_ms`: a longer gap is no
    gap inside a code.
    """

    address: str
    layout: Layout = Layout.US
    prefix: Prefix = ""
    suffix: KeySuffix = KeySuffix.ANY
    aim: bool = True
    group_separator: Annotated[str, Meta(max_length=1)] = ""
    alt_codes: AltCodes = AltCodes.CP1252
    idle_ms: Annotated[int, Meta(ge=30, le=1_000)] = KEY_IDLE_FLUSH_MS


class ScannerHid(ConnectedDriver):
    """Turns the keys of a scanner into scan events; a scanner has nothing to be asked."""

    def __init__(self, settings: ScannerHidSettings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._keys = KeyFormat(
            settings.layout,
            settings.prefix,
            settings.suffix,
            settings.aim,
            settings.group_separator,
            settings.alt_codes,
            settings.idle_ms,
        )
        self._cut_off = False

    @override
    async def serve(self, stream: ByteStream) -> None:
        codes = KeyCodes(self._keys, cut_off=self._cut_off)
        self.ready()
        try:
            while True:
                silence_ms = codes.silence_ms
                data = await self._read(stream, silence_ms)
                if data == b"":
                    return
                self._tell(codes.flush() if data is None else codes.feed(data))
                if codes.broken:
                    raise ProtocolViolation(
                        "input_events_garbled",
                        f"{self.ports.device} sent what no keyboard sends.",
                        advice="Unplug the scanner and plug it in again.",
                    )
        finally:
            self._cut_off = codes.unfinished

    async def _read(self, stream: ByteStream, silence_ms: int | None) -> bytes | None:
        """Return what came, b"" at the end, or None after that much silence."""
        clock = self.ports.clock
        try:
            async with clock.timeout(None if silence_ms is None else silence_ms / 1000):
                return await stream.read(_READ_BYTES_MAX)
        except TimeoutError:
            pass
        # a host that stood still finds keys and the end of its patience at once: keys first,
        # their own times say whether there was a silence
        try:
            async with clock.timeout(0):
                return await stream.read(_READ_BYTES_MAX)
        except TimeoutError:
            return None

    def _tell(self, found: list[BarcodeScanned | Misread]) -> None:
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
    name="scanner_hid",
    device_class=DeviceClass.SCANNER,
    settings=ScannerHidSettings,
    example=ScannerHidSettings(address="input:///dev/input/by-id/usb-ACME_Scanner-event-kbd"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScannerHid,
    job_kinds=frozenset({JobKind.CHECK_HEALTH}),
    model="any scanner that types its codes as a keyboard",
    capabilities=("aim", "gs1", "layouts", "alt_codes"),
    rung=Rung.SIMULATED,
)
