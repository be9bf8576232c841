"""A serial scanner in the other role: it reads a label and types what a scanner would type."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, Actions
from devices.transports.byte_stream import ByteStream
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

SYMBOLOGY_TO_AIM: Final = {
    "ean13": "]E0",  # UPC-A and UPC-E too, as 13 digits
    "ean8": "]E4",
    "code128": "]C0",
    "gs1_128": "]C1",
    "databar": "]e0",
    "datamatrix": "]d1",
    "gs1_datamatrix": "]d2",
    "qr": "]Q1",
    "gs1_qr": "]Q3",
    "itf": "]I1",
    "code39": "]A0",
    "other": "]X0",
}
"""ISO/IEC 15424 identifiers of the symbols that shops meet."""

_EAN_8_DIGITS: Final = 8
_HOST_BYTES_MAX: Final = 256


class SimulatedScannerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the scanner was set with its programming sheet."""

    prefix: str = ""
    suffix: str = "\r"
    send_aim: bool = False


class SimulatedScanner:
    """Types into the connection that is open; what is scanned without one is gone."""

    def __init__(self, settings: SimulatedScannerSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._log = ports.log
        self._stream: ByteStream | None = None
        self.scanned = 0
        """How often something was typed so far."""

    async def attend(self, stream: ByteStream) -> None:
        """Hold the connection; commands of the host (trigger, beeper) change nothing."""
        self._stream = stream
        try:
            while await stream.read(_HOST_BYTES_MAX):
                self._log.debug("host_command_ignored")
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
        settings = self._settings
        aim = SYMBOLOGY_TO_AIM[symbology or symbology_of(code)] if settings.send_aim else ""
        typed = f"{settings.prefix}{aim}{code}{settings.suffix}"
        await self.type_bytes(typed.encode())

    async def type_bytes(self, data: bytes) -> None:
        """Send bytes as they are: noise on the line, a code cut in half."""
        if self._stream is None:
            raise DeviceUnreachable("scanner_not_connected", "The scanner's cable is out.")
        await self._stream.write(data)
        self.scanned += 1

    @property
    def connected(self) -> bool:
        """Whether somebody holds the connection open."""
        return self._stream is not None


def symbology_of(code: str) -> str:
    """Tell by its digits which symbol a code is most likely printed as."""
    digits = code.isascii() and code.isdigit()
    if digits and len(code) in (12, 13):
        return "ean13"
    if digits and len(code) == _EAN_8_DIGITS:
        return "ean8"
    return "code128"


# --- for scripts --------------------------------------------------------------------------

Symbology = Literal[
    "",
    "ean13",
    "ean8",
    "code128",
    "gs1_128",
    "databar",
    "datamatrix",
    "gs1_datamatrix",
    "qr",
    "gs1_qr",
    "itf",
    "code39",
    "other",
]
"""A key of `SYMBOLOGY_TO_AIM`, or empty: told by the digits."""


class ScanArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label that is read."""

    text: str
    symbology: Symbology = ""


class TypeArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes as they are, written as pairs of hexadecimal digits."""

    hex: Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{2})+$")]


async def _scan(scanner: SimulatedScanner, args: ScanArgs) -> None:
    await scanner.scan(args.text, args.symbology)


async def _type(scanner: SimulatedScanner, args: TypeArgs) -> None:
    await scanner.type_bytes(bytes.fromhex(args.hex))


def _shows(scanner: SimulatedScanner) -> dict[str, Any]:
    return {"connected": scanner.connected, "scanned": scanner.scanned}


ACTIONS: Final[Actions] = {
    "scan": Action(
        "Read a label: its text with prefix, AIM id and suffix as the scanner is set.",
        ScanArgs,
        _scan,
    ),
    "type": Action(
        "Send bytes as they are: noise, half a code, control characters.", TypeArgs, _type
    ),
}

SIMULATOR: Final = SimulatorSpec(
    name="scanner_serial",
    device_class=DeviceClass.SCANNER,
    settings=SimulatedScannerSettings,
    build=SimulatedScanner,
    actions=ACTIONS,
    shows=_shows,
)
