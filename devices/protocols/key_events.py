"""What a scanner types on its keyboard, as codes. Sans-I/O.

The bytes are the kernel's `struct input_event` of a 64-bit Linux, little-endian, 24 bytes each
(`linux/input.h`): seconds and microseconds since 1970 as two int64, type and code as two
uint16, value as int32. Keys have type 1 and value 1 (down), 0 (up) or 2 (autorepeat); events
with one time, up to a SYN_REPORT (type 0, code 0), are one report of the device; SYN_DROPPED
(type 0, code 3) stands where the kernel had to throw events away; type 17, code 1 is the lamp
of Caps Lock (`linux/input-event-codes.h`, and "Event codes" in the kernel's documentation).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from devices.protocols.keyboard_layouts import Layout
from devices.protocols.scanned_codes import AIM_CHARS, Misread, read_code
from devices.protocols.typewriter import HELD_KEYS, AltCodes, Typewriter
from edge.contract.device_limits import (
    KEY_IDLE_FLUSH_MS,
    SERIAL_TAIL_MS,
)
from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)

INPUT_EVENT: Final = struct.Struct("<qqHHi")
"""Seconds, microseconds, type, code, value."""

EV_SYN: Final = 0
EV_KEY: Final = 1
EV_LED: Final = 17
SYN_REPORT: Final = 0
SYN_DROPPED: Final = 3
LED_CAPSL: Final = 1

_UP, _DOWN, _REPEAT = 0, 1, 2
_TYPE_MAX: Final = 0x1F
_CODE_MAX: Final = 0x2FF
_SECONDS_MAX: Final = 2**33
_MICROS: Final = 1_000_000
_REPORT_KEYS_MAX: Final = 64
"""A boot report holds fourteen keys; what goes on without a SYN_REPORT is read as it comes."""


class KeySuffix(StrEnum):
    """What the scanner types behind a code."""

    ANY = "any"
    """Enter or Tab; nothing, too, as long as neither was ever seen."""
    ENTER = "enter"
    TAB = "tab"
    NONE = "none"
    """Codes end by silence."""


_SUFFIX_SIGNS: Final = {
    KeySuffix.ANY: "\r\n\t",
    KeySuffix.ENTER: "\r\n",
    KeySuffix.TAB: "\t",
    KeySuffix.NONE: "",
}


@dataclass(frozen=True)
class KeyFormat:
    """How this scanner is set.

    `prefix`: text typed before each code. `aim`: split off identifiers such as `]E0`.
    `group_separator`: a printable stand-in for 0x1D, such as `|`, or empty. `idle_ms`: a
    longer gap between two keys is no gap inside a code.
    """

    layout: Layout = Layout.US
    prefix: str = ""
    suffix: KeySuffix = KeySuffix.ANY
    aim: bool = True
    group_separator: str = ""
    alt_codes: AltCodes = AltCodes.CP1252
    idle_ms: int = KEY_IDLE_FLUSH_MS


Found = list[BarcodeScanned | Misread]


class KeyCodes:
    """Input events in, codes and misreads out; holds one unfinished code at most.

    `cut_off`: the connection before this one ended inside a code, whose rest may still come.
    """

    def __init__(self, keys: KeyFormat, *, cut_off: bool = False) -> None:
        self._keys = keys
        self._ends = _SUFFIX_SIGNS[keys.suffix]
        self._chars_max = BARCODE_CHARS_MAX + len(keys.prefix) + AIM_CHARS
        self._typewriter = Typewriter(keys.layout, keys.alt_codes)
        self._buffer = b""
        self._report: list[tuple[int, int]] = []
        self._report_ms = 0
        self._last_ms: int | None = None
        self._text: list[str] = []
        self._bad: Misread | None = None
        self._suffix_seen = keys.suffix in {KeySuffix.ENTER, KeySuffix.TAB}
        self._cut_off = cut_off
        self.broken = False
        """True once something came that no kernel sends: the connection is to be made anew."""

    @property
    def unfinished(self) -> bool:
        """True inside a code."""
        waiting = self._text or self._bad or self._report or self._buffer
        return bool(waiting) or self._typewriter.unfinished

    @property
    def silence_ms(self) -> int | None:
        """After how long a silence to call `flush`; None when nothing waits for one."""
        if self.unfinished:
            return self._keys.idle_ms
        return SERIAL_TAIL_MS if self._cut_off else None

    def feed(self, data: bytes) -> Found:
        """Take bytes and return what they complete, in order; looks nothing up once `broken`."""
        found: Found = []
        data = self._buffer + data
        whole = len(data) - len(data) % INPUT_EVENT.size
        self._buffer = b""
        for seconds, micros, kind, code, value in INPUT_EVENT.iter_unpack(data[:whole]):
            if self.broken or not _possible(seconds, micros, kind, code, value):
                self.broken = True
                return found
            found += self._take(seconds * 1000 + micros // 1000, kind, code, value)
        self._buffer = data[whole:]
        return found

    def flush(self) -> Found:
        """End the code at hand: no key came for longer than a gap inside one.

        From a scanner without suffix that is how codes end. From one that has one, the rest
        of a code was lost or is late: half a code must not be taken for a whole one, and
        neither must the other half, should it come within `SERIAL_TAIL_MS`.
        """
        if self._buffer:  # a kernel never writes half an event
            self.broken = True
            self._buffer = b""
            self._spoil(Misread.CUT_OFF)
        self._report.clear()
        if not self.unfinished:
            self._cut_off = False  # nothing more came of it
            return []
        for sign in self._typewriter.accent():
            self._append(sign)
        if self._typewriter.unfinished:
            self._spoil(Misread.STUCK_KEY)  # an ALT code, and Alt is still down
        bad = self._bad
        if self._cut_off:
            self._clear()
            return []
        if not self._suffix_seen:
            return self._read()
        self._clear()
        # what the kernel kept came at once: there is no late half
        self._cut_off = bad is not Misread.EVENTS_LOST
        return [bad or Misread.CUT_OFF]

    # --- events ---------------------------------------------------------------------------

    def _take(self, at_ms: int, kind: int, code: int, value: int) -> Found:
        if kind == EV_KEY and value == _REPEAT:
            # a key that got stuck must not keep a code open for ever
            return [] if self._report else self._pass(at_ms)
        if kind == EV_KEY:
            if not self._report:
                self._report_ms = at_ms
            self._report.append((code, value))
            if len(self._report) < _REPORT_KEYS_MAX:
                return []
            return self._end_report()
        if kind == EV_LED and code == LED_CAPSL:
            self._typewriter.caps = value != 0
        if kind == EV_SYN and code == SYN_REPORT:
            return self._end_report()
        if kind == EV_SYN and code == SYN_DROPPED:
            return self._lose(at_ms)
        return []

    def _end_report(self) -> Found:
        """Read the keys of a report: what is held first, wherever the device has put it."""
        keys, self._report = self._report, []
        if not keys:
            return []
        found = self._pass(self._report_ms)
        self._last_ms = self._report_ms
        for code, value in sorted(keys, key=lambda key: key[0] not in HELD_KEYS):
            found += self._key(code, down=value == _DOWN)
        return found

    def _lose(self, at_ms: int) -> Found:
        """Give up the code at hand up to its end: which keys are missing nobody knows."""
        self._report.clear()
        found = self._pass(at_ms)
        self._last_ms = at_ms
        self._clear()
        self._bad = Misread.EVENTS_LOST
        self._cut_off = False
        return found

    def _pass(self, at_ms: int) -> Found:
        """Go to the instant of an event: the kernel's own time says what was a silence."""
        found: Found = []
        gap_ms = 0 if self._last_ms is None else at_ms - self._last_ms
        while (silence_ms := self.silence_ms) is not None and gap_ms > silence_ms:
            found += self.flush()
        return found

    # --- signs ----------------------------------------------------------------------------

    def _key(self, code: int, *, down: bool) -> Found:
        if code in HELD_KEYS:
            signs = self._typewriter.hold(code, down=down)
        elif down:
            signs = self._typewriter.press(code)
        else:
            return []
        if signs is None:
            self._spoil(Misread.UNKNOWN_KEY)
            return []
        found: Found = []
        for sign in signs:
            if sign in self._ends:
                found += self._end()
            else:
                self._append(sign)
        return found

    def _append(self, sign: str) -> None:
        if self._bad is None and len(self._text) == self._chars_max:
            self._spoil(Misread.TOO_LONG)
        if self._bad is None:
            self._text.append(sign)

    def _spoil(self, bad: Misread) -> None:
        self._bad = self._bad or bad
        self._text.clear()

    def _end(self) -> Found:
        self._suffix_seen = True
        if self._cut_off:
            self._cut_off = False
            self._clear()  # the other half is no code either
            return []
        return self._read()

    def _read(self) -> Found:
        text, bad = "".join(self._text), self._bad
        if (text or self._typewriter.unfinished) and self._typewriter.held:
            bad = bad or Misread.STUCK_KEY
        self._clear()
        if bad is not None:
            return [bad]
        if not text:
            return []
        prefix = self._keys.prefix
        if not text.startswith(prefix):
            return [Misread.NO_PREFIX]
        separator = self._keys.group_separator
        return [read_code(text[len(prefix) :], aim=self._keys.aim, group_separator=separator)]

    def _clear(self) -> None:
        """Forget the code, and what is held: no scanner holds a key from one code to the next."""
        self._text.clear()
        self._bad = None
        self._typewriter.let_go()


def _possible(seconds: int, micros: int, kind: int, code: int, value: int) -> bool:
    """Tell whether a kernel sends this, or bytes were lost before it."""
    return (
        0 <= seconds < _SECONDS_MAX
        and 0 <= micros < _MICROS
        and kind <= _TYPE_MAX
        and code <= _CODE_MAX
        and (kind != EV_KEY or _UP <= value <= _REPEAT)
    )
