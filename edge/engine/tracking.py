"""Serial and lot numbers, and expiry dates: from a GS1 code, or typed.

Decisions that are this shop's policy:

- An article that is tracked is not sold without its number; the till asks for it.
- A serial number is that of one piece, and stands once in a sale.
- What has expired (AI 17) before the sale's business day is not sold, tracked or not. Its last day
  is a good one.
- What a code says beside is kept for articles that are not tracked, too.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import Final

import msgspec

from edge.contract.errors import Refused
from edge.contract.quantity import ONE
from edge.contract.reference_data import Article, Tracking
from edge.contract.till_commands import AddItem
from edge.engine.article_finding import Priced
from edge.engine.cart import Cart, Line
from edge.engine.text_safety import check_free_text

_CENTURY: Final = 100
_YEARS_BACK_MAX: Final = 49
_YEARS_AHEAD_MAX: Final = 50
_YYMMDD: Final = re.compile(r"[0-9]{6}")


class Tracked(msgspec.Struct, frozen=True):
    """What a line says of its very pieces; `expires` as `YYYY-MM-DD`, empty for unknown."""

    serial: str = ""
    lot: str = ""
    expires: str = ""


UNTRACKED: Final = Tracked()


def tracked(cart: Cart, command: AddItem, priced: Priced, business_day: str) -> Tracked:
    """Return what a line keeps of its pieces, or refuse in words."""
    article = priced.article
    serial = _checked(command.serial or priced.serial, "serial")
    lot = _checked(command.lot or priced.lot, "lot")
    expires = _expiry(article, priced.expiry, business_day)
    if article.tracking is Tracking.SERIAL:
        if priced.quantity != ONE:
            refuse_several(article.name)
        if not serial:
            _ask("serial_asked", article, "serial number", "Scan or type it.")
        if _is_in(cart, article.sku, serial):
            raise Refused(
                "serial_twice",
                f"{article.name} with the serial number {serial} is in this sale already.",
                advice="Look at the piece again, and type its own number.",
                params={"name": article.name, "serial": serial},
            )
    if article.tracking is Tracking.LOT and not lot:
        _ask("lot_asked", article, "lot number", "Scan or type it; it stands beside the date.")
    return Tracked(serial, lot, expires)


def refuse_several(name: str) -> None:
    """Refuse more than one piece under one serial number."""
    raise Refused(
        "serial_one_piece",
        f"Every {name} has a serial number of its own.",
        advice="Add each piece by itself.",
        params={"name": name},
    )


def refuse_serial_count(line: Line) -> None:
    """Refuse another quantity of a line that names one piece."""
    if line.serial:
        refuse_several(line.name)


def expiry_of(yymmdd: str, business_day: str) -> str:
    """Return the day that AI 17 means, `YYYY-MM-DD`; empty for none.

    The century is that of GS1's General Specifications, 7.12: from 49 years back to 50 years
    ahead. A day 00 is the last one of its month.
    """
    if not _YYMMDD.fullmatch(yymmdd):
        return ""
    this_year = int(business_day[:4])
    year = this_year - this_year % _CENTURY + int(yymmdd[:2])
    if year - this_year > _YEARS_AHEAD_MAX:
        year -= _CENTURY
    elif this_year - year > _YEARS_BACK_MAX:
        year += _CENTURY
    month, day = int(yymmdd[2:4]), int(yymmdd[4:])
    try:
        return date(year, month, day or monthrange(year, month)[1]).isoformat()
    except ValueError:
        return ""


def _expiry(article: Article, yymmdd: str, business_day: str) -> str:
    expires = expiry_of(yymmdd, business_day) if yymmdd else ""
    if expires and expires < business_day:
        raise Refused(
            "expired",
            f"{article.name} expired on {expires}.",
            advice="Take it off the shelf and sell another piece.",
            params={"name": article.name, "date": expires},
        )
    return expires


def _checked(text: str, field: str) -> str:
    text = text.strip()
    if not text:
        return ""
    if not text.isprintable():
        raise Refused(
            "code_control_characters",
            f"The {field} number holds control characters.",
            advice="Scan or type it again.",
        )
    return check_free_text(text, field=field)


def _ask(code: str, article: Article, what: str, advice: str) -> None:
    raise Refused(
        code,
        f"{article.name} is sold with its {what}.",
        advice=advice,
        # the till asks for the number, and adds the article by this code
        params={"name": article.name, "code": article.sku},
    )


def _is_in(cart: Cart, sku: str, serial: str) -> bool:
    return any(
        line.sku == sku and line.serial == serial and not line.voided and line.back is None
        for line in cart.lines
    )
