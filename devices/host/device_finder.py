"""What is plugged into this machine, read from its folders; nothing is opened or written to.

Linux keeps stable names of USB serial ports and keyboards (`/dev/serial/by-id`,
`/dev/input/by-id`), and for each device node the strings of its USB device in `/sys/class`. A
folder is the root, so that tests have one of their own. Looked at again and again, and at once
after the kernel's news (`devices.host.plug_watch`).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from devices.host.hid_usage import usage_page
from devices.host.usb_names import HID, KEYBOARD, PRINTER, SERIAL, likely_driver, maker_name
from edge.contract.device_limits import (
    FOUND_DEVICES_MAX,
    FOUND_TEXT_CHARS_MAX,
    HID_DESCRIPTOR_BYTES_MAX,
)
from edge.contract.device_states import FoundDevice

_FOLDERS_UP_MAX: Final = 12
"""From a device node up to its USB device: a hub on a hub on a hub is 8."""
_STRING_BYTES_MAX: Final = 512
_PLAIN_SERIAL: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")
"""A serial number that needs no quoting in an address."""


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
class _Node:
    """A device node: `link` is a name of it that stays, where there is one; `path` its own."""

    kind: str
    scheme: str
    link: str
    shown: str
    usb: _Usb
    path: str
    page: int = 0


@dataclass(frozen=True)
class FolderFinder:
    """Finds devices below a root folder: `/`, or a test's."""

    root: Path = field(default_factory=lambda: Path("/"))

    def find(self) -> tuple[Discovered, ...]:
        """Return everything that is there; a node that vanishes meanwhile is not."""
        nodes = [*self._serial(), *self._keyboards(), *self._printers()]
        spoken_for = {node.usb.folder for node in nodes if node.usb.folder}
        # a scanner that types, and a printer, have a raw HID node beside: one device, shown once
        nodes += [node for node in self._hid() if node.usb.folder not in spoken_for]
        twins = Counter((node.kind, node.usb.ids) for node in nodes)
        return tuple(
            _discovered(node, alone=twins[node.kind, node.usb.ids] == 1)
            for node in nodes[:FOUND_DEVICES_MAX]
        )

    # --- by how they are attached ---------------------------------------------------------

    def _serial(self) -> Iterator[_Node]:
        for link in self._names("dev/serial/by-id"):
            node = self._node(link)
            usb = self._usb(f"sys/class/tty/{node.name}")
            yield _Node(SERIAL, "serial", self._named(link), link.name, usb, self._plain(node))

    def _keyboards(self) -> Iterator[_Node]:
        seen: set[str] = set()
        for link in self._names("dev/input/by-id"):
            if not link.name.endswith("-event-kbd"):
                continue
            node = self._node(link)
            usb = self._usb(f"sys/class/input/{node.name}")
            if usb.folder and usb.folder in seen:
                continue  # scanners have two or three nodes; the driver groups them
            seen.add(usb.folder)
            yield _Node(KEYBOARD, "input", self._named(link), link.name, usb, self._plain(node))

    def _printers(self) -> Iterator[_Node]:
        for node in self._names("dev/usb"):
            if node.name.startswith("lp"):
                usb = self._usb(f"sys/class/usbmisc/{node.name}")
                yield _Node(PRINTER, "usb", "", node.name, usb, self._plain(node))

    def _hid(self) -> Iterator[_Node]:
        for node in self._names("dev"):
            if node.name.startswith("hidraw"):
                folder = f"sys/class/hidraw/{node.name}"
                report = self._bytes(self.root / folder / "device" / "report_descriptor")
                usb = self._usb(folder)
                path = self._plain(node)
                yield _Node(HID, "hidraw", "", node.name, usb, path, usage_page(report))

    def _named(self, link: Path) -> str:
        return f"/{link.relative_to(self.root)}"

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


def _discovered(node: _Node, *, alone: bool) -> Discovered:
    """Describe a node. `alone`: nothing else of its kind has the same USB ids."""
    usb = node.usb
    names = _names_by_ids(node, alone=alone)
    maker = usb.maker or maker_name(usb.ids)
    product = usb.product if maker in usb.product else f"{maker} {usb.product}".strip()
    device = FoundDevice(
        # a node's own name is another one after each plugging in: taken where nothing is better
        f"{node.scheme}://{node.link}"
        if node.link
        else next(iter(names), f"{node.scheme}://{node.path}"),
        _short(product or node.shown),
        likely_driver(node.kind, usb.ids, node.page),
        kind=node.kind,
        usb=usb.ids,
        serial_number=_short(usb.serial_number),
    )
    return Discovered(device, frozenset({*names, node.path, *([node.link] if node.link else [])}))


def _names_by_ids(node: _Node, *, alone: bool) -> list[str]:
    """Return the addresses that name a device wherever it is plugged in, the surest first."""
    if not node.usb.ids or node.kind == SERIAL:
        return []
    by_ids = (
        f"{node.scheme}:{node.usb.ids}"
        if node.kind == PRINTER
        else (f"{node.scheme}:usb/{node.usb.ids}")
    )
    names = [by_ids] if alone else []
    if _PLAIN_SERIAL.fullmatch(node.usb.serial_number):
        names.insert(0, f"{by_ids}:{node.usb.serial_number}")
    return names
