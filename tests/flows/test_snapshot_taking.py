"""A running box takes a feed as a snapshot: all of it or nothing, and only head office's own.

What head office says is made here by hand: chunks are cut where the test likes, and packed plain.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from edge.contract.errors import Refused
from edge.contract.feed_snapshots import SnapshotOffer, SnapshotStep, cut, snapshot_bytes
from edge.contract.reference_data import Feed, FeedItem, FeedPage, Price
from edge.contract.replication import NOT_BELIEVED, feed_page_bytes
from edge.contract.wire import encode
from edge.reference.snapshot_shelf import SnapshotShelf
from edge.reference.store import MIGRATIONS, ReferenceStore
from edge.runtime.database_file import DatabaseFile
from edge.runtime.keys import SigningKey
from edge.settings import StoreSettings
from tests.flows.box import Box, bare_box
from tests.runtime.hand_clock import HandClock

STORE = "harbour-street"
OFFICE = SigningKey(Ed25519PrivateKey.generate())
STRANGER = SigningKey(Ed25519PrivateKey.generate())
AT = "/internal/v1/replica"
Rows = list[tuple[str, bytes]]


def price(sku: str, minor: int) -> tuple[str, bytes]:
    return sku, encode(Price(sku, minor))


def plain(rows: Rows) -> bytes:
    parts = [part for key, value in rows for part in (key.encode(), value)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def blob(rows: Rows) -> bytes:
    return b"\x00" + zstandard.ZstdCompressor().compress(plain(rows))


@dataclass
class Made:
    """A snapshot of chunks."""

    chunks: Sequence[Rows]
    cursor: int = 50
    version: int = 50
    feed: Feed = Feed.PRICE

    @property
    def list(self) -> bytes:
        return b"".join(hashlib.sha256(plain(rows)).digest() for rows in self.chunks)

    @property
    def unsigned(self) -> SnapshotOffer:
        lists = hashlib.sha256(self.list).digest() if self.chunks else b""
        return SnapshotOffer(self.feed, "", self.cursor, len(self.chunks), lists, self.version)

    @property
    def offer(self) -> SnapshotOffer:
        return signed(self.unsigned)

    @property
    def step(self) -> SnapshotStep:
        return SnapshotStep(self.feed, self.unsigned.root)

    def bundle(self, *blobs: bytes) -> bytes:
        name = str(self.feed).encode()
        head = b"C" + bytes([len(name)]) + name + bytes.fromhex(self.unsigned.root)
        return head + b"".join(len(each).to_bytes(4, "big") + each for each in blobs)

    @property
    def list_bundle(self) -> bytes:
        return self.bundle(b"\x02" + self.list)


def signed(offer: SnapshotOffer, store: str = STORE, key: SigningKey = OFFICE) -> SnapshotOffer:
    return replace(offer, signature=key.sign(snapshot_bytes(store, offer)).hex())


NINE = Made([[price("1", 10), price("2", 20)], [price("3", 30)], [price("5", 50), price("6", 60)]])


@dataclass
class Taking:
    """A box, and head office's end of what it is told."""

    box: Box
    folder: Path

    async def ask(self, what: str, body: object) -> tuple[int, Any]:
        options: dict[str, Any] = {"headers": dict(self.box.service)}
        if isinstance(body, bytes):
            options["headers"]["Content-Type"] = "application/octet-stream"
            options["data"] = body
            return await self.box.call("POST", f"{AT}/{what}", **options)
        return await self.box.call("POST", f"{AT}/{what}", body, **options)

    async def well(self, what: str, body: object) -> Any:
        status, answer = await self.ask(what, body)
        assert status == 200, answer
        return answer

    async def refused(self, what: str, body: object) -> str:
        before = self.rows()
        status, answer = await self.ask(what, body)
        assert 400 <= status < 500, answer
        assert answer["message"]
        assert answer["advice"]
        assert self.rows() == before, "nothing is half applied"
        code: str = answer["code"]
        return code

    async def take(self, made: Made) -> Any:
        """Have a snapshot taken from the offer to the last step."""
        _ = await self.well("snapshot", made.offer)
        _ = await self.well("snapshot/bundle", made.list_bundle)
        standing = await self.well("snapshot/bundle", made.bundle(*map(blob, made.chunks)))
        while not standing["taken"]:
            assert not standing["missing"]
            standing = await self.well("snapshot/step", made.step)
        return standing

    async def page(self, cursor: int, minor: int, version: int) -> tuple[int, Any]:
        items = (FeedItem("3", cursor, msgspec.Raw(price("3", minor)[1])),)
        unsigned = FeedPage(Feed.PRICE, items, cursor, version=version)
        signature = OFFICE.sign(feed_page_bytes(STORE, unsigned)).hex()
        return await self.ask("feed", replace(unsigned, signature=signature))

    def rows(self) -> Rows:
        return self.disk("SELECT key, value FROM item WHERE feed = 'price' ORDER BY key")

    def disk(self, sql: str, *values: object) -> list[Any]:
        connection = sqlite3.connect(self.folder / "edge" / "reference.db")
        try:
            found = connection.execute(sql, values).fetchall()
            connection.commit()
        finally:
            connection.close()
        return found

    async def cursor(self) -> int:
        _, about = await self.box.call("GET", f"{AT}/status", headers=self.box.service)
        cursor: int = about["cursors"]["price"]
        return cursor


@pytest.fixture
async def taking(tmp_path: Path) -> AsyncIterator[Taking]:
    store = StoreSettings(STORE, 1, office_key=OFFICE.public.hex)
    async with bare_box(tmp_path, store=store) as box:
        yield Taking(box, tmp_path)


# --- as it should be ---------------------------------------------------------------------


async def test_a_snapshot_is_set_aside_and_then_it_is_all_there_is(taking: Taking) -> None:
    assert (await taking.page(7, 33, 7))[0] == 200
    first = await taking.well("snapshot", NINE.offer)
    root = NINE.unsigned.root
    assert first == {
        "held": {
            "msg": "snapshot_held",
            "feed": "price",
            "root": root,
            "lists": "AA==",
            "chunks": "",
        },
        "cursor": 50,
        "missing": True,
        "taken": False,
    }
    second = await taking.well("snapshot/bundle", NINE.list_bundle)
    assert (second["held"]["lists"], second["held"]["chunks"]) == ("gA==", "AA==")
    third = await taking.well("snapshot/bundle", NINE.bundle(blob(NINE.chunks[1])))
    assert (third["held"]["chunks"], third["missing"]) == ("QA==", True)
    assert taking.rows() == [price("3", 33)], "the till sells with what it has"
    others = NINE.bundle(blob(NINE.chunks[2]), blob(NINE.chunks[0]))
    last = await taking.well("snapshot/bundle", others)
    assert (last["held"]["chunks"], last["missing"], last["taken"]) == ("4A==", False, False)
    assert taking.rows() == [price("3", 33)]
    done = await taking.well("snapshot/step", NINE.step)
    assert (done["taken"], done["cursor"]) == (True, 50)
    assert taking.rows() == [row for rows in NINE.chunks for row in rows]
    assert await taking.cursor() == 50
    assert taking.disk("SELECT count(*) FROM snapshot_part") == [(0,)]
    # what the box holds now is a page's place to go on from
    assert (await taking.page(51, 31, 60))[0] == 200
    assert price("3", 31) in taking.rows()


async def test_what_is_not_in_it_goes(taking: Taking) -> None:
    await taking.take(NINE)
    fewer = Made([[price("2", 20)], [price("5", 50), price("7", 70)]], 60, 60)
    await taking.take(fewer)
    assert taking.rows() == [price("2", 20), price("5", 50), price("7", 70)]
    empty = Made([], 70, 70)
    assert not (await taking.well("snapshot", empty.offer))["missing"]
    assert (await taking.well("snapshot/step", empty.step))["taken"]
    assert (taking.rows(), await taking.cursor()) == ([], 70)


async def test_what_the_box_holds_already_is_not_asked_for(taking: Taking) -> None:
    rows = sorted(price(str(number), number) for number in range(400))
    chunks = [list(chunk.items) for chunk in cut(rows)]
    assert len(chunks) > 3
    await taking.take(Made(chunks))
    others = [chunks[0][:-1], *chunks[1:]]
    later = Made(others, 60, 60)
    _ = await taking.well("snapshot", later.offer)
    standing = await taking.well("snapshot/bundle", later.list_bundle)
    bits = "".join(
        f"{byte:08b}"
        for byte in msgspec.json.decode(encode(standing["held"]["chunks"]), type=bytes)
    )
    assert bits[: len(chunks)] == "0" + "1" * (len(chunks) - 1)
    standing = await taking.well("snapshot/bundle", later.bundle(blob(others[0])))
    assert not standing["missing"]
    assert (await taking.well("snapshot/step", later.step))["taken"]
    assert taking.rows() == [row for part in others for row in part]


def _is_cut_before(key: str) -> bool:
    return len([*cut([("", b""), (key, b"")])]) == 2


async def test_what_lies_between_chunks_that_the_box_holds_goes(taking: Taking) -> None:
    """Keys that make chunks by themselves: in front of the first, between two, behind the last."""
    numbers = range(100, 500)
    _, *chunks = [list(each.items) for each in cut([price(f"{n}", n) for n in numbers])]
    rows = [row for chunk in chunks for row in chunk]
    behind = ("0", chunks[0][-1][0], rows[-1][0])
    first, between, last = (
        next(key for n in range(9_999) if _is_cut_before(key := f"{one}-{n}")) for one in behind
    )
    more = sorted([*rows, *(price(key, 1) for key in (first, between, last))])
    await taking.take(Made([list(chunk.items) for chunk in cut(more)]))
    assert taking.rows() == more
    later = Made(chunks, 60, 60)
    _ = await taking.well("snapshot", later.offer)
    assert not (await taking.well("snapshot/bundle", later.list_bundle))["missing"]
    assert (await taking.well("snapshot/step", later.step))["taken"]
    assert taking.rows() == rows


async def test_parts_outlive_a_restart_and_another_offer(tmp_path: Path) -> None:
    store = StoreSettings(STORE, 1, office_key=OFFICE.public.hex)
    async with bare_box(tmp_path, store=store) as box:
        taking = Taking(box, tmp_path)
        _ = await taking.well("snapshot", NINE.offer)
        _ = await taking.well("snapshot/bundle", NINE.list_bundle)
        _ = await taking.well("snapshot/bundle", NINE.bundle(*map(blob, NINE.chunks[:2])))
    async with bare_box(tmp_path, store=store) as box:
        taking = Taking(box, tmp_path)
        assert taking.rows() == []
        again = await taking.well("snapshot", replace_version(NINE, 55).offer)
        assert again["held"]["chunks"] == "wA=="
        newer = Made([NINE.chunks[0], [price("3", 31)], NINE.chunks[2]], 60, 60)
        _ = await taking.well("snapshot", newer.offer)
        standing = await taking.well("snapshot/bundle", newer.list_bundle)
        assert standing["held"]["chunks"] == "gA==", "one of two fits still"
        assert taking.disk("SELECT count(*) FROM snapshot_part") == [(2,)]


def replace_version(made: Made, version: int) -> Made:
    return Made(made.chunks, made.cursor, version, made.feed)


async def test_an_offer_of_what_is_here_is_taken_at_once(taking: Taking) -> None:
    await taking.take(NINE)
    for cursor in (50, 40):
        standing = await taking.well("snapshot", Made(NINE.chunks[:1], cursor, 70).offer)
        assert (standing["taken"], standing["cursor"]) == (True, 50)
    assert len(taking.rows()) == 5


# --- as it should not be -----------------------------------------------------------------


def disbelieved() -> list[tuple[str, SnapshotOffer]]:
    good = NINE.offer
    return [
        ("feed_signature_wrong", signed(NINE.unsigned, key=STRANGER)),
        ("feed_signature_wrong", signed(NINE.unsigned, store="hill-road")),
        ("feed_signature_wrong", replace(good, cursor=51)),
        ("feed_signature_wrong", replace(good, count=2)),
        ("feed_signature_wrong", replace(good, lists=bytes(32))),
        ("feed_signature_wrong", replace(good, version=51)),
        ("feed_signature_wrong", replace(good, scope=STORE)),
        ("feed_signature_wrong", replace(good, feed=Feed.CATALOGUE)),
        ("feed_signature_wrong", replace(good, signature="zz")),
        ("feed_unsigned", replace(good, signature="")),
        ("feed_older", signed(replace(NINE.unsigned, version=6))),
        ("feed_scope_wrong", signed(replace(NINE.unsigned, scope="hill-road"))),
    ]


@pytest.mark.parametrize(("code", "offer"), disbelieved())
async def test_an_offer_that_is_not_head_offices_is_refused_and_said(
    taking: Taking, code: str, offer: SnapshotOffer
) -> None:
    assert (await taking.page(7, 33, 7))[0] == 200
    assert await taking.refused("snapshot", offer) == code
    assert code in NOT_BELIEVED
    _, health = await taking.box.call("GET", "/health")
    assert [item["well"] for item in health["items"] if item["name"] == "feeds"] == [False]
    assert await taking.refused("snapshot/step", NINE.step) == "snapshot_unknown"


async def test_nothing_older_than_an_offer_is_believed_from_then_on(taking: Taking) -> None:
    assert (await taking.page(7, 33, 7))[0] == 200
    _ = await taking.well("snapshot", NINE.offer)
    status, answer = await taking.page(8, 1, 49)
    assert (status, answer["code"]) == (409, "feed_older")
    assert (await taking.page(8, 34, 51))[0] == 200


def spoilt() -> dict[str, bytes]:
    huge = b"\x00" + zstandard.ZstdCompressor().compress(bytes(50_000_000))
    return {
        "another chunk": NINE.bundle(blob([price("3", 1)])),
        "a chunk beside a good one": NINE.bundle(blob(NINE.chunks[0]), blob([price("3", 1)])),
        "another list": NINE.bundle(b"\x02" + NINE.list[:32]),
        "a bomb": NINE.bundle(huge),
        "no chunk": NINE.bundle(b"\x01nonsense"),
        "an empty chunk": NINE.bundle(blob([])),
        "cut": NINE.bundle(blob(NINE.chunks[0]))[:-1],
        "another feed": NINE.bundle(blob(NINE.chunks[0])).replace(b"price", b"promo"),
    }


@pytest.mark.parametrize("name", spoilt())
async def test_a_part_that_is_not_what_was_signed_is_refused(taking: Taking, name: str) -> None:
    _ = await taking.well("snapshot", NINE.offer)
    _ = await taking.well("snapshot/bundle", NINE.list_bundle)
    code = await taking.refused("snapshot/bundle", spoilt()[name])
    assert code in {"snapshot_malformed", "packing_malformed", "bundle_malformed"}
    assert taking.disk("SELECT count(*) FROM snapshot_part") == [(1,)], "the list alone"


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([[("1", b'{"sku":"1","price_minor":"much"}')]], "feed_item_malformed"),
        ([[price("2", 1), price("1", 1)]], "snapshot_malformed"),
        ([[price("1", 1), price("1", 2)]], "snapshot_malformed"),
        ([[("1", b"null")]], "snapshot_malformed"),
        ([[("", b'{"sku":"","price_minor":1}')]], "snapshot_malformed"),
    ],
    ids=["unreadable", "not sorted", "twice", "gone", "no key"],
)
async def test_chunks_of_what_no_feed_holds_are_refused(
    taking: Taking, chunks: list[Rows], code: str
) -> None:
    made = Made(chunks)
    _ = await taking.well("snapshot", made.offer)
    _ = await taking.well("snapshot/bundle", made.list_bundle)
    assert await taking.refused("snapshot/bundle", made.bundle(blob(chunks[0]))) == code


@pytest.mark.parametrize(
    "order", [(1, 0, 2), (0, 2, 1), (0, 1, 1)], ids=["first", "last", "one twice"]
)
async def test_chunks_that_do_not_follow_each_other_are_refused_before_any(
    taking: Taking, order: tuple[int, ...]
) -> None:
    made = Made([NINE.chunks[place] for place in order])
    _ = await taking.well("snapshot", made.offer)
    _ = await taking.well("snapshot/bundle", made.list_bundle)
    _ = await taking.well("snapshot/bundle", made.bundle(*map(blob, made.chunks)))
    assert await taking.refused("snapshot/step", made.step) == "snapshot_malformed"


async def test_a_list_that_is_shorter_than_was_said_is_refused(taking: Taking) -> None:
    offer = signed(replace(NINE.unsigned, count=4))
    _ = await taking.well("snapshot", offer)
    assert await taking.refused("snapshot/bundle", NINE.list_bundle) == "snapshot_malformed"


async def test_a_page_that_comes_in_between_is_not_overwritten(taking: Taking) -> None:
    _ = await taking.well("snapshot", NINE.offer)
    _ = await taking.well("snapshot/bundle", NINE.list_bundle)
    _ = await taking.well("snapshot/bundle", NINE.bundle(*map(blob, NINE.chunks)))
    assert (await taking.page(55, 31, 60))[0] == 200
    assert await taking.refused("snapshot/step", NINE.step) == "snapshot_unknown"
    assert await taking.refused("snapshot/bundle", NINE.list_bundle) == "snapshot_unknown"
    assert taking.rows() == [price("3", 31)]
    assert taking.disk("SELECT count(*) FROM snapshot_part") == [(0,)]


async def test_a_part_that_rots_on_the_disk_is_found(taking: Taking) -> None:
    _ = await taking.well("snapshot", NINE.offer)
    _ = await taking.well("snapshot/bundle", NINE.list_bundle)
    _ = await taking.well("snapshot/bundle", NINE.bundle(*map(blob, NINE.chunks)))
    other = blob([price("3", 1)])
    taking.disk("UPDATE snapshot_part SET packed = ? WHERE first_key = '3'", other)
    assert await taking.refused("snapshot/step", NINE.step) == "snapshot_malformed"


async def test_parts_take_no_more_of_the_disk_than_they_may(tmp_path: Path) -> None:
    parts = tuple(blob(rows) for rows in NINE.chunks)
    listed = b"\x02" + NINE.list
    clock = HandClock()
    reference = ReferenceStore(DatabaseFile(tmp_path / "reference.db", MIGRATIONS), clock)
    await reference.open()
    shelf = SnapshotShelf(reference, clock, len(listed) + len(parts[0]) + len(parts[1]))
    root = NINE.unsigned.root
    _ = await shelf.offered(NINE.offer)
    _ = await shelf.put(Feed.PRICE, root, (listed,))
    _ = await shelf.put(Feed.PRICE, root, parts[:1])
    with pytest.raises(Refused, match="would take more than"):
        await shelf.put(Feed.PRICE, root, parts[1:])
    standing = await shelf.put(Feed.PRICE, root, parts[1:2])
    assert standing.held.chunks == b"\xc0"
    await reference.close()


async def test_a_bundle_of_another_snapshot_changes_nothing(taking: Taking) -> None:
    _ = await taking.well("snapshot", NINE.offer)
    other = Made(NINE.chunks[:1])
    standing = await taking.well("snapshot/bundle", other.list_bundle)
    assert standing["held"]["root"] == NINE.unsigned.root
    assert (await taking.well("snapshot/step", other.step))["missing"]
    assert taking.disk("SELECT count(*) FROM snapshot_part") == [(0,)]
