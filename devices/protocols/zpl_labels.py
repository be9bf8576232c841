"""Shelf labels as ZPL II: name, price, price per unit, bar code. Objects in, bytes out.

One label is one format, `^XA` to `^XZ`, of absolute fields. Text stands in `^FD` behind `^FH_`:
what is a command of ZPL in it (`^`, `~`, and the sign of the escape itself) is written as `_5E`
and its like, and control characters are taken out before, so that no name is a command. Lines are
broken here: `^FB` writes what does not fit over its last line.

Sources: Zebra's ZPL II programming guide as gathered under "Wire facts" 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from devices.protocols.escpos_text import clean
from edge.contract.device_messages import ShelfLabel

ASK_STATUS: Final = b"~HS\r\n"
"""Answered at once, wherever it stands: never sent inside a format."""
FORGET_HALF_A_FORMAT: Final = b"~JX"
"""Drops a format that has begun and not ended; what is whole already comes out."""

_NAME_LINES: Final = 2
_EAN_13_DIGITS: Final = 13
_EAN_8_DIGITS: Final = 8
_UPC_A_DIGITS: Final = 12
_MARGIN_MM: Final = 2
_QUIET_MODULES: Final = 11
"""Left of an EAN-13, the widest that is asked for."""
_EAN_MODULES: Final = {_EAN_13_DIGITS: 95, _EAN_8_DIGITS: 67}
_CODE_128_FRAME_MODULES: Final = 35
"""Start, check sign and stop; each sign between them has 11."""

# parts of the label's height, in thousandths
_NAME_HIGH, _NAME_PITCH = 100, 115
_PRICE_HIGH, _UNIT_HIGH, _DIGITS_HIGH, _GAP = 280, 85, 80, 20

_COMMAND_SIGNS: Final = {ord(sign): f"_{ord(sign):02X}" for sign in ("^", "~", "_", "\\")}
_NOT_IN_BARS: Final = frozenset("^~>")
"""They begin a command, or a change of the code set: a number with them is written, not drawn."""
_CODE_128_SET_C: Final = ">;"

_NARROW, _NORMAL, _CAPITAL, _WIDE = 340, 560, 680, 920
_NARROW_SIGNS: Final = frozenset("iIjl.,:;'!|()[]tfr ")
_WIDE_SIGNS: Final = frozenset("mwMW@%&-")
_LAST_LATIN: Final = "\u1eff"


class LabelFormat(msgspec.Struct, frozen=True):
    """The labels that lie in a printer. `dots_per_mm`: 6, 8, 12 or 24 (152 to 600 dpi)."""

    width_mm: Annotated[int, Meta(ge=30, le=200)] = 70
    height_mm: Annotated[int, Meta(ge=20, le=200)] = 38
    dots_per_mm: Literal[6, 8, 12, 24] = 8


@dataclass(frozen=True)
class _Place:
    """The room between the margins, in dots."""

    left: int
    width: int
    height: int

    def part(self, thousandths: int) -> int:
        return self.height * thousandths // 1000


class _Bars(NamedTuple):
    command: str
    """`^BE` and its like, with `{high}` for the height of the bars."""
    data: str
    modules: int


def encode_label(label: ShelfLabel, form: LabelFormat) -> bytes:
    """Return one label, all its copies, as one format."""
    dots = form.dots_per_mm
    margin = _MARGIN_MM * dots
    place = _Place(margin, form.width_mm * dots - 2 * margin, form.height_mm * dots)
    parts = [
        f"^XA^CI28^PW{form.width_mm * dots}^LL{place.height}^LH0,0",
        *_written(label, place, margin),
        f"^PQ{label.copies}^XZ\r\n",
    ]
    y = margin + place.part(2 * _NAME_PITCH + _PRICE_HIGH + _UNIT_HIGH + 3 * _GAP)
    parts[-1:-1] = _barcode(clean(label.barcode), place, y, place.height - margin, dots)
    return "".join(parts).encode()


def _written(label: ShelfLabel, place: _Place, y: int) -> list[str]:
    """Return name, price and price per unit, from `y` down."""
    high = place.part(_NAME_HIGH)
    lines = _broken(clean(label.name), place.width * 1000 // high)
    fields = [
        _text(line, place, y + number * place.part(_NAME_PITCH), high)
        for number, line in enumerate(lines)
    ]
    y += place.part(2 * _NAME_PITCH + _GAP)
    fields.append(_text(clean(label.price), place, y, place.part(_PRICE_HIGH)))
    y += place.part(_PRICE_HIGH + _GAP)
    fields.append(_text(clean(label.unit_price), place, y, place.part(_UNIT_HIGH)))
    return fields


def _text(text: str, place: _Place, y: int, high: int) -> str:
    """Return a line of text, smaller where it would not fit."""
    text = text.strip()
    if not text:
        return ""
    high = min(high, max(1, place.width * 1000 // _width(text)))
    return f"^FO{place.left},{y}^A0N,{high}^FH_^FD{text.translate(_COMMAND_SIGNS)}^FS"


def _width(text: str) -> int:
    """Return about how wide the printer's own letters are, in thousandths of their height."""
    return sum(map(_sign_width, text))


def _sign_width(sign: str) -> int:
    if sign > _LAST_LATIN:
        return 1000
    if sign in _WIDE_SIGNS:
        return _WIDE
    if sign in _NARROW_SIGNS:
        return _NARROW
    return _CAPITAL if sign.isupper() else _NORMAL


def _broken(text: str, room: int) -> list[str]:
    """Return a text in two lines at most, broken between words where that can be; cut off."""
    lines: list[str] = []
    rest = text.strip()
    while rest and len(lines) < _NAME_LINES:
        fits = _fitting(rest, room)
        if fits < len(rest):
            space = rest.rfind(" ", 0, fits + 1)
            is_last = len(lines) + 1 == _NAME_LINES
            fits = space if space > 0 and not is_last else fits
        lines.append(rest[:fits].rstrip())
        rest = rest[fits:].lstrip()
    return lines


def _fitting(text: str, room: int) -> int:
    """Return how many signs fit, at least one."""
    used = 0
    for count, sign in enumerate(text):
        used += _sign_width(sign)
        if used > room:
            return max(1, count)
    return len(text)


# --- bar codes ---------------------------------------------------------------------------


def _barcode(text: str, place: _Place, y: int, bottom: int, dots: int) -> list[str]:
    """Return the bar code with its number; the number alone where the bars would not fit."""
    if not text:
        return []
    bars = _bars(text)
    module = max(2, dots // 4)  # 0.25 to 0.33 mm: three quarters of the nominal EAN and more
    high = bottom - y - place.part(_DIGITS_HIGH)
    wide = (bars.modules + 2 * _QUIET_MODULES) * module
    if wide > place.width or not _NOT_IN_BARS.isdisjoint(text):
        return [_text(text, place, y, place.part(_UNIT_HIGH))]
    x = place.left + _QUIET_MODULES * module
    command = bars.command.format(high=high)
    return [f"^FO{x},{y}^BY{module}{command}^FD{bars.data}^FS"]


def _bars(text: str) -> _Bars:
    ean = "0" + text if len(text) == _UPC_A_DIGITS else text
    modules = _EAN_MODULES.get(len(ean))
    if modules and has_check_digit(ean):
        # the printer works the check digit out itself
        name = "^BE" if len(ean) == _EAN_13_DIGITS else "^B8"
        return _Bars(name + "N,{high},Y,N", ean[:-1], modules)
    if text.isdigit() and len(text) % 2 == 0:
        data, signs = _CODE_128_SET_C + text, len(text) // 2
    else:
        data, signs = text, len(text)
    return _Bars("^BCN,{high},Y,N,N", data, _CODE_128_FRAME_MODULES + 11 * signs)


def has_check_digit(digits: str) -> bool:
    """Say whether these are digits of which the last is the GS1 check digit of the others."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits[::-1]))
    return total % 10 == 0
