"""An ESC/POS receipt printer with a drawer, in the other role: bytes in, paper out.

Written from the wire facts; it shares no code with the driver or its encoder.
"""

from __future__ import annotations

from typing import Final

from devices.driver import SimulatorSpec
from devices.simulators.printer_escpos.actions import ACTIONS, shows
from devices.simulators.printer_escpos.mechanics import Paper
from devices.simulators.printer_escpos.printer import SimulatedPrinter, SimulatedPrinterSettings
from devices.simulators.printer_escpos.roll import PaperLine, Pulse, Receipt
from edge.contract.device_states import DeviceClass

__all__ = [
    "SIMULATOR",
    "Paper",
    "PaperLine",
    "Pulse",
    "Receipt",
    "SimulatedPrinter",
    "SimulatedPrinterSettings",
]

SIMULATOR: Final = SimulatorSpec(
    name="printer_escpos",
    device_class=DeviceClass.PRINTER,
    settings=SimulatedPrinterSettings,
    build=SimulatedPrinter,
    actions=ACTIONS,
    shows=shows,
)
