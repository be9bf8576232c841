"""Reads sales in `office.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.contract.limits import DIGEST_ARTICLES_MAX
from edge.runtime.database_file import DatabaseFile
from sync.appending.alarms import Alarm
from sync.office.sale_bodies import SaleBody, sale_body
from sync.office.sales_reading import CashierTips, CouponUseBody, SoldBetween, StoreStanding
from sync.office.sqlite_tables import known_sales

_SALE: Final = (
    "SELECT sale.store, sale.sale, slug FROM sale"
    " JOIN store ON store.number = sale.store WHERE arrival > ?"
)
_TRACKED: Final = (
    " AND (sale.store, sale.sale) IN (SELECT each.store, each.sale FROM line_detail AS each"
    " JOIN sale_line AS line USING (store, sale, line) WHERE line.voided = 0"
    " AND ((each.serial = ? COLLATE NOCASE AND each.serial <> '')"
    " OR (each.lot = ? COLLATE NOCASE AND each.lot <> '')))"
)
"""A line that was voided is no sale of its goods."""
_SOLD_IN: Final = (
    "SELECT slug FROM store CROSS JOIN sale ON sale.store = number"
    " AND sale.sale = ? AND sale.state = 'completed' LIMIT 1"
)
_STANDING: Final = (
    "SELECT (SELECT seq FROM projected WHERE store = ?1),"
    " (SELECT sum(total_minor + returned_minor) FROM sale WHERE store = ?1 AND day = ?2"
    "  AND arrival IS NOT NULL),"
    " (SELECT count(*) FROM sale WHERE store = ?1 AND day = ?2 AND arrival IS NOT NULL),"
    " (SELECT count(*) FROM quarantine AS q WHERE store = ?1 AND NOT EXISTS (SELECT 1"
    "  FROM left_aside AS seen WHERE seen.store = q.store AND seen.gen = q.gen"
    "  AND seen.seq = q.seq)),"
    " (SELECT count(*) FROM parked WHERE store = ?1),"
    " (SELECT completed_at FROM sale WHERE store = ?1 AND arrival IS NOT NULL"
    "  ORDER BY arrival DESC LIMIT 1),"
    " (SELECT sum(returned_minor) FROM sale WHERE store = ?1 AND day = ?2"
    "  AND arrival IS NOT NULL),"
    " (SELECT sum(tip_minor) FROM sale WHERE store = ?1 AND day = ?2"
    "  AND tip_minor <> 0 AND arrival IS NOT NULL)"
)
_SALES: Final = (
    "SELECT count(*) FROM sale WHERE store = ? AND state = 'completed' AND seq > ? AND seq <= ?"
)
_BROUGHT: Final = (
    "SELECT day, currency, kind, sum(amount) FROM ("
    " SELECT sale.day AS day, sale.currency AS currency, tender.kind AS kind,"
    "  tender.amount_minor AS amount FROM sale JOIN tender USING (store, sale)"
    "  WHERE sale.store = ?1 AND sale.state = 'completed' AND sale.seq > ?2 AND sale.seq <= ?3"
    "  AND tender.state IN ('taken', 'returned', 'approved')"
    " UNION ALL SELECT day, currency, 'cash', -change_minor FROM sale"
    "  WHERE store = ?1 AND state = 'completed' AND seq > ?2 AND seq <= ?3)"
    " GROUP BY day, currency, kind HAVING sum(amount) <> 0 ORDER BY day, currency, kind"
)
_MOVED: Final = (
    "SELECT sku, sum(CASE returned WHEN 1 THEN -quantity ELSE quantity END) AS moved"
    " FROM sale JOIN sale_line USING (store, sale)"
    " WHERE sale.store = ? AND sale.state = 'completed' AND sale.seq > ? AND sale.seq <= ?"
    " AND voided = 0 GROUP BY sku HAVING moved <> 0 ORDER BY abs(moved) DESC, sku"
)
_USES: Final = (
    "SELECT coupon_use.code, campaign, coupon_use.name, single_use, slug, till, receipt, used_at,"
    " single_use = 1 AND (SELECT count(*) FROM coupon_use AS other"
    " WHERE other.code = coupon_use.code AND other.used_at > 0) > 1 AS double FROM coupon_use"
    " JOIN store ON store.number = coupon_use.store"
    " JOIN sale ON sale.store = coupon_use.store AND sale.sale = coupon_use.sale"
    " WHERE used_at > 0"
)
_NEWEST_USES: Final = f"{_USES} ORDER BY used_at DESC, code LIMIT ?"
_DOUBLES: Final = f"{_USES} AND double ORDER BY coupon_use.code, used_at, slug LIMIT ?"
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


@dataclass(frozen=True)
class SqliteSales:
    """Reads what `SqliteProjection` wrote; stores and all alarms are in the same file."""

    file: DatabaseFile

    async def page(
        self, after: int, *, store: str, from_day: str, tracked: str, limit: int
    ) -> list[SaleBody]:
        """Return completed sales behind a place in the order of arrival."""
        wanted = [
            (" AND slug = ?", (store,)),
            (" AND day >= ?", (from_day,)),
            (_TRACKED, (tracked, tracked)),
        ]
        where = "".join(condition for condition, found in wanted if found[0])
        values = [value for _, found in wanted if found[0] for value in found]

        def query(connection: sqlite3.Connection) -> list[SaleBody]:
            slugs = {
                (number, sale): slug
                for number, sale, slug in connection.execute(
                    f"{_SALE}{where} ORDER BY arrival LIMIT ?", (after, *values, limit)
                )
            }
            sales = known_sales(connection, slugs)
            originals = {
                each.original_sale for sale in sales.values() for each in sale.details.values()
            }
            sold_in = _sold_in(connection, originals - {""})
            return [
                sale_body(place[1], sale, slugs[place], sold_in) for place, sale in sales.items()
            ]

        return await self.file.read(query)

    async def newest(self) -> int:
        """Return the place of the newest sale in the order of arrival."""
        return await self.file.read(
            lambda connection: int(
                connection.execute(
                    "SELECT coalesce(max(arrival), 0) FROM sale WHERE arrival IS NOT NULL"
                ).fetchone()[0]
            )
        )

    async def standing(self, days: Mapping[int, str]) -> dict[int, StoreStanding]:
        """Return what is counted of stores on a day of each."""

        def query(connection: sqlite3.Connection) -> dict[int, StoreStanding]:
            return {
                number: StoreStanding(
                    *(
                        int(value or 0)
                        for value in connection.execute(_STANDING, (number, day)).fetchone()
                    )
                )
                for number, day in days.items()
            }

        return await self.file.read(query)

    async def alarms(self) -> dict[int, tuple[Alarm, ...]]:
        """Return nothing: they are with all others."""
        return {}

    async def projected(self, stores: Sequence[int]) -> dict[int, int]:
        """Return up to which event of each store the sales show."""
        wanted = set(stores)
        rows = await self.file.read(
            lambda connection: connection.execute("SELECT store, seq FROM projected").fetchall()
        )
        return {store: seq for store, seq in rows if store in wanted}

    async def sold_between(self, store: int, after: int, upto: int) -> SoldBetween:
        """Add up the sales of a store completed by its events `after` + 1 to `upto`."""
        place = (store, after, upto)

        def query(connection: sqlite3.Connection) -> SoldBetween:
            (sales,) = connection.execute(_SALES, place).fetchone()
            takings = {
                (day, currency, kind): amount
                for day, currency, kind, amount in connection.execute(_BROUGHT, place)
            }
            moved = connection.execute(_MOVED, place).fetchmany(DIGEST_ARTICLES_MAX + 1)
            return SoldBetween(sales, takings, dict(moved))

        return await self.file.read(query)

    async def coupon_uses(self, *, doubles: bool, limit: int) -> list[CouponUseBody]:
        """Return the newest uses of coupons; or only those of codes used twice, by code."""
        statement = _DOUBLES if doubles else _NEWEST_USES
        rows = await self.file.read(
            lambda connection: connection.execute(statement, (limit,)).fetchall()
        )
        return [
            CouponUseBody(*(code, campaign, name, bool(single), *shown, bool(double)))
            for code, campaign, name, single, *shown, double in rows
        ]

    async def tips(self, days: Mapping[int, str], limit: int) -> list[CashierTips]:
        """Return the tips of each store on its day, by cashier."""

        def query(connection: sqlite3.Connection) -> list[Any]:
            return [
                row
                for number, day in days.items()
                for row in connection.execute(_BY_CASHIER, (number, day, limit))
            ]

        return [CashierTips(*row) for row in await self.file.read(query)]


def _sold_in(connection: sqlite3.Connection, originals: set[str]) -> dict[str, str]:
    """Return the slugs of the stores where head office has these sales, completed."""
    found = {each: connection.execute(_SOLD_IN, (each,)).fetchone() for each in originals}
    return {sale: row[0] for sale, row in found.items() if row is not None}
