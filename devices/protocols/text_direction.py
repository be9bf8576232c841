"""In which order the signs of a line stand: the Unicode bidirectional algorithm (UAX #9).

The implicit rules (P2 to L2). The explicit ones (X1 to X8) have nothing to do: the marks that
embed, override and isolate are of category Cf, which `escpos_text.clean` takes out of every
text, so that no name turns its neighbour round. Mirrored signs (L4) are the shaper's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_RIGHT_TO_LEFT: Final = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_STRONG_RIGHT: Final = frozenset({"R", "AL"})
_NEUTRAL: Final = frozenset({"B", "S", "WS", "ON"})
_PAIRED: Final = "()[]{}\u2045\u2046\u2329\u232a\u2768\u2769\u27e8\u27e9\u3008\u3009\u300a\u300b"
_MORE_PAIRED: Final = "\u300c\u300d\u300e\u300f\u3010\u3011\u3014\u3015\uff08\uff09\uff3b\uff3d"
_CLOSER: Final = {
    opener: closer
    for pairs in (_PAIRED, _MORE_PAIRED)
    for opener, closer in zip(pairs[::2], pairs[1::2], strict=True)
}
_SAME_BRACKET: Final = {"\u2329": "\u3008", "\u232a": "\u3009"}
_OPEN_BRACKETS_MAX: Final = 63
"""BD16: with more of them open, none is looked at."""


def reads_right_to_left(language: str) -> bool:
    """Say whether lines in a language (BCP 47) begin at the right."""
    return language.partition("-")[0].lower() in _RIGHT_TO_LEFT


@lru_cache(maxsize=4_096)
def turns(char: str) -> bool:
    """Say whether a sign can make its line anything but left to right."""
    return unicodedata.bidirectional(char) in {"R", "AL", "AN"}


def has_turns(text: str) -> bool:
    """Say whether a text needs ordering at all."""
    return not text.isascii() and any(map(turns, text))


def begins_right(text: str) -> bool:
    """Say whether the first letter of a text is written from right to left (P2, P3)."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind == "L":
            return False
        if kind in _STRONG_RIGHT:
            return True
    return False


@dataclass(frozen=True)
class Run:
    """Signs of one direction, in the order in which they are read."""

    text: str
    right_to_left: bool


def runs_of(text: str, *, right_to_left: bool) -> list[Run]:
    """Return a line's runs as they stand from left to right."""
    levels = levels_of(text, right_to_left=right_to_left)
    spans: list[tuple[int, int, int]] = []
    for at, level in enumerate(levels):
        if spans and spans[-1][2] == level:
            spans[-1] = (spans[-1][0], at + 1, level)
        else:
            spans.append((at, at + 1, level))
    for lowest in range(max(levels, default=0), 0, -1):  # L2
        spans = _turned(spans, lowest)
    return [Run(text[begin:end], bool(level % 2)) for begin, end, level in spans]


def _turned(spans: list[tuple[int, int, int]], lowest: int) -> list[tuple[int, int, int]]:
    turned: list[tuple[int, int, int]] = []
    row: list[tuple[int, int, int]] = []
    for span in spans:
        if span[2] >= lowest:
            row.append(span)
            continue
        turned += reversed(row)
        turned.append(span)
        row = []
    turned += reversed(row)
    return turned


def levels_of(text: str, *, right_to_left: bool) -> list[int]:
    """Return the level of each sign; an odd one is read from right to left."""
    base = int(right_to_left)
    around = "R" if right_to_left else "L"
    given = [unicodedata.bidirectional(char) or "L" for char in text]
    kinds = _numbers(given, around)
    _brackets(text, given, kinds, around)
    _neutrals(kinds, around)
    levels = [base + _raise(kind, base) for kind in kinds]
    for at in range(len(levels) - 1, -1, -1):  # L1: spaces at the end of a line
        if given[at] not in {"WS", "S", "B"}:
            break
        levels[at] = base
    return levels


def _raise(kind: str, base: int) -> int:
    """I1 and I2."""
    if base % 2:
        return 0 if kind == "R" else 1
    return {"L": 0, "R": 1}.get(kind, 2)


def _numbers(given: Sequence[str], around: str) -> list[str]:
    """W1 to W7: marks go with what they stand on, signs of numbers with their numbers."""
    kinds: list[str] = []
    before = strong = around
    for kind in given:
        now = before if kind == "NSM" else kind
        before = now
        if now in {"L", "R", "AL"}:
            strong = now
        elif now == "EN" and strong == "AL":
            now = "AN"
        kinds.append(now)
    _separators(kinds)
    _terminators(kinds)
    strong = around
    for at, kind in enumerate(kinds):
        if kind in {"L", "R", "AL"}:
            strong = "R" if kind == "AL" else kind
            kinds[at] = strong
        elif kind in {"ES", "CS", "ET", "BN"}:
            kinds[at] = "ON"
        elif kind == "EN" and strong == "L":
            kinds[at] = "L"
    return kinds


def _separators(kinds: list[str]) -> None:
    """W4: one sign between two numbers of a kind."""
    for at in range(1, len(kinds) - 1):
        before, kind, after = kinds[at - 1 : at + 2]
        if before == after and ((kind == "CS" and after in {"EN", "AN"}) or kind + after == "ESEN"):
            kinds[at] = after


def _terminators(kinds: list[str]) -> None:
    """W5: signs before or behind a number, such as of a currency or per cent."""
    at = 0
    while at < len(kinds):
        end = at
        while end < len(kinds) and kinds[end] == "ET":
            end += 1
        if end > at:
            near = (kinds[at - 1] if at else "", kinds[end] if end < len(kinds) else "")
            if "EN" in near:
                kinds[at:end] = ["EN"] * (end - at)
        at = end + 1


def _direction(kind: str) -> str:
    """N1: numbers count as right to left among neutrals; nothing for a neutral."""
    return "" if kind in _NEUTRAL else ("L" if kind == "L" else "R")


def _brackets(text: str, given: Sequence[str], kinds: list[str], around: str) -> None:
    """N0: a pair of brackets goes with what it holds, or with what is before it."""
    for begin, end in _bracket_pairs(text, kinds):
        inside = {_direction(kind) for kind in kinds[begin + 1 : end]} - {""}
        if around in inside:
            to = around
        elif inside:
            before = (_direction(kinds[at]) for at in range(begin - 1, -1, -1))
            to = next(filter(None, before), around)
        else:
            continue
        for at in (begin, end):
            kinds[at] = to
            for mark in range(at + 1, len(kinds)):
                if given[mark] != "NSM":
                    break
                kinds[mark] = to


def _bracket_pairs(text: str, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """BD16."""
    pairs: list[tuple[int, int]] = []
    open_now: list[tuple[str, int]] = []
    for at, char in enumerate(text):
        if kinds[at] != "ON":
            continue
        if char in _CLOSER:
            if len(open_now) == _OPEN_BRACKETS_MAX:
                return []
            closer = _CLOSER[char]
            open_now.append((_SAME_BRACKET.get(closer, closer), at))
            continue
        sign = _SAME_BRACKET.get(char, char)
        for depth in range(len(open_now) - 1, -1, -1):
            if open_now[depth][0] == sign:
                pairs.append((open_now[depth][1], at))
                del open_now[depth:]
                break
    return sorted(pairs)


def _neutrals(kinds: list[str], around: str) -> None:
    """N1 and N2: neutrals between two of one direction take it, others that of the line."""
    at = 0
    before = around
    while at < len(kinds):
        end = at
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        after = _direction(kinds[end]) if end < len(kinds) else around
        if end > at:
            kinds[at:end] = [before if before == after else around] * (end - at)
        before = after
        at = end + 1
