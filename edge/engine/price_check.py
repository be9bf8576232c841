"""What an article costs now, for somebody who asks: no sale knows of it."""

from __future__ import annotations

from typing import Final

from edge.contract.article_views import PriceView, PromotionView
from edge.contract.promotion_data import AnyPromotionRule, Bundle, BuyGet, Selection
from edge.contract.quantity import ONE
from edge.engine.article_finding import PRICE_CODE, price_code
from edge.engine.customer_prices import priced_for_customer
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, is_on, reduce_basket
from edge.engine.reference_view import ReferenceView

_ENTRY: Final = "keyed"


def price_shown(
    reference: ReferenceView, code: str, occasion: Occasion, *, aim: str = ""
) -> PriceView:
    """Return what a code costs, bought alone on an occasion, and the promotions that name it.

    By the prices of the customer groups of the occasion too, as a sale has them.

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
        article.open_price,
        article.open_price or found.entry == PRICE_CODE,
    )
    promotions = reference.promotions_for((line,))
    lines, reductions = priced_for_customer((line,), reference, occasion.groups, occasion.at_ms)
    own = reductions[0] if reductions else None
    reductions += reduce_basket(lines, promotions, occasion)
    off = sum(reduction.amount_minor for reduction in reductions)
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
        own.name if own else "",
        own.lines[0].price_minor if own else None,
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
