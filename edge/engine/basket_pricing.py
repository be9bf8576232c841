"""The prices of a basket after it changed: its reductions are worked out anew, as a whole."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.customer_events import CustomerSet
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.money import format_amount
from edge.contract.price_events import (
    DiscountGiven,
    DiscountRemoved,
    PriceOverridden,
    PricesReduced,
    Reduction,
)
from edge.contract.sale_events import LineAdded, LineVoided
from edge.engine.article_finding import PRICE_CODE
from edge.engine.cart import Cart
from edge.engine.cart_changes import apply, replay
from edge.engine.circumstances import Circumstances
from edge.engine.customer_prices import priced_for_customer
from edge.engine.discounts import discount_lines
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, reduce_basket
from edge.engine.reference_view import ReferenceView

_CHANGES: Final = frozenset(
    {
        LineAdded,
        LineVoided,
        PriceOverridden,
        DiscountGiven,
        DiscountRemoved,
        CouponPresented,
        CouponRemoved,
        CustomerSet,
    }
)
"""Events after which other reductions may count."""


class PricedStep(NamedTuple):
    """The events of a step with its reductions, and the cart after them; None where not needed."""

    events: tuple[Event, ...]
    cart: Cart | None


def with_reductions(
    cart: Cart, events: tuple[Event, ...], reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Return the events of a step with the reductions that follow from them, where they differ.

    Raises Refused as `priced_step` does.
    """
    return priced_step(cart, events, reference, given).events


def priced_step(
    cart: Cart, events: tuple[Event, ...], reference: ReferenceView, given: Circumstances
) -> PricedStep:
    """Do what `with_reductions` does, and return the cart that it made for it.

    The prices of the customer's groups come first, then promotions, then what people take off.
    They are those that the box knows now, on the occasion at which the sale was
    opened: a happy hour that ends while somebody is being served is not taken from them. The
    coupons and the customer are those that the sale has after the step.
    Raises Refused for an article that makes the sale cost no more than was paid already.
    """
    changes = [event for event in events if type(event) in _CHANGES]
    if all(_of_return(cart, event) for event in changes):
        return PricedStep(events, None)
    after = replay(((event, given.at_ms) for event in events), cart)
    if not (reference.has_promotions or after.groups or after.discounts or after.reductions):
        return PricedStep(events, after)
    lines = basket_lines(after, reference)
    promotions = reference.promotions_for(lines)
    reductions: tuple[Reduction, ...] = ()
    if after.groups:
        at_ms = given.occasion.at_ms
        lines, reductions = priced_for_customer(lines, reference, after.groups, at_ms)
    if promotions:
        reductions += reduce_basket(lines, promotions, _occasion(after, given))
    if after.discounts:
        reductions += discount_lines(_costs(after, reductions), after.discounts)
    # a new price takes with it what reduced the old one: the same reductions are said again
    said_again = any(isinstance(event, PriceOverridden) for event in events)
    if reductions == after.reductions and not (reductions and said_again):
        return PricedStep(events, after)
    reduced = PricesReduced(sale=after.sale, reductions=reductions)
    after = apply(after, reduced, given.at_ms)
    if cart.tendered_minor:
        _refuse_paid_already(after)
    return PricedStep((*events, reduced), after)


def _occasion(cart: Cart, given: Circumstances) -> Occasion:
    coupons = tuple(each.campaign for each in cart.coupons)
    return replace(given.occasion, coupons=coupons, groups=cart.groups)


def _refuse_paid_already(cart: Cart) -> None:
    if cart.payable_minor > cart.tendered_minor:
        return
    name = cart.lines[-1].name
    total = format_amount(cart.payable_minor, cart.currency)
    tendered = format_amount(cart.tendered_minor, cart.currency)
    raise Refused(
        "paid_already",
        f"With {name} this sale would cost {total}, and {tendered} has been paid already.",
        advice="Take the rest and complete the sale, or abandon it and begin again.",
        params={"name": name, "total": total, "tendered": tendered},
    )


def _of_return(cart: Cart, event: Event) -> bool:
    """Say whether a line was voided whose goods come back: that makes nothing cheaper or dearer."""
    line = cart.line(event.line) if isinstance(event, LineVoided) else None
    return line is not None and line.back is not None


def basket_lines(cart: Cart, reference: ReferenceView) -> tuple[BasketLine, ...]:
    """Return the lines that promotions see: live, sold, no deposit, no price set by hand."""
    lines = []
    for line in cart.lines:
        if not line.voided and not line.overridden and line.back is None and not line.deposit:
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
                    line.open_price,
                    line.open_price or line.entry == PRICE_CODE,
                )
            )
    return tuple(lines)


def _costs(cart: Cart, reductions: tuple[Reduction, ...]) -> dict[str, int]:
    """Return what each live line costs once its promotions are taken off."""
    costs = {
        line.line_id: line.amount_minor
        for line in cart.lines
        if not line.voided and line.back is None and not line.deposit
    }
    for reduction in reductions:
        for part in reduction.lines:
            costs[part.line] -= part.amount_minor
    return costs
