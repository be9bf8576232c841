"""A box's session over a real socket: who it is, frames up, feeds down."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from edge.contract.envelope import GENESIS
from edge.contract.reference_data import FEED_ORDER
from edge.contract.replication import (
    HEADER_BYTES,
    SIGNATURE_BYTES,
    Ack,
    Challenge,
    Denied,
    FeedDown,
    FeedRefused,
    FeedTaken,
    FrameHeader,
    Head,
    Resend,
    ack_bytes,
)
from edge.runtime.frame_codec import FrameDictionary
from edge.runtime.keys import SigningKey
from tests.sync.office.head_office import Box, Served, new_key, serve


@pytest.fixture
async def box() -> Box:
    box = Box()
    box.sell("a")
    box.sell("b")
    return box


@pytest.fixture
async def served(tmp_path: Path, box: Box) -> AsyncIterator[Served]:
    async with serve(tmp_path, box) as served:
        yield served


# --- who is it ----------------------------------------------------------------------------


async def test_a_registered_box_is_welcomed(served: Served, box: Box) -> None:
    async with served.session(box) as (_, welcome):
        assert welcome.store_number == 1
        assert welcome.head == Head(1, 0, GENESIS.hex())
        assert welcome.dictionaries == (0, 1)
        assert (await served.store())["connected"]
    assert (await served.store())["head_seq"] in {0, 8}  # with the next commit


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"store": "no-such-store"}, "proof_wrong"),
        ({"box": "0" * 64}, "proof_wrong"),
        ({"nonce": "another"}, "nonce_wrong"),
        ({"signer": new_key()}, "proof_wrong"),
        ({"head": Head(66, 8, "0" * 64)}, "frame_of_other_generation"),
        ({"cursors": {"price": 2**60}}, "message_malformed"),
        ({"cursors": {"price": -1}}, "message_malformed"),
        ({"head": Head(1, 2**63, "0" * 64)}, "message_malformed"),
        ({"head": Head(1, -1, "0" * 64)}, "message_malformed"),
        ({"head": Head(2**63, 8, "0" * 64)}, "message_malformed"),
    ],
)
async def test_others_are_denied(
    served: Served, box: Box, changed: dict[str, Any], code: str
) -> None:
    async with served.line(box, **changed) as line:
        assert (await line.hear(Denied)).code == code
        assert await line.next() is None
    assert not (await served.store())["connected"]


async def test_a_box_that_names_an_absurd_head_stops_nobody_else(tmp_path: Path, box: Box) -> None:
    other = Box(store="mill-lane", number=2)
    other.sell("c")
    async with serve(tmp_path, box) as served:
        await served.add(other)
        for seq in (2**63, 2**64 - 1):
            async with served.line(box, head=Head(1, seq, "0" * 64)) as line:
                assert (await line.hear(Denied)).code == "message_malformed"
        async with served.session(other) as (line, _):
            await line.send(other.frame())
            assert (await line.hear(Ack)).accepted.seq == 4
        assert served.office.file.failure is None


async def test_a_stranger_does_not_learn_which_stores_there_are(served: Served) -> None:
    told = []
    for slug in ("harbour-street", "no-such-store"):
        async with served.line(Box(store=slug)) as line:
            denied = await line.hear(Denied)
        told.append((denied.code, denied.message.replace(slug, "SLUG")))
    assert told[0] == told[1]
    assert told[0][0] == "box_not_registered"
    for reason in ("no such store", "the store has another box"):
        assert reason in served.log.getvalue(), "the log says what it was"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('{"msg":"feed_taken","feed":"price","cursor":1}', "out_of_turn"),
        ('{"msg":"welcome"}', "message_malformed"),
        ("not JSON", "message_malformed"),
        (b"bytes", "out_of_turn"),
    ],
)
async def test_words_before_hello(served: Served, said: str | bytes, code: str) -> None:
    async with served.raw_line() as line:
        await line.hear(Challenge)
        if isinstance(said, str):
            await line.socket.send_str(said)
        else:
            await line.socket.send_bytes(said)
        assert (await line.hear(Denied)).code == code


async def test_frames_before_the_proof_are_not_looked_at(served: Served, box: Box) -> None:
    async with served.raw_line() as line:
        await line.hear(Challenge)
        await line.send(box.frame())
        assert (await line.hear(Denied)).code == "out_of_turn"
    assert (await served.store())["accepted_seq"] == 0


async def test_a_newer_session_replaces_the_older(served: Served, box: Box) -> None:
    async with served.session(box) as (old, _), served.session(box) as (new, _):
        assert (await old.hear(Denied)).code == "replaced"
        assert (await new.upload(box.frame())).accepted == box.head
        assert (await served.store())["connected"]


async def test_stores_do_not_disturb_each_other(served: Served, box: Box) -> None:
    far = Box("far-away", 2)
    far.sell("far")
    await served.add(far)
    async with served.session(box) as (line, _), served.session(far) as (other, _):
        assert (await line.upload(box.frame())).accepted == box.head
        assert (await other.upload(far.frame())).accepted == far.head


# --- up -----------------------------------------------------------------------------------


async def test_frames_are_acknowledged_with_a_signature(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        ack = await line.upload(box.frame(0, 4))
        assert ack.accepted == Box(key=box.key, bodies=box.bodies[:4]).head
        assert (await line.upload(box.frame(4))).accepted == box.head
    signed = ack_bytes(ack.store, ack.accepted, ack.settled_seq, ack.at)
    served.key.public.verify(bytes.fromhex(ack.signature), signed)
    assert ack.store == "harbour-street"


async def test_what_is_there_already_is_acknowledged_again(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        for frame in (box.frame(), box.frame(), box.frame(0, 3), box.frame(2, 8)):
            assert (await line.upload(frame)).accepted == box.head
    async with served.session(box) as (line, welcome):
        assert welcome.head == box.head
        await line.send(box.frame(), box.frame(), box.frame())
        assert (await line.hear(Ack)).accepted == box.head
    await served.until_projected(8)
    assert len(await served.sales()) == 2


@pytest.mark.parametrize("upto", [3, 8])
async def test_what_is_there_already_has_to_end_in_the_same_hash(
    served: Served, box: Box, upto: int
) -> None:
    async with served.session(box) as (line, _):
        await line.upload(box.frame(0, 3))
        await line.upload(box.frame(3))
    assert (await served.denied(box, box.frame(0, upto, last_hash=bytes(32)))).code == "fork"


async def test_the_same_frame_twice_in_one_go(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        await line.send(box.frame(0, 4), box.frame(0, 4), box.frame(4), box.frame(4))
        while (await line.hear(Ack)).accepted != box.head:
            pass
    await served.until_projected(8)
    assert [sale["sale_id"] for sale in await served.sales()] == ["a", "b"]


async def test_a_gap_is_answered_with_the_head(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        await line.send(box.frame(4))
        resend = await line.hear(Resend)
        assert resend.head == Head(1, 0, GENESIS.hex())
        assert (await line.upload(box.frame())).accepted == box.head


async def test_a_frame_across_the_head_is_cut_again(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        await line.upload(box.frame(0, 4))
        await line.send(box.frame(2, 8))
        assert (await line.hear(Resend)).head.seq == 4
        assert (await line.hear(Ack)).accepted.seq == 4
        assert (await line.upload(box.frame(4))).accepted == box.head


def _fork_of(box: Box, seq: int) -> Box:
    other = Box(key=box.key, bodies=box.bodies[:seq])
    while len(other.bodies) < len(box.bodies) + 4:
        other.sell(f"other-{len(other.bodies)}", 999)
    return other


@pytest.mark.parametrize(("after", "upto"), [(0, 8), (4, 8), (4, 12), (8, 12)])
async def test_another_history_is_a_fork(served: Served, box: Box, after: int, upto: int) -> None:
    async with served.session(box) as (line, _):
        await line.upload(box.frame())
    other = _fork_of(box, 4)
    refusal = await served.denied(other, other.frame(after, upto))
    assert refusal.code == "fork"
    store = await served.store()
    assert store["accepted_seq"] == 8
    assert [alarm["kind"] for alarm in store["alarms"]] == ["fork"]
    async with served.session(box) as (_, welcome):
        assert welcome.head == box.head


@pytest.mark.parametrize(("cut", "code"), [(lambda box: box.bodies[:4], "behind"), (None, "fork")])
async def test_a_box_that_cannot_follow_is_denied_at_hello(
    served: Served, box: Box, cut: Callable[[Box], list[bytes]] | None, code: str
) -> None:
    async with served.session(box) as (line, _):
        await line.upload(box.frame())
    bodies = cut(box) if cut else [*_fork_of(box, 4).bodies[:8]]
    async with served.line(Box(key=box.key, bodies=bodies)) as line:
        assert (await line.hear(Denied)).code == code
    assert [alarm["kind"] for alarm in (await served.store())["alarms"]] == [code]


def _bomb(key: SigningKey) -> bytes:
    """A signed frame whose payload unpacks to 64 MB and states so to nobody."""
    params = zstandard.ZstdCompressionParameters.from_level(3, write_content_size=False)
    payload = zstandard.ZstdCompressor(compression_params=params).compress(bytes(64 * 1_048_576))
    return _signed(key, payload)


def _signed(key: SigningKey, payload: bytes, raw_len: int = 100) -> bytes:
    header = FrameHeader(1, 1, 1, 1, 0, raw_len, bytes(32)).pack()
    return header + payload + key.sign(header + hashlib.sha256(payload).digest())


def _flipped(frame: bytes, at: int) -> bytes:
    changed = bytearray(frame)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda box: box.frame(sign=new_key().sign), "signature_wrong"),
        (lambda box: box.frame(store=2), "frame_of_other_store"),
        (lambda box: box.frame(gen=2), "frame_of_other_generation"),
        (lambda box: box.frame()[:-1], "signature_wrong"),
        (lambda box: box.frame()[: HEADER_BYTES + SIGNATURE_BYTES - 1], "frame_malformed"),
        (lambda _: b"", "frame_malformed"),
        (lambda box: _flipped(box.frame(), 30), "signature_wrong"),
        (lambda box: _flipped(box.frame(), HEADER_BYTES + 5), "signature_wrong"),
        (lambda box: box.frame() + bytes(600_000), "frame_malformed"),
        (lambda box: _bomb(box.key), "frame_malformed"),
        (lambda box: _signed(box.key, b"no zstd"), "frame_malformed"),
        (lambda box: box.frame(last_hash=bytes(32)), "fork"),
        (
            lambda box: box.frame(dictionary=FrameDictionary(77, b"")),
            "frame_dictionary_unknown",
        ),
    ],
)
async def test_nothing_of_a_bad_frame_is_kept(
    served: Served, box: Box, make: Callable[[Box], bytes], code: str
) -> None:
    assert (await served.denied(box, make(box))).code == code
    assert (await served.store())["accepted_seq"] == 0
    async with served.session(box) as (line, _):
        assert (await line.upload(box.frame())).accepted == box.head


async def test_good_frames_before_a_bad_one_are_kept(served: Served, box: Box) -> None:
    refusal = await served.denied(box, box.frame(0, 4), _flipped(box.frame(4), 40))
    assert refusal.code == "signature_wrong"
    async with served.session(box) as (_, welcome):
        assert welcome.head.seq == 4


async def test_a_message_over_the_limit_ends_the_session(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        await line.send(bytes(1_100_000))
        while await line.next() is not None:
            pass
        assert line.socket.close_code == 1009
    async with served.session(box) as (line, _):
        assert (await line.upload(box.frame())).accepted == box.head


# --- down ---------------------------------------------------------------------------------


def _price(sku: str, price_minor: int) -> dict[str, Any]:
    return {"key": sku, "value": {"sku": sku, "price_minor": price_minor}}


async def _put(served: Served, items: list[dict[str, Any]], query: str = "") -> dict[str, Any]:
    status, body = await served.ask("PUT", f"/api/v1/feeds/price{query}", {"items": items})
    assert status == 200, body
    answer: dict[str, Any] = body
    return answer


async def test_feeds_come_in_pages_one_at_a_time(served: Served, box: Box) -> None:
    await _put(served, [_price(f"{number:06d}", number) for number in range(2_500)])
    async with served.session(box) as (line, _):
        sizes, last = [], 0
        while sum(sizes) < 2_500:
            down = await line.next()
            assert isinstance(down, FeedDown)
            cursors = [item.cursor for item in down.page.items]
            assert cursors == sorted(cursors)
            assert cursors[0] > last
            last = cursors[-1]
            sizes.append(len(cursors))
            # up goes on while a page waits to be taken
            assert (await line.upload(box.frame())).accepted == box.head
            await line.say(FeedTaken(down.page.feed, down.page.next))
        # small until the line has proved quick, and never too much for one transaction
        assert sizes[0] < sizes[1] == 1_000
        assert len(sizes) == 3
        assert not down.page.more


async def test_a_change_is_pushed_at_once_and_only_the_change(served: Served, box: Box) -> None:
    done = await _put(served, [_price("1", 100), _price("2", 200)])
    async with served.session(box, cursors={"price": done["cursor"]}) as (line, _):
        assert (await _put(served, [_price("1", 100), _price("2", 250)]))["changed"] == 1
        down = await line.next()
        assert [(item.key, bytes(item.value)) for item in down.page.items] == [
            ("2", b'{"sku":"2","price_minor":250}')
        ]
        await _put(served, [{"key": "1", "value": None}])
        await line.say(FeedTaken(down.page.feed, down.page.next))
        down = await line.next()
        assert [(item.key, item.is_gone) for item in down.page.items] == [("1", True)]


async def test_a_new_box_gets_the_feeds_in_their_order(served: Served, box: Box) -> None:
    profile = {"name": "H", "currency": "EUR", "time_zone": "UTC", "taxes": [_TAX]}
    person = {"id": "marta", "name": "M", "role": "cashier", "pin_hash": "$argon2id$x"}
    article = {"sku": "1", "name": "Bread", "tax": "a"}
    coupon = {"code": "WELCOME-1", "campaign": "c", "name": "Off"}
    used = {"code": "WELCOME-1", "store": "far", "receipt": "t-1", "at": 5}
    promotion = {"id": "p1", "name": "A tenth", "rule": {"kind": "percent_off", "off_ppm": 100_000}}
    for feed, key, value in (
        ("customer", "K7Q4-M2XD", {"number": "K7Q4-M2XD", "name": "Ana"}),
        ("coupon", "WELCOME-1", coupon),
        ("used_coupon", "WELCOME-1", used),
        ("promotion", "p1", promotion),
        ("catalogue", "1", article),
        ("price", "1", {"sku": "1", "price_minor": 5}),
        ("staff", "marta", person),
        ("config", "store", profile),
        ("urgent", "1", {"sku": "1", "stopped": True}),
    ):
        status, body = await served.ask(
            "PUT", f"/api/v1/feeds/{feed}", {"items": [{"key": key, "value": value}]}
        )
        assert status == 200, body
    async with served.session(box, cursors=dict.fromkeys(FEED_ORDER, 0)) as (line, _):
        pages = [(await line.next()).page for _ in FEED_ORDER]
        assert [page.feed for page in pages] == list(FEED_ORDER)
        (item,) = pages[-1].items
        key = json.loads(bytes(item.value))
        assert key == {"store": 1, "gen": 1, "public": box.key.public.hex}
        assert item.key == "1/1"
    status, body = await served.ask(
        "PUT", "/api/v1/feeds/box_key", {"items": [{"key": item.key, "value": None}]}
    )
    assert (status, body["code"]) == (409, "feed_written_by_head_office")


async def test_a_box_that_does_not_know_of_keys_is_sent_none(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        page = (await served.ask("GET", "/api/v1/feeds/box_key"))[1]
        assert [item["key"] for item in page["items"]] == ["1/1"]
        price = {"key": "1", "value": {"sku": "1", "price_minor": 5}}
        assert (await served.ask("PUT", "/api/v1/feeds/price", {"items": [price]}))[0] == 200
        assert (await line.next()).page.feed == "price"  # the keys would have come before it


_TAX = {"code": "a", "name": "A", "rate_ppm": 0}


async def test_a_price_of_one_store_goes_before_that_of_all(served: Served, box: Box) -> None:
    far = Box("far-away", 2)
    await served.add(far)
    await _put(served, [_price("1", 100)])
    await _put(served, [_price("1", 90)], "?store=far-away")

    async def price_of(box: Box) -> list[int]:
        async with served.session(box) as (line, _):
            down = await line.next()
            return [_minor(item) for item in down.page.items]

    assert await price_of(box) == [100]
    assert await price_of(far) == [90]
    await _put(served, [{"key": "1", "value": None}], "?store=far-away")
    assert await price_of(far) == [100]


def _minor(item: Any) -> int:
    return int(bytes(item.value).rpartition(b":")[2].rstrip(b"}"))


@pytest.mark.parametrize("bad", [0, 1, 700, 1_299])
async def test_an_item_that_a_box_refuses_steps_aside(served: Served, box: Box, bad: int) -> None:
    await _put(served, [_price(f"{number:06d}", number) for number in range(1_300)])
    got: set[str] = set()
    pages = 0
    async with served.session(box) as (line, welcome):
        assert "feed_refused" in welcome.hears
        while len(got) < 1_299:
            down = await line.next()
            pages += 1
            keys = [item.key for item in down.page.items]
            if f"{bad:06d}" in keys:
                refusal = FeedRefused(down.page.feed, down.page.next, "bad", "Too dear. " * 100)
                await line.say(refusal)
            else:
                got.update(keys)
                await line.say(FeedTaken(down.page.feed, down.page.next))
        # what comes later is not held up
        await _put(served, [_price("other", 5)])
        while "other" not in got:  # it may share a page with what is refused, at first
            down = await line.next()
            keys = [item.key for item in down.page.items]
            if f"{bad:06d}" in keys:
                await line.say(FeedRefused(down.page.feed, down.page.next, "bad", "Too dear."))
            else:
                got.update(keys)
                await line.say(FeedTaken(down.page.feed, down.page.next))
        async with asyncio.timeout(20):
            while not (alarms := (await served.store())["alarms"]):
                await asyncio.sleep(0.005)
    assert pages < 40
    assert [alarm["kind"] for alarm in alarms] == ["feed_refused"]
    assert f"refuses '{bad:06d}' of feed price: Too dear." in alarms[0]["words"]
    assert len(alarms[0]["words"]) < 700
    async with served.session(box, cursors={"price": bad}) as (line, _):
        keys = [item.key for item in (await line.next()).page.items]
        assert f"{bad:06d}" in keys, "it is tried again"


async def test_feeds_of_a_restored_head_office_go_down_anew(served: Served, box: Box) -> None:
    await _put(served, [_price("1", 100)])
    async with served.session(box, cursors={"price": 50}) as (line, _):
        down = await line.next()
        assert [item.cursor for item in down.page.items] == [51]
    assert [alarm["kind"] for alarm in (await served.store())["alarms"]] == ["feed_ahead"]


async def test_one_box_cannot_use_up_the_cursors_of_all(served: Served, box: Box) -> None:
    await _put(served, [_price("1", 100), _price("2", 100)])
    await _put(served, [_price("1", 200)])
    for cursor in (2**53 - 1, 2**40):
        async with served.line(box, cursors={"price": cursor}) as line:
            assert (await line.hear(Denied)).code == "feed_out_of_reach"
    assert [alarm["kind"] for alarm in (await served.store())["alarms"]] == ["feed_out_of_reach"]
    async with served.session(box, cursors={"price": 0}) as (line, _):
        assert (await line.next()).page.next == 3
    cursor = 3
    for _ in range(5):
        async with served.session(box, cursors={"price": cursor + 1}) as (line, _):
            page = (await line.next()).page
        assert [item.key for item in page.items] == ["2", "1"], "in the order of their change"
        assert page.next == cursor + 3, "it does not grow by itself"
        cursor = page.next


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('{"msg":"feed_taken","feed":"price","cursor":0}', "feed_not_taken"),
        ('{"msg":"feed_taken","feed":"price","cursor":9223372036854775808}', "message_malformed"),
        ('{"msg":"feed_taken","feed":"staff","cursor":9}', "out_of_turn"),
        ('{"msg":"proof","signature":""}', "out_of_turn"),
        ('{"msg":"feed_refused","feed":"price","cursor":7,"code":"c","reason":""}', "out_of_turn"),
        ('{"msg":"feed_refused","feed":"staff","cursor":1,"code":"c","reason":""}', "out_of_turn"),
        ('{"msg":"feed_taken"}', "message_malformed"),
    ],
)
async def test_words_out_of_turn(served: Served, box: Box, said: str, code: str) -> None:
    await _put(served, [_price("1", 100)])
    async with served.session(box) as (line, _):
        assert isinstance(await line.next(), FeedDown)
        await line.socket.send_str(said)
        assert (await line.hear(Denied)).code == code


async def test_head_office_that_stops_says_so(served: Served, box: Box) -> None:
    async with served.session(box) as (line, _):
        await served.office.boxes.close()
        assert (await line.hear(Denied)).code == "closing"
