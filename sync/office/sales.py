"""What head office answers: sales in the order of their arrival, and how each store stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.instant import Clock, business_day
from edge.contract.limits import (
    SALES_PER_PAGE,
)
from sync.appending.alarms import Alarm
from sync.appending.event_store import EventStore
from sync.office.feeds import Feeds
from sync.office.sale_bodies import SalesBody
from sync.office.sales_reading import SalesReader
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


Exposed = Callable[[Mapping[int, str]], Awaitable[dict[int, tuple[int, int]]]]
"""Of stores by number, with their currencies: how many sales only the shop has, and their worth."""


class Sales:
    """Reads sales, wherever they are kept, and how stores stand."""

    def __init__(
        self,
        reader: SalesReader,
        directory: StoreDirectory,
        events: EventStore,
        feeds: Feeds,
        connected: Callable[[], set[str]],
        exposed: Exposed,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._directory = directory
        self._events = events
        self._feeds = feeds
        self._connected = connected
        self._exposed = exposed
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
        sales = await self._reader.page(
            after, store=store, from_day=from_day, tracked=tracked, limit=limit
        )
        return SalesBody(tuple(sales), sales[-1].arrival if sales else after)

    async def newest(self) -> int:
        """Return the place of the newest sale."""
        return await self._reader.newest()

    async def stores(self) -> StoresBody:
        """Return how every store stands."""
        stores = await self._directory.all()
        alarms = await self._directory.alarms()
        days = await self.business_days(stores)
        for number, more in (await self._reader.alarms()).items():
            known = (*alarms.get(number, ()), *more)
            alarms[number] = tuple(sorted(known, key=lambda each: each.last_at, reverse=True))
        standing = await self._reader.standing({each: day for each, (day, _) in days.items()})
        exposure = await self._exposed({each: currency for each, (_, currency) in days.items()})
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
                    projected_seq=here.projected_seq,
                    settled_seq=await self._events.settled(store.number),
                    waiting_events=max(0, store.box_seq - accepted.seq),
                    newest_sale_at=here.newest_sale_at,
                    currency=days[store.number][1],
                    takings_today_minor=here.takings_minor,
                    sales_today=here.sales,
                    quarantined=here.quarantined,
                    parked=here.parked,
                    alarms=alarms.get(store.number, ()),
                    refunds_today_minor=here.refunds_minor,
                    tips_today_minor=here.tips_minor,
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
