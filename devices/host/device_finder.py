"""What is plugged into this machine, read from its folders; nothing is opened or written to.

Linux keeps stable names of USB serial ports and keyboards (`/dev/serial/by-id`,
`/dev/input/by-id`), and for each device node the strings of its USB device in `/sys/class`. A
folder is the root, so that tests have one of their own. Looked at again and again: a watch on
udev needs a library (pyudev, LGPL) and saves a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from devices.host.hid_usage import usage_page
from devices.host.usb_names import HID, KEYBOARD, PRINTER, SERIAL, likely_driver, maker_name
from edge.contract.device_states import FoundDevice
from edge.contract.limits import (
    FOUND_DEVICES_MAX,
    FOUND_TEXT_CHARS_MAX,
    HID_DESCRIPTOR_BYTES_MAX,
)

_FOLDERS_UP_MAX: Final = 12
"""From a device node up to its USB device: a hub on a hub on a hub is 8."""
_STRING_BYTES_MAX: Final = 512


@dataclass(frozen=True)
class Discovered:
    """A device with the names under which settings may mean it, links resolved too."""

    device: FoundDevice
    paths: frozenset[str]


class DeviceFinder(Protocol):
    """Says what is plugged in. May block for milliseconds: it is called beside the loop."""

    def find(self) -> tuple[Discovered, ...]:
        """Return everything that is there, adopted or not, in a stable order."""
        ...


class NothingToFind:
    """The finder of a host whose devices are all on the network, and of tests."""

    def find(self) -> tuple[Discovered, ...]:
        """Return nothing."""
        return ()


@dataclass(frozen=True)
class _Usb:
    """The USB device that a node belongs to; all empty for a port on the board."""

    folder: str = ""
    ids: str = ""
    maker: str = ""
    product: str = ""
    serial_number: str = ""


@dataclass(frozen=True)
class FolderFinder:
    """Finds devices below a root folder: `/`, or a test's."""

    root: Path = field(default_factory=lambda: Path("/"))

    def find(self) -> tuple[Discovered, ...]:
        """Return everything that is there; a node that vanishes meanwhile is not."""
        found = [*self._serial(), *self._keyboards(), *self._printers()]
        spoken_for = {usb.folder for _, usb in found if usb.folder}
        # a scanner that types, and a printer, have a raw HID node beside: one device, shown once
        found += [(hid, usb) for hid, usb in self._hid() if usb.folder not in spoken_for]
        return tuple(discovered for discovered, _ in found[:FOUND_DEVICES_MAX])

    # --- by how they are attached ---------------------------------------------------------

    def _serial(self) -> Iterator[tuple[Discovered, _Usb]]:
        for link in self._names("dev/serial/by-id"):
            node = self._node(link)
            usb = self._usb(f"sys/class/tty/{node.name}")
            path = f"/{link.relative_to(self.root)}"
            yield self._discovered(SERIAL, f"serial://{path}", usb, {path, self._plain(node)}, link)

    def _keyboards(self) -> Iterator[tuple[Discovered, _Usb]]:
        seen: set[str] = set()
        for link in self._names("dev/input/by-id"):
            if not link.name.endswith("-event-kbd"):
                continue
            node = self._node(link)
            usb = self._usb(f"sys/class/input/{node.name}")
            if usb.folder and usb.folder in seen:
                continue  # scanners have two or three nodes; the driver groups them
            seen.add(usb.folder)
            path = f"/{link.relative_to(self.root)}"
            yield self._discovered(
                KEYBOARD, f"input://{path}", usb, {path, self._plain(node)}, link
            )

    def _printers(self) -> Iterator[tuple[Discovered, _Usb]]:
        for node in self._names("dev/usb"):
            if node.name.startswith("lp"):
                usb = self._usb(f"sys/class/usbmisc/{node.name}")
                path = self._plain(node)
                yield self._discovered(PRINTER, f"usb://{path}", usb, {path}, node)

    def _hid(self) -> Iterator[tuple[Discovered, _Usb]]:
        for node in self._names("dev"):
            if not node.name.startswith("hidraw"):
                continue
            folder = f"sys/class/hidraw/{node.name}"
            usb = self._usb(folder)
            page = usage_page(self._bytes(self.root / folder / "device" / "report_descriptor"))
            path = self._plain(node)
            yield self._discovered(HID, f"hidraw://{path}", usb, {path}, node, page)

    def _discovered(
        self, kind: str, address: str, usb: _Usb, paths: set[str], shown: Path, page: int = 0
    ) -> tuple[Discovered, _Usb]:
        maker = usb.maker or maker_name(usb.ids)
        product = usb.product if maker in usb.product else f"{maker} {usb.product}".strip()
        device = FoundDevice(
            address,
            _short(product or shown.name),
            likely_driver(kind, usb.ids, page),
            kind=kind,
            usb=usb.ids,
            serial_number=_short(usb.serial_number),
        )
        return Discovered(device, frozenset(paths)), usb

    # --- folders --------------------------------------------------------------------------

    def _names(self, folder: str) -> list[Path]:
        """Return a folder's entries by name; one whose address would be cut off is left out."""
        try:
            entries = sorted((self.root / folder).iterdir())
        except OSError:
            return []
        longest = FOUND_TEXT_CHARS_MAX - len(f"hidraw:///{folder}/")
        return [entry for entry in entries if len(entry.name) <= longest]

    def _node(self, link: Path) -> Path:
        return Path(os.path.realpath(link))

    def _plain(self, node: Path) -> str:
        """Return a node's path as the running system names it."""
        root = Path(os.path.realpath(self.root))
        real = Path(os.path.realpath(node))
        return f"/{real.relative_to(root)}" if real.is_relative_to(root) else str(real)

    def _usb(self, node: str) -> _Usb:
        """Return the USB device above a node of `/sys/class`."""
        folder = Path(os.path.realpath(self.root / node / "device"))
        for _ in range(_FOLDERS_UP_MAX):
            vendor, product = self._string(folder / "idVendor"), self._string(folder / "idProduct")
            if vendor and product:
                return _Usb(
                    str(folder),
                    f"{vendor}:{product}".lower(),
                    self._string(folder / "manufacturer"),
                    self._string(folder / "product"),
                    self._string(folder / "serial"),
                )
            if folder == folder.parent:
                break
            folder = folder.parent
        return _Usb()

    def _string(self, path: Path) -> str:
        text = self._bytes(path, _STRING_BYTES_MAX).decode("utf-8", errors="replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    @staticmethod
    def _bytes(path: Path, bytes_max: int = HID_DESCRIPTOR_BYTES_MAX) -> bytes:
        try:
            with path.open("rb") as file:
                return file.read(bytes_max)
        except OSError:
            return b""


def _short(text: str) -> str:
    return text[:FOUND_TEXT_CHARS_MAX]
