"""Epson's ESC/POS for customer displays with two rows of 20 signs. Bytes, nothing else.

    ESC = 1B 3D n (1 printer, 2 display); ESC @ 1B 40; CLR 0C; ESC t n 1B 74 n code page;
    US MD1 1F 01 overwrite; US C n 1F 43 n cursor; US X n 1F 58 n brightness 1 to 4;
    US $ x y 1F 24 x y position, from 1

Rows always come with the settings, which clear nothing: a display that lost its power meanwhile
is whole again. Source: Epson's display commands as gathered under "Wire facts" 5.
"""

from __future__ import annotations

from typing import Final, Literal

from devices.protocols.display_text import Rows

DisplayPage = Literal[
    "cp437", "cp850", "cp860", "cp863", "cp865", "cp1252", "cp866", "cp852", "cp858"
]
"""Code pages that displays have: each model some of them, all the first."""

SELECT_PRINTER: Final = b"\x1b=\x01"
"""ESC = 1: what follows is for the printer."""
SELECT_DISPLAY: Final = b"\x1b=\x02"
"""ESC = 2: what follows is for the display, and the printer takes none of it."""
DISPLAY_COMMAND_BYTES_MAX: Final = 4
"""The longest command used here is US $ with its place."""

_INITIALISE: Final = b"\x1b@"
_CLEAR: Final = b"\x0c"
_OVERWRITE: Final = b"\x1f\x01"
_CURSOR_OFF: Final = b"\x1fC\x00"
_UPPER: Final = b"\x1f$\x01\x01"
_LOWER: Final = b"\x1f$\x01\x02"


class EscposDisplay:
    """One display's own way: `select_page` is its ESC t."""

    def __init__(self, select_page: bytes, brightness: int) -> None:
        self._settings = select_page + _OVERWRITE + _CURSOR_OFF + b"\x1fX" + bytes((brightness,))

    def begin(self) -> bytes:
        """Return what makes a display dark and ready, whatever it was told before."""
        return SELECT_DISPLAY + _INITIALISE + _CLEAR + self._settings

    def show(self, rows: Rows) -> bytes:
        """Return what writes both rows over what stands there."""
        return SELECT_DISPLAY + self._settings + _UPPER + rows.upper + _LOWER + rows.lower

    def show_through_printer(self, rows: Rows) -> bytes:
        """Return the same for a display that hangs on a printer, which listens again behind it."""
        return self.show(rows) + SELECT_PRINTER
