"""A folder that looks like `/dev` and `/sys` of a machine, made as Linux lays them out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

BARCODE_REPORT = bytes.fromhex("05 8C 09 02 A1 01 85 02 15 00 26 FF 00 75 08 95 40 81 02 C0")
"""Usage Page (Bar Code Scanner), Usage, Collection: how reports of HID-POS scanners begin."""
KEYBOARD_REPORT = bytes.fromhex("05 01 09 06 A1 01 05 07 19 E0 29 E7 15 00 25 01 C0")


@dataclass
class PluggedIn:
    """Plugs USB devices in and out; `root` is what a finder looks into."""

    root: Path

    def usb(
        self, port: str, ids: str, *, maker: str = "", product: str = "", serial: str = ""
    ) -> Path:
        """Make the folder of a USB device, as /sys/devices has it, and return it."""
        folder = self.root / "sys/devices/pci0000:00/usb1" / port
        folder.mkdir(parents=True)
        vendor, _, number = ids.partition(":")
        strings = {
            "idVendor": vendor,
            "idProduct": number,
            "manufacturer": maker,
            "product": product,
            "serial": serial,
        }
        for name, text in strings.items():
            if text:
                (folder / name).write_text(text + "\n")
        return folder

    def serial(self, usb: Path | None, node: str, name: str) -> Path:
        """Plug in a serial port; return the link that stands by id."""
        self._node(usb, f"dev/{node}", f"sys/class/tty/{node}", deep="1-1:1.0/tty")
        return self._link(f"dev/serial/by-id/{name}", f"../../{node}")

    def keyboard(self, usb: Path, node: str, name: str) -> Path:
        """Plug in a keyboard's event node; return the link that stands by id."""
        self._node(usb, f"dev/input/{node}", f"sys/class/input/{node}", deep="1-1:1.0/0003/input")
        return self._link(f"dev/input/by-id/{name}", f"../{node}")

    def printer(self, usb: Path, node: str) -> Path:
        """Plug in a printer of the USB printer class."""
        return self._node(usb, f"dev/usb/{node}", f"sys/class/usbmisc/{node}", deep="1-1:1.0/lp")

    def hidraw(self, usb: Path, node: str, report: bytes) -> Path:
        """Plug in a raw HID node."""
        made = self._node(usb, f"dev/{node}", f"sys/class/hidraw/{node}", deep=f"1-1:1.0/{node}")
        device = self.root / "sys/class/hidraw" / node / "device"
        (device / "report_descriptor").write_bytes(report)
        return made

    def pull(self, usb: Path) -> None:
        """Take a USB device away: its nodes and links, and its folder."""
        for name in ("tty", "input", "usbmisc", "hidraw"):
            for entry in (self.root / "sys/class" / name).glob("*"):
                if (entry / "device").resolve().is_relative_to(usb):
                    for node in (self.root / "dev").rglob(entry.name):
                        node.unlink()
                    shutil.rmtree(entry)
        for link in (self.root / "dev").rglob("*"):
            if link.is_symlink() and not link.exists():
                link.unlink()
        shutil.rmtree(usb)

    def _node(self, usb: Path | None, node: str, klass: str, deep: str) -> Path:
        made = self.root / node
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
        entry = self.root / klass
        entry.mkdir(parents=True)
        if usb is not None:
            device = usb / deep / made.name
            device.mkdir(parents=True)
            (entry / "device").symlink_to(device)
        return made

    def _link(self, name: str, target: str) -> Path:
        link = self.root / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
        return link
