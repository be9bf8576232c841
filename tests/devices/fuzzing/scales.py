"""Scales beside CAS: whatever comes, a weight to sell by is one that the protocol writes so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from devices.protocols import scale_adam, scale_dialog06, scale_mt8217, scale_nci
from devices.protocols.weight_readings import AnswerReader, Reading, Trouble, grams
from edge.contract.device_limits import SCALE_PRICE_MINOR_MAX
from edge.contract.device_states import WeightState
from tests.devices.fuzzing.hostile import Play, pieces, some_bytes

_WEIGHT_G_MAX = 9_999_999
_HELD_MAX = 64


def _sensible(found: object) -> None:
    match found:
        case Reading(state, weight_g):
            assert 0 <= weight_g <= _WEIGHT_G_MAX
            weighs = state in {WeightState.STABLE, WeightState.UNSTABLE}
            assert weighs or weight_g == 0
        case scale_adam.Unmarked(weight_g):
            assert 0 <= weight_g <= _WEIGHT_G_MAX
        case Trouble(code, words, advice):
            assert code
            assert words
            assert advice
        case scale_dialog06.Weighed():
            assert 0 <= found.weight_g <= 99_999
            assert scale_dialog06.adds_up(found, found.price_minor, 10**9)
            assert not scale_dialog06.adds_up(found, found.price_minor + 1, 10**9)
        case _:
            pass


def _reader(make: Callable[[], AnswerReader[Any]], right: Sequence[bytes]) -> Play:
    reader = make()

    def play(chance: Random) -> None:
        data = some_bytes(chance, right)
        for piece in pieces(chance, data):
            before: object = ""
            for found in reader.feed(piece):
                assert found is not None or before is not found, "a run of noise counts once"
                before = found
                _sensible(found)
            assert len(reader._buffer) <= _HELD_MAX
        if chance.random() < 0.1:
            reader.flush()
            assert not reader._buffer
        _same_however_cut(make, data, chance)

    return play


def _same_however_cut(make: Callable[[], AnswerReader[Any]], data: bytes, chance: Random) -> None:
    """What stands in bytes does not depend on how they came; noise may be counted more often."""
    at_once, cut = make(), make()
    whole = [found for found in at_once.feed(data) if found is not None]
    split = [found for piece in pieces(chance, data) for found in cut.feed(piece)]
    assert [found for found in split if found is not None] == whole


def mt8217() -> Play:
    right = (b"\x0201.234\r", b"\x02 1.234N\r", b"\x0203.21\r", b"\x02?A\r", b"\x02?\x50\r")
    return _reader(scale_mt8217.answers, right)


def nci() -> Play:
    right = (
        b"\n01.234KG\r\nS00\r\x03",
        b"\nS10\r\x03",
        b"\n   1.234kg\r\n0p4\r\x03",
        b"\n?\r\x03",
        b"\n-0.005KG\r\nS01\r\x03",
    )
    return _reader(scale_nci.answers, right)


def dialog06() -> Play:
    right = (
        b"\x06",
        b"\x15",
        b"\x0202\x1b3\x1b01234\x1b000199\x1b000246\x03",
        b"\x0209\x1b20\x03",
        b"\x0211\x1b2A7\x03",
    )
    heard = _reader(scale_dialog06.answers, right)

    def play(chance: Random) -> None:
        heard(chance)
        price = chance.randint(-5, SCALE_PRICE_MINOR_MAX + 5)
        try:
            record = scale_dialog06.price_record(price)
        except ValueError:
            assert not 0 < price <= SCALE_PRICE_MINOR_MAX
        else:
            assert record == b"\x04\x0201\x1b" + str(price).zfill(6).encode() + b"\x1b\x03"

    return play


def adam() -> Play:
    right = (
        b"        1.234kg \r\n" * 2,
        b"\n    1.234kgGR\r\x03" * 2,
        b"G +   1.234 kg\r\n" * 2,
        b"ST,GS,+  1.234kg\r\n" * 2,
        b"US,GS,-  0.005kg\r\n" * 2,
        b"       ^^^^^kg \r\n" * 2,
    )
    lines = scale_adam.ScaleLines()

    def play(chance: Random) -> None:
        for piece in pieces(chance, some_bytes(chance, right)):
            for found in lines.feed(piece):
                _sensible(found)
            assert len(lines._buffer) <= scale_adam.LINE_BYTES_MAX
        if chance.random() < 0.05:
            lines.flush()
        number = some_bytes(chance, (b"1.234", b" 12.5"))
        weight_g = grams(number)
        assert weight_g is None or 0 <= weight_g <= _WEIGHT_G_MAX

    return play
