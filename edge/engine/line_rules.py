"""What may happen to the lines of a sale."""

from __future__ import annotations

from typing import NoReturn

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import AMOUNT_MINOR_MAX, LINES_PER_SALE_MAX
from edge.contract.money import format_amount
from edge.contract.quantity import Unit, check_quantity, extend
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded, LineVoided, SaleOpened
from edge.contract.till_commands import AddItem, SetQuantity, VoidLine
from edge.contract.till_protocol import TillState
from edge.engine.age_rules import refuse_age_after_money
from edge.engine.article_finding import LABEL_ENTRIES, Priced, price_code
from edge.engine.cart import EMPTY, RECOUNTED, SCALE, Cart, Line
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.open_prices import approver_of, code_kept
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import (
    refuse_once_refunded,
    refuse_once_tendered,
    refuse_unless_open,
    refuse_while_paying,
)
from edge.engine.text_safety import check_free_text


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
    added = line_added(cart, priced, code, approver=approver_of(command, reference, given))
    check_total(cart, added)
    return (*events, added)


def line_added(
    cart: Cart, priced: Priced, code: str, *, tare_g: int = 0, approver: str = ""
) -> LineAdded:
    """Return what adds a priced article to the sale as its next line."""
    return LineAdded(
        sale=cart.sale,
        line=str(len(cart.lines) + 1),
        sku=priced.article.sku,
        name=priced.article.name,
        quantity=priced.quantity,
        price_minor=priced.price_minor,
        amount_minor=priced.amount_minor,
        tax=priced.tax.code,
        rate_ppm=priced.tax.rate_ppm,
        code=code,
        unit=priced.article.unit,
        entry=priced.entry,
        tare_g=tare_g,
        minimum_age=priced.article.minimum_age,
        open_price=priced.article.open_price,
        approver=approver,
    )


def open_if_needed(
    cart: Cart, sale_id: str | None, reference: ReferenceView, given: Circumstances
) -> tuple[tuple[Event, ...], Cart]:
    """Return what opens a sale, and the cart after it; nothing, and the cart, when one is open."""
    if cart.state is TillState.OPEN:
        return (), cart
    store = reference.store
    opened = SaleOpened(
        sale=sale_id or given.new_sale_id,
        currency=store.currency,
        price_book=reference.price_book(given.occasion.at_ms),
        prices_include_tax=store.prices_include_tax,
    )
    return (opened,), apply(EMPTY, opened, 0)


def void_line(
    cart: Cart, command: VoidLine, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Take a line back."""
    line = changeable_line(cart, command.line_id)
    reason = check_free_text(command.reason, field="reason")
    return (LineVoided(sale=cart.sale, line=line.line_id, reason=reason),)


def set_quantity(
    cart: Cart, command: SetQuantity, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Void a line and add its article anew with another quantity."""
    line = selling_line(cart, command.line_id)
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
    voided = LineVoided(sale=cart.sale, line=line.line_id, reason=RECOUNTED)
    added = LineAdded(
        sale=cart.sale,
        line=str(len(cart.lines) + 1),
        sku=line.sku,
        name=line.name,
        quantity=quantity,
        price_minor=line.price_minor,
        amount_minor=extend(line.price_minor, quantity),
        tax=line.tax,
        rate_ppm=line.rate_ppm,
        code=line.code,
        unit=line.unit,
        entry=line.entry,
        minimum_age=line.minimum_age,
        open_price=line.open_price,
    )
    check_total(apply(cart, voided, 0), added)
    return (voided, added)


def changeable_line(cart: Cart, line_id: str) -> Line:
    """Return a live line of an open sale that nothing was paid for yet, or refuse."""
    refuse_unless_open(cart)
    line = cart.line(line_id)
    if line is None:
        raise Refused(
            "unknown_line",
            "This sale has no such line.",
            advice="Look at the sale again; it may have changed.",
            status=404,
            params={"line": line_id},
        )
    if line.voided:
        raise Refused(
            "line_is_voided", f"{line.name} is voided already.", params={"name": line.name}
        )
    refuse_once_tendered(cart)
    return line


def selling_line(cart: Cart, line_id: str) -> Line:
    """Return a `changeable_line` that sells, or refuse one whose goods come back."""
    line = changeable_line(cart, line_id)
    if line.back is not None:
        raise Refused(
            "line_is_a_return",
            f"{line.name} comes back, at what it gives back; neither is changed by hand.",
            advice="Void the line and return it anew.",
            params={"name": line.name},
        )
    return line


def check_lines(cart: Cart) -> None:
    """Refuse a line too many."""
    if len(cart.lines) >= LINES_PER_SALE_MAX:
        raise Refused(
            "too_many_lines",
            f"A sale has at most {LINES_PER_SALE_MAX} lines.",
            advice="Complete this sale and go on with another.",
            params={"limit": str(LINES_PER_SALE_MAX)},
        )


def check_total(cart: Cart, added: LineAdded | LineReturned) -> None:
    """Refuse a line with which the sale, or what it gives back, would be over the limit."""
    # a bound before tax is not enough where tax comes on top, so the line is tried out
    if abs(apply(cart, added, 0).total_minor) > AMOUNT_MINOR_MAX:
        refuse_total_too_large(added.name, cart.currency)


def refuse_total_too_large(name: str, currency: str) -> NoReturn:
    """Refuse what would make a sale larger than any."""
    raise Refused(
        "total_too_large",
        f"With {name} the sale would be over the limit of "
        f"{format_amount(AMOUNT_MINOR_MAX, currency)}.",
        advice="Check the quantity, or go on with another sale.",
        params={"name": name},
    )
