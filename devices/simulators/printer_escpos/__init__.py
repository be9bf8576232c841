"""An ESC/POS receipt printer with a drawer, in the other role: bytes in, paper out.

Written from the wire facts; it shares no code with the driver or its encoder.
"""

from __future__ import annotations

from devices.simulators.printer_escpos.mechanics import Paper
from devices.simulators.printer_escpos.printer import (
    SIMULATOR,
    SimulatedPrinter,
    SimulatedPrinterSettings,
)
from devices.simulators.printer_escpos.roll import PaperLine, Pulse, Receipt

__all__ = [
    "SIMULATOR",
    "Paper",
    "PaperLine",
    "Pulse",
    "Receipt",
    "SimulatedPrinter",
    "SimulatedPrinterSettings",
]
