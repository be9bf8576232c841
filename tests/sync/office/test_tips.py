"""Tips at head office: beside the takings, by cashier, of today or of another day."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from edge.contract.envelope import seal
from edge.contract.event_registry import Event
from edge.contract.instant import business_day
from edge.contract.limits import (
    SALE_TOTAL_MINOR_MAX,
)
from edge.contract.return_events import CashReturned
from edge.contract.sale_events import CashTendered, SaleAbandoned, SaleCompleted, SaleOpened
from edge.contract.tip_events import TipReturned, TipSet
from edge.runtime.system_clock import SystemClock
from tests.sync.office.head_office import AT, Box, Served, sale_events, serve
from tests.sync.office.test_coupons import _read_again
from tests.sync.office.test_projector import _arrive


def with_tip(sale: str, tip_minor: int, *set_before: int) -> list[Event]:
    opened, line, cash, completed = sale_events(sale)
    assert isinstance(cash, CashTendered)
    assert isinstance(completed, SaleCompleted)
    return [
        opened,
        line,
        *(TipSet(sale=sale, amount_minor=each) for each in (*set_before, tip_minor)),
        replace(cash, amount_minor=cash.amount_minor + tip_minor),
        replace(completed, tip_minor=tip_minor),
    ]


async def tips(served: Served, query: str = "") -> list[dict[str, Any]]:
    status, body = await served.ask("GET", f"/api/v1/tips{query}")
    assert status == 200, body
    found: list[dict[str, Any]] = body["tips"]
    return found


async def test_a_tip_is_shown_beside_the_total_and_is_no_takings(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        box.record(*with_tip("a", 40, 99))
        box.sell("b")
        await _arrive(served, box)
        store = await served.store()
        assert (store["quarantined"], store["parked"]) == (0, 0)
        _, body = await served.ask("GET", "/api/v1/sales")
        assert [(each["total_minor"], each["tip_minor"]) for each in body["sales"]] == [
            (300, 40),
            (300, 0),
        ]
        for sale in body["sales"]:
            paid = sum(each["amount_minor"] for each in sale["tenders"]) - sale["change_minor"]
            assert paid == sale["total_minor"] + sale["tip_minor"] + sale["rounding_minor"]


async def test_tips_are_added_up_by_cashier_and_day(tmp_path: Path) -> None:
    box, far = Box(), Box("far-away", 2)
    async with serve(tmp_path, box, far) as served:
        box.record(*with_tip("a", 40))
        box.record(*with_tip("b", 60), actor="paul")
        box.record(*with_tip("c", 5))
        box.sell("d")
        await _arrive(served, box)
        far.record(*with_tip("z", 7))
        async with served.session(far) as (line, welcome):
            await line.upload(far.frame(welcome.head.seq))
        await served.until_projected(len(far.bodies), "far-away")
        day = "2026-11-18"
        here = {"store": "harbour-street", "day": day, "currency": "EUR"}
        assert await tips(served, f"?day={day}") == [
            {**here, "cashier": "marta", "sales": 2, "tip_minor": 45},
            {**here, "cashier": "paul", "sales": 1, "tip_minor": 60},
            {**here, "store": "far-away", "cashier": "marta", "sales": 1, "tip_minor": 7},
        ]
        assert [each["tip_minor"] for each in await tips(served, f"?day={day}&store=far-away")] == [
            7
        ]
        assert await tips(served, "?day=2026-11-17") == []
        status, body = await served.ask("GET", "/api/v1/tips?day=yesterday")
        assert (status, body["code"]) == (400, "query_malformed")
        assert "day is a day like" in body["message"]
        status, body = await served.ask("GET", "/api/v1/tips?store=nowhere")
        assert (status, body["code"]) == (404, "unknown_store")


async def test_without_a_day_each_stores_own_day_of_this_moment_is_meant(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        box.record(*with_tip("a", 40))
        await _arrive(served, box)
        assert await tips(served) == []  # of another day
        today = business_day(SystemClock().now_ms(), ZoneInfo("UTC"))
        first = len(box.bodies) + 1
        for number, event in enumerate(with_tip("b", 15), first):
            box.bodies.append(
                seal(event, store=1, gen=1, seq=number, day=today, at=AT, till="till-1", actor="li")
            )
        await _arrive(served, box)
        assert [(each["cashier"], each["tip_minor"]) for each in await tips(served)] == [("li", 15)]
        assert (await served.store())["tips_today_minor"] == 15


async def test_a_tip_that_no_sale_has_is_kept_apart(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        box.record(*with_tip("a", SALE_TOTAL_MINOR_MAX + 1))
        box.record(*with_tip("b", 12))
        await _arrive(served, box)
        assert (await served.store())["quarantined"] == 1
        assert [each["tip_minor"] for each in await tips(served, "?day=2026-11-18")] == [12]


async def test_what_is_read_again_is_the_same(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        box.record(*with_tip("a", 40, 99, 0))
        await _arrive(served, box)
        before = await tips(served, "?day=2026-11-18")
        await _read_again(served.office.projector)
        assert await tips(served, "?day=2026-11-18") == before


def giving_back(sale: str, original: str, tip_minor: int, *between: Event) -> list[Event]:
    back = TipReturned(
        sale=sale,
        original_sale=original,
        receipt=f"till-1-{original}",
        amount_minor=tip_minor,
        reason="mistyped",
    )
    return [
        SaleOpened(sale=sale, currency="EUR"),
        back,
        *between,
        CashReturned(sale=sale, tender="1", amount_minor=tip_minor),
        SaleCompleted(
            sale=sale, receipt=f"till-1-{sale}", total_minor=0, taxes=(), tip_minor=-tip_minor
        ),
    ]


async def test_a_tip_that_went_back_comes_off_those_of_whoever_had_it(tmp_path: Path) -> None:
    box = Box()
    async with serve(tmp_path, box) as served:
        box.record(*with_tip("a", 40))
        box.record(*with_tip("b", 500), actor="paul")
        box.record(*giving_back("c", "b", 500), actor="sofia")
        opened, back, *_ = giving_back("d", "a", 40)
        box.record(opened, back, TipSet(sale="d", amount_minor=0), SaleAbandoned(sale="d"))
        box.record(*giving_back("e", "a", 40)[:2], SaleAbandoned(sale="e"))
        box.record(*giving_back("f", "never heard of", 3), actor="sofia")
        other, _, *rest = giving_back("g", "h", 10)
        out_again = TipSet(sale="g", amount_minor=0)
        _, of_a, *_ = giving_back("g", "a", 40)
        _, of_h, *_ = giving_back("g", "h", 10)
        box.record(*with_tip("h", 10), actor="paul")
        box.record(other, of_a, out_again, of_h, *rest)
        await _arrive(served, box)
        store = await served.store()
        assert (store["quarantined"], store["parked"]) == (0, 0)
        found = await tips(served, "?day=2026-11-18")
        assert [(each["cashier"], each["sales"], each["tip_minor"]) for each in found] == [
            ("marta", 1, 40),
            ("paul", 2, 0),
            ("sofia", 0, -3),
        ]
        before = found
        await _read_again(served.office.projector)
        assert await tips(served, "?day=2026-11-18") == before
        _, body = await served.ask("GET", "/api/v1/sales")
        assert sum(each["tip_minor"] for each in body["sales"]) == 37
