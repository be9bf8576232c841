from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocols.scanned_codes import Misread
from devices.protocols.scanner_lines import LineFormat, ScannerLines
from edge.contract.device_limits import (
    SERIAL_IDLE_FLUSH_MS,
    SERIAL_TAIL_MS,
)
from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)

EAN = b"9521234567892"
SCANNED = BarcodeScanned(EAN.decode())
GS1 = "]C10109521234567892\x1d1012"
STX_ETX = LineFormat(prefix=b"\x02", suffix=b"\x03")
LONGEST = b"7" * BARCODE_CHARS_MAX


@pytest.mark.parametrize(
    ("line", "data", "expected"),
    [
        (LineFormat(), EAN + b"\r", [SCANNED]),
        (LineFormat(), EAN + b"\n", [SCANNED]),
        (LineFormat(), EAN + b"\r\n", [SCANNED]),
        (LineFormat(), EAN + b"\r\n" + EAN + b"\r\n", [SCANNED, SCANNED]),
        (LineFormat(), b"\r\n\r\n", []),
        (LineFormat(), EAN, []),
        (LineFormat(), b"]E0" + EAN + b"\r", [BarcodeScanned(EAN.decode(), "]E0")]),
        (LineFormat(), GS1.encode() + b"\r", [BarcodeScanned(GS1[3:], "]C1")]),
        (LineFormat(aim=False), b"]E0" + EAN + b"\r", [BarcodeScanned("]E0" + EAN.decode())]),
        (LineFormat(), b"]E" + b"\r", [BarcodeScanned("]E")]),
        (LineFormat(), b"]E0\r", [Misread.EMPTY]),
        (LineFormat(), b"a]E0b\r", [BarcodeScanned("a]E0b")]),
        (LineFormat(group_separator="|"), b"0101|10A\r", [BarcodeScanned("0101\x1d10A")]),
        (LineFormat(), b"01\x1f01\r" + EAN + b"\r", [Misread.CONTROL_CHARACTER, SCANNED]),
        (LineFormat(), b"01\x7f01\r", [Misread.CONTROL_CHARACTER]),
        (LineFormat(), b"01\x00\r", [Misread.CONTROL_CHARACTER]),
        (LineFormat(), "01\x8501\r".encode(), [Misread.CONTROL_CHARACTER]),
        (LineFormat(), b"01\x8501\r", [Misread.CONTROL_CHARACTER]),  # C1 in Latin-1
        (LineFormat(), "Grüße 木\r".encode(), [BarcodeScanned("Grüße 木")]),
        (LineFormat(), "Grüße\r".encode("latin-1"), [BarcodeScanned("Grüße")]),
        (STX_ETX, b"\x02" + EAN + b"\x03", [SCANNED]),
        (STX_ETX, EAN + b"\x03", [Misread.NO_PREFIX]),
        (STX_ETX, b"\x02\x03", [Misread.EMPTY]),
        (STX_ETX, b"\x03\x02" + EAN + b"\x03", [SCANNED]),
        (LineFormat(suffix=b"\r\n"), EAN + b"\r" + EAN + b"\r\n", [Misread.CONTROL_CHARACTER]),
        (LineFormat(suffix=b"\t"), EAN + b"\t", [SCANNED]),
        (LineFormat(), LONGEST + b"\r", [BarcodeScanned(LONGEST.decode())]),
        (LineFormat(), LONGEST + b"7\r", [Misread.TOO_LONG]),
        (LineFormat(), b"]Q1" + LONGEST + b"\r", [BarcodeScanned(LONGEST.decode(), "]Q1")]),
        (LineFormat(), LONGEST * 20 + b"\r" + EAN + b"\r", [Misread.TOO_LONG, SCANNED]),
        (STX_ETX, b"\x02" + LONGEST + b"777\x03", [Misread.TOO_LONG]),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 2, 7, 10**6])
def test_a_line_reads_the_same_in_every_cut(
    line: LineFormat, data: bytes, expected: list[object], piece_bytes: int
) -> None:
    lines = ScannerLines(line)
    found: list[object] = []
    for start in range(0, len(data), piece_bytes):
        found += lines.feed(data[start : start + piece_bytes])
    assert found == expected
    assert (lines.silence_ms is not None) == (data == EAN)


def test_without_a_suffix_silence_ends_a_code() -> None:
    lines = ScannerLines(LineFormat())
    assert lines.feed(EAN) == []
    assert lines.silence_ms == SERIAL_IDLE_FLUSH_MS
    assert lines.flush() == [SCANNED]
    assert lines.silence_ms is None
    assert lines.flush() == []


def test_half_a_code_of_a_scanner_with_suffix_is_no_code() -> None:
    lines = ScannerLines(LineFormat())
    assert lines.feed(EAN + b"\r" + EAN[:8]) == [SCANNED]
    assert lines.flush() == [Misread.CUT_OFF]
    assert lines.silence_ms == SERIAL_TAIL_MS
    assert lines.flush() == []
    assert lines.silence_ms is None
    assert lines.feed(EAN + b"\r") == [SCANNED]


@pytest.mark.parametrize("half", [EAN[:8], LONGEST + b"7777"])
def test_the_other_half_of_a_code_is_no_code_either(half: bytes) -> None:
    # a radio link that stood still in the middle: "333931" could be somebody's PLU
    lines = ScannerLines(LineFormat())
    assert lines.feed(EAN + b"\r" + half) == [SCANNED]
    assert len(lines.flush()) == 1
    assert lines.feed(EAN[8:10]) == []
    assert lines.silence_ms == SERIAL_IDLE_FLUSH_MS
    assert lines.flush() == []
    assert lines.feed(EAN[10:] + b"\r" + EAN + b"\r") == [SCANNED]


@pytest.mark.parametrize("more", [b"7", b"7" * 9000])
def test_silence_after_too_much_is_a_misread(more: bytes) -> None:
    lines = ScannerLines(LineFormat())
    lines.feed(b"7" * (BARCODE_CHARS_MAX + 3))
    lines.feed(more)
    assert lines.silence_ms == SERIAL_IDLE_FLUSH_MS
    assert lines.flush() == [Misread.TOO_LONG]
    assert lines.silence_ms is None


def test_silence_after_slightly_too_much_is_a_misread() -> None:
    lines = ScannerLines(LineFormat(suffix=b"\r\n"))
    lines.feed(b"7" * (BARCODE_CHARS_MAX + 4))
    assert lines.flush() == [Misread.TOO_LONG]


def test_a_long_suffix_ends_an_endless_code_wherever_it_is_cut() -> None:
    lines = ScannerLines(LineFormat(suffix=b"<END>"))
    assert lines.feed(LONGEST * 3 + b"<EN") == []
    assert lines.feed(b"D>" + EAN + b"<END>") == [Misread.TOO_LONG, SCANNED]


formats = st.builds(
    LineFormat,
    prefix=st.sampled_from([b"", b"\x02", b"A"]),
    suffix=st.sampled_from([b"", b"\r", b"\r\n", b"\x03", b"ab"]),
    aim=st.booleans(),
    group_separator=st.sampled_from(["", "|"]),
)
noise = st.binary(max_size=60).map(lambda noise: noise.replace(b"7", b"7" * 700))


@given(line=formats, pieces=st.lists(noise, max_size=20))
def test_garbage_never_crashes_nor_grows(line: LineFormat, pieces: list[bytes]) -> None:
    lines = ScannerLines(line)
    for piece in pieces:
        for code in lines.feed(piece):
            if isinstance(code, BarcodeScanned):
                assert 1 <= len(code.text) <= BARCODE_CHARS_MAX
                assert all(
                    sign == "\x1d" or sign.isprintable() or ord(sign) > 0xFF or sign in "\xa0\xad"
                    for sign in code.text
                )
        assert len(lines._buffer) <= BARCODE_CHARS_MAX + 16
    lines.flush()
    lines.flush()
    assert lines.silence_ms is None


@given(line=formats, data=noise, cuts=st.lists(st.integers(0, 50_000), max_size=12))
def test_cuts_never_change_what_is_read(line: LineFormat, data: bytes, cuts: list[int]) -> None:
    whole, cut = ScannerLines(line), ScannerLines(line)
    expected = whole.feed(data)
    found: list[object] = []
    edges = [0, *sorted(min(at, len(data)) for at in cuts), len(data)]
    for start, end in pairwise(edges):
        found += cut.feed(data[start:end])
    assert found == expected
    assert whole.flush() == cut.flush()
