"""A serial number on its way: out of the scanner's GS1 code, onto the disk, back with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from edge.contract.reference_data import Article, Feed, FeedItem, FeedPage, Price, Tracking
from edge.contract.wire import encode
from tests.flows.box import Box, selling_box
from tests.flows.fake_host import fake_host, until_view
from tests.flows.test_price_checks import scan
from tests.flows.test_promotions import events

ARTICLE: Final = Article("200", "Phone", "B", ("95200095",), tracking=Tracking.SERIAL)


async def taught(box: Box) -> None:
    rows: list[tuple[Feed, Any]] = [(Feed.PRICE, Price("200", 4_990)), (Feed.CATALOGUE, ARTICLE)]
    for feed, value in rows:
        page = FeedPage(feed, (FeedItem("200", 90, msgspec.Raw(encode(value))),), 99)
        status, _ = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
        assert status == 200


async def test_a_gs1_scan_brings_the_number_and_a_return_keeps_it(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await taught(box)
        status, refused = await box.command("add_item", code="200")
        assert (status, refused["code"]) == (409, "serial_asked")
        assert refused["params"] == {"name": "Phone", "code": "200"}
        await scan(host, "]d2010000009520009521SN-42", 1)
        view = await until_view(box.view, lambda now: bool(now["lines"]), what="a line")
        assert view["lines"][0]["serial"] == "SN-42"
        _, view = await box.command("take_cash", amount_minor=4_990)
        receipt = view["receipt_number"]
        _, sold = await box.call("GET", f"/api/v1/receipts/{receipt}")
        assert sold["lines"][0]["serial"] == "SN-42"
        await box.command("next_sale")
        _, view = await box.command("return_line", receipt=receipt, line_id="1", reason="dead")
        assert view["lines"][0]["serial"] == "SN-42"
        kept = [each["data"].get("serial") for each in events(box) if "sku" in each["data"]]
        assert kept == ["SN-42", "SN-42"]
