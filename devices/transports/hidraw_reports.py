"""Scanners in USB HID point-of-sale mode through the kernel's hidraw devices.

The stream's bytes are input reports with their id in front, each 64 bytes: shorter ones are
filled up with zeros, as HID does it; nothing is written. Which devices there are, and that one
is a scanner, says sysfs (`Documentation/hid/hidraw.rst`, and the report descriptor's usage page
8Ch): no device is opened to look at it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from devices.transports.byte_stream import Connector
from devices.transports.plugged_in import (
    PluggedAddress,
    PluggedStream,
    ambiguous,
    open_in_thread,
    plugged_connector,
)
from edge.contract.instant import Clock

REPORT_BYTES: Final = 64
"""What a full-speed interrupt endpoint carries at once."""
_USAGE_PAGE_SCANNER: Final = b"\x05\x8c"
_HID_ID: Final = re.compile(
    r"^HID_ID=[0-9A-F]{4}:0000([0-9A-F]{4}):0000([0-9A-F]{4})$", re.MULTILINE
)
_TEXT: Final = re.compile(r"^HID_(PHYS|UNIQ)=(.{0,256})$", re.MULTILINE)


@dataclass(frozen=True)
class HidrawSystem:
    """Where hidraw devices are; tests have their own."""

    devices: Path = Path("/dev")
    sysfs: Path = Path("/sys/class/hidraw")


@dataclass(frozen=True)
class HidrawNode:
    """One hidraw device with a scanner's usage page; `name` is such as `hidraw2`."""

    name: str
    vendor: int
    product: int
    serial: str
    port: str


def hidraw_connector(
    scanner: PluggedAddress, clock: Clock, system: HidrawSystem | None = None
) -> Connector:
    """Return a connector to a scanner in point-of-sale mode."""
    places = system or HidrawSystem()

    async def open_first(nodes: Sequence[HidrawNode]) -> HidrawStream:
        path = places.devices / nodes[0].name
        fd = await open_in_thread(lambda: os.open(path, os.O_RDONLY | os.O_NONBLOCK), os.close)
        return HidrawStream(fd, scanner.words)

    return plugged_connector(scanner, lambda: find_scanners(scanner, places), open_first, clock)


def find_scanners(scanner: PluggedAddress, system: HidrawSystem) -> list[HidrawNode]:
    """Return the devices of the scanner at an address, from sysfs; nothing is opened.

    Empty where it is not plugged in. Raises DeviceUnreachable when there are several scanners.
    """
    nodes = sorted(_all_scanners(system.sysfs), key=lambda node: node.name)
    if scanner.path:
        target = Path(scanner.path).resolve().name if Path(scanner.path).exists() else ""
        return [node for node in nodes if node.name == target]
    if scanner.port:
        return [node for node in nodes if node.port == scanner.port]
    ids = (scanner.vendor, scanner.product)
    found = [
        node
        for node in nodes
        if (node.vendor, node.product) == ids and scanner.serial in {"", node.serial}
    ]
    if len({(node.serial, node.port) for node in found}) > 1:
        raise ambiguous(scanner, {node.port for node in found})
    return found


def _all_scanners(sysfs: Path) -> Iterable[HidrawNode]:
    for folder in sysfs.glob("hidraw*"):
        with suppress(OSError):  # it went away while we looked
            told = (folder / "device/uevent").read_text("utf-8", "replace")
            descriptor = (folder / "device/report_descriptor").read_bytes()
            ids = _HID_ID.search(told)
            if ids is not None and _USAGE_PAGE_SCANNER in descriptor:
                texts = dict(_TEXT.findall(told))
                phys = texts.get("PHYS", "")
                port = phys.rpartition("/")[0] or phys
                vendor, product = (int(number, 16) for number in ids.groups())
                yield HidrawNode(folder.name, vendor, product, texts.get("UNIQ", ""), port)


class HidrawStream(PluggedStream):
    """An open hidraw device as a `ByteStream` of reports."""

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        super().__init__(name, [fd])

    @override
    def _take(self) -> bytes:
        """Take one report, as each read of hidraw gives one; the loop calls again for more."""
        try:
            report = os.read(self._fd, REPORT_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            self._gone = error
            return b""
        if not report:
            self._gone = OSError(errno.ENODEV, "it is at its end")
            return b""
        return report.ljust(REPORT_BYTES, b"\0")

    @override
    def _let_go(self) -> None:
        os.close(self._fd)
