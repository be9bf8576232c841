"""How a sale is paid, case by case: cash, cards, both, and cash rounding."""

from __future__ import annotations

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    TENDERS_PER_SALE_MAX,
)
from edge.contract.payment_events import CardPaymentApproved, CardPaymentRequested
from edge.contract.sale_events import CashTendered, SaleCompleted, TaxTotal
from edge.contract.till_commands import CancelCard
from edge.contract.till_protocol import TillState
from edge.engine.cart import EMPTY
from edge.engine.cart_changes import apply
from edge.engine.tender_rules import complete_if_covered
from tests.engine.shop_in_memory import FREE, MILK, ROLL, SOAP, shop
from tests.engine.till_in_memory import TillInMemory
from tests.engine.till_stories import card_charged


def test_cash_that_covers_what_is_due_completes_the_sale_with_change() -> None:
    till = TillInMemory()
    till.add(ROLL)
    till.add(SOAP)
    sale = till.cart.sale
    assert till.cash(200) == (
        CashTendered(sale=sale, tender="1", amount_minor=200),
        SaleCompleted(
            sale=sale,
            receipt="till-1-000001",
            total_minor=144,
            taxes=(
                TaxTotal("reduced", 55_000, 43, 2, 45),
                TaxTotal("standard", 210_000, 82, 17, 99),
            ),
            change_minor=56,
            jobs=("receipt", "drawer"),
        ),
    )
    assert till.cart.state is TillState.DONE
    assert till.cart.due_minor == 0
    assert till.cart.change_minor == 56
    assert till.cart.completed_at > till.cart.opened_at


def test_cash_in_parts_completes_with_the_last() -> None:
    till = TillInMemory()
    till.add(MILK)
    assert till.cash(100) == (CashTendered(sale=till.cart.sale, tender="1", amount_minor=100),)
    assert till.cart.due_minor == 29
    till.add(ROLL)
    assert till.cart.due_minor == 74
    completed = till.cash(74)[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.change_minor == 0


def test_a_card_that_covers_what_is_due_completes_the_sale_without_a_drawer() -> None:
    till = TillInMemory()
    till.add(MILK)
    (requested,) = till.card(129)
    assert requested == CardPaymentRequested(
        sale=till.cart.sale, payment=till.payment, amount_minor=129, terminal="terminal-1"
    )
    assert till.cart.state is TillState.PAYING
    assert till.do(CancelCard(command_id="command-x")) == ()
    completed = till.approve("4242", "Example")[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.receipt == "till-1-000001"
    assert completed.jobs == ("receipt",)
    assert completed.change_minor == completed.rounding_minor == 0


def test_the_payment_is_named_by_the_command() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(29)
    first = till.payment
    till.decline()
    till.card(29)
    assert first.startswith("command-")
    assert till.payment != first


def test_card_and_cash_together_open_the_drawer() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.cash(100)
    till.card(29)
    completed = till.approve()[-1]
    assert isinstance(completed, SaleCompleted)
    assert completed.jobs == ("receipt", "drawer")


def test_coins_that_fit_open_the_drawer_too() -> None:
    till = TillInMemory()
    till.add(MILK)
    completed = till.cash(129)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.change_minor, completed.jobs) == (0, ("receipt", "drawer"))


def test_a_declined_card_leaves_the_sale_open_and_changeable() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.decline()
    assert till.cart.state is TillState.OPEN
    assert till.cart.due_minor == 129
    till.void("1")
    assert complete_if_covered(till.cart, till="till-1", receipts=0) == ()


def test_an_unknown_payment_found_charged_completes_the_sale_once() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.lose()
    assert till.cart.state is TillState.IN_DOUBT
    assert complete_if_covered(till.cart, till="till-1", receipts=0) == ()
    till.approve()
    assert till.cart.state is TillState.DONE
    assert complete_if_covered(till.cart, till="till-1", receipts=1) == ()


def test_an_unknown_payment_found_not_charged_leaves_the_sale_open() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    till.lose()
    till.decline()
    assert till.cart.state is TillState.OPEN
    assert [tender.state for tender in till.cart.tenders] == ["declined"]


def test_part_by_card_is_not_enough_to_complete() -> None:
    till = TillInMemory()
    card_charged(till)
    assert till.cart.state is TillState.OPEN
    assert till.cart.due_minor == 100


@pytest.mark.parametrize("voids", [(), ("1",)])
def test_an_untouched_or_empty_sale_is_not_covered(voids: tuple[str, ...]) -> None:
    till = TillInMemory()
    till.add(FREE)
    for line_id in voids:
        till.void(line_id)
    assert complete_if_covered(till.cart, till="till-1", receipts=0) == ()
    assert complete_if_covered(EMPTY, till="till-1", receipts=0) == ()


def test_a_sale_that_costs_nothing_is_completed_by_cash_that_all_goes_back() -> None:
    till = TillInMemory()
    till.add(FREE)
    completed = till.cash(500)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.total_minor, completed.change_minor) == (0, 500)
    assert completed.taxes == ()


def test_too_many_payments_lock_nobody_in() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(1)
    till.approve()
    for _ in range(TENDERS_PER_SALE_MAX - 1):
        till.card(128)
        till.decline()
    with pytest.raises(Refused, match="at most"):
        till.card(128)
    with pytest.raises(Refused, match="at most"):
        till.cash(127)
    till.cash(128)
    assert till.cart.state is TillState.DONE


@pytest.mark.parametrize(("given", "rounding", "change"), [(129, 0, 0), (130, 1, 0), (200, 1, 70)])
def test_cash_is_rounded_to_the_smallest_coin(given: int, rounding: int, change: int) -> None:
    till = TillInMemory(shop(cash_step_minor=5))
    till.add(MILK)
    completed = till.cash(given)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.rounding_minor, completed.change_minor) == (rounding, change)
    assert completed.total_minor == 129


def test_cash_short_of_the_rounded_amount_does_not_complete() -> None:
    till = TillInMemory(shop(cash_step_minor=5))
    till.add(MILK)
    assert len(till.cash(128)) == 1
    assert till.cart.due_minor == 1
    # one cent left: no coin for it, so any cash closes and comes back whole
    completed = till.cash(5)[-1]
    assert isinstance(completed, SaleCompleted)
    assert (completed.rounding_minor, completed.change_minor) == (-1, 5)


def test_the_terminal_that_charges_more_than_asked_owes_change() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    requested = till.history[-1][0]
    assert isinstance(requested, CardPaymentRequested)
    paid = apply(till.cart, approved_for(till, 150), till.now_ms)
    (completed,) = complete_if_covered(paid, till="till-1", receipts=0)
    assert isinstance(completed, SaleCompleted)
    assert completed.change_minor == 21


def approved_for(till: TillInMemory, amount_minor: int) -> CardPaymentApproved:
    return CardPaymentApproved(sale=till.cart.sale, payment=till.payment, amount_minor=amount_minor)
