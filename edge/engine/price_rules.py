"""What people may do to prices by hand, and to the notes beside them."""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    DISCOUNTS_PER_SALE_MAX,
)
from edge.contract.money import check_amount, format_amount
from edge.contract.permissions import Permission
from edge.contract.price_events import DiscountGiven, DiscountRemoved, NoteSet, PriceOverridden
from edge.contract.quantity import extend
from edge.contract.till_commands import GiveDiscount, OverridePrice, RemoveDiscount, SetNote
from edge.engine.approval_rules import authorise
from edge.engine.cart import Cart, Line
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_lines import refuse_total_too_large, selling_line
from edge.engine.state_refusals import (
    refuse_once_tendered,
    refuse_unless_open,
    refuse_while_weighing,
)
from edge.engine.tax import PPM
from edge.engine.text_safety import check_free_text


def override_price(
    cart: Cart, command: OverridePrice, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Sell a line at a price that a person sets."""
    refuse_while_weighing(cart)
    line = selling_line(cart, command.line_id)
    _refuse_deposit(line)
    price = command.price_minor
    if not 0 <= price <= AMOUNT_MINOR_MAX:
        raise Refused(
            "price_out_of_range",
            f"A price lies between 0 and {format_amount(AMOUNT_MINOR_MAX, cart.currency)}.",
            advice="Type the price again.",
        )
    reason = check_free_text(command.reason, field="reason")
    overridden = PriceOverridden(
        sale=cart.sale,
        line=line.line_id,
        price_minor=price,
        amount_minor=extend(price, line.quantity),
        reason=reason,
        approver=authorise(Permission.OVERRIDE_PRICE, given),
    )
    if apply(cart, overridden, 0).total_minor > AMOUNT_MINOR_MAX:
        refuse_total_too_large(line.name, cart.currency)
    return (overridden,)


def give_discount(
    cart: Cart, command: GiveDiscount, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take a part or an amount off a line, or off the sale."""
    refuse_while_weighing(cart)
    if command.line_id is None:
        refuse_unless_open(cart)
        refuse_once_tendered(cart)
        costs = sum(line.net_minor for line in cart.lines if line.back is None and not line.deposit)
    else:
        line = selling_line(cart, command.line_id)
        _refuse_deposit(line)
        costs = line.net_minor
    _check_discount(command, costs, cart.currency)
    if len(cart.discounts) >= DISCOUNTS_PER_SALE_MAX:
        raise Refused(
            "too_many_discounts",
            f"A sale has at most {DISCOUNTS_PER_SALE_MAX} discounts.",
            advice="Take one back, or give one discount on the whole sale.",
            params={"limit": str(DISCOUNTS_PER_SALE_MAX)},
        )
    reason = check_free_text(command.reason, field="reason")
    return (
        DiscountGiven(
            sale=cart.sale,
            discount=str(cart.discounts_given + 1),
            reason=reason,
            line=command.line_id or "",
            off_ppm=command.off_ppm,
            off_minor=command.off_minor,
            approver=authorise(Permission.DISCOUNT, given),
        ),
    )


def _refuse_deposit(line: Line) -> None:
    if line.deposit:
        raise Refused(
            "deposit_is_fixed",
            f"{line.name} is a deposit: its price is what it gives back.",
            advice="Set the price of the goods instead.",
            params={"name": line.name},
        )


def _check_discount(command: GiveDiscount, costs_minor: int, currency: str) -> None:
    if (command.off_ppm != 0) == (command.off_minor != 0):
        raise Refused(
            "discount_part_or_amount",
            "A discount is a percentage or an amount, one of both.",
            advice="Type one of them.",
        )
    if command.off_ppm and not 0 < command.off_ppm <= PPM:
        raise Refused(
            "discount_out_of_range",
            "A discount is more than nothing and at most 100 %.",
            advice="Type the percentage again.",
        )
    if command.off_minor and check_amount(command.off_minor, what="The discount") > costs_minor:
        costs = format_amount(costs_minor, currency)
        raise Refused(
            "discount_over_price",
            f"The discount is more than what it is of costs, {costs}.",
            advice="Type the amount again.",
            params={"costs": costs},
        )


def remove_discount(
    cart: Cart, command: RemoveDiscount, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Take a discount back."""
    refuse_while_weighing(cart)
    refuse_unless_open(cart)
    refuse_once_tendered(cart)
    if all(each.discount_id != command.discount_id for each in cart.discounts):
        raise Refused(
            "unknown_discount",
            "This sale has no such discount.",
            advice="Look at the sale again; it may have changed.",
            status=404,
            params={"discount": command.discount_id},
        )
    return (DiscountRemoved(sale=cart.sale, discount=command.discount_id),)


def set_note(
    cart: Cart, command: SetNote, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Write a note on a line or on the sale, or take it away; notes may come after money."""
    refuse_while_weighing(cart)
    refuse_unless_open(cart)
    text = check_free_text(command.text, field="note").strip()
    line = None if command.line_id is None else cart.line(command.line_id)
    if command.line_id is not None and (line is None or line.voided):
        raise Refused(
            "unknown_line",
            "This sale has no such line.",
            advice="Look at the sale again; it may have changed.",
            status=404,
            params={"line": command.line_id},
        )
    if text == (cart.note if line is None else line.note):
        return ()
    return (NoteSet(sale=cart.sale, text=text, line=command.line_id or ""),)
