"""What an article costs now, for somebody who asks: no sale knows of it."""

from __future__ import annotations

from typing import Final

from edge.contract.article_views import PriceView, PromotionView
from edge.contract.promotion_data import AnyPromotionRule, Bundle, BuyGet, Selection
from edge.contract.quantity import ONE
from edge.engine.article_finding import price_code
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, is_on, reduce_basket
from edge.engine.reference_view import ReferenceView

_ENTRY: Final = "keyed"


def price_shown(
    reference: ReferenceView, code: str, occasion: Occasion, *, aim: str = ""
) -> PriceView:
    """Return what a code costs, bought alone on an occasion, and the promotions that name it.

    Raises Refused as selling it would: unknown, without a price, a label that does not fit.
    """
    found = price_code(reference, code, ONE, entry=_ENTRY, at_ms=occasion.at_ms, aim=aim)
    article = found.article
    line = BasketLine(
        "1",
        article.sku,
        article.group,
        found.quantity,
        found.price_minor,
        found.amount_minor,
        article.unit,
    )
    promotions = reference.promotions_for((line,))
    off = sum(
        part.amount_minor
        for reduction in reduce_basket((line,), promotions, occasion)
        for part in reduction.lines
    )
    return PriceView(
        code,
        article.sku,
        article.name,
        article.unit,
        reference.store.currency,
        found.price_minor,
        found.quantity,
        found.amount_minor,
        found.amount_minor - off,
        found.entry != _ENTRY,
        tuple(
            PromotionView(
                each.name,
                is_on(each.hours, occasion),
                coupon=bool(each.coupon),
                members=bool(each.groups),
            )
            for each in sorted(promotions, key=lambda each: each.id)
            if _names(each.rule, line)
            and not 0 < each.hours.until_ms <= occasion.at_ms  # over for good
        ),
    )


def _names(rule: AnyPromotionRule, line: BasketLine) -> bool:
    """Say whether a rule names an article by itself or by its group, not every article."""
    return any(
        line.sku in each.skus or (line.group and line.group in each.groups)
        for each in _selections(rule)
    )


def _selections(rule: AnyPromotionRule) -> tuple[Selection, ...]:
    if isinstance(rule, Bundle):
        return tuple(part.selection for part in rule.parts)
    if isinstance(rule, BuyGet):
        return (rule.buy, rule.get or rule.buy)
    return (rule.selection,)
