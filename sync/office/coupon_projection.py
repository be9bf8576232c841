"""Coupons of sales: which were used up where. The first use of a single-use code goes to all.

Two stores without a line may both take the same code: nothing can hinder that, so both uses stand
here, and `coupon_uses` shows them as doubles.
"""

from __future__ import annotations

from typing import Final

from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.sale_events import SaleCompleted
from sync.office.sale_records import CouponUse, Sale
from sync.office.tender_projection import Step


def _presented(sale: Sale, _: SealedEnvelope, event: CouponPresented) -> None:
    if event.code not in sale.coupons:
        sale.coupons[event.code] = CouponUse(
            event.code, event.campaign, event.name, event.single_use
        )


def _removed(sale: Sale, _: SealedEnvelope, event: CouponRemoved) -> None:
    known = sale.coupons.get(event.code)
    if known is not None and not known.used_at:
        del sale.coupons[event.code]


def use_coupons(sale: Sale, envelope: SealedEnvelope, event: SaleCompleted) -> None:
    """Note which coupons a completed sale used up, and forget the others."""
    for code in event.coupons:
        known = sale.coupons.get(code)
        if known is not None:
            known.used_at = envelope.at
    drop_coupons(sale)


def drop_coupons(sale: Sale) -> None:
    """Forget the coupons that a sale held and did not use."""
    for code in [code for code, each in sale.coupons.items() if not each.used_at]:
        del sale.coupons[code]


COUPON_STEPS: Final[dict[type[Event], Step]] = {
    CouponPresented: _presented,
    CouponRemoved: _removed,
}
