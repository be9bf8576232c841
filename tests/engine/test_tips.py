"""Tips: beside the total, set until everything is paid, and known to nothing that is taxed."""

from __future__ import annotations

from datetime import UTC
from typing import Final

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.payment_events import CardPaymentRequested
from edge.contract.permissions import Permission
from edge.contract.promotion_data import BasketPercentOff, Promotion
from edge.contract.receipt_code import pack_code, tip_of
from edge.contract.receipt_document import Emphasis, ReceiptDocument, RowBlock
from edge.contract.reference_data import Tips
from edge.contract.sale_events import CashTendered, SaleCompleted
from edge.contract.till_commands import OtherTender
from edge.contract.till_protocol import TillState
from edge.contract.tip_events import TipSet
from edge.engine.cart import Cart
from edge.engine.circumstances import Approval
from edge.engine.receipt_coding import code_of
from edge.engine.receipt_layout import lay_out_gift_receipt, lay_out_receipt, qr_text
from edge.engine.receipt_words import WORDS
from tests.engine.shop_in_memory import (
    DEAR,
    FREE,
    MILK,
    ROLL,
    SOAP,
    TIPS,
    ShopInMemory,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory

TENTH_OFF: Final = Promotion("tenth", "A tenth off", BasketPercentOff(100_000))


def till_with_tips(cash_step_minor: int = 0, *promotions: Promotion) -> TillInMemory:
    return TillInMemory(shop(cash_step_minor=cash_step_minor, promotions=promotions, tips=TIPS))


def receipt(cart: Cart, language: str = "en") -> ReceiptDocument:
    store = profile()
    store = ShopInMemory(store).store
    store = type(store)(
        name=store.name,
        currency=store.currency,
        time_zone=store.time_zone,
        taxes=store.taxes,
        receipt_language=language,
    )
    return lay_out_receipt(cart, store, till="1", cashier="", zone=UTC)


def rows(document: ReceiptDocument) -> list[RowBlock]:
    return [block for block in document.blocks if isinstance(block, RowBlock)]


def test_the_tenders_pay_total_and_tip_and_the_taxes_know_nothing_of_it() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.add(SOAP)
    before = till.cart.taxes
    assert till.tip(22) == (TipSet(sale=till.cart.sale, amount_minor=22),)
    assert (till.cart.total_minor, till.cart.payable_minor, till.cart.due_minor) == (228, 250, 250)
    assert till.cart.taxes == before
    tendered, completed = till.cash(250)
    assert isinstance(tendered, CashTendered)
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.tip_minor, completed.change_minor) == (228, 22, 0)
    assert completed.taxes == before


def test_change_is_what_was_given_over_total_and_tip() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(21)
    till.cash(200)
    assert (till.cart.state, till.cart.change_minor) == (TillState.DONE, 50)


def test_a_card_is_asked_for_both_in_one_sum_and_for_no_more() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(21)
    with pytest.raises(Refused, match=r"what is due, 1\.50"):
        till.card(151)
    (asked,) = till.card(150)
    assert isinstance(asked, CardPaymentRequested)
    assert asked.amount_minor == 150
    with pytest.raises(Refused, match="running"):
        till.tip(22)
    till.approve()
    assert (till.cart.state, till.cart.card_minor) == (TillState.DONE, 150)


def test_a_card_that_was_charged_too_much_gets_change_over_total_and_tip() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(21)
    till.card(150)
    till.approve(amount_minor=160)
    assert (till.cart.state, till.cart.change_minor) == (TillState.DONE, 10)


def test_it_is_the_sales_whatever_pays_it() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.card(100)
    till.approve()
    till.tip(71)
    assert till.cart.due_minor == 100
    till.tender(OtherTender.VOUCHER, 60)
    till.cash(40)
    assert (till.cart.state, till.cart.change_minor) == (TillState.DONE, 0)


def test_it_is_changed_and_taken_off_until_it_is_paid_and_the_rest_may_be_covered_then() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(20)
    till.tip(11)
    assert till.cart.tip_minor == 11
    assert till.tip(11) == ()
    till.cash(135)
    with pytest.raises(Refused, match=r"1\.35 has been paid"):
        till.tip(5)
    with pytest.raises(Refused, match="more than is to be paid"):
        till.tip(0)
    taken_off, completed = till.tip(6)
    assert taken_off == TipSet(sale=till.cart.sale, amount_minor=6)
    assert isinstance(completed, SaleCompleted)
    assert (completed.tip_minor, completed.change_minor, completed.jobs) == (
        6, 0, ("receipt", "drawer"),
    )  # fmt: skip


def test_without_money_taking_it_off_completes_nothing() -> None:
    till = till_with_tips()
    till.add(FREE)
    till.tip(50)
    assert till.cart.due_minor == 50  # something on the house may have a tip
    till.tip(0)
    assert (till.cart.state, till.cart.due_minor) == (TillState.OPEN, 0)


def test_it_stays_when_the_basket_changes_and_makes_nothing_cheaper() -> None:
    till = till_with_tips(0, TENTH_OFF)
    till.add(MILK)
    till.tip(1_000)
    till.add(SOAP)
    assert till.cart.tip_minor == 1_000
    without = till_with_tips(0, TENTH_OFF)
    without.add(MILK)
    without.add(SOAP)
    assert till.cart.total_minor == without.cart.total_minor
    assert till.cart.reductions == without.cart.reductions


def test_what_was_paid_has_to_leave_something_of_total_and_tip_to_pay() -> None:
    cheap = Promotion("basket", "Half", BasketPercentOff(500_000), coupon="")
    till = TillInMemory(shop(tips=TIPS))
    till.add(MILK)
    till.tip(100)
    till.cash(130)
    till.reference = shop(promotions=(cheap,), tips=TIPS)
    till.add(FREE)  # 65 and a tip of 100: 35 are left
    assert (till.cart.total_minor, till.cart.due_minor) == (64, 34)
    till.tip(67)
    till = TillInMemory(shop(tips=TIPS))
    till.add(MILK)
    till.tip(100)
    till.cash(170)
    till.reference = shop(promotions=(cheap,), tips=TIPS)
    with pytest.raises(Refused, match=r"would cost 1\.64, and 1\.70 has been paid"):
        till.add(FREE)


def test_cash_is_rounded_with_the_tip_in_it() -> None:
    till = till_with_tips(5)
    till.add(MILK)
    till.tip(19)  # 148 is 150 in coins
    till.cash(200)
    assert (till.cart.rounding_minor, till.cart.change_minor) == (2, 50)
    till.next_sale()
    till.add(MILK)
    till.tip(1)
    till.cash(130)
    assert (till.cart.rounding_minor, till.cart.change_minor) == (0, 0)


def test_more_than_the_most_needs_a_second_person() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(2_000)
    till.approval = Approval(Permission.DISCOUNT, "pawel")
    with pytest.raises(Refused) as refused:
        till.tip(2_001)
    assert refused.value.params == {"permission": "tip"}
    till.approval = Approval(Permission.TIP, "pawel")
    assert till.tip(2_001) == (TipSet(sale=till.cart.sale, amount_minor=2_001, approver="pawel"),)
    till.approval = None
    till.tip(0)
    till.role = "manager"
    assert till.tip(9_000) == (TipSet(sale=till.cart.sale, amount_minor=9_000),)


def test_a_store_without_a_most_asks_nobody() -> None:
    till = TillInMemory(shop(tips=Tips()))
    till.add(MILK)
    till.tip(99_999)
    assert till.cart.tip_minor == 99_999


def test_the_largest_sale_has_no_room_for_a_tip() -> None:
    till = till_with_tips()
    till.role = "manager"
    till.add(DEAR, 10_000)
    with pytest.raises(Refused, match="over the limit"):
        till.tip(10)
    till.tip(9)
    assert till.cart.payable_minor == AMOUNT_MINOR_MAX


def test_switched_off_meanwhile_it_may_still_be_taken_off() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(21)
    till.reference = shop()
    with pytest.raises(Refused, match="no tips"):
        till.tip(22)
    till.tip(0)
    till.cash(129)
    assert till.cart.state is TillState.DONE


def test_an_exchange_has_a_tip_as_long_as_it_sells_for_more() -> None:
    till = till_with_tips()
    till.add(ROLL)
    till.cash(45)
    till.next_sale()
    till.bring_back("till-1-000001")
    till.add(MILK)
    till.tip(16)
    assert till.cart.due_minor == 100
    till.void("2")
    with pytest.raises(Refused, match="it has no tip"):
        till.cash(100)
    with pytest.raises(Refused, match="it has no tip"):
        till.settle()
    till.tip(0)
    till.give(45)
    assert till.cart.state is TillState.DONE


def test_an_even_exchange_may_have_one() -> None:
    till = till_with_tips()
    till.add(ROLL)
    till.cash(45)
    till.next_sale()
    till.bring_back("till-1-000001")
    till.add(ROLL)
    till.tip(55)
    with pytest.raises(Refused, match=r"0\.55 is still to be paid"):
        till.settle()
    till.cash(55)
    assert (till.cart.state, till.cart.total_minor) == (TillState.DONE, 0)


def test_a_tip_too_small_for_coins_is_settled_without_them() -> None:
    till = till_with_tips(5)
    till.add(ROLL)
    till.tip(2)
    till.card(45)
    till.approve()
    till.settle()
    assert (till.cart.rounding_minor, till.cart.change_minor) == (-2, 0)
    till.next_sale()
    till.add(ROLL)
    till.tip(4)
    till.card(48)  # all but one of total and tip: nothing of it is change
    till.approve()
    till.settle()
    assert (till.cart.rounding_minor, till.cart.change_minor) == (-1, 0)


def test_in_training_it_is_as_in_a_sale() -> None:
    till = till_with_tips()
    till.training = True
    till.add(MILK)
    till.tip(21)
    till.card(150)
    assert (till.cart.state, till.cart.tip_minor) == (TillState.DONE, 21)


def test_receipts_say_it_below_the_total_and_gift_receipts_do_not() -> None:
    till = till_with_tips(5)
    till.add(MILK)
    till.tip(19)
    till.cash(200)
    found = rows(receipt(till.cart))
    at = next(n for n, row in enumerate(found) if row.start == "TOTAL EUR")
    assert found[at : at + 6] == [
        RowBlock("TOTAL EUR", "1.29", Emphasis.LARGE),
        RowBlock("Tip", "0.19"),
        RowBlock("Cash rounding", "0.02"),
        RowBlock("To pay", "1.50", Emphasis.BOLD),
        RowBlock("Cash", "2.00"),
        RowBlock("Change", "0.50", Emphasis.BOLD),
    ]
    assert qr_text(till.cart).endswith("|129|EUR")
    gift = lay_out_gift_receipt(till.cart, profile(), till="1", zone=UTC)
    assert not [row for row in rows(gift) if row.start in {"Tip", "To pay"}]
    till.next_sale()
    till.add(MILK)
    till.tip(21)
    till.cash(150)
    assert "Cash rounding" not in {row.start for row in rows(receipt(till.cart))}


@pytest.mark.parametrize("language", sorted(WORDS))
def test_every_language_names_it(language: str) -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(21)
    till.cash(150)
    words = WORDS[language]
    found = rows(receipt(till.cart, language))
    assert RowBlock(words.tip, "0.21") in found
    assert RowBlock(words.to_pay, "1.50", Emphasis.BOLD) in found
    assert len({words.tip, words.to_pay, words.total}) == 3


def test_the_signed_code_carries_it_and_is_as_ever_without() -> None:
    till = till_with_tips()
    till.add(MILK)
    till.tip(21)
    till.cash(150)
    code = code_of(till.cart, store=1, gen=1, seq=1, chain_hash=bytes(32))
    assert (tip_of(code), code.total_minor) == (21, 129)
    assert pack_code(code)[:1] == b"\x02"
    till.next_sale()
    till.add(MILK)
    till.cash(129)
    code = code_of(till.cart, store=1, gen=1, seq=1, chain_hash=bytes(32))
    assert (tip_of(code), pack_code(code)[:1]) == (0, b"\x01")
