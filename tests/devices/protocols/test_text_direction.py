"""The order of signs, held against python-bidi (a development tool: LGPL, and without runs)."""

from __future__ import annotations

import pytest
from bidi import get_display
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.protocols.text_direction import (
    Run,
    begins_right,
    has_turns,
    levels_of,
    reads_right_to_left,
    runs_of,
)

TEA = "\u0634\u0627\u064a"
RICE = "\u0623\u0631\u0632"
SIGNS = (
    "abA \u05d0\u05d1\u06af\u0634\u0627\u064a\u0636\u0631\u0628012\u0663\u0664"
    ".,:/-+%$\u20ac()[]{}\u00ab\u00bb\u00d7 \u064e\u0301\u3008\u232a\uff08\uff09"
)
BRACKETS_ALIKE = str.maketrans(
    "()[]{}\u00ab\u00bb\u3008\u232a\uff08\uff09", "((<<{{\u00ab\u00ab\u3008\u3008\uff08\uff08"
)


def stands(text: str, *, right_to_left: bool) -> str:
    return "".join(
        run.text[::-1] if run.right_to_left else run.text
        for run in runs_of(text, right_to_left=right_to_left)
    )


@settings(max_examples=1_500)
@given(st.text(SIGNS, max_size=14), st.booleans())
def test_any_line_stands_as_an_independent_implementation_sets_it(text: str, right: bool) -> None:
    theirs = get_display(text, base_dir="R" if right else "L")
    # it has mirrored the brackets already; here that is the shaper's work
    assert stands(text, right_to_left=right).translate(BRACKETS_ALIKE) == theirs.translate(
        BRACKETS_ALIKE
    )


@pytest.mark.parametrize(
    ("text", "right", "runs"),
    [
        ("", True, []),
        ("Milk", True, [("Milk", False)]),
        (f"{TEA} Lipton", True, [("Lipton", False), (f"{TEA} ", True)]),
        (f"{TEA} Lipton", False, [(TEA, True), (" Lipton", False)]),
        (f"{TEA} 1.5 {RICE}", True, [(f" {RICE}", True), ("1.5", False), (f"{TEA} ", True)]),
        (f"{TEA} (100 {RICE})", True, [(f" {RICE})", True), ("100", False), (f"{TEA} (", True)]),
        (f"{TEA} 50%", True, [("%", True), ("50", False), (f"{TEA} ", True)]),
        ("\u05d0 50%", True, [("50%", False), ("\u05d0 ", True)]),
        ("\u05d0 %50", True, [("%50", False), ("\u05d0 ", True)]),
        (f"a ({TEA}) b", False, [("a (", False), (TEA, True), (") b", False)]),
        (f"{TEA}  ", False, [(TEA, True), ("  ", False)]),
        (f"{TEA}  ", True, [(f"{TEA}  ", True)]),
        (f"a({TEA}b", False, [("a(", False), (TEA, True), ("b", False)]),
        (f"\u05d0(a)\u0301{TEA}", True, [(f")\u0301{TEA}", True), ("a", False), ("\u05d0(", True)]),
    ],
)  # fmt: skip
def test_lines_of_a_shop(text: str, right: bool, runs: list[tuple[str, bool]]) -> None:
    expected = "".join(part[::-1] if turned else part for part, turned in runs)
    assert stands(text, right_to_left=right) == expected


def test_so_many_brackets_are_no_pairs() -> None:
    text = "(" * 64 + TEA + ")" * 64 + "a"
    assert len(levels_of(text, right_to_left=False)) == len(text)
    few = levels_of("(" * 2 + TEA + ")" * 2 + "a", right_to_left=False)
    assert few == [0, 0, 1, 1, 1, 0, 0, 0]


def test_what_a_line_is_written_in() -> None:
    assert has_turns(f"Lipton {TEA}")
    assert not has_turns("Lipton 5,00 \u20ac \u9752\u5c9b")
    assert begins_right(f"1. {TEA} Lipton")
    assert not begins_right(f"Lipton {TEA}")
    assert not begins_right("5.00")
    assert reads_right_to_left("ar-EG")
    assert reads_right_to_left("fa")
    assert not reads_right_to_left("pt-BR")
    assert runs_of("a", right_to_left=False) == [Run("a", right_to_left=False)]
