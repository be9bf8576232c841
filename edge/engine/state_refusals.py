"""Refusals that many rules share: what cannot be in the state that the sale is in."""

from __future__ import annotations

from typing import NoReturn

from edge.contract.errors import Refused
from edge.contract.limits import (
    TENDERS_PER_SALE_MAX,
)
from edge.contract.money import format_amount
from edge.contract.till_protocol import TillState
from edge.engine.cart import SIGNING, Cart


def refuse_while_paying(cart: Cart) -> None:
    """Refuse while a card payment, or a refund to a card, runs or is in doubt."""
    if cart.open_payment is not None and cart.open_payment.amount_minor < 0:
        _refuse_while_refunding(cart)
    if cart.open_payment is not None and cart.open_payment.state == SIGNING:
        raise Refused(
            "signature_unchecked",
            "The customer has to sign for the card payment.",
            advice="Compare the signature with the card's, and say here what you found.",
        )
    if cart.state is TillState.PAYING:
        raise Refused(
            "card_payment_running",
            "A card payment is running.",
            advice="Wait for the terminal, or cancel the payment.",
        )
    if cart.state is TillState.IN_DOUBT:
        raise Refused(
            "payment_in_doubt",
            "The customer may have been charged; the terminal is being asked.",
            advice="Wait for the answer. Do not take the money a second time.",
        )


def _refuse_while_refunding(cart: Cart) -> None:
    if cart.state is TillState.PAYING:
        raise Refused(
            "card_refund_running",
            "Money is going back to a card.",
            advice="Wait for the terminal, or cancel the refund.",
        )
    raise Refused(
        "refund_in_doubt",
        "The customer may have the money back; the terminal is being asked.",
        advice="Wait for the answer. Do not give the money back a second time.",
    )


def refuse_while_weighing(cart: Cart) -> None:
    """Refuse while the scale has not answered: what it says changes the basket."""
    if cart.weighing is not None:
        raise Refused(
            "weighing_running",
            f"{cart.weighing.name} is being weighed.",
            advice="Wait for the scale; it answers or gives up within seconds.",
            params={"name": cart.weighing.name},
        )


def refuse_unless_open(cart: Cart) -> None:
    """Refuse when no sale is open, or a payment runs."""
    refuse_while_paying(cart)
    if cart.state is TillState.IDLE:
        refuse_idle()
    if cart.state is TillState.DONE:
        raise Refused(
            "sale_is_done",
            f"Sale {cart.receipt} is complete and stays as it is.",
            advice="Begin the next sale.",
            params={"receipt": cart.receipt},
        )


def refuse_once_tendered(cart: Cart) -> None:
    """Refuse to change what is sold once something was paid towards it."""
    refuse_once_refunded(cart)
    if cart.tendered_minor:
        tendered = format_amount(cart.tendered_minor, cart.currency)
        raise Refused(
            "tendered_already",
            f"{tendered} has been paid towards this sale; its lines stay as they are.",
            advice="Take the rest and complete the sale, or abandon it and begin again.",
            params={"tendered": tendered},
        )


def refuse_once_refunded(cart: Cart) -> None:
    """Refuse to change what is sold, or comes back, once some of the money went back."""
    if cart.tendered_minor < 0:
        refunded = format_amount(-cart.tendered_minor, cart.currency)
        raise Refused(
            "refunded_already",
            f"{refunded} has been given back in this sale; its lines stay as they are.",
            advice="Give the rest and complete the sale, or abandon it and begin again.",
            params={"refunded": refunded},
        )


def refuse_idle() -> NoReturn:
    """Refuse: there is no sale."""
    raise Refused("no_sale_open", "No sale is open.", advice="Scan an article first.")


def refuse_unless_payable(cart: Cart) -> None:
    """Refuse when there is nothing to pay for."""
    refuse_unless_live(cart)
    if cart.payable_minor < 0 and not cart.due_minor:  # due: a terminal gave too much back
        refund = format_amount(cart.refund_due_minor, cart.currency)
        raise Refused(
            "money_goes_back",
            f"Nothing is to be paid: {refund} goes back to the customer.",
            advice="Give it back; that completes the sale.",
            params={"refund": refund},
        )


def refuse_unless_refundable(cart: Cart) -> None:
    """Refuse when no money goes back."""
    refuse_unless_live(cart)
    if cart.payable_minor >= 0:
        raise Refused(
            "no_refund_due",
            "No money goes back in this sale.",
            advice="Take what is due; an even exchange is settled without money.",
        )


def refuse_unless_live(cart: Cart) -> None:
    """Refuse when nothing can be completed: no open sale, no live line, an age not checked."""
    refuse_unless_open(cart)
    refuse_while_weighing(cart)
    if not cart.live_lines and not cart.tips_back:
        raise Refused(
            "nothing_to_pay",
            "Every line of this sale is voided: there is nothing to pay.",
            advice="Add an article, or abandon the sale.",
        )
    if cart.age_asked:
        raise Refused(
            "age_unchecked",
            f"The customer has to be {cart.age_asked} years old for something in this sale.",
            advice="Answer the question about the age first.",
            params={"age": str(cart.age_asked)},
        )
    if cart.tip_minor > 0:
        refuse_tip_without_goods(cart)


def refuse_tip_without_goods(cart: Cart) -> None:
    """Refuse a tip in a sale that sells nothing, or in which more comes back than is sold."""
    sells = any(line.back is None and not line.voided for line in cart.lines)
    if not sells or cart.total_minor < 0:
        raise Refused(
            "tip_without_goods",
            "Nothing is paid for in this sale: it has no tip.",
            advice="Take the tip off; or sell something first.",
        )


def refuse_one_more_part(cart: Cart) -> None:
    """Refuse another part of the payment when there are too many."""
    # cash that settles the rest is always taken: a limit must not lock money in a sale
    if len(cart.tenders) >= TENDERS_PER_SALE_MAX:
        raise Refused(
            "too_many_tenders",
            f"A sale has at most {TENDERS_PER_SALE_MAX} payments, failed ones counted.",
            advice="Take all the rest in cash, or abandon the sale.",
            params={"limit": str(TENDERS_PER_SALE_MAX)},
        )
