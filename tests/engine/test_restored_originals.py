"""Goods of a sale that only its signed code knows: what comes back, what never does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.contract.errors import Refused
from edge.contract.permissions import Permission
from edge.contract.receipt_code import LeftOut, PaidBy, SoldGoods, TaxPart
from edge.contract.return_events import LineReturned
from edge.contract.till_commands import ReturnLine
from edge.engine.cart import APPROVED, EMPTY, RETURNED, TAKEN
from edge.engine.circumstances import Approval, Circumstances
from edge.engine.originals import (
    Original,
    Returned,
    all_back,
    check_returnable,
    goes_back,
    tender_rests,
)
from edge.engine.restored_originals import proved_sale_view, restored
from edge.engine.return_rules import return_line
from tests.engine.till_in_memory import TillInMemory
from tests.golden.signed_receipt import CODE

SKU = "M1"
SALE = replace(
    CODE,
    currency="EUR",
    lines=(
        SoldGoods(1, SKU, 3, 387, 1), SoldGoods(2, SKU, 1, -99, 1), SoldGoods(3, "0042", 1, 5, 0),
    ),
    tenders=(PaidBy("cash", 100), PaidBy("card", 200), PaidBy("cash", -7)),
    change_minor=10,
)  # fmt: skip
SEEN = Approval(Permission.RETURN_WITHOUT_RECEIPT, "sofia")


def asked(line: str = "1", **changed: Any) -> ReturnLine:
    wish = ReturnLine(
        command_id="0193b2a4-7c00-7000-8000-00000000000a",
        receipt=SALE.receipt,
        line_id=line,
        quantity=1_000,
        reason="sour",
        original_sale=SALE.sale_id,
    )
    return replace(wish, **changed)


def take(code: Any = SALE, wish: ReturnLine | None = None, **changed: Any) -> LineReturned:
    till = TillInMemory()
    told = Circumstances(
        "till-1", 0, "sale-9", role="cashier", approval=SEEN,
        originals=(restored(code, till.reference),),
    )  # fmt: skip
    events = return_line(EMPTY, wish or asked(), till.reference, replace(told, **changed))
    assert isinstance(events[-1], LineReturned)
    return events[-1]


def refusal(*args: Any, **changed: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        take(*args, **changed)
    return refused.value


def test_goods_give_back_what_the_code_says_was_paid() -> None:
    back = take()
    assert (back.gross_minor, back.price_minor, back.quantity) == (129, 129, 1_000)
    assert (back.tax, back.rate_ppm, back.unit) == ("B", 70_000, "piece")
    assert (back.original_sale, back.original_line, back.receipt) == (
        SALE.sale_id, "1", SALE.receipt,
    )  # fmt: skip
    assert (back.approver, back.name) == ("sofia", "Whole milk 1 l")


@pytest.mark.parametrize("role", ["cashier", "supervisor", "manager"])
def test_everybody_needs_a_second_person_and_hears_why(role: str) -> None:
    refused = refusal(role=role, approval=None)
    assert refused.code == "needs_approval"
    assert "other stores may have taken goods of it back" in refused.message
    other = Approval(Permission.DISCOUNT, "sofia")
    assert refusal(role=role, approval=other).code == "needs_approval"
    assert take(role=role).approver == "sofia"


def test_who_may_nothing_may_not_this() -> None:
    assert refusal(role="").code == "not_permitted"


@pytest.mark.parametrize(
    ("code", "wish", "refused"),
    [
        (replace(SALE, lines=(), left_out=LeftOut(40, b"")), asked(), "receipt_without_lines"),
        (replace(SALE, uuid=b"", other_id="training-7"), asked(original_sale="training-7"),
         "receipt_of_training"),
        (SALE, asked("3"), "restored_article_unknown"),
        (SALE, asked("9"), "unknown_line"),
        (SALE, asked("2"), "was_a_return"),
        (SALE, asked(quantity=4_000), "more_than_returnable"),
        (SALE, asked(original_sale="another"), "unknown_receipt"),
        (replace(SALE, currency="PLN"), asked(), "other_currency"),
    ],
)  # fmt: skip
def test_what_cannot_be_bound_is_refused_in_words(
    code: Any, wish: ReturnLine, refused: str
) -> None:
    # before anybody is asked to approve it
    assert refusal(code, wish, approval=None).code == refused


def test_tenders_are_as_the_code_has_them_and_a_card_needs_a_second_look() -> None:
    original = restored(SALE, TillInMemory().reference)
    assert [(t.tender_id, t.kind, t.state) for t in original.cart.tenders] == [
        ("1", "cash", TAKEN), ("2", "card", APPROVED), ("3", "cash", RETURNED),
    ]  # fmt: skip
    assert [(rest.tender.tender_id, rest.paid_minor) for rest in tender_rests(original)] == [
        ("1", 90), ("2", 200),
    ]  # fmt: skip
    assert original.reversed_before == ("2",)
    assert (original.store, original.till) == (12, "till-1")


def test_it_is_shown_with_what_came_back_here() -> None:
    till = TillInMemory()
    part = Returned("s", "1", 1_000, 121, 8, 129)
    original = replace(restored(SALE, till.reference), returns=(part,))
    view = proved_sale_view(SALE, till.reference, original)
    assert [(each.line_id, each.returned, each.returnable) for each in view.lines] == [
        ("1", 1_000, 2_000), ("3", 0, 0),  # this store does not have its article
    ]  # fmt: skip
    assert (view.back_minor, [each.refundable_minor for each in view.tenders]) == (
        258, [90, 200],
    )  # fmt: skip
    assert (view.proved_by, view.store_number, view.lines_left_out) == ("signature", 12, 0)


goods = st.tuples(
    st.one_of(st.integers(1, 9), st.integers(-9_000, -1)),
    st.integers(0, 100_000),
    st.integers(0, 1),
)


@given(st.lists(goods, min_size=1, max_size=6), st.booleans(), st.data())
def test_in_any_parts_no_more_comes_back_than_the_code_says(
    bought: list[tuple[int, int, int]], included: bool, data: st.DataObject
) -> None:  # fmt: skip
    taxes = (TaxPart("A", 0, 0, 0), TaxPart("B", 70_000, 0, 0))
    lines = tuple(
        SoldGoods(number, SKU, count, amount, tax)
        for number, (count, amount, tax) in enumerate(bought, 1)
    )
    code = replace(SALE, lines=lines, taxes=taxes, prices_include_tax=included)
    original: Original = restored(code, TillInMemory().reference)
    whole = sum(each.gross_minor for each in all_back(original))
    paid = sum(each.amount_minor for each in lines)
    assert whole == paid if included else whole >= paid
    for _ in range(data.draw(st.integers(1, 8))):
        line = data.draw(st.sampled_from(original.lines))
        step = 1_000 if line.unit == "piece" else 1
        quantity = step * data.draw(st.integers(1, 10_000 // step))
        left = line.quantity - original.returned(line.line_id)
        try:
            _ = check_returnable(original, line, quantity, sale="s")
        except Refused:
            assert quantity > left
            continue
        assert quantity <= left
        back = goes_back(original, line, quantity)
        part = Returned(
            "s", line.line_id, quantity, back.net_minor, back.tax_minor, back.gross_minor
        )
        original = replace(original, returns=(*original.returns, part))
    given_back = sum(each.gross_minor for each in original.returns)
    assert given_back + sum(each.gross_minor for each in all_back(original)) == whole
