"""How money goes back to a card: which card's it is, and by which way.

One refund gives back what one card paid, since one card is held to the terminal: at most what
that card paid and has not had back. What no card brought needs a second person.

A payment is reversed, as if it had not been made, when all of it goes back and it is the last
that this terminal was asked for, today: nobody pays fees for it, and the terminal need not offer
refunds. Everything else is a refund; so is the payment that a person had settled, whose number was
typed. After a reversal that the terminal declined the next wish is a refund. But once the terminal
said that a payment was reversed already the customer may have the money: a second person decides,
in this sale and in every later one.
"""

from __future__ import annotations

from typing import NamedTuple

from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    TERMINAL_RECEIPT_NUMBER_CHARS_MAX,
)
from edge.contract.money import check_amount, format_amount
from edge.contract.permissions import Permission
from edge.contract.return_events import RefundPart
from edge.contract.till_commands import RefundByCard
from edge.engine.approval_rules import authorise
from edge.engine.cart import CARD, Cart, Tender
from edge.engine.circumstances import Circumstances
from edge.engine.originals import parts_of_refund, room_of, tender_rests
from edge.engine.reference_view import ReferenceView
from edge.engine.refund_rules import check_not_over
from edge.engine.state_refusals import refuse_one_more_part, refuse_unless_refundable


class _PaidByCard(NamedTuple):
    """A card tender of an original, and what of it may go back in this sale; above zero."""

    sale: str
    tender: Tender
    most_minor: int
    reversed_before: bool
    """Whether the terminal said that the payment was reversed before."""


def refund_by_card(
    cart: Cart, command: RefundByCard, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Commit the wish to give money back to a card."""
    refuse_unless_refundable(cart)
    amount = check_amount(command.amount_minor, what="The amount for the card")
    check_not_over(cart, amount, cart.refund_due_minor)
    if not given.terminal:
        raise Refused(
            "no_terminal_to_refund",
            "This till has no payment terminal.",
            advice="Give the money back at a till that has one, or in another way.",
        )
    refuse_one_more_part(cart)
    cards = _cards(cart, given)
    if not cards:
        # as if on a tender that nobody checks: the terminal takes any card
        parts, _other = parts_of_refund(cart, given.originals, CARD, amount)
        approver = authorise(Permission.REFUND_OTHER_TENDER, given)
        return (_requested(cart, command, given, parts, approver),)
    card = _which(cart, cards, amount)
    approver = ""
    if card.reversed_before:
        approver = authorise(Permission.REFUND_OTHER_TENDER, given)
    part = RefundPart(card.sale, card.tender.tender_id, amount)
    return (_requested(cart, command, given, (part,), approver, card),)


def _cards(cart: Cart, given: Circumstances) -> list[_PaidByCard]:
    cards = []
    for original in given.originals:
        room = room_of(cart, original)
        for rest in tender_rests(original):
            most = min(rest.rest_minor, room)
            if rest.tender.kind == CARD and most > 0:
                before = rest.tender.tender_id in original.reversed_before
                cards.append(_PaidByCard(original.cart.sale, rest.tender, most, before))
    return cards


def _which(cart: Cart, cards: list[_PaidByCard], amount: int) -> _PaidByCard:
    """Return the card that just this amount is left of, else the first that paid so much."""
    enough = [card for card in cards if card.most_minor >= amount]
    if not enough:
        most = format_amount(max(card.most_minor for card in cards), cart.currency)
        raise Refused(
            "refund_over_card",
            f"At most what one card paid goes back to it, {most}.",
            advice="Give that back first, then the rest as it was paid.",
            params={"most": most},
        )
    return next((card for card in enough if card.most_minor == amount), enough[0])


def _requested(
    cart: Cart,
    command: RefundByCard,
    given: Circumstances,
    parts: tuple[RefundPart, ...],
    approver: str,
    card: _PaidByCard | None = None,
) -> CardRefundRequested:
    reverses = card is not None and _is_reversal(card, command.amount_minor, given)
    paid = Tender("", CARD, 0, "") if card is None else card.tender
    return CardRefundRequested(
        sale=cart.sale,
        # named by the command that asked for it: ids are made where the wish is born
        refund=command.command_id,
        amount_minor=command.amount_minor,
        terminal=given.terminal,
        parts=parts,
        approver=approver,
        reverses=paid.tender_id if reverses else "",
        receipt=paid.receipt if reverses else "",
        last4=paid.last4,
        scheme=paid.scheme,
    )


def _is_reversal(card: _PaidByCard, amount: int, given: Circumstances) -> bool:
    payment = card.tender
    return (
        payment.tender_id == given.reversible
        and not payment.by_hand  # a number typed wrong would take another payment back
        and amount == payment.amount_minor  # so none of it went back, or was given as change
        and 0 < len(payment.receipt) <= TERMINAL_RECEIPT_NUMBER_CHARS_MAX
    )


def parts_given(asked: Tender, amount_minor: int) -> tuple[RefundPart, ...]:
    """Return the parts of what a terminal says that it gave: less than asked for, or more.

    More than was asked for is put down to the last part, so that nothing is left of it. What
    was asked for beyond the parts is of none: goods came back that no tender here paid.
    """
    given: list[RefundPart] = []
    over = max(0, amount_minor + asked.amount_minor)  # what is asked back is below zero
    left = amount_minor - over
    for number, part in enumerate(asked.parts, start=1):
        amount = min(part.amount_minor, left)
        left -= amount
        if number == len(asked.parts):
            amount += over
        if amount:
            given.append(RefundPart(part.original_sale, part.original_tender, amount))
    return tuple(given)
