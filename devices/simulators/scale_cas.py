"""A CAS counter scale in the other role: it weighs what a person puts on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Final

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.transports.byte_stream import ByteStream
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_HOST_BYTES_MAX: Final = 256
_FROM_HOST: Final = {0x05: "call", 0x11: "weight"}


class SimulatedScaleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`capacity_g`: more is too much. `settle_ms`: how long goods sway after a hand was there."""

    capacity_g: int = 15_000
    settle_ms: int = 0
    unit: str = "kg"


class SimulatedScale:
    """Keeps its load over connections. `damage` changes what it sends; `refuses` answers 15."""

    def __init__(self, settings: SimulatedScaleSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._sways_until_ms = 0
        self.grams = 0
        self.swaying = False
        self.refuses = False
        self.unit = settings.unit
        self.asked = 0
        self.damage: Callable[[bytes], bytes] = lambda block: block

    def put(self, grams: int, *, swaying: bool = False) -> None:
        """Let so much lie on it (below zero: it was zeroed with goods on); 0 takes all off."""
        self.grams = grams
        self.swaying = swaying
        self._sways_until_ms = self._clock.monotonic_ms() + self._settings.settle_ms

    @property
    def still(self) -> bool:
        """Whether what lies on it has come to rest."""
        return not self.swaying and self._clock.monotonic_ms() >= self._sways_until_ms

    @property
    def overloaded(self) -> bool:
        """Whether there is more on it than it can weigh."""
        return self.grams > self._settings.capacity_g

    async def attend(self, stream: ByteStream) -> None:
        """Answer one connection until its other end is gone."""
        try:
            while data := await stream.read(_HOST_BYTES_MAX):
                for byte in data:
                    answer = self._answer(_FROM_HOST.get(byte, ""))
                    if answer:
                        await stream.write(answer)
        except DeviceUnreachable:
            self._log.debug("cable_out")
        finally:
            await stream.close()

    def _answer(self, asked: str) -> bytes:
        if asked == "call":
            return b"\x15" if self.refuses else b"\x06"
        if asked == "weight":
            self.asked += 1
            return self.damage(self.block())
        return b""

    def block(self) -> bytes:
        """Return what it sends now."""
        if self.overloaded:
            status, digits = "F", "------"
        else:
            status = "S" if self.still else "U"
            digits = f"{abs(self.grams) / 1000:06.3f}"
        sign = "-" if self.grams < 0 else " "
        text = f"{status}{sign}{digits}{self.unit}".encode("ascii")
        return b"\x01\x02" + text + bytes((reduce(xor, text),)) + b"\x03\x04"


SIMULATOR: Final = SimulatorSpec(
    name="scale_cas",
    device_class=DeviceClass.SCALE,
    settings=SimulatedScaleSettings,
    build=SimulatedScale,
)
