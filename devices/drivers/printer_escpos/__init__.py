"""Receipt printers that speak ESC/POS, the drawer on their kick port, the display behind them."""

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
    example=PrinterEscposSettings(address="tcp://192.0.2.7:9100", pole_display=True),
    connector=connector,
    build=PrinterEscpos,
    job_kinds=frozenset(
        {JobKind.PRINT_RECEIPT, JobKind.KICK_DRAWER, JobKind.SHOW_LINES, JobKind.CHECK_HEALTH}
    ),
    model="printers that speak ESC/POS",
    capabilities=(
        "print",
        "cut",
        "drawer",
        "qr",
        "barcode",
        "code_pages",
        "drawn_text",
        "pole_display",
    ),
    rung=Rung.SIMULATED,
)
