"""Tax per rate on the sale, not per line.

The amounts of all lines of one rate are added up first and the tax is taken from the sum,
rounded once per rate with `HALF_UP` (ties away from zero). Rounding per line instead would
drift by up to half a unit for every line.

Worked example at 21 %, seven lines of 0.99, together 6.93:

- prices include tax: 6.93 x 21 / 121 = 1.2027... -> tax 1.20, net 5.73, gross 6.93
  (line by line it would be 7 x 0.17 = 1.19);
- prices exclude tax: 6.93 x 21 / 100 = 1.4553 -> net 6.93, tax 1.46, gross 8.39
  (line by line it would be 7 x 0.21 = 1.47).
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract.money import Rounding, divide
from edge.contract.sale_events import TaxTotal

PPM: Final = 1_000_000
TAX_ROUNDING: Final = Rounding.HALF_UP


class RateSum(msgspec.Struct, frozen=True):
    """The amounts of all live lines of one rate, as priced: gross when tax is included."""

    tax: str
    rate_ppm: int
    amount_minor: int


def tax_total(rate_sum: RateSum, *, included: bool) -> TaxTotal:
    """Split the sum of one rate into net and tax; `net + tax = gross` always."""
    amount, rate = rate_sum.amount_minor, rate_sum.rate_ppm
    if included:
        tax = divide(amount * rate, PPM + rate, TAX_ROUNDING)
        return TaxTotal(rate_sum.tax, rate, amount - tax, tax, amount)
    tax = divide(amount * rate, PPM, TAX_ROUNDING)
    return TaxTotal(rate_sum.tax, rate, amount, tax, amount + tax)


def tax_totals(rate_sums: tuple[RateSum, ...], *, included: bool) -> tuple[TaxTotal, ...]:
    """Return the totals of every rate that has takings, in order of first appearance."""
    return tuple(tax_total(each, included=included) for each in rate_sums if each.amount_minor)


def total_of(rate_sums: tuple[RateSum, ...], *, included: bool) -> int:
    """Return what the customer pays for these lines, tax included."""
    if included:
        return sum(each.amount_minor for each in rate_sums)
    return sum(tax_total(each, included=False).gross_minor for each in rate_sums)


def add_to_rate(
    rate_sums: tuple[RateSum, ...], tax: str, rate_ppm: int, amount_minor: int
) -> tuple[RateSum, ...]:
    """Return the sums with an amount (negative for a voided line) added to its rate."""
    for index, each in enumerate(rate_sums):
        if each.rate_ppm == rate_ppm and each.tax == tax:
            changed = RateSum(tax, rate_ppm, each.amount_minor + amount_minor)
            return (*rate_sums[:index], changed, *rate_sums[index + 1 :])
    return (*rate_sums, RateSum(tax, rate_ppm, amount_minor))


def add_to_totals(
    totals: tuple[TaxTotal, ...], tax: str, rate_ppm: int, amounts: tuple[int, int, int]
) -> tuple[TaxTotal, ...]:
    """Return the totals with net, tax and gross (below zero takes away) added to their rate."""
    known = {(each.tax, each.rate_ppm): each for each in totals}
    before = known.get((tax, rate_ppm), TaxTotal(tax, rate_ppm, 0, 0, 0))
    net, tax_minor, gross = amounts
    known[tax, rate_ppm] = TaxTotal(
        tax,
        rate_ppm,
        before.net_minor + net,
        before.tax_minor + tax_minor,
        before.gross_minor + gross,
    )
    return tuple(known.values())


def less_returned(
    sold: tuple[TaxTotal, ...], returned: tuple[TaxTotal, ...]
) -> tuple[TaxTotal, ...]:
    """Return what is left of each rate, below zero where more came back; none that has nothing.

    What came back has its own tax, which was rounded with the sale that sold it: the two are
    added up, never rounded together.
    """
    left = sold
    for each in returned:
        amounts = (-each.net_minor, -each.tax_minor, -each.gross_minor)
        left = add_to_totals(left, each.tax, each.rate_ppm, amounts)
    return tuple(each for each in left if each.net_minor or each.tax_minor or each.gross_minor)
