"""Scanners and scales: what comes out of any bytes is a code or a weight that may be believed."""

from __future__ import annotations

import re
import unicodedata
from random import Random

from devices.protocols import scale_cas
from devices.protocols.scale_cas import ScaleAnswers, read_block
from devices.protocols.scanner_lines import LineFormat, Misread, ScannerLines
from edge.contract.device_states import WeightState
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
    SCALE_WEIGHT_G_MAX,
)
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes, some_text

_FORMATS = (
    LineFormat(),
    LineFormat(suffix=b"\r\n", aim=False),
    LineFormat(prefix=b"\x02", suffix=b"\x03", group_separator="|"),
    LineFormat(prefix=b"ab", suffix=b"aba"),
)
_CODES = (
    b"]E09521234567892\r",
    b"9521234567892\r\n",
    b"\x02]C10109521234567892|10ABC\x1d17261231\x03",
    b"abQR with \xc3\xa4 and \xe4aba",
    b"9" * 3_000,  # without an end: what is held is bounded all the same
)


def scanner_lines() -> Play:
    readers = [ScannerLines(each) for each in _FORMATS]

    def play(chance: Random) -> None:
        reader = chance.choice(readers)
        if chance.random() < 0.1:
            found = reader.flush()
        else:
            data = some_bytes(chance, (*_CODES, some_text(chance).encode() + b"\r"))
            found = [each for piece in pieces(chance, data) for each in reader.feed(piece)]
        for each in found:
            if isinstance(each, Misread):
                continue
            assert 0 < len(each.text) <= BARCODE_CHARS_MAX
            assert all(
                unicodedata.category(sign) != "Cc" or sign == "\x1d" for sign in each.text
            ), ascii(each.text)
            assert re.fullmatch(r"(\][A-Za-z][0-9A-Za-z])?", each.aim)
        assert len(reader._buffer) <= BARCODE_CHARS_MAX + 16

    return play


def _block(text: bytes) -> bytes:
    check = 0
    for byte in text:
        check ^= byte
    return b"\x01\x02" + text + bytes([check]) + b"\x03\x04"


_BLOCKS = (
    b"\x06",
    b"\x15",
    _block(b"S 01.234kg"),
    _block(b"U-00.005kg"),
    _block(b"F ------kg"),
    _block(b"S  1.234lb"),
    _block(b"S+99.999kg"),
)


def scale_cas_answers() -> Play:
    reader = ScaleAnswers()

    def play(chance: Random) -> None:
        data = some_bytes(chance, _BLOCKS)
        found = [each for piece in pieces(chance, data) for each in reader.feed(piece)]
        if chance.random() < 0.1:
            found += reader.flush()
        for each in found:
            if isinstance(each, scale_cas.Line):
                continue
            assert 0 <= each.weight_g <= SCALE_WEIGHT_G_MAX * 100
            weighs = each.state in {WeightState.STABLE, WeightState.UNSTABLE}
            assert weighs or each.weight_g == 0
        # what is no block is none, and a block that was spoilt in one byte is none either
        block = bytearray(_block(b"S 0%d.%03dkg" % (chance.randrange(10), chance.randrange(1_000))))
        assert read_block(bytes(block)) is not None
        block[chance.randrange(2, 13)] ^= 1 << chance.randrange(8)
        assert read_block(bytes(block)) is None
        assert len(reader._buffer) < scale_cas.BLOCK_BYTES

    return play
