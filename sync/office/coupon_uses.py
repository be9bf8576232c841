"""Coupons that completed sales used up, and which single-use codes were used more than once."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from edge.contract.limits import (
    SALES_PER_PAGE,
)
from sync.office.sales_reading import CouponUseBody, SalesReader


class CouponUsesBody(msgspec.Struct, frozen=True):
    """Uses of coupons, the newest first; doubles stand together, by code."""

    uses: tuple[CouponUseBody, ...]


@dataclass(frozen=True)
class CouponUses:
    """Reads which coupons the sales used up."""

    reader: SalesReader

    async def newest(self, *, doubles: bool) -> CouponUsesBody:
        """Return the newest uses, one page at most; or only those of codes used twice."""
        uses = await self.reader.coupon_uses(doubles=doubles, limit=SALES_PER_PAGE)
        return CouponUsesBody(tuple(uses))
