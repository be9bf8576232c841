"""What may be printed of a completed sale again: a copy of its receipt, or a gift receipt.

Nobody has to approve it: whoever has the receipt already may have it twice, it says COPY, and
who asked stands in the ledger. The till may be in the middle of the next sale.
"""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.receipt_events import GiftReceiptPrinted, ReceiptReprinted
from edge.contract.till_commands import PrintGiftReceipt, ReprintReceipt
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.originals import Original
from edge.engine.receipt_asking import completed_sale
from edge.engine.reference_view import ReferenceView


def reprint_receipt(
    cart: Cart, command: ReprintReceipt, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Let the receipt of a completed sale be printed again."""
    original = _asked_for(cart, command.receipt, given)
    sold = original.cart
    return (ReceiptReprinted(sale=sold.sale, receipt=sold.receipt, copy=original.copies + 1),)


def print_gift_receipt(
    cart: Cart, command: PrintGiftReceipt, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Let a gift receipt of a completed sale be printed, when it sold anything."""
    original = _asked_for(cart, command.receipt, given)
    sold = original.cart
    if not original.lines:
        raise Refused(
            "nothing_to_give",
            f"On receipt {sold.receipt} goods came back only: there is nothing to give.",
            advice="Look for the receipt that sold them.",
            params={"receipt": sold.receipt},
        )
    return (GiftReceiptPrinted(sale=sold.sale, receipt=sold.receipt, copy=original.gifts + 1),)


def _asked_for(cart: Cart, text: str, given: Circumstances) -> Original:
    if not given.has_printer:
        raise Refused(
            "no_printer",
            "This till has no receipt printer.",
            advice="Print it at another till, or have a printer bound to this till.",
        )
    return completed_sale(cart, text, given)
