"""A CD5220 customer display in the other role: bytes in, two rows of 20 cells out."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, NoArguments
from devices.simulators.display_escpos.glass import BRIGHTEST, COLUMNS, Glass
from devices.transports.byte_stream import ByteStream
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_READ_BYTES_MAX: Final = 256
_ESC, _CLR, _CAN, _CR = 0x1B, 0x0C, 0x18, 0x0D
_TEXT_FROM: Final = 0x20
_NAME_BYTES: Final = 2
_STRING_HEAD_BYTES: Final = 3
_ROWS: Final = {0x41: 1, 0x42: 2}
_FONTS: Final = {0x41: "cp437", 0x4C: "cp852", 0x52: "cp866"}
_LENGTHS: Final = {
    **dict.fromkeys(b"\x11\x12\x13@", 2),
    **dict.fromkeys(b"[*_fc=?%", 3),
    ord("l"): 4,
    ord("W"): 6,
}
"""Whole length of what begins with ESC; ESC Q ends with its CR."""


class SimulatedCd5220Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class SimulatedCd5220:
    """Keeps what it shows over connections. `ignored`: what came in string mode and was not obeyed.

    In string mode, which ESC Q enters, only further rows, CLR and CAN are obeyed.
    """

    def __init__(self, _settings: SimulatedCd5220Settings, ports: SimulatorPorts) -> None:
        self._log = ports.log
        self._glass = Glass()
        self._buffer = bytearray()
        self._string_mode = False
        self._writing_row = 0
        self.ignored = 0
        self.unknown_commands = 0

    @property
    def text(self) -> tuple[str, str]:
        """What the two rows show, 20 signs each."""
        return self._glass.text

    @property
    def brightness(self) -> int:
        """1 to 4."""
        return self._glass.brightness

    @property
    def cursor_shown(self) -> bool:
        """Whether a cursor stands among the signs."""
        return self._glass.cursor_shown

    def power_cycle(self) -> None:
        """Switch it off and on; the line notices nothing."""
        self._buffer.clear()
        self._string_mode, self._writing_row = False, 0
        self._glass.reset()

    async def attend(self, stream: ByteStream) -> None:
        """Listen until the other end is gone."""
        try:
            while data := await stream.read(_READ_BYTES_MAX):
                self._buffer += data
                while self._buffer and (used := self._step()):
                    del self._buffer[:used]
        except DeviceUnreachable:
            self._log.debug("cable_out")
        finally:
            await stream.close()

    def _step(self) -> int:
        first = self._buffer[0]
        if self._writing_row:
            return self._write(first)
        if first == _ESC:
            return self._escape()
        if first in (_CLR, _CAN):
            self._string_mode = False
            self._glass.clear() if first == _CLR else self._glass.clear_row()
        elif self._string_mode:
            self.ignored += 1
        elif first >= _TEXT_FROM:
            self._glass.put(first)
        else:
            self._move(first)
        return 1

    def _move(self, byte: int) -> None:
        match byte:
            case 0x08:
                self._glass.step_column(-1)
            case 0x09:
                self._glass.step_column(1)
            case 0x0A:
                self._glass.step_row(1)
            case 0x0B:
                self._glass.go(1, 1)
            case 0x0D:
                self._glass.go(1, self._glass.row)
            case _:
                self.unknown_commands += 1

    def _write(self, byte: int) -> int:
        """Take one byte of a row that ESC Q opened; CR closes it, and so does a full row."""
        glass = self._glass
        if byte < _TEXT_FROM:
            self._writing_row = 0
            return 1 if byte == _CR else self._step()
        if glass.row == self._writing_row:
            glass.put(byte)  # a sign too many would go on in the other row: it is dropped
        return 1

    def _escape(self) -> int:
        buffer = self._buffer
        if len(buffer) < _NAME_BYTES:
            return 0
        if buffer[1] == ord("Q"):
            return self._begin_row()
        length = _LENGTHS.get(buffer[1])
        if length is None:
            self.unknown_commands += 1
            return _NAME_BYTES
        if len(buffer) < length:
            return 0
        if self._string_mode:
            self.ignored += 1
        else:
            self._act(buffer[1], bytes(buffer[2:length]))
        return length

    def _begin_row(self) -> int:
        if len(self._buffer) < _STRING_HEAD_BYTES:
            return 0
        row = _ROWS.get(self._buffer[2], 0)
        if not row:
            self.unknown_commands += 1
            return _STRING_HEAD_BYTES
        self._string_mode, self._writing_row = True, row
        self._glass.cells[row - 1] = [" "] * COLUMNS
        self._glass.go(1, row)
        return _STRING_HEAD_BYTES

    def _act(self, name: int, args: bytes) -> None:
        glass = self._glass
        match chr(name):
            case "@":
                glass.reset()
            case "l":
                glass.go(args[0], args[1])
            case "_":
                glass.cursor_shown = bool(args[0] & 1)
            case "*" if 1 <= args[0] <= BRIGHTEST:
                glass.brightness = args[0]
            case "c":
                glass.page = _FONTS.get(args[0], glass.page)
            case _:
                pass  # scrolling, windows and own signs are not modelled


def _shows(display: SimulatedCd5220) -> dict[str, Any]:
    return {"rows": display.text, "brightness": display.brightness}


SIMULATOR: Final = SimulatorSpec(
    name="display_cd5220",
    device_class=DeviceClass.DISPLAY,
    settings=SimulatedCd5220Settings,
    build=SimulatedCd5220,
    actions={
        "power_cycle": Action(
            "Switch it off and on.", NoArguments, lambda display, _: display.power_cycle()
        ),
    },
    shows=_shows,
)
