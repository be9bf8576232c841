"""What head office stops or prices at once: at the till with the next article, and in no basket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.reference_data import Feed, FeedItem, FeedPage, PriceBook, Urgent
from edge.contract.wire import encode
from sync.office.feeds import canonical
from tests.flows.box import MILK, PROFILE, Box, selling_box


async def put(box: Box, cursor: int, urgent: Urgent | None, feed: Feed = Feed.URGENT) -> None:
    page = FeedPage(feed, (FeedItem("100", cursor, msgspec.Raw(encode(urgent))),), cursor)
    status, body = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert status == 200, body


async def add(box: Box) -> tuple[int, Any]:
    return await box.command("add_item", code=MILK)


async def test_a_stopped_article_is_not_sold_and_is_taken_back(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        assert (await add(box))[0] == 200
        before = (await box.view())["goods"]
        await put(box, 1, Urgent("100", stopped=True, reason="Recall: glass."))
        assert (await box.view())["goods"] != before
        status, body = await add(box)
        assert (status, body["code"]) == (409, "article_stopped")
        assert body["params"] == {"name": "Whole milk 1 l", "reason": "Recall: glass."}
        assert body["advice"] == "Put it aside; do not sell it. Recall: glass."
        # what is in the basket stays for the cashier to take out
        view = await box.view()
        assert len(view["lines"]) == 1
        await box.command("void_line", line_id="1", reason="recall")
        status, body = await box.command("abandon")
        assert status == 200, body
        await box.sign_in("sofia", "9753")
        status, view = await box.command("return_item", code=MILK, quantity=1000, reason="recall")
        assert status == 200, view
        assert view["refund_due_minor"] == 129
        await box.command("abandon")
        await put(box, 2, None)
        assert (await add(box))[0] == 200


async def test_an_urgent_price_goes_before_every_book(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        profile = msgspec.structs.replace(PROFILE, price_books=(PriceBook("old", "Old", 1),))
        config = FeedPage(Feed.CONFIG, (FeedItem("store", 9, msgspec.Raw(encode(profile))),), 9)
        await box.call("POST", "/internal/v1/replica/feed", config, headers=box.service)
        _, view = await add(box)
        await put(box, 1, Urgent("100", price_minor=99))
        _, view = await add(box)
        # a wrong price is wrong in a basket that is open as well, from here on
        assert [line["price_minor"] for line in view["lines"]] == [129, 99]
        _, keys = await box.call("GET", "/api/v1/quick-keys")
        assert keys["pages"][0]["keys"][0]["price_minor"] == 99
        await put(box, 2, Urgent("100", price_minor=0))
        _, view = await add(box)
        assert view["lines"][2]["price_minor"] == 0
        await put(box, 3, None)
        _, view = await add(box)
        assert view["lines"][3]["price_minor"] == 129


async def test_it_holds_after_a_restart(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await put(box, 1, Urgent("100", stopped=True))
    async with selling_box(tmp_path) as box:
        status, body = await add(box)
        assert (status, body["code"]) == (409, "article_stopped")
        assert body["advice"] == "Put it aside; do not sell it."


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ('{"sku":"100"}', "neither stops the sale nor sets a price"),
        ('{"sku":"101","stopped":true}', "its key would be '101'"),
        ('{"sku":"100","price_minor":-1}', ">= 0"),
        ('{"sku":"100","stopped":true,"until":5}', "no field until"),
    ],
)
def test_head_office_refuses_what_means_nothing(value: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        canonical(Feed.URGENT, "100", value.encode())
    good = b'{"sku":"100","price_minor":0}'
    assert canonical(Feed.URGENT, "100", good) == good
