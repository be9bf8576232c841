"""A German counter scale with Dialog 06, in the other role."""

from __future__ import annotations

import re
from typing import Final, Literal

from typing_extensions import override

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.weighing.platter_actions import PLATTER_ACTIONS, platter_shows
from devices.weighing.simulated_platter import PlatterSettings, ScaleFault, SimulatedPlatter
from edge.contract.device_states import DeviceClass

_ACK, _NAK = b"\x06", b"\x15"
_EOT, _ENQ, _STX, _ETX = 0x04, 0x05, 0x02, 0x03
_RECORD_BYTES_MAX: Final = 64
_PRICES: Final = re.compile(
    rb"(?:01\x1b(?P<p1>[0-9]{6})\x1b"
    rb"|03\x1b(?P<p3>[0-9]{6})\x1b(?P<t3>[0-9]{4})"
    rb"|04\x1b(?P<p4>[0-9]{6})\x1b[ -\x7e]{13}"
    rb"|05\x1b(?P<p5>[0-9]{6})\x1b(?P<t5>[0-9]{4})\x1b[ -\x7e]{13})"
)
_WEIGHT_DIGIT_AT: Final = 8
_AMOUNT_MINOR_MAX: Final = 999_999
_GRAMS_PER_HUNDREDTH_POUND: Final = 4.535_923_7


class SimulatedDialog06Settings(PlatterSettings, frozen=True, forbid_unknown_fields=True):
    """`least_g`: less is too little to weigh. `demands_checksums`: it wants a certified till.

    `tare`: it takes off what the till tells it, takes no heed of it, or refuses it. `tare_g_max`,
    `step_g`: more, or what is between its steps, is no tare to it. `keeps_tare`: a price without
    a tare leaves the one before where it is.
    """

    least_g: int = 40
    demands_checksums: bool = False
    tare: Literal["taken", "ignored", "refused"] = "taken"
    tare_g_max: int = 9_999
    step_g: int = 1
    keeps_tare: bool = False


class SimulatedDialog06(SimulatedPlatter):
    """Takes a price, gives one result for it, and no other before the goods were moved.

    `shows_minor` is the price per kilogram that its display shows, `tare_g` what it takes off.
    """

    def __init__(self, settings: SimulatedDialog06Settings, ports: SimulatorPorts) -> None:
        super().__init__(settings, ports)
        self._set_up = settings
        self._least_g = settings.least_g
        self._heard: bytes | None = None
        """What the till said since 04; None before it."""
        self._status = "00"
        self._moved = True
        self._may_ask = False
        self.demands_checksums = settings.demands_checksums
        self.shows_minor = 0
        self.tare_g = 0

    @override
    def put(self, grams: int, *, swaying: bool = False) -> None:
        super().put(grams, swaying=swaying)
        if self.fault is not ScaleFault.STALE_VALUE:
            self._moved = True

    @override
    def answer(self, byte: int) -> bytes:
        if byte == _EOT:
            self._heard = b""
            return b""
        if self._heard is None:
            return b""
        if byte == _ENQ and not self._heard:
            self._heard = None
            self.asked += 1
            return self.damage(self._result())
        self._heard += bytes((byte,))
        if byte == _ETX:
            record, self._heard = self._heard, None
            return self._obey(record[1:-1]) if record[0] == _STX else b""
        if len(self._heard) > _RECORD_BYTES_MAX:
            self._heard = None
        return b""

    def _obey(self, record: bytes) -> bytes:
        if record == b"08":
            return f"\x0209\x1b{self._status}\x03".encode("ascii")
        priced = _PRICES.fullmatch(record)
        if priced is None:
            known = record[:2] in {b"01", b"03", b"04", b"05"}
            return self._refuse("11" if known else "10")
        if self.demands_checksums:
            return b"\x0211\x1b2A7\x03"
        told = {name[0]: int(text) for name, text in priced.groupdict().items() if text}
        self.shows_minor = told["p"]
        if not self.shows_minor:
            return self._refuse("11")
        if not self._take_tare(told.get("t")):
            return self._refuse("12")
        self._status, self._may_ask = "00", True
        return _ACK

    def _take_tare(self, tare_g: int | None) -> bool:
        """Take a tare, or its absence; say whether it can be taken."""
        way = self._set_up
        if tare_g is None:
            self.tare_g = self.tare_g if way.keeps_tare else 0
            return True
        if way.tare == "refused" or tare_g > way.tare_g_max or tare_g % way.step_g:
            return False
        self.tare_g = tare_g if way.tare == "taken" else 0
        return True

    def _result(self) -> bytes:
        seen = self.seen
        net_g = seen.grams - self.tare_g
        if not self._may_ask:
            return self._refuse("01")
        if not seen.still:
            return self._refuse("20")
        for wrong, status in (
            (seen.overloaded, "32"),
            (net_g < 0, "31"),
            (net_g < self._least_g, "30"),
            (not self._moved, "21"),
        ):
            if wrong:
                self._may_ask = False
                return self._refuse(status)
        self._may_ask = False
        kilograms = seen.unit == "kg"
        unit = "3" if kilograms else "1"
        weight = net_g if kilograms else round(net_g / _GRAMS_PER_HUNDREDTH_POUND)
        amount = (weight * self.shows_minor + 500) // 1000
        if amount > _AMOUNT_MINOR_MAX:
            return self._refuse("01")
        self._status, self._moved = "00", False
        text = f"\x0202\x1b{unit}\x1b{weight:05}\x1b{self.shows_minor:06}\x1b{amount:06}\x03"
        return text.encode("ascii")

    def _refuse(self, status: str) -> bytes:
        self._status = status
        return _NAK

    @override
    def spoil(self, message: bytes) -> bytes:
        if message[1:3] != b"02":
            return message
        digit = message[_WEIGHT_DIGIT_AT] ^ 0x01
        return message[:_WEIGHT_DIGIT_AT] + bytes((digit,)) + message[_WEIGHT_DIGIT_AT + 1 :]


SIMULATOR: Final = SimulatorSpec(
    name="scale_dialog06",
    device_class=DeviceClass.SCALE,
    settings=SimulatedDialog06Settings,
    build=SimulatedDialog06,
    actions=PLATTER_ACTIONS,
    shows=platter_shows,
)
