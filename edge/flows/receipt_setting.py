"""Receipts as documents, with what the store calls its tills and its people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from edge.contract.receipt_document import ReceiptDocument
from edge.contract.receipt_events import GiftReceiptPrinted
from edge.contract.reference_data import StoreProfile
from edge.engine.card_slip_layout import lay_out_card_slip
from edge.engine.card_slips import MERCHANT, CardSlip
from edge.engine.cart import Cart
from edge.engine.originals import Original
from edge.engine.receipt_layout import lay_out_gift_receipt, lay_out_receipt
from edge.engine.receipt_words import WORDS
from edge.flows.device_directory import spoken
from edge.flows.reprinting import ReprintEvent
from edge.flows.till import Till
from edge.reference.store import ReferenceStore


@dataclass(frozen=True)
class ReceiptSetting:
    """Lays sales out; `cashier_of` says who is signed in at a till."""

    reference: ReferenceStore
    cashier_of: Callable[[str], str | None]

    def receipt(self, till: Till, cart: Cart) -> ReceiptDocument:
        """Lay a sale out that a till has just completed."""
        return self._receipt(cart, till.id, self.cashier_of(till.id))

    def card_slip(
        self, till: str, cart: Cart, slip: CardSlip, what: str, at: int
    ) -> ReceiptDocument:
        """Lay a terminal's receipt out on a slip of its own; `what` says whose copy it is.

        The merchant's is for the shop, and in the shop's language.
        """
        store = self.reference.store if what == MERCHANT else self._store(cart)
        zone = ZoneInfo(store.time_zone)
        return lay_out_card_slip(slip, what, store, till=spoken(till), at=at, zone=zone)

    def again(self, sold: Original, event: ReprintEvent) -> ReceiptDocument:
        """Lay a past sale out: what was sold and paid, where and by whom, as the ledger has it.

        The head of the store, its footer and its language are those of today.
        """
        if isinstance(event, GiftReceiptPrinted):
            store = self._store(sold.cart)
            zone = ZoneInfo(store.time_zone)
            return lay_out_gift_receipt(sold.cart, store, till=spoken(sold.till), zone=zone)
        return self._receipt(sold.cart, sold.till, sold.cashier, event.copy)

    def as_sold(self, sold: Original) -> ReceiptDocument:
        """Lay a past sale out as `again` does, without the mark of a copy."""
        return self._receipt(sold.cart, sold.till, sold.cashier)

    def _receipt(
        self, cart: Cart, till: str, cashier: str | None, copy: int = 0
    ) -> ReceiptDocument:
        member = self.reference.staff_member(cashier) if cashier else None
        return lay_out_receipt(
            cart,
            self._store(cart),
            till=spoken(till),
            cashier=member.name if member else "",
            zone=ZoneInfo(self.reference.store.time_zone),
            copy=copy,
        )

    def _store(self, cart: Cart) -> StoreProfile:
        """Return the store, which speaks the customer's language where receipts have it."""
        customer = self.reference.customer(cart.customer) if cart.customer else None
        if customer is None or customer.language not in WORDS:
            return self.reference.store
        return replace(self.reference.store, receipt_language=customer.language)
