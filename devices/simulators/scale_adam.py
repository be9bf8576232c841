"""An Adam scale in the other role: it sends what it shows, or waits to be asked."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import override

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.transports.byte_stream import ByteStream
from devices.weighing.platter_actions import PLATTER_ACTIONS, platter_shows
from devices.weighing.simulated_platter import PlatterSettings, SimulatedPlatter
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_HOST_BYTES_MAX: Final = 256
_COMMAND_BYTES_MAX: Final = 8
_LF: Final = 0x0A


class SimulatedAdamSettings(PlatterSettings, frozen=True, forbid_unknown_fields=True):
    """`mode`: how it is set up; `line_ms`: how often it sends a line; `form`: which kind of line.

    `request`: it answers `P`, and nothing when it would say what it said last.
    """

    mode: Literal["continuous", "request"] = "continuous"
    form: Literal["highland", "mdw", "cpwplus", "indicator"] = "highland"
    line_ms: int = 150


class SimulatedAdam(SimulatedPlatter):
    """Sends line after line as long as somebody holds the other end."""

    def __init__(self, settings: SimulatedAdamSettings, ports: SimulatorPorts) -> None:
        super().__init__(settings, ports)
        self._mode = settings.mode
        self._form = settings.form
        self._line_ms = settings.line_ms
        self._command = b""
        self._said = b""
        self._sway_g = 3

    @override
    async def attend(self, stream: ByteStream) -> None:
        try:
            while True:
                try:
                    async with self._clock.timeout(self._line_ms / 1000):
                        data = await stream.read(_HOST_BYTES_MAX)
                except TimeoutError:
                    if self._mode == "continuous":
                        await self.say(stream, self.damage(self.line()))
                    continue
                if not data:
                    break
                await self.hear(stream, data)
        except DeviceUnreachable:
            self._log.debug("cable_out")
        finally:
            await stream.close()

    @override
    def answer(self, byte: int) -> bytes:
        self._command = (self._command + bytes((byte,)))[-_COMMAND_BYTES_MAX:]
        if byte != _LF:
            return b""
        command, self._command = self._command.strip(), b""
        if command != b"P" or self._mode != "request":
            return b""
        self.asked += 1
        line = self.line()
        if line == self._said:
            return b""
        self._said = line
        return self.damage(line)

    def line(self) -> bytes:
        """Return the line that it sends now, with the bytes that end it."""
        seen = self.seen
        grams = seen.grams
        if not seen.still and self._form != "indicator":
            self._sway_g = -self._sway_g  # its digits move, and nothing else says so
            grams += self._sway_g
        sign = "-" if grams < 0 else " "
        number = f"{abs(grams) / 1000:.3f}"
        match self._form:
            case "highland":
                number = "^" * 5 if seen.overloaded else number
                return f"{sign}{number:>12}{seen.unit:<3}\r\n".encode("ascii")
            case "mdw":
                field = "^" * 9 if seen.overloaded else f"{sign}{number:>8}"
                return f"\n{field}{seen.unit}GR\r\x03".encode("ascii")
            case "cpwplus":
                number = "^" * 5 if seen.overloaded else number
                return f"G {sign.replace(' ', '+')}{number:>8} {seen.unit}\r\n".encode("ascii")
            case "indicator":
                rest = "OL" if seen.overloaded else "ST" if seen.still else "US"
                field = f"{sign.replace(' ', '+')}{number:>8}"
                return f"{rest},GS,{field}{seen.unit}\r\n".encode("ascii")


SIMULATOR: Final = SimulatorSpec(
    name="scale_adam",
    device_class=DeviceClass.SCALE,
    settings=SimulatedAdamSettings,
    build=SimulatedAdam,
    actions=PLATTER_ACTIONS,
    shows=platter_shows,
)
