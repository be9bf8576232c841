"""Holes that a mutation run found in the tests of prices, tenders and notes, closed by meaning."""

from __future__ import annotations

import pytest

from edge.contract.cash_events import NoSale
from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.permissions import Permission
from edge.contract.price_events import LineReduction, PricesReduced, Reduction
from edge.contract.promotion_data import BuyGet, PercentOff, Promotion, Selection
from edge.contract.receipt_document import Emphasis, RowBlock
from edge.contract.reference_data import ForeignCash, Price
from edge.contract.sale_events import LineAdded, SaleAbandoned, SaleCompleted
from edge.contract.till_commands import OpenDrawer, OtherTender, WeighItem
from edge.engine.circumstances import Approval
from edge.engine.other_tenders import worth_of
from edge.engine.promotions import Occasion
from edge.engine.receipt_words import language_of
from edge.engine.weighing_rules import NOTHING_WEIGHED
from tests.engine.shop_in_memory import CHEESE_PLU, DEAR, MILK, ROLL, SOAP, ShopInMemory, shop
from tests.engine.test_receipt_layout import lay_out, printed
from tests.engine.till_in_memory import TillInMemory

THREE_FOR_TWO = Promotion("rolls", "3 for 2", BuyGet(2, 1, Selection(skus=("R1",))))


def supervised(promotions: tuple[Promotion, ...] = ()) -> TillInMemory:
    till = TillInMemory(shop(promotions=promotions))
    till.role = "supervisor"
    return till


def test_what_a_promotion_takes_off_stands_on_the_receipt_with_the_sum() -> None:
    till = TillInMemory(shop(promotions=(THREE_FOR_TWO,)))
    till.add(ROLL, 3_000)
    till.cash(90)
    document = lay_out(till.cart)
    texts = printed(document)
    assert texts[texts.index("Bread roll|1.35") + 2] == "  3 for 2|-0.45"
    assert RowBlock("You saved", "0.45", Emphasis.BOLD) in document.blocks


def test_a_discount_that_finds_nothing_does_not_end_those_behind_it() -> None:
    till = supervised()
    till.add(ROLL)
    till.add(MILK)
    till.discount("1", ppm=1_000_000)
    till.discount("1", ppm=500_000)  # of a line that costs nothing by now
    till.discount("2", ppm=1_000_000)
    assert till.cart.total_minor == 0


def test_a_discount_stays_on_its_line_when_another_is_counted_anew() -> None:
    till = supervised()
    till.add(ROLL)
    till.add(MILK)
    till.discount("2", minor=29)
    till.set_quantity("1", 2_000)
    assert [each.line_id for each in till.cart.discounts] == ["2"]
    assert till.cart.total_minor == 90 + 100


def test_a_reduction_of_a_voided_line_takes_nothing_off() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(SOAP)
    till.void("1")
    gone = Reduction("promotion", "p", "p", (LineReduction("1", 45), LineReduction("2", 9)))
    till.take(PricesReduced(sale=till.cart.sale, reductions=(gone,)))
    assert [line.reduced_minor for line in till.cart.lines] == [0, 9]
    assert till.cart.total_minor == 90


def test_a_price_by_hand_begins_without_what_reduced_the_old_one() -> None:
    till = supervised((Promotion("half", "Half", PercentOff(500_000)),))
    till.add(MILK)
    assert till.cart.total_minor == 64
    overridden, _ = till.override("1", 100)
    assert till.cart.total_minor == 100
    before = TillInMemory(shop(promotions=(Promotion("half", "Half", PercentOff(500_000)),)))
    before.add(MILK)
    before.take(overridden)
    assert (before.cart.lines[0].net_minor, before.cart.total_minor) == (100, 100)


def test_a_price_by_hand_may_reach_the_limit_of_a_sale() -> None:
    till = supervised()
    till.add(DEAR)
    till.override("1", AMOUNT_MINOR_MAX)
    assert till.cart.total_minor == AMOUNT_MINOR_MAX


def test_the_job_of_a_drawer_is_named_by_the_wish() -> None:
    till = supervised()
    (event,) = till.do(OpenDrawer(command_id="command-77", reason="coins"))
    assert event == NoSale(job="command-77", reason="coins")


@pytest.mark.parametrize(
    ("foreign", "rate", "currency", "worth"),
    [
        (199, ForeignCash("USD", 850_000), "EUR", 169),  # 169.15, never up
        (99, ForeignCash("JPY", 6_100), "EUR", 60),  # 60.39: yen have no hundredths
        (1_999, ForeignCash("EUR", 163_934_426), "JPY", 3_277),  # 3277.049...
        (1, ForeignCash("KWD", 3_000_000), "EUR", 0),  # a thousandth of a dinar: 0.3 cents
        (1_000, ForeignCash("KWD", 3_000_000), "EUR", 300),
    ],
)
def test_notes_are_worth_what_the_rate_says_and_never_a_unit_more(
    foreign: int, rate: ForeignCash, currency: str, worth: int
) -> None:
    assert worth_of(foreign, rate, currency) == worth


def test_tenders_have_names_of_their_own_and_complete_at_this_till() -> None:
    till = TillInMemory()
    till.approval = Approval(Permission.UNCHECKED_TENDER, "pawel")
    till.add(MILK)
    till.foreign("USD", 50)
    till.tender(OtherTender.VOUCHER, 10)
    events = till.tender(OtherTender.GIFT_CARD, till.cart.due_minor)
    assert [each.tender_id for each in till.cart.tenders] == ["1", "2", "3"]
    assert isinstance(events[-1], SaleCompleted)
    assert events[-1].receipt == "till-1-000001"


@pytest.mark.parametrize(
    ("wish", "about"),
    [
        (lambda till: till.tender(OtherTender.VOUCHER, 0), "The amount must"),
        (lambda till: till.discount(minor=-1), "The discount must"),
        (lambda till: till.foreign("USD", 0), "The cash given must"),
    ],
)
def test_an_amount_is_called_what_it_is(wish: object, about: str) -> None:
    till = supervised()
    till.add(ROLL)
    with pytest.raises(Refused, match=f"^{about}"):
        wish(till)  # type: ignore[operator]  # a wish


def test_a_weighing_that_ends_says_why_the_sale_it_opened_ended() -> None:
    till = TillInMemory()
    till.weigh(CHEESE_PLU)
    ended = till.scale_fails()
    assert ended[-1] == SaleAbandoned(sale="sale-000002", reason=NOTHING_WEIGHED)


class DearerByTheMinute(ShopInMemory):
    """A shop whose price of an instant is the instant: in minor units, ms since 1970."""

    def price(self, sku: str, at_ms: int) -> Price:
        return Price(sku, at_ms)


def test_a_weight_costs_what_it_cost_when_its_sale_was_opened() -> None:
    till = TillInMemory(DearerByTheMinute())
    till.now_ms, till.occasion = 999, Occasion(1_500, 1, 600)
    till.weigh(CHEESE_PLU)
    assert till.cart.opened_at == 1_999
    (line,) = till.scale_says(1_000)
    assert isinstance(line, LineAdded)
    assert line.price_minor == 1_999


def test_a_weighing_names_the_sale_that_the_till_wished_for() -> None:
    till = TillInMemory()
    till.do(WeighItem(command_id="command-1", code=CHEESE_PLU, sale_id="sale-of-the-till"))
    assert till.cart.sale == "sale-of-the-till"


def test_a_weight_with_which_a_sale_is_too_large_is_refused() -> None:
    till = supervised()
    till.add(DEAR)
    till.override("1", AMOUNT_MINOR_MAX)
    till.weigh(CHEESE_PLU)
    with pytest.raises(Refused) as refused:
        till.scale_says(1_000)
    assert refused.value.code == "total_too_large"


def test_a_language_of_three_parts_is_found_by_its_first() -> None:
    assert language_of("zh-Hans-CN") == "zh"
