"""Keys to signs, as a PC of some country reads them. Pure; key codes are those of Linux.

`linux/input-event-codes.h` names the codes. ALT codes are typed on the keypad while Alt is
held and mean the same on every layout, which is why scanners offer them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from devices.protocols.keyboard_layouts import LAYOUTS, Layout

_SHIFTS: Final = frozenset({42, 54})
_CTRLS: Final = frozenset({29, 97})
_LEFT_ALT: Final = 56
_RIGHT_ALT: Final = 100
_METAS: Final = frozenset({125, 126})
HELD_KEYS: Final = _SHIFTS | _CTRLS | _METAS | {_LEFT_ALT, _RIGHT_ALT}
"""Keys that mean something while they are down."""
_CAPS_LOCK: Final = 58
_LOCKS: Final = frozenset({_CAPS_LOCK, 69, 70})
"""Num Lock and Scroll Lock, too: the keypad of a scanner types digits whatever they say."""
_KEYPAD_DIGITS: Final = dict(
    zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)
)
_KEYPAD_SIGNS: Final = {55: "*", 74: "-", 78: "+", 98: "/", 117: "="}
_KEYPAD_DECIMAL: Final = 83
_ENTER_AND_TAB: Final = {28: "\r", 96: "\r", 15: "\t"}
"""They end a code whatever else is held: a stuck key must not swallow the ends too."""
_CONTROL_KEYS: Final = {14: "\b", 1: "\x1b"}
_CTRL_SIGNS: Final = {26: "\x1b", 27: "\x1d", 43: "\x1c"}
"""By place, as on every Windows layout: what a US keyboard writes `[`, `]` and a backslash on."""
_ALT_DIGITS_MAX: Final = 7
"""The last code of Unicode, 1114111, has seven."""
_UNICODE_MAX: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)
_ONE_BYTE_MAX: Final = 0xFF


class AltCodes(StrEnum):
    """What the number means that is typed on the keypad while Alt is held."""

    CP1252 = "cp1252"
    """Windows with a leading zero (Alt 0 2 2 8 is ä): what scanners send."""
    CP437 = "cp437"
    CP850 = "cp850"
    """Windows without the zero: the old pages of a US and of a European PC."""
    UNICODE = "unicode"


class Typewriter:
    """Keys of one scanner to signs: knows what is held, and holds an accent or an ALT code.

    Control characters come as such: Enter is CR, Tab is HT, Ctrl+] is 0x1D.
    """

    def __init__(self, layout: Layout, alt_codes: AltCodes) -> None:
        self._layout = LAYOUTS[layout]
        self._alt_codes = alt_codes
        self._alts = {_LEFT_ALT} if self._layout.has_altgr else {_LEFT_ALT, _RIGHT_ALT}
        self._held: set[int] = set()
        self._accent = ""
        self._alt_digits = ""
        self.caps = False

    @property
    def held(self) -> bool:
        """True while Shift, Ctrl, Alt or their like are down."""
        return bool(self._held)

    @property
    def unfinished(self) -> bool:
        """True while an accent waits for its letter, or an ALT code for its end."""
        return bool(self._accent or self._alt_digits)

    def let_go(self) -> None:
        """Forget what is held and what is unfinished; Caps Lock stays."""
        self._held.clear()
        self._accent = self._alt_digits = ""

    def accent(self) -> str:
        """Give out an accent that nothing followed."""
        accent, self._accent = self._accent, ""
        return accent

    def hold(self, code: int, *, down: bool) -> str | None:
        """Press or let go of a key that is held with others; returns as `press` does."""
        if down:
            self._held.add(code)
            return ""
        self._held.discard(code)
        if self._alt_digits and not self._held & self._alts:
            number, self._alt_digits = self._alt_digits, ""
            sign = self._coded(number)
            return None if sign is None else self._write(sign)
        return ""

    def press(self, code: int) -> str | None:
        """Press another key: the signs it writes, often none yet; None when it never writes."""
        if code == _CAPS_LOCK:
            self.caps = not self.caps
        if code in _LOCKS:
            return ""
        if code in _ENTER_AND_TAB:
            return self._write(_ENTER_AND_TAB[code])
        held, alts = self._held, self._held & self._alts
        ctrl = bool(held & _CTRLS)
        # Windows takes Ctrl with Alt for AltGr, and some scanners press these
        altgr = self._layout.has_altgr and (_RIGHT_ALT in held or bool(ctrl and alts))
        if held & _METAS:
            return None
        if altgr or not (alts or ctrl):
            return self._typed(code, altgr=altgr)
        return self._numbered(code) if alts else self._controlled(code)

    def _numbered(self, code: int) -> str | None:
        if code not in _KEYPAD_DIGITS or len(self._alt_digits) == _ALT_DIGITS_MAX:
            return None
        self._alt_digits += _KEYPAD_DIGITS[code]
        return ""

    def _typed(self, code: int, *, altgr: bool) -> str | None:
        sign = _CONTROL_KEYS.get(code) or _KEYPAD_DIGITS.get(code) or _KEYPAD_SIGNS.get(code)
        if code == _KEYPAD_DECIMAL:
            sign = self._layout.decimal
        if sign is not None:
            return self._write(sign)
        shift = bool(self._held & _SHIFTS)
        stroke = self._layout.stroke(code, shift=shift, altgr=altgr, caps=self.caps)
        if stroke is None:
            return None
        if stroke.dead:
            if before := self.accent():
                return before + stroke.sign  # two accents do not go together either
            self._accent = stroke.sign
            return ""
        return self._write(stroke.sign)

    def _controlled(self, code: int) -> str | None:
        sign = _CTRL_SIGNS.get(code)
        stroke = self._layout.stroke(code, shift=False, altgr=False, caps=False)
        if sign is None and stroke is not None and stroke.sign.isascii() and stroke.sign.isalpha():
            sign = chr(ord(stroke.sign) & 0x1F)
        return None if sign is None else self._write(sign)

    def _write(self, sign: str) -> str:
        accent = self.accent()
        if not accent:
            return sign
        if sign == " ":
            return accent
        # as Windows does where the two do not go together: first the accent, then the sign
        return self._layout.compositions.get(accent + sign, accent + sign)

    def _coded(self, number: str) -> str | None:
        value = int(number)
        if self._alt_codes is AltCodes.UNICODE:
            return chr(value) if value <= _UNICODE_MAX and value not in _SURROGATES else None
        if value > _ONE_BYTE_MAX:
            return None
        try:
            return bytes((value,)).decode(self._alt_codes)
        except UnicodeDecodeError:
            return None
