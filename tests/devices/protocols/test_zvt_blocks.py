"""ZVT's serial blocks, against blocks that were recorded between tills and terminals."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.zvt_blocks import Block, BlockReader, Mark, checksum, encode_block
from edge.contract.device_limits import (
    ZVT_APDU_BYTES_MAX,
)

FUZZ_BYTES = int(os.environ.get("ZVT_FUZZ_BYTES", "60000"))

CASES = [
    pytest.param("06 00 06 123456 BA 0978", "1002 0600 06 123456 BA 0978 1003 24C3", id="register"),
    pytest.param("06 93 03 123456", "1002 0693 03 123456 1003 CAA4", id="initialise"),
    pytest.param(
        "06 01 0A 04 000000011000 49 0978",
        "1002 0601 0A 04 00000001101000 49 0978 1003 F2FF",
        id="a 10 in the amount is doubled",
    ),
    pytest.param("06 70 00", "1002 0670 00 1003 D9F9", id="diagnose"),
    pytest.param(
        "06 D1 19 00 476573616D74202020202020302020202020202030 2C3030",
        "1002 06D1 19 00 476573616D74202020202020302020202020202030 2C3030 1003 B5AB",
        id="print a line",
    ),
    pytest.param("80 00 00", "1002 8000 00 1003 F51F", id="yes"),
    pytest.param("84 9C 00", "1002 849C 00 1003 C341", id="busy"),
    pytest.param("06 18 00", "1002 0618 00 1003 563A", id="reset"),
    pytest.param(
        "06 E0 25 F2F1F5 45494E474542454E20554E44204F4B F1F1F6 4641485245524E554D4D455220202020",
        "1002 06E0 25 F2F1F5 45494E474542454E20554E44204F4B"
        " F1F1F6 4641485245524E554D4D455220202020 1003 5ABA",
        id="show a text",
    ),
    pytest.param("05 01 03 123456", "1002 0501 03 123456 1003 E043", id="status enquiry"),
]
"""Unit and recorded block: the examples in the tests of the free ECR library ecrterm."""


def text(data: str) -> bytes:
    return bytes.fromhex(data)


@pytest.mark.parametrize(("unit", "wire"), CASES)
def test_encode(unit: str, wire: str) -> None:
    assert encode_block(text(unit)) == text(wire)


@pytest.mark.parametrize(("unit", "wire"), CASES)
def test_decode_whole_with_trailing_bytes(unit: str, wire: str) -> None:
    reader = BlockReader()
    assert reader.feed(text(wire) + b"\x06\x15\x10") == [Block(text(unit)), Mark.TAKEN, Mark.AGAIN]
    assert reader.in_block


@pytest.mark.parametrize(("unit", "wire"), CASES)
def test_decode_byte_by_byte(unit: str, wire: str) -> None:
    reader, data = BlockReader(), text(wire)
    for byte in data[:-1]:
        assert reader.feed(bytes((byte,))) == []
        assert reader.in_block
    assert reader.feed(data[-1:]) == [Block(text(unit))]
    assert not reader.in_block
    assert reader.break_off() == []


@pytest.mark.parametrize(("unit", "wire"), CASES)
def test_every_flipped_bit_is_noticed(unit: str, wire: str) -> None:
    good = text(wire)
    for place in range(len(good) * 8):
        spoilt = bytearray(good)
        spoilt[place // 8] ^= 1 << place % 8
        reader = BlockReader()
        told = reader.feed(bytes(spoilt)) + reader.break_off()
        assert Block(text(unit)) not in told
        assert not any(isinstance(each, Block) for each in told)


@pytest.mark.parametrize(
    ("wire", "told", "silent"),
    [
        pytest.param("1002 8000 00 1003 F51E", [Mark.DAMAGED], [], id="wrong checksum"),
        pytest.param("1002 8000 00 1003 1FF5", [Mark.DAMAGED], [], id="its bytes the other way"),
        pytest.param("1002 8000 00", [], [Mark.DAMAGED], id="broken off"),
        pytest.param("1002 8000 00 1003 F5", [], [Mark.DAMAGED], id="half a checksum"),
        pytest.param("1002 8000 10", [], [Mark.DAMAGED], id="half an escape"),
        pytest.param("1002 8000 1004 00 06 15", [], [Mark.DAMAGED], id="a 10 that means nothing"),
        pytest.param("10", [], [], id="half a beginning"),
        pytest.param("10 06", [], [], id="a 10, then not 02"),
        pytest.param("06", [Mark.TAKEN], [], id="taken"),
        pytest.param("15", [Mark.AGAIN], [], id="again"),
        pytest.param("02 060F 00 1003 8585", [], [], id="the first byte of a block is lost"),
        pytest.param("00 06 15 06", [], [], id="behind noise nothing counts"),
        pytest.param("10 1002 8000 00 1003 F51F", [Block(b"\x80\0\0")], [], id="a 10 too many"),
        pytest.param("00 1002 8000 00 1003 F51F", [Block(b"\x80\0\0")], [], id="noise, a block"),
        pytest.param(
            "1002 0601 1002 8000 00 1003 F51F", [Block(b"\x80\0\0")], [], id="begun anew inside"
        ),
        pytest.param(
            "1002 8000 1005 1002 8000 00 1003 F51F", [Block(b"\x80\0\0")], [], id="damaged, anew"
        ),
        pytest.param("1002 1003 0000", [Mark.DAMAGED], [], id="an empty block, wrong"),
    ],
)
def test_what_is_no_good_block(wire: str, told: list[object], silent: list[object]) -> None:
    reader = BlockReader()
    assert reader.feed(text(wire)) == told
    assert reader.break_off() == silent
    # the line was silent: whatever comes next counts again
    assert reader.feed(text("06 1002 8000 00 1003 F51F")) == [Mark.TAKEN, Block(b"\x80\0\0")]


def test_a_checksum_that_holds_a_10_is_not_doubled() -> None:
    units = (bytes((0x06, 0xB0, 1, number)) for number in range(256))
    seen = [unit for unit in units if 0x10 in encode_block(unit)[-2:]]
    assert seen
    for unit in seen:
        assert BlockReader().feed(encode_block(unit) + b"\x06") == [Block(unit), Mark.TAKEN]


def test_a_block_without_end_is_held_in_bounds_and_damaged() -> None:
    reader = BlockReader()
    assert reader.feed(b"\x10\x02") == []
    for _ in range(40):
        assert reader.feed(bytes(1_000)) == []
    assert reader.break_off() == [Mark.DAMAGED]
    longest = bytes(ZVT_APDU_BYTES_MAX + 5)
    assert reader.feed(encode_block(longest)) == [Block(longest)]
    with pytest.raises(ValueError, match="longer than"):
        encode_block(bytes(ZVT_APDU_BYTES_MAX + 6))


def test_the_checksum_of_the_catalogue_of_crcs() -> None:
    assert checksum(b"123456789") == 0x2189  # the check value of CRC-16/KERMIT


@given(units=st.lists(st.binary(max_size=80), max_size=5), size=st.integers(1, 9))
def test_any_bytes_survive_any_cutting(units: list[bytes], size: int) -> None:
    wire = b"".join(encode_block(unit) for unit in units)
    reader = BlockReader()
    told = [each for at in range(0, len(wire), size) for each in reader.feed(wire[at : at + size])]
    assert told == [Block(unit) for unit in units]


def test_noise_gives_no_block_and_never_stops_the_reader() -> None:
    seed = 9_600
    chance = random.Random(seed)
    reader, blocks, fed = BlockReader(), 0, 0
    while fed < FUZZ_BYTES:
        # rich in the bytes that mean something
        noise = bytes(chance.choice((0x10, 0x02, 0x03, 0x06, 0x15, chance.randrange(256)))
                      for _ in range(chance.randrange(1, 60)))  # fmt: skip
        fed += len(noise)
        blocks += sum(isinstance(each, Block) for each in reader.feed(noise))
        if chance.random() < 0.3:
            reader.break_off()
            assert reader.feed(encode_block(noise)) == [Block(noise)], f"seed {seed}"
    # one random checksum in 65,536 fits
    assert blocks <= 2 + fed // 60_000, f"seed {seed}"
