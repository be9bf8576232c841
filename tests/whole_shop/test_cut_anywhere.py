"""Each device's cable pulled at each step of a sale, and put back."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.whole_shop.demo_shop import Shop, eventually

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


async def cable(shop: Shop, device: str, *, plugged: bool) -> None:
    await shop.counter("POST", "cables", {"device": device, "plugged": plugged})


async def count(shop: Shop, sale_id: str) -> Counter[str]:
    return Counter(
        event["type"] for event in shop.ledger_events() if event["data"].get("sale") == sale_id
    )


@pytest.mark.parametrize("step", ["before the sale", "with a line", "after the cash"])
@pytest.mark.parametrize("device", ["scanner", "printer", "terminal"])
async def test_a_cash_sale_with_a_cable_pulled(shop: Shop, device: str, step: str) -> None:
    pulses = (await shop.counter("GET", "drawer"))["pulses"]
    article = shop.goods[2]
    if step == "before the sale":
        await cable(shop, device, plugged=False)
    _, view = await shop.insist("add_item", code=article["code"])
    sale_id = view["sale_id"]
    if step == "with a line":
        await cable(shop, device, plugged=False)
    status, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
    assert (status, view["state"]) == (200, "done")
    if step == "after the cash":
        await cable(shop, device, plugged=False)
    await shop.until_office_has(sale_id)
    await cable(shop, device, plugged=True)

    async def settled() -> bool | None:
        kinds = await count(shop, sale_id)
        return True if kinds["receipt_printed"] and kinds["drawer_opened"] else None

    await eventually(settled, what="receipt and drawer are settled")
    kinds = await count(shop, sale_id)
    assert kinds["sale_completed"] == 1
    assert (await shop.counter("GET", "drawer"))["pulses"] - pulses <= 1
    mine = [paper for paper in await shop.papers() if view["receipt_number"] in paper]
    assert len([paper for paper in mine if "COPY" not in paper]) <= 1
    assert mine, "the receipt came out once the printer was back"


@pytest.mark.parametrize("step", ["as it is asked", "while the card is read", "after approval"])
async def test_a_card_sale_with_the_terminals_cable_pulled(shop: Shop, step: str) -> None:
    booked = len(await shop.booked())
    article = shop.goods[3]
    _, view = await shop.insist("add_item", code=article["code"])
    sale_id = view["sale_id"]
    if step == "while the card is read":
        await shop.counter("POST", "terminal", {"next": "ask"})
    await shop.insist("pay_by_card", amount_minor=article["price_minor"])
    if step == "while the card is read":

        async def asked() -> bool | None:
            return True if (await shop.counter("GET", "terminal"))["asked_minor"] else None

        await eventually(asked, what="the terminal asks for a card")
    elif step == "after approval":

        async def charged() -> bool | None:
            return True if len(await shop.booked()) > booked else None

        await eventually(charged, what="the acquirer has booked")
    await cable(shop, "terminal", plugged=False)
    if step == "while the card is read":
        await shop.until_view(lambda view: view["state"] == "in_doubt", what="the doubt is shown")
        status, refusal = await shop.command("take_cash", amount_minor=article["price_minor"])
        assert status == 409, refusal
    await cable(shop, "terminal", plugged=True)
    if step == "while the card is read":
        # the terminal still waits for a card: nothing is decided before it has ended
        await shop.counter("POST", "terminal/press", {"key": "approve"})
    view = await shop.until_view(
        lambda view: view["state"] in {"done", "open"}, what="the payment is definite"
    )
    charged_now = len(await shop.booked()) - booked
    assert charged_now == (1 if view["state"] == "done" else 0)
    if view["state"] == "open":
        _, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
    assert (view["state"], view["sale_id"]) == ("done", sale_id)
    kinds = await count(shop, sale_id)
    assert kinds["sale_completed"] == 1
    assert kinds["card_payment_requested"] == 1


async def test_a_scanner_put_back_scans_on(shop: Shop) -> None:
    await cable(shop, "scanner", plugged=False)
    await shop.until_view(
        lambda view: any(d["role"] == "scanner" and not d["well"] for d in view["devices"]),
        what="the till knows",
    )
    await cable(shop, "scanner", plugged=True)

    async def held() -> bool | None:
        return True if (await shop.counter("GET", "scanner"))["connected"] else None

    await eventually(held, what="the box holds the scanner's port again")
    await shop.scan(shop.goods[0]["code"])
    await shop.until_view(
        lambda view: view["state"] == "open" and len(view["lines"]) == 1, what="the line"
    )
