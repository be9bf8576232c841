"""How goods and money that go back change the sale on a till."""

from __future__ import annotations

from msgspec.structs import replace

from edge.contract.return_events import CashReturned, LineReturned, TenderReturned
from edge.contract.tip_events import TipReturned
from edge.engine.cart import CASH, RETURNED, Cart, GoodsBack, Line, Tender, TipBack
from edge.engine.tax import add_to_totals


def line_returned(cart: Cart, event: LineReturned, _: int) -> Cart:
    """Return the cart with a line whose goods came back."""
    back = GoodsBack(
        event.net_minor,
        event.tax_minor,
        event.gross_minor,
        event.original_sale,
        event.original_line,
        event.receipt,
    )
    line = Line(
        event.line,
        event.sku,
        event.name,
        event.quantity,
        event.price_minor,
        -(event.gross_minor if cart.prices_include_tax else event.net_minor),
        event.tax,
        event.rate_ppm,
        event.code,
        event.unit,
        RETURNED,
        back=back,
        deposit=event.deposit,
        serial=event.serial,
        lot=event.lot,
    )
    grown = replace(cart, lines=(*cart.lines, line), live_lines=cart.live_lines + 1, recounted="")
    return _with_returned(grown, line, back, 1)


def goods_kept(cart: Cart, line: Line, back: GoodsBack) -> Cart:
    """Return the cart after a live line was voided whose goods had come back."""
    gone = replace(line, amount_minor=0, voided=True)
    lines = tuple(gone if each is line else each for each in cart.lines)
    left = replace(cart, lines=lines, live_lines=cart.live_lines - 1, recounted="")
    return _with_returned(left, line, back, -1)


def _with_returned(cart: Cart, line: Line, back: GoodsBack, sign: int) -> Cart:
    amounts = (sign * back.net_minor, sign * back.tax_minor, sign * back.gross_minor)
    return replace(
        cart,
        returned=add_to_totals(cart.returned, line.tax, line.rate_ppm, amounts),
        returned_minor=cart.returned_minor + sign * back.gross_minor,
        total_minor=cart.total_minor - sign * back.gross_minor,
    )


def tip_returned(cart: Cart, event: TipReturned, _: int) -> Cart:
    """Return the cart with a tip of another sale that goes back."""
    back = TipBack(event.original_sale, event.receipt, event.amount_minor)
    return replace(
        cart, tip_minor=cart.tip_minor - event.amount_minor, tips_back=(*cart.tips_back, back)
    )


def cash_returned(cart: Cart, event: CashReturned, _: int) -> Cart:
    """Return the cart after cash was given back."""
    tender = Tender(event.tender, CASH, -event.amount_minor, RETURNED)
    return replace(
        cart, tenders=(*cart.tenders, tender), cash_minor=cart.cash_minor - event.amount_minor
    )


def tender_returned(cart: Cart, event: TenderReturned, _: int) -> Cart:
    """Return the cart after money went back on another tender."""
    tender = Tender(
        event.tender, event.kind, -event.amount_minor, RETURNED, reference=event.reference
    )
    return replace(
        cart, tenders=(*cart.tenders, tender), other_minor=cart.other_minor - event.amount_minor
    )
