"""A completed sale as the code on its receipt says it; whoever holds the box's key signs it."""

from __future__ import annotations

from edge.contract.receipt_code import PaidBy, ReceiptCode, TaxPart, new_code, sold_goods
from edge.engine.cart import APPROVED, RETURNED, TAKEN, Cart


def code_of(cart: Cart, *, store: int, gen: int, seq: int, chain_hash: bytes) -> ReceiptCode:
    """Return the code of a completed sale; the rest says where its completion is in the chain."""
    live = [line for line in cart.lines if not line.voided]
    taxes = {
        (each.tax, each.rate_ppm): TaxPart(each.tax, each.rate_ppm, each.net_minor, each.tax_minor)
        for each in cart.taxes
    }
    for line in live:  # what cost nothing, or came back in full, has no takings but its rate
        taxes.setdefault((line.tax, line.rate_ppm), TaxPart(line.tax, line.rate_ppm, 0, 0))
    places = {rate: place for place, rate in enumerate(taxes)}
    return new_code(
        store=store,
        gen=gen,
        seq=seq,
        chain_hash=chain_hash,
        receipt=cart.receipt,
        sale=cart.sale,
        at=cart.completed_at,
        currency=cart.currency,
        prices_include_tax=cart.prices_include_tax,
        totals=(cart.total_minor, cart.rounding_minor, cart.change_minor),
        taxes=tuple(taxes.values()),
        tenders=tuple(
            PaidBy(each.kind, each.amount_minor)
            for each in cart.tenders
            if each.state in {TAKEN, APPROVED, RETURNED}
        ),
        lines=tuple(
            sold_goods(
                line.line_id,
                line.sku,
                line.quantity,
                line.unit,
                line.net_minor,
                places[line.tax, line.rate_ppm],
            )
            for line in live
        ),
        tip_minor=cart.tip_minor,
    )
