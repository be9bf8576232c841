"""Holes that a mutation run found in the tests of prices and promotions, closed by meaning.

The other tests' shop knows no groups, has one price for all times and hands out every promotion:
a till that never asked for them by the goods in the basket would not have been seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import pytest
from typing_extensions import override

from edge.contract.errors import Refused
from edge.contract.promotion_data import BuyGet, PercentOff, Promotion, Selection
from edge.contract.reference_data import Article, Price
from edge.engine.price_check import price_shown
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion
from tests.engine.shop_in_memory import CHEESE_PLU, MILK, ROLL, ShopInMemory, coded
from tests.engine.till_in_memory import TillInMemory

LATER = 1_900_000_000_000
GROUPS = {"R1": "bakery", "C1": "dairy", "M1": "dairy"}
ROLLS = Promotion("rolls", "Bakery day", PercentOff(200_000, Selection(groups=("bakery",))))
CHEESE = Promotion("cheese", "Cheese day", PercentOff(500_000, Selection(groups=("dairy",))))
PAIR = Promotion("pair", "One of two for nothing", BuyGet(1, 1, Selection(groups=("dairy",))))


class Grouped(ShopInMemory):
    """Articles have groups, prices rise at an instant, promotions are found by the lines."""

    asked: tuple[BasketLine, ...] = ()

    def _grouped(self, article: Article | None) -> Article | None:
        if article is None:
            return None
        return msgspec.structs.replace(article, group=GROUPS.get(article.sku, ""))

    @override
    def by_gtin(self, gtin: str) -> Article | None:
        return self._grouped(super().by_gtin(gtin))

    @override
    def by_sku(self, sku: str) -> Article | None:
        return self._grouped(super().by_sku(sku))

    @override
    def by_plu(self, plu: str) -> Article | None:
        return self._grouped(super().by_plu(plu))

    @override
    def price(self, sku: str, at_ms: int) -> Price | None:
        price = super().price(sku, at_ms)
        later = 1_000 if at_ms >= LATER else 0
        return price and msgspec.structs.replace(price, price_minor=price.price_minor + later)

    @override
    def promotions_for(self, lines: Iterable[BasketLine]) -> Sequence[Promotion]:
        self.asked = tuple(lines)
        groups = {line.group for line in self.asked}
        return [each for each in self.promotions if groups & set(_groups_of(each))]


def _groups_of(promotion: Promotion) -> tuple[str, ...]:
    rule = promotion.rule
    assert isinstance(rule, (BuyGet, PercentOff))
    return (rule.buy if isinstance(rule, BuyGet) else rule.selection).groups


def grouped(*promotions: Promotion) -> Grouped:
    return Grouped(promotions=promotions)


def test_a_basket_meets_the_promotions_of_its_own_groups() -> None:
    reference = grouped(ROLLS, CHEESE, PAIR)
    till = TillInMemory(reference)
    till.add(ROLL)
    assert [each.id for each in till.cart.reductions] == ["rolls"]
    assert till.cart.total_minor == 36
    assert [(line.sku, line.group, line.unit) for line in reference.asked] == [
        ("R1", "bakery", "piece")
    ]


def test_two_kilograms_are_one_package_and_not_two_pieces() -> None:
    reference = grouped(PAIR)
    till = TillInMemory(reference)
    till.add(CHEESE_PLU, 2_000)
    assert reference.asked[0].unit == "kg"
    assert till.cart.reductions == ()
    till.add(MILK)
    assert [each.amount_minor for each in till.cart.reductions] == [129]


def test_goods_cost_what_is_listed_when_the_sale_was_opened() -> None:
    till = TillInMemory(grouped())
    till.occasion = Occasion(LATER, 1, 600)
    till.add(ROLL)
    assert till.cart.total_minor == 1_045
    earlier = TillInMemory(grouped())
    earlier.occasion = Occasion(LATER - 1, 1, 600)
    earlier.add(ROLL)
    assert earlier.cart.total_minor == 45


def test_the_price_check_asks_as_selling_does() -> None:
    reference = grouped(ROLLS, CHEESE, PAIR)
    now = price_shown(reference, ROLL, Occasion(LATER - 1, 1, 600))
    assert (now.price_minor, now.now_minor) == (45, 36)
    # only what names it is told, by its group too
    assert [each.name for each in now.promotions] == ["Bakery day"]
    later = price_shown(reference, ROLL, Occasion(LATER, 1, 600))
    assert (later.price_minor, later.now_minor) == (1_045, 836)
    assert (reference.asked[0].line_id, reference.asked[0].group) == ("1", "bakery")
    half = price_shown(grouped(CHEESE), CHEESE_PLU, Occasion(0, 1, 600))
    assert half.now_minor == 945
    # a label of two kilograms sharp is one package, of which none is free
    label = coded("21" + "04101" + "02000")
    package = price_shown(grouped(PAIR), label, Occasion(0, 1, 600))
    assert package.now_minor == 3_780


def test_the_price_check_reads_a_code_as_the_scanner_names_it() -> None:
    """`]E3` says that an add-on of two digits stands behind the GTIN-13."""
    code = f"{ROLL}12"
    with pytest.raises(Refused, match="No article has the code"):
        price_shown(grouped(), code, Occasion(0, 1, 600))
    assert price_shown(grouped(), code, Occasion(0, 1, 600), aim="]E3").sku == "R1"
