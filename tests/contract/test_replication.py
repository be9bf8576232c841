"""The head of a frame, byte by byte, and what is signed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    FRAME_RAW_BYTES_MAX,
)
from edge.contract.replication import (
    HEADER_BYTES,
    SIGNATURE_BYTES,
    FrameHeader,
    Head,
    ack_bytes,
    parse_header,
    proof_bytes,
)

HEADER = FrameHeader(
    store=1, gen=2, first_seq=3, count=4, dict_id=5, raw_len=6, last_hash=bytes(range(32))
)
# written out by hand from the layout in the module's words
PACKED = bytes.fromhex(
    "54010000000000010000000200000000000000030004000500000006"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)  # fmt: skip
SIGNATURE = bytes(SIGNATURE_BYTES)


def test_a_header_is_60_bytes_in_the_documented_order() -> None:
    assert HEADER_BYTES == len(PACKED) == 60
    assert HEADER.pack() == PACKED
    assert parse_header(PACKED + SIGNATURE) == HEADER
    assert parse_header(memoryview(PACKED + b"payload" + SIGNATURE)) == HEADER
    assert HEADER.last_seq == 6


def packed_with(at: int, value: bytes) -> bytes:
    return PACKED[:at] + value + PACKED[at + len(value) :] + SIGNATURE


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "too few"),
        (PACKED, "too few"),
        (PACKED + SIGNATURE[:-1], "too few"),
        (packed_with(0, b"\x55"), "begins with 0x55"),
        (packed_with(1, b"\x02"), "version 2"),
        (packed_with(12, bytes(8)), "from seq 0"),
        (packed_with(20, bytes(2)), "0 events"),
        (packed_with(24, (FRAME_RAW_BYTES_MAX + 1).to_bytes(4, "big")), "would unpack"),
    ],
)
def test_a_header_that_is_wrong_is_refused_saying_why(frame: bytes, why: str) -> None:
    with pytest.raises(ProtocolViolation, match=why) as violation:
        parse_header(frame)
    assert violation.value.code == "frame_malformed"


def test_the_largest_frame_is_taken() -> None:
    frame = packed_with(24, FRAME_RAW_BYTES_MAX.to_bytes(4, "big"))
    assert parse_header(frame).raw_len == FRAME_RAW_BYTES_MAX


@given(
    store=st.integers(0, 2**32 - 1),
    gen=st.integers(0, 2**32 - 1),
    first_seq=st.integers(1, 2**63),
    count=st.integers(1, 2**16 - 1),
    dict_id=st.integers(0, 2**16 - 1),
    raw_len=st.integers(0, FRAME_RAW_BYTES_MAX),
    last_hash=st.binary(min_size=32, max_size=32),
    flags=st.integers(0, 2**16 - 1),
)
def test_any_header_comes_back(**fields: int | bytes) -> None:
    header = FrameHeader(**fields)  # type: ignore[arg-type]  # drawn by name
    assert parse_header(header.pack() + SIGNATURE) == header


@given(frame=st.binary(max_size=200) | st.binary(max_size=140).map(lambda b: b"\x54\x01" + b))
def test_any_bytes_are_a_header_or_refused(frame: bytes) -> None:
    outcome: object
    try:
        outcome = parse_header(frame)
    except ProtocolViolation as violation:
        outcome = violation.code
    assert isinstance(outcome, FrameHeader) or outcome == "frame_malformed"


def test_what_is_signed_names_everything_it_stands_for() -> None:
    assert proof_bytes("harbour-street", "n1", "ab") == (b"tillbox hello v1|harbour-street|n1|ab")
    head = Head(2, 417, "0" * 64)
    assert ack_bytes("harbour-street", head, 400, 1_795_000_000_000) == (
        b"tillbox ack v1|harbour-street|2|417|" + b"0" * 64 + b"|400|1795000000000"
    )
