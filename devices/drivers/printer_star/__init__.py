"""Receipt printers that speak Star line mode, and the drawer on their drive port."""

from __future__ import annotations

from typing import Final

from devices.driver import DriverSpec, Rung
from devices.drivers.printer_star.jobs import PrinterStar
from devices.drivers.printer_star.settings import PrinterStarSettings, connector
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass

__all__ = ["DRIVER", "PrinterStar", "PrinterStarSettings"]

DRIVER: Final = DriverSpec(
    name="printer_star",
    device_class=DeviceClass.PRINTER,
    settings=PrinterStarSettings,
    example=PrinterStarSettings(address="tcp://192.0.2.8:9100"),
    connector=connector,
    build=PrinterStar,
    job_kinds=frozenset({JobKind.PRINT_RECEIPT, JobKind.KICK_DRAWER, JobKind.CHECK_HEALTH}),
    model="Star printers in line mode",
    capabilities=("print", "cut", "drawer", "qr", "barcode", "code_pages", "drawn_text"),
    rung=Rung.SIMULATED,
)
