"""One box for all tests of the image: to boot it takes minutes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import find_free_port
from tests.image.guest import BOOT_S, Disk, Guest, ended, missing_tools, until
from tests.image.head_office import NUMBER, STORE, HeadOffice, first_cashier
from tests.image.simulated import SimulatedDevice
from tests.image.till_client import NAME, TILL, TillClient
from tests.image.usb_printer_port import PRODUCT, VENDOR, UsbPrinterPort

SCANNER_DEVICE = {"driver": "usb-kbd", "id": "scanner", "bus": "xhci.0", "serial": "SCAN0001"}
TERMINAL_DEVICE = {
    "driver": "usb-serial",
    "id": "terminal",
    "bus": "xhci.0",
    "chardev": "term",
    "serial": "TERM0001",
    "always-plugged": True,
}
PRINTER_DEVICE = {"driver": "usb-redir", "id": "printer", "bus": "xhci.0", "chardev": "redir"}
_ADDRESSES = {
    "scanner": ("scanner_hid", "input:usb/0627:0001:SCAN0001"),
    "terminal": (
        "terminal_zvt",
        "serial:///dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_TERM0001-if00-port0",
    ),
    "printer": ("printer_escpos", f"usb:{VENDOR:04x}:{PRODUCT:04x}"),
}


@dataclass
class Box:
    """The machine, its till, what is plugged into it, and head office outside of it."""

    guest: Guest
    till: TillClient
    office: HeadOffice
    terminal: SimulatedDevice
    printer: SimulatedDevice
    usb_printer: UsbPrinterPort

    def power_on(self) -> float:
        """Start the machine; return after how many seconds its till port answered."""
        started = time.monotonic()
        self.guest.power_on()
        # each question costs the machine a second that its start needs
        what = "tillbox-edge.service is active"
        until(self._edge_runs, what=what, seconds=BOOT_S, every_s=10)
        if not self.till.trusts:
            self.till.trust(self.guest.told("cat /etc/tillbox/broker/shop-ca.pem"))
        until(self.till.is_answered, what="the till port answers", seconds=BOOT_S)
        return time.monotonic() - started

    def _edge_runs(self) -> bool:
        failed = self.guest.failed_units()
        log = self.guest.told("journalctl -b --no-pager | tail -n 60") if failed else ""
        assert failed == [], log
        return self.guest.run("systemctl is-active tillbox-edge.service").status == 0


def image_folder() -> Path:
    """Return where the image is; skips, with the reason, where none was asked for."""
    named = os.environ.get("TILLBOX_IMAGE")
    if not named:
        pytest.skip("TILLBOX_IMAGE names no image: make image, then make image-test")
    folder = Path(named).absolute()
    if not (folder / "disk.img").exists():
        pytest.skip(f"{folder} has no disk.img: make image")
    if missing := missing_tools():
        pytest.skip(f"missing: {', '.join(missing)} (Debian: qemu-system-x86, mtools)")
    return folder


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Flash a card, write its provision file, power it on, and wait until it could sell."""
    image = image_folder()
    folder = tmp_path_factory.mktemp("box")
    with ExitStack() as ending:
        office = HeadOffice(folder / "office")
        ending.callback(office.stop)
        terminal = SimulatedDevice("terminal_zvt", folder, 'line="serial"')
        ending.callback(terminal.stop)
        printer = SimulatedDevice("printer_escpos", folder)
        ending.callback(printer.stop)
        usb = UsbPrinterPort(folder / "redir.sock", ("127.0.0.1", printer.port))
        usb.listen()
        disk = Disk.copied(image / "disk.img", folder / "disk.img", more_mib=1024)
        provision = json.dumps(office.set_up() | _shop())
        disk.put("autoboot", "provision.json", provision.encode())
        port = find_free_port()
        more = [
            *("-device", _option(SCANNER_DEVICE), "-device", _option(TERMINAL_DEVICE)),
            *("-device", _option(PRINTER_DEVICE)),
            *("-chardev", f"socket,id=term,host=127.0.0.1,port={terminal.port},reconnect=1"),
            *("-chardev", f"socket,id=redir,path={usb.path}"),
        ]
        guest = ending.enter_context(ended(Guest(disk, folder, port, more)))
        made = Box(guest, TillClient(port), office, terminal, printer, usb)
        started = time.monotonic()
        answers_s = made.power_on()
        office.start(guest.told("tillbox edge --config /etc/tillbox/edge.toml key"))
        until_known(made.till, guest, *first_cashier())
        print(
            f"\npower-on to the till port answering {answers_s:.0f} s, "
            f"to a cashier signed in {time.monotonic() - started:.0f} s"
        )
        yield made


def _shop() -> dict[str, Any]:
    devices = [
        {
            "id": f"{kind}-1",
            "host": "box",
            "driver": driver,
            "roles": [kind],
            "till": TILL,
            "settings": {"address": address},
        }
        for kind, (driver, address) in _ADDRESSES.items()
    ]
    shop = {"store": STORE, "number": NUMBER, "names": [NAME], "tills": [TILL]}
    return {**shop, "devices": devices}


def _option(device: dict[str, Any]) -> str:
    """Return a device as QEMU's command line has it."""
    words = [device["driver"], *(f"{k}={v}" for k, v in device.items() if k != "driver")]
    return ",".join(words).replace("True", "on")


def until_known(till: TillClient, guest: Guest, cashier: str, pin: str) -> None:
    """Wait until the people of the shop have come down from head office, and sign in."""

    def attempt() -> bool:
        try:
            till.sign_in(guest, cashier, pin)
        except AssertionError as error:
            raise OSError(str(error)) from None
        return True

    until(attempt, what="the cashier may sign in", seconds=BOOT_S, every_s=5)
