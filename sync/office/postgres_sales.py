"""Reads sales in PostgreSQL; the names of their stores are in `office.db`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from edge.contract.instant import Clock
from edge.contract.limits import (
    DIGEST_ARTICLES_MAX,
    POSTGRES_CONNECT_S_MAX,
    POSTGRES_READERS_MAX,
    STOP_S_MAX,
)
from sync.appending.alarms import Alarm
from sync.appending.event_store import EventStoreAway
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import Connection, Pool, in_words, open_pool
from sync.office.postgres_acts import ACTS_SCHEMA
from sync.office.postgres_tables import SALES_SCHEMA, known_sales
from sync.office.sale_bodies import SaleBody, sale_body
from sync.office.sales_reading import CashierTips, CouponUseBody, SoldBetween, StoreStanding
from sync.office.store_directory import StoreDirectory

_TRACKED: Final = (
    " AND (store, sale) IN (SELECT each.store, each.sale FROM line_detail AS each"
    " JOIN sale_line AS line USING (store, sale, line) WHERE NOT line.voided"
    " AND ((lower(each.serial) = lower({0}::text COLLATE \"C\") AND each.serial <> '')"
    " OR (lower(each.lot) = lower({0}::text COLLATE \"C\") AND each.lot <> '')))"
)
"""A line that was voided is no sale of its goods."""
_SOLD_IN: Final = (
    "SELECT sale.sale, min(sale.store) FROM unnest($1::bigint[]) AS store(number)"
    " CROSS JOIN unnest($2::text[]) AS original(id)"
    " JOIN sale ON sale.store = store.number AND sale.sale = original.id"
    " AND sale.state = 'completed' GROUP BY sale.sale"
)
_STANDING: Final = (
    "SELECT named.number, coalesce(projected.seq, 0), coalesce(sold.takings, 0), sold.sales,"  # noqa: S608 - a name of ours
    " (SELECT count(*) FROM quarantine AS q WHERE store = named.number AND NOT EXISTS"
    f"  (SELECT FROM {ACTS_SCHEMA}.left_aside AS seen WHERE seen.store = q.store"
    "   AND seen.gen = q.gen AND seen.seq = q.seq)),"
    " (SELECT count(*) FROM parked WHERE store = named.number),"
    " coalesce((SELECT completed_at FROM sale WHERE store = named.number"
    "  AND arrival IS NOT NULL ORDER BY arrival DESC LIMIT 1), 0),"
    " coalesce(sold.refunds, 0), coalesce(sold.tips, 0)"
    " FROM unnest($1::bigint[], $2::text[]) AS named(number, day)"
    " LEFT JOIN projected ON projected.store = named.number"
    " CROSS JOIN LATERAL (SELECT sum(total_minor + returned_minor) AS takings,"
    "  count(*) AS sales, sum(returned_minor) AS refunds, sum(tip_minor) AS tips FROM sale"
    "  WHERE store = named.number AND day = named.day AND arrival IS NOT NULL) AS sold"
)
_SALES: Final = (
    "SELECT count(*) FROM sale WHERE store = $1 AND state = 'completed' AND seq > $2 AND seq <= $3"
)
_BROUGHT: Final = (
    "SELECT day, currency, kind, sum(amount) FROM ("
    " SELECT sale.day, sale.currency, tender.kind, tender.amount_minor AS amount"
    "  FROM sale JOIN tender USING (store, sale)"
    "  WHERE sale.store = $1 AND sale.state = 'completed' AND sale.seq > $2 AND sale.seq <= $3"
    "  AND tender.state IN ('taken', 'returned', 'approved')"
    " UNION ALL SELECT day, currency, 'cash', -change_minor FROM sale"
    "  WHERE store = $1 AND state = 'completed' AND seq > $2 AND seq <= $3) AS each"
    " GROUP BY day, currency, kind HAVING sum(amount) <> 0 ORDER BY day, currency, kind"
)
_MOVED: Final = (
    "SELECT sku, moved FROM ("
    " SELECT sku, sum(CASE WHEN returned THEN -quantity ELSE quantity END) AS moved"
    "  FROM sale JOIN sale_line USING (store, sale)"
    "  WHERE sale.store = $1 AND sale.state = 'completed' AND sale.seq > $2 AND sale.seq <= $3"
    "  AND NOT voided GROUP BY sku) AS each"
    " WHERE moved <> 0 ORDER BY abs(moved) DESC, sku LIMIT $4"
)
_USES: Final = (
    "SELECT * FROM (SELECT used.code, campaign, used.name, single_use, store, till, receipt,"
    " used_at, single_use AND (SELECT count(*) FROM coupon_use AS other"
    "  WHERE other.code = used.code AND other.used_at > 0) > 1 AS double"
    " FROM coupon_use AS used JOIN sale USING (store, sale) WHERE used_at > 0"
)
_NEWEST_USES: Final = f"{_USES} ORDER BY used_at DESC, code, store LIMIT $1) AS uses"
_DOUBLES: Final = f"{_USES}) AS uses WHERE double ORDER BY code, used_at, store LIMIT $1"
_BY_CASHIER: Final = (
    "SELECT named.number, named.day, tip.cashier, tip.currency, tip.sales, tip.tip_minor"
    " FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS named(number, day, place)"
    " CROSS JOIN LATERAL (SELECT cashier, currency, sum(sales) AS sales,"
    "  sum(tip_minor) AS tip_minor FROM ("
    "  SELECT cashier, currency, 1 AS sales, tip_minor FROM sale WHERE tip_minor > 0"
    "   AND arrival IS NOT NULL AND store = named.number AND day = named.day"
    "  UNION ALL"
    "  SELECT coalesce(had.cashier, giving.cashier), giving.currency, 0, -tip_back.amount_minor"
    "   FROM sale AS giving JOIN tip_back USING (store, sale)"
    "   LEFT JOIN sale AS had ON had.store = giving.store AND had.sale = tip_back.original_sale"
    "   WHERE giving.tip_minor < 0 AND giving.arrival IS NOT NULL"
    "   AND giving.store = named.number AND giving.day = named.day"
    "  ) AS each GROUP BY cashier, currency ORDER BY cashier, currency LIMIT $3) AS tip"
    " ORDER BY named.place, tip.cashier, tip.currency"
)


class PostgresSales:
    """Reads what `PostgresProjection` wrote, on connections of its own: `open`, `close`."""

    def __init__(self, address: PostgresAddress, directory: StoreDirectory, clock: Clock) -> None:
        self._address = address
        self._directory = directory
        self._clock = clock
        self._readers: Pool | None = None

    async def open(self) -> None:
        """Make ready to connect. Raises EventStoreAway or StorageFailed."""
        self._readers = await open_pool(self._address, POSTGRES_READERS_MAX, SALES_SCHEMA)

    async def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        readers, self._readers = self._readers, None
        if readers is not None:
            try:
                async with self._clock.timeout(STOP_S_MAX / 2):
                    await readers.close()
            except TimeoutError:
                readers.terminate()

    async def slugs(self) -> dict[int, str]:
        """Return the slugs of all stores by their numbers."""
        return {store.number: store.slug for store in await self._directory.all()}

    async def page(
        self, after: int, *, store: str, from_day: str, tracked: str, limit: int
    ) -> list[SaleBody]:
        """Return completed sales behind a place in the order of arrival."""
        if "\0" in tracked:
            return []  # no text here has one
        values: list[object] = [after]
        where = ""
        if store:
            # equal to one: only then the order of arrival comes from its index
            values.append(await self._number(store))
            where += f" AND store = ${len(values)}"
        if from_day:
            values.append(from_day)
            where += f" AND day >= ${len(values)}"
        if tracked:
            values.append(tracked)
            where += _TRACKED.format(f"${len(values)}")
        values.append(limit)
        async with self.reader() as connection:
            rows = await connection.fetch(
                f"SELECT store, sale FROM sale WHERE arrival > $1{where}"  # noqa: S608 - of our parts
                f" ORDER BY arrival LIMIT ${len(values)}",
                *values,
            )
            places = [(number, sale) for number, sale in rows]
            sales = await known_sales(connection, places)
            slugs = await self.slugs()
            originals = {
                each.original_sale for sale in sales.values() for each in sale.details.values()
            } - {""}
            sold_in: dict[str, str] = {}
            if originals:
                found = await connection.fetch(_SOLD_IN, list(slugs), list(originals))
                sold_in = {sale: slugs[number] for sale, number in found}
        return [sale_body(place[1], sales[place], slugs[place[0]], sold_in) for place in places]

    async def newest(self) -> int:
        """Return the place of the newest sale in the order of arrival."""
        ((newest,),) = await self._fetch(
            "SELECT coalesce(max(arrival), 0) FROM sale WHERE arrival IS NOT NULL"
        )
        return int(newest)

    async def standing(self, days: Mapping[int, str]) -> dict[int, StoreStanding]:
        """Return what is counted of stores on a day of each."""
        rows = await self._fetch(_STANDING, list(days), list(days.values()))
        return {number: StoreStanding(*map(int, counted)) for number, *counted in rows}

    async def alarms(self) -> dict[int, tuple[Alarm, ...]]:
        """Return what a person has to look at, by store, as far as it follows from sales."""
        found: dict[int, tuple[Alarm, ...]] = {}
        for store, *alarm in await self._fetch(
            "SELECT store, kind, words, first_at, last_at, count FROM alarm"
            " ORDER BY store, last_at DESC, kind"
        ):
            found[store] = (*found.get(store, ()), Alarm(*alarm))
        return found

    async def projected(self, stores: Sequence[int]) -> dict[int, int]:
        """Return up to which event of each store the sales show."""
        rows = await self._fetch(
            "SELECT store, seq FROM projected WHERE store = ANY($1::bigint[])", list(stores)
        )
        return dict(rows)

    async def sold_between(self, store: int, after: int, upto: int) -> SoldBetween:
        """Add up the sales of a store completed by its events `after` + 1 to `upto`."""
        place = (store, after, upto)
        async with self.reader() as connection:
            sales = await connection.fetchval(_SALES, *place)
            brought = await connection.fetch(_BROUGHT, *place)
            moved = await connection.fetch(_MOVED, *place, DIGEST_ARTICLES_MAX + 1)
        takings = {(day, currency, kind): int(amount) for day, currency, kind, amount in brought}
        return SoldBetween(sales, takings, {sku: int(quantity) for sku, quantity in moved})

    async def coupon_uses(self, *, doubles: bool, limit: int) -> list[CouponUseBody]:
        """Return the newest uses of coupons; or only those of codes used twice, by code."""
        slugs = await self.slugs()
        rows = await self._fetch(_DOUBLES if doubles else _NEWEST_USES, limit)
        return [
            CouponUseBody(*(*known, slugs.get(store, ""), *shown))
            for *known, store, till, receipt, used_at, double in rows
            for shown in ((till, receipt, used_at, double),)
        ]

    async def tips(self, days: Mapping[int, str], limit: int) -> list[CashierTips]:
        """Return the tips of each store on its day, by cashier."""
        slugs = await self.slugs()
        rows = await self._fetch(_BY_CASHIER, list(days), list(days.values()), limit)
        return [
            CashierTips(slugs.get(store, ""), day, cashier, currency, int(sales), int(tips))
            for store, day, cashier, currency, sales, tips in rows
        ]

    # --- inside ---------------------------------------------------------------------------

    async def _number(self, slug: str) -> int | None:
        known = await self._directory.by_slug(slug)
        return None if known is None else known.number

    async def _fetch(self, query: str, *values: object) -> Sequence[Any]:
        async with self.reader() as connection:
            return await connection.fetch(query, *values)

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Connection]:
        """Borrow a connection that reads, its tables by name."""
        if self._readers is None:
            raise EventStoreAway("store_closed", "Head office stops; come back soon.")
        with in_words(self._address):
            async with self._readers.acquire(timeout=POSTGRES_CONNECT_S_MAX) as connection:
                yield connection
