"""Coupons of sales: which were used up where. The first use of a single-use code goes to all.

Two stores without a line may both take the same code: nothing can hinder that, so both uses stand
here, and `coupon_uses` shows them as doubles.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge.contract.coupon_data import UsedCoupon
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.reference_data import Feed
from edge.contract.sale_events import SaleCompleted
from sync.office.feeds import put_first


def _presented(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CouponPresented
) -> None:
    connection.execute(
        "INSERT INTO coupon_use (store, sale, code, campaign, name, single_use)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            envelope.store,
            event.sale,
            event.code,
            event.campaign,
            event.name,
            event.single_use,
        ),
    )


def _removed(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CouponRemoved
) -> None:
    connection.execute(
        "DELETE FROM coupon_use WHERE store = ? AND sale = ? AND code = ? AND used_at = 0",
        (envelope.store, event.sale, event.code),
    )


def use_coupons(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: SaleCompleted
) -> None:
    """Note which coupons a completed sale used up, and let all stores know of single-use ones."""
    place = (envelope.store, event.sale)
    connection.executemany(
        "UPDATE coupon_use SET used_at = ? WHERE store = ? AND sale = ? AND code = ?",
        [(envelope.at, *place, code) for code in event.coupons],
    )
    drop_coupons(connection, place)
    for code, slug in connection.execute(
        "SELECT code, slug FROM coupon_use JOIN store ON number = store"
        " WHERE store = ? AND sale = ? AND single_use = 1",
        place,
    ).fetchall():
        used = UsedCoupon(code, slug, event.receipt, envelope.at)
        # a code that no feed would carry is told to nobody; the sale and its money stand
        with contextlib.suppress(ValueError):
            put_first(connection, Feed.USED_COUPON, code, msgspec.json.encode(used))


def drop_coupons(connection: sqlite3.Connection, place: tuple[int, str]) -> None:
    """Forget the coupons that a sale (store and id) held and did not use."""
    connection.execute("DELETE FROM coupon_use WHERE store = ? AND sale = ? AND used_at = 0", place)


COUPON_STEPS: Final[
    dict[type[Event], Callable[[sqlite3.Connection, SealedEnvelope, Any], None]]
] = {
    CouponPresented: _presented,
    CouponRemoved: _removed,
}
