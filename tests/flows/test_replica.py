"""What `sync` gets from the box: whole signed frames, in order; what it brings is checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.envelope import GENESIS, unseal
from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    LIVE_FRAME_DELAY_MS,
)
from edge.contract.replication import Ack, Head, ack_bytes, proof_bytes
from edge.flows.link_state import LinkState
from edge.flows.replica import Replica
from edge.ledger.event_log import Ledger
from edge.ledger.records import Record
from edge.reference.store import ReferenceStore
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import OpenedFrame, open_frame, shipped_dictionaries
from edge.runtime.keys import VerifyingKey, create_key
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from edge.settings import StoreSettings
from tests.flows.box import ARTICLES, MILK, Box, bare_box, pages, selling_box
from tests.flows.test_selling import event_types
from tests.ledger.ledger_at import cash_sale, ledger_at


async def frame(box: Box, after: int, wait_s: float = 2) -> OpenedFrame | None:
    status, body = await box.call(
        "GET",
        f"/internal/v1/replica/frame?after={after}&wait_s={wait_s}",
        headers=box.service,
    )
    if status == 204:
        return None
    assert status == 200, body
    status, about = await box.call("GET", "/internal/v1/replica/status", headers=box.service)
    return open_frame(
        body, verify=VerifyingKey.from_hex(about["box"]).verify, dictionaries=shipped_dictionaries()
    )


async def status(box: Box) -> Any:
    _, body = await box.call("GET", "/internal/v1/replica/status", headers=box.service)
    return body


async def sell(box: Box) -> int:
    await box.command("add_item", code=MILK)
    await box.command("take_cash", amount_minor=129)
    return int((await status(box))["head"]["seq"])


async def ack(box: Box, seq: int, digest: str, key: Any, **changes: Any) -> tuple[int, Any]:
    store = changes.get("store", "harbour-street")
    head = Head(1, seq, digest)
    signature = key.sign(ack_bytes(store, head, 0, 5)).hex()
    body = Ack(store, head, 0, 5, changes.get("signature", signature))
    return await box.call("POST", "/internal/v1/replica/ack", body, headers=box.service)


async def test_a_finished_sale_leaves_in_one_signed_frame_that_fits_the_chain(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        head = await sell(box)
        first = await frame(box, 0)
        assert first is not None
        assert (first.header.first_seq, first.header.last_seq) == (1, head)
        first.check_chain(GENESIS)
        assert [unseal(body).seq for body in first.bodies] == list(range(1, head + 1))
        later = asyncio.create_task(frame(box, head, wait_s=20))
        await asyncio.sleep(0)
        next_head = await sell(box)
        second = await later
        assert second is not None
        assert (second.header.first_seq, second.header.last_seq) == (head + 1, next_head)
        second.check_chain(first.header.last_hash)


async def test_nothing_new_is_no_frame(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        head = await sell(box)
        assert await frame(box, head, wait_s=0) is None
        assert await frame(box, head + 5, wait_s=0) is None


def _opened(frame: bytes | None, replica: Replica) -> OpenedFrame:
    assert frame is not None
    return open_frame(frame, verify=replica.key.public.verify, dictionaries=shipped_dictionaries())


async def _sales(ledger: Ledger, numbers: range, lines: int = 3) -> None:
    for number in numbers:
        await ledger.record(Record(cash_sale(f"sale-{number}", number, lines=lines), "till-1"))


@pytest.fixture
async def replica(tmp_path: Path) -> AsyncIterator[Replica]:
    """A box's replica over a ledger with ten sales."""
    clock = SystemClock()
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await _sales(ledger, range(1, 11))
        replica = Replica(
            ledger,
            ReferenceStore(DatabaseFile(tmp_path / "reference.db", ()), clock),
            LinkState(ledger, clock, lambda: None),
            create_key(tmp_path / "box.key"),
            shipped_dictionaries()[1],
            clock,
            open_log("test"),
        )
        await replica.open()
        yield replica


async def test_what_follows_a_frame_of_a_backlog_is_made_beforehand(replica: Replica) -> None:
    frame = await replica.frame(0, wait_s=0, raw_max=4_000)
    first = _opened(frame, replica)
    head = (await replica.ledger.head()).seq
    after, wide = first.header.last_seq, 100_000
    assert head - after > first.header.count
    await replica.make_next(frame or b"", raw_max=wide)
    await _sales(replica.ledger, range(11, 13))
    ready = _opened(await replica.frame(after, wait_s=5, raw_max=wide), replica)
    assert (ready.header.first_seq, ready.header.last_seq) == (after + 1, head)
    ready.check_chain(first.header.last_hash)
    again = _opened(await replica.frame(after, wait_s=5, raw_max=wide), replica)
    assert again.header.last_seq == (await replica.ledger.head()).seq, "it is given once"


@pytest.mark.parametrize("beforehand_first", [True, False])
async def test_a_frame_that_is_asked_for_while_it_is_made_is_made_once(
    replica: Replica, monkeypatch: pytest.MonkeyPatch, beforehand_first: bool
) -> None:
    frame = await replica.frame(0, wait_s=0, raw_max=4_000)
    after, wide = _opened(frame, replica).header.last_seq, 100_000
    reads: list[int] = []
    read = replica.ledger.events_after

    async def noted(seq: int, **limits: int) -> tuple[bytes, list[bytes]]:
        reads.append(seq)
        return await read(seq, **limits)

    monkeypatch.setattr(replica.ledger, "events_after", noted)
    both = [
        replica.make_next(frame or b"", raw_max=wide),
        replica.frame(after, wait_s=5, raw_max=wide),
    ]
    answers = await asyncio.gather(*(both if beforehand_first else both[::-1]))
    assert _opened(next(filter(None, answers)), replica).header.first_seq == after + 1
    assert reads == [after]


@pytest.mark.parametrize("asked", [(0, 100_000), (None, 900)])
async def test_a_frame_made_beforehand_is_not_given_for_another(
    replica: Replica, asked: tuple[int | None, int]
) -> None:
    frame = await replica.frame(0, wait_s=0, raw_max=4_000)
    first = _opened(frame, replica)
    await replica.make_next(frame or b"", raw_max=100_000)
    after, raw_max = asked
    after = first.header.last_seq if after is None else after
    got = _opened(await replica.frame(after, wait_s=0, raw_max=raw_max), replica)
    assert got.header.first_seq == after + 1
    got.check_chain(GENESIS if after == 0 else first.header.last_hash)
    assert got.header.raw_len <= raw_max


async def test_the_newest_sales_wait_for_company_and_are_not_made_beforehand(
    replica: Replica,
) -> None:
    frame = await replica.frame(0, wait_s=0, raw_max=100_000)
    after = _opened(frame, replica).header.last_seq
    await _sales(replica.ledger, range(11, 12))
    await replica.make_next(frame or b"", raw_max=100_000)
    await _sales(replica.ledger, range(12, 13))
    got = _opened(await replica.frame(after, wait_s=2, raw_max=100_000), replica)
    assert got.header.last_seq == (await replica.ledger.head()).seq


async def test_sales_without_a_pause_do_not_hold_each_other_back(replica: Replica) -> None:
    after = (await replica.ledger.head()).seq
    waiting = asyncio.create_task(replica.frame(after, wait_s=20, raw_max=100_000))
    number = 100
    while not waiting.done():
        number += 1
        await _sales(replica.ledger, range(number, number + 1), lines=1)
        await asyncio.sleep(LIVE_FRAME_DELAY_MS / 1000 / 5)
        assert number < 1_000, "nothing leaves while a shop is busy"
    first = _opened(await waiting, replica)
    assert first.header.first_seq == after + 1
    await _sales(replica.ledger, range(number + 1, number + 2), lines=1)
    last = (await replica.ledger.head()).seq
    rest = _opened(await replica.frame(first.header.last_seq, wait_s=20, raw_max=10**6), replica)
    assert rest.header.last_seq == last


async def test_a_backlog_leaves_whole_over_the_wire(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        for _ in range(4):
            head = await sell(box)
        after, digest = 0, GENESIS
        while after < head:
            status_, body = await box.call(
                "GET",
                f"/internal/v1/replica/frame?after={after}&wait_s=2&max_raw=1",
                headers=box.service,
            )
            assert status_ == 200, body
            about = await status(box)
            opened = open_frame(
                body,
                verify=VerifyingKey.from_hex(about["box"]).verify,
                dictionaries=shipped_dictionaries(),
            )
            opened.check_chain(digest)
            assert opened.header.first_seq == after + 1
            after, digest = opened.header.last_seq, opened.header.last_hash


@pytest.mark.parametrize(
    "query",
    ["", "after=x", "after=-1", "after=0&wait_s=99", "after=0&max_raw=0", "after=0&wait_s=nan"],
)
async def test_bad_questions_are_refused(tmp_path: Path, query: str) -> None:
    async with bare_box(tmp_path) as box:
        status_, body = await box.call(
            "GET", f"/internal/v1/replica/frame?{query}", headers=box.service
        )
        assert status_ == 400, body


async def test_the_box_proves_that_it_holds_its_key(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        about = await status(box)
        _, proof = await box.call(
            "POST", "/internal/v1/replica/proof", {"nonce": "n-1"}, headers=box.service
        )
        key = VerifyingKey.from_hex(about["box"])
        key.verify(
            bytes.fromhex(proof["signature"]), proof_bytes("harbour-street", "n-1", about["box"])
        )
        with pytest.raises(ProtocolViolation):
            key.verify(
                bytes.fromhex(proof["signature"]),
                proof_bytes("harbour-street", "n-2", about["box"]),
            )


async def test_an_acknowledgement_lights_the_third_dot_and_survives(tmp_path: Path) -> None:
    office = create_key(tmp_path / "office.key")
    store = StoreSettings("harbour-street", 1, office_key=office.public.hex)
    async with selling_box(tmp_path, store=store) as box:
        await box.call("POST", "/internal/v1/replica/link", {"state": "up"}, headers=box.service)
        head = await sell(box)
        view = await box.view()
        assert (view["link"]["state"], view["link"]["waiting_sales"]) == ("up", 1)
        digest = (await status(box))["head"]["hash"]
        answered, _ = await ack(box, head, digest, office)
        assert answered == 204
        view = await box.view()
        assert (view["link"]["waiting_sales"], view["dots"]["office"]) == (0, True)
        assert (await status(box))["accepted"]["seq"] == head
    async with bare_box(tmp_path, store=store) as box:
        about = await status(box)
        assert (about["accepted"]["seq"], about["accepted"]["hash"]) == (head, digest)


async def test_acknowledgements_that_lie_are_refused(tmp_path: Path) -> None:
    office, stranger = create_key(tmp_path / "office.key"), create_key(tmp_path / "other.key")
    store = StoreSettings("harbour-street", 1, office_key=office.public.hex)
    async with selling_box(tmp_path, store=store) as box:
        head = await sell(box)
        digest = (await status(box))["head"]["hash"]
        answered, body = await ack(box, head, digest, stranger)
        assert (answered, body["code"]) == (403, "ack_signature_wrong")
        answered, body = await ack(box, head, digest, office, signature="zz")
        assert (answered, body["code"]) == (403, "ack_signature_wrong")
        answered, body = await ack(box, head, digest, office, store="elsewhere")
        assert (answered, body["code"]) == (409, "foreign_ack")
        answered, body = await ack(box, head, "00" * 32, office)
        assert (answered, body["code"]) == (409, "replica_fork")
        answered, body = await ack(box, head + 9, digest, office)
        assert (answered, body["code"]) == (409, "replica_fork")
        assert (await status(box))["accepted"]["seq"] == 0


async def test_feeds_are_taken_once_and_their_arrival_is_an_event(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        view_status, body = await box.call("GET", "/health")
        assert (view_status, body["ready"]) == (503, False)
        await box.feed()
        assert (await status(box))["cursors"] == {
            "urgent": 0,
            "config": 1,
            "staff": 5,
            "price": len(ARTICLES),
            "promotion": 0,
            "catalogue": len(ARTICLES) + 1,
            "used_coupon": 0,
            "coupon": 0,
            "customer": 0,
            "box_key": 0,
        }
        before = event_types(box).count("reference_applied")
        await box.feed()
        assert event_types(box).count("reference_applied") == before == 4
        view_status, body = await box.call("GET", "/health")
        assert (view_status, body["ready"]) == (200, True)


async def test_a_feed_item_of_another_shape_is_refused_whole(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        page = msgspec.json.encode(pages(b"p" * 32)[2])
        broken = page.replace(b'"price_minor":45', b'"price_minor":-45')
        assert broken != page
        answered, body = await box.call(
            "POST", "/internal/v1/replica/feed", data=broken, headers=box.service
        )
        assert (answered, body["code"]) == (422, "feed_item_malformed")
        assert "101" in body["message"]
        assert (await status(box))["cursors"]["price"] == 0


async def test_an_article_can_change_its_codes_and_go(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        item = {
            "key": "100",
            "cursor": 9,
            "value": {
                "sku": "100",
                "name": "Whole milk 1 l",
                "tax": "B",
                "codes": ["9520000000042"],
            },
        }
        page = {"feed": "catalogue", "items": [item], "next": 9}
        await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
        got, _ = await box.command("add_item", code=MILK)
        assert got == 404
        got, _ = await box.command("add_item", code="9520000000042")
        assert got == 200
        gone = {"key": "100", "cursor": 10, "value": None}
        page = {"feed": "catalogue", "items": [gone], "next": 10}
        await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
        got, _ = await box.command("add_item", code="9520000000042")
        assert got == 404


async def test_screens_find_articles_and_quick_keys(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        _, keys = await box.call("GET", "/api/v1/quick-keys")
        names = ["Whole milk 1 l", "Bread roll", "Bakery, other"]
        assert [key["name"] for key in keys["pages"][0]["keys"]] == names
        for text, found in (
            ("MILK", ["100"]),
            ("roll bread", ["101"]),
            ("4011", ["102"]),
            ("", []),
        ):
            _, body = await box.call("GET", f"/api/v1/articles?q={text}")
            assert [article["sku"] for article in body["articles"]] == found


async def test_health_metrics_document_and_pages_need_nobody(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        got, text = await box.call("GET", "/metrics")
        assert got == 200
        assert b"tillbox_ledger_commits" in text
        got, document = await box.call("GET", "/openapi.json")
        assert (got, document["openapi"]) == (200, "3.1.0")
        got, page = await box.call("GET", "/till/")
        assert got == 200
        assert b"till" in page
        got, _ = await box.call("GET", "/branding.json")
        assert got == 200
        got, _ = await box.call("GET", "/", allow_redirects=False)
        assert got == 302
        got, body = await box.call("GET", "/till/../../etc/passwd")
        assert got == 404, body


async def test_a_stopping_box_lets_nobody_wait(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        head = await sell(box)
        waiting = asyncio.create_task(frame(box, head, wait_s=20))
        socket = await box.client.ws_connect(
            f"{box.origin}/api/v1/tills/till-1/socket", headers={"Origin": box.origin}
        )
        await socket.receive_str(timeout=5)
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 3, "the web server waited for them"
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_frame_ends_where_a_new_generation_was_opened(tmp_path: Path) -> None:
    clock = SystemClock()
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await _sales(ledger, range(1, 4))
        border = (await ledger.head()).seq
    async with ledger_at(tmp_path / "ledger.db", gen=2) as ledger:
        await _sales(ledger, range(4, 7))
        replica = Replica(
            ledger,
            ReferenceStore(DatabaseFile(tmp_path / "reference.db", ()), clock),
            LinkState(ledger, clock, lambda: None),
            create_key(tmp_path / "box.key"),
            shipped_dictionaries()[1],
            clock,
            open_log("test"),
        )
        await replica.open()
        before = _opened(await replica.frame(0, wait_s=5, raw_max=100_000), replica)
        assert (before.header.gen, before.header.last_seq) == (1, border)
        before.check_chain(GENESIS)
        behind = _opened(await replica.frame(border, wait_s=5, raw_max=100_000), replica)
        assert (behind.header.gen, behind.header.last_seq) == (2, (await ledger.head()).seq)
        behind.check_chain(before.header.last_hash)
