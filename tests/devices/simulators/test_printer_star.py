"""The simulated Star printer against bytes of the specifications and of another encoder."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver import SimulatorPorts
from devices.simulators.printer_escpos.mechanics import Paper
from devices.simulators.printer_star import (
    SIMULATOR,
    SimulatedStarPrinter,
    SimulatedStarPrinterSettings,
)
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import memory_pipe
from edge.runtime.structured_log import open_log
from tests.devices.star_desk import StarDesk
from tests.devices.virtual_clock import VirtualClock

WELL = "23 06 00 00 00 00 00 00 00"


def looks(data: bytes, columns: int = 20) -> list[str]:
    return [line.looks.rstrip() for line in StarDesk(columns).feed(data).roll.current]


@pytest.mark.parametrize(
    ("name", "data", "lines"),
    [
        ("a line", b"abc\n", ["  abc"]),
        ("no line end, nothing printed", b"abc", []),
        ("wrapped by the printer", b"a" * 25 + b"\n", ["  " + "a" * 20, "  aaaaa"]),
        ("double height", b"\x1bi\x01\x00a\n\x1bi00b\n", ["L a", "  b"]),
        ("two columns", b"\x1bi\x00\x01" + b"a" * 11 + b"\n", ["L " + "a" * 10, "L a"]),
        ("a size out of its range is ignored", b"\x1bi\x06\x00a\n", ["  a"]),
        ("centred", b"\x1b\x1da\x01ab\n", ["  " + " " * 9 + "ab"]),
        ("at the end, in ASCII digits", b"\x1b\x1da2ab\n", ["  " + " " * 18 + "ab"]),
        ("bold", b"\x1bEa\x1bFb\n", ["B ab"]),
        ("page 858", b"\x1b\x1dt\x04K\x84se \xd5\n", ["  K\u00e4se \u20ac"]),
        ("page 1252", b"\x1b\x1dt\x20K\xe4se \x80\n", ["  K\u00e4se \u20ac"]),
        ("unknown page", b"\x1b\x1dt\xfea\x84\n", ["  a\ufffd"]),
        ("country", b"\x1bR\x02[\\]~\n\x1bR\x00[\n", ["  \u00c4\u00d6\u00dc\u00df", "  ["]),
        ("feed", b"a\x1ba\x02b\n\x1ba\x02", ["  a", "", "  b", "", ""]),
        ("initialise prints the line first", b"abc\x1b@d\n", ["  abc", "  d"]),
        ("initialise forgets modes", b"\x1bE\x1b\x1da\x01\x1b@d\n", ["  d"]),
        ("absolute position", b"a\x1b\x1dA\x3c\x00b\n", ["  a    b"]),
        ("carriage return and NUL", b"\x00\x00a\r\nb\n", ["  a", "  b"]),
        ("other modes are skipped", b"\x1b \x00\x1bs00\x1b-1\x1bW0\x1bz1\x12a\n", ["  a"]),
        ("tab stops are skipped", b"\x1bD\x08\x10\x00a\n", ["  a"]),
        (
            "QR code",
            b"\x1b\x1dyS0\x02\x1b\x1dyS2\x06\x1b\x1dyD1\0\x03\0abc\x1b\x1dyP",
            ["  [QR] abc"],
        ),
        ("a code that was not stored", b"\x1b\x1dyPa\n", ["  a"]),
        ("bar code", b"\x1bb621\x40A%01\x1e", ["  [CODE128] A%1"]),
        (
            "bar code by number",
            b"\x1bb\x03\x02\x03\x404006381333931\x1e",
            ["  [EAN13] 4006381333931"],
        ),
        (
            "a band of dots and a line",
            b"\x1bk\x01\x00" + b"\x80" * 24 + b"\na\n",
            ["  [picture 8 x 24]", "  a"],
        ),
        (
            "an unknown command",
            b"\x1b~d\n\x1b\x1d\x7fe\n",
            ["  d", "  \x7fe".replace("\x7f", "\ufffd")],
        ),
    ],
)
def test_bytes_become_lines(name: str, data: bytes, lines: list[str]) -> None:
    assert looks(data) == lines, name
    split = StarDesk(20).feed(data, chunk_bytes=1)
    assert [line.looks.rstrip() for line in split.roll.current] == lines
    assert split.waiting == b""


@pytest.mark.parametrize(
    ("data", "how", "fed"),
    [
        (b"\x1bd\x00", "full", 0),
        (b"\x1bd1", "partial", 0),
        (b"\x1bd\x02", "full", 3),
        (b"\x1bd3", "partial", 3),
    ],
)
def test_cuts(data: bytes, how: str, fed: int) -> None:
    desk = StarDesk().feed(b"abc" + data + b"next\n" + data + b"\x1bd\x09" + data)
    assert [receipt.text for receipt in desk.roll.receipts] == ["abc", "next"]
    assert {receipt.cut for receipt in desk.roll.receipts} == {how}
    assert {len(receipt.lines) for receipt in desk.roll.receipts} == {1 + fed}


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (b"\x17", [("mark", b"")]),
        (b"\x1b\x1ea\x01", [("status_back", b"\x01")]),
        (b"\x1b\x1eE\x00", [("clear_marks", b"\x00")]),
        (b"\x1b\x1d\x03\x01ab", [("document", b"\x01ab")]),
        (b"\x1b#*\n\x00", [("version", b"*\n\x00")]),
        (b"\x1b\x06\x01", []),  # it was answered when it arrived
    ],
)
def test_questions(data: bytes, answers: list[tuple[str, bytes]]) -> None:
    assert StarDesk().feed(data, 1).answers == answers


def test_pulses_that_wait_their_turn() -> None:
    desk = StarDesk().feed(b"\x1b\x07\x0a\x14\x07\x1a\x19\x1c")
    assert desk.widths == [(100, 200)]
    assert desk.pulses == [(1, -1, -1), (2, 200, 200), (2, 200, 200)]


def test_spacing_is_what_lines_take() -> None:
    assert StarDesk().feed(b"a\n").dots == 32
    assert StarDesk().feed(b"\x1b0a\n\x1bz1b\n").dots == 24 + 32
    assert StarDesk().feed(b"\x1b0" + (b"\x1bk\x01\x00" + bytes(24) + b"\n") * 5).dots == 5 * 24


def test_the_stream_of_another_encoder_is_understood() -> None:
    """What receiptline sends: modes, lines, an image, a cut, ESC GS ETX, EOT."""
    data = (
        b"\x1b@\x1b\x1ea\x00\x1b\x1eF\x00\x1b \x00\x1bs00\x1bz1\x12"
        b"\x1bl\x00\x1bQ\x30\x1b\x1da\x01\x1bi\x01\x01\x1bEShop\x1b-0\x1bF\x1b5\x1bi\x00\x00\n"
        b"\x1b0\x1bk\x02\x00" + b"\xaa\x55" * 24 + b"\n\x1bz1"
        b"\x1b\x1da\x00\x1b\x1dt\x01Tea\x1b\x1dA\x30\x001.00\n"
        b"\x1bd3\x1b\x1d\x03\x01\x00\x00\x04"
    )
    desk = StarDesk().feed(data)
    (receipt,) = desk.roll.receipts
    assert [line.text.strip() for line in receipt.lines[:3]] == [
        "Shop", "[picture 16 x 24]", "Tea 1.00",
    ]  # fmt: skip
    assert desk.interpreter.unknown_commands == 0
    assert desk.answers == [("status_back", b"\x00"), ("document", b"\x01\x00\x00")]


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_any_bytes_are_worked_off_or_waited_for(pieces: list[bytes]) -> None:
    desk = StarDesk()
    for piece in pieces:
        desk.feed(piece)
    assert len(desk.waiting) < 320
    desk.feed(b"\x00" * 70_000 + b"\x1e\n\x1b@still\n\x1bd0")
    assert "still" in desk.roll.receipts[-1].text


# --- the printer around it ----------------------------------------------------------------


class Host:
    """One client after another of a simulated printer, reading all that comes."""

    def __init__(self, clock: VirtualClock, printer: SimulatedStarPrinter) -> None:
        self._clock = clock
        self.printer = printer
        self.tasks: list[asyncio.Task[None]] = []
        self._heard = bytearray()
        self.connect()

    def connect(self) -> None:
        pipe = memory_pipe()
        self._stream = pipe.near
        self.tasks.append(asyncio.create_task(self.printer.attend(pipe.far)))
        self.tasks.append(asyncio.create_task(self._read(pipe.near)))

    async def _read(self, stream: ByteStream) -> None:
        while data := await stream.read(4_096):
            self._heard += data

    async def says(self, data: bytes = b"") -> str:
        """Send bytes; return what the printer says without time passing."""
        if data:
            await self._stream.write(data)
        await self._clock.advance(0)
        heard = self._heard.hex(" ").upper()
        self._heard.clear()
        return heard


@asynccontextmanager
async def host(**settings: Any) -> AsyncIterator[Host]:
    clock = VirtualClock()
    ports = SimulatorPorts(clock, open_log("test", io.StringIO()))
    printer = SIMULATOR.build(SimulatedStarPrinterSettings(**settings), ports)
    assert isinstance(printer, SimulatedStarPrinter)
    made = Host(clock, printer)
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_status_is_sent_when_asked_and_when_it_changes() -> None:
    async with host() as star:
        assert await star.says() == ""
        assert await star.says(b"\x1b\x06\x01") == WELL
        star.printer.cover_open = True
        assert await star.says() == ""
        star.printer.cover_open = False
        assert await star.says(b"\x1b\x1ea\x01") == ""
        star.printer.cover_open = True
        assert await star.says() == "23 06 28 00 00 00 00 00 00"
        star.printer.cover_open = False
        assert await star.says() == WELL
        star.printer.paper = Paper.NEAR_END
        assert await star.says() == "23 06 00 00 00 04 00 00 00"
        star.printer.paper = Paper.OUT
        assert await star.says() == "23 06 08 00 00 0C 00 00 00"
        star.printer.paper = Paper.OK
        star.printer.set_trouble(cutter_jammed=True, broken=True, hot=True)
        assert (await star.says()).endswith("23 06 08 68 00 00 00 00 00")


async def test_marks_are_counted_and_told() -> None:
    async with host() as star:
        assert await star.says(b"a\n\x17") == ""
        assert await star.says(b"\x1b\x06\x01") == "23 06 00 00 00 00 00 02 00"
        assert await star.says(b"\x1b\x1ea\x01\x17") == "23 06 02 00 00 00 00 04 00"
        for _ in range(29):
            last = await star.says(b"\x17")
        assert last == "23 06 02 00 00 00 00 6E 00"
        assert await star.says(b"\x17") == "23 06 02 00 00 00 00 00 00"
        await star.says(b"\x17")
        # what is asked at once overtakes what waits its turn
        assert await star.says(b"\x1b\x1eE\x00\x1b\x06\x01") == "23 06 00 00 00 00 00 02 00"
        assert await star.says(b"\x1b\x06\x01") == WELL


async def test_a_mark_waits_for_what_is_before_it() -> None:
    async with host() as star:
        await star.says(b"\x1b\x1ea\x01")
        star.printer.paper_lasts(1)
        assert await star.says(b"a\nb\n\x17") == "23 06 08 00 00 0C 00 00 00"
        star.printer.paper = Paper.OK
        assert await star.says() == WELL + " 23 06 02 00 00 00 00 02 00"


async def test_cancel_forgets_what_waits_at_once() -> None:
    async with host() as star:
        star.printer.paper = Paper.OUT
        await star.says(b"lost\n" * 9 + b"\x17\x18kept\n\x1bd0")
        star.printer.paper = Paper.OK
        await star.says()
        assert star.printer.receipts() == ["kept"]


async def test_dots_are_not_taken_for_commands_that_are_obeyed_at_once() -> None:
    async with host() as star:
        dots = b"\x18\x1c\x1b\x06\x01\x1a" * 8
        assert await star.says(b"\x1bk\x02\x00" + dots + b"\n") == ""
        assert await star.says(b"\x1b\x1dyD1\x00\x03\x00\x1c\x18\x1a\x1bb621\x40\x1c\x18\x1e") == ""
        assert star.printer.pulses == []
        assert star.printer.current()[0].startswith("[picture")


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
async def test_what_is_obeyed_at_once_may_come_in_pieces(chunk: int) -> None:
    async with host() as star:
        star.printer.paper = Paper.OUT
        data = b"ab\x1bE\x1b\x06\x01\x1c\x1bk\x01\x00" + b"\x1c" * 24 + b"\x1b\x06\x01"
        heard = [await star.says(data[at : at + chunk]) for at in range(0, len(data), chunk)]
        assert "".join(heard).replace(" ", "").count("2306") == 2
        assert [(pulse.pin, pulse.now) for pulse in star.printer.pulses] == [(1, True)]


async def test_drawers_one_and_two() -> None:
    async with host(drawer=2) as star:
        await star.says(b"\x1b\x07\x05\x14\x07\x1a")
        assert [(p.pin, p.on_ms, p.off_ms) for p in star.printer.pulses] == [
            (1, 50, 200),
            (2, 200, 200),
        ]
        assert star.printer.drawer_open
    async with host(drawer=2, second_at_once=True) as star:
        star.printer.paper = Paper.OUT
        await star.says(b"\x1a")
        assert [(p.pin, p.now) for p in star.printer.pulses] == [(2, True)]


async def test_a_network_card_greets_and_says_what_it_adds() -> None:
    async with host(network_card=True) as star:
        assert await star.says() == "23 86 00 00 00 00 00 00 00 00 00"


@pytest.mark.parametrize(
    ("answers", "data", "said"),
    [
        ("all", b"\x1b\x1d\x03\x01ab", "1B 1D 03 01 61 62 01 00"),
        ("all", b"\x1b\x1d\x03\x00ab", "1B 1D 03 00 61 62 00 00"),
        ("no_documents", b"\x1b\x1d\x03\x01ab", ""),
        ("no_count", b"\x1b\x06\x01", "0F 02 00 00 00 00 00"),
        ("no_count", b"\x1b\x1ea\x01\x17", "0F 02 02 00 00 00 00"),
        ("asked", b"\x1b\x1ea\x01\x17", ""),
        ("asked", b"\x17\x17\x1b\x06\x01", None),
        ("none", b"\x1b\x06\x01\x1b\x1ea\x01\x17", ""),
    ],
)
async def test_what_models_can_say(answers: str, data: bytes, said: str | None) -> None:
    async with host(answers=answers) as star:
        heard = await star.says(data)
        if said is None:
            heard = await star.says(b"\x1b\x06\x01")
            said = "23 06 00 00 00 00 00 04 00"
        assert heard == said


async def test_version() -> None:
    async with host(version="TSP654 Ver1.0") as star:
        said = bytes.fromhex(await star.says(b"\x1b#*\n\x00"))
        assert said == b"\x1b#*,TSP654 Ver1.0\n\x00"


async def test_a_power_cycle_forgets_all_but_the_paper() -> None:
    async with host() as star:
        await star.says(b"\x1b\x1ea\x01\x17a\nb")
        star.printer.power_cycle()
        await star.says()
        assert star.printer.current() == ["a"]
        star.connect()
        assert await star.says(b"\x1b\x06\x01") == WELL
        star.printer.cover_open = True
        assert await star.says() == ""
