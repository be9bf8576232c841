from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.zvt_fields import (
    LLLVAR,
    LLVAR,
    SIZES,
    Field,
    bcd_decode,
    bcd_encode,
    encode_field,
    encode_fields,
    read_fields,
)
from devices.protocols.zvt_tlv import (
    Tlv,
    encode_length,
    encode_tag,
    encode_tlv,
    find,
    read_length,
    read_tlv,
)

# --- BCD -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "size", "wire"),
    [(0, 1, "00"), (1234, 6, "000000001234"), (978, 2, "0978"), (9999, 2, "9999")],
)
def test_bcd(number: int, size: int, wire: str) -> None:
    assert bcd_encode(number, size).hex() == wire
    assert bcd_decode(bytes.fromhex(wire)) == number


@pytest.mark.parametrize(("number", "size"), [(10_000, 2), (-1, 3)])
def test_a_number_that_does_not_fit_is_refused(number: int, size: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        bcd_encode(number, size)


@pytest.mark.parametrize("wire", ["", "0A", "F0", "1E"])
def test_what_is_no_digit_is_no_number(wire: str) -> None:
    assert bcd_decode(bytes.fromhex(wire)) is None


@given(st.integers(0, 999_999_999_999))
def test_bcd_round_trip(number: int) -> None:
    assert bcd_decode(bcd_encode(number, 6)) == number


# --- fields --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "wire"),
    [
        (Field(0x04, bytes.fromhex("000000001234")), "04 000000001234"),
        (Field(0x22, b"\xee\x12"), "22 F0F2 EE12"),
        (Field(0x22, b""), "22 F0F0"),
        (Field(0x3C, b"abc"), "3C F0F0F3 616263"),
        (Field(0x3C, bytes(123)), "3C F1F2F3" + "00" * 123),
        (Field(0x06, b"\x07\x01A"), "06 03 070141"),
        (Field(0x06, b""), "06 00"),
        (Field(0x06, bytes(200)), "06 81C8" + "00" * 200),
    ],
)
def test_one_field(field: Field, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert encode_field(field.tag, field.value) == data
    read = read_fields(data + b"\x27\x00")
    assert read.items == (field, Field(0x27, b"\x00"))
    assert read.rest == b""


@pytest.mark.parametrize(
    ("tag", "value"),
    [(0x99, b""), (0x04, b"\x01"), (0x22, bytes(100)), (0x3C, bytes(1000))],
)
def test_a_field_that_cannot_be_written_is_refused(tag: int, value: bytes) -> None:
    with pytest.raises(ValueError, match="BMP"):
        encode_field(tag, value)


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("99 01 02", id="unknown"),
        pytest.param("04 00 00", id="cut"),
        pytest.param("22 F0", id="LL cut"),
        pytest.param("22 02 F5", id="not F"),
        pytest.param("22 F0 FA", id="no digit"),
        pytest.param("3C F0 F0 F9 41", id="LLL cut"),
        pytest.param("06", id="no length"),
        pytest.param("06 05 01", id="TLV cut"),
    ],
)
def test_what_cannot_be_read_stays_raw_and_the_result_stays_valid(rest: str) -> None:
    raw = bytes.fromhex(rest)
    read = read_fields(b"\x27\x00" + raw)
    assert read.get(0x27) == b"\x00"
    assert read.rest == raw


def test_the_first_of_two_wins() -> None:
    read = read_fields(bytes.fromhex("27 00 27 6C"))
    assert read.get(0x27) == b"\x00"


def test_reading_values() -> None:
    read = read_fields(bytes.fromhex("87 0042 0B FFFFFF 06 02 0700"))
    assert (read.number(0x87), read.digits(0x87)) == (42, "0042")
    assert (read.number(0x0B), read.digits(0x0B)) == (None, "")
    assert (read.number(0x88), read.digits(0x88)) == (None, "")
    assert read.tlv == (Tlv(0x07),)
    assert read_fields(b"").tlv == ()


def _values(size: int) -> st.SearchStrategy[bytes]:
    if size in (LLVAR, LLLVAR):
        return st.binary(max_size=99)
    return st.binary(max_size=300) if size == 0 else st.binary(min_size=size, max_size=size)


fields = st.sampled_from(sorted(SIZES)).flatmap(
    lambda tag: st.builds(Field, st.just(tag), _values(SIZES[tag]))
)


@given(st.lists(fields, max_size=10))
def test_fields_round_trip(items: list[Field]) -> None:
    read = read_fields(encode_fields(items))
    assert read.items == tuple(items)
    assert read.rest == b""


@given(st.binary(max_size=200))
def test_nothing_is_lost_in_fields_of_noise(data: bytes) -> None:
    read = read_fields(data)
    assert data.endswith(read.rest)
    assert sum(1 + len(item.value) for item in read.items) <= len(data) - len(read.rest)


# --- TLV -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "wire"),
    [(0, "00"), (127, "7F"), (128, "8180"), (255, "81FF"), (256, "820100"), (65_535, "82FFFF")],
)
def test_tlv_lengths(size: int, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert encode_length(size) == data
    assert read_length(data, 0) == (size, len(data))
    assert read_length(data[:-1], 0) is None


@pytest.mark.parametrize("size", [-1, 65_536])
def test_a_length_that_does_not_fit_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_length(size)


@pytest.mark.parametrize("wire", ["80", "83000001", "FF"])
def test_other_lengths_are_not_readable(wire: str) -> None:
    assert read_length(bytes.fromhex(wire), 0) is None


@pytest.mark.parametrize(
    ("tag", "wire"), [(0x07, "07"), (0x1F07, "1F07"), (0x1F8001, "1F8001"), (0, "00")]
)
def test_tags(tag: int, wire: str) -> None:
    assert encode_tag(tag) == bytes.fromhex(wire)
    assert read_tlv(encode_tlv(tag, b"x")).items[0].tag == tag


@pytest.mark.parametrize(
    "wire", ["1F", "1F80", "1F8080 00", "07", "07 05 41", "07 80", "25 02 07"], ids=str
)
def test_objects_that_cannot_be_read_stay_raw(wire: str) -> None:
    good = encode_tlv(0x1F07, b"\x01")
    read = read_tlv(good + bytes.fromhex(wire))
    assert read.items == (Tlv(0x1F07, b"\x01"),)
    assert read.rest == bytes.fromhex(wire)


def test_objects_in_objects() -> None:
    inner = encode_tlv(0x07, b"one") + encode_tlv(0x09, b"\x81")
    read = read_tlv(encode_tlv(0x25, inner) + encode_tlv(0x26, [encode_tlv(0x0A, b"\x06\xd3")]))
    assert read.items[0] == Tlv(0x25, inner, (Tlv(0x07, b"one"), Tlv(0x09, b"\x81")))
    assert find(read.items, 0x0A) == b"\x06\xd3"
    assert find(read.items, 0x1F1F) is None


def test_nesting_ends_somewhere() -> None:
    data = b""
    for _ in range(2_000):
        data = encode_tlv(0x25, data)
    depth, items = 0, read_tlv(data).items
    while items:
        depth, items = depth + 1, items[0].children
    assert depth == 9


leaves = st.builds(
    encode_tlv,
    st.sampled_from([0x07, 0x09, 0x1F07, 0x1F8001]),
    st.binary(max_size=300),
)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4).map(lambda items: encode_tlv(0x25, items))
)


@given(st.lists(trees, max_size=4).map(b"".join))
def test_tlv_round_trip(data: bytes) -> None:
    read = read_tlv(data)
    assert read.rest == b""
    assert b"".join(encode_tlv(item.tag, item.value) for item in read.items) == data


def test_noise_never_raises() -> None:
    seed = 1_309
    chance = random.Random(seed)
    for _ in range(3_000):
        data = chance.randbytes(chance.randrange(60))
        read = read_tlv(data)
        assert data.endswith(read.rest), f"seed {seed}"
