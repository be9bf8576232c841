from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.runtime.mqtt_connect import (
    Connect,
    LengthReader,
    NotAConnect,
    OtherProtocol,
    Will,
    clean_connect,
    parse_connect,
    refusal,
    remaining_length,
)
from tests.runtime.raw_mqtt import connect_packet

TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)
WILLS = st.none() | st.builds(Will, TEXT, st.binary(max_size=40), st.integers(0, 2), st.booleans())
CONNECTS = st.builds(Connect, TEXT, st.none() | TEXT, st.none(), st.just(0), WILLS)


def body_of(packet: bytes) -> bytes:
    length = LengthReader()
    at = 1
    while not length.feed(packet[at]):
        at += 1
    body = packet[at + 1 :]
    assert len(body) == length.length
    return body


def test_a_packet_as_the_standard_writes_it() -> None:
    # OASIS MQTT 3.1.1, figures 3.2 to 3.6, with a payload after 3.1.3
    packet = bytes.fromhex(
        "10 27 0004 4D515454 04 EE 000A"
        "0003 613162"  # client id "a1b"
        "0003 742F77"  # will topic "t/w"
        "0003 00FF01"  # will message
        "0004 75736572"  # "user"
        "0006 736563726574"  # "secret"
    )
    assert parse_connect(body_of(packet)) == Connect(
        "a1b", "user", "secret", 10, Will("t/w", b"\x00\xff\x01", 1, retain=True)
    )


@given(CONNECTS)
def test_what_is_written_is_read_again(connect: Connect) -> None:
    assert parse_connect(body_of(clean_connect(connect))) == connect


def test_the_packet_of_another_hand_is_read() -> None:
    packet = connect_packet("id", "user", "pass", will=("t", b"w"), keep_alive_s=7, clean=False)
    found = parse_connect(body_of(packet))
    assert found == Connect("id", "user", "pass", 7, Will("t", b"w", 1, retain=True))
    assert b"pass" not in clean_connect(found)


@given(CONNECTS, st.data())
def test_a_damaged_packet_is_read_or_refused_and_nothing_else(
    connect: Connect, data: st.DataObject
) -> None:
    body = bytearray(body_of(clean_connect(connect)))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    for damaged in (bytes(body), bytes(body[:cut]), bytes(body) + b"x"):
        try:
            read = parse_connect(damaged)
        except NotAConnect:
            continue
        assert isinstance(read, Connect)


@pytest.mark.parametrize("body", [b"\0\6MQIsdp\3", b"\0\4MQTT\5", b"\0\4HTTP\4"])
def test_another_protocol_is_told_apart(body: bytes) -> None:
    with pytest.raises(OtherProtocol):
        parse_connect(body + bytes(20))


@given(st.integers(0, 268_435_455))
def test_lengths(length: int) -> None:
    encoded = remaining_length(length)
    reader = LengthReader()
    assert [reader.feed(byte) for byte in encoded] == [False] * (len(encoded) - 1) + [True]
    assert (reader.length, len(encoded) <= 4) == (length, True)


def test_a_length_has_four_bytes() -> None:
    reader = LengthReader()
    for _ in range(4):
        reader.feed(0xFF)
    with pytest.raises(NotAConnect):
        reader.feed(1)
    assert remaining_length(321) == b"\xc1\x02"  # the standard's own example
    assert refusal(5) == b"\x20\x02\x00\x05"
