"""A tip that goes back: all of it, once, as it was paid, alone or with everything else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.errors import Refused
from edge.contract.permissions import Permission
from edge.contract.receipt_code import tip_of
from edge.contract.receipt_document import Align, Emphasis, RowBlock, TextBlock
from edge.contract.return_events import CashReturned, RefundPart
from edge.contract.sale_events import SaleCompleted, SaleOpened
from edge.contract.till_commands import OtherTender
from edge.contract.till_protocol import TillState
from edge.contract.tip_events import TipReturned, TipSet
from edge.engine.cart import EMPTY
from edge.engine.circumstances import Approval
from edge.engine.receipt_coding import code_of
from edge.engine.receipt_finding import sold_sale_view
from edge.engine.receipt_layout import lay_out_receipt
from tests.engine.shop_in_memory import MILK, ROLL, SOAP, TIPS, profile, shop
from tests.engine.till_in_memory import Books, TillInMemory

RECEIPT = "till-1-000001"


def sold(*, tip: int = 21, card: bool = False, step: int = 0) -> TillInMemory:
    """Sell milk of 1.29 with a tip; a supervisor is at the till from then on."""
    till = TillInMemory(shop(tips=TIPS, cash_step_minor=step))
    till.add(MILK)
    if tip:
        till.tip(tip)
    if card:
        till.card(till.cart.due_minor)
        till.approve(receipt="0042")
    else:
        till.cash(200)
    till.next_sale()
    till.role = "supervisor"
    return till


def test_it_goes_back_alone_and_the_goods_stay_sold() -> None:
    till = sold()
    before = till.books.original(RECEIPT)
    opened, back = till.tip_back(RECEIPT)
    assert isinstance(opened, SaleOpened)
    assert back == TipReturned(
        sale=till.cart.sale,
        original_sale=before.cart.sale,
        receipt=RECEIPT,
        amount_minor=21,
        reason="mistyped",
    )
    assert (till.cart.total_minor, till.cart.tip_minor, till.cart.refund_due_minor) == (0, -21, 21)
    returned, completed = till.give(21)
    assert isinstance(returned, CashReturned)
    assert returned.parts == (RefundPart(before.cart.sale, "1", 21),)
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.tip_minor, completed.taxes) == (0, -21, ())
    after = sold_sale_view(till.books.original(RECEIPT))
    assert (after.tip_minor, after.tip_back_minor, after.back_minor) == (21, 0, 129)
    assert [each.refundable_minor for each in after.tenders] == [129]


def test_with_everything_exactly_what_was_paid_goes_back() -> None:
    till = sold()
    view = sold_sale_view(till.books.original(RECEIPT))
    assert (view.tip_back_minor, view.back_minor) == (21, 129)
    assert [each.refundable_minor for each in view.tenders] == [150]
    till.bring_back(RECEIPT)
    till.tip_back(RECEIPT)
    assert till.cart.refund_due_minor == 150
    till.give(150)
    assert (till.cart.state, till.cart.total_minor, till.cart.tip_minor) == (
        TillState.DONE, -129, -21,
    )  # fmt: skip


def test_it_goes_back_to_the_card_that_had_paid_and_never_beyond() -> None:
    till = sold(card=True)
    till.tip_back(RECEIPT)
    (asked,) = till.refund(21)
    assert isinstance(asked, CardRefundRequested)
    assert (asked.approver, [each.amount_minor for each in asked.parts]) == ("", [21])
    till.approve(amount_minor=21)
    assert till.cart.state is TillState.DONE
    till.next_sale()
    till.role = "cashier"
    till.bring_back(RECEIPT)
    assert till.cart.refund_due_minor == 129
    till.refund(129)
    till.approve(amount_minor=129)
    assert till.cart.state is TillState.DONE


def test_the_whole_card_payment_is_reversed_when_goods_and_tip_go_back() -> None:
    till = sold(card=True)
    (payment,) = till.books.paid_by(RECEIPT)
    till.reversible = payment
    till.bring_back(RECEIPT)
    till.tip_back(RECEIPT)
    (asked,) = till.refund(150)
    assert isinstance(asked, CardRefundRequested)
    assert asked.reverses == payment


def test_another_way_than_it_was_paid_needs_its_own_approval() -> None:
    till = sold(card=True)
    till.tip_back(RECEIPT)
    till.role = "cashier"
    with pytest.raises(Refused) as refused:
        till.give(21)
    assert refused.value.params == {"permission": "refund_other_tender"}
    with pytest.raises(Refused) as refused:
        till.give_on(OtherTender.VOUCHER, 21)
    assert refused.value.params == {"permission": "refund_other_tender"}


def test_a_second_person_allows_it() -> None:
    till = sold()
    till.role = "cashier"
    with pytest.raises(Refused) as refused:
        till.tip_back(RECEIPT)
    assert refused.value.params == {"permission": "tip"}
    assert till.cart == EMPTY
    till.approval = Approval(Permission.TIP, "pawel")
    _, back = till.tip_back(RECEIPT)
    assert isinstance(back, TipReturned)
    assert back.approver == "pawel"


def test_taken_out_again_it_may_go_back_elsewhere() -> None:
    till = sold()
    till.add(ROLL)
    till.tip_back(RECEIPT)
    assert till.cart.due_minor == 24
    assert till.tip(0) == (TipSet(sale=till.cart.sale, amount_minor=0),)
    assert (till.cart.due_minor, till.cart.tips_back) == (45, ())
    other = TillInMemory(till.reference, till.books, "till-2")
    other.role = "supervisor"
    other.tip_back(RECEIPT)
    with pytest.raises(Refused, match="is going back at till-2"):
        till.tip_back(RECEIPT)
    other.abandon()
    till.tip_back(RECEIPT)
    assert till.cart.tip_minor == -21


def test_an_even_exchange_of_a_tip_for_goods_is_settled() -> None:
    till = sold(tip=45)
    till.add(ROLL)
    till.tip_back(RECEIPT)
    till.settle()
    assert (till.cart.state, till.cart.total_minor, till.cart.tip_minor) == (
        TillState.DONE, 45, -45,
    )  # fmt: skip


def test_tips_of_two_receipts_go_back_together_and_each_gives_its_own_money() -> None:
    till = sold()
    till.add(SOAP)
    till.tip(11)
    till.cash(110)
    till.next_sale()
    till.tip_back(RECEIPT)
    till.tip_back("till-1-000002")
    assert till.cart.tip_minor == -32
    returned, _ = till.give(32)
    assert isinstance(returned, CashReturned)
    assert [each.amount_minor for each in returned.parts] == [21, 11]


def test_a_sale_that_gave_a_tip_back_has_none_to_give_back() -> None:
    till = sold()
    till.tip_back(RECEIPT)
    till.give(21)
    till.next_sale()
    with pytest.raises(Refused, match="has no tip"):
        till.tip_back("till-1-000002")
    view = sold_sale_view(till.books.original("till-1-000002"))
    assert (view.tip_minor, view.tip_back_minor) == (-21, 0)


def test_coins_round_what_goes_back() -> None:
    till = sold(step=5)
    till.tip_back(RECEIPT)
    till.give(20)
    assert (till.cart.state, till.cart.rounding_minor) == (TillState.DONE, 1)


def test_it_cannot_be_parked_alone_and_is_given_up_without_a_trace() -> None:
    till = sold()
    till.tip_back(RECEIPT)
    with pytest.raises(Refused) as refused:
        till.park()
    assert refused.value.code == "nothing_to_park"
    till.abandon()
    assert sold_sale_view(till.books.original(RECEIPT)).tip_back_minor == 21


def test_it_is_not_trained() -> None:
    till = sold()
    till.training = True
    with pytest.raises(Refused, match="not done in training"):
        till.tip_back(RECEIPT)


def test_the_receipt_says_refund_and_which_receipt_it_stood_on() -> None:
    till = sold()
    till.tip_back(RECEIPT)
    till.give(21)
    document = lay_out_receipt(till.cart, profile(), till="1", cashier="", zone=UTC)
    assert TextBlock("REFUND", Align.CENTRE, Emphasis.LARGE) in document.blocks
    at = document.blocks.index(RowBlock("Tip", "-0.21"))
    assert document.blocks[at + 1 : at + 3] == (
        TextBlock(f"  Returned, receipt {RECEIPT}"),
        RowBlock("To pay", "-0.21", Emphasis.BOLD),
    )
    code = code_of(till.cart, store=1, gen=1, seq=1, chain_hash=bytes(32))
    assert (tip_of(code), code.total_minor, code.lines) == (-21, 0, ())


def test_beside_goods_that_are_sold_it_is_an_exchange() -> None:
    till = sold()
    till.add(ROLL)
    till.tip_back(RECEIPT)
    till.cash(24)
    document = lay_out_receipt(till.cart, profile(), till="1", cashier="", zone=UTC)
    assert TextBlock("EXCHANGE", Align.CENTRE, Emphasis.LARGE) in document.blocks


@given(
    tip=st.integers(1, 2_000),
    paid_by_card=st.integers(0, 400),
    pieces=st.lists(st.sampled_from([ROLL, MILK, SOAP]), min_size=1, max_size=4),
    first=st.booleans(),
    together=st.booleans(),
    included=st.booleans(),
)
def test_in_whatever_order_everything_that_was_paid_goes_back(
    tip: int, paid_by_card: int, pieces: list[str], first: bool, together: bool, included: bool
) -> None:
    till = TillInMemory(shop(tips=TIPS, included=included), Books())
    till.role = "manager"
    for code in pieces:
        till.add(code)
    till.tip(tip)
    if 0 < paid_by_card < till.cart.due_minor:
        till.card(paid_by_card)
        till.approve()
    till.cash(till.cart.due_minor + 3)
    paid = till.cart.total_minor + till.cart.tip_minor
    assert till.cart.tendered_minor - till.cart.change_minor == paid
    till.next_sale()
    back = 0
    lines = [str(number) for number in range(1, len(pieces) + 1)]
    wishes: list[Callable[[], object]] = [partial(till.bring_back, RECEIPT, each) for each in lines]
    wishes.insert(0 if first else len(wishes), partial(till.tip_back, RECEIPT))
    for wish in wishes:
        wish()
        if not together or wish is wishes[-1]:
            back += till.cart.refund_due_minor
            till.give(till.cart.refund_due_minor)
            assert till.cart.state is TillState.DONE
            till.next_sale()
    assert back == paid
    original = till.books.original(RECEIPT)
    assert sum(each.amount_minor for each in original.refunds) == paid
    view = sold_sale_view(original)
    assert (view.back_minor, view.tip_back_minor) == (0, 0)
    assert all(each.refundable_minor == 0 for each in view.tenders)
