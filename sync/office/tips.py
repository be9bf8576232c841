"""Tips by cashier: what a shop pays out, or pays with the wages, at the end of a day."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from edge.contract.limits import (
    SALES_PER_PAGE,
)
from sync.office.sales import Sales
from sync.office.sales_reading import CashierTips, SalesReader
from sync.office.store_directory import StoreDirectory


class TipsBody(msgspec.Struct, frozen=True):
    """Tips by store and cashier; who had none is left out."""

    tips: tuple[CashierTips, ...]


@dataclass(frozen=True)
class Tips:
    """Reads what tips the sales brought."""

    reader: SalesReader
    directory: StoreDirectory
    sales: Sales

    async def by_cashier(self, *, store: str = "", day: str = "") -> TipsBody:
        """Return the tips of a day, or of each store's business day of this moment."""
        stores = [each for each in await self.directory.all() if store in {"", each.slug}]
        days = await self.sales.business_days(stores)
        asked = {number: day or today for number, (today, _) in days.items()}
        return TipsBody(tuple(await self.reader.tips(asked, SALES_PER_PAGE)))
