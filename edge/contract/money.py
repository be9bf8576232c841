"""Money is an integer of a currency's smallest unit; every division names its rounding."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)

CURRENCY_DIGITS: Final[dict[str, int]] = {
    "AUD": 2, "BHD": 3, "BRL": 2, "CHF": 2, "CLP": 0, "CNY": 2, "CZK": 2, "DKK": 2,
    "EUR": 2, "GBP": 2, "HUF": 2, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3,
    "NOK": 2, "OMR": 3, "PLN": 2, "RON": 2, "SEK": 2, "TND": 3, "TRY": 2, "USD": 2,
}  # fmt: skip
"""Decimal places by ISO 4217 code; a currency that is not here is refused in settings."""

CURRENCY_NUMBERS: Final[dict[str, int]] = {
    "AUD": 36, "BHD": 48, "BRL": 986, "CHF": 756, "CLP": 152, "CNY": 156, "CZK": 203, "DKK": 208,
    "EUR": 978, "GBP": 826, "HUF": 348, "ISK": 352, "JOD": 400, "JPY": 392, "KRW": 410, "KWD": 414,
    "NOK": 578, "OMR": 512, "PLN": 985, "RON": 946, "SEK": 752, "TND": 788, "TRY": 949, "USD": 840,
}  # fmt: skip
"""ISO 4217 numeric codes: what a payment terminal is told (ZVT BMP 49)."""


class Rounding(StrEnum):
    """How a quotient becomes an integer. Ties are what the names differ in."""

    HALF_UP = "half_up"
    """Ties away from zero: commercial rounding."""
    HALF_EVEN = "half_even"
    """Ties to the even neighbour: no drift over many."""
    DOWN = "down"
    """Towards zero."""
    UP = "up"
    """Away from zero."""


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Return `numerator / denominator` as an integer, rounded as named.

    Raises ZeroDivisionError for a zero denominator: the caller has a defect.
    """
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    sign = -1 if numerator < 0 else 1
    quotient, rest = divmod(abs(numerator), denominator)
    twice = 2 * rest
    if rounding is Rounding.HALF_UP:
        up = twice >= denominator
    elif rounding is Rounding.HALF_EVEN:
        up = twice > denominator or (twice == denominator and quotient % 2 == 1)
    else:
        up = rounding is Rounding.UP and rest > 0
    return sign * (quotient + up)


def round_to_step(amount_minor: int, step_minor: int, rounding: Rounding) -> int:
    """Round an amount to a multiple of `step_minor` (cash rounding: 5 in CHF, 10 in SEK).

    A step of 0 or 1 leaves the amount as it is.
    """
    if step_minor <= 1:
        return amount_minor
    return divide(amount_minor, step_minor, rounding) * step_minor


def allocate(amount_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split an amount by weights; the parts add up to the amount exactly.

    Largest remainder method: each part is the share rounded towards zero, and the units
    left over go one each to the parts with the largest remainders, the first first.
    Raises ValueError when no weight is positive or one is negative.
    """
    total = sum(weights)
    if total <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("allocate needs weights that are not negative and not all zero")
    sign = -1 if amount_minor < 0 else 1
    magnitude = abs(amount_minor)
    parts = [magnitude * weight // total for weight in weights]
    remainders = [magnitude * weight % total for weight in weights]
    left = magnitude - sum(parts)
    order = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in order[:left]:
        parts[index] += 1
    return tuple(sign * part for part in parts)


def check_amount(amount_minor: int, *, what: str) -> int:
    """Return the amount, or refuse one that is not positive or is beyond the limit."""
    if amount_minor <= 0:
        raise Refused(
            "amount_not_positive",
            f"{what} must be more than zero, not {amount_minor}.",
            advice="Type the amount again.",
        )
    if amount_minor > AMOUNT_MINOR_MAX:
        raise Refused(
            "amount_too_large",
            f"{what} of {amount_minor} is over the limit of {AMOUNT_MINOR_MAX}.",
            advice="Type the amount again.",
        )
    return amount_minor


def format_amount(amount_minor: int, currency: str) -> str:
    """Write an amount with its currency's decimal places and a point: `12.34`, `-0.05`, `700`.

    For receipts, logs and exports; screens use the browser's own `Intl`.
    """
    digits = CURRENCY_DIGITS[currency]
    sign = "-" if amount_minor < 0 else ""
    text = str(abs(amount_minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"
