from __future__ import annotations

import os
import random

import pytest

from devices.protocols.hidpos_reports import HidPosReports
from devices.protocols.scanned_codes import Misread
from edge.contract.device_limits import (
    KEY_IDLE_FLUSH_MS,
    SERIAL_TAIL_MS,
)
from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)

BOARDING_PASS = "M1GATHERGOOD/MICHAEL  YABCDEF LHRDURAK 3542 052Y003D23  "
"""56 signs of the manuals' example; their print does not show how many spaces there were."""
FIRST = b"\x02\x38]Q0" + BOARDING_PASS.encode() + b"s\x00\x01"
SECOND = b"\x02\x04]Q0" + b"1234" + bytes(52) + b"s\x00\x00"
"""The manuals' example: 60 bytes of data in two reports (Access-IS ATR110, p. 33)."""
LONG = BarcodeScanned(BOARDING_PASS + "1234", "]Q0")

EAN_REPORT = bytes.fromhex(
    "02 0d 5d4530 39353231323334353637383932" + "00" * 43 + "64 00 00"
)  # 9521234567892
EAN = BarcodeScanned("9521234567892", "]E0")
REPORTS = int(os.environ.get("HIDPOS_FUZZ_REPORTS", "20000"))
"""Short form; `HIDPOS_FUZZ_REPORTS=1000000` is the long one."""
SEED = int(os.environ.get("HIDPOS_FUZZ_SEED", "20261127"))


def report(data: bytes, aim: bytes = b"]C1", *, more: bool = False, length: int = -1) -> bytes:
    head = bytes((2, len(data) if length < 0 else length)) + aim
    return head + data.ljust(56, b"\0") + b"j\0" + bytes((more,))


def parts(data: bytes) -> bytes:
    pieces = [data[at : at + 56] for at in range(0, len(data), 56)]
    return b"".join(report(piece, more=piece is not pieces[-1]) for piece in pieces)


def test_reports_are_64_bytes_and_the_helper_writes_them() -> None:
    assert len(FIRST) == len(SECOND) == len(EAN_REPORT) == 64
    assert report(b"9521234567892", b"]E0").replace(b"j", b"d") == EAN_REPORT


CASES: list[tuple[bytes, list[object]]] = [
    (EAN_REPORT, [EAN]),
    (EAN_REPORT * 2, [EAN, EAN]),
    (FIRST + SECOND, [LONG]),
    (FIRST + SECOND + EAN_REPORT, [LONG, EAN]),
    (report(b"01\x1d10"), [BarcodeScanned("01\x1d10", "]C1")]),
    (report("Grüße".encode()), [BarcodeScanned("Grüße", "]C1")]),
    (report("Grüße".encode("latin-1")), [BarcodeScanned("Grüße", "]C1")]),
    (report(b"1" * 55 + "ü".encode()[:1], more=True) + report("ü".encode()[1:]),
     [BarcodeScanned("1" * 55 + "ü", "]C1")]),  # a letter over two reports
    (report(b"]E0123"), [BarcodeScanned("]E0123", "]C1")]),  # the code's own business
    (report(b"12\r"), [Misread.CONTROL_CHARACTER]),
    (report(b"12\0"), [Misread.CONTROL_CHARACTER]),
    (report(b"12", length=5), [Misread.CONTROL_CHARACTER]),
    (report(b""), [Misread.EMPTY]),
    (report(b"1" * 56, more=True) + report(b""), [BarcodeScanned("1" * 56, "]C1")]),
    (FIRST + EAN_REPORT + EAN_REPORT, [Misread.CUT_OFF, EAN]),  # half a code, then another
    (FIRST, []),
    (report(b"12", length=57) + EAN_REPORT, [Misread.UNKNOWN_REPORT, EAN]),
    (report(b"12", b"952") + EAN_REPORT, [Misread.UNKNOWN_REPORT, EAN]),  # the IDTECH layout
    (report(b"12", b"]\xc30"), [Misread.UNKNOWN_REPORT]),
    (b"\x01" + EAN_REPORT[1:] + EAN_REPORT, [EAN]),  # another report: status
    (bytes(64) + EAN_REPORT, [EAN]),
    (parts(b"7" * BARCODE_CHARS_MAX), [BarcodeScanned("7" * BARCODE_CHARS_MAX, "]C1")]),
    (parts(b"7" * (BARCODE_CHARS_MAX + 1)) + EAN_REPORT, [Misread.TOO_LONG, EAN]),
    (parts(b"7" * 100_000) + EAN_REPORT, [Misread.TOO_LONG, EAN]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), CASES)
@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 10**9])
def test_reports_read_the_same_in_every_cut(
    data: bytes, expected: list[object], piece_bytes: int
) -> None:
    reports = HidPosReports()
    found: list[object] = []
    for tail in (data, b"\x02" * 63):  # another report begins
        for start in range(0, len(tail), piece_bytes):
            found += reports.feed(tail[start : start + piece_bytes])
    assert found == expected
    assert not reports.broken


def test_a_stand_in_is_the_group_separator() -> None:
    assert HidPosReports("|").feed(report(b"01|10")) == [BarcodeScanned("01\x1d10", "]C1")]


def test_a_code_whose_next_report_does_not_come_is_cut_off_and_so_is_its_rest() -> None:
    reports = HidPosReports()
    assert reports.silence_ms is None
    assert reports.feed(FIRST) == []
    assert reports.silence_ms == KEY_IDLE_FLUSH_MS
    assert reports.flush() == [Misread.CUT_OFF]
    assert reports.silence_ms == SERIAL_TAIL_MS
    assert reports.feed(SECOND + EAN_REPORT) == [EAN]
    assert reports.silence_ms is None


def test_a_rest_that_does_not_come_is_waited_for_no_longer_than_it_takes() -> None:
    reports = HidPosReports()
    reports.feed(FIRST)
    reports.flush()
    assert reports.flush() == []
    assert reports.silence_ms is None
    assert reports.feed(EAN_REPORT) == [EAN]


def test_a_connection_after_a_cut_does_not_take_the_rest_for_a_code() -> None:
    reports = HidPosReports(cut_off=True)
    assert reports.feed(FIRST) == []
    assert reports.flush() == []  # counted before
    assert reports.feed(SECOND + EAN_REPORT) == [EAN]


def test_half_a_report_and_silence_breaks_the_connection() -> None:
    reports = HidPosReports()
    reports.feed(EAN_REPORT + b"\x02")
    assert reports.silence_ms == KEY_IDLE_FLUSH_MS
    assert reports.flush() == []
    assert reports.broken


def test_whatever_is_sent_never_crashes_nor_grows() -> None:
    chance = random.Random(SEED)
    reports = HidPosReports()
    for _ in range(REPORTS):
        data = bytearray(chance.choice((FIRST, SECOND, EAN_REPORT, report(b"\xc3"))))
        for _ in range(chance.choice((0, 0, 1, 3))):
            data[chance.randrange(64)] = chance.randrange(256)
        for code in reports.feed(bytes(data[: chance.choice((64, 64, 64, chance.randrange(64)))])):
            if isinstance(code, BarcodeScanned):
                assert 1 <= len(code.text) <= BARCODE_CHARS_MAX
                assert len(code.aim) == 3
        assert len(reports._data) <= BARCODE_CHARS_MAX * 4 + 56
        assert len(reports._buffer) < 64
    reports.flush()
    reports.flush()
    assert reports.silence_ms is None
