"""A Star receipt printer in line mode with two drawers, in the other role: bytes in, paper out.

Written from the command specifications named in its modules; it shares no code with the driver or
its encoder. Paper, moving parts and connection are those of the other simulated printer.
"""

from __future__ import annotations

from typing import Final

from devices.driver import SimulatorSpec
from devices.simulators.printer_escpos.actions import ACTIONS, shows
from devices.simulators.printer_star.printer import (
    SimulatedStarPrinter,
    SimulatedStarPrinterSettings,
)
from edge.contract.device_states import DeviceClass

__all__ = ["SIMULATOR", "SimulatedStarPrinter", "SimulatedStarPrinterSettings"]

SIMULATOR: Final = SimulatorSpec(
    name="printer_star",
    device_class=DeviceClass.PRINTER,
    settings=SimulatedStarPrinterSettings,
    build=SimulatedStarPrinter,
    actions=ACTIONS,
    shows=shows,
)
