"""A head office whose sales are in PostgreSQL answers as one whose sales are in `office.db`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.errors import SettingsInvalid
from edge.contract.sale_events import SaleCompleted
from edge.contract.tip_events import TipReturned
from edge.runtime.system_clock import SystemClock
from sync.appending.postgres_address import PostgresAddress
from sync.office.postgres_sales import PostgresSales
from sync.office.sales_reading import SalesReader
from sync.office.sqlite_sales import SqliteSales
from sync.office.store_directory import StoreDirectory
from tests.postgres_server import PASSWORD, PostgresServer
from tests.sync.office.busy_boxes import busy_box, came_back, coupon_sale
from tests.sync.office.head_office import Box, Served, sale_events, serve
from tests.sync.office.kept_sales import keeping
from tests.sync.office.postgres_office import kept_in, send
from tests.sync.office.sale_places import postgres_place, sqlite_place
from tests.sync.office.test_digests import digest_of

DAY = "2026-11-18"


def _boxes() -> list[Box]:
    """Shops with all that can be asked for: doubles, tips both ways, tracked and returned goods."""
    boxes = [busy_box(number, seed=number, sales=12) for number in (1, 2, 3)]
    for box in boxes:
        box.record(*coupon_sale(f"c-{box.number}", "TWICE"))
        for sale, tip, actor in (("t1", 150, "marta"), ("t2", 70, "pawel"), ("t3", -150, "pawel")):
            opened, line, cash, completed = sale_events(f"{sale}-{box.number}")
            assert isinstance(completed, SaleCompleted)
            box.record(opened, line, actor=actor)
            if tip < 0:
                back = TipReturned(
                    sale=f"{sale}-{box.number}",
                    original_sale=f"t1-{box.number}",
                    receipt="r",
                    amount_minor=-tip,
                    reason="wrong",
                )
                box.record(back, actor=actor)
            box.record(cash, msgspec.structs.replace(completed, tip_minor=tip), actor=actor)
    boxes[1].record(*came_back("back", f"t1-{boxes[0].number}", 1_000))
    boxes[2].record(*came_back("again", f"t1-{boxes[0].number}", 1_000))
    return boxes


async def _answers(reader: SalesReader, boxes: list[Box]) -> dict[str, Any]:
    """Everything that can be asked, by what was asked."""
    days = {box.number: DAY for box in boxes} | {9: DAY}
    everything = {"store": "", "from_day": "", "tracked": "", "limit": 500}
    found: dict[str, Any] = {
        "newest": await reader.newest(),
        "standing": await reader.standing(days),
        "another day": await reader.standing(dict.fromkeys(days, "2026-01-01")),
        "projected": await reader.projected([1, 3, 9]),
        "uses": sorted(await reader.coupon_uses(doubles=False, limit=500), key=repr),
        "some uses": len(await reader.coupon_uses(doubles=False, limit=3)),
        "doubles": await reader.coupon_uses(doubles=True, limit=500),
        "tips": await reader.tips(days, 500),
        "one tip": await reader.tips(days, 1),
    }
    for name, changed in (
        ("all", {}),
        ("few", {"limit": 7}),
        ("store", {"store": "shop-2"}),
        ("no store", {"store": "shop-99"}),
        ("day", {"from_day": DAY}),
        ("later day", {"from_day": "2099-01-01"}),
        ("serial", {"tracked": "sn-Ä1"}),
        ("serial, another umlaut", {"tracked": "sn-ä1"}),
        ("lot", {"tracked": "LOT 7"}),
        ("lot of a store", {"tracked": "Lot 7", "store": "shop-3", "from_day": DAY}),
        ("nothing", {"tracked": "%"}),
        ("no text", {"tracked": "lot\0 7"}),
    ):
        given: dict[str, Any] = {**everything, **changed}
        found[name] = await reader.page(3, **given)
    for box in boxes:
        half = len(box.bodies) // 2
        for after, upto in ((0, half), (half, len(box.bodies)), (0, 2**62)):
            between = await reader.sold_between(box.number, after, upto)
            found[f"between {box.number} {after} {upto}"] = between
    return found


async def test_both_readers_answer_the_same(tmp_path: Path, address: PostgresAddress) -> None:
    boxes = _boxes()
    (tmp_path / "other").mkdir()
    async with (
        sqlite_place(tmp_path) as local,
        postgres_place(tmp_path / "other", address, 1) as there,
    ):
        for place in (local, there):
            await (await keeping(place)).all(*boxes)
        reader = PostgresSales(address, there.directory, SystemClock())
        await reader.open()
        try:
            answers = await _answers(reader, boxes)
            alarms = await reader.alarms()
        finally:
            await reader.close()
        expected = await _answers(SqliteSales(local.file), boxes)
        for name, answer in expected.items():
            assert answers[name] == answer, name
        # and what they answer is something
        for name in ("uses", "doubles", "tips", "all", "store", "serial", "lot", "lot of a store"):
            assert expected[name], name
        for name in ("no store", "later day", "nothing", "serial, another umlaut"):
            assert expected[name] == [], name
        assert expected["standing"][1].tips_minor > 0
        assert len({use.store for use in expected["doubles"]}) == 3
        assert any(tips.cashier == "marta" and tips.sales for tips in expected["tips"])
        (back,) = [sale for sale in expected["all"] if sale.sale_id == "back"]
        assert back.lines[0].details.sold_in == "shop-1"
        assert alarms[3][0].kind == "returned_more_than_sold"
        assert alarms == await StoreDirectory(local.file, SystemClock()).alarms()


async def _everything(served: Served) -> dict[str, Any]:
    paths = (
        "/api/v1/sales?limit=500",
        "/api/v1/sales?store=shop-2",
        "/api/v1/coupons",
        "/api/v1/coupons?doubles=true",
        f"/api/v1/tips?day={DAY}",
    )
    found = {}
    for path in paths:
        status, body = await served.ask("GET", path)
        assert status == 200, (path, body)
        found[path] = body
    _, stores = await served.ask("GET", "/api/v1/stores")
    for store in stores["stores"]:
        # of their sessions, not of their sales
        for name in ("last_contact", "connected"):
            del store[name]
        # told four times a minute, by whoever looks first
        store["alarms"] = [each for each in store["alarms"] if each["kind"] != "quarantine"]
    found["stores"] = stores
    return found


async def test_an_office_answers_the_same_and_goes_on_after_a_restart(
    tmp_path: Path, address: PostgresAddress
) -> None:
    boxes = _boxes()
    async with serve(tmp_path / "local", *boxes) as served:
        await send(served, *boxes)
        expected = await _everything(served)
    there: dict[str, Any] = {"sales": "postgres", **kept_in(tmp_path, address, 1)}
    async with serve(tmp_path / "there", *boxes, **there) as served:
        await send(served, *boxes)
        assert await _everything(served) == expected
        rows = await served.office.file.read(
            lambda connection: connection.execute("SELECT count(*) FROM sale").fetchone()
        )
        assert rows == (0,)
    async with serve(tmp_path / "there", *boxes, **there) as served:
        assert await _everything(served) == expected
        boxes[0].sell("after")
        await send(served, boxes[0])
        assert (await served.sales(f"?after={expected['/api/v1/sales?limit=500']['next']}"))[0][
            "sale_id"
        ] == "after"
        assert "alarm" in json.dumps(expected["stores"])


async def test_a_digest_is_held_against_sales_in_postgres(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box = Box("shop-1", 1)
    for number in range(5):
        box.sell(f"sale-{number}", 300 + number)
    there: dict[str, Any] = {"sales": "postgres", **kept_in(tmp_path, address)}
    async with serve(tmp_path / "there", box, **there) as served, served.session(box) as (line, _):
        await line.say(digest_of(box))
        await line.upload(box.frame(0, 8))
        await served.until_projected(8, "shop-1")
        store = await served.store("shop-1")
        assert store["waiting_sales"] == 3
        await line.upload(box.frame(8))
        await served.until_projected(20, "shop-1")
        assert await _verdict(served) == "agrees"
        store = await served.store("shop-1")
        assert store["waiting_sales"] == 0


async def _verdict(served: Served) -> str:
    for _ in range(500):
        _, found = await served.ask("GET", "/api/v1/stores/shop-1/digest")
        if found["verdict"]:
            return str(found["verdict"])
        await asyncio.sleep(0.01)
    return ""


async def test_while_the_server_is_away_the_words_say_so_and_it_comes_back(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    box = Box("shop-1", 1)
    box.sell("a")
    there: dict[str, Any] = {
        "sales": "postgres",
        **kept_in(tmp_path, await own_postgres.new_database()),
    }
    async with serve(tmp_path / "there", box, **there) as served:
        await send(served, box)
        own_postgres.stop()
        for path in ("/api/v1/sales", "/api/v1/stores", f"/api/v1/tips?day={DAY}"):
            status, body = await served.ask("GET", path)
            assert (status, body["code"]) == (503, "postgres_unreachable"), (path, body)
        own_postgres.start()
        async with asyncio.timeout(20):
            while (await served.ask("GET", "/api/v1/sales"))[0] != 200:
                await asyncio.sleep(0.05)
        box.sell("b")
        await send(served, box)
        assert [each["sale_id"] for each in await served.sales()] == ["a", "b"]
        _, body = await served.ask("GET", "/health", signed_in=False)
        assert next(each for each in body["items"] if each["name"] == "sales")["well"]
        told = [json.loads(line)["event"] for line in served.log.getvalue().splitlines()]
        assert "task_defect" not in told
        assert "task_failed" not in told
        assert PASSWORD not in served.log.getvalue()


async def test_sales_in_postgres_need_their_frames_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        async with serve(tmp_path, sales="postgres"):
            pass
    assert refused.value.code == "sales_without_frames"
    assert 'store = "postgres"' in refused.value.advice
