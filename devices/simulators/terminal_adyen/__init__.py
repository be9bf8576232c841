"""An Adyen payment terminal in the other role, with a journal of what the acquirer booked."""

from __future__ import annotations

from typing import Final

from devices.driver import SimulatorSpec
from devices.simulators.terminal_adyen.actions import ACTIONS, shows
from devices.simulators.terminal_adyen.scripts import SimulatedAdyenSettings
from devices.simulators.terminal_adyen.terminal import SimulatedAdyenTerminal
from edge.contract.device_states import DeviceClass

SIMULATOR: Final = SimulatorSpec(
    name="terminal_adyen",
    device_class=DeviceClass.TERMINAL,
    settings=SimulatedAdyenSettings,
    build=SimulatedAdyenTerminal,
    actions=ACTIONS,
    shows=shows,
)
