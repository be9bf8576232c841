"""Quantities are integers of thousandths: 1000 is one piece, 742 is 0.742 kg."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from edge.contract.errors import Refused
from edge.contract.limits import (
    QUANTITY_THOUSANDTHS_MAX,
)
from edge.contract.money import Rounding, divide

ONE: Final = 1000
"""One piece, or one kilogram."""


class Unit(StrEnum):
    """What a quantity counts."""

    PIECE = "piece"
    KILOGRAM = "kg"


def check_quantity(quantity: int, unit: Unit) -> int:
    """Return the quantity, or refuse zero, negative, absurd, or part of a piece."""
    if quantity <= 0:
        raise Refused(
            "quantity_not_positive",
            f"The quantity must be more than zero, not {_plain(quantity)}.",
            advice="Type the quantity again; to take a line away, void it.",
        )
    if quantity > QUANTITY_THOUSANDTHS_MAX:
        raise Refused(
            "quantity_too_large",
            f"The quantity {_plain(quantity)} is over the limit of "
            f"{QUANTITY_THOUSANDTHS_MAX // ONE}.",
            advice="Was a barcode typed as a quantity? Type the quantity again.",
        )
    if unit is Unit.PIECE and quantity % ONE:
        raise Refused(
            "quantity_not_whole",
            f"This article is sold by the piece; {_plain(quantity)} is not a whole number.",
            advice="Type a whole number.",
        )
    return quantity


def extend(unit_price_minor: int, quantity: int) -> int:
    """Return price times quantity in minor units, ties rounded up (commercial rounding)."""
    return divide(unit_price_minor * quantity, ONE, Rounding.HALF_UP)


def format_quantity(quantity: int, unit: Unit) -> str:
    """Write a quantity: `3` for pieces, `0.742 kg` for weights (with a no-break space)."""
    if unit is Unit.PIECE and quantity % ONE == 0:
        return str(quantity // ONE)
    text = f"{quantity // ONE}.{quantity % ONE:03d}"
    return f"{text}\u00a0kg" if unit is Unit.KILOGRAM else text


def _plain(quantity: int) -> str:
    """Write thousandths as people do, every digit of them: `-1`, `1.5`, `9999.001`."""
    sign = "-" if quantity < 0 else ""
    whole, rest = divmod(abs(quantity), ONE)
    return f"{sign}{whole}.{rest:03d}".rstrip("0").rstrip(".")
