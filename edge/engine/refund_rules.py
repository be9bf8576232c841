"""How money goes back, and when a sale is complete to which nothing is added or given.

Money goes back as it came: cash for cash, a tender for that tender. What was paid with another
one needs a second person (`refund_other_tender`), as long as that other one could take it;
tenders that nobody checks need one as in `edge.engine.other_tenders`.
"""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.money import check_amount, format_amount
from edge.contract.permissions import Permission
from edge.contract.return_events import CashReturned, RefundPart, TenderReturned
from edge.contract.till_commands import GiveCash, GiveTender, Settle
from edge.engine.approval_rules import authorise
from edge.engine.cart import CASH, Cart
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.originals import parts_of_refund
from edge.engine.other_tenders import NEEDS_APPROVAL, typed_reference
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import (
    refuse_one_more_part,
    refuse_unless_live,
    refuse_unless_refundable,
)
from edge.engine.tender_rules import complete_if_covered, completed, receipt_number
from edge.engine.tendering import cash_due


def give_cash(
    cart: Cart, command: GiveCash, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Give cash; it completes the sale once nothing is left to give that coins could pay."""
    refuse_unless_refundable(cart)
    amount = check_amount(command.amount_minor, what="The cash to give back")
    due = cart.refund_due_minor
    in_coins = cash_due(due, reference.store.cash_step_minor)
    check_not_over(cart, amount, max(due, in_coins))
    settles = amount >= min(due, in_coins)
    if not settles:
        refuse_one_more_part(cart)
    parts, approver = _allowed(cart, CASH, amount, given)
    returned = CashReturned(
        sale=cart.sale,
        tender=str(len(cart.tenders) + 1),
        amount_minor=amount,
        parts=parts,
        approver=approver,
    )
    if not settles:
        return (returned,)
    receipt = receipt_number(given.till, given.receipts + 1)
    return (returned, completed(apply(cart, returned, 0), receipt, 0, due - amount))


def give_tender(
    cart: Cart, command: GiveTender, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Give money back on another tender; all that is left of it completes the sale."""
    refuse_unless_refundable(cart)
    amount = check_amount(command.amount_minor, what="The amount to give back")
    check_not_over(cart, amount, cart.refund_due_minor)
    refuse_one_more_part(cart)
    reference = typed_reference(command.reference)
    parts, approver = _allowed(cart, command.kind, amount, given)
    returned = TenderReturned(
        sale=cart.sale,
        tender=str(len(cart.tenders) + 1),
        kind=command.kind,
        amount_minor=amount,
        reference=reference,
        parts=parts,
        approver=approver,
    )
    after = apply(cart, returned, 0)
    return (returned, *complete_if_covered(after, till=given.till, receipts=given.receipts))


def settle(
    cart: Cart, _: Settle, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Complete a sale of which coins could pay nothing more, either way."""
    refuse_unless_live(cart)
    step = reference.store.cash_step_minor
    left = cart.due_minor + cart.refund_due_minor  # one of both is 0
    if cash_due(left, step):
        amount = format_amount(left, cart.currency)
        raise Refused(
            "not_even",
            f"{amount} is still to be {'paid' if cart.due_minor else 'given back'}.",
            advice="Take it or give it; that completes the sale.",
            params={"amount": amount},
        )
    over = max(0, cart.tendered_minor - cart.payable_minor - left)
    receipt = receipt_number(given.till, given.receipts + 1)
    return (completed(cart, receipt, over, cart.refund_due_minor - cart.due_minor),)


def check_not_over(cart: Cart, amount: int, most: int) -> None:
    """Refuse to give more than goes back."""
    if amount > most:
        due = format_amount(most, cart.currency)
        raise Refused(
            "refund_over_due",
            f"At most what goes back is given back, {due}.",
            advice="Type that, or less.",
            params={"due": due},
        )


def _allowed(
    cart: Cart, kind: str, amount: int, given: Circumstances
) -> tuple[tuple[RefundPart, ...], str]:
    """Return whose money it gives back and who approved it; or refuse."""
    parts, other = parts_of_refund(cart, given.originals, kind, amount)
    if other:
        # one approval is enough: whoever sees where the money goes sees that nobody checks it
        return parts, authorise(Permission.REFUND_OTHER_TENDER, given)
    if kind in NEEDS_APPROVAL:
        return parts, authorise(Permission.UNCHECKED_TENDER, given)
    return parts, ""
