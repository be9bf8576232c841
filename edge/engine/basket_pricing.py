"""The prices of a basket after it changed: its promotions are worked out anew, as a whole."""

from __future__ import annotations

from typing import Final

from edge.contract.event_registry import Event
from edge.contract.price_events import PricesReduced
from edge.contract.sale_events import LineAdded, LineVoided
from edge.engine.cart import Cart
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Circumstances
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import reduce_basket
from edge.engine.reference_view import ReferenceView

_CHANGES: Final = (LineAdded, LineVoided)
"""Events after which other promotions may count."""


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
    if reductions == after.reductions:
        return events
    return (*events, PricesReduced(sale=after.sale, reductions=reductions))


def basket_lines(cart: Cart, reference: ReferenceView) -> tuple[BasketLine, ...]:
    """Return the live lines as promotions see them."""
    lines = []
    for line in cart.lines:
        if not line.voided:
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
