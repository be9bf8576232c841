"""Coupons at head office: who used which, codes used twice, and what all stores hear of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.customer_events import CustomerSet
from edge.contract.event_registry import Event
from edge.contract.reference_data import Feed, FeedPage
from edge.contract.sale_events import SaleAbandoned, SaleCompleted
from sync.office.projector import Projector
from tests.sync.office.head_office import Box, Served, sale_events, serve
from tests.sync.office.test_projector import _arrive


def with_coupons(sale: str, *held: str, used: tuple[str, ...], once: bool = True) -> list[Event]:
    opened, *others, completed = sale_events(sale)
    assert isinstance(completed, SaleCompleted)
    presented = [
        CouponPresented(sale=sale, code=code, campaign="welcome", name="Off", single_use=once)
        for code in held
    ]
    return [opened, *presented, *others, replace(completed, coupons=used)]


async def uses(served: Served, query: str = "") -> list[dict[str, Any]]:
    status, body = await served.ask("GET", f"/api/v1/coupons{query}")
    assert status == 200, body
    found: list[dict[str, Any]] = body["uses"]
    return found


async def feed(served: Served) -> list[tuple[str, str]]:
    status, page = await served.ask("GET", "/api/v1/feeds/used_coupon?after=0")
    assert status == 200
    return [(item["key"], (item["value"] or {}).get("store", "gone")) for item in page["items"]]


async def test_a_completed_sale_uses_coupons_up_and_no_other_does(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        box.record(*with_coupons("a", "ONE-1", "TWO-2", used=("ONE-1",)))
        box.record(*with_coupons("b", "THREE", used=("THREE",), once=False))
        box.record(*with_coupons("c", "FOUR", used=("FOUR",))[:3], SaleAbandoned(sale="c"))
        opened = with_coupons("d", "FIVE", used=())
        box.record(*opened[:2], CouponRemoved(sale="d", code="FIVE"), *opened[2:])
        await _arrive(served, box)
        assert (await served.store())["quarantined"] == 0
        found = {each["code"]: each for each in await uses(served)}
        assert set(found) == {"ONE-1", "THREE"}
        assert found["ONE-1"] == {
            "code": "ONE-1",
            "campaign": "welcome",
            "name": "Off",
            "single_use": True,
            "store": "harbour-street",
            "till": "till-1",
            "receipt_number": "till-1-a",
            "used_at": found["ONE-1"]["used_at"],
            "double": False,
        }
        assert await uses(served, "?doubles=true") == []
        assert await feed(served) == [("ONE-1", "harbour-street")]
        status, body = await served.ask("GET", "/api/v1/coupons?doubles=maybe")
        assert (status, body["code"]) == (400, "query_malformed")


async def test_a_code_that_two_stores_took_is_a_double_and_the_first_one_stands(
    tmp_path: Path,
) -> None:
    here, far = Box(), Box("far-away", 2)
    async with serve(tmp_path, here, far) as served:
        here.record(*with_coupons("a", "ONE-1", used=("ONE-1",)))
        await _arrive(served, here)
        far.record(*with_coupons("z", "ONE-1", "TWO-2", used=("ONE-1", "TWO-2")))
        async with served.session(far) as (line, welcome):
            await line.upload(far.frame(welcome.head.seq))
        await served.until_projected(len(far.bodies), "far-away")
        doubles = await uses(served, "?doubles=true")
        assert [(each["code"], each["store"], each["double"]) for each in doubles] == [
            ("ONE-1", "harbour-street", True),
            ("ONE-1", "far-away", True),
        ]
        assert {each["code"]: each["double"] for each in await uses(served)} == {
            "ONE-1": True,
            "TWO-2": False,
        }
        assert await feed(served) == [("ONE-1", "harbour-street"), ("TWO-2", "far-away")]


async def test_other_stores_hear_of_a_used_code_while_they_are_on_the_line(tmp_path: Path) -> None:
    here, far = Box(), Box("far-away", 2)
    async with (
        serve(tmp_path, here, far) as served,
        served.session(far, cursors={Feed.USED_COUPON: 0}) as (line, _),
    ):
        here.record(*with_coupons("a", "ONE-1", used=("ONE-1",)))
        await _arrive(served, here)
        page: FeedPage = (await line.next()).page
        assert (page.feed, [item.key for item in page.items]) == (Feed.USED_COUPON, ["ONE-1"])


async def test_a_code_that_a_person_made_free_stays_free_when_events_are_read_again(
    tmp_path: Path,
) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        opened, one, *others = with_coupons("a", "ONE-1", "TWO-2", used=("ONE-1",))
        box.record(opened, one, CouponRemoved(sale="a", code="ONE-1"), one, *others)
        await _arrive(served, box)
        assert [each["code"] for each in await uses(served)] == ["ONE-1"]
        free = {"items": [{"key": "ONE-1", "value": None}]}
        status, _ = await served.ask("PUT", "/api/v1/feeds/used_coupon", free)
        assert status == 200
        before = await uses(served)
        await _read_again(served.office.projector)
        assert await uses(served) == before
        assert await feed(served) == [("ONE-1", "gone")]
        assert (await served.store())["quarantined"] == 0


async def _read_again(projector: Projector) -> None:
    projector.read_again()
    while await projector.step():
        pass


async def test_a_code_that_no_feed_would_carry_does_not_cost_the_sale(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        box.record(*with_coupons("a", "no code", used=("no code", "never presented")))
        assert len(await _arrive(served, box)) == 1
        assert [each["code"] for each in await uses(served)] == ["no code"]
        assert await feed(served) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("welcome-17", "Expected `str` matching"),
        ("4011", "Expected `str` matching"),
        ("9520000079192", "Expected `str` matching"),
        ("A-4111111111111111", "card number"),
    ],
)
async def test_codes_that_may_mean_something_else_are_not_taken(
    tmp_path: Path, code: str, reason: str
) -> None:
    async with serve(tmp_path) as served:
        value = {"code": code, "campaign": "welcome", "name": "Off"}
        status, body = await served.ask(
            "PUT", "/api/v1/feeds/coupon", {"items": [{"key": code, "value": value}]}
        )
        assert status == 422
        assert reason in body["message"]


async def test_a_sale_has_the_number_of_its_customer(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        for sale, last in (("a", "K7Q4-M2XD"), ("b", "")):
            opened, *others = sale_events(sale)
            known = [CustomerSet(sale=sale, customer=each) for each in ("K7Q4-M2XD", last)]
            box.record(opened, *known, *others)
        sales = await _arrive(served, box)
        assert [each["customer"] for each in sales] == ["K7Q4-M2XD", ""]
