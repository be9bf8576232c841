"""Where single-use coupons are: held by a sale that is not finished, or used up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from edge.runtime.database_file import DatabaseFile


class TakenCoupon(NamedTuple):
    """A sale that has a coupon; `receipt` is its number once it used the coupon up, else empty."""

    sale: str
    receipt: str


@dataclass(frozen=True)
class CouponUses:
    """Answers about single-use coupons, over the ledger's file."""

    file: DatabaseFile

    async def find(self, code: str) -> TakenCoupon | None:
        """Return the sale that has the coupon; None while it is free."""
        row = await self.file.read(
            lambda connection: connection.execute(
                "SELECT sale, receipt FROM coupon WHERE code = ?", (code,)
            ).fetchone()
        )
        return None if row is None else TakenCoupon(*row)
