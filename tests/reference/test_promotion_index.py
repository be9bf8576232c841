from __future__ import annotations

from typing import NamedTuple

from edge.contract.promotion_data import (
    BasketAmountOff,
    Bundle,
    BundlePart,
    BuyGet,
    PercentOff,
    Promotion,
    Selection,
)
from edge.reference.promotion_index import PromotionIndex


class Item(NamedTuple):
    sku: str
    group: str = ""


ALL = Promotion("z-all", "All", BasketAmountOff(100))
BREAD = Promotion("bread", "Bread", PercentOff(1, Selection(skus=("1", "2"))))
BAKERY = Promotion("bakery", "Bakery", PercentOff(1, Selection(groups=("bakery",))))
MEAL = Promotion(
    "meal",
    "Meal",
    Bundle(
        500, (BundlePart(1, Selection(skus=("3",))), BundlePart(1, Selection(groups=("drinks",))))
    ),
)
GIFT = Promotion("gift", "Gift", BuyGet(1, 1, Selection(skus=("4",)), Selection(skus=("5",))))
INDEX = PromotionIndex((ALL, BREAD, BAKERY, MEAL, GIFT))


def ids(*items: Item) -> list[str]:
    return [promotion.id for promotion in INDEX.of(items)]


def test_a_basket_meets_the_promotions_that_may_concern_it_each_once_by_id() -> None:
    assert ids(Item("1"), Item("2")) == ["bread", "z-all"]
    assert ids(Item("1", "bakery")) == ["bakery", "bread", "z-all"]
    assert ids(Item("9")) == ["z-all"]
    assert ids(Item("9", "bakery")) == ["bakery", "z-all"]


def test_what_has_to_be_bought_is_what_a_promotion_is_found_by() -> None:
    assert ids(Item("4")) == ["gift", "z-all"]
    assert ids(Item("5")) == ["z-all"]
    assert ids(Item("3")) == ["meal", "z-all"]


def test_an_article_without_a_group_is_in_no_group() -> None:
    nameless = PromotionIndex((Promotion("x", "X", PercentOff(1, Selection(groups=("",)))),))
    assert nameless.of([Item("1")]) == ()


def test_no_promotions() -> None:
    assert PromotionIndex().of([Item("1")]) == ()
