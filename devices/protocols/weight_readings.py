"""What scales say in any language, and how answers are cut out of bytes. Sans-I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from edge.contract.device_states import WeightState

A = TypeVar("A")

_KILOGRAMS: Final = re.compile(rb" *[0-9]{1,4}\.[0-9]{1,3}")


@dataclass(frozen=True)
class Reading:
    """What lies on the scale. `weight_g` is 0 unless the state is stable or unstable."""

    state: WeightState
    weight_g: int = 0


@dataclass(frozen=True)
class Trouble:
    """What a scale says that no weight state does: a code, words, and what a person should do."""

    code: str
    words: str
    advice: str


SCALE_FAULTY: Final = Trouble(
    "scale_faulty",
    "The scale reports a fault of its own: memory or calibration.",
    "Switch it off and on with nothing on it; if it says so again, have it serviced.",
)


def grams(kilograms: bytes) -> int | None:
    """Return digits such as ` 0.742` in grams; None for what is no number, or finer than a gram."""
    if not _KILOGRAMS.fullmatch(kilograms):
        return None
    whole, _, rest = kilograms.strip().partition(b".")
    return int(whole) * 1000 + int(rest.ljust(3, b"0"))


Cut = tuple[A | None, int]
"""An answer (None: these bytes are none) and how many bytes it took, at least one."""


class AnswerReader(Generic[A]):
    """Bytes in, answers out; None among them is a run of noise, which counts once.

    `cut` looks at the bytes at hand and returns what stands at their beginning, or None when
    that is not whole yet. It must answer once it has `bytes_max`: no more is ever held.
    """

    def __init__(self, cut: Callable[[bytes], Cut[A] | None], bytes_max: int) -> None:
        self._cut = cut
        self._bytes_max = bytes_max
        self._buffer = b""

    def feed(self, data: bytes) -> list[A | None]:
        """Take bytes and return what they complete, in order."""
        found: list[A | None] = []
        at, held = 0, self._buffer + data
        while at < len(held):
            cut = self._cut(held[at : at + self._bytes_max])
            if cut is None:
                break
            answer, taken = cut
            at += taken
            if answer is not None or found[-1:] != [None]:
                found.append(answer)
        self._buffer = held[at:]
        return found

    def flush(self) -> list[A | None]:
        """Give up what is not whole: the line has fallen silent inside it."""
        broken, self._buffer = bool(self._buffer), b""
        return [None] if broken else []


def framed(
    begin: int,
    end: int,
    bytes_max: int,
    read: Callable[[bytes], A | None],
    *,
    whole: bool = False,
) -> Callable[[bytes], Cut[A] | None]:
    """Return a `cut` for messages between two bytes; `read` gets what stands between them.

    In a damaged message another one may begin: only its first byte is thrown away. `whole`: not
    so where `begin` stands inside of messages too, there a part of one would be taken for another.
    """

    def cut(held: bytes) -> Cut[A] | None:
        if held[0] != begin:
            start = held.find(begin)
            return None, start if start > 0 else len(held)
        stop = held.find(end, 1)
        if stop < 0:
            return (None, 1) if len(held) >= bytes_max else None
        answer = read(held[1:stop])
        return answer, 1 if answer is None and not whole else stop + 1

    return cut
