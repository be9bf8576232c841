"""Promotions from the feed to the till, the receipt's job and the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.instant import local_minute
from edge.contract.promotion_data import BuyGet, Promotion, Selection
from edge.contract.reference_data import GONE, Feed, FeedItem, FeedPage, Price, PriceBook
from edge.contract.wire import encode
from edge.ledger.integrity import stored_events, verify
from tests.flows.box import MILK, PROFILE, Box, selling_box

PROMOTION = Promotion("milk", "3 for 2: one is free", BuyGet(2, 1, Selection(skus=("100",))))


async def send(box: Box, cursor: int, value: msgspec.Raw) -> None:
    page = FeedPage(Feed.PROMOTION, (FeedItem("milk", cursor, value),), cursor)
    status, body = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert status == 200, body


def events(box: Box) -> list[dict[str, Any]]:
    path = box.edge.settings.data_dir / "ledger.db"
    return [msgspec.json.decode(event.body) for event in stored_events(path, 0)]


async def test_a_promotion_that_head_office_sends_is_sold_by_at_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await send(box, 1, msgspec.Raw(encode(PROMOTION)))
        _, view = await box.command("add_item", code=MILK, quantity=3000)
        (line,) = view["lines"]
        assert (line["amount_minor"], line["listed_minor"]) == (258, 387)
        assert line["reductions"] == [
            {"source": "promotion", "name": "3 for 2: one is free", "amount_minor": 129}
        ]
        assert (view["total_minor"], view["due_minor"]) == (258, 258)
        before = view["lines"]
    async with selling_box(tmp_path) as box:  # from the events alone
        assert (await box.view())["lines"] == before
        status, view = await box.command("take_cash", amount_minor=300)
        assert (status, view["state"], view["change_minor"]) == (200, "done", 42)
        path = box.edge.settings.data_dir / "ledger.db"
        assert verify(path).whole
        reduced = [event["data"] for event in events(box) if event["type"] == "prices_reduced"]
        assert reduced[0]["reductions"][0]["lines"] == [{"line": "1", "amount_minor": 129}]


async def test_a_promotion_that_ends_in_the_middle_of_a_sale_counts_until_its_next_line(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        await send(box, 1, msgspec.Raw(encode(PROMOTION)))
        await box.command("add_item", code=MILK, quantity=3000)
        await send(box, 2, GONE)
        assert (await box.view())["total_minor"] == 258
        _, view = await box.command("add_item", code="101")
        assert view["total_minor"] == 387 + 45


def test_an_instant_has_a_weekday_and_a_minute_in_the_stores_zone() -> None:
    thursday_2330_utc = 1_795_735_800_000
    assert local_minute(thursday_2330_utc, ZoneInfo("UTC")) == (4, 23 * 60 + 30)
    assert local_minute(thursday_2330_utc, ZoneInfo("Europe/Warsaw")) == (5, 30)


async def test_a_sale_keeps_the_book_it_was_opened_with(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        book = PriceBook("winter", "Winter", 0)
        profile = msgspec.structs.replace(PROFILE, price_books=(book,))
        for feed, key, value in (
            (Feed.CONFIG, "store", profile),
            (Feed.PRICE, "winter/100", Price("100", 200, "winter")),
        ):
            cursor = (await box.call("GET", "/internal/v1/replica/status", headers=box.service))[1][
                "cursors"
            ][feed] + 1
            item = FeedItem(key, cursor, msgspec.Raw(encode(value)))
            page = FeedPage(feed, (item,), cursor)
            status, body = await box.call(
                "POST", "/internal/v1/replica/feed", page, headers=box.service
            )
            assert status == 200, body
        await box.command("abandon")
        _, view = await box.command("add_item", code=MILK)
        assert view["total_minor"] == 200
        opened = [event["data"] for event in events(box) if event["type"] == "sale_opened"]
        assert [data.get("price_book", "") for data in opened] == ["", "winter"]
