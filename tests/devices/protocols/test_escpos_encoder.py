from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.protocols import escpos_commands as commands
from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from edge.contract.receipt_document import (
    Align,
    BarcodeBlock,
    ColumnsBlock,
    Emphasis,
    FeedBlock,
    QrBlock,
    ReceiptBlock,
    ReceiptDocument,
    RowBlock,
    RuleBlock,
    TextBlock,
)
from tests.devices.escpos_desk import Desk


def printed(*blocks: ReceiptBlock, **paper: Any) -> Desk:
    fmt = PaperFormat(**paper)
    encoded = EscposEncoder(fmt).encode(ReceiptDocument("t", blocks))
    return Desk(fmt.columns).feed(encoded.data)


@pytest.mark.parametrize("columns", [32, 42, 48])
def test_every_block_comes_out(columns: int) -> None:
    desk = printed(
        TextBlock("Shop", Align.CENTRE, Emphasis.LARGE),
        TextBlock("end", Align.END),
        RuleBlock(),
        RowBlock("K\u00e4se", "1,00 \u20ac"),
        RowBlock("Sum", "1,00", Emphasis.BOLD),
        ColumnsBlock(("MwSt", "Netto", "Brutto")),
        FeedBlock(2),
        QrBlock("TILLBOX1|1|\u00e4"),
        BarcodeBlock("A-1{2"),
        columns=columns,
    )
    (receipt,) = desk.roll.receipts
    looks = [line.looks for line in receipt.lines]
    assert looks[0] == "L " + " " * ((columns - 4) // 2) + "Shop"
    assert looks[1] == "  " + "end".rjust(columns)
    assert looks[2] == "  " + "-" * columns
    assert looks[3] == "  " + "K\u00e4se" + "1,00 \u20ac".rjust(columns - 4)
    assert looks[4] == "B " + "Sum" + "1,00".rjust(columns - 3)
    assert looks[5].split() == ["MwSt", "Netto", "Brutto"]
    assert len(looks[5]) == columns + 2
    assert looks[6:8] == ["", ""]
    assert looks[8].strip() == "[QR] TILLBOX1|1|\u00e4"
    assert "[CODE128] A-1{2" in [look.strip() for look in looks]
    assert receipt.cut == "partial"
    assert desk.interpreter.unknown_commands == 0
    assert desk.waiting == b""


def test_a_job_stands_alone_and_is_cut() -> None:
    data = EscposEncoder(PaperFormat()).encode(ReceiptDocument("t", (TextBlock("x"),))).data
    assert data == b"\x1b@\x1da\xff\x1bR\x00\x1bt\x13x\n\x1bd\x06\x1dV\x01"
    data = (
        EscposEncoder(PaperFormat(cut="full", double_byte_off=True))
        .encode(ReceiptDocument("t", (TextBlock("x"),)))
        .data
    )
    assert data == b"\x1b@\x1da\xff\x1c.\x1bR\x00\x1bt\x13x\n\x1bd\x06\x1dV\x00"
    data = EscposEncoder(PaperFormat(cut="none")).encode(ReceiptDocument("t", ())).data
    assert data.endswith(b"\x1bd\x06")
    scrap = EscposEncoder(PaperFormat()).cut_scrap()
    assert scrap.endswith(b"\x1dV\x01")


@pytest.mark.parametrize(
    ("data", "paper", "shown"),
    [
        ("abc", {}, "[QR] abc"),
        ("x" * 100, {}, "[QR] " + "x" * 100),
        ("x" * 800, {}, "[QR] " + "x" * 800),
        ("x" * 801, {}, "x" * 42),
        ("abc", {"qr": "text"}, "abc"),
        ("a\x10\x04\x01b", {}, "[QR] ab"),
    ],
)
def test_qr_codes(data: str, paper: dict[str, Any], shown: str) -> None:
    desk = printed(QrBlock(data), **paper)
    assert desk.receipts[0].splitlines()[0].strip() == shown
    assert desk.real_time == []


def test_no_qr_code_for_no_text() -> None:
    assert printed(QrBlock("\x1b")).receipts == []


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("123456", "[CODE128] 123456"),
        ("\x00123", "[CODE128] 123"),
        ("K\u00e4se", "K\u00e4se"),
        ("1" * 60, "1" * 42),
    ],
)
def test_barcodes_or_their_text(data: str, shown: str) -> None:
    assert printed(BarcodeBlock(data)).receipts[0].splitlines()[0].strip() == shown


def test_signs_without_a_page_are_counted() -> None:
    encoder = EscposEncoder(PaperFormat(other_code_pages=("cp866",)))
    document = ReceiptDocument(
        "t", (RowBlock("\u0427\u0430\u0439 \u9752\u5c9b", "1"), TextBlock("\u9752"))
    )
    encoded = encoder.encode(document)
    assert encoded.substituted == 3
    assert Desk().feed(encoded.data).receipts == ["\u0427\u0430\u0439 ??" + "1".rjust(36) + "\n?"]


HOSTILE = (
    "\x1bp\x00\x19\xfa",
    "\x1bp0\x32\x32",
    "\x10\x14\x01\x00\x05",
    "\x10\x14\x01\x01\x08",
    "\x10\x04\x01",
    "\x10\x05\x02",
    "\x1d(A\x02\x00\x00\x02",
    "\x1b=\x02",
    "\x1dV\x00",
    "\x9b\x90\x85",
    "\u202e\u2066",
    "\x1c.\x1b@",
    "\n\r\x0c",
    "\x00" * 5,
    "\ud83d\x1b",
    "\u0110\u0114",  # lower bytes are DLE and DC4
    "\u0000\u011b",
)


def hostile_names(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    pieces = (
        *HOSTILE,
        "Milk",
        "K\u00e4se ",
        "\u9752\u5c9b",
        "\u0427\u0430\u0439",
        "p",
        "\x01",
        "2",
    )
    return [
        "".join(
            chance.choice(pieces)
            if chance.random() < 0.8
            else chr(chance.choice((chance.randrange(0x20), chance.randrange(0x80, 0xA0), 0x1B)))
            for _ in range(chance.randrange(1, 8))
        )
        for _ in range(count)
    ]


def assert_harmless(names: list[str], qr: str) -> None:
    """The same blocks with harmless names give the only commands that may be there."""
    blocks: list[ReceiptBlock] = []
    for at, name in enumerate(names):
        others: tuple[ReceiptBlock, ...] = (
            TextBlock(name, Align.CENTRE, Emphasis.BOLD),
            ColumnsBlock((name, "1")),
            QrBlock(name + "x"),
            BarcodeBlock(name + "1"),
        )
        blocks += [RowBlock(name, name + "1"), others[at % len(others)]]
    paper = PaperFormat(qr=qr, other_code_pages=("cp866",))  # type: ignore[arg-type]  # parametrised
    data = EscposEncoder(paper).encode(ReceiptDocument("t", tuple(blocks))).data
    desk = Desk().feed(data)
    assert desk.pulses == []
    assert desk.real_time == []
    assert desk.interpreter.unknown_commands == 0
    assert desk.waiting == b""
    assert len(desk.receipts) == 1  # nobody cut in between
    assert {kind for kind, _ in desk.answers} == {"status_back"}


def test_ten_thousand_hostile_names_open_no_drawer() -> None:
    names = hostile_names(10_000, seed=2_026)
    for at in range(0, len(names), 250):
        assert_harmless(names[at : at + 250], "native" if at % 500 else "text")


@settings(max_examples=60)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_no_text_at_all_opens_a_drawer(names: list[str]) -> None:
    assert_harmless(names, "native")


def test_the_check_finds_an_encoder_without_a_filter() -> None:
    unfiltered = b"\x1b@" + "\x1bp\x00\x19\xfa".encode("latin-1") + b"\n"
    assert Desk().feed(unfiltered).pulses == [(2, 50, 500)]
    assert Desk().feed(b"a\x10\x14\x01\x00\x05").real_time == [("pulse", 2)]


@given(st.text(max_size=80))
def test_outside_our_commands_no_byte_is_below_the_space(text: str) -> None:
    blank = EscposEncoder(PaperFormat()).encode(ReceiptDocument("t", (TextBlock("."),))).data
    head, tail = blank.split(b".")
    data = EscposEncoder(PaperFormat()).encode(ReceiptDocument("t", (TextBlock(text),))).data
    assert data.startswith(head)
    assert data.endswith(tail)
    inside = data[len(head) : len(data) - len(tail)]
    assert all(byte >= 0x20 or byte == 0x0A for byte in inside)


@pytest.mark.parametrize("drawn_text", [True, False])
@pytest.mark.parametrize(
    ("qr", "data"), [("native", "x" * 800), ("picture", "x" * 800), ("text", "x")]
)
def test_the_flush_completes_a_receipt_broken_off_anywhere(
    qr: Any, data: str, drawn_text: bool
) -> None:
    encoder = EscposEncoder(PaperFormat(qr=qr, drawn_text=drawn_text))
    document = ReceiptDocument("t", (TextBlock("a"), QrBlock(data), BarcodeBlock("1" * 20)))
    whole = encoder.encode(document).data
    after = encoder.encode(ReceiptDocument("t", (TextBlock("next"),))).data
    for cut in {*range(1, min(len(whole), 120)), *range(1, len(whole), 401)}:
        desk = Desk().feed(whole[:cut] + encoder.flush() + encoder.cut_scrap() + after)
        assert desk.receipts[-1] == "next"
        assert desk.waiting == b""


def test_commands() -> None:
    assert commands.drawer_pulse(2, 100, 200) == b"\x1bp\x00\x32\x64"
    assert commands.drawer_pulse(5, 5_000, 0) == b"\x1bp\x01\xff\x01"
    assert commands.drawer_pulse_now(5, 250) == b"\x10\x14\x01\x01\x03"
    assert commands.drawer_pulse_now(2, 10_000) == b"\x10\x14\x01\x00\x08"
    assert commands.request_status(4) == b"\x10\x04\x04"
    assert commands.request_process_id(10_007) == b"\x1d(H\x06\x00000007"
    assert commands.request_identity(67) == b"\x1dIC"
    assert commands.feed(300) == b"\x1bd\xff"
    assert commands.feed(-1) == b"\x1bd\x00"
    for pin in (0, 3):
        with pytest.raises(ValueError, match="pin"):
            commands.drawer_pulse(pin, 100, 100)
    for kind in (0, 5):
        with pytest.raises(ValueError, match="1 to 4"):
            commands.request_status(kind)
    for text in ("", "x" * 254, "a\x10", "\u00e4"):
        with pytest.raises(ValueError, match=r"code set B|ascii"):
            commands.code128(text)
