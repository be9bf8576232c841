"""The printer as a peer: what it obeys at once, automatic status, what it is asked."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import SimulatorPorts
from devices.simulators.printer_escpos.interpreter import Interpreter
from devices.simulators.printer_escpos.mechanics import Mechanics
from devices.simulators.printer_escpos.peer import CommandReader, PrinterPeer
from devices.simulators.printer_escpos.real_time import RealTimeEar
from devices.simulators.printer_escpos.roll import Pulse


class SimulatedPrinterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which printer it is. `speed_mm_s` 0 prints at once; `idle_close_s` 0 never hangs up.

    `answers` is what the model can say: `all`; `no_process_id` (no GS ( H); `real_time`
    (only DLE EOT); `none` (a clone that only takes data). `drawer_open_level`: what the
    sensor pin shows while the drawer is open.
    """

    columns: Annotated[int, Meta(ge=16, le=96)] = 42
    model: str = "TM-T88V"
    serial_number: str = "SIM0000001"
    answers: Literal["all", "no_process_id", "real_time", "none"] = "all"
    buffer_bytes: Annotated[int, Meta(ge=256, le=1_048_576)] = 4_096
    speed_mm_s: Annotated[int, Meta(ge=0, le=1_000)] = 0
    idle_close_s: Annotated[float, Meta(ge=0)] = 0
    drawer_pin: Literal[2, 5] = 2
    drawer_open_level: Literal["low", "high"] = "low"


class SimulatedPrinter(PrinterPeer):
    """A printer that speaks ESC/POS, and the display that may hang on it."""

    def __init__(self, settings: SimulatedPrinterSettings, ports: SimulatorPorts) -> None:
        mechanics = Mechanics(
            drawer_pin=settings.drawer_pin, drawer_open_level=settings.drawer_open_level
        )
        super().__init__(settings, ports, mechanics)
        self._settings = settings
        self._interpreter = Interpreter(self)
        self._ear = RealTimeEar(self._answer_real_time, self._recover, self._pulse_now)
        self._status_back = False

    @property
    def pole(self) -> tuple[str, str]:
        """What the display that hangs on it shows: two rows of 20 signs."""
        return self._interpreter.pole.glass.text

    @property
    def pole_unknown_commands(self) -> int:
        """How many commands reached that display which it does not know, such as a printer's."""
        return self._interpreter.pole.unknown_commands

    # --- its language ---------------------------------------------------------------------

    @property
    @override
    def _reader(self) -> CommandReader:
        return self._interpreter

    @override
    def _hear(self, data: bytes) -> bytes:
        self._ear.hear(data)
        return data

    @override
    def _reset(self) -> None:
        self._interpreter.reset()
        self._ear.reset()
        self._status_back = False

    @override
    def _report(self) -> None:
        if self._status_back:
            self._send(self._mechanics.automatic())

    @override
    def _greet(self) -> None:
        """Say nothing: it waits to be asked."""

    # --- real time ------------------------------------------------------------------------

    def _answer_real_time(self, kind: int) -> None:
        if self._settings.answers != "none":
            self._send(bytes((self._mechanics.real_time(kind),)))

    def _recover(self, *, clear: bool) -> None:
        if self._mechanics.cutter_jammed:
            self._mechanics.cutter_jammed = False
            if clear:
                self._forget_buffer()
                self._interpreter.reset()
            self._changed()

    def _pulse_now(self, pin: int, on_ms: int) -> None:
        if not (self._mechanics.broken or self._mechanics.cutter_jammed):
            self._give_pulse(Pulse(pin, on_ms, on_ms, self._clock.now_ms(), now=True))

    def answer(self, kind: str, argument: bytes) -> None:
        """Answer a command that waited its turn, as far as this model does."""
        if self._settings.answers not in ("all", "no_process_id"):
            return
        match kind:
            case "status_back":
                self._status_back = argument != b"\x00"
                if self._status_back:
                    self._send(self._mechanics.automatic())
            case "paper":
                self._send(bytes((self._mechanics.paper_sensors(),)))
            case "drawer":
                self._send(bytes((self._mechanics.drawer_sensor(),)))
            case "process" if self._settings.answers == "all":
                self._send(b"\x37\x22" + argument + b"\x00")
            case "identity":
                self._send(self._identity(argument[0]))
            case _:
                pass

    def _identity(self, which: int) -> bytes:
        texts = {
            65: "1.00 SIMULATED",
            66: "TILLBOX",
            67: self._settings.model,
            68: self._settings.serial_number,
        }
        if which not in texts:
            return b""
        return b"\x5f" + texts[which].encode("ascii", "replace") + b"\x00"
