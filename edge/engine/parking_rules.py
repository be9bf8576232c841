"""When a sale may be set aside, and taken up again."""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    PARKED_SALES_MAX,
)
from edge.contract.sale_events import SaleParked, SaleResumed
from edge.contract.till_commands import Park, Resume
from edge.contract.till_protocol import TillState
from edge.engine.cart import Cart
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import (
    refuse_once_tendered,
    refuse_unless_open,
    refuse_while_weighing,
)
from edge.engine.tender_rules import complete_if_covered
from edge.engine.text_safety import check_free_text


def park(cart: Cart, command: Park, _: ReferenceView, given: Circumstances) -> tuple[Event, ...]:
    """Set a sale aside; one whose card payment is in doubt too, so that others can be served."""
    refuse_while_weighing(cart)
    if cart.state is not TillState.IN_DOUBT:
        refuse_unless_open(cart)
        refuse_once_tendered(cart)
    if not cart.live_lines:
        raise Refused(
            "nothing_to_park",
            "Every line of this sale is voided: there is nothing to set aside.",
            advice="Add an article, or abandon the sale.",
        )
    if given.parked_sales >= PARKED_SALES_MAX:
        raise Refused(
            "too_many_parked",
            f"{PARKED_SALES_MAX} sales are parked in this store.",
            advice="Take one up again and complete or abandon it.",
            params={"limit": str(PARKED_SALES_MAX)},
        )
    label = check_free_text(command.label, field="label").strip()
    return (SaleParked(sale=cart.sale, label=label, for_till=command.for_till or ""),)


def resume(
    cart: Cart, command: Resume, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take a parked sale up again, at any till; it is complete when its payment was found since."""
    if cart.state not in {TillState.IDLE, TillState.DONE}:
        raise Refused(
            "sale_still_open",
            "This sale is not finished.",
            advice="Complete, park or abandon it first.",
        )
    if given.parked is None:
        raise Refused(
            "not_parked",
            "This sale is not parked any more.",
            advice="Another till took it up, or it is finished. Look at the list again.",
            status=404,
        )
    resumed = SaleResumed(sale=command.sale_id)
    after = apply(given.parked, resumed, 0)
    return (resumed, *complete_if_covered(after, till=given.till, receipts=given.receipts))
