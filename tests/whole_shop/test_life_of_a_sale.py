"""The twelve steps of a sale through the real processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.whole_shop.demo_shop import Shop, eventually

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_a_cash_sale_from_scan_to_head_office(shop: Shop) -> None:
    papers = len(await shop.papers())
    pulses = (await shop.counter("GET", "drawer"))["pulses"]
    goods = shop.goods[:3]
    for number, article in enumerate(goods, 1):
        await shop.scan(article["code"])
        view = await shop.until_view(
            lambda view, number=number: view["state"] == "open" and len(view["lines"]) == number,
            what=f"line {number}",
        )
    total = sum(article["price_minor"] for article in goods)
    assert view["total_minor"] == total
    assert [line["name"] for line in view["lines"]] == [article["name"] for article in goods]
    status, view = await shop.insist("take_cash", amount_minor=total + 100)
    assert (status, view["state"], view["change_minor"]) == (200, "done", 100)
    sale_id = view["sale_id"]

    view = await shop.until_view(
        lambda view: (view["receipt"] or {}).get("state") == "printed", what="the receipt"
    )
    paper = (await shop.papers())[papers:]
    assert len(paper) == 1
    assert view["receipt_number"] in paper[0]
    assert (await shop.counter("GET", "drawer"))["pulses"] == pulses + 1

    sale = await shop.until_office_has(sale_id)
    assert sale["total_minor"] == total
    assert sale["receipt_number"] == view["receipt_number"]
    assert [line["amount_minor"] for line in sale["lines"]] == [
        article["price_minor"] for article in goods
    ]
    assert sale["tenders"][0]["kind"] == "cash"
    await shop.until_view(lambda view: view["dots"]["office"], what="the third dot")
    assert shop.verify()["whole"]


async def test_the_code_on_the_paper_read_back_is_the_signed_sale(
    shop: Shop, tmp_path: Path
) -> None:
    article = shop.goods[2]
    papers = len(await shop.papers())
    await shop.scan(article["code"])
    await shop.until_view(
        lambda view: view["state"] == "open" and len(view["lines"]) == 1, what="the line"
    )
    status, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
    assert (status, view["state"]) == (200, "done")
    await shop.until_view(
        lambda view: (view["receipt"] or {}).get("state") == "printed", what="the receipt"
    )
    (paper,) = (await shop.papers())[papers:]
    (code,) = re.findall(r"\[QR\] (TILLBOX2:[^\n]*\.)", paper)
    keys = tmp_path / "keys.txt"
    keys.write_text(shop.box_key())
    verified = subprocess.run(
        [sys.executable, "-m", "edge.cli", "receipt", "verify", code, "--key", keys, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    sale = json.loads(verified.stdout)
    assert sale["signed_by"] == keys.read_text()
    assert (sale["sale"], sale["receipt"]) == (view["sale_id"], view["receipt_number"])
    assert (sale["total_minor"], sale["lines"][0]["sku"]) == (
        article["price_minor"], article["sku"],
    )  # fmt: skip
    await shop.scan(code)
    view = await shop.until_view(
        lambda view: (view["notice"] or {}).get("code") == "receipt_scanned", what="it is scanned"
    )
    assert view["notice"]["params"]["receipt"] == sale["receipt"]
    found = await shop.receipt(view["notice"]["params"]["code"])
    assert (found["sale_id"], found["proved_by"]) == (sale["sale"], "")
    await shop.insist("next_sale")


async def paper_of(shop: Shop, receipt: str) -> str:
    """Wait for the paper of a sale."""

    async def attempt() -> str | None:
        return next((paper for paper in await shop.papers() if receipt in paper), None)

    return await eventually(attempt, what=f"the receipt {receipt}")


async def test_a_card_sale_is_booked_once(shop: Shop) -> None:
    booked = len(await shop.booked())
    await shop.insist("add_item", code=shop.goods[0]["code"])
    price = shop.goods[0]["price_minor"]
    status, view = await shop.insist("pay_by_card", amount_minor=price)
    assert (status, view["state"]) == (200, "paying")
    view = await shop.until_view(lambda view: view["state"] == "done", what="approved")
    assert view["tenders"][0]["last4"]
    after = (await shop.booked())[booked:]
    assert [row["amount_minor"] for row in after] == [price]
    sale = await shop.until_office_has(view["sale_id"])
    assert sale["tenders"][0]["kind"] == "card"
    paper = await paper_of(shop, view["receipt_number"])
    # what the terminal composed for the customer, on the paper of the sale; nothing of the shop's
    assert "** Kundenbeleg **" in paper
    assert "Händlerbeleg" not in paper


async def test_a_declined_card_returns_to_the_till(shop: Shop) -> None:
    booked = len(await shop.booked())
    await shop.counter("POST", "terminal", {"next": "decline"})
    status, view = await shop.insist("add_item", code=shop.goods[1]["code"])
    assert status == 200, view
    price = shop.goods[1]["price_minor"]
    status, view = await shop.insist("pay_by_card", amount_minor=price)
    assert status == 200, view
    view = await shop.until_view(lambda view: view["state"] == "open", what="declined")
    assert view["tenders"][0]["state"] == "declined"
    assert view["notice"]["words"]
    assert len(await shop.booked()) == booked
    status, view = await shop.insist("take_cash", amount_minor=price)
    assert (status, view.get("state")) == (200, "done"), view


@pytest.mark.parametrize("cut", ["cut_before_result", "cut_after_approval", "silent"])
async def test_a_cut_payment_is_in_doubt_and_ends_as_the_acquirer_has_it(
    shop: Shop, cut: str
) -> None:
    booked = len(await shop.booked())
    await shop.counter("POST", "terminal", {"next": cut})
    await shop.insist("add_item", code=shop.goods[2]["code"])
    price = shop.goods[2]["price_minor"]
    await shop.insist("pay_by_card", amount_minor=price)
    if cut == "silent":
        # the terminal shows nothing and says nothing: a person pulls its cable
        await shop.until_view(lambda view: view["state"] == "paying", what="paying")
        await shop.insist("cancel_card")
    view = await shop.until_view(
        lambda view: view["state"] in {"done", "open"}, what="the payment is definite"
    )
    after = (await shop.booked())[booked:]
    if view["state"] == "done":
        assert [row["amount_minor"] for row in after] == [price]
    else:
        assert after == []
        assert view["tenders"][0]["state"] == "declined"


async def test_no_paper_the_sale_stands_and_the_receipt_waits(shop: Shop) -> None:
    await shop.counter("POST", "printer", {"paper": "out"})
    await shop.until_view(
        lambda view: any(d["paper"] == "out" for d in view["devices"]), what="the till knows"
    )
    papers = len(await shop.papers())
    await shop.insist("add_item", code=shop.goods[3]["code"])
    _, view = await shop.insist("take_cash", amount_minor=shop.goods[3]["price_minor"])
    assert view["state"] == "done"
    view = await shop.until_view(
        lambda view: bool((view["receipt"] or {}).get("words")), what="words about the receipt"
    )
    assert view["receipt"]["state"] == "waiting"
    assert "paper" in view["receipt"]["words"]
    assert len(await shop.papers()) == papers
    await shop.counter("POST", "printer", {"paper": "ok"})
    await shop.until_view(lambda view: view["receipt"]["state"] == "printed", what="it prints")
    (paper,) = (await shop.papers())[papers:]
    assert "COPY" not in paper


async def test_head_office_away_the_shop_sells_on_and_everything_arrives_once(
    shop: Shop,
) -> None:
    await shop.counter("POST", "link", {"up": False})
    await shop.until_view(lambda view: view["link"]["state"] == "down", what="the till knows")
    sold = []
    for number in range(20):
        article = shop.goods[number % 10]
        await shop.insist("add_item", code=article["code"])
        _, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
        assert view["state"] == "done", view
        sold.append(view["sale_id"])
    assert (await shop.view())["link"]["waiting_sales"] >= 20
    await shop.counter("POST", "link", {"up": True})
    await shop.until_view(
        lambda view: view["link"]["state"] == "up" and view["link"]["waiting_sales"] == 0,
        what="nothing waits",
    )
    await shop.until_office_has(sold[-1])
    arrived = [sale["sale_id"] for sale in await shop.office_sales()]
    assert [sale for sale in arrived if sale in set(sold)] == sold


async def test_a_repeated_command_sells_once(shop: Shop) -> None:
    code = shop.goods[4]["code"]
    first = await shop.command("add_item", command_id="command-repeated-1", code=code)
    assert await shop.command("add_item", command_id="command-repeated-1", code=code) == first
    status, refusal = await shop.command(
        "add_item", command_id="command-repeated-1", code=shop.goods[5]["code"]
    )
    assert (status, refusal["code"]) == (409, "command_id_reused")
    assert len((await shop.view())["lines"]) == 1
