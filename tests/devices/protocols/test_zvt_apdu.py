from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.zvt_apdu import CLASSES, Apdu, ApduReader, Control, encode_apdu
from edge.contract.device_limits import (
    ZVT_APDU_BYTES_MAX,
)
from edge.contract.errors import ProtocolViolation

CASES = [
    pytest.param(Apdu(Control.POSITIVE), "80 00 00", id="positive"),
    pytest.param(Apdu(0x8483), "84 83 00", id="negative"),
    pytest.param(Apdu(Control.ABORT), "06 B0 00", id="no data"),
    pytest.param(Apdu(0x0601, b"\x04" + bytes(6)), "06 01 07 04 00 00 00 00 00 00", id="short"),
    pytest.param(Apdu(0x06D1, b"x" * 254), "06 D1 FE" + " 78" * 254, id="longest short length"),
    pytest.param(Apdu(0x06D3, b"x" * 255), "06 D3 FF FF 00" + " 78" * 255, id="extended length"),
    pytest.param(Apdu(0x06D3, b"x" * 300), "06 D3 FF 2C 01" + " 78" * 300, id="low byte first"),
]


@pytest.mark.parametrize(("apdu", "wire"), CASES)
def test_encode(apdu: Apdu, wire: str) -> None:
    assert encode_apdu(apdu) == bytes.fromhex(wire)


@pytest.mark.parametrize(("apdu", "wire"), CASES)
def test_decode_whole_with_trailing_bytes(apdu: Apdu, wire: str) -> None:
    reader = ApduReader()
    reader.feed(bytes.fromhex(wire) + b"\x06\x0f")
    assert reader.next_apdu() == apdu
    assert reader.next_apdu() is None
    assert reader.pending_bytes == 2


@pytest.mark.parametrize(("apdu", "wire"), CASES)
def test_decode_byte_by_byte(apdu: Apdu, wire: str) -> None:
    reader = ApduReader()
    data = bytes.fromhex(wire)
    for byte in data[:-1]:
        reader.feed(bytes([byte]))
        assert reader.next_apdu() is None
    reader.feed(data[-1:])
    assert reader.next_apdu() == apdu
    assert reader.next_apdu() is None
    assert reader.pending_bytes == 0


def test_an_extended_length_may_be_shorter_than_it_needs_to_be() -> None:
    reader = ApduReader()
    reader.feed(bytes.fromhex("04 0F FF 02 00 27 00"))
    assert reader.next_apdu() == Apdu(0x040F, b"\x27\x00")


@pytest.mark.parametrize(
    ("wire", "code"),
    [("47 45 54", "zvt_garbage"), ("00", "zvt_garbage"), ("06 D3 FF 01 40", "zvt_too_long")],
)
def test_what_cannot_be_a_unit_breaks_the_reader_for_good(wire: str, code: str) -> None:
    reader = ApduReader()
    reader.feed(bytes.fromhex("80 00 00"))
    reader.feed(bytes.fromhex(wire))
    assert reader.next_apdu() == Apdu(Control.POSITIVE)
    for _ in range(2):
        with pytest.raises(ProtocolViolation) as caught:
            reader.next_apdu()
        assert caught.value.code == code
        reader.feed(bytes.fromhex("80 00 00"))


def test_the_longest_unit_passes_and_one_byte_more_does_not() -> None:
    longest = Apdu(0x06D3, bytes(ZVT_APDU_BYTES_MAX))
    reader = ApduReader()
    reader.feed(encode_apdu(longest))
    assert reader.next_apdu() == longest
    with pytest.raises(ValueError, match="longer than"):
        encode_apdu(Apdu(0x06D3, bytes(ZVT_APDU_BYTES_MAX + 1)))


units = st.lists(
    st.builds(
        lambda first, second, data: Apdu(first << 8 | second, data),
        st.sampled_from(sorted(CLASSES)),
        st.integers(0, 255),
        st.binary(max_size=600),
    ),
    max_size=6,
)


@given(units=units, cuts=st.lists(st.integers(1, 40), min_size=1))
def test_units_survive_any_cutting(units: list[Apdu], cuts: list[int]) -> None:
    wire = b"".join(encode_apdu(unit) for unit in units)
    reader, read, at, step = ApduReader(), [], 0, 0
    while at < len(wire):
        size = cuts[step % len(cuts)]
        reader.feed(wire[at : at + size])
        at, step = at + size, step + 1
        while (unit := reader.next_apdu()) is not None:
            read.append(unit)
    assert read == units


def test_noise_is_either_units_or_a_violation() -> None:
    seed = 20_007
    chance = random.Random(seed)
    violations = 0
    for _ in range(2_000):
        reader = ApduReader()
        reader.feed(chance.randbytes(chance.randrange(1, 80)))
        try:
            while reader.next_apdu() is not None:
                pass
        except ProtocolViolation:
            violations += 1
    assert violations > 1_000, f"seed {seed}"
