"""Reads the byte stream of a printer, command by command, lengths first.

Commands that are not modelled are skipped by their length, so that what follows them is
still understood. A command whose bytes have not all come waits; data of pictures and
symbols is taken as it comes, for it may be longer than the printer's buffer. Between ESC = 2
and ESC = 1 everything is passed on to the display, and the printer obeys none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from devices.simulators.display_escpos.interpreter import DisplayInterpreter
from devices.simulators.printer_escpos.mechanics import PINS
from devices.simulators.printer_escpos.roll import rows_of_columns
from devices.simulators.printer_escpos.symbols import Symbols, barcode_text
from devices.simulators.printer_escpos.typesetter import Machine, Typesetter

_BAND_24_FROM: Final = 32
"""`m` of ESC * from which a column has three bytes."""
_TEXT_FROM: Final = 0x20
_DISPLAY_ALONE: Final = 2
"""`n` of ESC =: at 3 the printer would listen too, and a display beside it is not modelled."""
_BARCODE_ENDS_WITH_NUL_MAX: Final = 6
"""`m` of GS k up to which NUL ends the data; above it their length stands before them."""

_NAME_BYTES: Final = 2
"""A command is named by its first two bytes."""
_CUT_BYTES_MIN: Final = 3
_BARCODE_HEAD_BYTES: Final = 4
_COUNTED_HEAD_BYTES: Final = 5
_LONG_COUNTED_HEAD_BYTES: Final = 7
_RASTER_HEAD_BYTES: Final = 8
_PROCESS_BYTES: Final = 6
"""`fn`, `m` and four bytes that name the process."""

_ESC, _GS, _FS, _DLE, _LF, _HT = 0x1B, 0x1D, 0x1C, 0x10, 0x0A, 0x09

_FIXED: Final[dict[int, dict[int, int]]] = {
    _ESC: {
        **dict.fromkeys(b"RtE!GM-a{V=dJe3 rTKjSu?%U", 3),
        **dict.fromkeys(b"@2imL\x0cv<S", 2),
        **dict.fromkeys(b"$\\cB", 4),
        ord("p"): 5,
        ord("W"): 10,
    },
    _GS: {
        **dict.fromkeys(b"!BhwfHIrab/T|E", 3),
        **dict.fromkeys(b":c", 2),
        **dict.fromkeys(b"LWP$\\", 4),
        **dict.fromkeys(b"^z", 5),
        ord("g"): 6,
    },
    _FS: {**dict.fromkeys(b".&", 2), **dict.fromkeys(b"!-CW", 3), **dict.fromkeys(b"Sp", 4)},
}
"""Whole length of commands that have no data."""
_REAL_TIME: Final = {0x04: 3, 0x05: 3, 0x14: 5}
"""Length of what was acted on when it arrived and is skipped in its turn."""


class Interpreter:
    """Gets the buffer's beginning, says how many bytes it has worked off."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._line = Typesetter(machine)
        self.unknown_commands = 0
        self.pole = DisplayInterpreter(selected=False)
        line = self._line
        self._acts: dict[tuple[int, int], Callable[[bytes], None]] = {
            (_ESC, ord("@")): self._initialise,
            (_ESC, ord("=")): self._select,
            (_ESC, ord("!")): line.set_mode,
            (_ESC, ord("E")): line.set_bold,
            (_ESC, ord("G")): line.set_bold,
            (_ESC, ord("a")): line.set_align,
            (_ESC, ord("t")): line.set_page,
            (_ESC, ord("R")): line.set_country,
            (_ESC, ord("2")): line.set_spacing,
            (_ESC, ord("3")): line.set_spacing,
            (_ESC, ord("d")): line.feed_lines,
            (_ESC, ord("J")): line.feed_dots,
            (_ESC, ord("$")): line.go_absolute,
            (_ESC, ord("\\")): line.go_relative,
            (_ESC, ord("p")): self._pulse,
            (_ESC, ord("i")): self._old_cut,
            (_ESC, ord("m")): self._old_cut,
            (_ESC, ord("v")): self._old_paper,
            (_GS, ord("!")): line.set_size,
            (_GS, ord("a")): self._status_back,
            (_GS, ord("r")): self._sensors,
            (_GS, ord("I")): self._identity,
        }
        self._measured: dict[tuple[int, int], Callable[[bytearray], int]] = {
            (_ESC, ord("D")): self._tabs,
            (_ESC, ord("*")): self._bands,
            (_GS, ord("V")): self._cut_command,
            (_GS, ord("k")): self._barcode,
            (_GS, ord("v")): self._raster,
            (_GS, ord("(")): self._counted,
            (_GS, ord("8")): self._long_counted,
            (_FS, ord("(")): self._counted,
        }
        self.reset()

    def reset(self) -> None:
        """Be as after switching on."""
        self._symbols = Symbols()
        self._collecting: Callable[[bytes], None] | None = None
        self._left_bytes = 0
        self._data = bytearray()
        self._line.initialise()
        self.pole.reset()

    # --- the stream -----------------------------------------------------------------------

    def step(self, buffer: bytearray) -> int:
        """Work off one command or one run of text; 0 when more bytes are needed."""
        if self._collecting is not None:
            return self._collect(buffer, self._collecting)
        return self.pole.step(buffer) if self.pole.selected else self._next(buffer)

    def _next(self, buffer: bytearray) -> int:
        first = buffer[0]
        if first >= _TEXT_FROM:
            return self._line.text(buffer)
        if first == 0:
            return len(buffer) - len(buffer.lstrip(b"\x00"))
        if first == _LF:
            self._line.print_line()
        elif first == _HT:
            self._line.tab()
        elif first == _DLE or first in _FIXED:
            if len(buffer) < _NAME_BYTES:
                return 0
            return _skip_real_time(buffer) if first == _DLE else self._command(first, buffer)
        return 1

    def _command(self, first: int, buffer: bytearray) -> int:
        second = buffer[1]
        fixed = _FIXED[first].get(second)
        if fixed is not None:
            if len(buffer) < fixed:
                return 0
            act = self._acts.get((first, second))
            if act is not None:
                act(bytes(buffer[2:fixed]))
            return fixed
        measured = self._measured.get((first, second))
        if measured is not None:
            return measured(buffer)
        self.unknown_commands += 1
        return 2

    def _collect_from_now(self, count: int, then: Callable[[bytes], None]) -> None:
        if count:
            self._left_bytes, self._collecting = count, then
        else:
            then(b"")

    def _collect(self, buffer: bytearray, then: Callable[[bytes], None]) -> int:
        taken = min(self._left_bytes, len(buffer))
        self._data += buffer[:taken]
        self._left_bytes -= taken
        if not self._left_bytes:
            self._collecting = None
            data = bytes(self._data)
            self._data.clear()
            then(data)
        return taken

    # --- commands of fixed length ---------------------------------------------------------

    def _initialise(self, _args: bytes) -> None:
        self._line.initialise()
        self._machine.answer("status_back", b"\x00")

    def _select(self, args: bytes) -> None:
        self.pole.select(args[0] if args[0] == _DISPLAY_ALONE else 0)

    def _pulse(self, args: bytes) -> None:
        if args[0] in PINS:
            self._machine.pulse(PINS[args[0]], args[1] * 2, args[2] * 2)

    def _old_cut(self, _args: bytes) -> None:
        self._cut("partial")

    def _cut(self, how: str) -> None:
        self._line.end_line()
        self._machine.cut(how)

    def _status_back(self, args: bytes) -> None:
        self._machine.answer("status_back", args)

    def _sensors(self, args: bytes) -> None:
        self._machine.answer("drawer" if args[0] in b"\x022" else "paper", b"")

    def _old_paper(self, _args: bytes) -> None:
        self._machine.answer("paper", b"")

    def _identity(self, args: bytes) -> None:
        self._machine.answer("identity", args)

    # --- commands with data ---------------------------------------------------------------

    def _tabs(self, buffer: bytearray) -> int:
        """ESC D n1 .. nk NUL: the stops are read and not kept."""
        return buffer.find(0, 2) + 1

    def _cut_command(self, buffer: bytearray) -> int:
        """GS V m, and GS V m n with a feed before it."""
        if len(buffer) < _CUT_BYTES_MIN:
            return 0
        mode = buffer[2]
        length = _CUT_BYTES_MIN if mode in b"\x00\x0101" else _CUT_BYTES_MIN + 1
        if len(buffer) < length:
            return 0
        self._cut("full" if mode in b"\x000Aag" else "partial")
        return length

    def _barcode(self, buffer: bytearray) -> int:
        """GS k m d.. NUL (m 0 to 6) and GS k m n d.. (m 65 to 79)."""
        if len(buffer) < _BARCODE_HEAD_BYTES:
            return 0
        kind = buffer[2]
        if kind <= _BARCODE_ENDS_WITH_NUL_MAX:
            end = buffer.find(0, 3)
            if end < 0:
                return 0
            data, length = bytes(buffer[3:end]), end + 1
        else:
            length = _BARCODE_HEAD_BYTES + buffer[3]
            if len(buffer) < length:
                return 0
            data = bytes(buffer[_BARCODE_HEAD_BYTES:length])
        name, text = barcode_text(kind, data)
        self._line.mark("barcode", f"[{name}] {text}")
        return length

    def _raster(self, buffer: bytearray) -> int:
        """GS v 0 m xL xH yL yH and the dots."""
        if len(buffer) < _RASTER_HEAD_BYTES:
            return 0
        row_bytes = int.from_bytes(buffer[4:6], "little")
        rows = int.from_bytes(buffer[6:8], "little")
        self._collect_from_now(row_bytes * rows, lambda data: self._line.picture(data, row_bytes))
        return _RASTER_HEAD_BYTES

    def _bands(self, buffer: bytearray) -> int:
        """ESC * m nL nH and columns of one or three bytes."""
        if len(buffer) < _COUNTED_HEAD_BYTES:
            return 0
        per_column = 3 if buffer[2] >= _BAND_24_FROM else 1
        count = int.from_bytes(buffer[3:5], "little")
        self._collect_from_now(
            count * per_column, lambda data: self._line.band(*rows_of_columns(data, per_column))
        )
        return _COUNTED_HEAD_BYTES

    def _counted(self, buffer: bytearray) -> int:
        """GS ( x pL pH and FS ( x pL pH: whatever it is, its length is known."""
        if len(buffer) < _COUNTED_HEAD_BYTES:
            return 0
        name = bytes((buffer[0], buffer[2]))
        self._collect_from_now(
            int.from_bytes(buffer[3:5], "little"), lambda data: self._function(name, data)
        )
        return _COUNTED_HEAD_BYTES

    def _long_counted(self, buffer: bytearray) -> int:
        """GS 8 L p1 p2 p3 p4: GS ( L with a longer length."""
        if len(buffer) < _LONG_COUNTED_HEAD_BYTES:
            return 0
        self._collect_from_now(
            int.from_bytes(buffer[3:7], "little"), lambda data: self._function(b"\x1dL", data)
        )
        return _LONG_COUNTED_HEAD_BYTES

    def _function(self, name: bytes, data: bytes) -> None:
        if name == b"\x1dk" and (printed := self._symbols.symbol(data)):
            self._line.mark("qr" if printed.startswith("[QR]") else "barcode", printed)
        elif name == b"\x1dL" and (stored := self._symbols.graphics(data)):
            self._line.picture(stored.data, stored.row_bytes, stored.width_dots)
        elif name == b"\x1dH" and data[:2] == b"00" and len(data) == _PROCESS_BYTES:
            self._machine.answer("process", data[2:])


def _skip_real_time(buffer: bytearray) -> int:
    length = _REAL_TIME.get(buffer[1], 1)
    return length if len(buffer) >= length else 0
