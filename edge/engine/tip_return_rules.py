"""A tip that goes back: mistyped, or with everything else of its sale.

All of it goes back, once, by the receipt of its sale, and a second person allows it as for other
money that goes back otherwise than for goods. It needs no goods beside it: who typed 50.00 for
5.00 keeps what was bought. The money goes as it came, since the tender that had paid brought the
tip too. A sale that gives a tip back takes none of its own.
"""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.permissions import Permission
from edge.contract.till_commands import ReturnTip
from edge.contract.tip_events import TipReturned
from edge.engine.approval_rules import authorise
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.originals import Original
from edge.engine.reference_view import ReferenceView
from edge.engine.return_rules import original_asked
from edge.engine.sale_lines import open_if_needed
from edge.engine.state_refusals import refuse_once_tendered, refuse_while_paying
from edge.engine.text_safety import check_free_text


def return_tip(
    cart: Cart, command: ReturnTip, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Give the tip of a receipt back; opens a sale on an idle till."""
    refuse_while_paying(cart)
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    refuse_once_tendered(cart)
    original = original_asked(cart, command.receipt, given)
    receipt = original.cart.receipt
    if cart.tip_minor > 0:
        raise Refused(
            "sale_has_a_tip",
            "This sale has a tip of its own.",
            advice="Take that off first, or give the other one back in a sale by itself.",
        )
    if original.cart.tip_minor <= 0:
        raise Refused(
            "no_tip_on_receipt",
            f"Receipt {receipt} has no tip.",
            advice="Look at the receipt again.",
            params={"receipt": receipt},
        )
    _check_not_returned(original)
    return (
        *events,
        TipReturned(
            sale=cart.sale,
            original_sale=original.cart.sale,
            receipt=receipt,
            amount_minor=original.cart.tip_minor,
            reason=check_free_text(command.reason, field="reason"),
            approver=authorise(Permission.TIP, given),
        ),
    )


def _check_not_returned(original: Original) -> None:
    receipt = original.cart.receipt
    if not original.tip_back:
        return
    holder = next((each for each in original.unfinished if each.sale == original.tip_back), None)
    if holder is None:
        raise Refused(
            "tip_returned_already",
            f"The tip of receipt {receipt} went back already.",
            advice="Look at the receipt again; a tip goes back once.",
            params={"receipt": receipt},
        )
    raise Refused(
        "tip_is_going_back",
        f"The tip of receipt {receipt} is going back at {holder.till}.",
        advice="Finish or abandon that sale first.",
        params={"receipt": receipt, "till": holder.till},
    )
