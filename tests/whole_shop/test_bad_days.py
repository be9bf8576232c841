"""Lost answers, hostile names, strangers on the bus, and weeks without head office."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import pytest

from tests.whole_shop.demo_shop import Shop, demo_shop, eventually

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

HOSTILE = "Tea \x1bp\x00\x32\x32 \x10\x14\x01\x00\x05 \x1b\x70 \x9b\x85 \u202e end"
"""ESC p, DLE DC4 and C1 bytes: the commands that open a drawer; and a direction trick."""


async def lose_the_answer(shop: Shop, body: dict[str, object]) -> None:
    """Send a command and cut the connection before the answer can be read."""
    host, port = shop.ready["edge_api"].removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    content = json.dumps(body).encode()
    head = [
        f"POST /api/v1/tills/{shop.ready['till']}/commands HTTP/1.1",
        f"Host: {host}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in shop.ready["session"].items()),
    ]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + content)
    await writer.drain()
    writer.transport.abort()


async def test_an_answer_lost_on_its_way_is_given_again_and_nothing_doubled(shop: Shop) -> None:
    article = shop.goods[0]
    for _ in range(5):
        body = {"command_id": str(uuid.uuid4()), "type": "add_item", "code": article["code"]}
        await lose_the_answer(shop, body)
        status, _ = await shop.command(
            "add_item", command_id=str(body["command_id"]), code=article["code"]
        )
        assert status == 200
    view = await shop.view()
    assert len(view["lines"]) == 5
    cash = {"command_id": str(uuid.uuid4()), "type": "take_cash", "amount_minor": 10_000}
    await lose_the_answer(shop, cash)
    status, view = await shop.command(
        "take_cash", command_id=str(cash["command_id"]), amount_minor=10_000
    )
    assert (status, view["state"]) == (200, "done")
    events = [e for e in shop.ledger_events() if e["data"].get("sale") == view["sale_id"]]
    assert sum(event["type"] == "cash_tendered" for event in events) == 1
    assert sum(event["type"] == "line_added" for event in events) == 5


async def test_a_hostile_name_opens_no_drawer(shop: Shop) -> None:
    article = {
        "key": "666001",
        "value": {"sku": "666001", "name": HOSTILE, "tax": "reduced", "codes": ["9520009990019"]},
    }
    price = {"key": "666001", "value": {"sku": "666001", "price_minor": 100}}
    for feed, item in (("catalogue", article), ("price", price)):
        async with shop.client.put(
            f"{shop.ready['office_api']}/api/v1/feeds/{feed}",
            json={"items": [item]},
            headers=shop.ready["office_session"],
        ) as response:
            assert response.status == 200, await response.text()

    async def known() -> bool | None:
        status, _ = await shop.command("add_item", code="666001")
        return True if status == 200 else None

    await eventually(known, what="the article reaches the box")
    pulses = (await shop.counter("GET", "drawer"))["pulses"]
    view = await shop.view()
    await shop.insist("pay_by_card", amount_minor=view["due_minor"])
    view = await shop.until_view(
        lambda view: (view["receipt"] or {}).get("state") == "printed", what="it is printed"
    )
    assert (await shop.counter("GET", "drawer"))["pulses"] == pulses
    (paper,) = [paper for paper in await shop.papers() if view["receipt_number"] in paper]
    assert "Tea" in paper
    assert not {char for char in paper if ord(char) < 32 and char != "\n"}


async def test_garbage_on_the_serial_line_is_dropped_and_the_next_scan_counts(
    shop: Shop,
) -> None:
    for junk in ("\x00\x01\x02\x03\r", "\x1b\x1b" + "9" * 30 + "\r", "\xff" * 50 + "\r"):
        await shop.counter("POST", "scan", {"code": junk, "raw": True})
    await shop.scan(shop.goods[6]["code"])
    view = await shop.until_view(
        lambda view: any(line["sku"] == shop.goods[6]["sku"] for line in view["lines"]),
        what="the good scan",
    )
    assert len(view["lines"]) == 1


async def test_a_scan_during_a_payment_is_refused_in_words(shop: Shop) -> None:
    await shop.counter("POST", "terminal", {"next": "ask"})
    await shop.insist("add_item", code=shop.goods[0]["code"])
    await shop.insist("pay_by_card", amount_minor=shop.goods[0]["price_minor"])

    async def asked() -> bool | None:
        return True if (await shop.counter("GET", "terminal"))["asked_minor"] else None

    await eventually(asked, what="the terminal asks for a card")
    await shop.scan(shop.goods[1]["code"])
    view = await shop.until_view(
        lambda view: bool(view["notice"]) and view["notice"]["tone"] == "refused",
        what="the refusal",
    )
    assert view["state"] == "paying"
    assert len(view["lines"]) == 1
    await shop.counter("POST", "terminal/press", {"key": "approve"})
    await shop.until_view(lambda view: view["state"] == "done", what="approved")


async def test_five_hundred_sales_without_head_office_arrive_once_and_in_order(
    shop: Shop,
) -> None:
    await shop.counter("POST", "link", {"up": False})
    sold = []
    for number in range(500):
        article = shop.goods[number % 10]
        await shop.insist("add_item", code=article["code"])
        _, view = await shop.insist("take_cash", amount_minor=article["price_minor"] + number % 7)
        assert view["state"] == "done", view
        sold.append(view["sale_id"])
    assert (await shop.view())["link"]["waiting_sales"] >= 500
    await shop.counter("POST", "link", {"up": True})
    await shop.until_view(lambda view: view["link"]["waiting_sales"] == 0, what="nothing waits")
    await shop.until_office_has(sold[-1])
    mine = set(sold)
    assert [s["sale_id"] for s in await shop.office_sales() if s["sale_id"] in mine] == sold
    assert shop.verify()["whole"]


async def test_the_shop_sells_over_the_embedded_broker_too(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder: Path = tmp_path_factory.mktemp("embedded")
    async with demo_shop(folder, "--broker", "embedded") as shop:
        assert shop.ready["broker"] == "embedded"
        for number, tender in enumerate(("cash", "card", "cash"), 1):
            await shop.scan(shop.goods[0]["code"])
            view = await shop.until_view(lambda view: view["state"] == "open", what="the line")
            due = view["due_minor"]
            if tender == "cash":
                _, view = await shop.insist("take_cash", amount_minor=due + 5)
                assert (view["state"], view["change_minor"]) == ("done", 5)
            else:
                await shop.insist("pay_by_card", amount_minor=due)
            view = await shop.until_view(
                lambda view: (view["receipt"] or {}).get("state") == "printed", what="printed"
            )
            assert len(await shop.papers()) == number
            sale = await shop.until_office_has(view["sale_id"])
            assert [each["kind"] for each in sale["tenders"]] == [tender]
        await shop.until_quiet()
        assert (await shop.counter("GET", "drawer"))["pulses"] == 2
        assert len(await shop.booked()) == 1
        old = shop.kill("broker")
        await shop.until_restarted("broker", old)
        await shop.until_well()
        await shop.scan(shop.goods[1]["code"])
        await shop.until_view(lambda view: view["state"] == "open", what="the line afterwards")
