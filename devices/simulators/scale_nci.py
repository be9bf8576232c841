"""A Weigh-Tronix scale with the NCI protocol, in the other role."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import override

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.weighing.platter_actions import PLATTER_ACTIONS, platter_shows
from devices.weighing.simulated_platter import PlatterSettings, SimulatedPlatter
from edge.contract.device_states import DeviceClass

_COMMAND_BYTES_MAX: Final = 8
_CR: Final = 0x0D
_ZERO_RANGE_G: Final = 300
_GRAMS_PER_POUND: Final = 453.592_37


class SimulatedNciSettings(PlatterSettings, frozen=True, forbid_unknown_fields=True):
    """`status_bytes`: how many it has. `dialect`: the way it tells them.

    `ecr` tells the status alone while it has no weight to sell, and marks it with S; `general`
    tells the weight always.
    """

    dialect: Literal["ecr", "general"] = "ecr"
    status_bytes: Literal[2, 3, 4] = 2


class SimulatedNci(SimulatedPlatter):
    """Obeys commands that end with CR. `faulty`: its calibration data are damaged."""

    def __init__(self, settings: SimulatedNciSettings, ports: SimulatorPorts) -> None:
        super().__init__(settings, ports)
        self._dialect = settings.dialect
        self._status_bytes = settings.status_bytes
        self._command = b""
        self.faulty = False

    @override
    def answer(self, byte: int) -> bytes:
        if byte != _CR:
            self._command = (self._command + bytes((byte,)))[-_COMMAND_BYTES_MAX:]
            return b""
        command, self._command = self._command, b""
        if command == b"W":
            self.asked += 1
            return self.damage(self.weight())
        if command == b"Z" and self.seen.still and abs(self.grams) <= _ZERO_RANGE_G:
            self.grams = 0
        return self.status() if command in {b"S", b"Z"} else b"\n?\r\x03"

    def weight(self) -> bytes:
        """Return the weight with the status behind it, or the status alone."""
        seen = self.seen
        hindered = not seen.still or seen.overloaded or seen.grams < 0 or self.faulty
        if hindered and self._dialect == "ecr":
            return self.status()
        kilograms = seen.unit == "kg"
        number = seen.grams / 1000 if kilograms else seen.grams / _GRAMS_PER_POUND
        if self._dialect == "ecr":
            text = f"{number:06.3f}{'KG' if kilograms else 'LB'}"
        else:
            text = f"{number:8.3f}{seen.unit}"
        return b"\n" + text.encode("ascii") + b"\r" + self.status()

    def status(self) -> bytes:
        """Return the status bytes in their line."""
        seen = self.seen
        says = [
            (not seen.still) | (seen.grams == 0) << 1,
            (seen.grams < 0) | seen.overloaded << 1 | self.faulty << 3,
            0,
            4,  # metric
        ][: self._status_bytes]
        # bit 6 of all but the first and the last: another one follows
        told = [
            0x30 | bits | (0x40 if 0 < at < self._status_bytes - 1 else 0)
            for at, bits in enumerate(says)
        ]
        mark = b"S" if self._dialect == "ecr" else b""
        return b"\n" + mark + bytes(told) + b"\r\x03"


SIMULATOR: Final = SimulatorSpec(
    name="scale_nci",
    device_class=DeviceClass.SCALE,
    settings=SimulatedNciSettings,
    build=SimulatedNci,
    actions=PLATTER_ACTIONS,
    shows=platter_shows,
)
