"""Where a coupon is that a till presents, as the ledger and the tills have it now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from edge.engine.circumstances import CouponUse
from edge.flows.parking import ParkedSales
from edge.flows.returning import unfinished_sales
from edge.flows.till import Till
from edge.ledger.coupon_uses import CouponUses


@dataclass
class Coupons:
    """Answers about the coupons of the store.

    `lock` is held while a till presents one, from the question to the commit: of two tills with
    the same single-use coupon the second one sees that the first has it.
    """

    uses: CouponUses
    tills: dict[str, Till]
    parked: ParkedSales
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, code: str) -> CouponUse | None:
        """Return which sale has a single-use coupon; None while it is free, or no code is given."""
        taken = await self.uses.find(code) if code else None
        if taken is None:
            return None
        places = unfinished_sales(self.tills.values(), self.parked)
        place = next((each for each in places if each.sale == taken.sale), None)
        return CouponUse(taken.sale, taken.receipt, place)
