"""A till in training in a whole shop: paper that says so, and nothing anywhere else."""

from __future__ import annotations

import pytest

from tests.whole_shop.demo_shop import Shop
from tests.whole_shop.test_card_desk import SUPERVISOR

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


async def begin(shop: Shop) -> None:
    ready = shop.ready
    body = {"approver": SUPERVISOR, "pin": ready["pins"][SUPERVISOR], "permission": "training"}
    async with shop.client.post(
        f"{ready['edge_api']}/api/v1/tills/{ready['till']}/approvals",
        json=body,
        headers=ready["session"],
    ) as response:
        assert response.status == 200, await response.text()
        approval = (await response.json())["approval"]
    status, view = await shop.insist("begin_training", approval=approval)
    assert (status, view["training"]) == (200, True)


@pytest.mark.parametrize("killed", ["", "edge"])
async def test_training_leaves_paper_and_notes_and_nothing_else(shop: Shop, killed: str) -> None:
    booked, sales = await shop.booked(), len(await shop.office_sales())
    opened = (await shop.counter("GET", "drawer"))["pulses"]
    await begin(shop)
    if killed:
        await shop.kill_and_wait(killed)
        assert (await shop.view())["training"]
    papers = len(await shop.papers())
    article = shop.goods[0]
    for pay in ("take_cash", "pay_by_card"):
        await shop.insist("add_item", code=article["code"])
        status, view = await shop.insist(pay, amount_minor=article["price_minor"])
        assert (status, view["state"], view["training"]) == (200, "done", True), view
        await shop.until_view(
            lambda v: (v["receipt"] or {}).get("state") == "printed", what="the paper"
        )
    practised = (await shop.papers())[papers:]
    assert [paper.count("TRAINING - NOT A RECEIPT") for paper in practised] == [2, 2]
    status, view = await shop.insist("end_training")
    assert (status, view["training"], view["state"]) == (200, False, "idle")
    # a real sale behind it: once head office has that, it has all that came before
    await shop.insist("add_item", code=article["code"])
    status, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
    assert (status, view["state"]) == (200, "done")
    sale = await shop.until_office_has(view["sale_id"])
    assert sale["receipt_number"] == view["receipt_number"]
    assert len(await shop.office_sales()) == sales + 1
    assert await shop.booked() == booked
    assert shop.verify()["whole"]
    await shop.until_quiet()
    assert (await shop.counter("GET", "drawer"))["pulses"] == opened + 1
