"""Returns in a running box: the receipt found, goods held across tills, money, restarts, proof."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from edge.contract.device_messages import JobStatus
from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.wire import encode
from edge.ledger.integrity import verify
from edge.ledger.past_sales import PastSales
from edge.ledger.projections import PROJECTED_TABLES, rebuild
from tests.flows.box import MILK, PROFILE, SUPERVISOR_PIN, Box, selling_box
from tests.flows.fake_host import fake_host, until_view
from tests.flows.test_parking import second_till
from tests.flows.test_promotions import PROMOTION, events, send

NUMBER = "till-1-000001"
LEDGER = "ledger.db"


async def sell(box: Box, *goods: tuple[str, int], cash: int = 5_000) -> str:
    """Sell goods for cash and return the sale's id; the screen is clear then."""
    for code, quantity in goods:
        assert (await box.command("add_item", code=code, quantity=quantity))[0] == 200
    status, view = await box.command("take_cash", amount_minor=cash)
    assert (status, view["state"]) == (200, "done")
    await box.command("next_sale")
    return str(view["sale_id"])


async def receipt(box: Box, number: str = NUMBER) -> Any:
    status, body = await box.call("GET", f"/api/v1/receipts/{quote(number, safe='')}")
    assert status == 200, body
    return body


async def approval(box: Box, permission: str) -> str:
    body = {"approver": "sofia", "pin": SUPERVISOR_PIN, "permission": permission}
    status, given = await box.call("POST", "/api/v1/tills/till-1/approvals", body)
    assert status == 200, given
    return str(given["approval"])


def is_whole(box: Box) -> bool:
    found = verify(box.edge.settings.data_dir / LEDGER)
    assert found.reason == ""
    return found.whole


async def test_a_receipt_says_what_may_come_back_and_gives_it_back(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await send(box, 1, msgspec.Raw(encode(PROMOTION)))
        sale = await sell(box, (MILK, 3_000), ("101", 1_000))
        sold = await receipt(box)
        assert (sold["receipt_number"], sold["sale_id"], sold["till"]) == (NUMBER, sale, "till-1")
        assert (sold["total_minor"], sold["back_minor"], sold["currency"]) == (303, 303, "EUR")
        milk, roll = sold["lines"]
        assert (milk["name"], milk["quantity"], milk["returned"], milk["returnable"]) == (
            "Whole milk 1 l", 3_000, 0, 3_000,
        )  # fmt: skip
        assert (milk["paid_minor"], milk["back_minor"], milk["price_minor"]) == (258, 258, 129)
        assert (roll["sku"], roll["unit"], roll["back_minor"], roll["held_at"]) == (
            "101", "piece", 45, [],
        )  # fmt: skip
        (cash,) = sold["tenders"]
        assert (cash["kind"], cash["paid_minor"], cash["refundable_minor"]) == ("cash", 303, 303)

        status, view = await box.command(
            "return_line", receipt=NUMBER, line_id="1", quantity=1_000, reason="sour"
        )
        assert (status, view["state"], view["total_minor"]) == (200, "open", -86)
        assert (view["due_minor"], view["refund_due_minor"]) == (0, 86)
        (line,) = view["lines"]
        assert (line["entry"], line["returned_from"], line["amount_minor"]) == (
            "returned", NUMBER, -86,
        )  # fmt: skip
        sold = await receipt(box)
        assert (sold["lines"][0]["returned"], sold["lines"][0]["returnable"]) == (1_000, 2_000)
        assert (sold["lines"][0]["held_at"], sold["back_minor"]) == (["till-1"], 217)
        status, view = await box.command("give_cash", amount_minor=86)
        assert (status, view["state"], view["receipt_number"]) == (200, "done", "till-1-000002")
        assert (view["total_minor"], view["refund_due_minor"], view["change_minor"]) == (-86, 0, 0)
        assert view["tenders"][0]["amount_minor"] == -86
        sold = await receipt(box)
        assert (sold["lines"][0]["held_at"], sold["tenders"][0]["refundable_minor"]) == ([], 217)
        assert is_whole(box)


async def test_a_code_is_read_and_that_of_another_store_is_refused(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        sale = await sell(box, (MILK, 1_000))
        code = f"TILLBOX1|{NUMBER}|{sale}|129|EUR"
        assert (await receipt(box, code))["sale_id"] == sale
        assert (await receipt(box, f" {NUMBER} "))["sale_id"] == sale
        other = quote(f"TILLBOX1|{NUMBER}|another-sale|129|EUR", safe="")
        status, refused = await box.call("GET", f"/api/v1/receipts/{other}")
        assert (status, refused["code"]) == (409, "receipt_of_other_store")
        for number in ("till-1-000002", "nonsense", "TILLBOX1", "x" * 400):
            status, refused = await box.call("GET", f"/api/v1/receipts/{number}")
            assert (status, refused["code"]) == (404, "unknown_receipt")
        await box.call("DELETE", "/api/v1/session")
        assert (await box.call("GET", f"/api/v1/receipts/{NUMBER}"))[0] == 401


async def test_two_tills_at_once_get_the_goods_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await sell(box, (MILK, 1_000))
        wish = {"receipt": NUMBER, "line_id": "1", "quantity": 1_000, "reason": "sour"}
        answers: list[tuple[int, Any]] = await asyncio.gather(
            box.command("return_line", **wish), other.command("return_line", till="till-2", **wish)
        )
        assert sorted(status for status, _ in answers) == [200, 409]
        (refused,) = [body for status, body in answers if status == 409]
        assert refused["code"] == "other_till_returns_it"
        assert refused["params"]["till"] in {"till-1", "till-2"}
        assert [event["type"] for event in events(box)].count("line_returned") == 1
        assert is_whole(box)


async def test_a_parked_return_holds_its_goods_and_an_abandoned_one_frees_them(
    tmp_path: Path,
) -> None:
    wish = {"receipt": NUMBER, "line_id": "1", "reason": "sour"}
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await sell(box, (MILK, 2_000))
        await box.command("return_line", quantity=2_000, **wish)
        await box.command("park", label="Ana")
        status, refused = await other.command("return_line", till="till-2", quantity=1_000, **wish)
        assert (status, refused["code"], refused["params"]["label"]) == (
            409, "parked_return_holds_it", "Ana",
        )  # fmt: skip
        assert (await receipt(box))["lines"][0]["held_at"] == ["till-1"]
    async with selling_box(tmp_path) as box, second_till(box) as other:  # and after a restart
        status, refused = await other.command("return_line", till="till-2", quantity=1_000, **wish)
        assert refused["code"] == "parked_return_holds_it"
        sale = (await box.view())["parked"][0]["sale_id"]
        await box.command("resume", sale_id=sale)
        await box.command("void_line", line_id="1")
        status, view = await other.command("return_line", till="till-2", quantity=2_000, **wish)
        assert (status, view["refund_due_minor"]) == (200, 258)
        await other.command("give_cash", till="till-2", amount_minor=100)
        assert (await receipt(box))["tenders"][0]["refundable_minor"] == 0  # all is coming back
        status, _ = await other.command("abandon", till="till-2", reason="changed their mind")
        assert status == 200
        assert [e["data"] for e in events(box) if e["type"] == "sale_abandoned"][-1][
            "returned_minor"
        ] == -100
        sold = await receipt(box)
        assert (sold["back_minor"], sold["tenders"][0]["refundable_minor"]) == (258, 258)
        assert is_whole(box)


async def test_an_even_exchange_is_settled(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box, (MILK, 1_000))
        wish = {"receipt": NUMBER, "line_id": "1", "quantity": 1_000, "reason": "dented"}
        await box.command("return_line", sale_id="exchange-0001", **wish)
        await box.command("add_item", code=MILK)
        status, view = await box.command("settle")
        assert (status, view["state"], view["total_minor"]) == (200, "done", 0)
        assert view["sale_id"] == "exchange-0001"
        assert [line["amount_minor"] for line in view["lines"]] == [-129, 129]
        sold = await receipt(box, "till-1-000002")
        assert [line["line_id"] for line in sold["lines"]] == ["2"]


async def test_without_a_receipt_and_to_another_tender_a_second_person_says_yes(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        await box.command("pay_by_card", amount_minor=129)
        await until_view(box.view, lambda _: bool(host.of_kind("authorise_payment")), what="asked")
        (job,) = host.of_kind("authorise_payment")
        outcome = {"outcome": "approved", "amount_minor": 129, "last4": "4242"}
        await host.answer("terminal-1", job.id, JobStatus.DONE, outcome)
        await until_view(box.view, lambda view: view["state"] == "done", what="paid")
        (card,) = (await receipt(box))["tenders"]
        assert (card["kind"], card["last4"], card["refundable_minor"]) == ("card", "4242", 129)

        await box.command("return_line", receipt=NUMBER, line_id="1", quantity=1_000, reason="sour")
        status, refused = await box.command("return_item", code="101", reason="sour")
        assert (status, refused["params"]) == (409, {"permission": "return_without_receipt"})
        given = await approval(box, "return_without_receipt")
        status, view = await box.command("return_item", code="101", reason="sour", approval=given)
        assert (status, view["total_minor"], view["lines"][1]["returned_from"]) == (200, -174, "")
        status, refused = await box.command("give_cash", amount_minor=174)
        assert (status, refused["params"]) == (409, {"permission": "refund_other_tender"})
        given = await approval(box, "refund_other_tender")
        status, view = await box.command("give_cash", amount_minor=174, approval=given)
        assert (status, view["state"]) == (200, "done")
        returned = [e["data"] for e in events(box) if e["type"] == "cash_returned"]
        assert (returned[0]["approver"], returned[0]["parts"][0]["original_tender"]) == (
            "sofia", job.id,
        )  # fmt: skip
        assert (await receipt(box))["tenders"][0]["refundable_minor"] == 0
        assert is_whole(box)


async def test_the_drawer_opens_for_cash_either_way(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell(box, (MILK, 2_000))
        wish = {"receipt": NUMBER, "line_id": "1", "reason": "sour"}
        await box.command("return_line", quantity=1_000, **wish)
        await box.command("give_cash", amount_minor=100)
        await box.command("abandon")
        await box.command("return_line", quantity=1_000, **wish)
        await box.command("give_cash", amount_minor=129)
        await until_view(box.view, lambda _: len(host.of_kind("kick_drawer")) == 3, what="drawer")
        assert is_whole(box)


@pytest.mark.parametrize("table", ["returned_line", "refunded_tender"])
async def test_the_proof_sees_what_of_returns_was_changed(tmp_path: Path, table: str) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box, (MILK, 2_000))
        wish = {"receipt": NUMBER, "line_id": "1", "reason": "sour"}
        await box.command("return_line", quantity=1_000, **wish)
        await box.command("give_cash", amount_minor=129)
        path = box.edge.settings.data_dir / LEDGER
    connection = sqlite3.connect(path)
    before = {name: rows(connection, name) for name in PROJECTED_TABLES}
    assert before["returned_line"]
    assert before["refunded_tender"]
    with connection:
        rebuild(connection)
    assert {name: rows(connection, name) for name in PROJECTED_TABLES} == before
    with connection:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - of the two above
    connection.close()
    found = verify(path)
    assert not found.whole
    assert table in found.reason


def rows(connection: sqlite3.Connection, table: str) -> list[Any]:
    return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608 - ours


async def test_a_repeated_return_gets_the_same_answer(tmp_path: Path) -> None:
    wish = {
        "command_id": "return-0001", "receipt": NUMBER, "line_id": "1", "quantity": 1_000,
        "reason": "sour",
    }  # fmt: skip
    async with selling_box(tmp_path) as box:
        await sell(box, (MILK, 1_000))
        first = await box.command("return_line", **wish)
        assert first[0] == 200
    async with selling_box(tmp_path) as box:
        assert await box.command("return_line", **wish) == first
        assert [event["type"] for event in events(box)].count("line_returned") == 1


async def test_prices_of_today_change_nothing_of_what_was_paid(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box, (MILK, 1_000))
        dearer = msgspec.Raw(encode({"sku": "100", "price_minor": 999}))
        page = FeedPage(Feed.PRICE, (FeedItem("100", 90, dearer),), 90)
        assert (await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service))[
            0
        ] == 200
        excluded = msgspec.structs.replace(PROFILE, prices_include_tax=False)
        config = FeedPage(Feed.CONFIG, (FeedItem("store", 90, msgspec.Raw(encode(excluded))),), 90)
        await box.call("POST", "/internal/v1/replica/feed", config, headers=box.service)
        status, view = await box.command(
            "return_line", receipt=NUMBER, line_id="1", quantity=1_000, reason="sour"
        )
        assert (status, view["total_minor"]) == (200, -129)
        assert [tax["gross_minor"] for tax in view["taxes"]] == [-129]
        past = PastSales(box.edge.ledger_file)
        found = await past.find(NUMBER)
        assert found is not None
        assert [goods.gross_minor for goods in found.came_back.returned] == [129]
