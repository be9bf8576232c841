"""Deposits follow their goods, and empties come back without a receipt."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.errors import Refused
from edge.contract.permissions import Permission
from edge.contract.promotion_data import BasketPercentOff, PercentOff, Promotion, Selection
from edge.contract.receipt_document import RowBlock, TextBlock
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded, LineVoided
from edge.contract.till_protocol import TillState
from edge.engine.cart import Cart
from edge.engine.circumstances import Approval
from edge.engine.receipt_layout import lay_out_receipt
from tests.engine.shop_in_memory import (
    DEPOSIT,
    ROLL,
    WATER,
    WHEAT_BEER,
    ShopInMemory,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory

PROMOTIONS = (
    Promotion("named", "Named", PercentOff(500_000, Selection(skus=("P25",)))),
    Promotion("basket", "A tenth", BasketPercentOff(100_000)),
)


def live(cart: Cart) -> list[tuple[str, int, int, str]]:
    """Return SKU, pieces, amount and binding of the lines that are not voided."""
    return [
        (line.sku, line.quantity // 1000, line.amount_minor, line.deposit_of)
        for line in cart.lines
        if not line.voided
    ]


def is_bound(cart: Cart) -> bool:
    """Say whether goods and deposits match, piece for piece."""
    goods = {line.line_id: line for line in cart.lines if line.sku == "W1" and not line.voided}
    bound = {line.deposit_of: line for line in cart.lines if line.deposit_of and not line.voided}
    return bound.keys() == goods.keys() and all(
        bound[each].quantity == line.quantity
        and bound[each].net_minor == 25 * line.quantity // 1000
        for each, line in goods.items()
    )


def test_the_deposit_is_a_line_of_its_own_with_its_own_tax() -> None:
    till = TillInMemory()
    _, goods, deposit = till.add(WATER, 2_000)
    assert isinstance(goods, LineAdded)
    assert isinstance(deposit, LineAdded)
    assert (goods.tax, goods.deposit) == ("reduced", False)
    assert (deposit.sku, deposit.tax, deposit.quantity) == ("P25", "standard", 2_000)
    assert (deposit.deposit, deposit.deposit_of, deposit.amount_minor) == (True, "1", 50)
    assert till.cart.total_minor == 2 * 79 + 50
    view = till.cart.line_views[1]
    assert (view.deposit, view.deposit_of) == (True, "1")


def test_it_follows_the_quantity_and_the_voiding_of_its_goods() -> None:
    till = TillInMemory()
    till.add(WATER)
    till.add(ROLL)
    till.set_quantity("1", 6_000)
    assert live(till.cart) == [("R1", 1, 45, ""), ("W1", 6, 474, ""), ("P25", 6, 150, "4")]
    assert [line.replaces for line in till.cart.lines] == ["", "", "", "1", "2"]
    assert till.void("4", "dropped") == (
        LineVoided(sale=till.cart.sale, line="4", reason="dropped"),
        LineVoided(sale=till.cart.sale, line="5", reason="dropped"),
    )
    assert live(till.cart) == [("R1", 1, 45, "")]
    assert till.cart.total_minor == 45


def test_goods_without_a_deposit_have_none() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.set_quantity("1", 2_000)
    till.void("2")
    assert len(till.cart.lines) == 2


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "add", "count", "void"]), st.integers(1, 8)), max_size=14
    )
)
def test_whatever_is_done_goods_and_deposits_match(steps: list[tuple[str, int]]) -> None:
    till = TillInMemory(ShopInMemory(promotions=PROMOTIONS))
    till.role = "supervisor"
    for step, number in steps:
        try:
            if step == "add":
                till.add(WATER, number * 1_000)
                till.add(ROLL)
            elif step == "count":
                till.set_quantity(str(number), 3_000)
            else:
                till.void(str(number))
        except Refused:
            continue
        assert is_bound(till.cart)
    deposits = sum(line.net_minor for line in till.cart.lines if line.deposit)
    pieces = sum(line.quantity for line in till.cart.lines if line.sku == "W1" and not line.voided)
    assert deposits == 25 * pieces // 1000


@given(order=st.permutations([WATER, ROLL, WATER, DEPOSIT]))
def test_the_order_of_scanning_changes_no_total(order: list[str]) -> None:
    till = TillInMemory(ShopInMemory(promotions=PROMOTIONS))
    for code in order:
        till.add(code)
    # a tenth off water and roll; neither deposit is in it, whatever names it
    assert till.cart.total_minor == 79 * 2 + 45 - 20 + 3 * 25


def test_nothing_is_taken_off_a_deposit() -> None:
    till = TillInMemory()
    till.role = "supervisor"
    till.add(WATER, 4_000)
    till.discount(ppm=1_000_000)
    assert till.cart.total_minor == 100
    assert [line.reduced_minor for line in till.cart.lines] == [316, 0]


def test_goods_that_come_back_leave_their_deposit_unless_it_comes_too() -> None:
    till = TillInMemory()
    till.add(WATER, 2_000)
    till.cash(208)
    till.next_sale()
    till.bring_back("till-1-000001", "1")
    assert till.cart.refund_due_minor == 79
    (back,) = till.bring_back("till-1-000001", "2")
    assert isinstance(back, LineReturned)
    assert back.deposit
    assert till.cart.refund_due_minor == 79 + 25
    assert till.cart.empties_minor == 0
    till.give(104)
    assert till.cart.state is TillState.DONE


def test_empties_give_their_deposit_without_receipt_or_approval() -> None:
    till = TillInMemory()
    _, by_goods = till.empties(WATER, 3_000)
    (by_deposit,) = till.empties(DEPOSIT)
    assert isinstance(by_goods, LineReturned)
    assert isinstance(by_deposit, LineReturned)
    assert (by_goods.sku, by_goods.code, by_goods.gross_minor) == ("P25", WATER, 75)
    assert (by_goods.reason, by_goods.approver, by_goods.deposit) == ("empties", "", True)
    assert till.cart.refund_due_minor == 100
    till.give(100)
    assert till.cart.state is TillState.DONE


def test_empties_come_off_what_is_bought() -> None:
    till = TillInMemory()
    till.add(WATER)
    till.empties(WATER)
    assert till.cart.total_minor == 79
    till.cash(79)
    assert till.cart.state is TillState.DONE


def test_above_the_store_s_limit_a_second_person_approves() -> None:
    till = TillInMemory()
    till.empties(DEPOSIT, 20_000)
    with pytest.raises(Refused, match="second person"):
        till.empties(DEPOSIT)
    till.approval = Approval(Permission.RETURN_WITHOUT_RECEIPT, "pawel")
    (back,) = till.empties(DEPOSIT)
    assert isinstance(back, LineReturned)
    assert back.approver == "pawel"
    till.void("1")
    till.approval = None
    till.empties(DEPOSIT, 19_000)
    assert till.cart.empties_minor == 500


def test_without_a_limit_every_empty_needs_somebody() -> None:
    till = TillInMemory(ShopInMemory(profile(empties_max_minor=0)))
    with pytest.raises(Refused, match="second person"):
        till.empties(DEPOSIT)


def test_a_deposit_that_follows_beer_goes_when_the_customer_is_too_young() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(WHEAT_BEER)
    till.too_young(16)
    assert live(till.cart) == [("R1", 1, 45, "")]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((), "REFUND"), ((ROLL,), ""), ((WATER,), "")],
)
def test_the_receipt_calls_it_a_refund_only_where_money_goes_back(
    codes: tuple[str, ...], expected: str
) -> None:
    till = TillInMemory()
    for code in codes:
        till.add(code)
    till.empties(DEPOSIT)
    if codes:
        till.cash(till.cart.due_minor)
    else:
        till.give(25)
    document = lay_out_receipt(till.cart, shop().store, till="1", cashier="", zone=UTC)
    texts = [block.text for block in document.blocks if isinstance(block, TextBlock)]
    assert [text for text in texts if text in {"REFUND", "EXCHANGE"}] == [expected] * bool(expected)
    assert not any("receipt" in text.lower() for text in texts if text.startswith("  "))
    rows = [block.start for block in document.blocks if isinstance(block, RowBlock)]
    assert "Bottle deposit" in rows
