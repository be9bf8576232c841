"""What the simulated printer makes of bytes, ours and those of an independent encoder."""

from __future__ import annotations

import io
import warnings

import pytest
import zxingcpp
from escpos.printer import Dummy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from devices.simulators.printer_escpos.mechanics import Mechanics, Paper
from devices.simulators.printer_escpos.roll import LINES_KEPT_MAX, PaperLine, Roll, columns_of
from tests.devices.escpos_desk import Desk

CUT = b"\x1dV\x00"


def looks(data: bytes, columns: int = 20) -> list[str]:
    return [line.looks.rstrip() for line in Desk(columns).feed(data).roll.current]


@pytest.mark.parametrize(
    ("name", "data", "lines"),
    [
        ("a line", b"abc\n", ["  abc"]),
        ("no line end, nothing printed", b"abc", []),
        ("wrapped by the printer", b"a" * 25 + b"\n", ["  " + "a" * 20, "  aaaaa"]),
        (
            "double width takes two columns",
            b"\x1d!\x10" + b"a" * 11 + b"\n",
            ["L " + "a" * 10, "L a"],
        ),
        ("centred", b"\x1ba\x01ab\n", ["  " + " " * 9 + "ab"]),
        ("at the end, in ASCII digits", b"\x1ba2ab\n", ["  " + " " * 18 + "ab"]),
        ("alignment only at the start", b"a\x1ba\x01b\n", ["  ab"]),
        ("alignment of another kind", b"\x1ba\x07b\n", ["  b"]),
        ("bold", b"\x1bE\x01a\x1bE\x00b\n", ["B ab"]),
        ("double strike", b"\x1bG\x01a\n", ["B a"]),
        ("print mode", b"\x1b!\x38a\n\x1b!\x00b\n", ["L a", "  b"]),
        ("page 858", b"\x1bt\x13K\x84se \xd5\n", ["  K\u00e4se \u20ac"]),
        ("page 437 at first", b"\x84\n", ["  \u00e4"]),
        ("unknown page", b"\x1bt\xfea\x84\n", ["  a\ufffd"]),
        ("hole in a page", b"\x1bt\x10\x81\n", ["  \ufffd"]),
        ("country", b"\x1bR\x02[\\]~\n\x1bR\x00[\n", ["  \u00c4\u00d6\u00dc\u00df", "  ["]),
        ("tab", b"a\tb\n", ["  a       b"]),
        ("tab at the end of the line", b"a" * 20 + b"\tb\n", ["  " + "a" * 20, "  b"]),
        ("absolute position", b"a\x1b$\x3c\x00b\n", ["  a    b"]),
        ("position behind", b"abcdef\x1b$\x0c\x00g\n", ["  abcdefg"]),
        ("relative position", b"a\x1b\\\x18\x00b\n", ["  a  b"]),
        ("feed", b"a\x1bd\x02b\n\x1bd\x02", ["  a", "", "  b", "", ""]),
        ("feed by dots", b"a\x1bJ\x40", ["  a", "", ""]),
        ("initialise forgets the line", b"abc\x1b@d\n", ["  d"]),
        ("initialise forgets modes", b"\x1bE\x01\x1ba\x01\x1b@d\n", ["  d"]),
        ("line spacing", b"\x1b3\x40a\n\x1b2b\n", ["  a", "  b"]),
        ("other control bytes", b"\x00\x00a\r\x18\x07b\n", ["  ab"]),
        ("tab stops are skipped", b"\x1bD\x08\x10\x00a\n", ["  a"]),
        ("unknown counted commands", b"\x1d(Z\x03\x00abc\x1c(A\x02\x00xyd\n", ["  d"]),
        ("empty counted command", b"\x1d(Z\x00\x00d\n", ["  d"]),
        ("unknown short command", b"\x1bqd\n\x1d\x7fd\n", ["  d", "  d"]),
        (
            "real-time commands are skipped",
            b"a\x10\x04\x01b\x10\x14\x01\x00\x01c\x10d\n",
            ["  abcd"],
        ),
        ("user-defined size and margins", b"\x1dL\x10\x00\x1dW\x00\x02\x1d!\x00a\n", ["  a"]),
        ("bar code, form A", b"\x1dk\x044711\x00", ["  [CODE39] 4711"]),
        ("bar code, form B", b"\x1dkC\x0c400638133393", ["  [EAN13] 400638133393"]),
        ("bar code, sets B and C", b"\x1dkI\x09{Ba{{{C\x0c\x22", ["  [CODE128] a{1234"]),
        ("unknown bar code", b"\x1dkZ\x01x", ["  [BARCODE 90] x"]),
        ("bar code that is no text", b"\x1dkH\x02\xff\x01", ["  [CODE93] \u00ff<01>"]),
        (
            "QR code",
            b"\x1d(k\x03\x001C\x04\x1d(k\x06\x001P0abc\x1d(k\x03\x001Q0",
            ["  [QR] abc"],
        ),
        ("PDF417", b"\x1d(k\x06\x000P0abc\x1d(k\x03\x000Q0", ["  [PDF417] abc"]),
        ("a symbol that was not stored", b"\x1d(k\x03\x001Q0a\n", ["  a"]),
        ("a symbol without a function", b"\x1d(k\x01\x001a\n", ["  a"]),
        ("a symbol ends the line before it", b"a\x1dk\x041\x00", ["  a", "  [CODE39] 1"]),
        ("graphics without a function", b"\x1d(L\x01\x000a\n", ["  a"]),
        ("graphics that were not stored", b"\x1d(L\x02\x0002a\n", ["  a"]),
        ("raster without dots", b"\x1dv0\x00\x00\x00\x00\x00a\n", ["  a"]),
        ("bands without dots", b"\x1b*\x00\x00\x00a\n", ["  a"]),
    ],
)
def test_bytes_become_lines(name: str, data: bytes, lines: list[str]) -> None:
    assert looks(data) == lines
    split = Desk(20).feed(data, chunk_bytes=1)
    assert [line.looks.rstrip() for line in split.roll.current] == lines
    assert split.waiting == b""


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (b"\x1dV\x00", "full"),
        (b"\x1dV0", "full"),
        (b"\x1dV\x01", "partial"),
        (b"\x1dV1", "partial"),
        (b"\x1dVA\x10", "full"),
        (b"\x1dVB\x00", "partial"),
        (b"\x1bi", "partial"),
        (b"\x1bm", "partial"),
    ],
)
def test_cuts(data: bytes, how: str) -> None:
    desk = Desk().feed(b"abc" + data + b"next\n" + data + data)
    assert [receipt.text for receipt in desk.roll.receipts] == ["abc", "next"]
    assert {receipt.cut for receipt in desk.roll.receipts} == {how}


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (b"\x1da\xff", [("status_back", b"\xff")]),
        (b"\x1b@", [("status_back", b"\x00")]),
        (b"\x1dr\x01", [("paper", b"")]),
        (b"\x1dr1", [("paper", b"")]),
        (b"\x1dr\x02", [("drawer", b"")]),
        (b"\x1dr2", [("drawer", b"")]),
        (b"\x1bv", [("paper", b"")]),
        (b"\x1dIC", [("identity", b"C")]),
        (b"\x1d(H\x06\x00000042", [("process", b"0042")]),
        (b"\x1d(H\x06\x00010042", []),
        (b"\x1d(H\x03\x00000", []),
    ],
)
def test_questions(data: bytes, answers: list[tuple[str, bytes]]) -> None:
    assert Desk().feed(data, 1).answers == answers


@pytest.mark.parametrize(
    ("data", "pulses"),
    [
        (b"\x1bp\x00\x32\x64", [(2, 100, 200)]),
        (b"\x1bp0\x32\x64", [(2, 100, 200)]),
        (b"\x1bp\x01\x01\xff", [(5, 2, 510)]),
        (b"\x1bp\x05\x32\x64", []),
    ],
)
def test_pulses(data: bytes, pulses: list[tuple[int, int, int]]) -> None:
    assert Desk().feed(data, 1).pulses == pulses


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (b"\x10\x04\x01\x10\x04\x04", [("status", 1), ("status", 4)]),
        (b"\x10\x04\x05\x10\x04\x00", []),
        (b"\x10\x05\x01\x10\x05\x02\x10\x05\x03", [("recover", 0), ("recover", 1)]),
        (b"\x10\x14\x01\x00\x05", [("pulse", 2)]),
        (b"\x10\x14\x01\x01\x08", [("pulse", 5)]),
        (b"\x10\x14\x01\x00\x09\x10\x14\x02\x00\x01\x10\x14\x01\x07\x01", []),
        (b"\x10\x10\x04\x02", [("status", 2)]),
        (b"\x1dv0\x00\x03\x00\x01\x00\x10\x04\x01", [("status", 1)]),  # inside a picture
        (b"text\x10", []),
    ],
)
def test_real_time_commands_are_heard_anywhere(data: bytes, heard: list[tuple[str, int]]) -> None:
    assert Desk().feed(data).real_time == heard
    assert Desk().feed(data, 1).real_time == heard


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([b"\x1b", b"\x1d", b"\x1d(k"]))))
def test_any_bytes_in_any_split_give_the_same_paper(pieces: list[bytes]) -> None:
    whole, split = Desk(), Desk()
    whole.feed(b"".join(pieces))
    for piece in pieces:
        split.feed(piece)
    assert whole.roll == split.roll
    assert (whole.pulses, whole.answers, whole.real_time, whole.waiting) == (
        split.pulses,
        split.answers,
        split.real_time,
        split.waiting,
    )


# --- an independent encoder --------------------------------------------------------------


def read_symbol(desk: Desk) -> str:
    """Paste the pictures on the paper below each other and read the symbol on them."""
    pictures = [
        Image.open(io.BytesIO(line.png)).convert("L") for line in desk.roll.current if line.png
    ]
    width = max(picture.width for picture in pictures) + 80
    paper = Image.new("L", (width, sum(picture.height for picture in pictures) + 80), 255)
    at = 40
    for picture in pictures:
        paper.paste(picture, (40, at))
        at += picture.height
    return str(zxingcpp.read_barcodes(paper)[0].text)


@pytest.mark.parametrize("impl", ["bitImageRaster", "bitImageColumn", "graphics"])
def test_pictures_of_python_escpos_can_be_read_from_the_paper(impl: str) -> None:
    dummy = Dummy(profile="TM-T88V")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own parameter
        dummy.qr("TILLBOX1|drawn", native=False, size=6, image_arguments={"impl": impl})
    for chunk_bytes in (0, 1, 7):
        desk = Desk().feed(dummy.output, chunk_bytes)
        assert read_symbol(desk) == "TILLBOX1|drawn"
        assert desk.waiting == b""


def test_a_whole_receipt_of_python_escpos() -> None:
    dummy = Dummy(profile="TM-T88V")
    dummy.hw("INIT")
    dummy.charcode("CP858")
    dummy.set(align="center", bold=True, double_height=True, double_width=True)
    dummy.textln("Shop")
    dummy.set(align="left", bold=False, normal_textsize=True)
    dummy.textln("K\u00e4se 1,00 \u20ac")
    dummy.ln(2)
    dummy.qr("native", native=True)
    dummy.barcode("{B4711", "CODE128", function_type="B")
    dummy.barcode("400638133393", "EAN13")
    dummy.buzzer(2, 2)
    dummy.cashdraw(2)
    dummy.cashdraw(5)
    dummy.cut(mode="PART")
    desk = Desk().feed(dummy.output, 3)
    (receipt,) = desk.roll.receipts
    assert [line.text.strip() for line in receipt.lines if line.text.strip()] == [
        "Shop",
        "K\u00e4se 1,00 \u20ac",
        "[QR] native",
        "[CODE128] 4711",
        "[EAN13] 400638133393",
    ]
    assert receipt.lines[0].looks.startswith("L  ")
    assert desk.pulses == [(2, 100, 100), (5, 100, 100)]
    assert desk.interpreter.unknown_commands == 0


def test_pages_that_python_escpos_switches_to_are_followed() -> None:
    text = "\u0141\u00f3d\u017a \u0427\u0430\u0439 \u039a\u03b1\u03c6\u03ad 1 \u20ac"
    dummy = Dummy(profile="TM-T88V")
    dummy.textln(text)
    assert Desk().feed(dummy.output).lines == [text]


def test_long_graphics_command() -> None:
    body = b"0p0\x01\x011\x10\x00\x01\x00\xff\x00"
    stored = b"\x1d8L" + len(body).to_bytes(4, "little") + body
    desk = Desk().feed(stored + b"\x1d(L\x02\x0002", 1)
    (line,) = desk.roll.current
    with Image.open(io.BytesIO(line.png)) as picture:
        assert picture.size == (16, 1)
        assert [picture.convert("L").getpixel((x, 0)) for x in (0, 7, 8, 15)] == [0, 0, 255, 255]


# --- paper and mechanics ------------------------------------------------------------------


def test_paper_that_nobody_cuts_does_not_grow() -> None:
    roll = Roll()
    for n in range(LINES_KEPT_MAX + 3):
        roll.add(PaperLine(str(n)))
    assert len(roll.current) == 3
    assert roll.receipts[0].cut == "torn"


def test_width_of_signs() -> None:
    assert columns_of("a\u9752e\u0301") == 4


@pytest.mark.parametrize(
    ("parts", "automatic", "real_time"),
    [
        (Mechanics(), b"\x14\x00\x00\x0f", (0x16, 0x12, 0x12, 0x12)),
        (Mechanics(drawer_open=True), b"\x10\x00\x00\x0f", (0x12, 0x12, 0x12, 0x12)),
        (
            Mechanics(drawer_open=True, drawer_open_level="high"),
            b"\x14\x00\x00\x0f",
            (0x16, 0x12, 0x12, 0x12),
        ),
        (Mechanics(paper=Paper.NEAR_END), b"\x14\x00\x03\x0f", (0x16, 0x12, 0x12, 0x1E)),
        (Mechanics(paper=Paper.OUT), b"\x1c\x00\x0f\x0f", (0x1E, 0x32, 0x12, 0x7E)),
        (Mechanics(cover_open=True), b"\x3c\x00\x00\x0f", (0x1E, 0x16, 0x12, 0x12)),
        (Mechanics(cutter_jammed=True), b"\x1c\x08\x00\x0f", (0x1E, 0x52, 0x1A, 0x12)),
        (Mechanics(broken=True), b"\x1c\x20\x00\x0f", (0x1E, 0x52, 0x32, 0x12)),
        (Mechanics(hot=True), b"\x1c\x40\x00\x0f", (0x1E, 0x52, 0x52, 0x12)),
        (Mechanics(switched_offline=True), b"\x1c\x00\x00\x0f", (0x1E, 0x12, 0x12, 0x12)),
    ],
)
def test_status_bytes(
    parts: Mechanics, automatic: bytes, real_time: tuple[int, int, int, int]
) -> None:
    assert parts.automatic() == automatic
    assert tuple(parts.real_time(kind) for kind in (1, 2, 3, 4)) == real_time
    assert parts.paper_sensors() == automatic[2]
    assert parts.drawer_sensor() == (automatic[0] >> 2 & 1)
