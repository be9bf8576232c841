"""Texts of a ZVT terminal: its character sets, no control characters, no card numbers.

Source of the sets: PA00P015 (CP437 is the default; a message may name another, tag 14), and two
free clients: ecrterm reads tag 14 as the number of a part of ISO 8859, FE and FF apart, and
Portalum.Zvt lets a terminal be set to CP437, UTF-8 and parts 1, 2 and 15.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final


class TextEncoding(StrEnum):
    """How a terminal writes its texts: differs by maker, so it is a setting of the terminal."""

    CP437 = "cp437"
    """The specification's default."""
    LATIN_1 = "latin-1"
    """ISO 8859-1: western Europe."""
    LATIN_2 = "iso8859-2"
    """Central Europe."""
    LATIN_9 = "iso8859-15"
    """ISO 8859-1 with the sign of the euro."""
    ZVT7 = "zvt7"
    """Seven bits with the German letters in place of brackets and braces."""
    UTF_8 = "utf-8"


_NAMED: Final = {
    0x01: TextEncoding.LATIN_1,
    0x02: TextEncoding.LATIN_2,
    0x0F: TextEncoding.LATIN_9,
    0xFE: TextEncoding.UTF_8,
    0xFF: TextEncoding.CP437,
}

_ZVT7: Final = str.maketrans("[\\]{|}~", "ÄÖÜäöüß")

_DIGITS: Final = re.compile("[0-9]+")
_CARD_STARTS: Final = frozenset("23456")
_CARD_DIGITS_MIN: Final = 13
_CARD_DIGITS_MAX: Final = 19
_BETWEEN_GROUPS: Final = frozenset({" ", "-"})

_MASKED_BUT: Final = 4


def named_encoding(tag_14: bytes, otherwise: TextEncoding) -> TextEncoding:
    """Return the set that a message names (tag 14): it goes before the terminal's setting."""
    return _NAMED.get(tag_14[0], otherwise) if tag_14 else otherwise


def decode_text(data: bytes, encoding: TextEncoding) -> str:
    """Return a text of the terminal; what its set does not know becomes U+FFFD.

    Control characters become spaces: a text from outside never steers a printer or a screen.
    """
    if encoding is TextEncoding.ZVT7:
        text = bytes(byte & 0x7F for byte in data).decode("ascii").translate(_ZVT7)
    else:
        text = data.decode(encoding.value, errors="replace")
    plain = unicodedata.normalize("NFC", text)
    return "".join(" " if unicodedata.category(c).startswith("C") else c for c in plain)


def without_card_numbers(text: str) -> str:
    """Replace all but the last four digits of whatever passes as a card number (Luhn).

    Digits may be set in groups. Other numbers may stand before and behind, as a card's
    sequence number or expiry does: every run of whole groups is tried, and what is left of one
    number is tried together with what stands behind it.
    """
    while (masked := _once(text)) != text:
        text = masked
    return text


def _once(text: str) -> str:
    groups = list(_DIGITS.finditer(text))
    kept: list[str] = []
    at = 0
    for place, group in enumerate(groups):
        if group.start() < at:
            continue
        end = _card_number_end(text, groups[place : place + _CARD_DIGITS_MAX])
        if end:
            masked_end = end - _MASKED_BUT
            kept += [
                text[at : group.start()],
                _DIGITS.sub(_stars, text[group.start() : masked_end]),
                text[masked_end:end],
            ]
            at = end
    return "".join(kept) + text[at:]


def _stars(digits: re.Match[str]) -> str:
    return "*" * len(digits.group())


def _card_number_end(text: str, groups: list[re.Match[str]]) -> int:
    """Return where the longest card number ends that begins with the first group, or 0."""
    digits = ""
    found = at = 0
    for group in groups:
        if digits and text[at : group.start()] not in _BETWEEN_GROUPS:
            break
        at = group.end()
        digits += group.group()
        if _is_card_number(digits):
            found = at
    return found


def _is_card_number(digits: str) -> bool:
    fits = _CARD_DIGITS_MIN <= len(digits) <= _CARD_DIGITS_MAX
    return fits and digits[0] in _CARD_STARTS and _luhn(digits)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += sum(divmod(int(digit) * (1 + place % 2), 10))
    return total % 10 == 0
