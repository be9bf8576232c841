"""A till in training: seen, chained, and found by nobody who counts sales."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from edge.ledger.integrity import verify
from tests.flows.box import MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_approvals import approve
from tests.flows.test_promotions import events
from tests.flows.test_selling import event_types
from tests.flows.test_weighing import APPLES, weight
from tests.flows.test_weighing import shop as scale_shop
from tests.whole_shop.recompute import Book


async def begin(box: Box) -> dict[str, Any]:
    status, refused = await box.command("begin_training")
    assert (status, refused["code"]) == (409, "needs_approval")
    _, given = await approve(box, "training")
    status, view = await box.command("begin_training", approval=given["approval"])
    assert (status, view["training"], view["state"]) == (200, True, "idle")
    return dict(view)


def rows(box: Box, table: str) -> list[Any]:
    path = box.edge.settings.data_dir / "ledger.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return ledger.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - a name of ours


async def practise(box: Box, host: FakeHost) -> dict[str, Any]:
    """Sell for cash, by card, and give one up; return the view of the last sale."""
    await box.command("add_item", code=MILK)
    status, view = await box.command("take_cash", amount_minor=200)
    assert (status, view["state"], view["change_minor"]) == (200, "done", 71)
    assert view["receipt_number"] == "till-1-training-000001"
    await until(lambda: bool(host.of_kind("print_receipt")), what="a receipt")
    await until_view(
        box.view, lambda view: (view["receipt"] or {}).get("state") == "printed", what="printed"
    )
    await box.command("add_item", code=MILK)
    await box.command("abandon")
    await box.command("add_item", code=MILK, sale_id="sale-of-the-page-1")
    status, view = await box.command("pay_by_card", amount_minor=129)
    assert (status, view["state"]) == (200, "done")
    assert (view["tenders"][0]["state"], view["tenders"][0]["scheme"]) == ("approved", "TRAINING")
    assert view["receipt_number"] == "till-1-training-000002"
    return dict(view)


async def test_nobody_who_counts_sales_finds_one_of_training(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await begin(box)
        view = await practise(box, host)
        assert view["training"]
        # nothing was asked of terminal or drawer, and the paper says what it is
        assert {job.kind for _, job in host.jobs} == {"print_receipt"}
        assert all(b"TRAINING - NOT A RECEIPT" in bytes(j.args) for _, j in host.jobs)
        assert not any(b"TILLBOX1" in bytes(job.args) for _, job in host.jobs)
        # the ledger's readers
        for table in ("sale", "till", "parked", "returned_line", "refunded_tender"):
            assert rows(box, table) == [], table
        ledger = box.edge.ledger
        assert await ledger.sales_after(0) == 0
        assert view["link"]["waiting_sales"] == 0
        for receipt in ("till-1-training-000001", "till-1-training-000002"):
            assert await box.edge.selling.gathering.sold.past.find(receipt) is None
            status, refused = await box.call("GET", f"/api/v1/receipts/{receipt}")
            assert (status, refused["code"]) == (404, "unknown_receipt")
        assert await box.edge.selling.gathering.sold.past.last_asked("terminal-1", "none") == ""
        kinds = {kind for kind in event_types(box) if not kind.startswith(("box_", "reference_"))}
        assert kinds <= {
            "training_began", "training_noted", "approval_given", "till_enrolled",
            "cashier_signed_in",
        }  # fmt: skip
        did = [event["data"]["did"] for event in events(box) if event["type"] == "training_noted"]
        assert did.count("sale_completed") == 2
        assert "receipt_printed" in did
        # a script that knows nothing of Tillbox
        book = Book()
        for event in events(box):
            book.hear(event)
        assert (book.receipts, book.open, book.figures()["tenders"]) == ({}, {}, {})
        # the mode ends between sales, and selling goes on where it was
        status, view = await box.command("end_training")
        assert (status, view["training"], view["state"]) == (200, False, "idle")
        assert view["last_receipt"] == ""
        await box.command("add_item", code=MILK)
        status, view = await box.command("take_cash", amount_minor=129)
        assert view["receipt_number"] == "till-1-000001"
        assert len(rows(box, "sale")) == 1
        await until(lambda: bool(host.of_kind("kick_drawer")), what="the drawer")
        book = Book()
        for event in events(box):
            book.hear(event)
        assert book.figures()["faults"] == []
        assert book.receipts == {"till-1-000001": 129}
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_the_mode_survives_a_restart_and_the_sale_in_it_does_not(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await begin(box)
        await box.command("add_item", code=MILK)
        status, refused = await box.command("end_training")
        assert (status, refused["code"]) == (409, "sale_still_open")
    async with selling_box(tmp_path) as box:
        view = await box.view()
        assert (view["training"], view["state"]) == (True, "idle")
        assert not (await box.view("till-1"))["lines"]
        status, view = await box.command("end_training")
        assert (status, view["training"]) == (200, False)
    async with selling_box(tmp_path) as box:
        assert not (await box.view())["training"]
        assert verify(box.edge.settings.data_dir / "ledger.db").whole


async def test_no_sale_hides_behind_the_name_of_one_in_training(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        status, refused = await box.command("add_item", code=MILK, sale_id="training-000001")
        assert (status, refused["code"]) == (409, "sale_id_reused")
        assert (await box.view())["state"] == "idle"


async def test_what_is_not_trained_is_refused_in_words(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await begin(box)
        await box.command("add_item", code=MILK)
        status, refused = await box.command("park")
        assert (status, refused["code"]) == (409, "not_in_training")


async def test_notes_can_be_read_back_as_the_events_that_they_were(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await begin(box)
        view = await practise(box, host)
        last = [
            json.loads(event["data"]["fields"])
            for event in events(box)
            if event["type"] == "training_noted" and event["data"]["did"] == "sale_completed"
        ][-1]
        assert (last["receipt"], last["total_minor"]) == (view["receipt_number"], 129)


async def test_the_scale_weighs_in_training_and_nothing_of_it_counts(tmp_path: Path) -> None:
    async with scale_shop(tmp_path) as (box, host):
        await begin(box)
        host.answers["weigh"] = done(weight(742))
        status, view = await box.command("weigh_item", code=APPLES, shown_g=742)
        assert status == 200, view
        view = await until_view(box.view, lambda view: bool(view["lines"]), what="the line")
        assert (view["lines"][0]["quantity"], view["training"]) == (742, True)
        await box.command("take_cash", amount_minor=500)
        kinds = {event["type"] for event in events(box)}
        assert not kinds & {"weighing_asked", "line_added", "sale_opened", "sale_completed"}
        assert rows(box, "sale") == []
