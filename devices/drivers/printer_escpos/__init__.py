"""Receipt printers that speak ESC/POS, and the cash drawer on their kick port."""

from __future__ import annotations

from typing import Final

from devices.driver import DriverSpec, Rung
from devices.drivers.printer_escpos.jobs import PrinterEscpos
from devices.drivers.printer_escpos.settings import PrinterEscposSettings, connector
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass

__all__ = ["DRIVER", "PrinterEscpos", "PrinterEscposSettings"]

DRIVER: Final = DriverSpec(
    name="printer_escpos",
    device_class=DeviceClass.PRINTER,
    settings=PrinterEscposSettings,
    example=PrinterEscposSettings(address="tcp://192.0.2.7:9100"),
    connector=connector,
    build=PrinterEscpos,
    job_kinds=frozenset({JobKind.PRINT_RECEIPT, JobKind.KICK_DRAWER, JobKind.CHECK_HEALTH}),
    model="printers that speak ESC/POS",
    capabilities=("print", "cut", "drawer", "qr", "barcode", "code_pages", "drawn_text"),
    rung=Rung.SIMULATED,
)
