"""Sold by card, brought back, and the money back on the card: once, whatever breaks on the way."""

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

STEPS = ("as the refund is asked for", "while the terminal asks", "right after approval")
KILLS = kills(("edge", "devices", "counter"), STEPS)
"""The rules of a refund that is killed are gone through with the driver alone in every check
(`test_refund_killed`)."""


class Goods:
    """An article that was sold by card, and that a customer brings back."""

    def __init__(self, shop: Shop, receipt: str, price_minor: int, balance: int) -> None:
        self.shop = shop
        self.receipt = receipt
        self.price_minor = price_minor
        self.balance = balance
        self.sale_id = ""

    async def bring_back(self) -> None:
        status, view = await self.shop.insist(
            "return_line", receipt=self.receipt, line_id="1", quantity=1_000, reason="dented"
        )
        assert (status, view["refund_due_minor"]) == (200, self.price_minor), view
        self.sale_id = view["sale_id"]

    async def refund(self) -> dict[str, Any]:
        status, view = await self.shop.insist("refund_by_card", amount_minor=self.price_minor)
        assert status == 200, view
        return view

    async def until_definite(self) -> dict[str, Any]:
        return await self.shop.until_view(
            lambda view: view["state"] in {"done", "open"}, what="the refund is definite"
        )

    async def gone_back(self) -> int:
        """Return what went back by the acquirer's books."""
        return self.balance - await balance(self.shop)

    def events(self) -> list[dict[str, Any]]:
        """Return the events of the sale that takes it back; the ledger is whole."""
        assert self.shop.verify()["whole"]
        events = self.shop.ledger_events()
        return [event for event in events if event["data"].get("sale") == self.sale_id]

    async def end(self) -> dict[str, Any]:
        """Give the money back if nothing went back yet; check that it went back once."""
        view = await self.until_definite()
        if view["state"] == "open":
            assert await self.gone_back() == 0, "the money is back and the till does not know"
            await self.refund()
            view = await self.until_definite()
        assert (view["state"], view["sale_id"]) == ("done", self.sale_id)
        assert await self.gone_back() == self.price_minor
        kinds = Counter(event["type"] for event in self.events())
        assert kinds["card_refund_approved"] == kinds["sale_completed"] == 1
        assert kinds["card_refund_requested"] == 1 + kinds["card_refund_declined"]
        sale = await self.shop.until_office_has(self.sale_id)
        assert (sale["total_minor"], sale["returned_minor"]) == (
            -self.price_minor, self.price_minor,
        )  # fmt: skip
        approved = [tender for tender in sale["tenders"] if tender["state"] == "approved"]
        assert [(each["kind"], each["amount_minor"]) for each in approved] == [
            ("card", -self.price_minor)
        ]
        return view


async def balance(shop: Shop) -> int:
    """Return what the acquirer owes the shop: payments that stand, less refunds that do."""
    minor: int = (await shop.counter("GET", "terminal"))["balance_minor"]
    return minor


async def sold_by_card(shop: Shop, *, place: int = 0) -> Goods:
    article = shop.goods[place]
    await shop.insist("add_item", code=article["code"])
    await shop.insist("pay_by_card", amount_minor=article["price_minor"])
    view = await shop.until_view(lambda view: view["state"] == "done", what="approved")
    return Goods(shop, view["receipt_number"], article["price_minor"], await balance(shop))


async def test_the_last_payment_is_reversed_and_an_earlier_one_refunded(shop: Shop) -> None:
    earlier = await sold_by_card(shop)
    last = await sold_by_card(shop, place=1)
    await last.bring_back()
    papers = len(await shop.papers())
    view = await last.refund()
    (tender,) = view["tenders"]
    assert (tender["kind"], tender["amount_minor"], tender["state"]) == (
        "card", -last.price_minor, "asked",
    )  # fmt: skip
    assert tender["last4"]
    view = await last.end()
    (reversal,) = [row for row in await shop.booked() if row["kind"] == "reversal"][-1:]
    assert reversal["amount_minor"] == last.price_minor
    await shop.until_view(lambda v: (v["receipt"] or {}).get("state") == "printed", what="paper")
    (paper,) = (await shop.papers())[papers:]
    assert "REFUND" in paper
    assert reversal["receipt"] in paper
    assert view["receipt_number"] in paper

    earlier.balance = await balance(shop)
    await earlier.bring_back()
    await earlier.refund()
    await earlier.end()
    refund = (await shop.booked())[-1]
    assert (refund["kind"], refund["amount_minor"]) == ("refund", earlier.price_minor)
    # nothing of either is left to come back, or to go back
    status, refused = await shop.insist(
        "return_line", receipt=earlier.receipt, line_id="1", quantity=1_000, reason="again"
    )
    assert (status, refused["code"]) == (409, "returned_already")


async def test_a_declined_reversal_is_followed_by_a_refund(shop: Shop) -> None:
    goods = await sold_by_card(shop)
    await shop.counter("POST", "terminal", {"next": "decline"})
    await goods.bring_back()
    await goods.refund()
    view = await goods.until_definite()
    assert (view["state"], view["notice"]["code"]) == ("open", "card_refund_declined")
    await goods.end()
    assert (await shop.booked())[-1]["kind"] == "refund"


@pytest.mark.parametrize("kind", ["reversal", "refund"])
@pytest.mark.parametrize("cut", ["cut_before_result", "cut_after_approval"])
async def test_a_cut_refund_ends_once_by_inquiry(shop: Shop, cut: str, kind: str) -> None:
    goods = await sold_by_card(shop, place=2)
    if kind == "refund":  # another payment behind it
        goods.balance += (await sold_by_card(shop, place=3)).price_minor
    await goods.bring_back()
    await shop.counter("POST", "terminal", {"next": cut})
    await goods.refund()
    view = await goods.until_definite()
    gone = {"cut_before_result": 0, "cut_after_approval": goods.price_minor}[cut]
    assert await goods.gone_back() == gone
    assert view["state"] == ("done" if gone else "open")
    await goods.end()
    ends = [
        event["data"]["resolved_by"]
        for event in goods.events()
        if event["type"] in {"card_refund_approved", "card_refund_declined"}
        and "resolved_by" in event["data"]
    ]
    assert ends == ["inquiry"]


@pytest.mark.parametrize(("name", "step"), KILLS)
async def test_a_refund_with_a_process_killed(shop: Shop, name: str, step: str) -> None:
    goods = await sold_by_card(shop, place=4)
    if name != "counter":  # one that stays as it is after a kill
        goods.balance += (await sold_by_card(shop, place=5)).price_minor
    await goods.bring_back()
    if step == STEPS[1]:
        await shop.counter("POST", "terminal", {"next": "ask"})
    await goods.refund()
    if step == STEPS[1]:

        async def asks() -> bool | None:
            terminal = await shop.counter("GET", "terminal")
            return True if terminal.get("asked_minor") else None

        await eventually(asks, what="the terminal asks for the card")
    elif step == STEPS[2]:
        await goods.until_definite()
    await shop.kill_and_wait(name)
    if step == STEPS[1]:
        if name == "devices":
            status, refused = await shop.insist("give_cash", amount_minor=goods.price_minor)
            assert status == 409, refused
        if (await shop.counter("GET", "terminal"))["asked_minor"]:
            await shop.counter("POST", "terminal/press", {"key": "approve"})
        await shop.counter("POST", "terminal", {"next": "approve"})
    await goods.end()
    kinds = Counter(event["type"] for event in goods.events())
    assert kinds["card_refund_unknown"] <= 1
