"""Goods come back against a receipt that only its signature proves, in a running box."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from edge.contract.receipt_code import PaidBy, SoldGoods, pack_code
from edge.contract.reference_data import BoxKey, Feed, FeedItem, FeedPage
from edge.contract.wire import encode
from edge.runtime.keys import SigningKey
from tests.flows.box import SUPERVISOR_PIN, Box, selling_box
from tests.flows.test_parking import second_till
from tests.flows.test_receipts_and_drawers import data_of
from tests.flows.test_returns import approval, is_whole, sell
from tests.flows.test_signed_receipts import shown, signed
from tests.golden.signed_receipt import CODE

QUAY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
NUMBER = "till-1-000001"
"""A number that this store has too."""
SOLD = replace(
    CODE,
    receipt=NUMBER,
    lines=(SoldGoods(1, 100, 3, 387, 1), SoldGoods(2, "0042", 1, 100, 0)),
    tenders=(PaidBy("cash", 300), PaidBy("card", 200)),
    total_minor=487,
    change_minor=13,
)
PERMISSION = "return_without_receipt"
TEXT = signed(QUAY, pack_code(SOLD))


async def believes(box: Box) -> None:
    key = BoxKey(12, 2, QUAY.public.hex)
    page = FeedPage(Feed.BOX_KEY, (FeedItem(key.key, 1, msgspec.Raw(encode(key))),), 1)
    status, _ = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert status == 200


async def take_back(box: Box, quantity: int = 1_000, line: str = "1", **changed: Any) -> Any:
    fields = {"receipt": NUMBER, "line_id": line, "original_sale": SOLD.sale_id, "reason": "sour"}
    return await box.command("return_line", quantity=quantity, **{**fields, **changed})


async def approved(box: Box, quantity: int = 1_000, **changed: Any) -> Any:
    second = await approval(box, PERMISSION)
    return await take_back(box, quantity, approval=second, **changed)


async def returnable(box: Box) -> int:
    status, view = await shown(box, TEXT)
    assert status == 200, view
    return int(view["lines"][0]["returnable"])


async def test_nothing_comes_back_of_a_receipt_that_nobody_showed(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await believes(box)
        status, refused = await approved(box)
        assert (status, refused["code"]) == (404, "unknown_receipt")


async def test_what_came_back_counts_after_a_restart_and_the_number_is_the_other_stores(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        await believes(box)
        own = await sell(box, ("100", 1_000))  # this store's receipt of the same number
        assert await returnable(box) == 3_000
        status, refused = await take_back(box)
        assert (status, refused["code"]) == (409, "needs_approval")
        assert "other stores may have taken goods of it back" in refused["message"]
        status, refused = await approved(box, line="2")
        assert (status, refused["code"]) == (409, "restored_article_unknown")
        status, view = await approved(box, 2_000)
        assert (status, view["refund_due_minor"]) == (200, 258)
        status, view = await box.command("give_cash", amount_minor=258)
        assert (status, view["state"]) == (200, "done")
        (returned,) = data_of(box, "line_returned")
        assert (returned["original_sale"], returned["approver"]) == (SOLD.sale_id, "sofia")
        assert returned["original_sale"] != own
        (cash,) = data_of(box, "cash_returned")
        assert cash["parts"] == [
            {"original_sale": SOLD.sale_id, "original_tender": "1", "amount_minor": 258}
        ]
    async with selling_box(tmp_path) as box:
        assert await returnable(box) == 1_000
        await box.command("next_sale")
        status, refused = await approved(box, 2_000)
        assert (status, refused["code"]) == (409, "more_than_returnable")
        status, view = await approved(box)
        assert (status, view["refund_due_minor"]) == (200, 129)
        # of the cash that paid 287 nothing more than 29 is left: the rest was the card's
        status, refused = await box.command("give_cash", amount_minor=129)
        assert (status, refused["code"]) == (409, "needs_approval")
        assert refused["params"] == {"permission": "refund_other_tender"}
        second = await approval(box, "refund_other_tender")
        status, view = await box.command("give_cash", amount_minor=129, approval=second)
        assert (status, view["state"]) == (200, "done")
        assert await returnable(box) == 0
        # the sale of this store is what its number means without the other's id
        await box.command("next_sale")
        status, view = await box.command(
            "return_line", receipt=NUMBER, line_id="1", quantity=1_000, reason="sour"
        )
        assert (status, view["refund_due_minor"]) == (200, 129)
        assert is_whole(box)


async def test_two_tills_at_once_take_no_more_than_the_code_says(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await believes(box)
        assert await returnable(box) == 3_000
        wishes = []
        for till in (box, other):
            name = "till-1" if till is box else "till-2"
            status, given = await till.call(
                "POST",
                f"/api/v1/tills/{name}/approvals",
                {"approver": "sofia", "pin": SUPERVISOR_PIN, "permission": PERMISSION},
            )
            assert status == 200, given
            wishes.append(take_back(till, 2_000, approval=given["approval"], till=name))
        answers = await asyncio.gather(*wishes)
        assert sorted(status for status, _ in answers) == [200, 409]
        (refused,) = (body for status, body in answers if status == 409)
        assert refused["code"] == "other_till_returns_it"
        assert await returnable(box) == 1_000
        at = [status for status, _ in answers].index(200)
        till, name = ((box, "till-1"), (other, "till-2"))[at]
        (line,) = answers[at][1]["lines"]
        status, view = await till.command("void_line", line_id=line["line_id"], till=name)
        assert status == 200, view
        assert await returnable(box) == 3_000
