"""Reads the byte stream of an ESC/POS display, command by command, lengths first."""

from __future__ import annotations

from typing import Final

from devices.simulators.display_escpos.glass import BRIGHTEST, COLUMNS, Glass

_ESC, _US = 0x1B, 0x1F
_TEXT_FROM: Final = 0x20
_NAME_BYTES: Final = 2
_DISPLAY_BIT: Final = 2
"""Of `n` of ESC =."""

_LENGTHS: Final[dict[int, dict[int, int]]] = {
    _ESC: {0x40: 2, **dict.fromkeys(b"=tR?%", 3), 0x57: 6},
    _US: {
        **dict.fromkeys(b"\x01\x02\x03\x0a\x0d\x42@", 2),
        **dict.fromkeys(b"CXEr.,;TU", 3),
        **dict.fromkeys(b"$#", 4),
    },
}
"""Whole length of each command, by its first two bytes."""

_PAGES: Final = {
    0: "cp437",
    2: "cp850",
    3: "cp860",
    4: "cp863",
    5: "cp865",
    16: "cp1252",
    17: "cp866",
    18: "cp852",
    19: "cp858",
}


class DisplayInterpreter:
    """Gets the buffer's beginning, says how many bytes it has worked off.

    `selected`: whether ESC = has turned to the display; what comes meanwhile is not for it.
    """

    def __init__(self, *, selected: bool = True) -> None:
        self.glass = Glass()
        self._selected_at_first = selected
        self.unknown_commands = 0
        self.reset()

    def reset(self) -> None:
        """Be as after switching on."""
        self.selected = self._selected_at_first
        self.glass.reset()

    def select(self, peripheral: int) -> None:
        """Obey ESC =."""
        self.selected = bool(peripheral & _DISPLAY_BIT)

    def step(self, buffer: bytearray) -> int:
        """Work off one command or one sign; 0 when more bytes are needed."""
        first = buffer[0]
        if first in _LENGTHS:
            return self._command(buffer)
        if self.selected:
            self._plain(first)
        return 1

    def _plain(self, byte: int) -> None:
        glass = self.glass
        match byte:
            case 0x08:
                glass.step_column(-1)
            case 0x09:
                glass.step_column(1)
            case 0x0A:
                glass.step_row(1)
            case 0x0B:
                glass.go(1, 1)
            case 0x0C:
                glass.clear()
            case 0x0D:
                glass.go(1, glass.row)
            case 0x18:
                glass.clear_row()
            case 0x00:
                pass
            case _ if byte >= _TEXT_FROM:
                glass.put(byte)
            case _:
                self.unknown_commands += 1

    def _command(self, buffer: bytearray) -> int:
        if len(buffer) < _NAME_BYTES:
            return 0
        length = _LENGTHS[buffer[0]].get(buffer[1])
        if length is None:
            self.unknown_commands += self.selected
            return _NAME_BYTES
        if len(buffer) < length:
            return 0
        name, args = bytes(buffer[:2]), bytes(buffer[2:length])
        if name == b"\x1b=":
            self.select(args[0])
        elif self.selected:
            self._act(name, args)
        return length

    def _act(self, name: bytes, args: bytes) -> None:
        glass = self.glass
        match name:
            case b"\x1b@":
                glass.reset()
            case b"\x1bt":
                glass.page = _PAGES.get(args[0], glass.page)
            case b"\x1f$":
                glass.go(args[0], args[1])
            case b"\x1fC":
                glass.cursor_shown = bool(args[0] & 1)
            case b"\x1fX" if 1 <= args[0] <= BRIGHTEST:
                glass.brightness = args[0]
            case b"\x1f\x0a":
                glass.step_row(-1)
            case b"\x1f\x0d":
                glass.go(COLUMNS, glass.row)
            case b"\x1fB":
                glass.go(COLUMNS, 2)
            case _:
                pass  # scrolling, blinking and the like are not modelled
