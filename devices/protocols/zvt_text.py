"""Texts of a ZVT terminal: four character sets, no control characters, no card numbers."""

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
    ZVT7 = "zvt7"
    """Seven bits with the German letters in place of brackets and braces."""
    UTF_8 = "utf-8"


_ZVT7: Final = str.maketrans("[\\]{|}~", "ÄÖÜäöüß")

_CARD_NUMBER: Final = re.compile(r"(?<![0-9])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])")
"""13 to 19 digits that start as payment cards do, set in groups or not."""

_MASKED_BUT: Final = 4


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
    """Replace all but the last four digits of whatever passes as a card number (Luhn)."""
    return _CARD_NUMBER.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    written = match.group()
    if not _luhn(re.sub("[ -]", "", written)):
        return written
    head = re.sub("[0-9]", "*", written[:-_MASKED_BUT])
    return head + written[-_MASKED_BUT:]


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += sum(divmod(int(digit) * (1 + place % 2), 10))
    return total % 10 == 0
