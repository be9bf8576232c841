"""What of a scanner's text is a code: the same rules for every way a scanner is connected.

The group separator 0x1D is payload of GS1 codes; any other control character means that
something was lost or garbled, or that a label tries to be more than a code.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

from edge.contract.device_messages import BarcodeScanned
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)

GROUP_SEPARATOR: Final = "\x1d"
AIM_CHARS: Final = 3
"""An identifier such as `]E0`, before the code itself."""

_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")


class Misread(StrEnum):
    """Why what a scanner sent was no code."""

    CONTROL_CHARACTER = "control_character"
    TOO_LONG = "too_long"
    NO_PREFIX = "no_prefix"
    CUT_OFF = "cut_off"
    """The scanner fell silent inside a code."""
    EMPTY = "empty"
    """A prefix or an AIM identifier with nothing behind it."""
    EVENTS_LOST = "events_lost"
    """The kernel threw key events away: what was typed is not known."""
    UNKNOWN_KEY = "unknown_key"
    """A key that types nothing: an F key, an arrow, Alt with a letter."""
    UNKNOWN_REPORT = "unknown_report"
    """The scanner lays its reports out in a way that is not known here."""
    STUCK_KEY = "stuck_key"
    """Shift, Ctrl or Alt was still down when the code had ended."""


def read_code(text: str, *, aim: bool, group_separator: str) -> BarcodeScanned | Misread:
    """Return the code that a text is, prefix and suffix taken off, or why it is none.

    `aim`: split off identifiers such as `]E0`. `group_separator`: a printable stand-in for
    0x1D, such as `|`, or empty.
    """
    identifier = ""
    if aim and _AIM.match(text):
        identifier, text = text[:AIM_CHARS], text[AIM_CHARS:]
    if group_separator:
        text = text.replace(group_separator, GROUP_SEPARATOR)
    if any(unicodedata.category(sign) == "Cc" and sign != GROUP_SEPARATOR for sign in text):
        return Misread.CONTROL_CHARACTER
    if not text:
        return Misread.EMPTY
    if len(text) > BARCODE_CHARS_MAX:
        return Misread.TOO_LONG
    return BarcodeScanned(text, identifier)


def decode_text(data: bytes) -> str:
    """Return bytes of a symbol as text.

    QR codes hold UTF-8 today and Latin-1 by the older standard; Latin-1 decodes anything.
    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
