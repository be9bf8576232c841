"""Goods on the scale become lines, or are refused in words; what is displayed is what is sold."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from edge.contract.errors import Refused
from edge.contract.promotion_data import FixedPrice, Promotion, Selection
from edge.contract.quantity import extend
from edge.contract.sale_events import (
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleOpened,
    SaleParked,
)
from edge.contract.till_commands import Park
from edge.contract.till_protocol import TillState
from edge.contract.weighing_events import WeighingAsked, WeighingEnded
from edge.engine.cart import EMPTY
from edge.engine.cart_changes import replay
from edge.engine.receipt_layout import lay_out_receipt
from edge.engine.weighing_rules import price_asked_for, weighed, weighing_ended
from tests.engine.shop_in_memory import (
    CHEESE_742_G,
    CHEESE_PLU,
    ROLL,
    UNKNOWN,
    ShopInMemory,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import done, in_doubt, paying

PRICE = 1_890


class WithoutPrices(ShopInMemory):
    @override
    def price(self, sku: str, at_ms: int) -> None:
        return None


def ask(till: TillInMemory, code: str = CHEESE_PLU, tare_g: int = 0, shown_g: int = 0) -> None:
    till.weigh(code, tare_g, shown_g)


def answer(till: TillInMemory, grams: int) -> None:
    till.scale_says(grams)


def test_scales_that_weigh_at_a_price_are_told_the_listed_one() -> None:
    till = TillInMemory()
    assert price_asked_for(till.cart, till.reference) == 0
    ask(till)
    assert price_asked_for(till.cart, till.reference) == PRICE
    assert price_asked_for(till.cart, WithoutPrices(profile())) == 0
    answer(till, 752)
    assert price_asked_for(till.cart, till.reference) == 0


def test_a_weight_less_its_tare_becomes_a_line_at_the_price_of_the_moment() -> None:
    till = TillInMemory()
    ask(till, tare_g=10, shown_g=752)
    opened, asked = (event for event, _ in till.history)
    assert isinstance(opened, SaleOpened)
    assert asked == WeighingAsked(
        sale=opened.sale,
        weighing="command-000001",
        scale="scale-1",
        code=CHEESE_PLU,
        sku="C1",
        name="Aged cheese",
        tare_g=10,
        shown_g=752,
    )
    assert (till.cart.total_minor, till.cart.lines) == (0, ())
    answer(till, 752)
    (line,) = till.cart.lines
    assert (line.quantity, line.tare_g, line.entry) == (742, 10, "scale")
    assert (line.price_minor, line.amount_minor, line.unit) == (PRICE, 1_402, "kg")
    assert till.cart.weighing is None
    assert till.cart.line_views[0].tare_g == 10
    assert replay(till.history) == till.cart


@given(st.integers(1, 99_999), st.integers(0, 99_999))
def test_net_and_tare_are_what_the_scale_showed(gross: int, tare: int) -> None:
    till = TillInMemory()
    ask(till, tare_g=tare)
    if gross <= tare:
        with pytest.raises(Refused) as refused:
            answer(till, gross)
        assert refused.value.code == "tare_too_large"
        return
    answer(till, gross)
    (line,) = till.cart.lines
    assert line.quantity + line.tare_g == gross
    assert line.amount_minor == extend(PRICE, gross - tare)


@pytest.mark.parametrize("shown_g", [0, 752])
def test_a_tare_that_the_scale_took_off_is_not_taken_off_again(shown_g: int) -> None:
    till = TillInMemory()
    ask(till, tare_g=10, shown_g=shown_g)
    (line,) = weighed(till.cart, 742, till.reference, taken_g=10)
    assert (line.quantity, line.tare_g, line.amount_minor) == (742, 10, 1_402)


@pytest.mark.parametrize(
    ("tare_g", "taken_g", "grams", "code"),
    [
        (10, 9, 742, "scale_garbled"),
        (10, 11, 742, "scale_garbled"),
        (0, 10, 742, "scale_garbled"),
        (10, 10, 0, "scale_empty"),
    ],
)
def test_a_tare_that_nobody_asked_for_sells_nothing(
    tare_g: int, taken_g: int, grams: int, code: str
) -> None:
    till = TillInMemory()
    ask(till, tare_g=tare_g)
    with pytest.raises(Refused) as refused:
        weighed(till.cart, grams, till.reference, taken_g=taken_g)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("shown_g", "grams", "code"),
    [(0, 0, "scale_empty"), (0, -3, "scale_empty"), (742, 743, "weight_changed")],
)
def test_a_weight_that_nobody_saw_is_not_sold(shown_g: int, grams: int, code: str) -> None:
    till = TillInMemory()
    ask(till, shown_g=shown_g)
    with pytest.raises(Refused) as refused:
        answer(till, grams)
    assert refused.value.code == code
    assert till.cart.lines == ()


@pytest.mark.parametrize(
    ("code", "wish"),
    [
        ("unknown_code", UNKNOWN),
        ("label_has_its_quantity", CHEESE_742_G),
        ("not_sold_by_weight", ROLL),
    ],
)
def test_what_cannot_be_weighed_is_refused_before_the_scale_is_asked(code: str, wish: str) -> None:
    till = TillInMemory()
    with pytest.raises(Refused) as refused:
        ask(till, wish)
    assert refused.value.code == code
    assert till.history == []


def test_a_till_without_a_scale_weighs_nothing() -> None:
    till = TillInMemory()
    till.scale = ""
    with pytest.raises(Refused, match="has no scale"):
        ask(till)


@pytest.mark.parametrize(
    ("story", "code"), [(paying, "card_payment_running"), (in_doubt, "payment_in_doubt")]
)
def test_nothing_is_weighed_while_a_card_payment_runs(story: object, code: str) -> None:
    till = TillInMemory()
    assert callable(story)
    story(till)
    with pytest.raises(Refused) as refused:
        ask(till)
    assert refused.value.code == code


def test_nothing_is_paid_or_weighed_while_the_scale_has_not_answered() -> None:
    till = TillInMemory()
    till.add(ROLL)
    ask(till)
    for wish in (lambda: till.cash(45), lambda: till.card(45), lambda: ask(till)):
        with pytest.raises(Refused) as refused:
            wish()
        assert refused.value.code == "weighing_running"
        assert refused.value.params == {"name": "Aged cheese"}
    till.add(ROLL)  # other goods may be scanned meanwhile
    answer(till, 100)
    assert [line.name for line in till.cart.lines] == ["Bread roll", "Bread roll", "Aged cheese"]
    till.cash(1_000)
    assert till.cart.state is TillState.DONE


def test_nothing_is_parked_or_priced_by_hand_while_the_scale_has_not_answered() -> None:
    till = TillInMemory()
    till.role = "supervisor"
    till.add(ROLL)
    till.discount("1", minor=5)
    ask(till)
    before = till.cart
    for wish in (
        lambda: till.do(Park(command_id="command-park")),
        lambda: till.override("1", 40),
        lambda: till.override("2", 40),  # the line that the scale will give has no number yet
        lambda: till.discount(ppm=100_000),
        lambda: till.discount("1", minor=1),
        lambda: till.take_back("1"),
        lambda: till.note("for Saturday"),
        lambda: till.note("ripe", "1"),
    ):
        with pytest.raises(Refused) as refused:
            wish()
        assert refused.value.code == "weighing_running"
        assert till.cart == before
    till.scale_fails()
    till.override("1", 40)
    ask(till)
    answer(till, 500)
    till.override("2", 1_000)
    till.note("ripe", "2")
    assert [(line.net_minor, line.overridden, line.note) for line in till.cart.lines] == [
        (35, True, ""),
        (500, True, "ripe"),
    ]
    assert isinstance(till.do(Park(command_id="command-park"))[0], SaleParked)


def test_a_weighed_line_is_priced_with_what_the_basket_is_reduced_by() -> None:
    cheese = Promotion("cheese", "Cheese week", FixedPrice(1_000, Selection(skus=("C1",))))
    till = TillInMemory(shop(promotions=(cheese,)))
    till.role = "supervisor"
    till.add(ROLL)
    till.discount(ppm=100_000)
    ask(till, tare_g=10)
    answer(till, 510)
    assert [(line.amount_minor, line.net_minor) for line in till.cart.lines] == [
        (45, 45 - 5),
        (945, 500 - 50),
    ]
    assert till.cart.total_minor == 490


def test_after_a_sale_is_done_a_weighing_opens_the_next() -> None:
    till = TillInMemory()
    done(till)
    ask(till)
    answer(till, 500)
    assert till.cart.state is TillState.OPEN
    assert [line.name for line in till.cart.lines] == ["Aged cheese"]


def test_a_weighing_that_ends_ends_the_sale_that_it_opened_and_no_other() -> None:
    till = TillInMemory()
    ask(till)
    events = weighing_ended(till.cart, "scale_unstable")
    assert [type(event) for event in events] == [WeighingEnded, SaleAbandoned]
    till.take(*events)
    assert till.cart == EMPTY
    till.add(ROLL)
    ask(till)
    (ended,) = weighing_ended(till.cart, "scale_unstable")
    till.take(ended)
    assert till.cart.weighing is None
    assert till.cart.live_lines == 1
    assert weighing_ended(till.cart, "late") == ()


def test_a_weight_of_nothing_asked_is_a_defect() -> None:
    till = TillInMemory()
    with pytest.raises(ValueError, match="nothing is being weighed"):
        answer(till, 742)


def test_a_weighed_line_is_not_typed_anew_but_voided() -> None:
    till = TillInMemory()
    ask(till)
    answer(till, 742)
    with pytest.raises(Refused) as refused:
        till.set_quantity("1", 500)
    assert refused.value.code == "weighed_on_scale"
    voided = till.void("1")
    assert isinstance(voided[0], LineVoided)
    ask(till)
    answer(till, 600)
    assert [line.voided for line in till.cart.lines] == [True, False]


def test_the_receipt_says_net_weight_and_tare() -> None:
    till = TillInMemory()
    ask(till, tare_g=10)
    answer(till, 752)
    ask(till)
    answer(till, 500)
    till.cash(3_000)
    receipt = lay_out_receipt(till.cart, profile(), till="till 1", cashier="", zone=UTC)
    texts = [block.text for block in receipt.blocks if hasattr(block, "text")]
    assert "  0.742\u00a0kg \u00d7 18.90/kg, tare 0.010\u00a0kg" in texts
    assert "  0.500\u00a0kg \u00d7 18.90/kg" in texts


def test_a_line_over_the_limits_is_refused_when_its_weight_is_known() -> None:
    till = TillInMemory()
    ask(till)
    answer(till, 99_999)
    assert isinstance(till.history[-1][0], LineAdded)
