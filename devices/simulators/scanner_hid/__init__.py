"""A scanner in keyboard mode in the other role, with the kernel that reads its reports.

Written from HID and the kernel's sources; it shares no table with the driver.
"""

from __future__ import annotations

from typing import Final

from devices.driver import SimulatorSpec
from devices.simulators.scanner_hid.kernel_keyboard import KernelKeyboard
from devices.simulators.scanner_hid.scanner import (
    ACTIONS,
    SimulatedHidScanner,
    SimulatedHidScannerSettings,
    shows,
)
from edge.contract.device_states import DeviceClass

__all__ = ["SIMULATOR", "KernelKeyboard", "SimulatedHidScanner", "SimulatedHidScannerSettings"]

SIMULATOR: Final = SimulatorSpec(
    name="scanner_hid",
    device_class=DeviceClass.SCANNER,
    settings=SimulatedHidScannerSettings,
    build=SimulatedHidScanner,
    actions=ACTIONS,
    shows=shows,
)
