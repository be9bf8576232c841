"""One table of cases, used in every way a line can deliver them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol


class Reader(Protocol):
    def feed(self, data: bytes) -> Sequence[object]: ...

    def flush(self) -> object: ...


def check_case(
    new: Callable[[], Reader], sent: bytes, expected: Sequence[object], after: bytes = b"\xff"
) -> None:
    """Feed bytes whole, byte by byte, and with noise behind them; None is a run of noise.

    `after` is a byte that no message begins with.
    """
    assert list(new().feed(sent)) == list(expected)
    for pieces in ([sent[i : i + 1] for i in range(len(sent))], [sent, after], [after, sent]):
        reader = new()
        found = [answer for piece in pieces for answer in reader.feed(piece)]
        assert [each for each in found if each is not None] == [
            each for each in expected if each is not None
        ], pieces
        if len(pieces) > 2:
            assert (None in found) == (None in expected)


Spoil = Callable[[random.Random, bytes], bytes]


def cut_short(chance: random.Random, good: bytes) -> bytes:
    return good[: chance.randint(1, len(good) - 1)]


def tail(chance: random.Random, good: bytes) -> bytes:
    return good[chance.randint(1, len(good) - 1) :]


def byte_lost(chance: random.Random, good: bytes) -> bytes:
    at = chance.randrange(len(good))
    return good[:at] + good[at + 1 :]


def no_digit_any_more(chance: random.Random, good: bytes) -> bytes:
    """What a parity error leaves: one character is none that stands there."""
    at = chance.randrange(1, len(good) - 1)
    return good[:at] + chance.choice([b"\x00", b"~", b"\xff", b"!"]) + good[at + 1 :]


def noise(chance: random.Random, _: bytes) -> bytes:
    return chance.randbytes(chance.randint(1, 60))


def head_of_another(chance: random.Random, good: bytes) -> bytes:
    return cut_short(chance, good) + chance.choice([b"", good[:2]])


SPOILS: tuple[Spoil, ...] = (
    cut_short,
    tail,
    byte_lost,
    no_digit_any_more,
    noise,
    head_of_another,
)
