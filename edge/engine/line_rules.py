"""What may happen to the lines of a sale."""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.quantity import Unit, check_quantity
from edge.contract.sale_events import LineVoided
from edge.contract.till_commands import AddItem, SetQuantity, VoidLine
from edge.engine.age_rules import refuse_age_after_money
from edge.engine.article_finding import LABEL_ENTRIES, price_code
from edge.engine.cart import RECOUNTED, SCALE, Cart
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.deposit_rules import deposit_added, deposit_recounted, refuse_bound
from edge.engine.open_prices import approver_of, code_kept
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_lines import (
    changeable_line,
    check_lines,
    line_added,
    open_if_needed,
    recounted,
    refuse_over_limit,
    selling_line,
    voided,
    with_line,
)
from edge.engine.state_refusals import refuse_once_refunded, refuse_while_paying
from edge.engine.text_safety import check_free_text
from edge.engine.tracking import refuse_serial_count, tracked


def add_item(
    cart: Cart, command: AddItem, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Add an article; opens a sale on an idle till."""
    refuse_while_paying(cart)
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    refuse_once_refunded(cart)
    check_lines(cart)
    # of the book that was in force when the sale began: nobody's basket is priced anew at midnight
    priced = price_code(
        reference,
        command.code,
        command.quantity,
        entry=given.entry,
        at_ms=given.occasion.at_ms,
        aim=given.aim,
        typed_minor=command.price_minor,
    )
    refuse_age_after_money(cart, priced.article)
    code = code_kept(command, priced.article, reference)
    of = tracked(cart, command, priced, given.business_day)
    approver = approver_of(command, reference, given)
    added = line_added(cart, priced, code, approver=approver, of=of)
    if not priced.article.deposit_sku:
        refuse_over_limit(cart, added)
        return (*events, added)
    after = with_line(cart, added)
    deposit = deposit_added(after, added, priced.article, reference, given.occasion.at_ms)
    return (*events, added, *deposit)


def void_line(
    cart: Cart, command: VoidLine, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Take a line back."""
    line = changeable_line(cart, command.line_id)
    reason = check_free_text(command.reason, field="reason")
    refuse_bound(line)
    return voided(cart, line, reason)


def set_quantity(
    cart: Cart, command: SetQuantity, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Void a line and add its article anew with another quantity."""
    line = selling_line(cart, command.line_id)
    refuse_bound(line)
    refuse_serial_count(line)
    if line.entry in LABEL_ENTRIES:
        raise Refused(
            "label_has_its_quantity",
            f"The label of {line.name} says how much it is; its quantity is not typed.",
            advice="Void the line and scan the right package.",
            params={"name": line.name},
        )
    if line.entry == SCALE:
        raise Refused(
            "weighed_on_scale",
            f"{line.name} was weighed; its weight is not typed.",
            advice="Void the line and weigh it again.",
            params={"name": line.name},
        )
    quantity = check_quantity(command.quantity, Unit(line.unit))
    if quantity == line.quantity:
        return ()
    check_lines(cart)
    gone = LineVoided(sale=cart.sale, line=line.line_id, reason=RECOUNTED)
    added = recounted(cart, line, quantity)
    without = apply(cart, gone, 0)
    after = with_line(without, added)
    deposit = deposit_recounted(after, line, added.line, quantity)
    return (gone, added, *deposit)
