"""Whose sale it is: set by number or card, before or after the goods, until something is paid."""

from __future__ import annotations

from edge.contract.customer_data import Customer
from edge.contract.customer_events import CustomerSet
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    CUSTOMER_CHARS_MAX,
)
from edge.contract.till_commands import AddItem, SetCustomer
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_lines import open_if_needed
from edge.engine.state_refusals import (
    refuse_once_tendered,
    refuse_unless_open,
    refuse_while_paying,
)
from edge.engine.text_safety import check_free_text


def customer_of_card(text: str, reference: ReferenceView) -> Customer | None:
    """Return whose card was scanned; None for every other code."""
    code = text.strip()
    return reference.customer_by_card(code) if len(code) <= CUSTOMER_CHARS_MAX else None


def set_customer(
    cart: Cart, command: SetCustomer | AddItem, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Say whose sale it is; opens one on an idle till. Nobody's, when no customer is named."""
    text = command.code if isinstance(command, AddItem) else command.customer
    refuse_while_paying(cart)
    if not text:
        return _nobodys(cart)
    code = check_free_text(text, field="customer").strip()
    customer = reference.customer(code) or customer_of_card(code, reference)
    if customer is None:
        shown = "".join(char for char in code[:CUSTOMER_CHARS_MAX] if char.isprintable())
        raise Refused(
            "unknown_customer",
            f"No customer has the number or card {shown}.",
            advice="Search by name, or sell without.",
            status=404,
            params={"code": shown},
        )
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    if cart.customer == customer.number:
        return ()
    refuse_once_tendered(cart)
    return (
        *events,
        CustomerSet(sale=cart.sale, customer=customer.number, groups=customer.groups),
    )


def _nobodys(cart: Cart) -> tuple[Event, ...]:
    refuse_unless_open(cart)
    if not cart.customer:
        return ()
    refuse_once_tendered(cart)
    return (CustomerSet(sale=cart.sale),)
