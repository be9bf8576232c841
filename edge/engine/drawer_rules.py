"""When the drawer may be opened without a sale."""

from __future__ import annotations

from edge.contract.cash_events import NoSale
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.permissions import Permission
from edge.contract.till_commands import OpenDrawer
from edge.engine.approval_rules import authorise
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import refuse_while_paying
from edge.engine.text_safety import check_free_text


def open_drawer(
    cart: Cart, command: OpenDrawer, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Open the drawer, with a reason; the command's id names the job, so a repeat kicks once."""
    refuse_while_paying(cart)
    if not given.has_drawer:
        raise Refused(
            "no_drawer",
            "This till has no drawer.",
            advice="Have a drawer bound to this till.",
        )
    reason = check_free_text(command.reason, field="reason")
    approver = authorise(Permission.NO_SALE, given)
    return (NoSale(job=command.command_id, reason=reason, approver=approver),)
