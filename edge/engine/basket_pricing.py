"""The prices of a basket after it changed: its reductions are worked out anew, as a whole."""

from __future__ import annotations

from typing import Final

from edge.contract.event_registry import Event
from edge.contract.price_events import (
    DiscountGiven,
    DiscountRemoved,
    PriceOverridden,
    PricesReduced,
    Reduction,
)
from edge.contract.sale_events import LineAdded, LineVoided
from edge.engine.cart import Cart
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Circumstances
from edge.engine.discounts import discount_lines
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import reduce_basket
from edge.engine.reference_view import ReferenceView

_CHANGES: Final = (LineAdded, LineVoided, PriceOverridden, DiscountGiven, DiscountRemoved)
"""Events after which other reductions may count."""


def with_reductions(
    cart: Cart, events: tuple[Event, ...], reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Return the events of a step with the reductions that follow from them, where they differ.

    The promotions are those that the box knows now, on the occasion at which the sale was
    opened: a happy hour that ends while somebody is being served is not taken from them.
    """
    if not any(isinstance(event, _CHANGES) for event in events):
        return events
    after = replay(((event, 0) for event in events), cart)
    lines = basket_lines(after, reference)
    promotions = reference.promotions_for(lines)
    reductions = reduce_basket(lines, promotions, given.occasion) if promotions else ()
    if after.discounts:
        reductions += discount_lines(_costs(after, reductions), after.discounts)
    # a new price takes with it what reduced the old one: the same reductions are said again
    said_again = any(isinstance(event, PriceOverridden) for event in events)
    if reductions == after.reductions and not (reductions and said_again):
        return events
    return (*events, PricesReduced(sale=after.sale, reductions=reductions))


def basket_lines(cart: Cart, reference: ReferenceView) -> tuple[BasketLine, ...]:
    """Return the lines that promotions see: live, and at a price that no person set."""
    lines = []
    for line in cart.lines:
        if not line.voided and not line.overridden:
            article = reference.by_sku(line.sku)
            lines.append(
                BasketLine(
                    line.line_id,
                    line.sku,
                    article.group if article else "",
                    line.quantity,
                    line.price_minor,
                    line.amount_minor,
                    line.unit,
                )
            )
    return tuple(lines)


def _costs(cart: Cart, reductions: tuple[Reduction, ...]) -> dict[str, int]:
    """Return what each live line costs once its promotions are taken off."""
    costs = {line.line_id: line.amount_minor for line in cart.lines if not line.voided}
    for reduction in reductions:
        for part in reduction.lines:
            costs[part.line] -= part.amount_minor
    return costs
