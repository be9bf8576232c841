"""Goods on the counter's scale, through the real processes, to the receipt and head office."""

from __future__ import annotations

from typing import Any

import pytest

from tests.whole_shop.demo_shop import Shop

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

APPLES = "101"


def _scale(view: dict[str, Any]) -> dict[str, Any]:
    return next(device for device in view["devices"] if device["role"] == "scale")


async def test_goods_are_weighed_sold_and_printed(shop: Shop) -> None:
    papers = len(await shop.papers())
    await shop.counter("POST", "scale", {"grams": 752})
    await shop.until_view(
        lambda view: (_scale(view)["weight"], _scale(view)["weight_g"]) == ("stable", 752),
        what="the live weight",
    )
    await shop.insist("weigh_item", code=APPLES, tare_g=10, shown_g=752)
    view = await shop.until_view(
        lambda view: view["state"] == "open" and len(view["lines"]) == 1, what="the line"
    )
    (line,) = view["lines"]
    assert (line["quantity"], line["tare_g"], line["entry"]) == (742, 10, "scale")
    await shop.insist("weigh_item", code=APPLES)
    view = await shop.until_view(
        lambda view: (view["notice"] or {}).get("code") == "weighed_already", what="not twice"
    )
    await shop.insist("take_cash", amount_minor=view["due_minor"])
    view = await shop.until_view(
        lambda view: (view["receipt"] or {}).get("state") == "printed", what="the receipt"
    )
    (paper,) = (await shop.papers())[papers:]
    printed = paper.replace("\u00a0", " ")
    assert "0.742 kg" in printed
    assert "tare 0.010 kg" in printed
    sale = await shop.until_office_has(view["sale_id"])
    assert sale["total_minor"] == view["total_minor"]
    await shop.counter("POST", "scale", {"grams": 0})
    assert shop.verify()["whole"]


async def test_a_scale_whose_cable_is_out_is_said_and_the_weight_typed(shop: Shop) -> None:
    await shop.counter("POST", "cables", {"device": "scale", "plugged": False})
    await shop.until_view(lambda view: not _scale(view)["well"], what="the scale is lost")
    status, refusal = await shop.insist("weigh_item", code=APPLES)
    assert (status, refusal["code"]) == (409, "scale_not_ready")
    status, view = await shop.insist("add_item", code=APPLES, quantity=500)
    assert (status, view["lines"][0]["quantity"]) == (200, 500)
    await shop.counter("POST", "cables", {"device": "scale", "plugged": True})
    await shop.until_view(lambda view: _scale(view)["well"], what="the scale is back")
