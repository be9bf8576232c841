"""The display on the counter's receipt printer follows a sale, through the real processes."""

from __future__ import annotations

import pytest

from tests.whole_shop.demo_shop import Shop, eventually

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


async def until_shown(shop: Shop, upper: str, lower: str) -> None:
    async def shown() -> bool | None:
        printer = await shop.counter("GET", "printer")
        rows = [row.split() for row in printer["pole"]]
        return True if rows == [upper.split(), lower.split()] else None

    await eventually(shown, what=f"{upper!r} and {lower!r} on the display")


async def test_a_customer_reads_goods_total_and_change(shop: Shop) -> None:
    await until_shown(shop, "Harbour Street", "Welcome")
    good = next(each for each in shop.goods if each["name"] == "Whole milk 1 l")
    status, view = await shop.insist("add_item", code=good["code"])
    assert status == 200, view
    await until_shown(shop, "Whole milk 1 l 1.29", "TOTAL 1.29")
    await shop.insist("add_item", code=good["code"])
    await until_shown(shop, "Whole milk 1 l 1.29", "TOTAL 2.58")
    status, view = await shop.insist("take_cash", amount_minor=500)
    assert status == 200, view
    await until_shown(shop, "TOTAL 2.58", "Change 2.42")
    view = await shop.until_view(
        lambda view: (view["receipt"] or {}).get("state") == "printed", what="the receipt"
    )
    assert "Change" in (await shop.papers())[-1]


async def test_a_printer_that_was_away_shows_what_is_so_when_it_is_back(shop: Shop) -> None:
    await shop.counter("POST", "cables", {"device": "printer", "plugged": False})
    await shop.until_view(
        lambda view: not all(d["well"] for d in view["devices"] if d["role"] == "display"),
        what="the display is lost",
    )
    good = next(each for each in shop.goods if each["name"] == "Whole milk 1 l")
    await shop.insist("add_item", code=good["code"])
    await shop.counter("POST", "cables", {"device": "printer", "plugged": True})
    await until_shown(shop, "Whole milk 1 l 1.29", "TOTAL 1.29")
    await shop.insist("abandon")
    await until_shown(shop, "Harbour Street", "Welcome")
