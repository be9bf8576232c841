"""A ZPL label printer in the other role: bytes in, labels out, `~HS` answered.

Written from the wire facts; it shares no code with the driver or its codec.
"""

from __future__ import annotations

from devices.simulators.labels_zpl.labels import Field, Label
from devices.simulators.labels_zpl.printer import (
    SIMULATOR,
    SimulatedLabelPrinter,
    SimulatedLabelPrinterSettings,
)

__all__ = [
    "SIMULATOR",
    "Field",
    "Label",
    "SimulatedLabelPrinter",
    "SimulatedLabelPrinterSettings",
]
