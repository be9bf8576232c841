"""A ZPL label printer in the other role: bytes in, labels out, `~HS` answered.

Written from the wire facts; it shares no code with the driver or its codec.
"""

from __future__ import annotations

from typing import Final

from devices.driver import SimulatorSpec
from devices.simulators.labels_zpl.actions import ACTIONS, shows
from devices.simulators.labels_zpl.labels import Field, Label
from devices.simulators.labels_zpl.printer import (
    SimulatedLabelPrinter,
    SimulatedLabelPrinterSettings,
)
from edge.contract.device_states import DeviceClass

__all__ = [
    "SIMULATOR",
    "Field",
    "Label",
    "SimulatedLabelPrinter",
    "SimulatedLabelPrinterSettings",
]

SIMULATOR: Final = SimulatorSpec(
    name="labels_zpl",
    device_class=DeviceClass.LABELS,
    settings=SimulatedLabelPrinterSettings,
    build=SimulatedLabelPrinter,
    actions=ACTIONS,
    shows=shows,
)
