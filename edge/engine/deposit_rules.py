"""Deposits: a line of its own beside the goods, bound to them; and empties that come back.

Decisions that are this shop's policy:

- A deposit follows its goods: their quantity, and their voiding. By itself it is not changed.
- A deposit has its own price and tax, and is never discounted, overridden or promoted.
- Goods that come back by receipt give their own money back; their deposit is a line that comes
  back by itself, since the bottle may stay with the customer.
- Empties need no receipt. Up to the store's limit in one sale they need no second person either.
- A crate with its bottles is one deposit article, with the price of them all.
"""

from __future__ import annotations

from typing import Final

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.permissions import Permission
from edge.contract.quantity import Unit
from edge.contract.reference_data import Article
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded, LineVoided
from edge.contract.till_commands import ReturnEmpties
from edge.engine.approval_rules import authorise
from edge.engine.article_finding import article_of, price_code
from edge.engine.cart import RECOUNTED, RETURNED, Cart, Line
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_lines import (
    check_lines,
    line_added,
    open_if_needed,
    recounted,
    with_line,
)
from edge.engine.state_refusals import refuse_once_tendered, refuse_while_paying
from edge.engine.tax import RateSum, tax_total

EMPTIES: Final = "empties"
"""Why a line comes back that is a deposit without a receipt."""


def deposit_added(
    cart: Cart, goods: LineAdded, article: Article, reference: ReferenceView, at_ms: int
) -> tuple[LineAdded, ...]:
    """Return the deposit, which the article names, of goods that were just added to the cart."""
    deposit = reference.by_sku(article.deposit_sku)
    if deposit is None or not deposit.deposit or deposit.unit != Unit.PIECE:
        raise Refused(
            "deposit_unknown",
            f"{article.name} has a deposit that this store does not know.",
            advice="Tell head office; sell it once it is put right.",
            params={"name": article.name, "sku": article.deposit_sku},
        )
    check_lines(cart)
    priced = price_code(reference, deposit.sku, goods.quantity, entry=goods.entry, at_ms=at_ms)
    added = line_added(cart, priced, deposit.sku, deposit_of=goods.line)
    _ = with_line(cart, added)  # refuses a total over the limit
    return (added,)


def deposit_recounted(cart: Cart, goods: Line, to_line: str, quantity: int) -> tuple[Event, ...]:
    """Return what counts the deposit of a line anew, once the line itself was; or nothing."""
    deposit = cart.deposit_of(goods.line_id)
    if deposit is None:
        return ()
    check_lines(cart)
    voided = LineVoided(sale=cart.sale, line=deposit.line_id, reason=RECOUNTED)
    return (voided, recounted(cart, deposit, quantity, deposit_of=to_line))


def refuse_bound(line: Line) -> None:
    """Refuse to change a deposit by itself that follows its goods."""
    if line.deposit_of:
        raise Refused(
            "deposit_follows",
            f"{line.name} follows its goods.",
            advice="Change or void the goods; their deposit goes with them.",
            params={"name": line.name},
        )


def return_empties(
    cart: Cart, command: ReturnEmpties, reference: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Take empties back: by the deposit's own code, or by that of the goods that were in them."""
    refuse_while_paying(cart)
    events, cart = open_if_needed(cart, command.sale_id, reference, given)
    refuse_once_tendered(cart)
    check_lines(cart)
    article, _ = article_of(reference, command.code, aim=given.aim)
    sku = article.sku if article.deposit else article.deposit_sku
    if not sku:
        raise Refused(
            "no_deposit",
            f"{article.name} has no deposit.",
            advice="Give it back to the customer; only empties with a deposit are taken.",
            params={"name": article.name},
        )
    priced = price_code(
        reference, sku, command.quantity, entry=RETURNED, at_ms=given.occasion.at_ms
    )
    rate = RateSum(priced.tax.code, priced.tax.rate_ppm, priced.amount_minor)
    worth = tax_total(rate, included=cart.prices_include_tax)
    over = cart.empties_minor + worth.gross_minor > reference.store.empties_max_minor
    returned = LineReturned(
        sale=cart.sale,
        line=str(len(cart.lines) + 1),
        sku=sku,
        name=priced.article.name,
        quantity=priced.quantity,
        price_minor=priced.price_minor,
        tax=worth.tax,
        rate_ppm=worth.rate_ppm,
        net_minor=worth.net_minor,
        tax_minor=worth.tax_minor,
        gross_minor=worth.gross_minor,
        reason=EMPTIES,
        unit=priced.article.unit,
        code=command.code,
        approver=authorise(Permission.RETURN_WITHOUT_RECEIPT, given) if over else "",
        deposit=True,
    )
    _ = with_line(cart, returned)  # refuses a total over the limit
    return (*events, returned)
