"""A card charged at a terminal of its own: typed there by a person, confirmed here by the cashier.

The box has no wire to such a terminal: nothing is asked of a device, and the sale says so, in
the ledger, on the screen and on paper.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_messages import PrintReceiptArgs
from edge.contract.receipt_document import RowBlock, TextBlock
from tests.flows.box import DEVICES, MILK, Box, selling_box
from tests.flows.fake_host import FakeHost, fake_host, until
from tests.flows.test_promotions import events

WITHOUT_TERMINAL = tuple(device for device in DEVICES if device.id != "terminal-1")
CARD_JOBS = {"authorise_payment", "refund_payment", "reverse_payment", "inquire_payment"}


def told(box: Box, kind: str) -> list[Any]:
    return [event for event in events(box) if event["type"] == kind]


async def confirm(
    box: Box, minor: int, slip: str = "0815", command_id: str = ""
) -> tuple[int, Any]:
    """The cashier saw the other terminal approve it."""
    body = {
        "command_id": command_id or f"confirmed-{len(events(box)):05}-{minor}",
        "type": "take_tender",
        "kind": "manual_card",
        "amount_minor": minor,
        "reference": slip,
    }
    return await box.call("POST", "/api/v1/tills/till-1/commands", body)


async def printed(host: FakeHost) -> list[tuple[str, ...]]:
    """What stands on the newest receipt, row by row."""
    await until(lambda: host.of_kind("print_receipt") != [], what="a receipt is printed")
    args = msgspec.json.decode(host.of_kind("print_receipt")[-1].args, type=PrintReceiptArgs)
    return [
        (block.start, block.end) if isinstance(block, RowBlock) else (block.text,)
        for block in args.document.blocks
        if isinstance(block, RowBlock | TextBlock)
    ]


@pytest.mark.parametrize("devices", [DEVICES, WITHOUT_TERMINAL], ids=["terminal too", "none"])
async def test_what_the_other_terminal_charged_pays_the_sale_and_is_marked(
    tmp_path: Path, devices: Any
) -> None:
    async with selling_box(tmp_path, devices=devices) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        status, view = await confirm(box, 129)
        assert (status, view["state"], view["due_minor"]) == (200, "done", 0)
        (tender,) = view["tenders"]
        assert (tender["kind"], tender["state"], tender["amount_minor"], tender["reference"]) == (
            "manual_card", "taken", 129, "0815",
        )  # fmt: skip
        (taken,) = told(box, "tender_taken")
        assert taken["data"]["kind"] == "manual_card"
        assert taken["actor"] == "marta", "who confirmed it stands with it"
        rows = await printed(host)
        at = rows.index(("Card, other terminal", "1.29"))
        assert rows[at + 1] == ("  0815",)
        assert CARD_JOBS.isdisjoint(job.kind for _, job in host.jobs), "no terminal is asked"
        assert host.of_kind("kick_drawer") == [], "there is no cash in it"


async def test_a_part_is_paid_there_and_the_rest_in_cash(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        _, view = await confirm(box, 100)
        assert (view["state"], view["due_minor"]) == ("open", 29)
        _, view = await box.command("take_cash", amount_minor=50)
        assert (view["state"], view["change_minor"]) == ("done", 21)
        await until(lambda: len(host.of_kind("kick_drawer")) == 1, what="the drawer opens")


async def test_more_than_is_due_is_refused_since_nothing_is_given_back_on_it(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        status, refusal = await confirm(box, 130)
        assert (status, refusal["code"]) == (409, "tender_over_due")
        status, refusal = await confirm(box, 129, slip=" ")
        assert (status, refusal["code"]) == (409, "no_reference")
        status, refusal = await confirm(box, 129, slip="4111111111111111")
        assert (status, refusal["code"]) == (409, "looks_like_card_number")
        assert told(box, "tender_taken") == []


async def test_the_same_confirmation_counts_once_also_after_a_restart(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        first = await confirm(box, 100, command_id="confirmed-0001")
        assert await confirm(box, 100, command_id="confirmed-0001") == first
    async with selling_box(tmp_path) as box:
        status, view = await confirm(box, 100, command_id="confirmed-0001")
        assert (status, view["due_minor"]) == (200, 29)
        assert len(told(box, "tender_taken")) == 1
        status, _ = await confirm(box, 29, slip="0816")
        assert status == 200
        assert [each["data"]["reference"] for each in told(box, "tender_taken")] == ["0815", "0816"]


async def test_a_card_charged_there_is_not_dropped_with_its_sale(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        await confirm(box, 100)
        status, refusal = await box.command("abandon")
        assert (status, refusal["code"]) == (409, "card_was_charged")
        assert (await box.view())["due_minor"] == 29
