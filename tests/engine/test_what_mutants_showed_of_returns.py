"""Holes that a mutation run found in the tests of returns and refunds, closed by meaning."""

from __future__ import annotations

import pytest

from edge.contract.errors import Refused
from edge.contract.reference_data import ForeignCash
from edge.contract.return_events import CashReturned
from edge.contract.till_commands import OtherTender
from edge.engine.cart import RETURNED, TAKEN
from edge.engine.other_tenders import worth_of
from tests.engine.shop_in_memory import MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import TillInMemory

RECEIPT = "till-1-000001"


def sold(*codes: str, pays: int, till: TillInMemory | None = None) -> TillInMemory:
    """Return a supervisor's till that sold these for cash."""
    till = till or TillInMemory(shop())
    till.role = "supervisor"
    for code in codes:
        till.add(code)
    till.cash(pays)
    till.next_sale()
    return till


def test_a_price_set_by_hand_beside_goods_that_came_back() -> None:
    till = sold(MILK, pays=129)
    till.add(SOAP)
    till.bring_back(RECEIPT)
    before = till.cart.total_minor
    price = till.cart.lines[0].price_minor
    till.override("1", price + 100)
    assert till.cart.total_minor == before + 100
    assert sorted(each.tax for each in till.cart.taxes) == sorted(
        {line.tax for line in till.cart.lines}
    )


def test_a_line_voided_beside_goods_that_came_back() -> None:
    till = sold(MILK, pays=129)
    till.add(SOAP)
    till.bring_back(RECEIPT)
    till.void("1")
    assert till.cart.total_minor == -129


def test_a_refund_on_a_tender_completes_under_the_till_s_own_number() -> None:
    till = sold(MILK, pays=129)
    till.bring_back(RECEIPT)
    till.give_on(OtherTender.VOUCHER, 129)
    assert till.cart.receipt == "till-1-000002"


def test_an_amount_to_give_back_that_is_none_is_named() -> None:
    till = sold(MILK, pays=129)
    till.bring_back(RECEIPT)
    with pytest.raises(Refused, match="The amount to give back"):
        till.give_on(OtherTender.VOUCHER, 0)


def test_notes_are_counted_to_the_last_unit_however_much_they_are() -> None:
    rate = ForeignCash("JPY", 999_999)
    assert worth_of(9_007_199_254_740_993, rate, "EUR") == 900_719_024_754_173_825


def test_a_receipt_gives_back_no_more_than_its_goods_in_the_sale_are_worth() -> None:
    """What came without a receipt is no refund of the receipt's own cash, in whatever parts."""
    till = sold(MILK, MILK, pays=258)
    till.bring_back(RECEIPT)
    till.bring_back_without(ROLL)
    parts = []
    for amount in (100, 74):
        returned = till.give(amount)[0]
        assert isinstance(returned, CashReturned)
        parts.append([part.amount_minor for part in returned.parts])
    assert parts == [[100], [29]]


def test_cash_of_another_currency_is_taken_and_goes_back_as_cash() -> None:
    till = TillInMemory(shop())
    till.add(MILK)
    till.foreign("USD", 200)
    assert [each.state for each in till.cart.tenders] == [TAKEN]
    till.next_sale()
    till.bring_back(RECEIPT)
    returned = till.give(129)[0]
    assert isinstance(returned, CashReturned)
    assert (returned.approver, returned.parts[0].amount_minor) == ("", 129)


def test_each_part_that_went_back_is_a_tender_of_its_own() -> None:
    till = sold(MILK, MILK, pays=258)
    till.bring_back(RECEIPT)
    till.bring_back(RECEIPT, "2")
    till.give_on(OtherTender.VOUCHER, 100)
    till.give(158)
    tenders = [(each.tender_id, each.state, each.amount_minor) for each in till.cart.tenders]
    assert tenders == [("1", RETURNED, -100), ("2", RETURNED, -158)]
