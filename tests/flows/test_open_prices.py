"""Typed prices at a real box: quick keys, the search, a second person, an unknown code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.wire import encode
from tests.flows.box import PROFILE, SUPERVISOR_PIN, Box, selling_box
from tests.flows.test_promotions import events

BAKERY: Final = "105"
UNKNOWN: Final = "9529999999993"


async def limit(box: Box, most_minor: int) -> None:
    """Head office says up to what price a cashier may type."""
    profile = msgspec.structs.replace(PROFILE, open_price_max_minor=most_minor)
    page = FeedPage(Feed.CONFIG, (FeedItem("store", 9, msgspec.Raw(encode(profile))),), 9)
    status, _ = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert status == 200


def added(box: Box) -> list[dict[str, Any]]:
    return [each["data"] for each in events(box) if each["type"] == "line_added"]


async def test_a_department_has_a_key_and_is_found_without_a_price(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        _, keys = await box.call("GET", "/api/v1/quick-keys")
        (bakery,) = (key for key in keys["pages"][0]["keys"] if key["code"] == BAKERY)
        assert (bakery["open_price"], bakery["price_minor"]) == (True, 0)
        assert not keys["pages"][0]["keys"][0]["open_price"]
        _, found = await box.call("GET", "/api/v1/articles?q=bakery")
        assert [each["open_price"] for each in found["articles"]] == [True]


async def test_the_price_is_asked_for_and_sold(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        status, refused = await box.command("add_item", code=BAKERY)
        assert (status, refused["code"]) == (409, "price_asked")
        assert refused["params"] == {"name": "Bakery, other", "code": BAKERY}
        status, view = await box.command(
            "add_item", code=BAKERY, price_minor=250, unknown_code=UNKNOWN
        )
        assert (status, view["total_minor"]) == (200, 250)
        assert [each["code"] for each in added(box)] == [UNKNOWN]


async def test_a_supervisor_approves_a_price_above_the_limit(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await limit(box, 5_000)
        wish = {"code": BAKERY, "price_minor": 5_001}
        status, refused = await box.command("add_item", command_id="command-dear", **wish)
        assert (status, refused["code"]) == (409, "needs_approval")
        approver = {
            "approver": "sofia",
            "pin": SUPERVISOR_PIN,
            "permission": refused["params"]["permission"],
        }
        _, given = await box.call("POST", "/api/v1/tills/till-1/approvals", approver)
        status, view = await box.command(
            "add_item", command_id="command-dear", approval=given["approval"], **wish
        )
        assert (status, view["total_minor"]) == (200, 5_001)
        assert [each["approver"] for each in added(box)] == ["sofia"]
        status, refused = await box.command("add_item", approval=given["approval"], **wish)
        assert refused["code"] == "approval_over"
