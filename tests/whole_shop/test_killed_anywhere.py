"""Every process killed, and every connection cut, at every step of a sale.

Afterwards the sale has ended exactly once or is visibly open; nothing is doubled or lost; a
card is charged once or stands as unknown until the inquiry answers.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.whole_shop.demo_shop import Shop, eventually
from tests.whole_shop.kills import kills

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

PROCESSES = ("edge", "devices", "broker", "counter", "sync", "office")
CASH_STEPS = ("before the first code", "with a line in the basket", "right after the cash")
CARD_STEPS = ("as the card is asked for", "while the terminal works", "right after approval")


async def kill(shop: Shop, name: str) -> None:
    old = shop.kill(name)
    await shop.until_restarted(name, old)


def check_ledger(shop: Shop, sale_id: str) -> list[dict[str, Any]]:
    """The ledger is whole and tells one story of a sale; returns its events."""
    assert shop.verify()["whole"]
    events = [event for event in shop.ledger_events() if event["data"].get("sale") == sale_id]
    kinds = Counter(event["type"] for event in events)
    assert kinds["sale_opened"] == 1
    assert kinds["sale_completed"] == 1
    assert kinds["card_payment_approved"] <= 1
    return events


@pytest.mark.parametrize(("name", "step"), kills(PROCESSES, CASH_STEPS))
async def test_a_cash_sale_with_a_process_killed(shop: Shop, name: str, step: str) -> None:
    papers = len(await shop.papers()) if name != "counter" else 0
    pulses = (await shop.counter("GET", "drawer"))["pulses"]
    article = shop.goods[0]
    if step == CASH_STEPS[0]:
        await kill(shop, name)
    status, view = await shop.insist("add_item", code=article["code"])
    assert status == 200, view
    sale_id = view["sale_id"]
    if step == CASH_STEPS[1]:
        await kill(shop, name)
        view = await shop.view()
        assert (view["sale_id"], len(view["lines"])) == (sale_id, 1)
    status, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
    assert (status, view["state"], view["sale_id"]) == (200, "done", sale_id)
    if step == CASH_STEPS[2]:
        await kill(shop, name)
    sale = await shop.until_office_has(sale_id)
    assert sale["total_minor"] == article["price_minor"]

    async def settled() -> bool | None:
        kinds = Counter(
            event["type"] for event in shop.ledger_events() if event["data"].get("sale") == sale_id
        )
        return True if kinds["receipt_printed"] and kinds["drawer_opened"] else None

    await eventually(settled, what="receipt and drawer are settled")
    events = check_ledger(shop, sale_id)
    if name != "counter":
        kicked = (await shop.counter("GET", "drawer"))["pulses"] - pulses
        assert kicked <= 1
        mine = [
            paper for paper in (await shop.papers())[papers:] if view["receipt_number"] in paper
        ]
        originals = [paper for paper in mine if "COPY" not in paper]
        assert len(originals) <= 1
        printed = [event for event in events if event["type"] == "receipt_printed"]
        assert mine or printed[-1]["data"]["evidence"] != "confirmed"


@pytest.mark.parametrize(("name", "step"), kills(PROCESSES, CARD_STEPS))
async def test_a_card_sale_with_a_process_killed(shop: Shop, name: str, step: str) -> None:
    booked = len(await shop.booked())
    article = shop.goods[1]
    _, view = await shop.insist("add_item", code=article["code"])
    sale_id = view["sale_id"]
    status, view = await shop.insist("pay_by_card", amount_minor=article["price_minor"])
    assert status == 200, view
    if step == CARD_STEPS[0]:
        await kill(shop, name)
    elif step == CARD_STEPS[1]:

        async def working() -> bool | None:
            terminal = await shop.counter("GET", "terminal")
            busy = terminal.get("asked_minor") or len(await shop.booked()) > booked
            # a cable that an earlier kill broke may end the payment before it began
            over = (await shop.view())["state"] != "paying"
            return True if busy or over else None

        await eventually(working, what="the terminal works")
        await kill(shop, name)
    else:
        await shop.until_view(
            lambda view: view["state"] in {"done", "open"}, what="the payment is definite"
        )
        await kill(shop, name)
    view = await shop.until_view(
        lambda view: view["state"] in {"done", "open"}, what="the payment is definite"
    )
    charged = len(await shop.booked()) - booked
    if view["state"] == "done":
        assert charged == 1
    else:
        assert charged == 0, "the card was charged and the till does not know"
        status, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
        assert (status, view["state"]) == (200, "done")
    assert view["sale_id"] == sale_id
    await shop.until_office_has(sale_id)
    check_ledger(shop, sale_id)
