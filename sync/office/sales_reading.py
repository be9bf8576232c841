"""What head office asks of its sales: one interface, whatever they are kept in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from sync.appending.alarms import Alarm
from sync.office.sale_bodies import SaleBody


class CouponUseBody(msgspec.Struct, frozen=True):
    """A coupon that a completed sale used up; `used_at` in ms since 1970 UTC.

    `double` marks a single-use code that another sale used up too.
    """

    code: str
    campaign: str
    name: str
    single_use: bool
    store: str
    till: str
    receipt_number: str
    used_at: int
    double: bool


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


class StoreStanding(NamedTuple):
    """What is counted of a store: takings, sales, refunds and tips are those of one day."""

    projected_seq: int
    takings_minor: int
    sales: int
    quarantined: int
    parked: int
    newest_sale_at: int
    refunds_minor: int
    tips_minor: int


class SoldBetween(NamedTuple):
    """What the sales completed by a stretch of a store's events add up to, from the tables."""

    sales: int
    takings: dict[tuple[str, str, str], int]
    """By business day, currency and kind of tender, in the smallest unit."""
    articles: dict[str, int]
    """By SKU, in thousandths: what left the shop."""

    @property
    def named_takings(self) -> dict[str, int]:
        """The takings under names for people."""
        return {" ".join(key): amount for key, amount in self.takings.items()}


class SalesReader(Protocol):
    """Reads sales wherever they are kept. Raises EventStoreAway where they are on a server."""

    async def page(
        self, after: int, *, store: str, from_day: str, tracked: str, limit: int
    ) -> list[SaleBody]:
        """Return completed sales behind a place in the order of arrival.

        Of a store by its slug, and from a day on, unless these are empty; `tracked` is a serial or
        lot number, in large or small letters (A to Z): something with it was sold, or came back.
        """
        ...

    async def newest(self) -> int:
        """Return the place of the newest sale in the order of arrival; 0 for none."""
        ...

    async def standing(self, days: Mapping[int, str]) -> dict[int, StoreStanding]:
        """Return what is counted of stores on a day of each."""
        ...

    async def alarms(self) -> dict[int, tuple[Alarm, ...]]:
        """Return what a person has to look at, by store, as far as it is kept with the sales."""
        ...

    async def projected(self, stores: Sequence[int]) -> dict[int, int]:
        """Return up to which event of each store the sales show; none for a store without any."""
        ...

    async def sold_between(self, store: int, after: int, upto: int) -> SoldBetween:
        """Add up the sales of a store completed by its events `after` + 1 to `upto`."""
        ...

    async def coupon_uses(self, *, doubles: bool, limit: int) -> list[CouponUseBody]:
        """Return the newest uses of coupons; or only those of codes used twice, by code."""
        ...

    async def tips(self, days: Mapping[int, str], limit: int) -> list[CashierTips]:
        """Return the tips of each store on its day, by cashier, at most so many a store."""
        ...
