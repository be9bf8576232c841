"""What the price check says of an article: as selling it alone would, promotions by name."""

from __future__ import annotations

import pytest

from edge.contract.article_views import PriceView, PromotionView
from edge.contract.errors import Refused
from edge.contract.promotion_data import (
    BasketPercentOff,
    Bundle,
    BundlePart,
    BuyGet,
    FixedPrice,
    Hours,
    PercentOff,
    Promotion,
    Selection,
)
from edge.engine.price_check import price_shown
from edge.engine.promotions import Occasion
from tests.engine.shop_in_memory import (
    CHEESE_3_49,
    CHEESE_742_G,
    CHEESE_PLU,
    MILK,
    ROLL,
    UNKNOWN,
    UNPRICED,
    shop,
)

NOON = Occasion(1_795_000_000_000, 3, 720)


def looked(code: str, *promotions: Promotion, occasion: Occasion = NOON) -> PriceView:
    return price_shown(shop(promotions=promotions), code, occasion)


def sku_of(code: str) -> str:
    return looked(code).sku


def test_an_article_by_the_piece_and_one_by_the_kilogram() -> None:
    roll = looked(ROLL)
    assert (roll.name, roll.unit, roll.currency) == ("Bread roll", "piece", "EUR")
    assert (roll.price_minor, roll.quantity, roll.amount_minor, roll.now_minor) == (
        45, 1_000, 45, 45,
    )  # fmt: skip
    assert (roll.labelled, roll.promotions, roll.code) == (False, (), ROLL)
    cheese = looked(CHEESE_PLU)
    assert (cheese.unit, cheese.price_minor, cheese.now_minor) == ("kg", 1_890, 1_890)


@pytest.mark.parametrize(("code", "quantity", "amount"), [(CHEESE_742_G, 742, 1_402),
                                                          (CHEESE_3_49, 185, 349)])  # fmt: skip
def test_a_label_costs_what_it_says(code: str, quantity: int, amount: int) -> None:
    found = looked(code)
    assert (found.quantity, found.amount_minor, found.labelled) == (quantity, amount, True)
    assert found.price_minor == 1_890


@pytest.mark.parametrize(
    ("code", "refusal"), [(UNKNOWN, "unknown_code"), (UNPRICED, "no_price"), ("", "code_empty")]
)
def test_what_cannot_be_sold_has_no_price(code: str, refusal: str) -> None:
    with pytest.raises(Refused) as refused:
        looked(code)
    assert refused.value.code == refusal


def test_the_price_now_is_what_it_costs_alone_and_only_promotions_that_name_it_are_shown() -> None:
    sku = sku_of(ROLL)
    mine = Selection(skus=(sku,))
    milk = Selection(skus=(sku_of(MILK),))
    later = Hours(from_minute=1_000, until_minute=1_100)
    over = Hours(until_ms=NOON.at_ms)
    found = looked(
        ROLL,
        Promotion("a-now", "Rolls at 40", FixedPrice(40, mine)),
        Promotion("b-later", "Evening rolls", PercentOff(500_000, mine), hours=later),
        Promotion("c-over", "Last week", PercentOff(500_000, mine), hours=over),
        Promotion("d-coupon", "Coupon", PercentOff(500_000, mine), coupon="c1"),
        Promotion("e-members", "Members", PercentOff(500_000, mine), groups=("gold",)),
        Promotion("f-milk", "Milk", PercentOff(500_000, milk)),
        Promotion("g-all", "Everything 10 %", BasketPercentOff(100_000, from_minor=1_000)),
        Promotion("h-get", "Milk, then a roll", BuyGet(1, 1, milk, mine)),
        Promotion("i-buy", "3 for 2", BuyGet(2, 1, mine)),
        Promotion("j-deal", "Deal", Bundle(150, (BundlePart(1, milk), BundlePart(1, mine)))),
    )
    assert (found.amount_minor, found.now_minor) == (45, 40)
    assert found.promotions == (
        PromotionView("Rolls at 40", now=True, coupon=False, members=False),
        PromotionView("Evening rolls", now=False, coupon=False, members=False),
        PromotionView("Coupon", now=True, coupon=True, members=False),
        PromotionView("Members", now=True, coupon=False, members=True),
        PromotionView("Milk, then a roll", now=True, coupon=False, members=False),
        PromotionView("3 for 2", now=True, coupon=False, members=False),
        PromotionView("Deal", now=True, coupon=False, members=False),
    )


def test_a_group_names_its_articles_and_no_group_names_none() -> None:
    grouped = Promotion("g", "Group", PercentOff(100_000, Selection(groups=("bakery",))))
    assert looked(ROLL, grouped).promotions == ()
    assert looked(ROLL, grouped).now_minor == 45
