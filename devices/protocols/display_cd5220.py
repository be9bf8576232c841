"""The CD5220 command set of customer displays with two rows of 20 signs. Bytes, nothing else.

    CLR 0C, leaves the string mode too; ESC @ 1B 40; ESC c n 1B 63 n fonts; ESC _ n 1B 5F n cursor;
    ESC * n 1B 2A n brightness 1 to 4; ESC Q A/B 1B 51 41/42, 20 signs, CR: upper and lower row

After ESC Q the display is in its string mode, where it takes nothing but further rows and CLR
(some models CAN too): whoever wants anything else clears it first. Source: the CD5220 manuals as
gathered under "Wire facts" 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from devices.protocols.display_text import Rows

FONTS: Final[Mapping[str, bytes]] = {"cp437": b"A", "cp852": b"L", "cp866": b"R"}
"""Code page -> `n` of ESC c: ASCII with Western European letters, Slavonic, Russian."""

_CLEAR: Final = b"\x0c"
_INITIALISE: Final = b"\x1b@"
_CURSOR_OFF: Final = b"\x1b_\x00"
_UPPER: Final = b"\x1bQA"
_LOWER: Final = b"\x1bQB"
_END_OF_ROW: Final = b"\r"


class Cd5220:
    """One display's own way: `font` is its letter for ESC c, empty to leave that as it is."""

    def __init__(self, font: bytes, brightness: int) -> None:
        self._font = b"\x1bc" + font if font else b""
        self._brightness = b"\x1b*" + bytes((brightness,))

    def begin(self) -> bytes:
        """Return what makes a display dark and ready, whatever it was told before."""
        return _CLEAR + _INITIALISE + self._font + _CURSOR_OFF + self._brightness

    def show(self, rows: Rows) -> bytes:
        """Return what writes both rows over what stands there."""
        return _UPPER + rows.upper + _END_OF_ROW + _LOWER + rows.lower + _END_OF_ROW
