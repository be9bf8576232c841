"""Receipts of sales that head office does not have: the proof of a sale came, the sale did not."""

from __future__ import annotations

from typing import Final

from sync.office.sale_folding import ReceiptShown

SHOWN_KIND: Final = "receipt_of_lost_sale"
"""The kind of the alarm."""


def shown_words(shown: ReceiptShown) -> str:
    """Return the words of the alarm."""
    event = shown.event
    return (
        f"Receipt {event.receipt} of store {event.store} was shown here, and its signature holds; "
        f"head office does not have that sale (event {event.sale_seq} of generation "
        f"{event.sale_gen}). See whether that box lost part of its ledger; the code is in event "
        f"{shown.seq} of this store."
    )
