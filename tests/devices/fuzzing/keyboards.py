"""Scanners that are keyboards, and those with reports: any events end in codes or misreads."""

from __future__ import annotations

import unicodedata
from random import Random

from devices.protocols.hidpos_reports import HidPosReports
from devices.protocols.key_events import EV_KEY, EV_SYN, INPUT_EVENT, KeyCodes, KeyFormat, KeySuffix
from devices.protocols.keyboard_layouts import LAYOUTS, Layout
from devices.protocols.scanned_codes import Misread, decode_text, read_code
from devices.protocols.typewriter import AltCodes, Typewriter
from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import BARCODE_CHARS_MAX
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes, some_text

_KEYS = (*range(128), 464, 0x2FF)
_MODIFIERS = (29, 42, 54, 56, 97, 100, 125, 126)


def _believable(found: list[BarcodeScanned | Misread]) -> None:
    for each in found:
        if isinstance(each, Misread):
            continue
        assert 0 < len(each.text) <= BARCODE_CHARS_MAX
        assert all(unicodedata.category(sign) != "Cc" or sign == "\x1d" for sign in each.text), (
            ascii(each.text)
        )


def _typed(chance: Random, at_ms: int) -> bytes:
    """Return what a kernel could say of a keyboard, most of it as it would."""
    out = []
    for _ in range(chance.randint(1, 12)):
        code = chance.choice(_KEYS if chance.random() < 0.8 else _MODIFIERS)
        values = chance.choice(((1, 0), (1,), (0,), (2,)))
        out += [(at_ms, EV_KEY, code, value) for value in values]
        if chance.random() < 0.7:
            out.append((at_ms, EV_SYN, chance.choice((0, 0, 0, 3)), 0))
        at_ms += chance.choice((0, 1, 5, 200))
    return b"".join(
        INPUT_EVENT.pack(at // 1_000, at % 1_000 * 1_000, kind, code, value)
        for at, kind, code, value in out
    )


def key_events() -> Play:
    def fresh(chance: Random) -> KeyCodes:
        return KeyCodes(
            KeyFormat(
                chance.choice(list(Layout)),
                chance.choice(("", "ab")),
                chance.choice(list(KeySuffix)),
                chance.random() < 0.5,
                chance.choice(("", "|")),
                chance.choice(list(AltCodes)),
            )
        )

    state: list[KeyCodes] = []
    now_ms = 1_795_000_000_000

    def play(chance: Random) -> None:
        nonlocal now_ms
        if not state or state[0].broken or chance.random() < 0.01:
            state[:] = [fresh(chance)]
        reader = state[0]
        now_ms += chance.randint(0, 500)
        data = some_bytes(chance, (_typed(chance, now_ms),), most=24 * 8)
        for piece in pieces(chance, data):
            _believable(reader.feed(piece))
            assert len(reader._buffer) < INPUT_EVENT.size
            assert len(reader._text) <= BARCODE_CHARS_MAX + 16
            assert len(reader._report) <= 64
        if chance.random() < 0.2:
            _believable(reader.flush())
        assert reader.silence_ms is None or reader.silence_ms > 0

    return play


def typewriter() -> Play:
    writers = [Typewriter(layout, codes) for layout in Layout for codes in AltCodes]

    def play(chance: Random) -> None:
        writer = chance.choice(writers)
        for _ in range(chance.randint(1, 8)):
            if chance.random() < 0.4:
                said = writer.hold(chance.choice(_MODIFIERS), down=chance.random() < 0.5)
            else:
                said = writer.press(chance.choice(_KEYS))
            assert said is None or len(said) <= 2
            assert len(writer._alt_digits) <= 16
        if chance.random() < 0.1:
            writer.let_go()
            assert not writer.held
            assert not writer.unfinished
        assert len(writer.accent()) <= 1

    return play


def layouts() -> Play:
    def play(chance: Random) -> None:
        layout = LAYOUTS[chance.choice(list(Layout))]
        stroke = layout.stroke(
            chance.randint(-5, 800),
            shift=chance.random() < 0.5,
            altgr=chance.random() < 0.5,
            caps=chance.random() < 0.5,
        )
        assert stroke is None or (len(stroke.sign) == 1 and stroke.sign.isprintable())
        for sign in layout.compositions.values():
            assert len(sign) == 1

    return play


def hid_reports() -> Play:
    reader = HidPosReports("|")

    def play(chance: Random) -> None:
        nonlocal reader
        if reader.broken or chance.random() < 0.01:
            reader = HidPosReports(chance.choice(("", "|")), cut_off=chance.random() < 0.5)
        said = some_text(chance).encode("utf-8", "replace")[:56]
        report = bytes((2, len(said))) + b"]Q1" + said.ljust(56, b"\0") + bytes(2)
        report += bytes((chance.randrange(2),))
        for piece in pieces(chance, some_bytes(chance, (report[:64].ljust(64, b"\0"),), most=64)):
            _believable(reader.feed(piece))
            assert len(reader._buffer) < 64
            assert len(reader._data) <= 4 * BARCODE_CHARS_MAX
        if chance.random() < 0.2:
            _believable(reader.flush())

    return play


def codes() -> Play:
    def play(chance: Random) -> None:
        told = decode_text(some_bytes(chance, (b"]E09521234567892", b"\xc3\xa4 \xe4")))
        for text in (told, some_text(chance)):
            code = read_code(
                text, aim=chance.random() < 0.5, group_separator=chance.choice(("", "|"))
            )
            _believable([code])

    return play
