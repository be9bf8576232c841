from __future__ import annotations

import pytest

from devices.recordings.bundle import Bundle, Heading, pack, unpack
from devices.transports.flight_recorder import FlightEntry
from edge.contract.errors import Refused

HEADING = Heading(
    1, "scale-1", "scale_cas", {"address": "tcp://192.0.2.1:1"}, 1_795_000_000_000, "lost", "Gone."
)
BUNDLE = Bundle(
    HEADING,
    (
        FlightEntry(1_795_000_000_000, "out", b"\x05"),
        FlightEntry(1_795_000_000_007, "in", b"\x06\x00\xff"),
        FlightEntry(1_795_000_000_008, "in", b""),
        FlightEntry(1_795_000_000_009, "note", b"disconnected"),
    ),
)
WRITTEN = (
    b'{"tillbox_recording":1,"device":"scale-1","driver":"scale_cas",'
    b'"settings":{"address":"tcp://192.0.2.1:1"},"at_ms":1795000000000,"reason":"lost",'
    b'"words":"Gone.","version":""}\n'
    b'{"at_ms":1795000000000,"way":"out","data":"BQ=="}\n'
    b'{"at_ms":1795000000007,"way":"in","data":"BgD/"}\n'
    b'{"at_ms":1795000000008,"way":"in","data":""}\n'
    b'{"at_ms":1795000000009,"way":"note","data":"ZGlzY29ubmVjdGVk"}\n'
)


def test_a_recording_is_lines_of_json_and_read_back_as_it_was() -> None:
    assert pack(BUNDLE) == WRITTEN
    assert unpack(WRITTEN, "a.jsonl") == BUNDLE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "first line is no heading"),
        (b"\xff\xfe", "first line is no heading"),
        (b"[" * 100_000, "first line is no heading"),
        (WRITTEN.replace(b"scale-1", b"../scale"), "first line is no heading"),
        (WRITTEN.replace(b"scale_cas", b"os.system"), "first line is no heading"),
        (WRITTEN.replace(b"BgD/", b"BgD"), "line 3 is no entry"),
        (WRITTEN + b"{}\n", "line 6 is no entry"),
        (WRITTEN.replace(b'recording":1', b'recording":2'), "version 2"),
        (WRITTEN + b" " * 1_048_576, "over 1048576 bytes"),
    ],
)
def test_what_is_no_recording_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        unpack(content, "a.jsonl")
    assert "a.jsonl" in caught.value.message
    assert caught.value.advice
