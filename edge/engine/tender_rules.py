"""How a sale is paid, and when it is complete."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.money import check_amount, format_amount
from edge.contract.payment_events import CardPaymentRequested
from edge.contract.sale_events import CashTendered, SaleCompleted
from edge.contract.till_commands import CancelCard, PayByCard, TakeCash
from edge.contract.till_protocol import TillState
from edge.engine.cart import Cart
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import (
    refuse_one_more_part,
    refuse_unless_payable,
    refuse_while_paying,
)
from edge.engine.tendering import settle_in_cash

RECEIPT_JOB: Final = "receipt"
DRAWER_JOB: Final = "drawer"


def complete_if_covered(cart: Cart, *, till: str, receipts: int) -> tuple[Event, ...]:
    """Return `SaleCompleted` when the tenders cover an open sale, else nothing.

    For the moment after a tender that is not cash: cash settles with rounding and change.
    """
    if cart.state is not TillState.OPEN or not cart.tendered_minor:
        return ()
    if cart.refund_due_minor:
        return ()
    if cart.tendered_minor < cart.payable_minor:
        return ()
    change = cart.tendered_minor - cart.payable_minor
    return (completed(cart, receipt_number(till, receipts + 1), change, 0),)


@lru_cache(maxsize=256)
def receipt_number(till: str, number: int) -> str:
    """Return the number on a receipt: the till's own sequence, from 1, without gaps."""
    return f"{till}-{number:06d}"


def take_cash(
    cart: Cart, command: TakeCash, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take cash; it completes the sale when it covers what is due."""
    refuse_unless_payable(cart)
    amount = check_amount(command.amount_minor, what="The cash given")
    tendered = CashTendered(sale=cart.sale, tender=str(len(cart.tenders) + 1), amount_minor=amount)
    return settled_by_cash(cart, tendered, amount, reference, given)


def settled_by_cash(
    cart: Cart, tendered: Event, amount: int, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Return the event of cash given, with the completion that follows when it covers the rest."""
    settled = settle_in_cash(cart.due_minor, amount, reference.store.cash_step_minor)
    if settled is None:
        refuse_one_more_part(cart)
        return (tendered,)
    receipt = receipt_number(given.till, given.receipts + 1)
    paid = apply(cart, tendered, 0)
    return (tendered, completed(paid, receipt, settled.change_minor, settled.rounding_minor))


def pay_by_card(
    cart: Cart, command: PayByCard, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Commit the wish to charge a card."""
    refuse_unless_payable(cart)
    amount = check_amount(command.amount_minor, what="The amount for the card")
    if amount > cart.due_minor:
        due = format_amount(cart.due_minor, cart.currency)
        raise Refused(
            "card_over_due",
            f"A card is charged at most what is due, {due}.",
            advice="Charge what is due, or less.",
            params={"due": due},
        )
    if not given.terminal:
        raise Refused(
            "no_terminal",
            "This till has no payment terminal.",
            advice="Take cash, or have a terminal bound to this till.",
        )
    refuse_one_more_part(cart)
    # the payment is named by the command that asked for it: ids are made where the wish is born
    return (
        CardPaymentRequested(
            sale=cart.sale, payment=command.command_id, amount_minor=amount, terminal=given.terminal
        ),
    )


def cancel_card(
    cart: Cart, _: CancelCard, __: ReferenceView, ___: Circumstances
) -> tuple[Event, ...]:
    """Allow the terminal to be asked to give up."""
    if cart.state is TillState.PAYING:
        return ()
    if cart.state is TillState.IN_DOUBT:
        refuse_while_paying(cart)
    raise Refused("no_card_payment", "No card payment is running.")


def completed(cart: Cart, receipt: str, change_minor: int, rounding_minor: int) -> SaleCompleted:
    """Return the event that completes a sale."""
    return SaleCompleted(
        sale=cart.sale,
        receipt=receipt,
        total_minor=cart.total_minor,
        taxes=cart.taxes,
        change_minor=change_minor,
        rounding_minor=rounding_minor,
        # cash goes into the drawer or comes from it: as change also for a card charged too much
        jobs=(RECEIPT_JOB, DRAWER_JOB) if cart.cash_minor or change_minor else (RECEIPT_JOB,),
        coupons=tuple(each.code for each in cart.used_coupons),
        tip_minor=cart.tip_minor,
    )
