"""Coupons that completed sales used up, and which single-use codes were used more than once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edge.contract.limits import (
    SALES_PER_PAGE,
)
from edge.runtime.database_file import DatabaseFile

_USES: Final = (
    "SELECT coupon_use.code, campaign, coupon_use.name, single_use, slug, till, receipt, used_at,"
    " single_use = 1 AND (SELECT count(*) FROM coupon_use AS other"
    " WHERE other.code = coupon_use.code AND other.used_at > 0) > 1 AS double FROM coupon_use"
    " JOIN store ON store.number = coupon_use.store"
    " JOIN sale ON sale.store = coupon_use.store AND sale.sale = coupon_use.sale"
    " WHERE used_at > 0"
)
_NEWEST: Final = f"{_USES} ORDER BY used_at DESC, code LIMIT ?"
_DOUBLES: Final = f"{_USES} AND double ORDER BY coupon_use.code, used_at, slug LIMIT ?"


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


class CouponUsesBody(msgspec.Struct, frozen=True):
    """Uses of coupons, the newest first; doubles stand together, by code."""

    uses: tuple[CouponUseBody, ...]


@dataclass(frozen=True)
class CouponUses:
    """Reads what `coupon_projection` wrote."""

    file: DatabaseFile

    async def newest(self, *, doubles: bool) -> CouponUsesBody:
        """Return the newest uses, one page at most; or only those of codes used twice."""

        def query(connection: sqlite3.Connection) -> list[Any]:
            statement = _DOUBLES if doubles else _NEWEST
            return connection.execute(statement, (SALES_PER_PAGE,)).fetchall()

        return CouponUsesBody(tuple(_use(*row) for row in await self.file.read(query)))


def _use(
    code: str,
    campaign: str,
    name: str,
    single_use: int,
    store: str,
    till: str,
    receipt: str,
    used_at: int,
    double: int,
) -> CouponUseBody:
    single, twice = bool(single_use), bool(double)
    return CouponUseBody(code, campaign, name, single, store, till, receipt, used_at, twice)
