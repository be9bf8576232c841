"""Star printers: whatever a text says, it steers nothing; whatever a printer says, it is read."""

from __future__ import annotations

import io
from random import Random

from devices.driver import SimulatorPorts
from devices.protocols import star_line as commands
from devices.protocols.escpos_trouble import fields_of, trouble_of
from devices.protocols.star_encoder import StarEncoder, StarPaperFormat
from devices.protocols.star_marks import PrintedMarks
from devices.protocols.star_questions import StarQuestions
from devices.protocols.star_status import StarAnswerReader, StarStatus
from devices.simulators.printer_star import SimulatedStarPrinter, SimulatedStarPrinterSettings
from edge.contract.receipt_document import ReceiptDocument
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.fuzzing.escpos import BlockLetters, some_block
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes, some_text
from tests.devices.star_desk import StarDesk

_OPENERS = frozenset(b"\x07\x19\x1a\x1c")
_ANSWERS = (
    b"\x23\x06\x00\x00\x00\x00\x00\x00\x00",
    b"\x23\x86\x02\x00\x00\x00\x00\x6e\x00\x00\x00",
    b"\x0f\x02\x28\x08\x00\x0c\x00",
    b"\x1b\x1d\x03\x01 !\x07\x00",
    b"\x1b#*,TSP654Ver1.0\n\x00",
    b"\x11\x13",
)


def encoder() -> Play:
    papers = [
        StarPaperFormat(),
        StarPaperFormat(columns=32, code_page="cp437", qr="text", cut="none", drawn_text=False),
        StarPaperFormat(columns=42, other_code_pages=("cp852", "cp866"), cut="full"),
    ]
    chance_of_dots = Random(1)
    encoders = [StarEncoder(paper, BlockLetters(chance_of_dots)) for paper in papers]
    log = open_log("fuzz", io.StringIO())

    def play(chance: Random) -> None:
        blocks = tuple(some_block(chance) for _ in range(chance.randint(1, 2)))
        document = ReceiptDocument("Fuzz", blocks, chance.choice(("en", "ar", "zh", "x" * 9)))
        encoded = chance.choice(encoders).encode(document)
        # an interpreter that was written for the other side finds no command of the text's own
        printer = SimulatedStarPrinter(
            SimulatedStarPrinterSettings(second_at_once=True), SimulatorPorts(SystemClock(), log)
        )
        printer._receive(encoded.data)
        printer._work()
        assert printer.waiting_bytes == 0
        assert printer.unknown_commands == 0
        assert not printer.pulses, "a text opened a drawer"

    return play


def command_bytes() -> Play:
    def play(chance: Random) -> None:
        number = chance.randint(0, 2**40)
        assert all(0x20 <= byte < 0x7F for byte in commands.document_number(number))
        assert len(commands.request_document_end(number)) == 6
        lines = chance.choice((-5, 0, 1, 127, 128, 255, 10**6))
        assert sum(commands.feed(lines)[2::3]) == max(0, min(lines, 255))
        width = commands.drawer_pulse_width(chance.randint(-5, 10**6), chance.randint(-5, 10**6))
        assert all(1 <= steps <= 127 for steps in width[2:])
        row_bytes = chance.randint(1, 72)
        rows = [chance.getrandbits(8 * row_bytes) for _ in range(chance.randint(1, 24))]
        band = commands.band(rows, row_bytes)
        assert len(band) == 4 + 24 * band[2] + 1
        assert not _OPENERS.intersection(band[2:-1])
        assert StarDesk().feed(band[chance.randint(3, len(band) - 1) :]).pulses == []
        said = some_text(chance)
        try:
            code = commands.code128(said)
        except ValueError:
            return
        assert said.isascii()
        assert code.index(0x1E) == len(code) - 1

    return play


def status() -> Play:
    reader = StarAnswerReader()
    marks = PrintedMarks()

    def play(chance: Random) -> None:
        for piece in pieces(chance, some_bytes(chance, _ANSWERS)):
            for answer in reader.feed(piece):
                if not isinstance(answer, StarStatus):
                    continue
                marks.heard(answer)
                assert answer.marks is None or 0 <= answer.marks < 32
                trouble = trouble_of(answer.printer)
                assert trouble is None or (trouble.health and trouble.advice)
                fields = fields_of(answer.printer, chance.choice(("", "low", "high")))
                assert fields["paper"] in {"ok", "near_end", "out"}
        if chance.random() < 0.1:
            assert not marks.reached(marks.sent())
        if chance.random() < 0.01:
            marks.restart()
        if chance.random() < 0.01:
            marks.forget()
        assert 0 <= marks._lost <= marks._sent
        assert 0 <= marks._done <= marks._sent
        assert len(reader._unfinished) <= 600

    return play


def questions() -> Play:
    state = [StarQuestions(), 0]

    def play(chance: Random) -> None:
        asked, now = state
        assert isinstance(asked, StarQuestions)
        assert isinstance(now, int)
        now += chance.choice((0, 1, 50, 999, 1_000, 3_000, 15_000))
        match chance.randrange(5):
            case 0:
                asked.heard(now)
                assert not asked.gone
            case 1:
                asked.postpone(now)
            case 2:
                asked.asked(now)
            case _:
                asked.to_be_asked(now)
        assert asked.wait_ms(now) >= 1
        state[1] = now
        if asked.gone or chance.random() < 0.001:
            state[0] = StarQuestions()

    return play
