# ruff: noqa: RUF001 - the acute accents are meant
from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterable

import pytest

from devices.protocols.key_events import KeyCodes, KeyFormat, KeySuffix
from devices.protocols.keyboard_layouts import Layout
from devices.protocols.scanned_codes import Misread
from devices.protocols.typewriter import AltCodes
from edge.contract.device_limits import (
    KEY_IDLE_FLUSH_MS,
    SERIAL_TAIL_MS,
)
from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)

START_S = 1_795_000_000
NINE_ENTER = bytes.fromhex(
    # seconds          microseconds     type code value
    "c086fd6a00000000 90d0030000000000 0400 0400 26000700"  # MSC_SCAN: HID usage 07 0026
    "c086fd6a00000000 90d0030000000000 0100 0a00 01000000"  # KEY_9 down
    "c086fd6a00000000 90d0030000000000 0000 0000 00000000"  # SYN_REPORT
    "c086fd6a00000000 78d4030000000000 0100 0a00 00000000"  # up, a millisecond later
    "c086fd6a00000000 78d4030000000000 0000 0000 00000000"
    "c086fd6a00000000 60d8030000000000 0100 1c00 01000000"  # KEY_ENTER down
    "c086fd6a00000000 60d8030000000000 0000 0000 00000000"
)
"""As the kernel writes it, by hand from `struct input_event`; 1,795,000,000.25 s."""

SHIFT, CTRL, ALT, ALTGR, ENTER, KP_ENTER, TAB, CAPS = 42, 29, 56, 100, 28, 96, 15, 58
DIGITS = dict(zip("1234567890", range(2, 12), strict=True))
KEYPAD = dict(zip("0123456789", (82, 79, 80, 81, 75, 76, 77, 71, 72, 73), strict=True))
EVENTS = int(os.environ.get("KEY_FUZZ_EVENTS", "50000"))
"""Short form; `KEY_FUZZ_EVENTS=1000000` is the long one."""
SEED = int(os.environ.get("KEY_FUZZ_SEED", "20261127"))

Report = tuple[tuple[int, int, int], ...]


class Typing:
    """Reports of a keyboard on its own clock, as bytes."""

    def __init__(self, at_ms: int = 0) -> None:
        self.at_ms = at_ms
        self.data = b""

    def event(self, kind: int, code: int, value: int) -> Typing:
        seconds, ms = divmod(START_S * 1000 + self.at_ms, 1000)
        self.data += struct.pack("<qqHHi", seconds, ms * 1000, kind, code, value)
        return self

    def report(self, *keys: tuple[int, int]) -> Typing:
        for code, value in keys:
            self.event(1, code, value)
        self.event(0, 0, 0)
        self.at_ms += 1
        return self

    def down(self, *codes: int) -> Typing:
        return self.report(*((code, 1) for code in codes))

    def up(self, *codes: int) -> Typing:
        return self.report(*((code, 0) for code in codes))

    def key(self, code: int, *held: int) -> Typing:
        for other in held:
            self.down(other)
        self.down(code).up(code)
        for other in held:
            self.up(other)
        return self

    def digits(self, text: str) -> Typing:
        for digit in text:
            self.key(DIGITS[digit])
        return self

    def alt(self, number: str) -> Typing:
        self.down(ALT)
        for digit in number:
            self.key(KEYPAD[digit])
        return self.up(ALT)

    def enter(self) -> Typing:
        return self.key(ENTER)

    def wait(self, ms: int) -> Typing:
        self.at_ms += ms
        return self

    def dropped(self) -> Typing:
        return self.event(0, 3, 0).event(0, 0, 0)


def typing() -> Typing:
    return Typing()


def scanned(text: str, aim: str = "") -> BarcodeScanned:
    return BarcodeScanned(text, aim)


def read(data: bytes, keys: KeyFormat, piece_bytes: int = 10**9) -> list[object]:
    codes = KeyCodes(keys)
    found: list[object] = []
    for start in range(0, len(data), piece_bytes):
        found += codes.feed(data[start : start + piece_bytes])
    assert not codes.broken
    return found


US = KeyFormat()
DE = KeyFormat(Layout.DE)
FR = KeyFormat(Layout.FR)
EAN = "9521234567892"

CASES: list[tuple[KeyFormat, Typing, list[object]]] = [
    (US, typing().digits(EAN).enter(), [scanned(EAN)]),
    (US, typing().digits(EAN).key(KP_ENTER), [scanned(EAN)]),
    (US, typing().digits(EAN).key(TAB), [scanned(EAN)]),
    (US, typing().digits(EAN).enter().enter().key(TAB), [scanned(EAN)]),  # CR LF as Enter twice
    (US, typing().digits(EAN).enter().key(36, CTRL), [scanned(EAN)]),  # LF as Ctrl+J
    (US, typing().digits("12").enter().digits("34").enter(), [scanned("12"), scanned("34")]),
    (US, typing().digits(EAN), []),
    # held keys
    (US, typing().key(30, SHIFT).key(48).key(46, 54).enter(), [scanned("AbC")]),
    (US, typing().down(SHIFT).key(30).key(48).up(SHIFT).key(46).enter(), [scanned("ABc")]),
    (US, typing().report((30, 1), (SHIFT, 1)).up(30, SHIFT).enter(), [scanned("A")]),
    (US, typing().down(SHIFT, 30).report((48, 1), (30, 0), (SHIFT, 0)).up(48).enter(),
     [scanned("Ab")]),
    (US, typing().key(CAPS).key(30).key(30, SHIFT).digits("1").key(CAPS).key(30).enter(),
     [scanned("Aa1a")]),
    (US, typing().event(17, 1, 1).key(30).event(17, 1, 0).key(30).enter(), [scanned("Aa")]),
    # what is no key press
    (US, typing().down(3).report((3, 2)).report((3, 2)).up(3).enter(), [scanned("2")]),
    (US, typing().event(4, 4, 0x7001E).event(20, 0, 250).digits("1").enter(), [scanned("1")]),
    (US, typing().up(30).up(ENTER).digits("1").enter(), [scanned("1")]),
    # GS
    (US, typing().digits("01").key(27, CTRL).digits("10").enter(), [scanned("01\x1d10")]),
    (DE, typing().digits("01").key(27, CTRL).digits("10").enter(), [scanned("01\x1d10")]),
    (FR, typing().key(2, SHIFT).key(27, 97).key(3, SHIFT).enter(), [scanned("1\x1d2")]),
    (KeyFormat(group_separator="|"), typing().digits("01").key(43, SHIFT).digits("10").enter(),
     [scanned("01\x1d10")]),
    (US, typing().digits("01").alt("029").digits("10").enter(), [scanned("01\x1d10")]),
    # layouts
    (DE, typing().key(21).key(44).key(53).key(8, SHIFT).key(16, ALTGR).enter(),
     [scanned("zy-/@")]),
    (DE, typing().key(16, CTRL, ALT).key(39).key(12).enter(), [scanned("@öß")]),
    (FR, typing().key(2, SHIFT).key(11, SHIFT).key(16).key(7).key(6, ALTGR).enter(),
     [scanned("10a-[")]),
    (KeyFormat(Layout.PL), typing().key(30, ALTGR).key(45, ALTGR, SHIFT).enter(),
     [scanned("ąŹ")]),
    (KeyFormat(Layout.GB), typing().key(43).key(3, SHIFT).key(86).enter(), [scanned('#"\\')]),
    (KeyFormat(Layout.IT), typing().key(26, ALTGR).key(27, ALTGR, SHIFT).enter(),
     [scanned("[}")]),
    (KeyFormat(Layout.ES), typing().key(39).key(41, ALTGR).enter(), [scanned("ñ\\")]),
    # dead keys, as on Windows
    (DE, typing().key(41).key(18).key(13).key(30).key(13, SHIFT).key(22).enter(),
     [scanned("êáù")]),
    (DE, typing().key(41).key(57).key(13).key(57).enter(), [scanned("^´")]),
    (DE, typing().key(41).key(45).enter(), [scanned("^x")]),
    (DE, typing().key(41).key(41).key(18).enter(), [scanned("^^e")]),
    (DE, typing().key(41).key(13).key(18).enter(), [scanned("^´e")]),
    (DE, typing().digits("1").key(41).enter().digits("2").enter(), [scanned("1^"), scanned("2")]),
    (FR, typing().key(10, ALTGR).key(18).key(26).key(18).enter(), [scanned("^eê")]),
    (KeyFormat(Layout.PL), typing().key(41, SHIFT).key(30).key(41, SHIFT).key(57).enter(),
     [scanned("ą~")]),
    # keypad
    (US, typing().key(KEYPAD["4"]).key(83).key(KEYPAD["2"]).key(74).enter(), [scanned("4.2-")]),
    (DE, typing().key(69).key(KEYPAD["4"]).key(83).key(KEYPAD["2"]).enter(), [scanned("4,2")]),
    # ALT codes
    (US, typing().alt("065").alt("0228").alt("57").enter(), [scanned("Aä9")]),
    (FR, typing().alt("0128").enter(), [scanned("€")]),
    (US, typing().down(ALT).key(KEYPAD["6"]).down(KEYPAD["5"]).up(ALT, KEYPAD["5"]).enter(),
     [scanned("A")]),
    (US, typing().down(ALTGR).key(KEYPAD["6"]).key(KEYPAD["5"]).up(ALTGR).enter(),
     [scanned("A")]),
    (KeyFormat(alt_codes=AltCodes.CP850), typing().alt("132").enter(), [scanned("ä")]),
    (KeyFormat(alt_codes=AltCodes.CP437), typing().alt("157").enter(), [scanned("¥")]),
    (KeyFormat(alt_codes=AltCodes.UNICODE), typing().alt("26408").alt("128512").enter(),
     [scanned("木😀")]),
    (US, typing().alt("065").alt("013").digits("1").enter(), [scanned("A"), scanned("1")]),
    (US, typing().key(ALT).digits("1").enter(), [scanned("1")]),
    (US, typing().alt("0129").enter(), [Misread.UNKNOWN_KEY]),  # no sign in page 1252
    (US, typing().alt("0256").enter(), [Misread.UNKNOWN_KEY]),
    (KeyFormat(alt_codes=AltCodes.UNICODE), typing().alt("55296").enter(), [Misread.UNKNOWN_KEY]),
    (KeyFormat(alt_codes=AltCodes.UNICODE), typing().alt("1114112").enter(),
     [Misread.UNKNOWN_KEY]),
    (KeyFormat(alt_codes=AltCodes.UNICODE), typing().alt("00000065").enter(),
     [Misread.UNKNOWN_KEY]),
    # suffix and prefix, AIM
    (KeyFormat(suffix=KeySuffix.TAB), typing().digits("12").key(TAB), [scanned("12")]),
    (KeyFormat(suffix=KeySuffix.TAB), typing().digits("1").enter().digits("2").key(TAB),
     [Misread.CONTROL_CHARACTER]),
    (KeyFormat(suffix=KeySuffix.ENTER), typing().digits("1").key(TAB).digits("2").enter(),
     [Misread.CONTROL_CHARACTER]),
    (KeyFormat(prefix="\x02"), typing().key(48, CTRL).digits("12").enter(), [scanned("12")]),
    (KeyFormat(prefix="1"), typing().digits("12").enter(), [scanned("2")]),
    (KeyFormat(prefix="1"), typing().digits("22").enter(), [Misread.NO_PREFIX]),
    (KeyFormat(prefix="1"), typing().digits("1").enter(), [Misread.EMPTY]),
    (US, typing().key(27).key(18, SHIFT).digits("0" + EAN).enter(), [scanned(EAN, "]E0")]),
    (KeyFormat(aim=False), typing().key(27).key(18, SHIFT).digits("01").enter(),
     [scanned("]E01")]),
    # hostile
    (US, typing().digits("1").key(30, CTRL).enter().digits("2").enter(),
     [Misread.CONTROL_CHARACTER, scanned("2")]),
    (US, typing().digits("1").key(59).digits("2").enter().digits("3").enter(),
     [Misread.UNKNOWN_KEY, scanned("3")]),  # F1
    (US, typing().digits("1").key(14).enter(), [Misread.CONTROL_CHARACTER]),  # Backspace
    (US, typing().digits("1").key(1).enter(), [Misread.CONTROL_CHARACTER]),  # Escape
    (US, typing().digits("1").key(103).enter(), [Misread.UNKNOWN_KEY]),  # arrow
    (US, typing().digits("1").key(62, ALT).enter(), [Misread.UNKNOWN_KEY]),  # Alt+F4
    (US, typing().digits("1").key(33, ALT).enter(), [Misread.UNKNOWN_KEY]),
    (US, typing().digits("1").key(19, 125).enter(), [Misread.UNKNOWN_KEY]),  # Windows+R
    (US, typing().digits("1").key(3, CTRL).enter(), [Misread.UNKNOWN_KEY]),
    (US, typing().digits("1").key(111, CTRL, ALT).enter(), [Misread.UNKNOWN_KEY]),
    (DE, typing().digits("1").key(30, ALTGR).enter(), [Misread.UNKNOWN_KEY]),
    (US, typing().digits("1").key(164).key(0x2FF).enter(), [Misread.UNKNOWN_KEY]),
    # stuck
    (US, typing().down(SHIFT).digits("12").enter().digits("12").enter(),
     [Misread.STUCK_KEY, scanned("12")]),
    (US, typing().digits("1").down(CTRL).enter().digits("12").enter(),
     [Misread.STUCK_KEY, scanned("12")]),
    (US, typing().down(ALT).key(KEYPAD["6"]).enter().digits("1").enter(),
     [Misread.STUCK_KEY, scanned("1")]),
    (US, typing().down(125).digits("1").enter().digits("1").enter(),
     [Misread.UNKNOWN_KEY, scanned("1")]),
    (US, typing().key(30, SHIFT).down(SHIFT).enter(), [Misread.STUCK_KEY]),
    (US, typing().down(SHIFT).enter().key(30).enter(), [scanned("a")]),
    # events that the kernel threw away
    (US, typing().digits("12").dropped().digits("34").enter().digits("5").enter(),
     [Misread.EVENTS_LOST, scanned("5")]),
    (US, typing().dropped().digits("34").enter().digits("5").enter(),
     [Misread.EVENTS_LOST, scanned("5")]),
    (US, typing().down(SHIFT).dropped().enter().key(30).enter(),
     [Misread.EVENTS_LOST, scanned("a")]),
    (US, typing().digits("1").dropped().digits("2").dropped().digits("3").enter(),
     [Misread.EVENTS_LOST]),
]  # fmt: skip


def test_the_helper_writes_what_was_written_by_hand() -> None:
    typed = Typing(250).event(4, 4, 0x70026).down(DIGITS["9"]).up(DIGITS["9"]).down(ENTER)
    assert typed.data == NINE_ENTER
    assert read(NINE_ENTER, US) == [scanned("9")]


@pytest.mark.parametrize(("keys", "typed", "expected"), CASES)
@pytest.mark.parametrize("piece_bytes", [1, 7, 24, 10**9])
def test_what_is_typed_reads_the_same_in_every_cut(
    keys: KeyFormat, typed: Typing, expected: list[object], piece_bytes: int
) -> None:
    assert read(typed.data, keys, piece_bytes) == expected
    assert read(typed.data + b"\x00" * 23, keys, piece_bytes) == expected  # another one begins


# --- silence ------------------------------------------------------------------------------

LONGEST = "7" * BARCODE_CHARS_MAX


def test_without_a_suffix_silence_ends_a_code() -> None:
    codes = KeyCodes(US)
    assert codes.silence_ms is None
    assert codes.feed(typing().digits(EAN).data) == []
    assert codes.silence_ms == KEY_IDLE_FLUSH_MS
    assert codes.flush() == [scanned(EAN)]
    assert codes.silence_ms is None
    assert codes.flush() == []


@pytest.mark.parametrize(
    ("gap_ms", "expected"),
    [(100, []), (102, [scanned("12")])],  # two keys up to the next down: two reports, 2 ms
)
def test_the_kernels_own_time_says_what_was_a_silence(gap_ms: int, expected: list[object]) -> None:
    typed = typing().digits("12").wait(gap_ms - 1).digits("34")
    assert read(typed.data, US) == expected  # read late and in one piece, yet two codes


def test_a_gap_may_be_set_longer() -> None:
    keys = KeyFormat(idle_ms=300)
    assert read(typing().digits("12").wait(290).digits("34").enter().data, keys) == [
        scanned("1234")
    ]


@pytest.mark.parametrize("suffix", [KeySuffix.ENTER, KeySuffix.TAB])
def test_where_a_suffix_is_set_a_code_without_is_cut_off(suffix: KeySuffix) -> None:
    codes = KeyCodes(KeyFormat(suffix=suffix))
    codes.feed(typing().digits("12").data)
    assert codes.flush() == [Misread.CUT_OFF]


def test_half_a_code_of_a_scanner_with_suffix_is_no_code_nor_is_the_other_half() -> None:
    codes = KeyCodes(US)
    typed = typing().digits("1").enter().digits("12")
    assert codes.feed(typed.data) == [scanned("1")]
    assert codes.flush() == [Misread.CUT_OFF]
    assert codes.silence_ms == SERIAL_TAIL_MS
    late = Typing(typed.at_ms + 500).digits("34").enter().digits("5").enter()
    assert codes.feed(late.data) == [scanned("5")]


def test_after_the_tail_a_new_code_is_a_code() -> None:
    typed = typing().digits("1").enter().digits("12").wait(1101).digits("34").enter()
    assert read(typed.data, US) == [scanned("1"), Misread.CUT_OFF, scanned("34")]


def test_a_tail_that_is_itself_silent_again_is_dropped_without_counting_twice() -> None:
    typed = typing().digits("1").enter().digits("12").wait(500).digits("34").wait(500)
    assert read(typed.digits("56").enter().digits("7").enter().data, US) == [
        scanned("1"),
        Misread.CUT_OFF,
        scanned("7"),
    ]


def test_a_connection_after_a_cut_does_not_take_the_rest_for_a_code() -> None:
    codes = KeyCodes(US, cut_off=True)
    assert codes.silence_ms == SERIAL_TAIL_MS
    assert codes.feed(typing().digits("34").enter().digits("5").enter().data) == [scanned("5")]


def test_a_connection_after_a_cut_waits_for_the_rest_no_longer_than_it_takes() -> None:
    codes = KeyCodes(US, cut_off=True)
    assert codes.flush() == []
    assert codes.silence_ms is None
    assert codes.feed(typing().digits("34").enter().data) == [scanned("34")]


def test_lost_events_are_counted_once_and_the_next_code_is_whole() -> None:
    codes = KeyCodes(US)
    typed = typing().digits("1").enter().digits("12").dropped().digits("3")
    assert codes.feed(typed.data) == [scanned("1")]
    assert codes.flush() == [Misread.EVENTS_LOST]
    assert codes.silence_ms is None
    assert codes.feed(Typing(typed.at_ms + 300).digits("5").enter().data) == [scanned("5")]


def test_an_accent_at_the_end_of_a_code_without_suffix_is_a_sign() -> None:
    codes = KeyCodes(DE)
    assert codes.feed(typing().digits("1").key(41).data) == []
    assert codes.flush() == [scanned("1^")]
    assert codes.feed(Typing(900).key(41).data) == []
    assert codes.silence_ms == KEY_IDLE_FLUSH_MS
    assert codes.flush() == [scanned("^")]


def test_an_alt_code_that_never_ends_is_a_stuck_key() -> None:
    codes = KeyCodes(US)
    codes.feed(typing().down(ALT).key(KEYPAD["6"]).data)
    assert codes.silence_ms == KEY_IDLE_FLUSH_MS
    assert codes.flush() == [Misread.STUCK_KEY]
    assert codes.feed(Typing(900).digits("5").enter().data) == [scanned("5")]


def test_a_clock_set_back_ends_no_code() -> None:
    typed = Typing(5_000_000).digits("12")
    assert read(typed.data + typing().digits("34").enter().data, US) == [scanned("1234")]


def test_a_key_held_down_is_typed_once_and_keeps_no_code_open() -> None:
    typed = typing().digits("1").down(DIGITS["2"])
    for _ in range(20):
        typed.wait(33).report((DIGITS["2"], 2))
    assert read(typed.data, US) == [scanned("12")]  # the silence began with the last key
    assert read(typed.wait(33).digits("3").enter().data, US) == [scanned("12"), scanned("3")]


# --- too long, garbage --------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "#"])
def test_the_longest_code_is_a_code_and_a_longer_one_is_none(prefix: str) -> None:
    keys = KeyFormat(prefix=prefix)

    def typed(length: int) -> bytes:
        lead = typing().key(4, SHIFT) if prefix else typing()
        return lead.digits("7" * length).enter().digits("1").enter().data

    rest = [Misread.NO_PREFIX if prefix else scanned("1")]
    assert read(typed(BARCODE_CHARS_MAX), keys) == [scanned(LONGEST), *rest]
    assert read(typed(BARCODE_CHARS_MAX + 1), keys) == [Misread.TOO_LONG, *rest]


def test_a_code_of_100_kb_is_one_misread_and_costs_no_memory() -> None:
    codes = KeyCodes(US)
    for number in range(100):
        assert codes.feed(Typing(number * 2000).digits("7" * 1000).data) == []
        assert len(codes._text) <= BARCODE_CHARS_MAX + 3
    assert codes.feed(Typing(200_000).enter().digits("1").enter().data) == [
        Misread.TOO_LONG,
        scanned("1"),
    ]


def test_keys_without_an_end_of_the_report_are_read_all_the_same() -> None:
    typed = typing()
    for _ in range(100):
        typed.event(1, 3, 1).event(1, 3, 0)
    codes = KeyCodes(US)
    codes.feed(typed.data)
    assert len(codes._report) < 64
    assert codes.flush() == [scanned("2" * 96)]  # three reports of 64 keys; the rest had no end


@pytest.mark.parametrize(
    "event",
    [
        struct.pack("<qqHHi", -1, 0, 1, 2, 1),
        struct.pack("<qqHHi", 2**33, 0, 1, 2, 1),
        struct.pack("<qqHHi", START_S, 1_000_000, 1, 2, 1),
        struct.pack("<qqHHi", START_S, -1, 1, 2, 1),
        struct.pack("<qqHHi", START_S, 0, 0x20, 2, 1),
        struct.pack("<qqHHi", START_S, 0, 1, 0x300, 1),
        struct.pack("<qqHHi", START_S, 0, 1, 2, 3),
        struct.pack("<qqHHi", START_S, 0, 1, 2, -1),
        NINE_ENTER[1:25],  # a byte was lost
        b"\xff" * 24,
    ],
)
def test_what_no_kernel_sends_breaks_the_connection_after_what_was_whole(event: bytes) -> None:
    codes = KeyCodes(US)
    data = NINE_ENTER + event + NINE_ENTER
    assert codes.feed(data) == [scanned("9")]
    assert codes.broken
    assert codes.feed(NINE_ENTER) == []


def test_an_event_that_stays_half_breaks_the_connection() -> None:
    codes = KeyCodes(US)
    codes.feed(NINE_ENTER + b"\x01")
    assert codes.silence_ms == KEY_IDLE_FLUSH_MS
    assert codes.flush() == [Misread.CUT_OFF]
    assert codes.broken


def random_events(chance: random.Random, count: int) -> Iterable[bytes]:
    at_ms = 0
    for _ in range(count):
        at_ms += chance.choice((0, 0, 0, 1, 5, 90, 101, 1200))
        kind = chance.choice((1, 1, 1, 1, 0, 0, 4, 17))
        code = chance.choice((0, 3)) if kind == 0 else chance.choice(
            (*range(1, 128), ENTER, ENTER, SHIFT, ALT, ALTGR, CTRL, chance.randrange(0x300))
        )  # fmt: skip
        value = chance.randrange(3) if kind == 1 else chance.randrange(-5, 2**31)
        yield Typing(at_ms).event(kind, code if kind != 17 else 1, value).data


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("alt_codes", [AltCodes.CP1252, AltCodes.UNICODE])
def test_whatever_is_typed_never_crashes_nor_grows(layout: Layout, alt_codes: AltCodes) -> None:
    chance = random.Random(f"{SEED}-{layout}-{alt_codes}")
    codes = KeyCodes(KeyFormat(layout, alt_codes=alt_codes, aim=False))
    for event in random_events(chance, EVENTS // 14):
        for code in codes.feed(event):
            if isinstance(code, BarcodeScanned):
                assert 1 <= len(code.text) <= BARCODE_CHARS_MAX
                code.text.encode()  # no lone surrogates
                assert not any(ord(sign) < 32 and sign != "\x1d" for sign in code.text)
        assert len(codes._report) < 64
        assert len(codes._text) <= BARCODE_CHARS_MAX + 3
        assert not codes.broken
        if chance.random() < 0.01:
            codes.flush()
    codes.flush()
    codes.flush()
    assert codes.silence_ms is None


def test_garbage_never_crashes_nor_grows() -> None:
    chance = random.Random(SEED)
    for _ in range(EVENTS // 50):
        codes = KeyCodes(US)
        for _ in range(5):
            codes.feed(chance.randbytes(chance.randrange(60)))
            assert len(codes._buffer) < 24
        codes.flush()


def test_cuts_never_change_what_is_read() -> None:
    chance = random.Random(SEED + 1)
    for _ in range(EVENTS // 2500):
        data = b"".join(random_events(chance, 200))
        whole, cut = KeyCodes(DE), KeyCodes(DE)
        expected, found, start = whole.feed(data), [], 0
        while start < len(data):
            size = chance.randrange(1, 60)
            found += cut.feed(data[start : start + size])
            start += size
        assert found == expected
        assert cut.flush() == whole.flush()
