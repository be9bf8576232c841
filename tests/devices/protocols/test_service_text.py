"""Texts of announced services: the examples of RFC 6763, section 6, and those of liars."""

from __future__ import annotations

import pytest

from devices.protocols.service_text import plain, read_service_text
from edge.contract.device_limits import (
    FOUND_TEXT_CHARS_MAX,
    SERVICE_KEYS_MAX,
    SERVICE_TEXT_BYTES_MAX,
)


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        (b"", {}),
        (b"\x00", {}),  # 6.1: one empty string is no text
        (b"\x09txtvers=1", {"txtvers": "1"}),
        (  # 6.1's own example
            b"\x09key=value\x08paper=A4\x0eDNS-SD Is Cool",
            {"key": "value", "paper": "A4", "dns-sd is cool": ""},
        ),
        (b"\x0apaper=A4=x\x05Color", {"paper": "A4=x", "color": ""}),  # 6.4: = in a value
        (b"\x04Foo=\x06PLUG=1", {"foo": "", "plug": "1"}),  # empty, and any case
        (b"\x03a=1\x03A=2", {"a": "1"}),  # the first one counts
        (b"\x06=value\x03a=1", {"a": "1"}),  # 6.4: begins with =, left out
        (b"\x03a=1\x09b=cut", {"a": "1"}),
        (b"\x03a=1\xff", {"a": "1"}),
        (b"\x04\x07a=1\x05\xc3\xa4=12\x03b=2", {"b": "2"}),  # keys are printable ASCII
        (b"\x05t=\xff\xfe!\x06u=\x1b[2J", {"t": "\ufffd\ufffd!", "u": "[2J"}),
        (b"\x00\x00\x00\x03a=1", {"a": "1"}),
    ],
)
def test_a_text_is_read_as_far_as_it_is_one(record: bytes, keys: dict[str, str]) -> None:
    assert read_service_text(record) == keys


def test_of_a_text_that_is_too_long_or_has_too_many_keys_the_first_are_read() -> None:
    many = b"".join(bytes([5]) + b"k%02d=1" % n for n in range(99))
    assert list(read_service_text(many)) == [f"k{n:02}" for n in range(SERVICE_KEYS_MAX)]
    long = b"\x03a=1" + (b"\xff" + b"x" * 255) * 255
    assert len(long) > 64_000
    assert set(read_service_text(long)) == {"a", "x" * 255}
    late = b"\xff" + b"x" * 255
    assert "z" not in read_service_text(late * (SERVICE_TEXT_BYTES_MAX // 256 + 1) + b"\x03z=1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Kasse 1", "Kasse 1"),
        ("  two\r\nlines\t ", "two lines"),
        ("\x1b[31mred\x07\x00", "[31mred"),
        ("abc\u202edef\u2066ghi\u200b", "abc def ghi"),
        ("收据打印机 \u0627\u0644", "收据打印机 \u0627\u0644"),
        (b"B\xfcro", "B\ufffdro"),
        ("\ud800x", "x"),
        ("A" * 500, "A" * FOUND_TEXT_CHARS_MAX),
        (" " * 500 + "A", ""),
    ],
)
def test_a_stranger_s_words_are_one_printable_line(text: str | bytes, shown: str) -> None:
    assert plain(text) == shown
