"""A scanner in USB HID point-of-sale mode in the other role: it puts codes into reports."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, Actions
from devices.simulators.scanner_serial import (
    SYMBOLOGY_TO_AIM,
    ScanArgs,
    TypeArgs,
    symbology_of,
)
from devices.transports.byte_stream import ByteStream
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_HOST_BYTES_MAX: Final = 256
_DATA_BYTES: Final = 56
_MAKERS_OWN: Final = {"qr": b"s", "ean13": b"d", "code128": b"j"}
"""Byte 61: each maker has letters of its own for symbols; nobody else reads them."""


class SimulatedHidPosScannerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`encoding`: how bytes are made of a label's text."""

    encoding: Literal["utf-8", "latin-1"] = "utf-8"


class SimulatedHidPosScanner:
    """Sends into the connection that is open; what is scanned without one is gone."""

    def __init__(self, settings: SimulatedHidPosScannerSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._log = ports.log
        self._stream: ByteStream | None = None
        self.scanned = 0
        """How many labels were read so far."""

    @property
    def connected(self) -> bool:
        """Whether somebody holds the connection open."""
        return self._stream is not None

    async def attend(self, stream: ByteStream) -> None:
        """Hold the connection; reports of the host change nothing."""
        self._stream = stream
        try:
            while await stream.read(_HOST_BYTES_MAX):
                self._log.debug("host_report_ignored")
        except DeviceUnreachable:
            self._log.debug("cable_out")
        finally:
            if self._stream is stream:
                self._stream = None
            await stream.close()

    async def scan(self, code: str, symbology: str = "") -> None:
        """Read a label; without `symbology` it is told by the digits, as the symbol would be.

        Raises DeviceUnreachable when no cable is in.
        """
        for report in self.reports_of(code, symbology):
            await self.send(report)
        self.scanned += 1

    def reports_of(self, code: str, symbology: str = "") -> list[bytes]:
        """Return the reports of a label."""
        symbol = symbology or symbology_of(code)
        aim = SYMBOLOGY_TO_AIM[symbol].encode()
        own = _MAKERS_OWN.get(symbol, b"\0")
        data = code.encode(self._settings.encoding, "replace")
        parts = [data[at : at + _DATA_BYTES] for at in range(0, len(data), _DATA_BYTES)] or [b""]
        return [
            b"\x02"
            + bytes((len(part),))
            + aim
            + part.ljust(_DATA_BYTES, b"\0")
            + own
            + b"\0"
            + bytes((number < len(parts),))
            for number, part in enumerate(parts, start=1)
        ]

    async def send(self, report: bytes) -> None:
        """Send bytes as they are: a report of another layout, half a code."""
        if self._stream is None:
            raise DeviceUnreachable("scanner_not_connected", "The scanner's cable is out.")
        await self._stream.write(report)


# --- for scripts --------------------------------------------------------------------------


async def _scan(scanner: SimulatedHidPosScanner, args: ScanArgs) -> None:
    await scanner.scan(args.text, args.symbology)


async def _half(scanner: SimulatedHidPosScanner, args: ScanArgs) -> None:
    for report in scanner.reports_of(args.text, args.symbology)[:-1]:
        await scanner.send(report)


async def _send(scanner: SimulatedHidPosScanner, args: TypeArgs) -> None:
    await scanner.send(bytes.fromhex(args.hex))


def _shows(scanner: SimulatedHidPosScanner) -> dict[str, Any]:
    return {"connected": scanner.connected, "scanned": scanner.scanned}


ACTIONS: Final[Actions] = {
    "scan": Action("Read a label: its text in as many reports as it needs.", ScanArgs, _scan),
    "half_scan": Action("Read a label and keep its last report back.", ScanArgs, _half),
    "type": Action("Send bytes as they are: a report of another layout.", TypeArgs, _send),
}

SIMULATOR: Final = SimulatorSpec(
    name="scanner_hidpos",
    device_class=DeviceClass.SCANNER,
    settings=SimulatedHidPosScannerSettings,
    build=SimulatedHidPosScanner,
    actions=ACTIONS,
    shows=_shows,
)
