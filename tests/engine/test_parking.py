"""A sale is set aside and taken up again: by the rules, and from its events alone."""

from __future__ import annotations

from typing import Any

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    PARKED_SALES_MAX,
)
from edge.contract.payment_events import CardPaymentApproved
from edge.contract.sale_events import SaleCompleted, SaleParked, SaleResumed
from edge.contract.till_commands import Park, Resume
from edge.contract.till_protocol import TillState
from edge.engine.cart import EMPTY, Cart
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.sale_rules import decide
from tests.engine.shop_in_memory import MILK, ROLL, shop
from tests.engine.till_in_memory import TillInMemory


def parking(
    till: TillInMemory, label: str = "", for_till: str | None = None, *, others: int = 0
) -> Any:
    command = Park(command_id="command-park", label=label, for_till=for_till)
    given = Circumstances("till-1", 0, "", parked_sales=others)
    return decide(till.cart, command, shop(), given)


def resuming(cart: Cart, parked: Cart | None, receipts: int = 0) -> Any:
    command = Resume(command_id="command-resume", sale_id=parked.sale if parked else "sale-gone-1")
    given = Circumstances("till-2", receipts, "new-sale", parked=parked)
    return decide(cart, command, shop(), given)


def refusal(wish: Any, *arguments: Any, **named: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        wish(*arguments, **named)
    return caught.value


def test_a_parked_sale_leaves_the_till_free() -> None:
    till = TillInMemory()
    till.add(MILK)
    events = parking(till, " Lady in red ", "till-2")
    assert events == (SaleParked(sale=till.cart.sale, label="Lady in red", for_till="till-2"),)
    assert apply(till.cart, events[0], 1) == EMPTY


def test_a_resumed_sale_is_what_was_parked() -> None:
    till = TillInMemory()
    till.add(MILK)
    (resumed,) = resuming(EMPTY, till.cart)
    assert resumed == SaleResumed(sale=till.cart.sale)
    assert apply(till.cart, resumed, 1) == till.cart


def test_a_payment_in_doubt_is_parked_and_completes_where_it_is_taken_up() -> None:
    till = TillInMemory()
    till.add(MILK)
    till.card(129)
    assert refusal(parking, till).code == "card_payment_running"
    till.lose()
    assert isinstance(parking(till)[0], SaleParked)
    approved = TillInMemory()
    approved.add(ROLL)
    approved.card(45)
    approved.lose()
    assert approved.cart.state is TillState.IN_DOUBT
    (in_doubt,) = resuming(EMPTY, approved.cart)
    assert isinstance(in_doubt, SaleResumed)
    # found charged while it lay aside: nobody completed it then
    approved.take(approved_event(approved))
    resumed, completed = resuming(EMPTY, approved.cart, receipts=6)
    assert isinstance(resumed, SaleResumed)
    assert isinstance(completed, SaleCompleted)
    assert completed.receipt == "till-2-000007"


def approved_event(till: TillInMemory) -> Any:
    return CardPaymentApproved(sale=till.cart.sale, payment=till.payment, amount_minor=45)


def test_what_cannot_be_parked() -> None:
    till = TillInMemory()
    assert refusal(parking, till).code == "no_sale_open"
    till.add(MILK)
    assert refusal(parking, till, others=PARKED_SALES_MAX).code == "too_many_parked"
    assert refusal(parking, till, label="4" + "1" * 15).code == "looks_like_card_number"
    till.cash(29)
    assert refusal(parking, till).code == "tendered_already"
    empty = TillInMemory()
    empty.add(MILK)
    empty.void("1")
    assert refusal(parking, empty).code == "nothing_to_park"


def test_what_cannot_be_resumed() -> None:
    busy, parked = TillInMemory(), TillInMemory()
    parked.add(MILK)
    busy.add(ROLL)
    assert refusal(resuming, busy.cart, parked.cart).code == "sale_still_open"
    gone = refusal(resuming, EMPTY, None)
    assert (gone.code, gone.status) == ("not_parked", 404)
    busy.cash(45)
    assert resuming(busy.cart, parked.cart)  # a finished sale on the screen is in nobody's way
