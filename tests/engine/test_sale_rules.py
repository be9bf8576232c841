"""What may happen in a sale, case by case: articles, lines, its end. Tenders have their own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    LINES_PER_SALE_MAX,
)
from edge.contract.sale_events import (
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    TaxTotal,
)
from edge.contract.till_commands import AddItem, NextSale
from edge.contract.till_protocol import TillState
from edge.engine.cart import EMPTY
from edge.engine.sale_rules import decide
from edge.engine.tender_rules import receipt_number
from tests.engine.shop_in_memory import (
    AT_TILL,
    CAKE_2_50,
    CASE,
    CHEESE_3_49,
    CHEESE_742_G,
    CHEESE_PLU,
    DEAR,
    FREE,
    MILK,
    PLUM_PLU,
    ROLL,
    SMALL,
    SOAP,
    UPC,
    coded,
    shop,
)
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import Story, done, idle, part_paid


def test_the_first_article_opens_a_sale_at_once() -> None:
    events = decide(EMPTY, AddItem(command_id="command-1", code=ROLL), shop(), AT_TILL)
    assert events == (
        SaleOpened(sale="sale-0001", currency="EUR"),
        LineAdded(
            sale="sale-0001", line="1", sku="R1", name="Bread roll", quantity=1000,
            price_minor=45, amount_minor=45, tax="reduced", rate_ppm=55_000, code=ROLL,
            entry="keyed",
        ),
    )  # fmt: skip


def test_the_till_may_name_the_sale_that_it_opens() -> None:
    command = AddItem(command_id="command-1", code=ROLL, sale_id="my-own-sale")
    opened, added = decide(EMPTY, command, shop(), AT_TILL)
    assert isinstance(opened, SaleOpened)
    assert isinstance(added, LineAdded)
    assert opened.sale == added.sale == "my-own-sale"
    till = TillInMemory()
    till.add(MILK)
    first = till.cart.sale
    till.do(AddItem(command_id="command-2", code=ROLL, sale_id="my-own-sale"))
    assert till.cart.sale == first


def test_a_sale_remembers_that_its_prices_exclude_tax() -> None:
    till = TillInMemory(shop(included=False))
    (opened, _) = till.add(SOAP, 7_000)
    assert opened == SaleOpened(sale=till.cart.sale, currency="EUR", prices_include_tax=False)
    assert till.cart.total_minor == 839
    assert till.cart.taxes == (TaxTotal("standard", 210_000, 693, 146, 839),)


@dataclass(frozen=True)
class Sold:
    code: str
    quantity: int
    sku: str
    sold_quantity: int
    price_minor: int
    amount_minor: int
    entry: str = "scanned"


@pytest.mark.parametrize(
    "case",
    [
        Sold(ROLL, 1000, "R1", 1000, 45, 45),
        Sold(ROLL, 12_000, "R1", 12_000, 45, 540),
        Sold(CASE, 1000, "R1", 1000, 45, 45),
        Sold("R1", 2000, "R1", 2000, 45, 90),
        Sold(SMALL, 1000, "S1", 1000, 115, 115),
        Sold(UPC, 1000, "U1", 1000, 299, 299),
        Sold("0" + UPC, 1000, "U1", 1000, 299, 299),
        Sold(CHEESE_PLU, 742, "C1", 742, 1890, 1402),
        Sold(CHEESE_742_G, 1000, "C1", 742, 1890, 1402, "weight_code"),
        # 3.49 / 18.90 = 0.18466 kg -> 185 g; the label's price stands
        Sold(CHEESE_3_49, 1000, "C1", 185, 1890, 349, "price_code"),
        # a label price on piece goods is the price
        Sold(CAKE_2_50, 1000, "K1", 1000, 250, 250, "price_code"),
        Sold(coded("22" + "00077" + "00100"), 1000, "P1", 1000, 100, 100, "price_code"),
        # a price far below one gram's worth still is one gram
        Sold(coded("22" + "04101" + "00001"), 1000, "C1", 1, 1890, 1, "price_code"),
        # a wrong check digit that happens to be an own number
        Sold("12345678", 1000, "12345678", 1000, 100, 100),
        Sold("2000004", 1000, "2000004", 1000, 100, 100),
        Sold(FREE, 1000, "F1", 1000, 0, 0),
        # a GS1 code that carries a count of three
        Sold("]C101" + ROLL.rjust(14, "0") + "303", 2000, "R1", 6000, 45, 270),
    ],
)
def test_articles_are_priced(case: Sold) -> None:
    till = TillInMemory()
    till.entry = "scanned"
    added = till.add(case.code, case.quantity)[-1]
    assert isinstance(added, LineAdded)
    assert (added.sku, added.quantity, added.price_minor, added.amount_minor, added.entry) == (
        case.sku, case.sold_quantity, case.price_minor, case.amount_minor, case.entry,
    )  # fmt: skip
    assert isinstance(added.quantity, int)  # 6000.0 would be another event
    assert till.cart.total_minor == case.amount_minor


# --- lines -------------------------------------------------------------------------------


def test_a_voided_line_stays_struck_out_and_keeps_its_number() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(MILK)
    assert till.void("1", "dropped") == (
        LineVoided(sale=till.cart.sale, line="1", reason="dropped"),
    )
    till.add(ROLL)
    assert [(line.line_id, line.voided, line.amount_minor) for line in till.cart.lines] == [
        ("1", True, 0),
        ("2", False, 129),
        ("3", False, 45),
    ]
    assert till.cart.live_lines == 2
    assert till.cart.total_minor == 174


def test_another_quantity_is_a_void_and_a_new_line_at_the_same_price() -> None:
    till = TillInMemory()
    till.add(PLUM_PLU, 500)
    till.add(ROLL)
    voided_line, added = till.set_quantity("2", 3000)
    assert voided_line == LineVoided(sale=till.cart.sale, line="2", reason="quantity")
    assert isinstance(added, LineAdded)
    assert (added.line, added.quantity, added.amount_minor) == ("3", 3000, 135)
    assert (added.sku, added.code, added.tax, added.rate_ppm) == ("R1", ROLL, "reduced", 55_000)
    assert (added.price_minor, added.unit, added.entry) == (45, "piece", "keyed")
    assert till.cart.total_minor == 135


def test_only_a_line_counted_anew_names_the_one_it_replaces() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(MILK)
    till.set_quantity("1", 2000)
    till.add(ROLL)
    till.set_quantity("3", 3000)
    till.void("2", "dropped")
    till.add(MILK)
    till.void("6", "quantity")  # a person's own words
    till.add(ROLL)
    shown = [(line.view().line_id, line.view().replaces) for line in till.cart.lines]
    assert shown == [("1", ""), ("2", ""), ("3", "1"), ("4", ""), ("5", "3"), ("6", ""), ("7", "")]


def test_the_same_quantity_again_changes_nothing() -> None:
    till = TillInMemory()
    till.add(ROLL, 2000)
    assert till.set_quantity("1", 2000) == ()


def test_a_quantity_is_changed_up_to_the_limit_of_the_total_and_no_further() -> None:
    till = TillInMemory()
    till.add(DEAR, 9_000)
    till.set_quantity("1", 10_000)
    assert till.cart.total_minor == 999_999_990
    with pytest.raises(Refused, match="Gold watch"):
        till.set_quantity("2", 11_000)


def test_a_sale_has_at_most_so_many_lines() -> None:
    till = TillInMemory()
    for _ in range(LINES_PER_SALE_MAX):
        till.add(ROLL)
    with pytest.raises(Refused, match="at most"):
        till.add(ROLL)
    with pytest.raises(Refused, match="at most"):
        till.set_quantity("1", 2000)
    till.void("500")
    till.cash(45 * (LINES_PER_SALE_MAX - 1))
    assert till.cart.state is TillState.DONE


# --- the sale ----------------------------------------------------------------------------


def test_abandoning_gives_the_cash_back_and_clears_the_till() -> None:
    till = TillInMemory()
    part_paid(till)
    sale = till.cart.sale
    assert till.abandon("changed their mind") == (
        SaleAbandoned(sale=sale, reason="changed their mind", returned_minor=5),
    )
    assert till.cart == EMPTY


def test_a_declined_card_does_not_hinder_abandoning() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.decline()
    till.abandon()
    assert till.cart == EMPTY


@pytest.mark.parametrize("before", [idle, done])
def test_the_next_sale_clears_the_screen_without_an_event(before: Story) -> None:
    till = TillInMemory()
    before(till)
    assert decide(till.cart, NextSale(command_id="command-x"), till.reference, AT_TILL) == ()
    till.next_sale()
    assert till.cart == EMPTY


def test_a_scan_after_a_finished_sale_begins_the_next() -> None:
    till = TillInMemory()
    done(till)
    first = till.cart
    till.add(MILK)
    assert till.cart.sale != first.sale
    assert [line.line_id for line in till.cart.lines] == ["1"]
    assert till.cart.tenders == ()
    completed = till.cash(129)[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.receipt == "till-1-000002"


def test_receipt_numbers_grow_past_their_padding() -> None:
    assert receipt_number("till-1", 42) == "till-1-000042"
    assert receipt_number("till-1", 1_000_000) == "till-1-1000000"
