"""The Star printer as a peer: its status, its marks, what it obeys at once, its network card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import SimulatorPorts
from devices.simulators.printer_escpos.mechanics import Mechanics, Paper
from devices.simulators.printer_escpos.peer import CommandReader, PrinterPeer
from devices.simulators.printer_escpos.roll import Pulse
from devices.simulators.printer_star.ear import Ear
from devices.simulators.printer_star.interpreter import StarInterpreter

_MARKS: Final = 32
_DOCUMENTS: Final = 256
_PULSE_MS: Final = 200


class SimulatedStarPrinterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which printer it is. `speed_mm_s` 0 prints at once; `idle_close_s` 0 never hangs up.

    `answers` is what the model can say: `all`; `no_documents` (older than ESC GS ETX); `no_count`
    (older still: its status has no count of marks); `asked` (it never reports by itself); `none`.
    `network_card`: its status says what is added to it, and is sent to every new client.
    `second_at_once`: SUB does not wait its turn. `drawer_open_level`: what the switch shows while
    the drawer is open, closed (`high`) or not.
    """

    columns: Annotated[int, Meta(ge=16, le=69)] = 48
    version: str = "TSP654 Ver1.0"
    answers: Literal["all", "no_documents", "no_count", "asked", "none"] = "all"
    network_card: bool = False
    second_at_once: bool = False
    buffer_bytes: Annotated[int, Meta(ge=256, le=1_048_576)] = 4_096
    speed_mm_s: Annotated[int, Meta(ge=0, le=1_000)] = 0
    idle_close_s: Annotated[float, Meta(ge=0)] = 0
    drawer: Literal[1, 2] = 1
    drawer_open_level: Literal["low", "high"] = "high"


@dataclass
class StarMechanics(Mechanics):
    """The moving parts, and the status that tells of them (5-7 to 5-12 of the specifications)."""

    marks: int = 0
    documents: int = 0

    def status(self, *, mark: bool, counts: bool, more: bool) -> bytes:
        """Return a frame; `mark`: because of a mark; `more`: a length of nothing stands behind."""
        closed = self.drawer_open == (self.drawer_open_level == "high")
        state = self.cover_open << 5 | self.offline << 3 | closed << 2 | mark << 1
        errors = self.hot << 6 | self.broken << 5 | self.cutter_jammed << 3
        paper = (self.paper is Paper.OUT) << 3 | (self.paper is not Paper.OK) << 2
        head = (0x23, 0x06) if counts else (0x0F, 0x02)
        count = (self.marks & 0x18) << 2 | (self.marks & 0x07) << 1
        body = (state, errors, 0, paper, 0, *((count, 0) if counts else ()))
        frame = bytes((head[0], head[1] | more << 7, *body))
        return frame + (b"\x00\x00" if more else b"")


class SimulatedStarPrinter(PrinterPeer):
    """A printer that speaks Star line mode, and two drawers."""

    _mechanics: StarMechanics

    def __init__(self, settings: SimulatedStarPrinterSettings, ports: SimulatorPorts) -> None:
        mechanics = StarMechanics(
            drawer_pin=settings.drawer, drawer_open_level=settings.drawer_open_level
        )
        super().__init__(settings, ports, mechanics)
        self._settings = settings
        self._interpreter = StarInterpreter(self)
        self._ear = Ear(self, second_at_once=settings.second_at_once)
        self._status_back = False
        self._pulse_ms = (_PULSE_MS, _PULSE_MS)

    # --- its language ---------------------------------------------------------------------

    @property
    @override
    def _reader(self) -> CommandReader:
        return self._interpreter

    @override
    def _hear(self, data: bytes) -> bytes:
        return self._ear.hear(data)

    @override
    def _reset(self) -> None:
        self._interpreter.reset()
        self._ear.reset()
        self._status_back = False
        self._pulse_ms = (_PULSE_MS, _PULSE_MS)
        self._mechanics.marks = self._mechanics.documents = 0

    @override
    def _report(self) -> None:
        if self._status_back:
            self._tell(mark=False)

    @override
    def _greet(self) -> None:
        if self._settings.network_card:
            self.tell_status()

    def _tell(self, *, mark: bool) -> None:
        counts = self._settings.answers != "no_count"
        self._send(
            self._mechanics.status(mark=mark, counts=counts, more=self._settings.network_card)
        )

    # --- what it obeys at once ------------------------------------------------------------

    def tell_status(self) -> None:
        """Send the status because it was asked for."""
        if self._settings.answers != "none":
            self._tell(mark=False)

    def cancel(self) -> None:
        """Forget the buffer, the line at hand, the modes and the count of marks."""
        self._forget_buffer()
        self._interpreter.reset()
        self._mechanics.marks = 0

    def pulse_now(self, drawer: int) -> None:
        """Give a pulse to drawer 1 or 2 at once."""
        on_ms, off_ms = self._pulse_ms if drawer == 1 else (_PULSE_MS, _PULSE_MS)
        self._give_pulse(Pulse(drawer, on_ms, off_ms, self._clock.now_ms(), now=True))

    # --- what waited its turn -------------------------------------------------------------

    @override
    def pulse(self, pin: int, on_ms: int, off_ms: int) -> None:
        """Give a pulse to drawer 1, as wide as it was set, or to drawer 2."""
        if pin == 1:
            on_ms, off_ms = self._pulse_ms
        elif self._settings.second_at_once:
            return  # it was given when it arrived
        super().pulse(pin, on_ms, off_ms)

    def pulse_width(self, on_ms: int, off_ms: int) -> None:
        """Keep how wide pulses to drawer 1 are from now on."""
        self._pulse_ms = on_ms, off_ms

    def answer(self, kind: str, argument: bytes) -> None:
        """Answer a command that waited its turn, as far as this model does."""
        says = self._settings.answers
        parts = self._mechanics
        if says == "none":
            return
        match kind:
            case "status_back":
                self._status_back = argument[0] % 48 & 1 == 1 and says != "asked"
            case "clear_marks":
                parts.marks = 0
            case "mark":
                parts.marks = (parts.marks + 1) % _MARKS
                if self._status_back:
                    self._tell(mark=True)
            case "document" if says == "all" and argument[0] in {0, 1}:
                parts.documents = (parts.documents + argument[0]) % _DOCUMENTS
                self._send(b"\x1b\x1d\x03" + argument + bytes((parts.documents, 0)))
            case "version" if says != "asked" and argument == b"*\n\x00":
                self._send(b"\x1b#*," + self._settings.version.encode("ascii", "replace") + b"\n\0")
            case _:
                pass
