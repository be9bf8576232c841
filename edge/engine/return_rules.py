"""Goods that come back: of a receipt at what was paid, without one at today's price."""

from __future__ import annotations

from typing import NoReturn

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.permissions import Permission
from edge.contract.reference_data import Article
from edge.contract.return_events import LineReturned
from edge.contract.till_commands import ReturnItem, ReturnLine
from edge.engine.approval_rules import authorise
from edge.engine.article_finding import article_of, price_code
from edge.engine.cart import RETURNED, Cart
from edge.engine.circumstances import Circumstances
from edge.engine.customer_prices import returned_by_customer
from edge.engine.originals import Original, check_returnable, goes_back, sold_line
from edge.engine.reference_view import ReferenceView
from edge.engine.restored_originals import allow_restored, check_restored
from edge.engine.sale_lines import check_lines, open_if_needed, with_line
from edge.engine.state_refusals import refuse_once_tendered, refuse_while_paying
from edge.engine.tax import RateSum, tax_total
from edge.engine.text_safety import check_free_text


def return_line(
    cart: Cart, command: ReturnLine, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take goods of a receipt back; opens a sale on an idle till."""
    refuse_while_paying(cart)
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    refuse_once_tendered(cart)
    check_lines(cart)
    original = original_asked(cart, command.receipt, given, command.original_sale)
    check_restored(original, command.line_id, reference)
    line = sold_line(original, command.line_id)
    quantity = check_returnable(original, line, command.quantity, sale=cart.sale)
    approver = allow_restored(original, given)
    back = goes_back(original, line, quantity)
    returned = LineReturned(
        sale=cart.sale,
        line=str(len(cart.lines) + 1),
        sku=line.sku,
        name=line.name,
        quantity=quantity,
        price_minor=line.price_minor,
        tax=line.tax,
        rate_ppm=line.rate_ppm,
        net_minor=back.net_minor,
        tax_minor=back.tax_minor,
        gross_minor=back.gross_minor,
        reason=check_free_text(command.reason, field="reason"),
        original_sale=back.original_sale,
        original_line=back.original_line,
        receipt=back.receipt,
        unit=line.unit,
        code=line.code,
        approver=approver,
        deposit=line.deposit,
        serial=line.serial,
        lot=line.lot,
    )
    _ = with_line(cart, returned)  # refuses a total over the limit
    return (*events, returned)


def original_asked(
    cart: Cart, receipt: str, given: Circumstances, sale: str | None = None
) -> Original:
    """Return the completed sale with a receipt, or refuse one that nothing comes back of here.

    `sale` is its id where the receipt alone may name another.
    """
    named = (o for o in given.originals if o.cart.receipt == receipt)
    original = next((o for o in named if sale in {None, o.cart.sale}), None)
    if original is None:
        refuse_unknown_receipt(receipt)
    if original.cart.currency != cart.currency:
        raise Refused(
            "other_currency",
            f"Receipt {receipt} is in {original.cart.currency}, this sale in {cart.currency}.",
            advice="Ask head office what to give back.",
            params={"receipt": receipt, "currency": original.cart.currency},
        )
    return original


def return_item(
    cart: Cart, command: ReturnItem, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take goods back that nobody has a receipt of, at the price that is listed today.

    Or at the lower one of the sale's customer, who paid no more; later it is not priced anew.
    """
    refuse_while_paying(cart)
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    refuse_once_tendered(cart)
    check_lines(cart)
    _refuse_open_price(article_of(reference, command.code, aim=given.aim)[0])
    priced = price_code(
        reference,
        command.code,
        command.quantity,
        entry=RETURNED,
        at_ms=given.occasion.at_ms,
        aim=given.aim,
    )
    priced = returned_by_customer(priced, reference, cart.groups, given.occasion.at_ms)
    rate = RateSum(priced.tax.code, priced.tax.rate_ppm, priced.amount_minor)
    worth = tax_total(rate, included=cart.prices_include_tax)
    returned = LineReturned(
        sale=cart.sale,
        line=str(len(cart.lines) + 1),
        sku=priced.article.sku,
        name=priced.article.name,
        quantity=priced.quantity,
        price_minor=priced.price_minor,
        tax=worth.tax,
        rate_ppm=worth.rate_ppm,
        net_minor=worth.net_minor,
        tax_minor=worth.tax_minor,
        gross_minor=worth.gross_minor,
        reason=check_free_text(command.reason, field="reason"),
        unit=priced.article.unit,
        code=command.code,
        approver=authorise(Permission.RETURN_WITHOUT_RECEIPT, given),
    )
    _ = with_line(cart, returned)  # refuses a total over the limit
    return (*events, returned)


def _refuse_open_price(article: Article) -> None:
    if article.open_price:
        raise Refused(
            "no_price_to_return",
            f"{article.name} has no listed price: nobody knows what it gives back.",
            advice="Take it back by its receipt.",
            params={"name": article.name},
        )


def refuse_unknown_receipt(receipt: str) -> NoReturn:
    """Refuse a number that no completed sale of this store has."""
    shown = "".join(char for char in receipt if char.isprintable())
    raise Refused(
        "unknown_receipt",
        f"This store has no completed sale with the receipt {shown}.",
        advice="Type the number as it is printed. A receipt of another store goes back there.",
        status=404,
        params={"receipt": shown},
    )
