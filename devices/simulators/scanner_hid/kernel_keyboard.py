"""A keyboard as the kernel reads it: boot reports in, input events out.

Reports are those of HID 1.11, appendix B: held keys as bits, a zero, six usages of page 7 of the
HID Usage Tables. Events are made of what changed in them (`drivers/hid/hid-input.c`); a key that
stays down is repeated (`drivers/input/input.c`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

_EVENT: Final = struct.Struct("<qqHHi")
_LETTER_CODES: Final = (30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50,
                        49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44)  # fmt: skip
_FROM_1E: Final = (*range(2, 12), 28, 1, 14, 15, 57, 12, 13, 26, 27, 43, 43, 39, 40, 41, 51, 52, 53)
"""1 to 0, Enter, Escape, Backspace, Tab, space, - = [ ] \\ # ; ' ` , . / (31 and 32 both 43)."""
_KEYPAD_FROM_54: Final = (98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71, 72, 73, 82, 83)
_LEFT_CTRL: Final = 0xE0
_MODIFIERS_FROM_E0: Final = (29, 42, 56, 125, 97, 54, 100, 126)

CODE_OF: Final[dict[int, int]] = {
    **dict(enumerate(_LETTER_CODES, 0x04)),
    **dict(enumerate(_FROM_1E, 0x1E)),
    0x39: 58,
    **dict(enumerate((*range(59, 69), 87, 88), 0x3A)),
    0x4F: 106,
    0x50: 105,
    0x51: 108,
    0x52: 103,
    0x53: 69,
    **dict(enumerate(_KEYPAD_FROM_54, 0x54)),
    0x64: 86,
}
"""Usages of HID page 7 and the key codes of Linux."""

_EV_SYN, _EV_KEY, _EV_MSC = 0, 1, 4
_MSC_SCAN: Final = 4
_SYN_REPORT, _SYN_DROPPED = 0, 3
_UP, _DOWN, _REPEAT = 0, 1, 2
REPEAT_AFTER_MS: Final = 250
REPEAT_EVERY_MS: Final = 33


class KernelKeyboard:
    """One event node: reports of a keyboard in, input events out."""

    def __init__(self) -> None:
        self._held = 0
        self._pressed: tuple[int, ...] = ()

    def report(self, report: bytes, at_ms: int) -> bytes:
        """Return the events of what changed since the report before, or nothing."""
        held, pressed = report[0], tuple(usage for usage in report[2:] if usage)
        changes: list[tuple[int, int]] = [
            (_LEFT_CTRL + bit, held >> bit & 1)
            for bit in range(8)
            if (held ^ self._held) >> bit & 1
        ]
        changes += [(usage, _UP) for usage in self._pressed if usage not in pressed]
        changes += [(usage, _DOWN) for usage in pressed if usage not in self._pressed]
        self._held, self._pressed = held, pressed
        events = [
            event
            for usage, value in changes
            for event in ((_EV_MSC, _MSC_SCAN, 0x70000 | usage), (_EV_KEY, _code(usage), value))
        ]
        return _packed(at_ms, [*events, (_EV_SYN, _SYN_REPORT, 0)]) if events else b""

    def repeat(self, at_ms: int) -> bytes:
        """Return the event of the key that is still down, as the kernel's timer makes it."""
        events = [(_EV_KEY, _code(usage), _REPEAT) for usage in self._pressed[-1:]]
        return _packed(at_ms, [*events, (_EV_SYN, _SYN_REPORT, 1)]) if events else b""


def events_lost(at_ms: int) -> bytes:
    """Return what the kernel writes where its buffer ran over."""
    return _packed(at_ms, [(_EV_SYN, _SYN_DROPPED, 0), (_EV_SYN, _SYN_REPORT, 0)])


def _code(usage: int) -> int:
    if usage >= _LEFT_CTRL:
        return _MODIFIERS_FROM_E0[usage - _LEFT_CTRL]
    return CODE_OF[usage]


def _packed(at_ms: int, events: Iterable[tuple[int, int, int]]) -> bytes:
    seconds, ms = divmod(at_ms, 1000)
    return b"".join(_EVENT.pack(seconds, ms * 1000, *event) for event in events)
