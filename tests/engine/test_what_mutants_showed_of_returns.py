"""Holes that a mutation run found in the tests of returns and refunds, closed by meaning."""

from __future__ import annotations

import pytest

from edge.contract.errors import Refused
from edge.contract.reference_data import ForeignCash, Price
from edge.contract.return_events import CashReturned
from edge.contract.sale_events import SaleOpened
from edge.contract.till_commands import OtherTender, ReturnItem, ReturnLine
from edge.engine import sale_lines
from edge.engine.cart import RETURNED, TAKEN
from edge.engine.originals import all_back, parts_of_refund
from edge.engine.other_tenders import worth_of
from edge.engine.promotions import Occasion
from tests.engine.shop_in_memory import MILK, ROLL, SOAP, WATER, shop
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


# --- what is left after parts of it came back ---------------------------------------------------


def test_after_voided_parts_a_piece_gives_nothing_rather_than_less() -> None:
    """Seven pieces for 3: single ones give 0, 1, 0, 1; without the zeros two pieces gave it all."""
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(MILK, 7_000)
    till.override("1", 1)
    till.discount("1", minor=4)
    till.cash(3)
    till.next_sale()
    for _ in range(4):
        till.bring_back(RECEIPT)
    assert [line.back.net_minor for line in till.cart.lines if line.back] == [0, 1, 0, 1]
    till.void("1")
    till.void("3")
    till.bring_back(RECEIPT)
    back = till.cart.lines[-1].back
    assert back is not None
    assert (back.net_minor, back.gross_minor) == (0, 0)


def test_what_is_left_of_a_line_is_the_rest_of_its_money() -> None:
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(SOAP, 3_000)
    till.add(ROLL)
    till.cash(500)
    till.next_sale()
    till.bring_back(RECEIPT)
    assert [each.gross_minor for each in all_back(till.books.original(RECEIPT))] == [198, 45]


def test_what_other_tenders_paid_is_added_up() -> None:
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(MILK)
    till.tender(OtherTender.VOUCHER, 50)
    till.tender(OtherTender.GIFT_CARD, 60)
    till.cash(19)
    till.next_sale()
    till.bring_back(RECEIPT)
    parts, other = parts_of_refund(till.cart, (till.books.original(RECEIPT),), "cash", 129)
    assert ([part.amount_minor for part in parts], other) == ([19, 50, 60], 110)


def test_what_comes_back_opens_the_sale_that_the_till_named_at_its_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    till = sold(MILK, pays=129)
    opened, _ = till.do(
        ReturnLine(
            command_id="c", receipt=RECEIPT, line_id="1", quantity=1_000, reason="x",
            sale_id="sale-of-the-till",
        )
    )  # fmt: skip
    assert isinstance(opened, SaleOpened)
    assert opened.sale == "sale-of-the-till"
    till = TillInMemory(shop())
    till.role = "supervisor"
    asked: list[int] = []
    monkeypatch.setattr(
        type(till.reference),
        "price",
        lambda _, sku, at_ms: (asked.append(at_ms), Price(sku, 25))[1],
    )
    till.occasion = Occasion(77, 1, 600)
    opened, _ = till.do(
        ReturnItem(
            command_id="c", code=MILK, quantity=1_000, reason="x", sale_id="sale-of-the-till"
        )
    )
    assert isinstance(opened, SaleOpened)
    assert (opened.sale, asked) == ("sale-of-the-till", [77])


@pytest.mark.parametrize("code", [MILK, WATER])
def test_the_scanner_says_that_two_digits_more_are_no_part_of_a_code(code: str) -> None:
    """`]E3` says that an add-on stands behind the GTIN-13, as on a magazine."""
    till = sold(MILK, pays=129)
    back = till.empties if code == WATER else till.bring_back_without
    with pytest.raises(Refused):
        back(code + "05")
    till.aim = "]E3"
    back(code + "05")
    assert till.cart.total_minor < 0


def test_empties_over_the_limit_of_a_sale_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sale_lines, "AMOUNT_MINOR_MAX", 100)
    till = TillInMemory(shop())
    till.empties(WATER, 4_000)
    with pytest.raises(Refused, match="over the limit"):
        till.empties(WATER)
    assert till.cart.total_minor == -100
