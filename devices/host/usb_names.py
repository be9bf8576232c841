"""Which driver a USB id makes likely. The makers' ids are those of the public list usb.ids.

A name here is a guess for a person to confirm: nothing is written to a device for it. Adapters
(FTDI, Prolific, QinHeng) say nothing of what hangs on them and are left out on purpose.
"""

from __future__ import annotations

from typing import Final

SERIAL: Final = "serial"
KEYBOARD: Final = "keyboard"
PRINTER: Final = "printer"
HID: Final = "hid"

_SCANNER_MAKERS: Final = {
    "0536": "Hand Held Products",
    "05e0": "Symbol Technologies",
    "05f9": "PSC Scanning (Datalogic)",
    "065a": "Optoelectronics",
    "080c": "Datalogic",
    "0c2e": "Metrologic (Honeywell)",
    "1eab": "Newland",
}
_SCANNER_DRIVERS: Final = {
    SERIAL: "scanner_serial",
    KEYBOARD: "scanner_hid",
    HID: "scanner_hidpos",
}
_PRINTER_MAKERS: Final = {
    "04b8": ("Seiko Epson", "printer_escpos"),
    "0519": ("Star Micronics", "printer_star"),
    "0a5f": ("Zebra", "labels_zpl"),
    "0dd4": ("Custom Engineering", "printer_escpos"),
    "0fe6": ("ICS Advent", "printer_escpos"),
    "1504": ("Bixolon", "printer_escpos"),
}
_HID_SCANNER: Final = 0x8C
"""Usage page of bar code scanners (HID Usage Tables, Bar Code Scanner Page)."""


def likely_driver(kind: str, usb: str, usage_page: int = 0) -> str:
    """Return the driver that a device attached as `kind` probably needs; empty for no idea.

    `usb` is `VVVV:PPPP`; `usage_page` what a HID device says it is, 0 for unknown.
    """
    maker = usb.partition(":")[0]
    if kind == PRINTER and maker in _PRINTER_MAKERS:
        return _PRINTER_MAKERS[maker][1]
    if kind == HID and usage_page == _HID_SCANNER:
        return _SCANNER_DRIVERS[HID]
    if maker in _SCANNER_MAKERS and (kind != HID or usage_page == 0):
        return _SCANNER_DRIVERS.get(kind, "")
    return ""


def maker_name(usb: str) -> str:
    """Return the maker's name by its USB id, for a device that does not say it; or nothing."""
    maker = usb.partition(":")[0]
    if maker in _PRINTER_MAKERS:
        return _PRINTER_MAKERS[maker][0]
    return _SCANNER_MAKERS.get(maker, "")
