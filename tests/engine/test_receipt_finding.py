"""What a typed number or a scanned code means, and what is shown of the sale it names."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edge.contract.errors import Refused
from edge.contract.sold_sale_views import PaidTenderView, SoldLineView
from edge.engine.originals import Unfinished
from edge.engine.receipt_finding import (
    check_same_sale,
    is_receipt_code,
    receipt_asked,
    says_amounts,
    sold_sale_view,
)
from edge.engine.receipt_layout import qr_text
from tests.engine.shop_in_memory import MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import TillInMemory
from tests.golden.signed_receipt import CODE, TEXT


def sold() -> TillInMemory:
    till = TillInMemory(shop(included=False))
    till.role = "supervisor"
    till.add(SOAP, 3_000)
    till.add(ROLL)
    till.void("2")
    till.add(MILK)
    till.card(200)
    till.approve("4242", "Example")
    till.cash(500)
    till.next_sale()
    return till


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("till-1-000001", ("till-1-000001", "")),
        (" till-1-000001\n", ("till-1-000001", "")),
        ("TILLBOX1|till-1-000001|sale-1|129|EUR", ("till-1-000001", "sale-1")),
        ("TILLBOX1|till-1-000001", ("till-1-000001", "")),
        ("TILLBOX1", ("", "")),
        ("OTHER|till-1-000001|sale-1", ("OTHER|till-1-000001|sale-1", "")),
    ],
)
def test_a_number_or_a_code(text: str, found: tuple[str, str]) -> None:
    assert receipt_asked(text) == found


def test_a_scanned_text_is_a_receipt_or_not() -> None:
    assert is_receipt_code(" TILLBOX1|till-1-000001|sale-1|129|EUR")
    assert not any(
        map(is_receipt_code, ("till-1-000001", "TILLBOX1", "TILLBOX12|x", "5901234123457"))
    )


def test_a_signed_code_names_its_sale_and_is_recognised() -> None:
    assert is_receipt_code(f" {TEXT}\r")
    assert receipt_asked(f" {TEXT}\r") == (CODE.receipt, CODE.sale_id)
    with pytest.raises(Refused) as refused:
        receipt_asked(TEXT[:-1])
    assert refused.value.code == "receipt_code_damaged"


def test_the_code_of_a_receipt_says_amounts_and_that_of_a_gift_receipt_none() -> None:
    cart = sold().books.original("till-1-000001").cart
    assert says_amounts(qr_text(cart))
    assert not says_amounts(qr_text(cart).rpartition("|")[0].rpartition("|")[0])
    assert not says_amounts(TEXT)
    assert not says_amounts("OTHER|1|2|3|4")


def test_a_code_names_its_own_sale() -> None:
    till = sold()
    original = till.books.original("till-1-000001")
    assert is_receipt_code(qr_text(original.cart))
    receipt, sale = receipt_asked(qr_text(original.cart))
    assert receipt == "till-1-000001"
    check_same_sale(original, sale)
    check_same_sale(original, "")
    with pytest.raises(Refused) as refused:
        check_same_sale(original, "a-sale-of-another-store")
    assert (refused.value.code, refused.value.params) == (
        "receipt_of_other_store", {"receipt": "till-1-000001"},
    )  # fmt: skip


def test_what_is_shown_is_what_was_sold_and_may_come_back() -> None:
    till = sold()
    till.bring_back("till-1-000001", "1", 1_000)
    original = till.books.original("till-1-000001")
    parked = Unfinished(till.cart.sale, "till-1", parked=True, label="Ana")
    view = sold_sale_view(replace(original, unfinished=(*original.unfinished, parked)))
    assert (view.receipt_number, view.till, view.currency) == ("till-1-000001", "till-1", "EUR")
    assert (view.sale_id, view.completed_at) == (original.cart.sale, original.cart.completed_at)
    assert (view.total_minor, view.back_minor) == (488, 488 - 119)
    soap, milk = view.lines
    assert soap == SoldLineView(
        "1", "X1", "Soap", "piece", 99, 3_000, 1_000, 2_000, 297, 240, ("till-1",)
    )
    assert (milk.line_id, milk.returnable, milk.back_minor, milk.held_at) == ("3", 1_000, 129, ())
    payment = original.cart.tenders[0].tender_id
    assert view.tenders == (
        PaidTenderView(payment, "card", 200, 200, "4242", "Example"),
        PaidTenderView("2", "cash", 288, 288),
    )
    till.bring_back("till-1-000001", "1", 2_000)
    till.give(100)
    view = sold_sale_view(till.books.original("till-1-000001"))
    assert [tender.refundable_minor for tender in view.tenders] == [129, 129]
    assert [tender.refunded_minor for tender in view.tenders] == [0, 100]
