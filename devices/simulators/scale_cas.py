"""A CAS counter scale in the other role: it weighs what a person puts on it."""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Final

import msgspec
from typing_extensions import override

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action
from devices.weighing.platter_actions import PLATTER_ACTIONS, platter_shows
from devices.weighing.simulated_platter import PlatterSettings, SimulatedPlatter
from edge.contract.device_states import DeviceClass

_FROM_HOST: Final = {0x05: "call", 0x11: "weight"}
_CHECK_AT: Final = 12


class SimulatedScaleSettings(PlatterSettings, frozen=True, forbid_unknown_fields=True):
    """As every simulated scale's."""


class SimulatedScale(SimulatedPlatter):
    """Says 06 when it is called, and its block when it is asked; `refuses` answers 15."""

    def __init__(self, settings: SimulatedScaleSettings, ports: SimulatorPorts) -> None:
        super().__init__(settings, ports)
        self.refuses = False

    @override
    def answer(self, byte: int) -> bytes:
        asked = _FROM_HOST.get(byte, "")
        if asked == "call":
            return b"\x15" if self.refuses else b"\x06"
        if asked == "weight":
            self.asked += 1
            return self.damage(self.block())
        return b""

    def block(self) -> bytes:
        """Return what it sends now."""
        seen = self.seen
        if seen.overloaded:
            status, digits = "F", "------"
        else:
            status = "S" if seen.still else "U"
            digits = f"{abs(seen.grams) / 1000:06.3f}"
        sign = "-" if seen.grams < 0 else " "
        text = f"{status}{sign}{digits}{seen.unit}".encode("ascii")
        return b"\x01\x02" + text + bytes((reduce(xor, text),)) + b"\x03\x04"

    @override
    def spoil(self, message: bytes) -> bytes:
        if len(message) <= _CHECK_AT:
            return message
        check = message[_CHECK_AT] ^ 0x01
        return message[:_CHECK_AT] + bytes((check,)) + message[_CHECK_AT + 1 :]


class RefuseArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it refuses."""

    on: bool = True


def _refuse(scale: SimulatedScale, args: RefuseArgs) -> None:
    scale.refuses = args.on


SIMULATOR: Final = SimulatorSpec(
    name="scale_cas",
    device_class=DeviceClass.SCALE,
    settings=SimulatedScaleSettings,
    build=SimulatedScale,
    actions={
        **PLATTER_ACTIONS,
        "refuse": Action(
            "Answer that it cannot weigh now (NAK), until told otherwise.", RefuseArgs, _refuse
        ),
    },
    shows=platter_shows,
)
