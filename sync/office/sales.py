"""What head office answers: sales in the order of their arrival, and how each store stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.instant import Clock, business_day
from edge.contract.limits import (
    SALES_PER_PAGE,
)
from edge.runtime.database_file import DatabaseFile
from sync.appending.alarms import Alarm
from sync.appending.event_store import EventStore
from sync.office.digests import exposed
from sync.office.feeds import Feeds
from sync.office.sale_bodies import (
    LineBody,
    LineDetails,
    ReductionBody,
    SaleBody,
    SalesBody,
    TaxBody,
    TenderBody,
)
from sync.office.store_directory import RegisteredStore, StoreDirectory


class StoreBody(msgspec.Struct, frozen=True):
    """How a store stands. Takings are those of its business day of this moment: what was sold.

    `waiting_sales` and `waiting_minor` are the sales among that and what they brought, as the box
    said when it introduced itself: the money that is at risk.

    What came back on that day stands apart, in `refunds_today_minor`, and tips, which are no
    takings, in `tips_today_minor`.

    `head_seq` is the box's own head as last told, `accepted_seq` what is durable here,
    `projected_seq` what the sales show. `waiting_events` is what only the shop has, as far
    as is known here: lost if its box burnt now. `newest_sale_at` is when the sale that came
    last was completed. Times in ms since 1970 UTC, 0 for never.
    """

    number: int
    slug: str
    name: str
    connected: bool
    last_contact: int
    head_seq: int
    accepted_seq: int
    projected_seq: int
    settled_seq: int
    waiting_events: int
    newest_sale_at: int
    currency: str
    takings_today_minor: int
    sales_today: int
    quarantined: int
    parked: int
    alarms: tuple[Alarm, ...]
    refunds_today_minor: int = 0
    tips_today_minor: int = 0
    waiting_sales: int = 0
    waiting_minor: int = 0


class StoresBody(msgspec.Struct, frozen=True):
    """All stores, by number."""

    stores: tuple[StoreBody, ...]


_SALE: Final = (
    "SELECT sale, receipt, slug, till, cashier, currency, total_minor, change_minor,"
    " rounding_minor, completed_at, day, seq, arrival, returned_minor, opened_at,"
    " customer, groups, tip_minor, note, age_checked, age_how, price_book, sale.store"
    " FROM sale"
    " JOIN store ON store.number = sale.store WHERE arrival > ?"
)
_LINES: Final = (
    "SELECT line, sku, name, quantity, unit, price_minor,"
    " CASE voided WHEN 1 THEN 0 ELSE amount_minor - reduced_minor END, tax, rate_ppm, voided,"
    " CASE voided WHEN 1 THEN 0 ELSE amount_minor END, returned, returned_from, entry, overridden,"
    " reduced_minor FROM sale_line"
    " WHERE store = ? AND sale = ? ORDER BY number"
)
_TRACKED: Final = (
    " AND (sale.store, sale.sale) IN (SELECT each.store, each.sale FROM line_detail AS each"
    " JOIN sale_line AS line USING (store, sale, line) WHERE line.voided = 0"
    " AND ((each.serial = ? COLLATE NOCASE AND each.serial <> '')"
    " OR (each.lot = ? COLLATE NOCASE AND each.lot <> '')))"
)
"""A line that was voided is no sale of its goods."""
_DETAILS: Final = (
    "SELECT line, serial, lot, expires, tare_g, minimum_age, open_price, deposit, deposit_of,"
    " note, reason, approver, override_reason, override_approver, void_reason,"
    " original_sale, coalesce((SELECT slug FROM store CROSS JOIN sale ON sale.store = number"
    " AND sale.sale = original_sale AND sale.state = 'completed'"
    " WHERE original_sale <> '' LIMIT 1), '')"
    " FROM line_detail WHERE store = ? AND sale = ?"
)
_REDUCTIONS: Final = (
    "SELECT line, source, id, name, amount_minor, coalesce(approver, '')"
    " FROM sale_reduction AS part LEFT JOIN discount_approval AS allowed"
    " ON part.source = 'discount' AND allowed.store = part.store AND allowed.sale = part.sale"
    " AND allowed.discount = part.id"
    " WHERE part.store = ? AND part.sale = ? ORDER BY number"
)
_TENDERS: Final = (
    "SELECT tender, kind, amount_minor, state, last4, scheme, approver FROM tender"
    " WHERE store = ? AND sale = ? ORDER BY number"
)
_TAXES: Final = (
    "SELECT tax, rate_ppm, net_minor, tax_minor, gross_minor FROM sale_tax"
    " WHERE store = ? AND sale = ? ORDER BY tax, rate_ppm"
)


_COUPONS: Final = (
    "SELECT DISTINCT campaign FROM coupon_use"
    " WHERE store = ? AND sale = ? AND used_at > 0 ORDER BY campaign"
)


class Sales:
    """Reads the sales projection and the stores' standing."""

    def __init__(
        self,
        file: DatabaseFile,
        directory: StoreDirectory,
        events: EventStore,
        feeds: Feeds,
        connected: Callable[[], set[str]],
        clock: Clock,
    ) -> None:
        self._file = file
        self._directory = directory
        self._events = events
        self._feeds = feeds
        self._connected = connected
        self._clock = clock

    async def page(
        self,
        after: int,
        *,
        store: str = "",
        from_day: str = "",
        tracked: str = "",
        limit: int = SALES_PER_PAGE,
    ) -> SalesBody:
        """Return completed sales behind a place in the order of arrival, from a day on.

        `tracked` is a serial or lot number, in large or small letters: of its goods something was
        sold in them, or came back.
        """
        wanted = [
            (" AND slug = ?", (store,)),
            (" AND day >= ?", (from_day,)),
            (_TRACKED, (tracked, tracked)),
        ]
        where = "".join(condition for condition, found in wanted if found[0])
        values = [value for _, found in wanted if found[0] for value in found]

        def query(connection: sqlite3.Connection) -> list[SaleBody]:
            rows = connection.execute(
                f"{_SALE}{where} ORDER BY arrival LIMIT ?", (after, *values, limit)
            ).fetchall()
            return [_sale(connection, row) for row in rows]

        sales = await self._file.read(query)
        return SalesBody(tuple(sales), sales[-1].arrival if sales else after)

    async def newest(self) -> int:
        """Return the place of the newest sale."""
        return await self._file.read(
            lambda connection: int(
                connection.execute(
                    "SELECT coalesce(max(arrival), 0) FROM sale WHERE arrival IS NOT NULL"
                ).fetchone()[0]
            )
        )

    async def stores(self) -> StoresBody:
        """Return how every store stands."""
        stores = await self._directory.all()
        alarms = await self._directory.alarms()
        days = await self.business_days(stores)
        standing = await self._file.read(lambda connection: _standing(connection, days))
        exposure = await self._file.read(
            lambda connection: {
                number: exposed(connection, number, currency)
                for number, (_, currency) in days.items()
            }
        )
        connected = self._connected()
        bodies = []
        for store in stores:
            here = standing[store.number]
            accepted = await self._events.head(store.number, store.gen)
            bodies.append(
                StoreBody(
                    number=store.number,
                    slug=store.slug,
                    name=store.name,
                    connected=store.slug in connected,
                    last_contact=store.last_contact,
                    head_seq=max(store.box_seq, accepted.seq),
                    accepted_seq=accepted.seq,
                    projected_seq=here[0],
                    settled_seq=await self._events.settled(store.number),
                    waiting_events=max(0, store.box_seq - accepted.seq),
                    newest_sale_at=here[5],
                    currency=days[store.number][1],
                    takings_today_minor=here[1],
                    sales_today=here[2],
                    quarantined=here[3],
                    parked=here[4],
                    alarms=alarms.get(store.number, ()),
                    refunds_today_minor=here[6],
                    tips_today_minor=here[7],
                    waiting_sales=exposure[store.number][0],
                    waiting_minor=exposure[store.number][1],
                )
            )
        return StoresBody(tuple(bodies))

    async def business_days(self, stores: Sequence[RegisteredStore]) -> dict[int, tuple[str, str]]:
        """Return each store's business day of this moment, and its currency."""
        profiles = await self._feeds.profiles([store.slug for store in stores])
        now = self._clock.now_ms()
        days: dict[int, tuple[str, str]] = {}
        for store in stores:
            profile = profiles.get(store.slug)
            if profile is None:
                days[store.number] = (business_day(now, ZoneInfo("UTC")), "")
            else:
                zone = ZoneInfo(profile.time_zone)
                day = business_day(now, zone, day_starts_at_hour=profile.day_starts_at_hour)
                days[store.number] = (day, profile.currency)
        return days


def _sale(connection: sqlite3.Connection, row: Sequence[Any]) -> SaleBody:
    place = (row[-1], row[0])
    lines = connection.execute(_LINES, place).fetchall()
    tenders = connection.execute(_TENDERS, place).fetchall()
    taxes = connection.execute(_TAXES, place).fetchall()
    coupons = connection.execute(_COUPONS, place).fetchall()
    parts = (
        _lines(connection, place, lines),
        tuple(TenderBody(*tender) for tender in tenders),
        tuple(TaxBody(*tax) for tax in taxes),
    )
    *known, returned, opened, customer, groups, tip, note, age_checked, age_how, book, _ = row
    more = (returned, opened, customer, msgspec.json.decode(groups, type=tuple[str, ...]))
    used = tuple(campaign for (campaign,) in coupons)
    return SaleBody(*(*known, *parts, *more, used, tip, note, age_checked, age_how, book))


def _lines(
    connection: sqlite3.Connection, place: tuple[int, str], rows: Sequence[Any]
) -> tuple[LineBody, ...]:
    reductions: dict[str, list[ReductionBody]] = {}
    if any(row[-1] for row in rows):
        for line, *reduction in connection.execute(_REDUCTIONS, place):
            reductions.setdefault(line, []).append(ReductionBody(*reduction))
    details = {line: _details(found) for line, *found in connection.execute(_DETAILS, place)}
    bodies = []
    for *known, voided, listed, returned, origin, entry, overridden, _ in rows:
        taken_off = tuple(reductions.get(known[0], ()))
        state = (bool(voided), listed, taken_off, bool(returned), origin, entry, bool(overridden))
        carried = details.get(known[0], _NOTHING)
        bodies.append(LineBody(*(*known, *state, carried)))
    return tuple(bodies)


_NOTHING: Final = LineDetails()


def _details(row: Sequence[Any]) -> LineDetails:
    values = list(row)
    values[5:7] = map(bool, values[5:7])  # open_price and deposit
    return LineDetails(*values)


def _standing(
    connection: sqlite3.Connection, days: dict[int, tuple[str, str]]
) -> dict[int, tuple[int, int, int, int, int, int, int, int]]:
    """Return what of each store is counted here.

    Projected seq, takings, sales, quarantined, parked, newest sale, refunds, tips.
    """
    found: dict[int, tuple[int, int, int, int, int, int, int, int]] = {}
    for number, (day, _) in days.items():
        row = connection.execute(
            "SELECT (SELECT seq FROM projected WHERE store = ?1),"
            " (SELECT sum(total_minor + returned_minor) FROM sale WHERE store = ?1 AND day = ?2"
            "  AND arrival IS NOT NULL),"
            " (SELECT count(*) FROM sale WHERE store = ?1 AND day = ?2 AND arrival IS NOT NULL),"
            " (SELECT count(*) FROM quarantine WHERE store = ?1),"
            " (SELECT count(*) FROM parked WHERE store = ?1),"
            " (SELECT completed_at FROM sale WHERE store = ?1 AND arrival IS NOT NULL"
            "  ORDER BY arrival DESC LIMIT 1),"
            " (SELECT sum(returned_minor) FROM sale WHERE store = ?1 AND day = ?2"
            "  AND arrival IS NOT NULL),"
            " (SELECT sum(tip_minor) FROM sale WHERE store = ?1 AND day = ?2"
            "  AND tip_minor <> 0 AND arrival IS NOT NULL)",
            (number, day),
        ).fetchone()
        found[number] = tuple(int(value or 0) for value in row)  # type: ignore[assignment] # eight columns
    return found
