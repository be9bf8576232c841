"""The completed sale that a person at a till means by its receipt, or why there is none."""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.limits import (
    RECEIPT_CHARS_MAX,
)
from edge.contract.till_protocol import TillState
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.originals import Original
from edge.engine.receipt_finding import check_same_sale, receipt_asked
from edge.engine.return_rules import refuse_unknown_receipt
from edge.engine.tender_rules import receipt_number


def completed_sale(cart: Cart, text: str, given: Circumstances) -> Original:
    """Return the sale whose receipt (number, or code) a person asked for. Raises Refused."""
    receipt, sale = receipt_asked(text)
    if not given.originals:
        open_sale = cart.state not in {TillState.IDLE, TillState.DONE}
        if open_sale and receipt == receipt_number(given.till, given.receipts + 1):
            raise Refused(  # the number that the sale on this till will have
                "sale_still_open",
                "This sale is not finished.",
                advice="It has a receipt once it is complete.",
            )
        refuse_unknown_receipt(receipt[:RECEIPT_CHARS_MAX])
    original = given.originals[0]
    check_same_sale(original, sale)
    return original
