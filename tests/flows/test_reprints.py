"""A receipt again: its copy as the ledger has it, a gift receipt, and what the printer says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_messages import Job, JobResult, JobStatus, PrintReceiptArgs
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.till_commands import ReprintReceipt
from edge.ledger.integrity import verify
from tests.engine.test_receipt_layout import printed
from tests.flows.box import DEVICES, MILK, SUPERVISOR_PIN, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_receipts_and_drawers import data_of, failed

SOLD = "till-1-000001"


def papers(host: FakeHost) -> list[ReceiptDocument]:
    """Return what was printed so far, each job once, in order."""
    jobs = {job.id: job for job in host.of_kind("print_receipt")}
    return [msgspec.json.decode(job.args, type=PrintReceiptArgs).document for job in jobs.values()]


async def after(host: FakeHost, count: int) -> list[ReceiptDocument]:
    await until(lambda: len(papers(host)) >= count, what=f"{count} papers")
    return papers(host)


def fresh(documents: list[ReceiptDocument]) -> list[list[str]]:
    return [printed(document) for document in documents]


async def sell_milk(box: Box, till: str = "till-1") -> Any:
    await box.command("add_item", code=MILK, till=till)
    status, view = await box.command("take_cash", amount_minor=200, till=till)
    assert status == 200, view
    return view


async def test_a_copy_is_the_receipt_as_it_was_whoever_asks_and_however_it_was_named(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.command("add_item", code=MILK)
        _, parked = await box.command("park", label="Anna")
        await sell_milk(box)
        await box.command("next_sale")
        await box.command("resume", sale_id=parked["parked"][0]["sale_id"])
        await box.command("add_item", code="101")
        _, view = await box.command("take_cash", amount_minor=200)
        number = view["receipt_number"]
        (_, original) = await after(host, 2)
        await box.call("DELETE", "/api/v1/session")
        await box.sign_in("sofia", SUPERVISOR_PIN)
        _, view = await box.command("reprint_receipt", receipt=number)
        assert (view["state"], view["receipt_number"]) == ("done", number)
        texts = printed(original)
        assert texts.count("Served by|Marta") == 1
        await box.command("reprint_receipt", receipt=texts[-1])  # its code, which was scanned
        first, second = (await after(host, 4))[2:]
        assert fresh([first, second]) == [
            ["*** COPY ***", *texts, "*** COPY ***"],
            ["*** COPY 2 ***", *texts, "*** COPY 2 ***"],
        ]
        assert (first.copy, second.copy) == (1, 2)
        await until(lambda: len(data_of(box, "reprint_ended")) == 2, what="both are recorded")
        assert data_of(box, "receipt_reprinted") == [
            {"sale": view["sale_id"], "receipt": number, "copy": copy} for copy in (1, 2)
        ]
        assert data_of(box, "reprint_ended") == [
            {"sale": view["sale_id"], "what": "copy", "copy": copy, "evidence": "confirmed"}
            for copy in (1, 2)
        ]
        assert len(data_of(box, "receipt_printed")) == 2
        assert len(host.of_kind("kick_drawer")) == 2  # those of the sales
        assert await box.edge.ledger.open_jobs() == []
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_copies_of_an_exchange_and_of_the_sale_before_it(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_milk(box)
        await box.command("next_sale")
        await box.command("return_line", receipt=SOLD, line_id="1", quantity=1_000, reason="sour")
        await box.command("add_item", code="101")
        status, view = await box.command("give_cash", amount_minor=84)
        assert (status, view["state"]) == (200, "done"), view
        sold, exchanged = fresh(await after(host, 2))
        await box.command("reprint_receipt", receipt=SOLD)
        await box.command("reprint_receipt", receipt=view["receipt_number"])
        await box.command("print_gift_receipt", receipt=view["receipt_number"])
        again = fresh((await after(host, 5))[2:])
        assert again[:2] == [
            ["*** COPY ***", *sold, "*** COPY ***"],
            ["*** COPY ***", *exchanged, "*** COPY ***"],
        ]
        assert "EXCHANGE" in exchanged
        assert "Bread roll|1" in again[2]
        assert not any("Whole milk" in text for text in again[2])
        # the exchange is the till's newest sale: it stands as it stood
        assert (await box.view())["receipt"]["state"] == "printed"


async def test_an_answer_lost_prints_nothing_twice_and_two_tills_share_the_numbers(
    tmp_path: Path,
) -> None:
    printer = msgspec.structs.replace(DEVICES[1], id="printer-2", till="till-2")
    async with (
        selling_box(tmp_path, devices=(*DEVICES, printer)) as box,
        fake_host(box.broker) as host,
    ):
        await sell_milk(box)
        answers = [
            await box.command("reprint_receipt", command_id="wish-000001", receipt=SOLD)
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        selling = box.edge.selling
        await asyncio.gather(
            *(
                selling.command(
                    selling.tills[till],
                    "marta",
                    ReprintReceipt(command_id=f"{till}-wish-1", receipt=SOLD),
                )
                for till in ("till-1", "till-2")
            )
        )
        await until(lambda: len(data_of(box, "receipt_reprinted")) == 3, what="three copies")
        assert [each["copy"] for each in data_of(box, "receipt_reprinted")] == [1, 2, 3]
        await after(host, 4)
        assert {device for device, job in host.jobs if "-copy-" in job.id} == {
            "printer-1",
            "printer-2",
        }


@pytest.mark.parametrize("kind", ["reprint_receipt", "print_gift_receipt"])
async def test_what_cannot_be_printed_is_refused_and_leaves_no_trace(
    tmp_path: Path, kind: str
) -> None:
    scanner = tuple(device for device in DEVICES if device.id == "scanner-1")
    async with selling_box(tmp_path) as box:
        await sell_milk(box)
        await box.command("next_sale")
        status, refusal = await box.command(kind, receipt="till-1-000009")
        assert (status, refusal["code"]) == (404, "unknown_receipt")
        await box.command("add_item", code=MILK)
        status, refusal = await box.command(kind, receipt="till-1-000002")
        assert (status, refusal["code"]) == (409, "sale_still_open")
    async with selling_box(tmp_path, devices=scanner) as box:
        status, refusal = await box.command(kind, receipt=SOLD)
        assert (status, refusal["code"]) == (409, "no_printer")
        assert (data_of(box, "receipt_reprinted"), data_of(box, "gift_receipt_printed")) == ([], [])


@pytest.mark.parametrize(
    ("answer", "evidence", "code", "words"),
    [
        (failed("jam", "Jammed.", "Open the lid."), "failed", "reprint_not_printed", "Open the"),
        (failed("jam", "Jammed.", ""), "failed", "reprint_not_printed", "See to the printer"),
        (lambda job: JobResult(job.id, JobStatus.UNKNOWN, 1), "unknown", "reprint_unknown", "Look"),
    ],
)
async def test_a_copy_that_may_not_have_come_out_is_said_and_not_repeated(
    tmp_path: Path, answer: Any, evidence: str, code: str, words: str
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_milk(box)
        await until_view(
            box.view, lambda view: view["receipt"]["state"] == "printed", what="the receipt"
        )
        host.answers["print_receipt"] = answer
        await box.command("reprint_receipt", receipt=SOLD)
        view = await until_view(
            box.view, lambda view: view["notice"] is not None, what="words about the copy"
        )
        assert (view["notice"]["code"], view["notice"]["tone"]) == (code, "trouble")
        assert words in view["notice"]["words"]
        await until(lambda: len(data_of(box, "reprint_ended")) == 1, what="it is recorded")
        assert data_of(box, "reprint_ended")[0]["evidence"] == evidence
        assert (await box.view())["receipt"]["state"] == "printed"
        assert len({job.id for job in host.of_kind("print_receipt")}) == 2
        assert await box.edge.ledger.open_jobs() == []


async def test_a_copy_that_waits_for_paper_says_nothing_about_the_receipt(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_milk(box)
        await until_view(
            box.view, lambda view: view["receipt"]["state"] == "printed", what="the receipt"
        )

        def waits(job: Job) -> JobResult | None:
            return JobResult(job.id, JobStatus.ACCEPTED, 1)

        host.answers["print_receipt"] = waits
        await box.command("reprint_receipt", receipt=SOLD)
        await until(lambda: len(host.of_kind("print_receipt")) == 2, what="the job came")
        (job,) = await box.edge.ledger.open_jobs()
        assert job.job_id.endswith("-copy-1")
        assert (await box.view())["receipt"]["state"] == "printed"
        host.answers["print_receipt"] = done({"evidence": "confirmed"})
        await host.answer("printer-1", job.job_id, JobStatus.DONE, {"evidence": "confirmed"})
        await until(lambda: len(data_of(box, "reprint_ended")) == 1, what="it came out")


async def test_a_copy_open_at_a_restart_is_sent_again_and_is_not_the_receipt(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_milk(box)
        await until(lambda: len(data_of(box, "receipt_printed")) == 1, what="the receipt")
        await until(lambda: len(data_of(box, "drawer_opened")) == 1, what="the drawer")
        del host.answers["print_receipt"]
        await box.command("reprint_receipt", receipt=SOLD)
        (before,) = await box.edge.ledger.open_jobs()
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        assert (await box.view())["receipt"]["state"] == "none"
        await until(lambda: len(data_of(box, "reprint_ended")) == 1, what="it came out")
        assert {job.id for job in host.of_kind("print_receipt")} == {before.job_id}
        _, view = await box.command("reprint_receipt", receipt=SOLD)
        assert view["last_receipt"] == SOLD
        assert [each["copy"] for each in data_of(box, "receipt_reprinted")] == [1, 2]
