"""A customer display that speaks Epson's ESC/POS, in the other role: bytes in, cells out.

Written from the wire facts; it shares no code with the driver or its codec.
"""

from __future__ import annotations

from devices.simulators.display_escpos.display import (
    SIMULATOR,
    SimulatedDisplay,
    SimulatedDisplaySettings,
)
from devices.simulators.display_escpos.glass import Glass
from devices.simulators.display_escpos.interpreter import DisplayInterpreter

__all__ = [
    "SIMULATOR",
    "DisplayInterpreter",
    "Glass",
    "SimulatedDisplay",
    "SimulatedDisplaySettings",
]
