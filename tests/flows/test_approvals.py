"""A second person's PIN at a till: what it allows, once, and what it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    APPROVAL_S_MAX,
    APPROVALS_OPEN_MAX,
    PIN_WRONG_PER_HOUR_MAX,
)
from edge.contract.permissions import Permission
from edge.engine.circumstances import Approval
from edge.flows.approvals import Approvals
from tests.flows.box import MILK, PIN, SUPERVISOR_PIN, Box, selling_box
from tests.flows.fake_host import fake_host, until
from tests.flows.test_promotions import events


async def approve(
    box: Box,
    permission: str = "discount",
    *,
    approver: str = "sofia",
    pin: str = SUPERVISOR_PIN,
    till: str = "till-1",
) -> tuple[int, Any]:
    body = {"approver": approver, "pin": pin, "permission": permission}
    return await box.call("POST", f"/api/v1/tills/{till}/approvals", body)


async def test_a_discount_waits_for_a_supervisor_and_names_them(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        _, view = await box.command("add_item", code=MILK)
        wish = {"line_id": "1", "off_ppm": 100_000, "reason": "dented"}
        status, body = await box.command("give_discount", command_id="discount-1", **wish)
        assert (status, body["code"]) == (409, "needs_approval")
        assert body["params"] == {"permission": "discount"}
        status, given = await approve(box)
        assert (status, given["valid_s"]) == (200, APPROVAL_S_MAX)
        # the same wish again, now with an approval: what was refused was not kept
        status, view = await box.command(
            "give_discount", command_id="discount-1", approval=given["approval"], **wish
        )
        assert (status, view["total_minor"]) == (200, 116)
        assert view["discounts"] == [
            {"discount_id": "1", "line_id": "1", "off_ppm": 100_000, "off_minor": 0,
             "reason": "dented"}
        ]  # fmt: skip
        repeat = await box.command(
            "give_discount", command_id="discount-1", approval=given["approval"], **wish
        )
        assert repeat == (200, view)
        written = {event["type"]: event for event in events(box)}
        assert written["approval_given"]["data"] == {
            "permission": "discount", "approver": "sofia", "cashier": "marta",
        }  # fmt: skip
        assert written["discount_given"]["data"]["approver"] == "sofia"
        assert written["discount_given"]["actor"] == "marta"
        assert SUPERVISOR_PIN not in str(events(box))


async def test_an_approval_is_for_one_thing_once_at_one_till(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        _, given = await approve(box, "override_price")
        wish = {"line_id": "1", "off_minor": 10, "reason": "dented"}
        status, body = await box.command("give_discount", approval=given["approval"], **wish)
        assert (status, body["code"]) == (409, "needs_approval")
        price = {"line_id": "1", "price_minor": 100, "reason": "shelf"}
        status, view = await box.command("override_price", approval=given["approval"], **price)
        assert (status, view["total_minor"]) == (200, 100)
        status, body = await box.command("override_price", approval=given["approval"], **price)
        assert (status, body["code"]) == (409, "approval_over")
        status, body = await approve(box, till="till-2")
        assert (status, body["code"]) == (403, "another_till")


async def test_nobody_approves_for_themselves_and_not_everybody_may(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        for approver, pin, status, code in (
            ("marta", PIN, 409, "approver_is_self"),
            ("joao", PIN, 409, "approver_may_not"),
            ("tech", PIN, 403, "pin_wrong"),
            ("nobody", PIN, 403, "pin_wrong"),
            ("sofia", PIN, 403, "pin_wrong"),
        ):
            answered, body = await approve(box, approver=approver, pin=pin)
            assert (answered, body["code"]) == (status, code), approver
        status, body = await approve(box, "everything")
        assert status == 422
        assert "approval_given" not in {event["type"] for event in events(box)}


async def test_wrong_pins_of_approvers_are_counted_like_all_others(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        for _ in range(PIN_WRONG_PER_HOUR_MAX):
            assert (await approve(box, pin="0000"))[0] == 403
        status, body = await approve(box)
        assert (status, body["code"]) == (429, "pin_locked_person")
        assert [event["data"]["cashier"] for event in events(box) if
                event["type"] == "sign_in_locked"] == ["sofia"]  # fmt: skip


async def test_a_drawer_is_kicked_once_for_a_wish_without_a_sale(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.sign_in("sofia", SUPERVISOR_PIN)
        wish = {"command_id": "drawer-0001", "reason": "change for till 2"}
        first = await box.command("open_drawer", **wish)
        assert first[0] == 200
        assert await box.command("open_drawer", **wish) == first
        await until(lambda: bool(host.jobs), what="a kick")
        await until(
            lambda: any(event["type"] == "drawer_opened" for event in events(box)), what="its end"
        )
        assert [job.kind for _, job in host.jobs] == ["kick_drawer"]
        (opened,) = [e["data"] for e in events(box) if e["type"] == "drawer_opened"]
        assert (opened["reason"], opened["outcome"]) == ("no_sale", "opened")


async def test_without_a_drawer_there_is_none_to_open(tmp_path: Path) -> None:
    async with selling_box(tmp_path, devices=()) as box:
        status, body = await box.command("open_drawer", reason="change")
        assert (status, body["code"]) == (409, "no_drawer")


def test_an_approval_ends_after_its_time_and_the_oldest_goes() -> None:
    approvals = Approvals()
    given = Approval(Permission.DISCOUNT, "sofia")
    approvals.keep("a", given, "till-1", 1_000)
    end = 1_000 + int(APPROVAL_S_MAX * 1000)
    assert approvals.find("a", "till-1", end) is given
    for till, now in (("till-1", end + 1), ("till-2", 1_000)):
        with pytest.raises(Refused) as caught:
            approvals.find("a", till, now)
        assert caught.value.code == "approval_over"
    for number in range(APPROVALS_OPEN_MAX):
        approvals.keep(f"b{number}", given, "till-1", 1_000)
    with pytest.raises(Refused):
        approvals.find("a", "till-1", 1_000)
    assert approvals.find("b0", "till-1", 1_000) is given
