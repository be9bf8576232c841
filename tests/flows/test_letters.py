"""A receipt by e-mail at the box: on disk with its event, asked for, erased for good."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.receipt_document import QrBlock, ReceiptDocument
from edge.contract.receipt_letter import LetterWaiting, address_seal
from edge.contract.till_commands import EmailReceipt
from edge.flows.command_identity import fingerprint
from edge.flows.letters import LetterPost
from edge.ledger.integrity import verify
from edge.ledger.letters import Letters
from edge.runtime.system_clock import SystemClock
from tests.engine.test_receipt_layout import printed
from tests.flows.box import DEVICES, MILK, Box, selling_box
from tests.flows.test_receipts_and_drawers import data_of

SOLD = "till-1-000001"
ANNA = "anna.maria@example.org"
REF = "0198c0de-0000-7000-8000-00000000e417"
AT = "/internal/v1/replica"


def _never(_: object) -> ReceiptDocument:
    raise AssertionError


async def sell(box: Box) -> Any:
    await box.command("add_item", code=MILK)
    status, view = await box.command("take_cash", amount_minor=200)
    assert status == 200, view
    return view


async def ask(box: Box, address: str = ANNA, **given: Any) -> tuple[int, Any]:
    return await box.command("email_receipt", receipt=SOLD, address=address, **given)


async def waiting(box: Box, after: int = 0, wait_s: float = 0) -> LetterWaiting | None:
    status, body = await box.call(
        "GET", f"{AT}/letter?after={after}&wait_s={wait_s}", headers=box.service
    )
    assert status in {200, 204}, body
    return msgspec.convert(body, LetterWaiting) if status == 200 else None


async def taken(box: Box, *refs: str) -> None:
    status, body = await box.call(
        "POST", f"{AT}/letters-taken", {"refs": refs}, headers=box.service
    )
    assert status == 204, body


def holds_address(folder: Path) -> list[str]:
    """Return the files below a folder that hold the address."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and b"anna.maria" in path.read_bytes()
    ]


async def test_the_receipt_goes_up_as_a_marked_copy_with_its_signed_code(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        view = await sell(box)
        status, after = await ask(box, command_id=REF)
        assert (status, after["state"], after["receipt_number"]) == (200, "done", SOLD)
        found = await waiting(box)
        assert found is not None
        letter = found.letter
        (event,) = data_of(box, "receipt_email_requested")
        assert event == {
            "sale": view["sale_id"],
            "receipt": SOLD,
            "ref": REF,
            "address_seal": address_seal(letter.salt, ANNA),
            "letter": 1,
        }
        assert len(letter.salt) >= 43
        assert (letter.ref, letter.sale, letter.address) == (REF, view["sale_id"], ANNA)
        assert letter.store_name == "Harbour Street"
        texts = printed(letter.document)
        assert texts[0] == texts[-1] == "*** COPY BY E-MAIL ***"
        assert "Whole milk 1 l|1.29" in texts
        assert letter.document.copy == 1
        (code,) = [block for block in letter.document.blocks if isinstance(block, QrBlock)]
        assert code.data.startswith("TILLBOX2:")
        assert await waiting(box, found.n) is None
        await taken(box, REF)
        assert await waiting(box) is None
        await taken(box, REF, "never-was-there")  # an answer that came twice


async def test_the_address_is_in_no_event_answer_or_log_and_gone_once_it_is_taken(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box)
        status, view = await ask(box, command_id=REF)
        assert status == 200
        assert b"anna" not in msgspec.json.encode(view)
        assert await ask(box, command_id=REF) == (200, view)
        assert len(data_of(box, "receipt_email_requested")) == 1
    assert holds_address(tmp_path) == ["ledger.db"]
    async with selling_box(tmp_path) as box:  # it was killed, or the line was away for days
        found = await waiting(box)
        assert found is not None
        await taken(box, REF)
        assert b"anna" not in box.log.getvalue().encode()
    assert holds_address(tmp_path) == []
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_a_repeat_after_a_restart_asks_for_no_second_letter(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box)
        first = await ask(box, command_id=REF)
        await taken(box, REF)
    async with selling_box(tmp_path) as box:
        assert await ask(box, command_id=REF) == first
        assert await waiting(box) is None
        assert len(data_of(box, "receipt_email_requested")) == 1


async def test_who_waits_gets_a_letter_once_there_is_one(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box)
        asking = asyncio.create_task(waiting(box, wait_s=20))
        await box.view()
        await ask(box)
        assert await asking is not None


async def test_who_waits_holds_no_stop_up(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        selling = box.edge.selling
        post = LetterPost(
            Letters(box.edge.ledger_file),
            selling.gathering.sold,
            selling.gathering.codes,
            box.edge.fiscal,
            _never,
            lambda: "",
            SystemClock(),
            box.edge.log,
        )
        asking = asyncio.create_task(post.next(0, wait_s=25))
        await asyncio.sleep(0)
        post.close()
        assert await asking is None
        assert await post.next(0, wait_s=25) is None


async def test_no_printer_is_needed_and_training_sends_nothing(tmp_path: Path) -> None:
    scanner = tuple(device for device in DEVICES if device.id == "scanner-1")
    async with selling_box(tmp_path, devices=scanner) as box:
        await sell(box)
        assert (await ask(box))[0] == 200
        await box.command("next_sale")
        box.edge.selling.tills["till-1"].training = True
        status, refusal = await ask(box)
        assert (status, refusal["code"]) == (409, "not_in_training")
        assert len(data_of(box, "receipt_email_requested")) == 1


@pytest.mark.parametrize(
    ("address", "code"),
    [("anna", "address_malformed"), ("4111111111111111@example.org", "looks_like_card_number")],
)
async def test_what_is_refused_leaves_no_letter(tmp_path: Path, address: str, code: str) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box)
        status, refusal = await ask(box, address)
        assert (status, refusal["code"]) == (409, code)
        status, refusal = await box.command("email_receipt", receipt="till-1-09", address=ANNA)
        assert (status, refusal["code"]) == (404, "unknown_receipt")
        assert await waiting(box) is None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("after=x", "query_malformed"),
        ("wait_s=1", "query_malformed"),
        ("after=-1", "query_out_of_range"),
        ("after=0&wait_s=99", "query_out_of_range"),
        ("after=99999999999999999999999", "query_out_of_range"),
    ],
)
async def test_questions_that_are_none(tmp_path: Path, query: str, code: str) -> None:
    async with selling_box(tmp_path) as box:
        status, refusal = await box.call("GET", f"{AT}/letter?{query}", headers=box.service)
        assert (status, refusal["code"]) == (400, code)


async def test_a_letter_whose_sale_is_not_there_steps_aside(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await sell(box)
        await ask(box, command_id=REF)
        await ask(box)
        file = box.edge.ledger_file
        await file.write(
            lambda db: db.execute("UPDATE letter SET receipt = 'gone' WHERE ref = ?", (REF,))
        )
        found = await waiting(box)
        assert found is not None
        assert found.letter.ref != REF
        assert "letter_without_sale" in box.log.getvalue()


async def test_nobody_finds_an_address_by_trying_fingerprints(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        till = box.edge.selling.tills["till-1"]
        one, other = (
            EmailReceipt(command_id=REF, receipt=SOLD, address=address)
            for address in (ANNA, "bert@example.org")
        )
        assert fingerprint(till, one) == fingerprint(till, other)
