"""Reads the byte stream of a Star printer, command by command, and sets its lines.

Commands that are not modelled are skipped by their length. One whose bytes have not all come waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from devices.simulators.printer_escpos.roll import PaperLine
from devices.simulators.printer_escpos.typesetter import Typesetter
from devices.simulators.printer_star import pages
from devices.simulators.printer_star.lengths import ESC, GS, MORE, RS, UNKNOWN, command_length

_TEXT_FROM: Final = 0x20
_NUL, _BEL, _HT, _LF, _ETB = 0x00, 0x07, 0x09, 0x0A, 0x17
_DOTS_4_MM: Final = 32
_DOTS_3_MM: Final = 24
_BAND_HEAD_BYTES: Final = 4
_ASCII_ZERO: Final = 48
_SIZES_MAX: Final = 5
_PULSE_STEP_MS: Final = 10
_NAMES: Final = {
    0: "UPC-E",
    1: "UPC-A",
    2: "EAN8",
    3: "EAN13",
    4: "CODE39",
    5: "ITF",
    6: "CODE128",
    7: "CODE93",
    8: "CODABAR",
}
_CUTS: Final = {0: ("full", 0), 1: ("partial", 0), 2: ("full", 3), 3: ("partial", 3)}
"""`n` of ESC d -> how it cuts, and how many lines it feeds to the cutter before."""


class StarMachine(Protocol):
    """What the bytes move: the printer around them."""

    @property
    def columns(self) -> int:
        """How many signs of font A fit on a line."""
        ...

    def print_line(self, line: PaperLine, dots: int) -> None:
        """Let a line of so many dots' height come out."""
        ...

    def cut(self, how: str) -> None:
        """Cut the paper: `full` or `partial`."""
        ...

    def pulse(self, pin: int, on_ms: int, off_ms: int) -> None:
        """Give a pulse to drawer 1 or 2 that waited its turn."""
        ...

    def pulse_width(self, on_ms: int, off_ms: int) -> None:
        """Keep how wide pulses to drawer 1 are from now on."""
        ...

    def answer(self, kind: str, argument: bytes) -> None:
        """Answer `status_back`, `mark`, `clear_marks`, `document` or `version`."""
        ...


class StarInterpreter:
    """Gets the buffer's beginning, says how many bytes it has worked off."""

    def __init__(self, machine: StarMachine) -> None:
        self._machine = machine
        self._line = Typesetter(machine, pages.decode, _DOTS_4_MM)
        self.unknown_commands = 0
        self._qr: dict[int, int] = {}
        self._qr_data = b""
        self._pending = bytearray()
        """A command that is longer than what came of it: taken as it comes."""
        self._left_bytes = 0
        line = self._line
        self._acts: dict[bytes, Callable[[bytes], None]] = {
            b"@": lambda _: self._initialise(),
            b"E": lambda _: line.set_bold(b"\x01"),
            b"F": lambda _: line.set_bold(b"\x00"),
            b"0": lambda _: line.set_spacing(bytes((_DOTS_3_MM,))),
            b"1": lambda _: line.set_spacing(bytes((_DOTS_3_MM,))),
            b"z": lambda _: line.set_spacing(b""),
            b"i": self._size,
            b"R": line.set_country,
            b"a": line.feed_lines,
            b"d": self._cut,
            b"k": self._band,
            b"b": self._barcode,
            b"#": lambda data: machine.answer("version", data),
            b"\x07": self._pulse_width,
            bytes((GS, ord("a"))): line.set_align,
            bytes((GS, ord("t"))): line.set_page,
            bytes((GS, ord("A"))): line.go_absolute,
            bytes((GS, ord("R"))): line.go_relative,
            bytes((GS, ord("y"))): self._symbol,
            bytes((GS, 0x03)): lambda data: machine.answer("document", data),
            bytes((RS, ord("a"))): lambda data: machine.answer("status_back", data),
            bytes((RS, ord("E"))): lambda data: machine.answer("clear_marks", data),
        }

    def reset(self) -> None:
        """Be as after switching on."""
        self._qr.clear()
        self._qr_data = b""
        self._pending.clear()
        self._left_bytes = 0
        self._line.initialise()

    def step(self, buffer: bytearray) -> int:
        """Work off one command or one run of text; 0 when more bytes are needed."""
        if self._left_bytes:
            return self._take(buffer)
        first = buffer[0]
        if first >= _TEXT_FROM:
            return self._line.text(buffer)
        if first == ESC:
            return self._command(buffer)
        if first == _LF:
            self._line.print_line()
        elif first == _HT:
            self._line.tab()
        elif first == _BEL:
            self._machine.pulse(1, -1, -1)
        elif first in {0x19, 0x1A}:
            self._machine.pulse(2, 200, 200)
        elif first == _ETB:
            self._machine.answer("mark", b"")
        elif first == _NUL:
            return len(buffer) - len(buffer.lstrip(b"\x00"))
        return 1

    def _command(self, buffer: bytearray) -> int:
        length = command_length(buffer)
        if length == UNKNOWN:
            self.unknown_commands += 1
            return 2
        if length == MORE:
            return 0
        self._left_bytes = length
        return self._take(buffer)

    def _take(self, buffer: bytearray) -> int:
        taken = min(self._left_bytes, len(buffer))
        self._pending += buffer[:taken]
        self._left_bytes -= taken
        if not self._left_bytes:
            whole = bytes(self._pending)
            self._pending.clear()
            self._act(whole)
        return taken

    def _act(self, whole: bytes) -> None:
        data = whole[1:]
        name = data[:2] if data[0] in (GS, RS) else data[:1]
        act = self._acts.get(name)
        if act is not None:
            act(data[len(name) :])

    def _initialise(self) -> None:
        self._line.end_line()
        self._line.initialise()

    def _size(self, args: bytes) -> None:
        """ESC i n1 n2: height, then width; ignored when either is out of its range."""
        high, wide = (arg % _ASCII_ZERO for arg in args)
        if high <= _SIZES_MAX and wide <= _SIZES_MAX:
            self._line.set_size(bytes((wide << 4 | high,)))

    def _cut(self, args: bytes) -> None:
        self._line.end_line()
        how, lines = _CUTS.get(args[0] % _ASCII_ZERO, ("", 0))
        if how:
            self._line.feed_lines(bytes((lines,)))
            self._machine.cut(how)

    def _band(self, args: bytes) -> None:
        """ESC k n1 n2 and 24 rows: on the line, until a line end lets it come out."""
        row_bytes, dots = args[0], args[_BAND_HEAD_BYTES - 2 :]
        rows = [dots[at : at + row_bytes] for at in range(0, len(dots), row_bytes or 1)]
        self._line.band(rows, row_bytes * 8)

    def _barcode(self, args: bytes) -> None:
        """ESC b n1 n2 n3 n4 d.. RS."""
        name = _NAMES.get(args[0] % _ASCII_ZERO, f"BARCODE {args[0]}")
        text = args[4:-1].decode("latin-1").replace("%0", "%")
        self._line.mark("barcode", f"[{name}] {text}")

    def _symbol(self, args: bytes) -> None:
        """ESC GS y S s n, D 1 m nL nH d.., P."""
        match args[:1]:
            case b"S":
                self._qr[args[1]] = args[2]
            case b"D":
                self._qr_data = args[5:]
            case b"P" if self._qr_data:
                self._line.mark("qr", f"[QR] {self._qr_data.decode(errors='replace')}")
            case _:
                pass

    def _pulse_width(self, args: bytes) -> None:
        self._machine.pulse_width(args[0] * _PULSE_STEP_MS, args[1] * _PULSE_STEP_MS)
