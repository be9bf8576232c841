"""What people take off by hand, after the promotions: first off lines, then off the sale.

A percentage is rounded once on the sum that it is of; what is off the sale falls on its
lines in proportion to what they cost by then, and the parts add up. An amount takes at most
what there is: nothing falls below zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from edge.contract.money import allocate
from edge.contract.price_events import LineReduction, Reduction
from edge.engine.cart import Discount
from edge.engine.promotions import part_of

DISCOUNT: Final = "discount"


def discount_lines(
    costs: Mapping[str, int], discounts: Sequence[Discount]
) -> tuple[Reduction, ...]:
    """Return what each discount takes off; `costs` is what each live line costs before them.

    A discount of a line is one of a live line: it goes when its line is voided.
    """
    left = dict(costs)
    reductions = []
    for discount in sorted(discounts, key=lambda each: not each.line_id):
        lines = [discount.line_id] if discount.line_id else list(left)
        weights = [left[line] for line in lines]
        base = sum(weights)
        wanted = part_of(base, discount.off_ppm) if discount.off_ppm else discount.off_minor
        saving = min(wanted, base)
        if not saving:
            continue
        parts = allocate(saving, weights)
        for line, part in zip(lines, parts, strict=True):
            left[line] -= part
        reductions.append(
            Reduction(
                DISCOUNT,
                discount.discount_id,
                discount.reason,
                tuple(LineReduction(*each) for each in zip(lines, parts, strict=True) if each[1]),
            )
        )
    return tuple(reductions)
