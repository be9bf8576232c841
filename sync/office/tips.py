"""Tips by cashier: what a shop pays out, or pays with the wages, at the end of a day."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edge.contract.limits import (
    SALES_PER_PAGE,
)
from edge.runtime.database_file import DatabaseFile
from sync.office.sales import Sales
from sync.office.store_directory import StoreDirectory

_BY_CASHIER: Final = (
    "SELECT slug, day, cashier, currency, sum(sales), sum(tip_minor) FROM ("
    " SELECT store, day, cashier, currency, 1 AS sales, tip_minor FROM sale"
    "  WHERE tip_minor > 0 AND arrival IS NOT NULL AND store = ?1 AND day = ?2"
    " UNION ALL"
    " SELECT giving.store, giving.day, coalesce(had.cashier, giving.cashier), giving.currency,"
    "  0, -tip_back.amount_minor FROM sale AS giving"
    "  JOIN tip_back ON tip_back.store = giving.store AND tip_back.sale = giving.sale"
    "  LEFT JOIN sale AS had ON had.store = giving.store AND had.sale = tip_back.original_sale"
    "  WHERE giving.tip_minor < 0 AND giving.arrival IS NOT NULL"
    "  AND giving.store = ?1 AND giving.day = ?2"
    ") AS tip JOIN store ON store.number = tip.store GROUP BY cashier, currency"
    " ORDER BY cashier, currency LIMIT ?3"
)


class CashierTips(msgspec.Struct, frozen=True):
    """The tips of one cashier (an id) on one business day (`YYYY-MM-DD`) of a store, by its slug.

    A sale is that of whoever took its money. `sales` had a tip; a tip that went back on that day,
    whoever gave it, comes off those of the cashier who had it.
    """

    store: str
    day: str
    cashier: str
    currency: str
    sales: int
    tip_minor: int


class TipsBody(msgspec.Struct, frozen=True):
    """Tips by store and cashier; who had none is left out."""

    tips: tuple[CashierTips, ...]


@dataclass(frozen=True)
class Tips:
    """Reads what `sale_projection` wrote."""

    file: DatabaseFile
    directory: StoreDirectory
    sales: Sales

    async def by_cashier(self, *, store: str = "", day: str = "") -> TipsBody:
        """Return the tips of a day, or of each store's business day of this moment."""
        stores = [each for each in await self.directory.all() if store in {"", each.slug}]
        days = await self.sales.business_days(stores)

        def query(connection: sqlite3.Connection) -> list[Any]:
            return [
                row
                for number, (today, _) in days.items()
                for row in connection.execute(_BY_CASHIER, (number, day or today, SALES_PER_PAGE))
            ]

        return TipsBody(tuple(CashierTips(*row) for row in await self.file.read(query)))
