"""Holes that a mutation run found in the tests of cards, refunds and returns, closed by meaning."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.errors import Refused
from edge.contract.payment_events import CardPaymentApproved
from edge.contract.sale_events import TaxTotal
from edge.contract.till_commands import OtherTender
from edge.contract.till_protocol import TillState
from edge.engine.cart import APPROVED, ASKED, DECLINED, UNKNOWN
from edge.engine.cart_changes import apply
from edge.engine.originals import tender_rests
from edge.engine.tax import less_returned
from tests.engine.shop_in_memory import CHEESE_742_G, CHEESE_PLU, MILK, ROLL, SOAP, shop
from tests.engine.test_card_refunds import SOLD, coming_back
from tests.engine.till_in_memory import TillInMemory


def asked_back(till: TillInMemory, amount: int) -> CardRefundRequested:
    (event,) = till.refund(amount)
    assert isinstance(event, CardRefundRequested)
    return event


# --- the state of a card ----------------------------------------------------------------------


def test_a_card_from_asking_to_the_terminal_s_last_word() -> None:
    till = TillInMemory(shop())
    till.add(MILK)
    till.card(100)
    assert till.cart.state is TillState.PAYING
    (asked,) = till.cart.tenders
    assert (asked.state, asked.amount_minor, asked.terminal, asked.words) == (
        ASKED, 100, "terminal-1", "",
    )  # fmt: skip
    till.lose()
    assert till.cart.state is TillState.IN_DOUBT
    (lost,) = till.cart.tenders
    assert (lost.state, lost.words, lost.terminal) == (UNKNOWN, "No answer.", "terminal-1")
    till.cart = apply(
        till.cart,
        CardPaymentApproved(
            sale=till.cart.sale, payment=lost.tender_id, amount_minor=100, last4="4242",
            scheme="Example", authorisation="A1", terminal_id="T1", receipt="0007", trace="0009",
        ),
        0,
    )  # fmt: skip
    assert till.cart.tenders == (
        replace(
            lost, state=APPROVED, words="", last4="4242", scheme="Example", authorisation="A1",
            terminal_id="T1", receipt="0007", trace="0009",
        ),
    )  # fmt: skip
    assert (till.cart.state, till.cart.card_minor) == (TillState.OPEN, 100)


def test_a_card_that_was_not_charged_says_why() -> None:
    till = TillInMemory(shop())
    till.add(MILK)
    till.card(129)
    till.decline()
    (tender,) = till.cart.tenders
    assert (tender.state, tender.words, till.cart.state) == (DECLINED, "Declined.", TillState.OPEN)
    # and while another is asked for, the one that was lost keeps the sale in doubt
    till.card(129)
    assert [each.state for each in till.cart.tenders] == [DECLINED, ASKED]
    assert till.cart.state is TillState.PAYING


def test_money_on_its_way_back_knows_its_terminal_and_whose_it_is() -> None:
    till = coming_back(129)
    event = asked_back(till, 100)
    (asked,) = till.cart.tenders
    assert (asked.terminal, asked.parts, till.cart.state) == (
        "terminal-1", event.parts, TillState.PAYING,
    )  # fmt: skip
    till.approve(amount_minor=60)
    (given,) = till.cart.tenders
    # less than asked for: the parts are those of what went back
    assert [part.amount_minor for part in given.parts] == [60]


# --- which card -------------------------------------------------------------------------------


def test_the_card_that_just_this_is_left_of_goes_before_the_first() -> None:
    till = coming_back(89, 40)
    event = asked_back(till, 40)
    assert (event.last4, [part.amount_minor for part in event.parts]) == ("4241", [40])
    till = coming_back(89, 40)
    assert asked_back(till, 30).last4 == "4240"


def test_the_last_unit_that_a_card_paid_goes_back_to_it() -> None:
    till = coming_back(1, cash=128)
    assert asked_back(till, 1).last4 == "4240"


def test_without_a_card_the_wish_names_none() -> None:
    till = coming_back(cash=129)
    till.role = "supervisor"
    event = asked_back(till, 129)
    assert (event.reverses, event.receipt, event.last4, event.scheme) == ("", "", "", "")
    # the cash of the original is whose money it is
    assert [part.amount_minor for part in event.parts] == [129]


def test_a_refund_of_goods_without_their_card_is_of_the_parts_that_are_left() -> None:
    """Money on a card where another card paid: by its own kind first, then the others."""
    till = coming_back(100, cash=29)
    till.role = "supervisor"
    event = asked_back(till, 100)
    assert [part.amount_minor for part in event.parts] == [100]
    till.approve(amount_minor=100)
    with pytest.raises(Refused) as caught:
        till.refund(30)
    assert caught.value.code == "refund_over_due"
    assert [part.amount_minor for part in asked_back(till, 29).parts] == [29]


def test_one_digit_is_a_receipt_number_of_a_terminal_too() -> None:
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(MILK)
    till.card(129)
    payment = till.payment
    till.approve(receipt="7")
    till.next_sale()
    till.bring_back(SOLD)
    till.reversible = payment
    event = asked_back(till, 129)
    assert (event.reverses, event.receipt) == (payment, "7")


# --- what paid, what goes back ----------------------------------------------------------------


def test_a_tender_of_one_unit_paid_and_one_of_nothing_did_not() -> None:
    till = coming_back(1, cash=128)
    (card, cash) = tender_rests(till.books.original(SOLD))
    assert (card.paid_minor, cash.paid_minor) == (1, 128)
    original = till.books.original(SOLD)
    nothing = replace(original.cart.tenders[0], amount_minor=0, tender_id="none")
    cart = replace(original.cart, tenders=(*original.cart.tenders, nothing))
    assert [each.tender.tender_id for each in tender_rests(replace(original, cart=cart))] == [
        each.tender.tender_id for each in (card, cash)
    ]


def test_the_last_gram_may_come_back() -> None:
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(CHEESE_742_G)
    till.cash(till.cart.total_minor)
    till.next_sale()
    till.bring_back(SOLD, quantity=741)
    with pytest.raises(Refused) as two:
        till.bring_back(SOLD, quantity=2)
    assert two.value.code == "more_than_returnable"
    till.bring_back(SOLD, quantity=1)
    assert till.cart.total_minor == -1402
    with pytest.raises(Refused) as more:
        till.bring_back(SOLD, quantity=1)
    assert more.value.code == "returned_already"


@pytest.mark.parametrize("included", [True, False])
def test_what_comes_back_in_grams_gives_back_the_tax_to_the_last_unit(included: bool) -> None:
    """Part by part, in another order than sold: no part below nothing, all parts the whole."""
    till = TillInMemory(shop(included=included))
    till.role = "supervisor"
    for code, quantity in ((CHEESE_742_G, 1000), (ROLL, 3000), (SOAP, 2000)):
        till.add(code, quantity)
    sold = till.cart
    till.cash(sold.total_minor)
    till.next_sale()
    for line_id, parts in (("2", (1, 1, 1)), ("1", (0.1, 0.001, 0.3, 0.341)), ("3", (2,))):
        for part in parts:
            till.bring_back(SOLD, line_id, quantity=round(part * 1000))
    backs = [line.back for line in till.cart.lines if line.back]
    assert all(back.tax_minor >= 0 and back.net_minor >= 0 for back in backs)
    assert till.cart.total_minor == -sold.total_minor
    for rate in ("reduced", "standard"):
        of_rate = [line.back for line in till.cart.lines if line.back and line.tax == rate]
        taxes = {each.tax: each for each in sold.taxes}
        assert sum(back.tax_minor for back in of_rate) == taxes[rate].tax_minor
        assert sum(back.net_minor for back in of_rate) == taxes[rate].net_minor


def test_what_was_paid_otherwise_is_added_up_over_the_parts() -> None:
    """Cash back for two vouchers needs the second person, however it is split."""
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(MILK)
    till.tender(OtherTender.VOUCHER, 100, "V-1")
    till.tender(OtherTender.GIFT_CARD, 29, "G-1")
    till.next_sale()
    till.bring_back(SOLD)
    till.role = "cashier"
    with pytest.raises(Refused) as caught:
        till.give(129)
    assert caught.value.code == "needs_approval"


def test_a_sale_of_nothing_gives_nothing_back() -> None:
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(MILK)
    till.cash(129)
    till.next_sale()
    till.add(MILK)
    till.bring_back(SOLD)
    assert till.cart.total_minor == 0
    with pytest.raises(Refused) as caught:
        till.give(1)
    assert caught.value.code == "no_refund_due"


def test_settling_numbers_the_receipt_of_this_till_and_the_next_one() -> None:
    till = TillInMemory(shop(cash_step_minor=5), name="till-2")
    till.role = "supervisor"
    till.add(ROLL)
    till.add(MILK)
    till.cash(175)
    till.next_sale()
    till.bring_back("till-2-000001", "2")
    till.give_on(OtherTender.VOUCHER, 127)
    till.settle()
    assert (till.cart.state, till.cart.receipt) == (TillState.DONE, "till-2-000002")


def test_a_rate_is_left_out_only_when_nothing_of_it_is_left() -> None:
    sold = (
        TaxTotal("a", 0, 10, 0, 10),
        TaxTotal("b", 0, 0, 1, 0),
        TaxTotal("c", 0, 1, 0, 0),
        TaxTotal("d", 0, 0, 0, 0),
        TaxTotal("e", 0, 0, 0, 1),
    )
    assert [each.tax for each in less_returned(sold, ())] == ["a", "b", "c", "e"]


def test_what_comes_back_is_the_article_that_was_sold() -> None:
    till = TillInMemory(shop())
    till.role = "supervisor"
    till.add(CHEESE_PLU, 500)
    till.cash(till.cart.total_minor)
    till.next_sale()
    till.bring_back(SOLD, quantity=500)
    (line,) = till.cart.lines
    assert (line.sku, line.code, line.unit, till.cart.recounted) == ("C1", CHEESE_PLU, "kg", "")
