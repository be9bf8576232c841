"""What every rule about lines needs: the next line, whether it may be, the line that is meant."""

from __future__ import annotations

from typing import NoReturn

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    LINES_PER_SALE_MAX,
)
from edge.contract.money import format_amount
from edge.contract.quantity import extend
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded, LineVoided, SaleOpened
from edge.contract.till_protocol import TillState
from edge.engine.article_finding import Priced
from edge.engine.cart import EMPTY, Cart, Line
from edge.engine.cart_changes import apply
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.state_refusals import refuse_once_tendered, refuse_unless_open
from edge.engine.tax import add_to_rate, total_of
from edge.engine.tracking import UNTRACKED, Tracked


def line_added(
    cart: Cart,
    priced: Priced,
    code: str,
    *,
    tare_g: int = 0,
    approver: str = "",
    deposit_of: str = "",
    of: Tracked = UNTRACKED,
) -> LineAdded:
    """Return what adds a priced article to the sale as its next line; `of` its very pieces."""
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
        deposit=priced.article.deposit,
        deposit_of=deposit_of,
        serial=of.serial,
        lot=of.lot,
        expires=of.expires,
    )


def recounted(cart: Cart, line: Line, quantity: int, *, deposit_of: str = "") -> LineAdded:
    """Return what adds a line's article anew with another quantity, at the price that it had."""
    return LineAdded(
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
        deposit=line.deposit,
        deposit_of=deposit_of,
        serial=line.serial,
        lot=line.lot,
        expires=line.expires,
    )


def voided(cart: Cart, line: Line, reason: str) -> tuple[LineVoided, ...]:
    """Return what takes a line back, and the deposit that is bound to it."""
    bound = cart.deposit_of(line.line_id)
    gone = (line,) if bound is None else (line, bound)
    return tuple(LineVoided(sale=cart.sale, line=each.line_id, reason=reason) for each in gone)


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


def refuse_over_limit(cart: Cart, added: LineAdded) -> None:
    """Refuse a line that takes the sale over the limit, as `with_line` does."""
    # a bound before tax is not enough where tax comes on top
    sums = add_to_rate(cart.rate_sums, added.tax, added.rate_ppm, added.amount_minor)
    total = total_of(sums, included=cart.prices_include_tax) - cart.returned_minor
    if abs(total) > AMOUNT_MINOR_MAX:
        refuse_total_too_large(added.name, cart.currency)


def with_line(cart: Cart, added: LineAdded | LineReturned) -> Cart:
    """Return the cart with a line; refuse one that takes the sale over the limit."""
    after = apply(cart, added, 0)
    if abs(after.total_minor) > AMOUNT_MINOR_MAX:
        refuse_total_too_large(added.name, cart.currency)
    return after


def refuse_total_too_large(name: str, currency: str) -> NoReturn:
    """Refuse what would make a sale larger than any."""
    raise Refused(
        "total_too_large",
        f"With {name} the sale would be over the limit of "
        f"{format_amount(AMOUNT_MINOR_MAX, currency)}.",
        advice="Check the quantity, or go on with another sale.",
        params={"name": name},
    )
