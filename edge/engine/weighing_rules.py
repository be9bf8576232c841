"""Goods on the scale: who may be weighed, and when a weight becomes a line.

What is displayed is what is sold: the line has the weight that the scale answered, still, less
the tare that was asked for, at the price of the sale's price book; and when the screen showed
another weight as the cashier took it, nothing is sold.
"""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.quantity import ONE, Unit, format_quantity
from edge.contract.sale_events import LineAdded, SaleAbandoned
from edge.contract.till_commands import WeighItem
from edge.contract.weighing_events import WeighingAsked, WeighingEnded
from edge.engine.age_rules import refuse_age_after_money
from edge.engine.article_finding import LABEL_ENTRIES, price_code
from edge.engine.cart import SCALE, Cart
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_lines import check_lines, line_added, open_if_needed, with_line
from edge.engine.state_refusals import (
    refuse_once_refunded,
    refuse_while_paying,
    refuse_while_weighing,
)

NOTHING_WEIGHED = "nothing_weighed"
"""Why a sale is abandoned that a weighing opened and gave no line."""


def weigh_item(
    cart: Cart, command: WeighItem, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Commit the wish to weigh an article; opens a sale on an idle till."""
    refuse_while_paying(cart)
    refuse_while_weighing(cart)
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    refuse_once_refunded(cart)
    check_lines(cart)
    priced = price_code(reference, command.code, ONE, entry=SCALE, at_ms=given.occasion.at_ms)
    name = priced.article.name
    refuse_age_after_money(cart, priced.article)
    if priced.entry in LABEL_ENTRIES:
        raise Refused(
            "label_has_its_quantity",
            f"The label of {name} says how much it is; it is not weighed again.",
            advice="Scan the label.",
            params={"name": name},
        )
    if priced.article.unit != Unit.KILOGRAM:
        raise Refused(
            "not_sold_by_weight",
            f"{name} is sold by the piece.",
            advice="Add it without weighing.",
            params={"name": name},
        )
    if not given.scale:
        raise Refused(
            "no_scale",
            "This till has no scale.",
            advice="Type the weight, or have a scale bound to this till.",
        )
    asked = WeighingAsked(
        sale=cart.sale,
        weighing=command.command_id,
        scale=given.scale,
        code=command.code,
        sku=priced.article.sku,
        name=name,
        tare_g=command.tare_g,
        shown_g=command.shown_g,
    )
    return (*events, asked)


def weighed(
    cart: Cart, weight_g: int, reference: ReferenceView, *, taken_g: int = 0
) -> tuple[LineAdded]:
    """Return the line of what the cart's weighing weighs; raises Refused in words.

    `taken_g` is the tare that the scale took off itself: `weight_g` is net then.
    """
    asked = cart.weighing
    if asked is None:
        raise ValueError("nothing is being weighed")
    if taken_g not in {0, asked.tare_g}:
        raise Refused(
            "scale_garbled",
            f"The scale took off {taken_g} g, and was asked to take off {asked.tare_g} g.",
            advice="Weigh again.",
        )
    if weight_g <= 0:
        raise Refused(
            "scale_empty",
            "There is nothing on the scale.",
            advice="Put the goods on and weigh again.",
        )
    gross_g = weight_g + taken_g
    if asked.shown_g and gross_g != asked.shown_g:
        shown, now = (format_quantity(each, Unit.KILOGRAM) for each in (asked.shown_g, gross_g))
        raise Refused(
            "weight_changed",
            f"The screen showed {shown}, the scale then {now}: nothing was sold.",
            advice="Look at the weight and take it again.",
            params={"shown": shown, "now": now},
        )
    left_g = asked.tare_g - taken_g
    if weight_g <= left_g:
        tare, gross = (format_quantity(each, Unit.KILOGRAM) for each in (asked.tare_g, weight_g))
        raise Refused(
            "tare_too_large",
            f"The tare of {tare} is not less than the {gross} on the scale.",
            advice="Put it right and weigh again.",
            params={"tare": tare, "weight": gross},
        )
    priced = price_code(reference, asked.code, weight_g - left_g, entry=SCALE, at_ms=cart.opened_at)
    added = line_added(cart, priced, asked.code, tare_g=asked.tare_g)
    _ = with_line(cart, added)  # refuses a total over the limit
    return (added,)


def price_asked_for(cart: Cart, reference: ReferenceView) -> int:
    """Return what a kilogram is listed at of what the cart's weighing weighs; 0 where none is."""
    asked = cart.weighing
    if asked is None:
        return 0
    try:
        priced = price_code(reference, asked.code, ONE, entry=SCALE, at_ms=cart.opened_at)
    except Refused:
        return 0  # its words come with the scale's answer
    return priced.price_minor


def weighing_ended(cart: Cart, reason: str) -> tuple[Event, ...]:
    """Return how a weighing ends without a line; a sale that it opened ends with it."""
    asked = cart.weighing
    if asked is None:
        return ()
    ended = WeighingEnded(sale=cart.sale, weighing=asked.weighing, reason=reason)
    if cart.lines or cart.tenders or cart.coupons or cart.customer:
        return (ended,)
    return (ended, SaleAbandoned(sale=cart.sale, reason=NOTHING_WEIGHED))
