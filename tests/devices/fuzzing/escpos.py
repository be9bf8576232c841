"""Printers: whatever a text says, it steers nothing; whatever a printer says, it is read."""

from __future__ import annotations

import io
import unicodedata
from random import Random

from devices.driver import SimulatorPorts
from devices.protocols import escpos_commands as commands
from devices.protocols.escpos_columns import COLUMNS, joined, mirrored, place_cells, place_row, wrap
from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from devices.protocols.escpos_questions import StatusQuestions
from devices.protocols.escpos_raster import DrawnBlock, picture
from devices.protocols.escpos_status import (
    AnswerReader,
    PaperBehindData,
    PrinterStatus,
    RealTimeStatus,
    StatusBack,
)
from devices.protocols.escpos_text import (
    EPSON_PAGES,
    CodePages,
    clean,
    display_width,
    marks_bounded,
)
from devices.protocols.escpos_trouble import fields_of, trouble_of
from devices.protocols.letters import OVERHANG_DOTS, Drawn, LetterSize
from devices.protocols.receipt_setting import qr_module_dots
from devices.protocols.text_direction import begins_right, has_turns, levels_of, runs_of
from devices.simulators.printer_escpos import SimulatedPrinter, SimulatedPrinterSettings
from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    PictureBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes, some_text

_REAL_TIME = (b"\x10\x04", b"\x10\x05", b"\x10\x14")


class BlockLetters:
    """`Lettering` whose letters are random dots as wide as a cell."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def load(self) -> bool:
        return True

    def knows(self, char: str) -> bool:
        return ord(char) % 5 != 0

    def width(self, text: str, size: LetterSize, *, right_to_left: bool) -> int:
        del right_to_left
        return sum(unicodedata.combining(char) == 0 for char in text) * size.cell_dots

    def draw(self, text: str, size: LetterSize, *, right_to_left: bool) -> Drawn:
        width = self.width(text, size, right_to_left=right_to_left)
        bits = width + 2 * OVERHANG_DOTS
        return Drawn(width, tuple(self._chance.getrandbits(bits) for _ in range(size.line_dots)))


# --- texts --------------------------------------------------------------------------------


def text() -> Play:
    pages = [
        CodePages("cp858"),
        CodePages("cp437", ("cp852", "cp866")),
        CodePages("cp1252", tuple(EPSON_PAGES)[:4], {"cp1252": 71}),
    ]

    def play(chance: Random) -> None:
        said = some_text(chance)
        plain = clean(said)
        assert all(unicodedata.category(sign)[0] != "C" for sign in plain), ascii(said)
        assert clean(plain) == plain
        assert display_width(plain) <= 2 * len(plain)
        assert len(marks_bounded(plain, 2)) <= len(plain)
        page = chance.choice(pages)
        fitted = page.fit(plain)
        assert fitted.substituted <= len(plain)
        data = page.encode(fitted.text)
        for _, select in page._pages:
            data = data.replace(select, b"")
        assert all(byte >= 0x20 for byte in data), ascii(said)
        if page.says(plain):
            assert fitted.substituted == 0

    return play


def columns() -> Play:
    def play(chance: Random) -> None:
        room = chance.randint(8, 96)
        texts = tuple(clean(some_text(chance)) for _ in range(chance.randint(1, 5)))
        for line in wrap(texts[0], room):
            assert display_width(line) <= max(room, 2)
        letters = "".join(texts[0].split())
        assert "".join("".join(wrap(texts[0], room)).split()) == letters
        placed = chance.choice(
            (place_row(texts[0], texts[-1], room), place_cells(texts, room), place_cells((), room))
        )
        for line in placed:
            assert display_width(joined(line)) <= max(room, display_width(texts[-1]) + 1)
            for turned, at in mirrored(line, room, COLUMNS):
                assert at >= 0
                assert not turned.startswith(" ")

    return play


def direction() -> Play:
    def play(chance: Random) -> None:
        said = clean(some_text(chance))
        right = chance.random() < 0.5
        levels = levels_of(said, right_to_left=right)
        assert len(levels) == len(said)
        assert all(0 <= level <= 4 for level in levels)
        runs = runs_of(said, right_to_left=right)
        assert sorted("".join(run.text for run in runs)) == sorted(said)
        if not has_turns(said) and not right:
            assert all(not run.right_to_left for run in runs)
        assert begins_right(said) in {True, False}

    return play


# --- bytes to the printer -----------------------------------------------------------------


def encoder() -> Play:
    EscposEncoder.load()
    papers = [
        PaperFormat(),
        PaperFormat(columns=32, code_page="cp437", qr="text", cut="none", drawn_text=False),
        PaperFormat(columns=48, other_code_pages=("cp852", "cp866"), double_byte_off=True),
    ]
    chance_of_dots = Random(1)
    encoders = [EscposEncoder(paper, BlockLetters(chance_of_dots)) for paper in papers]
    log = open_log("fuzz", io.StringIO())

    def play(chance: Random) -> None:
        blocks = tuple(some_block(chance) for _ in range(chance.randint(1, 2)))
        document = ReceiptDocument("Fuzz", blocks, chance.choice(("en", "ar", "zh", "x" * 9)))
        encoded = chance.choice(encoders).encode(document)
        # an interpreter that was written for the other side finds no command of the text's own
        printer = SimulatedPrinter(SimulatedPrinterSettings(), SimulatorPorts(SystemClock(), log))
        printer._receive(encoded.data)
        printer._work()
        assert printer.waiting_bytes == 0
        assert printer.unknown_commands == 0
        assert not printer.pulses, "a text opened the drawer"
        assert not any(command in encoded.data for command in _REAL_TIME)
        assert qr_module_dots(chance.randint(0, 10_000)) in {0, 3, 4, 5, 6}

    return play


def some_block(chance: Random) -> ReceiptBlock:  # noqa: PLR0911 - a return for each kind
    match chance.randrange(20):
        case 0:
            return RuleBlock()
        case 1:
            return FeedBlock(chance.randint(-3, 400))
        case 2:
            return QrBlock(some_text(chance, 12)[:200], some_text(chance))
        case 3:
            return BarcodeBlock(some_text(chance, 12))
        case 4:
            width = chance.randint(1, 384)
            row_bytes = -(-width // 8)
            return PictureBlock(width, chance.randbytes(row_bytes * chance.randint(1, 40)))
        case 5 | 6 | 7 | 8:
            return ColumnsBlock(tuple(some_text(chance) for _ in range(chance.randint(1, 4))))
        case 9 | 10 | 11 | 12 | 13:
            return RowBlock(some_text(chance), some_text(chance), chance.choice(list(Emphasis)))
        case _:
            align, emphasis = chance.choice(list(Align)), chance.choice(list(Emphasis))
            return TextBlock(some_text(chance), align, emphasis)


def raster() -> Play:
    def play(chance: Random) -> None:
        if chance.random() < 0.5:
            width = chance.randint(1, 200)
            row_bytes = -(-width // 8)
            rows = chance.choice((chance.randbytes, _real_time))(row_bytes * chance.randint(1, 40))
            out = b"".join(picture(width, rows))
        else:
            texts = [clean(some_text(chance, 10)) for _ in range(2)]
            drawn = DrawnBlock(
                BlockLetters(chance),
                texts,
                chance.choice(list(Emphasis)),
                mirrored=chance.random() < 0.5,
            )
            room = chance.randint(100, 576)
            out = drawn.line([(texts[0], 0), (texts[1], chance.randint(0, room))], room)
        assert out.startswith(b"\x1dv0\x00")
        assert not any(command in out[8:] for command in _REAL_TIME)

    return play


def _real_time(size: int) -> bytes:
    return (b"\x10\x04\x10\x14\x10\x10\x05" * size)[:size]


def command_bytes() -> Play:
    def play(chance: Random) -> None:
        number = chance.randint(-(2**40), 2**40)
        assert len(commands.process_id(number)) == 4
        assert commands.process_id(number).isdigit()
        assert commands.request_process_id(number)[:7] == b"\x1d(H\x06\x0000"
        assert len(commands.feed(number)) == 3
        on_ms, off_ms = chance.randint(-5, 10**6), chance.randint(-5, 10**6)
        pin = chance.choice((2, 5))
        assert len(commands.drawer_pulse(pin, on_ms, off_ms)) == 5
        now = commands.drawer_pulse_now(pin, on_ms)
        assert now[:3] == b"\x10\x14\x01"
        assert 1 <= now[4] <= 8
        for kind in (0, 5, 3, 4):
            for call in (commands.request_status, lambda k: commands.drawer_pulse(k, 1, 1)):
                try:
                    call(kind)
                except ValueError:
                    continue
        said = some_text(chance)
        try:
            code = commands.code128(said)
        except ValueError:
            return
        assert said.isascii()
        assert all(byte >= 0x20 for byte in code[code.index(b"{B") :])
        assert not any(command in code for command in _REAL_TIME)

    return play


# --- bytes from the printer ---------------------------------------------------------------

_ANSWERS = (
    b"\x12",
    b"\x1e",
    b"\x14\x00\x00\x0f",
    b"\x1c\x08\x0c\x0f",
    b"\x37\x220001\x00",
    b"_TM-T88V\x00",
    b"\x11\x13",
    b"\x0c",
)


def status() -> Play:
    reader = AnswerReader()
    known = [PrinterStatus()]

    def play(chance: Random) -> None:
        if chance.random() < 0.5:
            reader.asked_status(chance.randint(1, 4))
        if chance.random() < 0.2:
            reader.asked_paper()
        if chance.random() < 0.01:
            reader.forget_paper()
        data = some_bytes(chance, _ANSWERS)
        for piece in pieces(chance, data):
            for answer in reader.feed(piece):
                known[0] = known[0].after(answer)
        told = known[0]
        trouble = trouble_of(told)
        assert trouble is None or (trouble.health and trouble.advice)
        fields = fields_of(told, chance.choice(("", "low", "high")))
        assert fields["paper"] in {"", "ok", "near_end", "out"}
        assert fields["cover"] in {"", "open", "closed"}
        assert fields["drawer"] in {"", "open", "closed"}
        assert len(reader._unfinished) <= 256

    return play


def questions() -> Play:
    state = [StatusQuestions(), 0]

    def play(chance: Random) -> None:
        asked, now = state
        assert isinstance(asked, StatusQuestions)
        assert isinstance(now, int)
        now += chance.choice((0, 1, 50, 999, 1_000, 3_000, 15_000))
        match chance.randrange(6):
            case 0:
                asked.heard(RealTimeStatus(chance.randint(1, 4), 0x12), now)
                assert not asked.gone
            case 1:
                asked.heard(StatusBack(b"\x14\x00\x00\x0f"), now)
            case 2:
                asked.heard(PaperBehindData(0), now)
            case 3:
                asked.postpone(now)
            case _:
                assert asked.next_kind(now) in {None, 1, 2, 3, 4}
        assert asked.wait_ms(now) >= 1
        state[1] = now
        if asked.gone or chance.random() < 0.001:
            state[0] = StatusQuestions()

    return play
