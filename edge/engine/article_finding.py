"""From a code to an article with its price, rate, and what the label said about it."""

from __future__ import annotations

from typing import Final, NoReturn

import msgspec

from edge.contract.errors import Refused
from edge.contract.money import Rounding, divide
from edge.contract.quantity import ONE, Unit, check_quantity, extend
from edge.contract.reference_data import Article, TaxRule
from edge.engine.barcode_meaning import (
    GtinMeaning,
    LabelMeaning,
    Meaning,
    WrongCheckDigit,
    meaning_of,
    refuse_check_digit,
)
from edge.engine.cart import RETURNED
from edge.engine.reference_view import ReferenceView

WEIGHT_CODE: Final = "weight_code"
PRICE_CODE: Final = "price_code"
LABEL_ENTRIES: Final = frozenset({WEIGHT_CODE, PRICE_CODE})
"""Entries whose quantity stands on the label and is not typed."""
_SAYS_NOTHING: Final = GtinMeaning("")
_SHOWN_CHARS_MAX: Final = 60
"""How much of an unknown code is repeated in a message."""


class Priced(msgspec.Struct, frozen=True):
    """An article as it goes into the sale; `quantity` in thousandths.

    `serial`, `lot` and `expiry` as in `GtinMeaning`.
    """

    article: Article
    tax: TaxRule
    quantity: int
    price_minor: int
    amount_minor: int
    entry: str
    serial: str = ""
    lot: str = ""
    expiry: str = ""


def find_article(reference: ReferenceView, meaning: Meaning) -> Article | None:
    """Return the article a code means: by GTIN, by the PLU of a label, by SKU, by PLU."""
    if isinstance(meaning, GtinMeaning):
        return reference.by_gtin(meaning.gtin)
    if isinstance(meaning, LabelMeaning):
        return reference.by_plu(meaning.plu)
    return reference.by_sku(meaning.text) or reference.by_plu(meaning.text)


def price_code(
    reference: ReferenceView,
    code: str,
    quantity: int,
    *,
    entry: str,
    at_ms: int,
    aim: str = "",
    typed_minor: int | None = None,
) -> Priced:
    """Return the article of a code, at the price that is listed at an instant, or was typed.

    Raises Refused: unknown code (404), a sale that head office stopped, wrong check digit, no
    price, no tax rule, a quantity that is not allowed, a label that carries its own quantity, a
    price to be typed that is not, or one that was typed and is not to be.
    """
    article, meaning = article_of(reference, code, aim=aim)
    if entry != RETURNED:
        _refuse_stopped(reference, article)
    tax = _tax(reference, article)
    weight, amount_minor, count = _on_label(meaning)
    if typed_minor is not None and (not article.open_price or amount_minor is not None):
        refuse_listed(article)
    if not article.open_price:
        price_minor = _listed(reference, article, at_ms)
    elif amount_minor is None:
        price_minor = _typed(article, typed_minor)
    else:
        price_minor = 0  # the label's own is the price
    if quantity != ONE and (weight is not None or amount_minor is not None):
        raise Refused(
            "label_has_its_quantity",
            f"The label of {article.name} says how much it is; a number before it means nothing.",
            advice="Scan every package by itself.",
            params={"name": article.name},
        )
    if amount_minor is not None:
        return _by_label_price(article, tax, price_minor, amount_minor)
    if weight is not None:
        return _by_label_weight(article, tax, price_minor, weight)
    if count is not None:
        quantity = quantity * count // ONE
    quantity = check_quantity(quantity, Unit(article.unit))
    gs1 = meaning if isinstance(meaning, GtinMeaning) else _SAYS_NOTHING
    return Priced(
        article,
        tax,
        quantity,
        price_minor,
        extend(price_minor, quantity),
        entry,
        gs1.serial,
        gs1.lot,
        gs1.expiry,
    )


def article_of(reference: ReferenceView, code: str, *, aim: str = "") -> tuple[Article, Meaning]:
    """Return the article that a code names, and what the code means; or refuse it."""
    store = reference.store
    meaning = meaning_of(code, store.code_templates, currency=store.currency, aim=aim)
    article = find_article(reference, meaning)
    if article is None:
        if isinstance(meaning, WrongCheckDigit):
            refuse_check_digit(meaning)
        _refuse_unknown(code)
    return article, meaning


def _refuse_stopped(reference: ReferenceView, article: Article) -> None:
    urgent = reference.urgent(article.sku)
    if urgent is not None and urgent.stopped:
        raise Refused(
            "article_stopped",
            f"Head office has stopped the sale of {article.name}.",
            advice=f"Put it aside; do not sell it. {urgent.reason}".rstrip(),
            params={"name": article.name, "reason": urgent.reason},
        )


def refuse_listed(article: Article) -> NoReturn:
    """Refuse a typed price for what has one already."""
    raise Refused(
        "price_is_listed",
        f"{article.name} has a price already; none is typed.",
        advice="Add it without a price. Another price is set on its line, with a reason.",
        params={"name": article.name},
    )


def _typed(article: Article, typed_minor: int | None) -> int:
    if typed_minor is None:
        raise Refused(
            "price_asked",
            f"{article.name} has no listed price.",
            advice="Type what it costs.",
            # the till asks for the price, and adds it by this code
            params={"name": article.name, "code": article.sku},
        )
    return typed_minor


def _listed(reference: ReferenceView, article: Article, at_ms: int) -> int:
    price = reference.price(article.sku, at_ms)
    if price is None:
        raise Refused(
            "no_price",
            f"{article.name} has no price.",
            advice="Tell head office; sell it once it has one.",
            params={"name": article.name, "sku": article.sku},
        )
    return price.price_minor


def _tax(reference: ReferenceView, article: Article) -> TaxRule:
    tax = reference.tax(article.tax)
    if tax is None:
        raise Refused(
            "no_tax_rule",
            f"{article.name} names the tax {article.tax!r}, which this store does not have.",
            advice="Tell head office; sell it once it is put right.",
            params={"name": article.name, "tax": article.tax},
        )
    return tax


def _on_label(meaning: Meaning) -> tuple[int | None, int | None, int | None]:
    if isinstance(meaning, GtinMeaning):
        return meaning.weight, meaning.amount_minor, meaning.count
    if isinstance(meaning, LabelMeaning):
        return meaning.weight, meaning.amount_minor, None
    return None, None, None


def _by_label_weight(article: Article, tax: TaxRule, price_minor: int, weight: int) -> Priced:
    if article.unit != Unit.KILOGRAM:
        raise Refused(
            "not_weighed",
            f"The label carries a weight, but {article.name} is sold by the piece.",
            advice="Check the label; type the article's number to sell it by the piece.",
            params={"name": article.name},
        )
    weight = check_quantity(weight, Unit.KILOGRAM)
    return Priced(article, tax, weight, price_minor, extend(price_minor, weight), WEIGHT_CODE)


def _by_label_price(article: Article, tax: TaxRule, price_minor: int, amount_minor: int) -> Priced:
    # the label's price is what was promised; a weight is worked out for the stock only
    if amount_minor == 0:
        raise Refused(
            "label_without_price",
            f"The label of {article.name} says a price of zero.",
            advice="Have it weighed and labelled again.",
            params={"name": article.name},
        )
    if article.unit != Unit.KILOGRAM or price_minor == 0:
        return Priced(article, tax, ONE, amount_minor, amount_minor, PRICE_CODE)
    weight = divide(amount_minor * ONE, price_minor, Rounding.HALF_UP)
    weight = check_quantity(max(1, weight), Unit.KILOGRAM)
    return Priced(article, tax, weight, price_minor, amount_minor, PRICE_CODE)


def _refuse_unknown(code: str) -> NoReturn:
    shown = "".join(char for char in code[:_SHOWN_CHARS_MAX] if char.isprintable())
    raise Refused(
        "unknown_code",
        f"No article has the code {shown}.",
        advice="Scan it again, or search for the article by name.",
        status=404,
        params={"code": shown},
    )
