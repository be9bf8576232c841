"""What a terminal composes comes out: with the receipt, on slips, again as a copy, after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_messages import Job, JobResult, JobStatus
from edge.contract.receipt_document import RuleBlock, TextBlock
from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.wire import encode
from edge.ledger.integrity import verify
from tests.engine.test_receipt_layout import printed
from tests.flows.box import DEVICES, MILK, PROFILE, Box, selling_box
from tests.flows.fake_host import FakeHost, done, fake_host, until, until_view
from tests.flows.test_card_desk import approved, doubt
from tests.flows.test_card_refunds import BACK, bring_back, sell_by_card
from tests.flows.test_paying_by_card import APPROVED, ask
from tests.flows.test_receipts_and_drawers import data_of, failed
from tests.flows.test_reprints import papers
from tests.flows.test_selling import event_types

CUSTOMERS = ("** Kundenbeleg **", "Betrag EUR          1,29", "VISA ************1881")
MERCHANTS = ("** Händlerbeleg **", "Betrag EUR          1,29", "VISA ************1881")
WITH_TEXTS = {**APPROVED, "customer_receipt": CUSTOMERS, "merchant_receipt": MERCHANTS}


async def place(box: Box, where: str) -> None:
    """Let head office say where the store has the customer's card receipts."""
    profile = msgspec.structs.replace(PROFILE, card_slips=where)
    item = FeedItem("store", 2, msgspec.Raw(encode(profile)))
    page = FeedPage(Feed.CONFIG, (item,), 2)
    status, taken = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert status == 200, taken


async def texts(host: FakeHost, count: int) -> list[list[str]]:
    await until(lambda: len(papers(host)) >= count, what=f"{count} papers")
    return [printed(document) for document in papers(host)]


def holds(paper: list[str], lines: tuple[str, ...]) -> bool:
    return any(paper[at : at + len(lines)] == list(lines) for at in range(len(paper)))


async def settled(box: Box, count: int, kind: str = "card_slip_printed") -> None:
    await until(lambda: len(data_of(box, kind)) == count, what=f"{count} of {kind}")


async def paid(box: Box) -> Any:
    return await until_view(box.view, lambda view: view["state"] == "done", what="done")


async def test_the_customers_receipt_stands_on_the_sales_and_on_its_copy(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["authorise_payment"] = done(WITH_TEXTS)
        await ask(box, host)
        view = await paid(box)
        (receipt,) = await texts(host, 1)
        at = receipt.index("Card Debit|1.29")
        assert tuple(receipt[at + 1 : at + 4]) == CUSTOMERS
        assert "  **** 1881" not in receipt
        await settled(box, 1, "receipt_printed")
        await box.command("reprint_receipt", receipt=view["receipt_number"])
        _, copy = await texts(host, 2)
        assert copy == ["*** COPY ***", *receipt, "*** COPY ***"]
        (event,) = data_of(box, "card_slip_composed")
        assert event == {
            "sale": view["sale_id"],
            "payment": view["tenders"][0]["tender_id"],
            "outcome": "approved",
            "customer": list(CUSTOMERS),
            "merchant": list(MERCHANTS),
        }
        types = event_types(box)
        at = types.index("card_payment_approved")
        assert types[at + 1 : at + 3] == ["card_slip_composed", "sale_completed"]
        assert data_of(box, "card_slip_printed") == []
    assert verify(tmp_path / "edge" / "ledger.db").whole


@pytest.mark.parametrize(("where", "slips"), [("own_slip", 1), ("ask", 0), ("never", 0)])
async def test_a_store_has_it_on_a_slip_of_its_own_or_not_at_once(
    tmp_path: Path, where: str, slips: int
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, where)
        host.answers["authorise_payment"] = done(WITH_TEXTS)
        await ask(box, host)
        view = await paid(box)
        await settled(box, 1, "receipt_printed")
        await settled(box, slips)
        found = await texts(host, slips + 1)
        assert [holds(paper, CUSTOMERS) for paper in found] == [True] * slips + [False]
        assert holds(found[-1], ("  **** 1881", "  Terminal receipt 42"))
        assert "CUSTOMER COPY" in found[0] or not slips
        await box.command("reprint_receipt", receipt=view["receipt_number"])
        again = await texts(host, slips + 2)
        assert holds(again[-1], CUSTOMERS) is (where != "never")
        assert len(data_of(box, "card_slip_composed")) == 1  # whatever is printed of it


@pytest.mark.parametrize(
    ("where", "slips"), [("with_receipt", 1), ("own_slip", 1), ("ask", 0), ("never", 0)]
)
async def test_a_customer_who_was_declined_has_it_in_writing(
    tmp_path: Path, where: str, slips: int
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, where)
        said = ("** Kundenbeleg **", "ZAHLUNG NICHT ERFOLGT")
        host.answers["authorise_payment"] = done(
            {"outcome": "declined", "reason": "Card expired.", "customer_receipt": said}
        )
        await ask(box, host)
        await until_view(box.view, lambda view: view["state"] == "open", what="open again")
        await settled(box, slips)
        await box.command("take_cash", amount_minor=129)
        *slip, receipt = await texts(host, slips + 1)
        assert [holds(paper, said) for paper in slip] == [True] * slips
        assert not holds(receipt, said)
        assert data_of(box, "card_slip_printed") == [
            {"sale": data_of(box, "sale_opened")[0]["sale"], "number": 1, "what": "customer",
             "evidence": "confirmed"},
        ][:slips]  # fmt: skip


async def test_nothing_is_kept_or_printed_of_a_terminal_that_prints_by_itself(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["authorise_payment"] = done(APPROVED)
        await ask(box, host)
        await paid(box)
        (receipt,) = await texts(host, 1)
        assert "  **** 1881" in receipt
        assert data_of(box, "card_slip_composed") == []


async def test_a_card_number_that_a_driver_let_through_is_kept_nowhere(tmp_path: Path) -> None:
    number = "4111 1111 1111 1111"
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, "own_slip")
        host.answers["authorise_payment"] = done(
            {
                **WITH_TEXTS,
                "customer_receipt": ("PAN " + number,),
                "merchant_receipt": (number.replace(" ", ""), "41111111", "11111111"),
            }
        )
        await ask(box, host)
        await paid(box)
        await settled(box, 1)
        found = await texts(host, 2)
        assert holds(found[0], ("PAN **** **** **** 1111",))
        (event,) = data_of(box, "card_slip_composed")
        assert event["customer"] == ["PAN **** **** **** 1111"]
        assert event["merchant"] == ["************1111", "********", "****1111"]
    for path in tmp_path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert number.encode() not in content, path
        assert number.replace(" ", "").encode() not in content, path


async def test_a_slip_whose_fate_is_not_known_is_repeated_as_a_copy(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, "own_slip")

        def lost(job: Job) -> JobResult:
            status = JobStatus.UNKNOWN if job.id.endswith("-customer-1-0") else JobStatus.DONE
            return JobResult(job.id, status, 1, {"evidence": "confirmed"})

        host.answers["print_receipt"] = lost
        host.answers["authorise_payment"] = done(WITH_TEXTS)
        await ask(box, host)
        view = await paid(box)
        await settled(box, 2)
        ids = {job.id: job for job in host.of_kind("print_receipt")}
        assert set(ids) == {
            f"{view['sale_id']}-{each}" for each in ("customer-1-0", "customer-1-1", "receipt-0")
        }
        slips = [paper for paper in await texts(host, 3) if holds(paper, CUSTOMERS)]
        assert [paper[0] == "*** COPY ***" for paper in slips] == [False, True]
        assert [
            (each["evidence"], each.get("copy", 0)) for each in data_of(box, "card_slip_printed")
        ] == [("unknown", 0), ("confirmed", 1)]
        assert (await box.view())["receipt"]["state"] == "printed"
        assert len(data_of(box, "receipt_printed")) == 1


async def test_a_slip_that_did_not_come_out_is_said_and_the_sale_stands(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, "own_slip")
        host.answers["print_receipt"] = failed("jam", "Jammed.", "Open the lid.")
        host.answers["authorise_payment"] = done(WITH_TEXTS)
        await ask(box, host)
        await settled(box, 1)
        view = await until_view(
            box.view,
            lambda view: view["notice"] is not None and view["state"] == "done",
            what="words",
        )
        assert view["notice"]["code"] == "card_slip_not_printed"
        assert "Open the lid." in view["notice"]["words"]
        assert len(host.of_kind("authorise_payment")) == 1


async def test_slips_open_when_the_box_dies_are_printed_and_nothing_is_paid_twice(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker, obliging=False) as host:
        await place(box, "own_slip")
        host.answers["authorise_payment"] = done(WITH_TEXTS)
        await ask(box, host)
        await paid(box)
        await texts(host, 2)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        view = await box.view()
        assert view["state"] == "done"
        await settled(box, 1)
        await settled(box, 1, "receipt_printed")
        found = await texts(host, 2)
        assert sum(holds(paper, CUSTOMERS) for paper in found) == 1
        assert host.of_kind("authorise_payment") == []
        assert len(data_of(box, "card_payment_approved")) == 1
        assert await box.edge.ledger.open_jobs() == []


async def test_an_answer_found_by_asking_after_a_restart_is_printed_too(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await ask(box, host)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["inquire_payment"] = done(WITH_TEXTS)
        await paid(box)
        (receipt,) = await texts(host, 1)
        assert holds(receipt, CUSTOMERS)
        assert host.of_kind("authorise_payment") == []


async def test_a_till_without_a_printer_keeps_what_was_composed(tmp_path: Path) -> None:
    devices = tuple(device for device in DEVICES if device.id != "printer-1")
    async with (
        selling_box(tmp_path, devices=devices) as box,
        fake_host(box.broker) as host,
    ):
        await place(box, "own_slip")
        host.answers["authorise_payment"] = done(WITH_TEXTS)
        await ask(box, host)
        view = await paid(box)
        assert view["receipt"]["state"] == "none"
        assert host.of_kind("print_receipt") == []
        assert len(data_of(box, "card_slip_composed")) == 1


async def test_an_answer_for_a_parked_sale_is_printed_where_it_was_asked(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, "own_slip")
        job = await ask(box, host)
        await host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut.")
        await until_view(box.view, lambda view: view["state"] == "in_doubt", what="doubt")
        status, view = await box.command("park", label="Anna")
        assert status == 200, view
        await until(lambda: bool(host.of_kind("inquire_payment")), what="the inquiry")
        inquiry = host.of_kind("inquire_payment")[-1]
        await host.answer("terminal-1", inquiry.id, JobStatus.DONE, WITH_TEXTS)
        await settled(box, 1)
        (slip,) = await texts(host, 1)
        assert holds(slip, CUSTOMERS)
        # the till sells on meanwhile, and taking the sale up completes it with its receipt
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=129)
        await box.command("next_sale")
        sale = (await box.view())["parked"][0]["sale_id"]
        _, view = await box.command("resume", sale_id=sale)
        assert view["tenders"][0]["state"] == "approved"


async def test_the_slip_to_sign_is_the_merchants_with_a_line_below(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["authorise_payment"] = done({**WITH_TEXTS, "signature": True})
        await ask(box, host)
        (first, *_) = await texts(host, 1)
        assert "MERCHANT COPY" in first
        assert holds(first, MERCHANTS)
        document = papers(host)[0]
        assert first[-1] == "Signature"
        assert isinstance(document.blocks[-2], RuleBlock)
        assert TextBlock(MERCHANTS[0], fixed=True) in document.blocks


async def test_a_slip_of_which_a_host_knows_nothing_after_the_box_died_is_a_copy(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker, obliging=False) as host:
        host.answers["authorise_payment"] = done({**WITH_TEXTS, "signature": True})
        await ask(box, host)
        await texts(host, 1)
    async with selling_box(tmp_path) as box, fake_host(box.broker, obliging=False) as host:
        host.answers["print_receipt"] = lambda job: JobResult(
            job.id,
            JobStatus.DONE if job.id.endswith("-1") else JobStatus.UNKNOWN,
            1,
            {"evidence": "confirmed"},
        )
        await host.offline()
        await host.online()  # the job is sent again under its own id, never as a second original
        await settled(box, 2)
        found = {job.id: job for job in host.of_kind("print_receipt")}
        assert [job.rpartition("-merchant-")[2] for job in found] == ["1-0", "1-1"]
        assert [paper[0] == "*** COPY ***" for paper in await texts(host, 2)] == [False, True]
        view = await box.view()
        assert (view["state"], len(data_of(box, "card_payment_approved"))) == ("paying", 1)
        _, view = await box.command("confirm_signature", payment=view["signature"]["payment"])
        assert view["state"] == "done"
        assert host.of_kind("authorise_payment") == []


async def test_what_a_refund_brings_stands_on_its_receipt_and_is_signed_for_on_a_slip(
    tmp_path: Path,
) -> None:
    said = ("** Gutschrift **", "Betrag EUR         -1,29")
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await sell_by_card(box, host)
        await bring_back(box)
        host.answers["refund_payment"] = done(
            {**BACK, "customer_receipt": said, "merchant_receipt": MERCHANTS, "signature": True}
        )
        status, view = await box.command("refund_by_card", amount_minor=129)
        assert status == 200, view
        view = await paid(box)  # money that went back is not held up
        assert view["notice"]["code"] == "card_signature"
        await settled(box, 1)
        await settled(box, 2, "receipt_printed")
        _, slip, receipt = await texts(host, 3)
        assert holds(slip, MERCHANTS)
        assert slip[-1] == "Signature"
        assert holds(receipt, said)


async def test_what_comes_after_a_person_settled_it_is_kept_and_not_printed(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, "own_slip")
        job, view = await doubt(box, host)
        status, view = await approved(
            box,
            "attach_evidence",
            payment=job.id,
            approved=False,
            source="slip",
            reason="It printed that it was declined.",
        )
        assert (status, view["state"]) == (200, "open"), view
        await until(lambda: bool(host.of_kind("inquire_payment")), what="it is asked about")
        inquiry = host.of_kind("inquire_payment")[-1]
        await host.answer("terminal-1", inquiry.id, JobStatus.DONE, WITH_TEXTS)
        await settled(box, 1, "card_answered_late")
        (event,) = data_of(box, "card_slip_composed")
        assert event["customer"] == list(CUSTOMERS)
        assert host.of_kind("print_receipt") == []


async def test_how_a_slip_stands_is_not_said_of_the_receipt(tmp_path: Path) -> None:
    def but_the_slip(job: Job) -> JobResult | None:
        if "-customer-" in job.id:
            return None
        return JobResult(job.id, JobStatus.DONE, 1, {"evidence": "confirmed"})

    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await place(box, "own_slip")
        host.answers["print_receipt"] = but_the_slip
        host.answers["authorise_payment"] = done(WITH_TEXTS)
        await ask(box, host)
        await paid(box)
        await settled(box, 1, "receipt_printed")
        await texts(host, 2)
    async with selling_box(tmp_path) as box, fake_host(box.broker, obliging=False) as host:
        view = await box.view()
        assert (view["state"], view["receipt"]["state"]) == ("done", "none")
        await until(lambda: bool(host.of_kind("print_receipt")), what="the slip is sent again")
        (slip,) = host.of_kind("print_receipt")
        await host.answer("printer-1", slip.id, JobStatus.ACCEPTED, code="paper_end", detail="No.")
        await host.answer("printer-1", slip.id, JobStatus.DONE, {"evidence": "confirmed"})
        await settled(box, 1)
        assert (await box.view())["receipt"]["state"] == "none"
