"""Free text never keeps a card number (PAN): what looks like one is refused, not stored.

A scanned GTIN is not free text and does not come through here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from edge.contract.errors import Refused

PAN_DIGITS_MIN: Final = 13
PAN_DIGITS_MAX: Final = 19
SEPARATORS_BETWEEN_DIGITS_MAX: Final = 3
"""People write a card number in groups: a space, a dash, ` - ` between them."""

PAN_DIGITS_SHOWN: Final = 4
"""What of a card number may stand on paper and in the ledger: its last digits."""

_DIGIT_RUN: Final = re.compile(
    rf"[0-9](?:[^0-9A-Za-z]{{0,{SEPARATORS_BETWEEN_DIGITS_MAX}}}[0-9]){{{PAN_DIGITS_MIN - 1},}}"
)
_GAP: Final = re.compile(r"[\s\-\u2010-\u2015\u2212]{0,3}|\s*\n\s*")
_BETWEEN_FOURS: Final = frozenset(".,:/_")
_FOUR: Final = 4
_SCHEMES: Final = re.compile(
    r"""
      4(?:\d{12}|\d{15}|\d{18})                                             # Visa
    | (?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}    # Mastercard
    | 3[47]\d{13}                                                           # American Express
    | 3(?:0[0-59]|[689]\d)\d{11,16}                                         # Diners Club
    | 35(?:2[89]|[3-8]\d)\d{12,15}                                          # JCB
    | (?:5[06-9]|6\d|8[12])\d{11,17}               # Maestro, Discover, UnionPay, RuPay, and kin
    | (?:220[0-4]|9792)\d{12,15}                                            # Mir, Troy
    """,
    re.VERBOSE,
)


def luhn_holds(digits: str) -> bool:
    """Say whether the last of these ASCII digits is the Luhn check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += sum(divmod(int(digit) * (1 + place % 2), 10))
    return total % 10 == 0


def looks_like_pan(text: str) -> bool:
    """Say whether 13 to 19 digits in a row, however grouped, could be a card number.

    Digits of every script count; a card number inside a longer row of digits is found too.
    """
    plain = "".join(_ascii_digit(char) for char in text)
    for run in _DIGIT_RUN.finditer(plain):
        digits = re.sub(r"[^0-9]", "", run.group())
        for start in range(len(digits) - PAN_DIGITS_MIN + 1):
            for length in range(PAN_DIGITS_MIN, min(PAN_DIGITS_MAX, len(digits) - start) + 1):
                part = digits[start : start + length]
                if _SCHEMES.fullmatch(part) and luhn_holds(part):
                    return True
    return False


def without_pans(text: str, instead: str = "(card number)") -> str:
    """Return the text with every row of digits that could hold a card number left out."""
    plain = "".join(_ascii_digit(char) for char in text)
    kept, at = "", 0
    for run in _DIGIT_RUN.finditer(plain):
        if looks_like_pan(run.group()):
            kept += text[at : run.start()] + instead
            at = run.end()
    return kept + text[at:]


def with_masked_pans(text: str) -> str:
    """Return a terminal's text with what could be a card number masked but for its last four.

    Groups of digits that spaces, dashes or the end of a line set apart are one number, and groups
    of four that another sign does. What sets amounts and dates apart otherwise does not stand
    within a card number: else every second receipt would lose its date.
    """
    chars = list(text)
    plain = "".join(_ascii_digit(char) for char in text)
    for places in _numbers_in(plain):
        digits = "".join(plain[at] for at in places)
        for start, end in _pans_in(digits):
            for at in places[start : end - PAN_DIGITS_SHOWN]:
                chars[at] = "*"
    return "".join(chars)


def _numbers_in(plain: str) -> Iterator[list[int]]:
    """Yield where the digits of each number stand that is written in groups."""
    places: list[int] = []
    for group in re.finditer("[0-9]+", plain):
        if places:
            gap = plain[places[-1] + 1 : group.start()]
            fours = gap in _BETWEEN_FOURS and _is_four(plain, places[-1] + 1 - _FOUR)
            if not (_GAP.fullmatch(gap) or (fours and _is_four(plain, group.start()))):
                yield places
                places = []
        places += range(*group.span())
    yield places


def _is_four(plain: str, at: int) -> bool:
    return at >= 0 and re.fullmatch("[0-9]{4}", plain[at : at + _FOUR]) is not None


def _pans_in(digits: str) -> Iterator[tuple[int, int]]:
    """Yield where in a row of digits card numbers stand, over each other too."""
    for start in range(len(digits) - PAN_DIGITS_MIN + 1):
        for length in range(PAN_DIGITS_MIN, min(PAN_DIGITS_MAX, len(digits) - start) + 1):
            part = digits[start : start + length]
            if _SCHEMES.fullmatch(part) and luhn_holds(part):
                yield start, start + length


def check_free_text(text: str, *, field: str) -> str:
    """Return the text, or refuse one with a card number in it; the words do not repeat it."""
    if looks_like_pan(text):
        raise Refused(
            "looks_like_card_number",
            f"The text for {field} looks like a card number and was not kept.",
            advice="Never type card numbers. Write it again without the number.",
            params={"field": field},
        )
    return text


def _ascii_digit(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)
