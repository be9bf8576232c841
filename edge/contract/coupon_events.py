"""What happens to the coupons of a sale; that they were used stands in `SaleCompleted`."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class CouponPresented(Event, frozen=True):
    """The sale holds a coupon: the promotions of its campaign may count.

    `name` and `single_use` are as head office had them then. What it takes off stands in the
    `PricesReduced` that follows, which may be nothing.
    """

    TYPE: ClassVar[str] = "coupon_presented"

    sale: str
    code: str
    campaign: str
    name: str
    single_use: bool = False


@declare
class CouponRemoved(Event, frozen=True):
    """The sale does not hold a coupon any more; it may be presented elsewhere."""

    TYPE: ClassVar[str] = "coupon_removed"

    sale: str
    code: str
