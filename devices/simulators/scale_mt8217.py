"""A scale that speaks the 8217 protocol, in the other role."""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.weighing.platter_actions import PLATTER_ACTIONS, platter_shows
from devices.weighing.simulated_platter import PlatterSettings, SimulatedPlatter
from edge.contract.device_states import DeviceClass

_GRAMS_PER_POUND: Final = 453.592_37
_FIXED: Final = {
    **dict.fromkeys("TC0123456789", b""),
    "A": b"\x02\r",
    "B": b"\x02?@\r",
    "E": b"\x02E\r",
    "F": b"\x02F\r",
}
"""The self test and its result (all well), the echo test, and tare, which is off."""
_ZERO_RANGE_G: Final = 300
"""It takes as zero what is less than 2 % of 15 kg."""


class SimulatedMt8217Settings(PlatterSettings, frozen=True, forbid_unknown_fields=True):
    """As every simulated scale's. `net`: a tare was taken at the scale, its weights say `N`."""

    net: bool = False


class SimulatedMt8217(SimulatedPlatter):
    """Obeys one letter at a time; tare commands are off, as they are from the works."""

    def __init__(self, settings: SimulatedMt8217Settings, ports: SimulatorPorts) -> None:
        super().__init__(settings, ports)
        self._net = settings.net
        self._echoes = False

    @override
    def answer(self, byte: int) -> bytes:
        letter = chr(byte)
        if letter in "EF":
            self._echoes = letter == "E"
        elif self._echoes:
            return bytes((byte,))
        if letter == "W":
            self.asked += 1
            return self.damage(self.weight())
        if letter == "Z" and self.seen.still and abs(self.grams) <= _ZERO_RANGE_G:
            self.grams = 0
        return _FIXED[letter] if letter in _FIXED else self.status()

    def weight(self) -> bytes:
        """Return the weight, or why there is none."""
        seen = self.seen
        if not seen.still or seen.overloaded or seen.grams < 0:
            return self.status()
        if seen.unit == "kg":
            digits = f"{seen.grams / 1000:06.3f}"
        else:
            digits = f"{seen.grams / _GRAMS_PER_POUND:06.2f}"
        return f"\x02{digits}{'N' if self._net else ''}\r".encode("ascii")

    def status(self) -> bytes:
        """Return the status byte in its line."""
        seen = self.seen
        bits = (
            (not seen.still) << 0
            | seen.overloaded << 1
            | (seen.grams < 0) << 2
            | (seen.grams == 0) << 4
            | self._net << 5
            | 1 << 6
        )
        return b"\x02?" + bytes((bits,)) + b"\r"


SIMULATOR: Final = SimulatorSpec(
    name="scale_mt8217",
    device_class=DeviceClass.SCALE,
    settings=SimulatedMt8217Settings,
    build=SimulatedMt8217,
    actions=PLATTER_ACTIONS,
    shows=platter_shows,
)
