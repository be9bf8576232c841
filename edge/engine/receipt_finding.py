"""What was scanned or typed as a receipt, and what a till shows of the sale it names."""

from __future__ import annotations

from typing import Final

from edge.contract.errors import Refused
from edge.contract.receipt_code import is_signed_code, read_code
from edge.contract.sold_sale_views import PaidTenderView, SoldLineView, SoldSaleView
from edge.engine.cart import Line
from edge.engine.originals import Original, all_back, goes_back, tender_rests
from edge.engine.receipt_layout import QR_FORM

_BARS_WITH_TOTAL: Final = 4


def is_receipt_code(text: str) -> bool:
    """Say whether a scanned text is the QR code of a receipt: no article has such a code."""
    return text.strip().startswith(f"{QR_FORM}|") or is_signed_code(text)


def says_amounts(text: str) -> bool:
    """Say whether a short code names the total: a gift receipt's does not, and is never signed."""
    return text.startswith(f"{QR_FORM}|") and text.count("|") == _BARS_WITH_TOTAL


def receipt_asked(text: str) -> tuple[str, str]:
    """Return the receipt number that a text means, and the sale's id where its QR code says it.

    Nobody has looked at the signature of a signed code yet. Raises Refused for one that is
    damaged.
    """
    if is_signed_code(text):
        code = read_code(text).code
        return code.receipt, code.sale_id
    form, _, rest = text.strip().partition("|")
    if form != QR_FORM:
        return text.strip(), ""
    receipt, _, rest = rest.partition("|")
    return receipt, rest.partition("|")[0]


def check_same_sale(original: Original, sale: str) -> None:
    """Refuse a QR code that names another sale than the one with its number here."""
    if sale and original.cart.sale != sale:
        raise Refused(
            "receipt_of_other_store",
            f"Receipt {original.cart.receipt} of this store is of another sale than this code.",
            advice="It was printed in another store: goods go back there.",
            params={"receipt": original.cart.receipt},
        )


def sold_sale_view(original: Original) -> SoldSaleView:
    """Return what of a completed sale may come back, line by line and altogether."""
    cart = original.cart
    back = sum(each.gross_minor for each in all_back(original))
    tip = 0 if original.tip_back else max(0, cart.tip_minor)
    return SoldSaleView(
        cart.receipt,
        cart.sale,
        cart.receipt.rpartition("-")[0],
        cart.completed_at,
        cart.currency,
        cart.total_minor,
        back,
        tuple(_line_view(original, line) for line in original.lines),
        tuple(
            PaidTenderView(
                rest.tender.tender_id,
                rest.tender.kind,
                rest.paid_minor,
                min(rest.rest_minor, back + tip),
                rest.tender.last4,
                rest.tender.scheme,
                rest.tender.reference,
                rest.refunded_minor,
            )
            for rest in tender_rests(original)
        ),
        tip_minor=cart.tip_minor,
        tip_back_minor=tip,
    )


def _line_view(original: Original, line: Line) -> SoldLineView:
    returned = original.returned(line.line_id)
    rest = line.quantity - returned
    return SoldLineView(
        line.line_id,
        line.sku,
        line.name,
        line.unit,
        line.price_minor,
        line.quantity,
        returned,
        rest,
        line.net_minor,
        goes_back(original, line, rest).gross_minor,
        tuple(dict.fromkeys(each.till for each in original.holders(line.line_id))),
        line.serial,
        line.lot,
    )
