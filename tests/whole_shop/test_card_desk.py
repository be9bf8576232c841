"""A terminal that dies after it charged a card: settled by people, never twice, never for ever."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.whole_shop.demo_shop import Shop, eventually

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

SUPERVISOR = "pawel"


async def charged_and_gone(shop: Shop, *, place: int) -> tuple[dict[str, Any], int]:
    """Charge a card at a terminal that is gone before it can say so; return view and price."""
    article = shop.goods[place]
    await shop.counter("POST", "terminal", {"next": "ask"})
    await shop.insist("add_item", code=article["code"])
    await shop.insist("pay_by_card", amount_minor=article["price_minor"])

    async def asks() -> bool | None:
        return True if (await shop.counter("GET", "terminal"))["asked_minor"] else None

    await eventually(asks, what="the terminal asks for the card")
    before = len(await shop.booked())
    shop.pause("devices")  # nobody hears what the terminal says
    await shop.counter("POST", "terminal/press", {"key": "approve"})

    async def charged() -> bool | None:
        return len(await shop.booked()) > before or None

    await eventually(charged, what="the acquirer has it")
    await shop.counter("POST", "cables", {"device": "terminal", "plugged": False})
    shop.go_on("devices")
    view = await shop.until_view(
        lambda view: view["state"] == "in_doubt", what="the payment is in doubt"
    )
    return view, article["price_minor"]


async def approved(shop: Shop, wanted: str, /, **fields: Any) -> dict[str, Any]:
    """Give a command with the supervisor's PIN."""
    ready = shop.ready
    body = {
        "approver": SUPERVISOR, "pin": ready["pins"][SUPERVISOR], "permission": "resolve_payment",
    }  # fmt: skip

    async def attempt() -> str | None:
        async with shop.client.post(
            f"{ready['edge_api']}/api/v1/tills/{ready['till']}/approvals",
            json=body,
            headers=ready["session"],
        ) as response:
            return (await response.json())["approval"] if response.status == 200 else None

    approval = await shop.answered(attempt, what="an approval")
    status, view = await shop.insist(wanted, approval=approval, **fields)
    assert status == 200, view
    return view


async def until_kept(shop: Shop, payment: str) -> dict[str, Any]:
    """Return what is kept of the terminal's late answer about a payment."""

    async def attempt() -> dict[str, Any] | None:
        return next(
            (
                event["data"]
                for event in shop.ledger_events()
                if event["type"] == "card_answered_late" and event["data"]["payment"] == payment
            ),
            None,
        )

    kept: dict[str, Any] = await eventually(attempt, what="the terminal answers late")
    return kept


def kinds(shop: Shop, sale_id: str) -> Counter[str]:
    """Return how often each kind of event happened in a sale; the ledger is whole."""
    assert shop.verify()["whole"]
    return Counter(
        event["type"] for event in shop.ledger_events() if event["data"].get("sale") == sale_id
    )


async def settled_tenders(shop: Shop, sale_id: str) -> list[tuple[str, int]]:
    """Return what head office counts of a sale."""
    sale = await shop.until_office_has(sale_id)
    return [
        (tender["kind"], tender["amount_minor"])
        for tender in sale["tenders"]
        if tender["state"] in {"approved", "taken"}
    ]


async def test_a_terminal_that_died_is_settled_from_its_slip(shop: Shop) -> None:
    view, price = await charged_and_gone(shop, place=0)
    sale, payment = view["sale_id"], view["doubt"]["payment"]
    slip = (await shop.booked())[-1]
    done = await approved(
        shop,
        "attach_evidence",
        payment=payment,
        approved=True,
        source="slip",
        amount_minor=price,
        receipt=slip["receipt"],
        trace=slip["trace"],
        reason="It printed a slip, and died.",
    )
    assert (done["state"], done["change_minor"], done["card_alarms"]) == ("done", 0, [])
    assert await settled_tenders(shop, sale) == [("card", price)]
    # the next customer is served while it is dead
    await shop.insist("next_sale")
    await shop.insist("add_item", code=shop.goods[1]["code"])
    status, view = await shop.insist("take_cash", amount_minor=shop.goods[1]["price_minor"])
    assert (status, view["state"]) == (200, "done")
    found = kinds(shop, sale)
    assert (found["card_payment_requested"], found["card_payment_approved"]) == (1, 0)
    assert found["sale_completed"] == 1
    # it comes back after all, and agrees: kept, and nothing counted twice
    await shop.counter("POST", "cables", {"device": "terminal", "plugged": True})
    kept = await until_kept(shop, payment)
    assert (kept["outcome"], kept["amount_minor"], kept["differs"]) == ("approved", price, False)
    assert await settled_tenders(shop, sale) == [("card", price)]
    assert (await shop.view())["card_alarms"] == []
    await shop.until_quiet()


@pytest.mark.parametrize("killed", ["", "edge", "devices"])
async def test_a_terminal_that_says_otherwise_later_alarms_and_doubles_nothing(
    shop: Shop, killed: str
) -> None:
    view, price = await charged_and_gone(shop, place=2)
    sale, payment = view["sale_id"], view["doubt"]["payment"]
    view = await approved(
        shop,
        "attach_evidence",
        payment=payment,
        approved=False,
        source="portal",
        reason="The acquirer had nothing yet.",
    )
    assert (view["state"], view["due_minor"]) == ("open", price)
    status, view = await shop.insist("take_cash", amount_minor=price)
    assert (status, view["state"]) == (200, "done")
    if killed:
        await shop.kill_and_wait(killed)
    await shop.counter("POST", "cables", {"device": "terminal", "plugged": True})
    kept = await until_kept(shop, payment)
    assert (kept["outcome"], kept["amount_minor"], kept["differs"]) == ("approved", price, True)
    view = await shop.until_view(lambda view: view["card_alarms"], what="the alarm")
    (alarm,) = view["card_alarms"]
    assert (alarm["sale_id"], alarm["settled"], alarm["said"], alarm["said_minor"]) == (
        sale, "declined", "approved", price,
    )  # fmt: skip
    assert view["notice"]["code"] == "card_alarm"
    async with shop.client.get(f"{shop.ready['edge_api']}/health") as response:
        items = {item["name"]: item for item in (await response.json())["items"]}
    assert not items["cards"]["well"]
    found = kinds(shop, sale)
    assert (found["sale_completed"], found["card_payment_approved"]) == (1, 0)
    assert await settled_tenders(shop, sale) == [("cash", price)]
    view = await approved(
        shop, "settle_card_alarm", payment=payment, reason="Given back at the terminal."
    )
    assert view["card_alarms"] == []
    assert kinds(shop, sale)["card_alarm_settled"] == 1
    await shop.until_quiet()
