"""Promotions in a sale: when they are worked out, what the events say, what a till shows."""

from __future__ import annotations

from typing import Final

import pytest

from edge.contract.errors import Refused
from edge.contract.price_events import LineReduction, PricesReduced, Reduction
from edge.contract.promotion_data import (
    BasketAmountOff,
    BasketPercentOff,
    BuyGet,
    FixedPrice,
    Hours,
    PercentOff,
    Promotion,
    Selection,
)
from edge.contract.sale_events import LineAdded, SaleCompleted
from edge.engine.cart import EMPTY
from edge.engine.cart_changes import replay
from edge.engine.promotions import Occasion
from tests.engine.shop_in_memory import CHEESE_742_G, MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import TillInMemory

THREE_FOR_TWO: Final = Promotion("rolls", "3 for 2", BuyGet(2, 1, Selection(skus=("R1",))))
TENTH: Final = Promotion(
    "tenth", "A tenth from 5.00", BasketPercentOff(100_000, from_minor=500), combines=True
)


def test_the_third_roll_is_free_and_the_events_say_why() -> None:
    till = TillInMemory(shop(promotions=(THREE_FOR_TWO,)))
    till.add(ROLL)
    assert not any(isinstance(event, PricesReduced) for event in till.add(ROLL))
    events = till.add(ROLL)
    assert events[1:] == (
        PricesReduced(
            sale=till.cart.sale,
            reductions=(Reduction("promotion", "rolls", "3 for 2", (LineReduction("3", 45),)),),
        ),
    )
    assert (till.cart.total_minor, till.cart.due_minor) == (90, 90)
    third = till.cart.line_views[2]
    assert (third.amount_minor, third.listed_minor) == (0, 45)
    assert [(each.source, each.name, each.amount_minor) for each in third.reductions] == [
        ("promotion", "3 for 2", 45)
    ]
    assert [line.reductions for line in till.cart.line_views[:2]] == [(), ()]


def test_a_voided_line_takes_the_reduction_with_it() -> None:
    till = TillInMemory(shop(promotions=(THREE_FOR_TWO,)))
    till.add(ROLL, 3000)
    till.add(SOAP)
    assert till.cart.total_minor == 90 + 99
    events = till.void("1")
    assert isinstance(events[-1], PricesReduced)
    assert events[-1].reductions == ()
    assert (till.cart.total_minor, till.cart.reductions) == (99, ())
    assert till.cart.line_views[0].amount_minor == 0


def test_voiding_one_of_three_gives_the_price_of_two() -> None:
    till = TillInMemory(shop(promotions=(THREE_FOR_TWO,)))
    for _ in range(3):
        till.add(ROLL)
    till.void("3")
    assert (till.cart.total_minor, till.cart.reductions) == (90, ())


def test_a_new_quantity_is_priced_anew_in_one_step() -> None:
    till = TillInMemory(shop(promotions=(THREE_FOR_TWO,)))
    till.add(ROLL, 2000)
    events = till.set_quantity("1", 6000)
    assert [type(event).__name__ for event in events] == [
        "LineVoided",
        "LineAdded",
        "PricesReduced",
    ]
    assert till.cart.total_minor == 4 * 45


def test_what_does_not_change_the_reductions_brings_no_event() -> None:
    till = TillInMemory(shop(promotions=(THREE_FOR_TWO,)))
    till.add(ROLL, 3000)
    assert [type(event) for event in till.add(MILK)] == [LineAdded]
    assert not any(isinstance(event, PricesReduced) for event in till.cash(500))


def test_tax_is_taken_from_what_is_paid() -> None:
    half = Promotion("half", "Half price", PercentOff(500_000, Selection(skus=("S1", "R1"))))
    till = TillInMemory(shop(promotions=(half,)))
    till.add(ROLL, 2000)
    till.add(SOAP)
    till.cash(500)
    (completed,) = [e for e, _ in till.history if isinstance(e, SaleCompleted)]
    assert [(tax.tax, tax.gross_minor) for tax in completed.taxes] == [
        ("reduced", 45),
        ("standard", 99),
    ]
    assert completed.total_minor == 45 + 99


def test_a_rate_whose_goods_are_all_free_has_no_takings() -> None:
    free = Promotion("free", "Free soap", FixedPrice(0, Selection(skus=("X1",))))
    till = TillInMemory(shop(promotions=(free,)))
    till.add(SOAP)
    till.add(MILK)
    assert [tax.tax for tax in till.cart.taxes] == ["zero"]
    assert till.cart.total_minor == 129


def test_promotions_upon_promotions_are_told_in_their_order() -> None:
    till = TillInMemory(shop(promotions=(TENTH, THREE_FOR_TWO)))
    till.add(ROLL, 3000)
    till.add(CHEESE_742_G)  # 14.02
    assert [reduction.id for reduction in till.cart.reductions] == ["rolls", "tenth"]
    assert till.cart.total_minor == 90 + 1402 - 149
    names = [[each.name for each in line.reductions] for line in till.cart.line_views]
    assert names == [["3 for 2", "A tenth from 5.00"], ["A tenth from 5.00"]]


@pytest.mark.parametrize(("minute", "total"), [(17 * 60, 90), (18 * 60, 45), (20 * 60, 90)])
def test_the_hour_at_which_the_sale_was_opened_counts(minute: int, total: int) -> None:
    happy = Promotion(
        "happy", "Happy hour", PercentOff(500_000), Hours(from_minute=1080, until_minute=1200)
    )
    till = TillInMemory(shop(promotions=(happy,)))
    till.occasion = Occasion(1_795_000_000_000, 4, minute)
    till.add(ROLL, 2000)
    assert till.cart.total_minor == total


def test_the_events_alone_give_the_same_cart_whatever_is_promoted_today() -> None:
    till = TillInMemory(shop(promotions=(TENTH, THREE_FOR_TWO)))
    till.add(ROLL, 3000)
    till.add(CHEESE_742_G)
    till.void("1")
    assert replay(till.history) == till.cart


def test_reductions_of_lines_that_are_not_there_change_nothing() -> None:
    till = TillInMemory()
    till.add(ROLL)
    stranger = Reduction("promotion", "p", "Nothing", (LineReduction("9", 45),))
    till.take(PricesReduced(sale=till.cart.sale, reductions=(stranger,)))
    assert till.cart.total_minor == 45
    assert till.cart.line_views[0].reductions == ()
    assert replay([(PricesReduced(sale="another"), 1)], EMPTY) == EMPTY


def test_an_article_that_is_gone_keeps_its_price_and_is_in_no_group() -> None:
    # head office takes an article away while it lies in a basket
    grouped = Promotion("group", "Bakery", PercentOff(500_000, Selection(groups=("bakery",))))
    till = TillInMemory(shop(promotions=(grouped,)))
    till.add(ROLL)
    till.take(
        LineAdded(
            sale=till.cart.sale, line="2", sku="gone", name="Gone", quantity=1000, price_minor=70,
            amount_minor=70, tax="zero", rate_ppm=0,
        )
    )  # fmt: skip
    till.add(MILK)
    assert till.cart.total_minor == 45 + 70 + 129


def test_an_article_that_makes_the_sale_cost_less_than_was_paid_is_refused() -> None:
    """`test_sale_laws` found it: the article brought the threshold, and the money lay there."""
    two_off = Promotion("two", "2.00 off from 3.00", BasketAmountOff(200, from_minor=300))
    till = TillInMemory(shop(promotions=(two_off,)))
    till.add(SOAP)
    till.add(SOAP)
    till.cash(127)
    with pytest.raises(
        Refused, match=r"With Whole milk 1 l .* cost 1\.27, and 1\.27 has been paid"
    ):
        till.add(MILK)
    assert (till.cart.live_lines, till.cart.due_minor) == (2, 71)
    till.add(ROLL)  # one that changes nothing of what was paid for is sold
    assert till.cart.due_minor == 71 + 45
    till.add(CHEESE_742_G)
    assert (till.cart.total_minor, till.cart.due_minor) == (1445, 1445 - 127)
