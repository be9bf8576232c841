"""Shelf labels as ZPL: held against bytes by hand, and no name is ever a command."""

from __future__ import annotations

import os
import random
import re
import unicodedata

import pytest

from devices.protocols.zpl_labels import LabelFormat, encode_label, has_check_digit
from edge.contract.device_messages import ShelfLabel

CHANCE = random.Random(int(os.environ.get("LABEL_FUZZ_SEED", "20261127")))
LABELS = int(os.environ.get("LABEL_FUZZ_LABELS", "3000"))
"""Short form; `LABEL_FUZZ_LABELS=1000000` is the long one."""
FORM = LabelFormat()
COMMANDS = ["^XA", "^CI", "^PW", "^LL", "^LH", "^FO", "^A0", "^FH", "^FD", "^FS"]


def commands(data: bytes) -> list[str]:
    return [found.decode("latin-1") for found in re.findall(rb"[\^~].{2}", data, re.DOTALL)]


def texts(data: bytes) -> list[str]:
    found = re.findall(rb"\^FH_\^FD([^^~]*)\^FS", data)
    return [
        re.sub(rb"_([0-9A-F]{2})", lambda hexed: bytes.fromhex(hexed[1].decode()), each).decode()
        for each in found
    ]


def bars(data: bytes) -> bytes:
    found = re.search(rb"(\^BY.*?)\^FS", data)
    return found[1] if found else b""


def test_a_label_is_one_format_from_its_beginning_to_its_copies() -> None:
    label = ShelfLabel("Whole milk 1 l", "1.29 €", "1.29 €/l", "9520000000011", 3)
    assert (
        encode_label(label, FORM)
        == (
            "^XA^CI28^PW560^LL304^LH0,0"
            "^FO16,16^A0N,30^FH_^FDWhole milk 1 l^FS"
            "^FO16,92^A0N,85^FH_^FD1.29 €^FS"
            "^FO16,183^A0N,25^FH_^FD1.29 €/l^FS"
            "^FO38,215^BY2^BEN,49,Y,N^FD952000000001^FS"
            "^PQ3^XZ\r\n"
        ).encode()
    )


def test_a_label_without_more_has_a_name_and_a_price() -> None:
    assert encode_label(ShelfLabel("Salt", "0.49"), LabelFormat(57, 32, 12)) == (
        b"^XA^CI28^PW684^LL384^LH0,0"
        b"^FO24,24^A0N,38^FH_^FDSalt^FS^FO24,120^A0N,107^FH_^FD0.49^FS^PQ1^XZ\r\n"
    )


@pytest.mark.parametrize(
    ("barcode", "expected"),
    [
        ("9520000000011", b"^BY2^BEN,49,Y,N^FD952000000001"),
        ("036000291452", b"^BY2^BEN,49,Y,N^FD003600029145"),
        ("96385074", b"^BY2^B8N,49,Y,N^FD9638507"),
        ("9520000000012", b"^BY2^BCN,49,Y,N,N^FD9520000000012"),
        ("96385075", b"^BY2^BCN,49,Y,N,N^FD>;96385075"),
        ("09520000000011", b"^BY2^BCN,49,Y,N,N^FD>;09520000000011"),
        ("1", b"^BY2^BCN,49,Y,N,N^FD1"),
        ("SHELF-7 _5E", b"^BY2^BCN,49,Y,N,N^FDSHELF-7 _5E"),
        ("x" * 19, b""),
        ("A^B", b""),
        ("A~HS", b""),
        ("A>0B", b""),
        ("", b""),
        ("   ", b"^BY2^BCN,49,Y,N,N^FD   "),
    ],
)
def test_a_number_is_the_bar_code_it_can_be(barcode: str, expected: bytes) -> None:
    data = encode_label(ShelfLabel("x", "1", "", barcode), FORM)
    assert bars(data) == expected
    if barcode and not expected:
        assert texts(data)[-1] == barcode, "what has no bars can still be typed in"


@pytest.mark.parametrize(
    ("digits", "holds"),
    [
        ("9520000000011", True),
        ("9520000000012", False),
        ("96385074", True),
        ("036000291452", True),
        ("95200000\u06600011", False),
        ("952000000001x", False),
    ],
)
def test_check_digits(digits: str, holds: bool) -> None:
    assert has_check_digit(digits) is holds


@pytest.mark.parametrize(
    "name",
    [
        "^XZ^XA^FDfree^FS^XZ",
        "~JA~JR~HS",
        "_5EXZ",
        "a^FS^PQ99",
        "back\\&slash",
        "^CC+ +XZ",
        "\x02^\x03~\x1b",
        "a\r\n^XZ",
    ],
)
def test_no_name_is_a_command(name: str) -> None:
    data = encode_label(ShelfLabel(name, name, name[:40], "9520000000011"), FORM)
    assert set(commands(data)) == {*COMMANDS, "^BY", "^BE", "^PQ", "^XZ"}
    assert commands(data).count("^XA") == commands(data).count("^XZ") == 1
    assert data.count(b"^PQ1^XZ") == 1
    plain = "".join(char for char in name if char.isprintable())
    assert texts(data)[-1].replace(" ", "") == plain.replace(" ", "")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Short", ["Short"]),
        (
            "Gouda cheese matured for at least eighteen months in one piece of 250 g",
            ["Gouda cheese matured for at least", "eighteen months in one piece of 250"],
        ),
        ("W" * 60, ["W" * 19, "W" * 19]),
        ("i" * 60, ["i" * 51, "i" * 9]),
        (
            "Donaudampfschifffahrtsgesellschaftskapitän Kaffee",
            ["Donaudampfschifffahrtsgesellschaft", "skapitän Kaffee"],
        ),
        ("x" + " y" * 99, ["x" + " y" * 18, "y" + " y" * 18]),
        ("牛奶" * 30, ["牛奶" * 8 + "牛", "奶牛" * 8 + "奶"]),
    ],
)  # fmt: skip
def test_a_long_name_has_two_lines_broken_between_words_and_is_cut(
    name: str, lines: list[str]
) -> None:
    found = texts(encode_label(ShelfLabel(name, "1"), FORM))[:-1]
    assert found[: len(lines)] == lines
    assert len(found) <= 2


def test_a_long_price_is_written_smaller_instead_of_out_of_the_label() -> None:
    data = encode_label(ShelfLabel("x", "1234567.89 EUR per hundredweight, net"), FORM)
    high = int(re.findall(rb"\^A0N,(\d+)", data)[1])
    assert 20 <= high < 85


def random_text(most: int) -> str:
    count = CHANCE.randint(1, most)
    signs = (CHANCE.choice("^~_\\>;,0A\r\n\x1b") if CHANCE.random() < 0.3
             else chr(CHANCE.randint(0, 0x2FFFF)) for _ in range(count))  # fmt: skip
    return "".join(sign for sign in signs if unicodedata.category(sign) != "Cs") or "x"


def test_whatever_is_said_a_label_is_one_format_and_stays_on_its_paper() -> None:
    for _ in range(LABELS):
        form = LabelFormat(CHANCE.randint(30, 200), CHANCE.randint(20, 200),
                           CHANCE.choice((6, 8, 12, 24)))  # fmt: skip
        barcode = "".join(chr(CHANCE.randint(0x20, 0x7E)) for _ in range(CHANCE.randint(0, 48)))
        label = ShelfLabel(random_text(200), random_text(40), random_text(40), barcode)
        data = encode_label(label, form)
        assert data.startswith(b"^XA^CI28"), label
        assert data.endswith(b"^PQ1^XZ\r\n"), label
        assert set(commands(data)) <= {*COMMANDS, "^BY", "^BC", "^BE", "^B8", "^PQ", "^XZ"}, label
        assert data.count(b"^XA") == data.count(b"^XZ") == 1, label
        assert not [byte for byte in data[:-2] if byte < 0x20], label
        for x, y, high in re.findall(rb"\^FO(\d+),(\d+)(?:\^BY\d+)?\^..N,(\d+)", data):
            assert int(x) < form.width_mm * form.dots_per_mm
            assert int(y) + int(high) <= form.height_mm * form.dots_per_mm, label
            assert int(high) >= 1, label
