"""Deposits at a real box, and scans that are empties while a cashier takes them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from edge.contract.reference_data import Article, Feed, FeedItem, FeedPage, Price
from edge.contract.wire import encode
from tests.flows.box import MILK, PROFILE, Box, selling_box
from tests.flows.fake_host import fake_host, until_view
from tests.flows.test_price_checks import scan
from tests.flows.test_promotions import events

WATER: Final = "9520000000066"
ARTICLES: Final = (
    Article("200", "Water 1 l", "B", (WATER,), deposit_sku="201"),
    Article("201", "Bottle deposit", "B", deposit=True, key="1:4"),
)


async def taught(box: Box) -> None:
    """Head office sends a bottle, its deposit, and how much in empties a cashier may take."""
    profile = msgspec.structs.replace(PROFILE, empties_max_minor=1_000)
    feeds: dict[Feed, list[tuple[str, Any]]] = {
        Feed.CONFIG: [("store", profile)],
        Feed.PRICE: [("200", Price("200", 79)), ("201", Price("201", 25))],
        Feed.CATALOGUE: [(article.sku, article) for article in ARTICLES],
    }
    for feed, items in feeds.items():
        page = FeedPage(
            feed,
            tuple(
                FeedItem(key, 90 + n, msgspec.Raw(encode(value)))
                for n, (key, value) in enumerate(items)
            ),
            99,
        )
        status, _ = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
        assert status == 200


async def test_goods_bring_their_deposit_and_take_it_along(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await taught(box)
        _, view = await box.command("add_item", code=WATER, quantity=2_000)
        assert [(each["sku"], each["deposit_of"]) for each in view["lines"]] == [
            ("200", ""),
            ("201", "1"),
        ]
        assert view["total_minor"] == 208
        _, view = await box.command("void_line", line_id="1")
        assert [each["voided"] for each in view["lines"]] == [True, True]
        _, keys = await box.call("GET", "/api/v1/quick-keys")
        assert [key["deposit"] for key in keys["pages"][0]["keys"]] == [False, False, False, True]


async def test_scans_are_empties_while_they_come_back(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await taught(box)
        status, view = await box.call("POST", "/api/v1/tills/till-1/empties")
        assert status == 200, view
        assert view["empties"]
        await scan(host, WATER, 1)
        view = await until_view(box.view, lambda now: len(now["lines"]) == 1, what="1 lines")
        assert (view["lines"][0]["entry"], view["refund_due_minor"]) == ("returned", 25)
        assert view["empties"]
        status, view = await box.call("DELETE", "/api/v1/tills/till-1/empties")
        assert (status, view["empties"]) == (200, False)
        await scan(host, MILK, 2)
        view = await until_view(box.view, lambda now: len(now["lines"]) == 2, what="2 lines")
        assert view["total_minor"] == 129 - 25


async def test_they_end_with_the_customer(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await taught(box)
        await box.call("POST", "/api/v1/tills/till-1/empties")
        _, view = await box.command("return_empties", code="201", quantity=4_000)
        assert (view["refund_due_minor"], view["empties"]) == (100, True)
        _, view = await box.command("give_cash", amount_minor=40)
        assert not view["empties"]
        status, refused = await box.call("POST", "/api/v1/tills/till-1/empties")
        assert (status, refused["code"]) == (409, "refunded_already")
        _, view = await box.command("give_cash", amount_minor=60)
        assert view["state"] == "done"
        _, view = await box.command("next_sale")
        assert not view["empties"]
        (back,) = (each["data"] for each in events(box) if each["type"] == "line_returned")
        assert (back["reason"], back["deposit"], back["gross_minor"]) == ("empties", True, 100)


async def test_another_cashier_s_scans_are_goods(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await taught(box)
        await box.call("POST", "/api/v1/tills/till-1/empties")
        await box.call("DELETE", "/api/v1/session")
        assert (await box.sign_in("joao"))[0] == 200
        await scan(host, WATER, 3)
        view = await until_view(box.view, lambda now: len(now["lines"]) == 2, what="2 lines")
        assert view["lines"][0]["entry"] == "scanned"


async def test_above_the_limit_a_cashier_is_refused(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await taught(box)
        status, refused = await box.command("return_empties", code=WATER, quantity=41_000)
        assert (status, refused["code"]) == (409, "needs_approval")
        assert refused["params"] == {"permission": "return_without_receipt"}
