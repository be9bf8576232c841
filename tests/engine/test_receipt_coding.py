"""A completed sale as its code says it, and as a box shows it that has nothing but the code."""

from __future__ import annotations

from msgspec.structs import replace

from edge.contract.receipt_code import LeftOut, PaidBy, SoldGoods, TaxPart
from edge.contract.sold_sale_views import SoldLineView
from edge.engine.receipt_coding import code_of
from edge.engine.restored_originals import proved_sale_view
from tests.engine.shop_in_memory import FREE, MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import TillInMemory


def exchange() -> TillInMemory:
    till = TillInMemory(shop(included=False))
    till.role = "supervisor"
    till.add(SOAP, 3_000)
    till.add(ROLL)
    till.cash(500)
    till.next_sale()
    till.bring_back("till-1-000001", "1", 1_000)
    till.add(MILK)
    till.add(ROLL)
    till.void("3")
    till.card(5)
    till.decline("no")
    till.cash(500)
    return till


def test_lines_that_stand_tenders_that_paid_and_the_place_in_the_chain() -> None:
    cart = exchange().cart
    found = code_of(cart, store=7, gen=3, seq=99, chain_hash=bytes(range(32)))
    assert (found.store, found.gen, found.seq, found.chain) == (7, 3, 99, bytes(range(8)))
    assert (found.receipt, found.sale_id, found.at) == (
        "till-1-000002", cart.sale, cart.completed_at,
    )  # fmt: skip
    assert found.lines == (SoldGoods(1, "X1", 1, -99, 1), SoldGoods(2, "M1", 1, 129, 0))
    assert found.tenders == (PaidBy("cash", 500),)
    assert found.taxes == (TaxPart("zero", 0, 129, 0), TaxPart("standard", 210_000, -99, -20))
    assert (found.total_minor, found.rounding_minor, found.change_minor) == (
        cart.total_minor, cart.rounding_minor, cart.change_minor,
    )  # fmt: skip
    assert not found.prices_include_tax


def test_a_rate_without_takings_has_its_place_all_the_same() -> None:
    till = TillInMemory()
    till.add(FREE)
    till.add(MILK)
    till.cash(500)
    found = code_of(till.cart, store=1, gen=1, seq=1, chain_hash=bytes(32))
    assert found.taxes == (TaxPart("zero", 0, 129, 0), TaxPart("standard", 210_000, 0, 0))
    assert found.lines == (SoldGoods(1, "F1", 1, 0, 1), SoldGoods(2, "M1", 1, 129, 0))


def test_what_is_shown_of_a_sale_that_only_its_code_knows() -> None:
    till = exchange()
    found = code_of(till.cart, store=7, gen=3, seq=99, chain_hash=bytes(range(32)))
    view = proved_sale_view(found, till.reference)
    assert (view.proved_by, view.store_number, view.lines_left_out) == ("signature", 7, 0)
    assert (view.receipt_number, view.till, view.back_minor) == ("till-1-000002", "till-1", 129)
    assert view.lines == (
        SoldLineView("2", "M1", "Whole milk 1 l", "piece", 129, 1_000, 0, 1_000, 129, 129),
    )
    assert [(paid.tender_id, paid.kind) for paid in view.tenders] == [("1", "cash")]
    strange = replace(
        found, lines=(SoldGoods(1, "other", -742, 215, 0),), left_out=LeftOut(40, b"")
    )
    view = proved_sale_view(strange, till.reference)
    assert view.lines_left_out == 40
    assert view.lines == (SoldLineView("1", "other", "other", "kg", 290, 742, 0, 0, 215, 0),)
