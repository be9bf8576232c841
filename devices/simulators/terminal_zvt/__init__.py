"""A ZVT payment terminal in the other role, with a journal of what the acquirer booked."""

from __future__ import annotations

from typing import Final

from devices.driver import SimulatorSpec
from devices.simulators.terminal_zvt.actions import ACTIONS, shows
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from edge.contract.device_states import DeviceClass

SIMULATOR: Final = SimulatorSpec(
    name="terminal_zvt",
    device_class=DeviceClass.TERMINAL,
    settings=SimulatedTerminalSettings,
    build=SimulatedTerminal,
    actions=ACTIONS,
    shows=shows,
)
