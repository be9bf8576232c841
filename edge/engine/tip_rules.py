"""When a sale takes a tip, and how much.

A tip is beside the total: nobody is taxed on it here, and no promotion sees it. It may be changed
until the sale is complete, but never so that more was paid than is to be paid; and never while a
card payment, whose sum holds it, runs or is in doubt. It stays when the basket changes: what was
said is an amount, whatever it was worked out from. A sale that does not sell has none.
"""

from __future__ import annotations

from msgspec.structs import replace

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.money import check_amount, format_amount
from edge.contract.permissions import Permission
from edge.contract.reference_data import Tips
from edge.contract.till_commands import SetTip
from edge.contract.tip_events import TipSet
from edge.engine.approval_rules import authorise
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import (
    refuse_once_refunded,
    refuse_tip_without_goods,
    refuse_unless_open,
    refuse_while_weighing,
)
from edge.engine.tender_rules import complete_if_covered


def set_tip(
    cart: Cart, command: SetTip, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Give the sale a tip, or take it off; what was paid may cover the rest then."""
    refuse_unless_open(cart)
    refuse_while_weighing(cart)
    amount = command.amount_minor
    if amount == cart.tip_minor:
        return ()
    approver = ""
    if cart.tips_back:
        refuse_once_refunded(cart)
    if amount:
        approver = _allowed(cart, amount, reference.store.tips, given)
    tipped = replace(cart, tip_minor=amount, tips_back=())
    if cart.tendered_minor > max(0, tipped.payable_minor):
        tendered = format_amount(cart.tendered_minor, cart.currency)
        raise Refused(
            "tip_paid_already",
            f"{tendered} has been paid: with this tip it would be more than is to be paid.",
            advice="Leave the tip as it is, or abandon the sale and begin again.",
            params={"tendered": tendered},
        )
    return (
        TipSet(sale=cart.sale, amount_minor=amount, approver=approver),
        *complete_if_covered(tipped, till=given.till, receipts=given.receipts),
    )


def _allowed(cart: Cart, amount: int, tips: Tips | None, given: Circumstances) -> str:
    """Return who allowed a tip, empty where nobody had to; or refuse it."""
    if tips is None:
        raise Refused(
            "tips_off",
            "This store takes no tips.",
            advice="Go on without one; head office switches them on.",
        )
    _ = check_amount(amount, what="The tip")
    if cart.tips_back:
        raise Refused(
            "tip_goes_back",
            "A tip goes back in this sale: it takes none of its own.",
            advice="Complete it first; or take that tip out again.",
        )
    refuse_tip_without_goods(cart)
    if cart.total_minor + amount > AMOUNT_MINOR_MAX:
        raise Refused(
            "tip_too_large",
            "With this tip the sale would be over the limit of "
            f"{format_amount(AMOUNT_MINOR_MAX, cart.currency)}.",
            advice="Type the tip again.",
        )
    if 0 < tips.most_minor < amount:
        return authorise(Permission.TIP, given)
    return ""
