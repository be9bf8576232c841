"""Customer displays and shelf labels: a name steers nothing, whatever it holds."""

from __future__ import annotations

import io
from random import Random

from devices.driver import SimulatorPorts
from devices.protocols.display_cd5220 import Cd5220
from devices.protocols.display_escpos import EscposDisplay
from devices.protocols.display_text import COLUMNS, DisplayText, Rows
from devices.protocols.zpl_labels import LabelFormat, encode_label, has_check_digit
from devices.protocols.zpl_status import StatusReader
from devices.protocols.zpl_trouble import trouble_of
from devices.simulators.display_cd5220 import SimulatedCd5220, SimulatedCd5220Settings
from devices.simulators.display_escpos import DisplayInterpreter
from devices.simulators.labels_zpl.labels import CommandReader, Format
from edge.contract.device_messages import DisplayLine, ShelfLabel
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes, some_text

_PAGES = ("cp437", "cp858", "cp852", "cp866")


def _rows(chance: Random, texts: list[DisplayText]) -> Rows:
    lines = [
        DisplayLine(some_text(chance)[:200], some_text(chance, 8)[:200])
        for _ in range(chance.randint(0, 4))
    ]
    return chance.choice(texts).rows(lines)


def text() -> Play:
    texts = [DisplayText(page) for page in _PAGES] + [DisplayText("cp437", 99)]

    def play(chance: Random) -> None:
        rows = _rows(chance, texts)
        for row in (rows.upper, rows.lower):
            assert len(row) == COLUMNS
            assert all(byte >= 0x20 and byte != 0x7F for byte in row)
        assert rows.substituted >= 0

    return play


def cd5220() -> Play:
    texts = [DisplayText("cp437")]
    log = open_log("fuzz", io.StringIO())

    def play(chance: Random) -> None:
        display = SimulatedCd5220(SimulatedCd5220Settings(), SimulatorPorts(SystemClock(), log))
        way = Cd5220(chance.choice((b"", b"A")), chance.randint(1, 4))
        rows = _rows(chance, texts)
        display._buffer += way.begin() + way.show(rows)
        while display._buffer and (used := display._step()):
            del display._buffer[:used]
        assert not display._buffer
        assert display.unknown_commands == 0
        assert tuple(row.encode("cp437") for row in display.text) == (rows.upper, rows.lower)

    return play


def escpos_display() -> Play:
    texts = [DisplayText("cp437")]

    def play(chance: Random) -> None:
        interpreter = DisplayInterpreter()
        way = EscposDisplay(texts[0].select, chance.randint(1, 4))
        rows = _rows(chance, texts)
        told = bytearray(way.begin() + chance.choice((way.show, way.show_through_printer))(rows))
        while told and (used := interpreter.step(told)):
            del told[:used]
        assert not told
        assert interpreter.unknown_commands == 0
        shown = tuple(row.encode("cp437") for row in interpreter.glass.text)
        assert shown == (rows.upper, rows.lower)

    return play


# --- labels -------------------------------------------------------------------------------


def labels() -> Play:
    forms = [LabelFormat(), LabelFormat(30, 20, 6), LabelFormat(200, 200, 24)]

    def play(chance: Random) -> None:
        said = [some_text(chance)[:120] or "x" for _ in range(3)]
        code = chance.choice(("", "9521234567892", "96385074", "ABC ^XZ ~JA", "0" * 40, "12345678"))
        label = ShelfLabel(said[0], said[1], said[2], code, chance.randint(1, 99))
        data = encode_label(label, chance.choice(forms))
        # a reader that was written for the other side: one format, and nothing of the text's own
        commands = CommandReader().feed(data)
        names = [command.name for command in commands]
        assert (names[0], names[-1]) == ("^XA", "^XZ")
        assert names.count("^XA") == names.count("^XZ") == 1
        assert not any(name.startswith("~") for name in names)
        assert set(names) <= {
            "^XA", "^CI", "^PW", "^LL", "^LH", "^FO", "^A0", "^FH", "^FD", "^FS", "^BY", "^BE",
            "^B8", "^BC", "^PQ", "^XZ",
        }, names  # fmt: skip
        made = Format()
        for command in commands:
            made.take(command)
        assert made.label.copies == label.copies
        digits = some_text(chance)
        assert has_check_digit(digits) in {True, False}

    return play


_WELL = (
    b"\x02030,0,0,0284,000,0,0,0,000,0,0,0\x03\r\n"
    b"\x02001,0,0,0,1,2,6,0,00000000,1,000\x03\r\n\x020000,0\x03\r\n"
)
_OUT = (
    b"\x02030,1,1,0284,002,0,1,0,000,0,1,1\x03\r\n"
    b"\x02001,0,1,1,1,2,6,1,00000007,1,000\x03\r\n\x020000,0\x03\r\n"
)


def label_status() -> Play:
    reader = StatusReader()

    def play(chance: Random) -> None:
        for piece in pieces(chance, some_bytes(chance, (_WELL, _OUT))):
            for status in reader.feed(piece):
                assert status.formats_waiting >= 0
                assert 0 <= status.labels_left <= 99_999_999
                trouble = trouble_of(status)
                assert trouble is None or (trouble.health and trouble.advice)
                assert status.all_out in {True, False}
            assert len(reader._buffer) <= 128
            assert len(reader._strings) <= 2
        if chance.random() < 0.05:
            reader.forget()

    return play
