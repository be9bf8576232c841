"""A completed sale as the code on its receipt says it; whoever holds the box's key signs it."""

from __future__ import annotations

from typing import Final

from edge.contract.money import Rounding, divide
from edge.contract.quantity import ONE
from edge.contract.receipt_code import (
    PaidBy,
    ReceiptCode,
    SoldGoods,
    TaxPart,
    new_code,
    sold_goods,
    tip_of,
)
from edge.contract.sold_sale_views import PaidTenderView, SoldLineView, SoldSaleView
from edge.engine.cart import APPROVED, RETURNED, TAKEN, Cart
from edge.engine.reference_view import ReferenceView

PROVED: Final = "signature"
"""What proves a sale that is shown, where it is not this box's ledger."""


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


def proved_sale_view(code: ReceiptCode, reference: ReferenceView) -> SoldSaleView:
    """Return a sale as its signed code says it: this box has no record of it.

    Nothing of it may come back by its receipt, since nobody here knows what came back of it
    already. Articles have the names of today's catalogue, or their SKU.
    """
    return SoldSaleView(
        code.receipt,
        code.sale_id,
        code.till,
        code.at,
        code.currency,
        code.total_minor,
        0,
        tuple(_line_view(line, reference) for line in code.lines),
        tuple(
            PaidTenderView(str(number), tender.kind, tender.amount_minor, 0)
            for number, tender in enumerate(code.tenders, 1)
        ),
        PROVED,
        code.store,
        code.left_out.lines if code.left_out else 0,
        tip_of(code),
    )


def _line_view(line: SoldGoods, reference: ReferenceView) -> SoldLineView:
    article = reference.by_sku(line.sku)
    price = divide(line.amount_minor * ONE, line.quantity, Rounding.HALF_UP)
    return SoldLineView(
        line.line_id,
        line.sku,
        article.name if article else line.sku,
        line.unit,
        price,
        line.quantity,
        0,
        0,
        line.amount_minor,
        0,
    )
