"""Coupons at the tills of a store: once is once, also at two tills, parked, and after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from edge.contract.coupon_data import Coupon, UsedCoupon
from edge.contract.promotion_data import AmountOff, Promotion, Selection
from edge.contract.reference_data import GONE, Feed, FeedItem, FeedPage
from edge.contract.wire import encode
from edge.ledger.integrity import verify
from edge.ledger.projections import PROJECTED_TABLES, rebuild
from tests.flows.box import MILK, Box, selling_box
from tests.flows.test_parking import second_till
from tests.flows.test_promotions import events

CODE = "WELCOME-17"
MILK_OFF = Promotion(
    "milk", "0.29 off milk", AmountOff(29, Selection(skus=("100",))), coupon="welcome"
)


async def feed(box: Box, kind: Feed, key: str, value: object) -> None:
    """Let head office send one item."""
    _, status = await box.call("GET", "/internal/v1/replica/status", headers=box.service)
    cursor = status["cursors"][kind] + 1
    raw = GONE if value is None else msgspec.Raw(encode(value))
    page = FeedPage(kind, (FeedItem(key, cursor, raw),), cursor)
    code, body = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert code == 200, body


async def campaign(box: Box) -> None:
    await feed(box, Feed.PROMOTION, "milk", MILK_OFF)
    for code in (CODE, "WELCOME-18"):
        coupon = Coupon(code, "welcome", "0.29 off milk", single_use=True)
        await feed(box, Feed.COUPON, code, coupon)


def ledger(box: Box) -> Path:
    return box.edge.settings.data_dir / "ledger.db"


def stand(box: Box) -> list[tuple[str, str]]:
    """Return code and receipt of every single-use coupon that a sale has."""
    with closing(sqlite3.connect(ledger(box))) as connection:
        return connection.execute("SELECT code, receipt FROM coupon ORDER BY code").fetchall()


async def test_a_coupon_is_used_up_by_the_sale_that_it_makes_cheaper(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await campaign(box)
        status, view = await box.command("add_coupon", code=" welcome-17")
        assert (status, view["state"], view["total_minor"]) == (200, "open", 0)
        assert view["coupons"] == [
            {"code": CODE, "name": "0.29 off milk", "single_use": True, "counts": False}
        ]
        assert stand(box) == [(CODE, "")]
    async with selling_box(tmp_path) as box:  # killed in the middle: the sale holds it still
        _, view = await box.command("add_item", code=MILK)
        assert (view["total_minor"], view["coupons"][0]["counts"]) == (100, True)
        _, view = await box.command("take_cash", amount_minor=100)
        assert view["state"] == "done"
        (done,) = [each["data"] for each in events(box) if each["type"] == "sale_completed"]
        assert done["coupons"] == [CODE]
        assert stand(box) == [(CODE, "till-1-000001")]
    async with selling_box(tmp_path) as box:
        status, refused = await box.command("add_item", code=CODE)  # as a scanner reads it
        assert (status, refused["code"]) == (409, "coupon_used")
        assert refused["params"] == {"code": CODE, "receipt": "till-1-000001"}
        assert verify(ledger(box)).whole


async def test_two_tills_that_present_the_same_coupon_get_it_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await campaign(box)
        for _ in range(5):
            answers: list[tuple[int, Any]] = await asyncio.gather(
                box.command("add_coupon", code=CODE),
                other.command("add_item", till="till-2", code=CODE),
            )
            assert sorted(status for status, _ in answers) == [200, 409]
            first = "till-1" if answers[0][0] == 200 else "till-2"
            (refused,) = [body for status, body in answers if status == 409]
            assert refused["code"] == "coupon_held_at_till"
            assert refused["params"] == {"code": CODE, "till": first}
            holder = box if first == "till-1" else other
            await holder.command("abandon", till=first)
            assert stand(box) == []


async def test_a_parked_sale_holds_its_coupon_and_says_where(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await campaign(box)
        await box.command("add_item", code=MILK)
        await box.command("add_coupon", code=CODE)
        _, view = await box.command("park", label="Ana")
        (parked,) = view["parked"]
        assert parked["total_minor"] == 100
    async with selling_box(tmp_path) as box, second_till(box) as other:
        status, refused = await box.command("add_coupon", code=CODE)
        assert (status, refused["code"]) == (409, "coupon_held_parked")
        assert refused["params"] == {"code": CODE, "till": "till-1", "label": "Ana"}
        _, view = await other.command("resume", till="till-2", sale_id=parked["sale_id"])
        assert [each["code"] for each in view["coupons"]] == [CODE]
        _, view = await other.command("remove_coupon", till="till-2", code=CODE)
        assert (view["total_minor"], view["coupons"]) == (129, [])
        status, _ = await box.command("add_coupon", code=CODE)
        assert status == 200


async def test_what_another_store_used_is_refused_and_may_be_given_free_again(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        await campaign(box)
        used = UsedCoupon(CODE, "market-square", "till-3-000017", 5)
        await feed(box, Feed.USED_COUPON, CODE, used)
        status, refused = await box.command("add_coupon", code=CODE)
        assert (status, refused["code"]) == (409, "coupon_used_elsewhere")
        assert refused["params"]["store"] == "market-square"
        await feed(box, Feed.USED_COUPON, CODE, None)
        assert (await box.command("add_coupon", code=CODE))[0] == 200
        await feed(box, Feed.COUPON, CODE, None)  # a sale keeps what it holds
        _, view = await box.command("add_item", code=MILK)
        assert view["total_minor"] == 100


async def test_a_repeat_gets_its_answer_also_once_the_coupon_is_used(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await campaign(box)
        await box.command("add_item", code=MILK)
        wish = {"command_id": "coupon-0001", "code": CODE}
        first = await box.command("add_coupon", **wish)
        await box.command("take_cash", amount_minor=100)
    async with selling_box(tmp_path) as box:
        assert await box.command("add_coupon", **wish) == first
        counted = Counter(each["type"] for each in events(box))
        assert counted["coupon_presented"] == 1
        assert stand(box) == [(CODE, "till-1-000001")]


async def test_the_list_of_coupons_follows_from_the_events_alone(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await campaign(box)
        await box.command("add_item", code=MILK)
        await box.command("add_coupon", code=CODE)
        await box.command("take_cash", amount_minor=100)
        await other.command("add_coupon", till="till-2", code="WELCOME-18")
    with closing(sqlite3.connect(ledger(box))) as connection:
        before = {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
            for table in PROJECTED_TABLES
        }
        assert len(before["coupon"]) == 2
        rebuild(connection)
        for table, rows in before.items():
            assert connection.execute(f"SELECT * FROM {table}").fetchall() == rows  # noqa: S608
