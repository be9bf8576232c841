"""Tips at a real box: what the till is told, what is kept, and what a second person allows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.contract.reference_data import Feed, FeedItem, FeedPage, Tips
from edge.contract.wire import encode
from edge.ledger.integrity import verify
from edge.ledger.projections import rebuild
from tests.flows.box import MILK, PROFILE, SUPERVISOR_PIN, Box, selling_box
from tests.flows.test_promotions import events

OFFERED: Final = Tips((100_000, 150_000), most_minor=2_000)


async def switch(box: Box, tips: Tips | None, cursor: int = 9) -> None:
    """Head office says whether the store takes tips."""
    profile = msgspec.structs.replace(PROFILE, tips=tips)
    page = FeedPage(Feed.CONFIG, (FeedItem("store", cursor, msgspec.Raw(encode(profile))),), cursor)
    status, _ = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert status == 200


def tips_of(box: Box) -> list[dict[str, Any]]:
    return [each["data"] for each in events(box) if each["type"] == "tip_set"]


async def test_switched_off_the_till_knows_of_none_and_takes_none(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        _, session = await box.call("GET", "/api/v1/session")
        assert session["tips"] is None
        await box.command("add_item", code=MILK)
        status, refused = await box.command("set_tip", amount_minor=21)
        assert (status, refused["code"]) == (409, "tips_off")
        _, view = await box.command("take_cash", amount_minor=129)
        assert (view["state"], view["tip_minor"]) == ("done", 0)
        assert "tip_minor" not in next(e for e in events(box) if e["type"] == "sale_completed")


async def test_a_tip_survives_the_power_cut_and_is_paid_with_the_sale(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await switch(box, OFFERED)
        _, session = await box.call("GET", "/api/v1/session")
        assert session["tips"] == {"offers_ppm": [100_000, 150_000]}
        await box.command("add_item", code=MILK)
        status, view = await box.command("set_tip", amount_minor=21)
        assert (status, view["total_minor"], view["tip_minor"], view["due_minor"]) == (
            200, 129, 21, 150,
        )  # fmt: skip
    async with selling_box(tmp_path) as box:
        _, view = await box.command("take_cash", amount_minor=150)
        assert (view["state"], view["tip_minor"], view["change_minor"]) == ("done", 21, 0)
        completed = next(e["data"] for e in events(box) if e["type"] == "sale_completed")
        assert (completed["total_minor"], completed["tip_minor"]) == (129, 21)
        _, sold = await box.call("GET", f"/api/v1/receipts/{completed['receipt']}")
        assert (sold["total_minor"], sold["tip_minor"]) == (129, 21)
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_the_same_wish_again_sets_it_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await switch(box, OFFERED)
        await box.command("add_item", code=MILK)
        first = await box.command("set_tip", command_id="command-tip", amount_minor=21)
        assert await box.command("set_tip", command_id="command-tip", amount_minor=21) == first
        status, _ = await box.command("set_tip", amount_minor=21)
        assert status == 200
        assert len(tips_of(box)) == 1


async def test_a_parked_sale_keeps_its_tip(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await switch(box, OFFERED)
        await box.command("add_item", code=MILK)
        _, view = await box.command("set_tip", amount_minor=21)
        sale = view["sale_id"]
        await box.command("park", label="Table 4")
        _, view = await box.command("resume", sale_id=sale)
        assert (view["tip_minor"], view["due_minor"]) == (21, 150)


async def test_a_supervisor_allows_more_than_the_most(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await switch(box, OFFERED)
        await box.command("add_item", code=MILK)
        status, refused = await box.command("set_tip", command_id="command-t", amount_minor=2_001)
        assert (status, refused["code"]) == (409, "needs_approval")
        approver = {
            "approver": "sofia",
            "pin": SUPERVISOR_PIN,
            "permission": refused["params"]["permission"],
        }
        _, given = await box.call("POST", "/api/v1/tills/till-1/approvals", approver)
        status, view = await box.command(
            "set_tip", command_id="command-t", amount_minor=2_001, approval=given["approval"]
        )
        assert (status, view["due_minor"]) == (200, 2_130)
        assert [each["approver"] for each in tips_of(box)] == ["sofia"]
        await switch(box, None, 10)
        _, view = await box.command("set_tip", amount_minor=0)
        assert view["due_minor"] == 129


async def sold_with_tip(box: Box) -> str:
    """Sell milk of 1.29 with a tip of 0.21; return the receipt's number."""
    await box.command("add_item", code=MILK)
    await box.command("set_tip", amount_minor=21)
    _, view = await box.command("take_cash", amount_minor=150)
    await box.command("next_sale")
    return str(view["receipt_number"])


async def approved(box: Box) -> str:
    approver = {"approver": "sofia", "pin": SUPERVISOR_PIN, "permission": "tip"}
    _, given = await box.call("POST", "/api/v1/tills/till-1/approvals", approver)
    return str(given["approval"])


async def test_a_tip_goes_back_once_also_over_a_restart(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await switch(box, OFFERED)
        receipt = await sold_with_tip(box)
        wish = {"receipt": receipt, "reason": "mistyped"}
        status, refused = await box.command("return_tip", **wish)
        assert (status, refused["code"]) == (409, "needs_approval")
        _, view = await box.command("return_tip", approval=await approved(box), **wish)
        assert (view["tip_minor"], view["tips_from"], view["refund_due_minor"]) == (
            -21, [receipt], 21,
        )  # fmt: skip
    async with selling_box(tmp_path) as box:
        status, refused = await box.command("return_tip", approval=await approved(box), **wish)
        assert (status, refused["code"]) == (409, "tip_is_going_back")
        _, view = await box.command("give_cash", amount_minor=21)
        assert (view["state"], view["total_minor"], view["tip_minor"]) == ("done", 0, -21)
        (given,) = [each["data"] for each in events(box) if each["type"] == "cash_returned"]
        assert [part["amount_minor"] for part in given["parts"]] == [21]  # of what had paid it
        _, sold = await box.call("GET", f"/api/v1/receipts/{receipt}")
        assert (sold["tip_minor"], sold["tip_back_minor"], sold["back_minor"]) == (21, 0, 129)
        await box.command("next_sale")
        status, refused = await box.command("return_tip", approval=await approved(box), **wish)
        assert (status, refused["code"]) == (409, "tip_returned_already")
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_a_tip_that_was_taken_out_or_given_up_may_go_back_again(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await switch(box, OFFERED)
        receipt = await sold_with_tip(box)
        wish = {"receipt": receipt, "reason": "mistyped"}
        await box.command("return_tip", approval=await approved(box), **wish)
        await box.command("set_tip", amount_minor=0)
        status, view = await box.command("return_tip", approval=await approved(box), **wish)
        assert (status, view["tip_minor"]) == (200, -21)
        await box.command("abandon")
        status, view = await box.command("return_tip", approval=await approved(box), **wish)
        assert (status, view["tip_minor"]) == (200, -21)
        with closing(sqlite3.connect(tmp_path / "edge" / "ledger.db")) as ledger:
            found = "SELECT * FROM returned_tip"
            kept = ledger.execute(found).fetchall()
            assert len(kept) == 1
            rebuild(ledger)
            assert ledger.execute(found).fetchall() == kept
            ledger.rollback()
    assert verify(tmp_path / "edge" / "ledger.db").whole
