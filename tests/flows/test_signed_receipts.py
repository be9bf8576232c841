"""The receipt is a backup: its code is signed, checked, and proves a sale that the box lost."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.contract.base45 import decode45, encode45
from edge.contract.device_messages import Job, JobResult, JobStatus, PrintReceiptArgs
from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.receipt_code import (
    END,
    FORM,
    PaidBy,
    SoldGoods,
    TaxPart,
    code_text,
    pack_code,
    read_code,
    signed_bytes,
)
from edge.contract.receipt_document import PictureBlock, QrBlock
from edge.contract.reference_data import BoxKey, Feed, FeedItem, FeedPage, Logo
from edge.contract.wire import encode
from edge.ledger.integrity import stored_events, verify
from edge.runtime.keys import SigningKey, load_key
from tests.flows.box import MILK, PROFILE, Box, selling_box
from tests.flows.fake_host import FakeHost, fake_host, until, until_view
from tests.flows.test_receipts_and_drawers import data_of
from tests.golden.signed_receipt import BODY, CODE

NUMBER = "till-1-000001"


def codes_of(host: FakeHost) -> list[str]:
    """Return the codes of what was printed so far, job by job."""
    jobs = {job.id: job for job in host.of_kind("print_receipt")}
    documents = [
        msgspec.json.decode(job.args, type=PrintReceiptArgs).document for job in jobs.values()
    ]
    return [
        block.data
        for document in documents
        for block in document.blocks
        if isinstance(block, QrBlock)
    ]


async def sold(box: Box, host: FakeHost, *goods: str) -> str:
    """Sell, and return the code on the receipt."""
    before = len(codes_of(host))
    for code in goods or (MILK,):
        assert (await box.command("add_item", code=code))[0] == 200
    assert (await box.command("take_cash", amount_minor=2_000))[0] == 200
    await until(lambda: len(codes_of(host)) > before, what="the receipt")
    return codes_of(host)[-1]


async def shown(box: Box, text: str) -> tuple[int, Any]:
    return await box.call("GET", f"/api/v1/receipts/{quote(text, safe='')}")


def unanswered(_: Job) -> JobResult | None:
    return None


def key_of(box: Box) -> SigningKey:
    return load_key(box.edge.settings.secrets.box_key_file)


def signed(key: SigningKey, body: bytes) -> str:
    return code_text(key.sign(signed_bytes(body)), body)


async def test_what_is_printed_is_the_sale_signed_by_the_box_with_its_place_in_the_chain(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        text = await sold(box, host, MILK, MILK, "103")
        read = read_code(text)
        key_of(box).public.verify(read.signature, signed_bytes(read.body))
        code = read.code
        stored = {event.seq: event for event in stored_events(_ledger(box), 0)}
        completed = msgspec.json.decode(stored[code.seq].body)
        assert completed["type"] == "sale_completed"
        assert code.chain == stored[code.seq].hash[:8]
        assert (code.store, code.gen, code.at) == (1, 1, completed["at"])
        assert (code.receipt, code.sale_id) == (NUMBER, completed["data"]["sale"])
        assert (code.total_minor, code.change_minor, code.currency) == (258, 1_742, "EUR")
        assert code.tenders == (PaidBy("cash", 2_000),)
        assert code.taxes == (TaxPart("B", 70_000, 241, 17), TaxPart("A", 0, 0, 0))
        assert code.lines == (
            SoldGoods(1, 100, 1, 129, 0), SoldGoods(2, 100, 1, 129, 0), SoldGoods(3, 103, 1, 0, 1),
        )  # fmt: skip


def _ledger(box: Box) -> Path:
    return box.edge.settings.data_dir / "ledger.db"


async def test_the_job_on_disk_stays_short_and_every_copy_has_the_same_code(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["print_receipt"] = lambda job: (
            JobResult(job.id, JobStatus.UNKNOWN, 1) if job.id.endswith("-0") else None
        )
        text = await sold(box, host)
        await until(lambda: len(codes_of(host)) == 2, what="the box's own repeat")
        for job in box.edge.dispatch.open_jobs():
            assert b"TILLBOX2" not in job.args
        await box.command("next_sale")
        for asked in (NUMBER, text):
            assert (await box.command("reprint_receipt", receipt=asked))[0] == 200
        await until(lambda: len(codes_of(host)) == 4, what="the copies that were asked for")
        assert set(codes_of(host)) == {text}
        await box.command("print_gift_receipt", receipt=text)
        await until(lambda: len(codes_of(host)) == 5, what="the gift receipt")
        sale = read_code(text).code.sale_id
        assert codes_of(host)[-1] == f"TILLBOX1|{NUMBER}|{sale}"


async def test_a_receipt_that_waits_through_a_restart_has_the_same_code(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["print_receipt"] = unanswered
        text = await sold(box, host)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await until(lambda: len(codes_of(host)) == 1, what="the job is sent again")
        assert codes_of(host) == [text]
        await box.command("next_sale")
        assert (await box.command("reprint_receipt", receipt=NUMBER))[0] == 200
        await until(lambda: len(codes_of(host)) == 2, what="the copy")
        assert codes_of(host) == [text, text]


async def test_a_scanned_code_opens_its_sale(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        text = await sold(box, host)
        await host.scan(text, box.edge.selling.clock.now_ms())
        view = await until_view(
            box.view, lambda view: view["notice"] is not None, what="the scan is said"
        )
        assert view["notice"]["params"] == {"code": text, "receipt": NUMBER, "scan": "scan-0001"}
        status, sale = await shown(box, view["notice"]["params"]["code"])
        assert (status, sale["sale_id"]) == (200, read_code(text).code.sale_id)
        assert (sale["proved_by"], sale["lines"][0]["returnable"]) == ("", 1_000)
        await host.scan(text[:-9], box.edge.selling.clock.now_ms(), scan_id="scan-0002")
        view = await until_view(
            box.view,
            lambda view: view["notice"]["params"]["scan"] == "scan-0002",
            what="the damaged one is refused",
        )
        assert (view["notice"]["code"], view["notice"]["tone"]) == (
            "receipt_code_damaged", "refused",
        )  # fmt: skip
        assert data_of(box, "receipt_presented") == []


async def test_what_is_altered_or_signed_by_a_stranger_is_refused(tmp_path: Path) -> None:
    stranger = SigningKey(Ed25519PrivateKey.generate())
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        read = read_code(await sold(box, host))
        dearer = pack_code(replace(read.code, total_minor=12_900))
        unknown = pack_code(replace(read.code, receipt="till-1-000009"))
        await box.command("next_sale")
        for text in (
            code_text(read.signature, dearer),
            signed(stranger, dearer),
            code_text(read.signature, unknown),
            signed(stranger, unknown),
            # the box's own key does not make true what its ledger says otherwise
            signed(key_of(box), dearer),
        ):
            status, refused = await shown(box, text)
            assert (status, refused["code"]) == (409, "receipt_code_forged")
            assert refused["params"] == {"receipt": read_code(text).code.receipt}
            status, refused = await box.command("reprint_receipt", receipt=text)
            assert (status, refused["code"]) == (409, "receipt_code_forged")
        # of a sale that the ledger has, the ledger decides: a box may have got another key since
        assert (await shown(box, signed(stranger, read.body)))[0] == 200
        status, refused = await shown(box, "TILLBOX2:0.")
        assert (status, refused["code"]) == (409, "receipt_code_damaged")
        assert data_of(box, "receipt_presented") == []


async def test_a_ledger_put_back_from_an_older_image_gets_the_proof_of_what_it_lost(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        image = tmp_path / "image.db"
        ledger = _ledger(box)
    shutil.copy(ledger, image)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        text = await sold(box, host, MILK, "101")
    for part in ledger.parent.glob("ledger.db*"):
        part.unlink()
    shutil.copy(image, ledger)
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        other = await sold(box, host)  # the same number, another sale
        assert read_code(other).code.receipt == read_code(text).code.receipt == NUMBER
        for _ in range(2):
            status, view = await shown(box, f" {text}")
            assert status == 200
        assert (view["proved_by"], view["store_number"], view["lines_left_out"]) == (
            "signature", 1, 0,
        )  # fmt: skip
        assert (view["sale_id"], view["total_minor"], view["till"]) == (
            read_code(text).code.sale_id, 174, "till-1",
        )  # fmt: skip
        assert [line["name"] for line in view["lines"]] == ["Whole milk 1 l", "Bread roll"]
        assert {line["returnable"] for line in view["lines"]} == {1_000}
        (presented,) = data_of(box, "receipt_presented")
        assert presented["code"] == text
        assert (presented["store"], presented["sale_gen"], presented["sale_seq"]) == (
            1, 1, read_code(text).code.seq,
        )  # fmt: skip
        # it is a proof, not a sale: nothing comes back by its number but what this box sold
        status, refused = await box.command("reprint_receipt", receipt=text)
        assert (status, refused["code"]) == (409, "receipt_of_other_store")
        assert (await shown(box, other))[1]["proved_by"] == ""
        assert verify(_ledger(box)).whole


async def test_the_receipt_of_another_store_is_proved_by_the_key_that_head_office_sent(
    tmp_path: Path,
) -> None:
    quay = SigningKey(Ed25519PrivateKey.generate())
    text = signed(quay, BODY)
    async with selling_box(tmp_path) as box:
        status, refused = await shown(box, text)
        assert (status, refused["code"]) == (409, "receipt_code_forged")
        keys = (BoxKey(9, 1, key_of(box).public.hex), BoxKey(12, 2, quay.public.hex))
        items = [FeedItem(key.key, at, msgspec.Raw(encode(key))) for at, key in enumerate(keys, 1)]
        page = FeedPage(Feed.BOX_KEY, tuple(items), 2)
        status, taken = await box.call(
            "POST", "/internal/v1/replica/feed", page, headers=box.service
        )
        assert status == 200, taken
        status, view = await shown(box, text)
        assert (status, view["proved_by"], view["store_number"]) == (200, "signature", 12)
        assert [line["name"] for line in view["lines"]] == ["Whole milk 1 l", "0042", "4011200"]
        assert [event["store"] for event in data_of(box, "receipt_presented")] == [12]
        # no box signs for another store: not that one for this, nor this one for that
        for key, store in ((quay, 1), (quay, 9), (key_of(box), 12)):
            code = replace(CODE, store=store, receipt="till-1-000077")
            status, refused = await shown(box, signed(key, pack_code(code)))
            assert (status, refused["code"]) == (409, "receipt_code_forged")


async def test_the_logo_of_today_is_on_every_receipt_and_in_no_job_on_disk(tmp_path: Path) -> None:
    logo = Logo(16, b"\x0f\xf0\xff\xff")
    profile = FeedItem("store", 2, msgspec.Raw(encode(replace(PROFILE, logo=logo))))
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        status, taken = await box.call(
            "POST",
            "/internal/v1/replica/feed",
            FeedPage(Feed.CONFIG, (profile,), 2),
            headers=box.service,
        )
        assert status == 200, taken
        host.answers["print_receipt"] = unanswered
        _ = await sold(box, host)
        await box.command("next_sale")
        await box.command("print_gift_receipt", receipt=NUMBER)
        await until(lambda: len(codes_of(host)) == 2, what="the gift receipt")
        for job in host.of_kind("print_receipt"):
            document = msgspec.json.decode(job.args, type=PrintReceiptArgs).document
            assert document.blocks[0] == PictureBlock(16, logo.rows)
            assert sum(isinstance(block, PictureBlock) for block in document.blocks) == 1
        for open_job in box.edge.dispatch.open_jobs():
            assert b"picture" not in open_job.args


@given(st.integers(0, (64 + len(BODY)) * 8 - 1))
def test_every_flipped_bit_is_refused(place: int) -> None:
    text = signed(KEY, BODY)
    data = bytearray(decode45(text[len(FORM) : -len(END)]))
    data[place // 8] ^= 1 << place % 8
    try:
        read = read_code(f"{FORM}{encode45(bytes(data))}{END}")
    except Refused:
        return
    with pytest.raises(ProtocolViolation):
        KEY.public.verify(read.signature, signed_bytes(read.body))


KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def test_the_same_sale_has_one_signature() -> None:
    assert signed(KEY, BODY) == signed(KEY, BODY)
    KEY.public.verify(read_code(signed(KEY, BODY)).signature, signed_bytes(BODY))


async def test_a_job_without_its_sale_keeps_the_short_code(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        host.answers["print_receipt"] = unanswered
        _ = await sold(box, host)
        assert await box.edge.selling.gathering.codes.text("till-1-000002", "whatever") == ""
        assert await box.edge.selling.gathering.codes.text(NUMBER, "another-sale") == ""
        (job,) = [job for job in box.edge.dispatch.open_jobs() if job.kind == "print_receipt"]
        foreign = msgspec.json.decode(job.args, type=PrintReceiptArgs)
        blocks = tuple(
            QrBlock("TILLBOX1|x-1|y|1|EUR") if isinstance(block, QrBlock) else block
            for block in foreign.document.blocks
        )
        args = msgspec.json.encode(PrintReceiptArgs(replace(foreign.document, blocks=blocks)))
        again = await box.edge.dispatch.arguments(msgspec.structs.replace(job, args=args))
        assert again == args
