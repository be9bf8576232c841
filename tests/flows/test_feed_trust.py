"""Pages of feeds at a box that knows its head office's key: signed, in order, never older."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from edge.contract.errors import Refused
from edge.contract.reference_data import Feed, FeedItem, FeedPage, Price
from edge.contract.replication import NOT_BELIEVED, feed_page_bytes
from edge.contract.wire import encode
from edge.flows.feed_trust import FeedTrust
from edge.reference.store import MIGRATIONS, ReferenceStore
from edge.runtime.database_file import DatabaseFile
from edge.runtime.keys import SigningKey
from edge.runtime.structured_log import Log
from edge.settings import StoreSettings
from tests.flows.box import bare_box
from tests.runtime.hand_clock import HandClock

STORE = "harbour-street"
OFFICE = SigningKey(Ed25519PrivateKey.generate())
STRANGER = SigningKey(Ed25519PrivateKey.generate())


def page(cursor: int, price_minor: int, *, after: int | None = None, version: int = 0) -> FeedPage:
    value = msgspec.Raw(encode(Price("100", price_minor)))
    behind = cursor - 1 if after is None else after
    return FeedPage(
        Feed.PRICE,
        (FeedItem("100", cursor, value),),
        cursor,
        after=behind,
        version=version or cursor,
    )


def signed(unsigned: FeedPage, store: str = STORE, key: SigningKey = OFFICE) -> FeedPage:
    return replace(unsigned, signature=key.sign(feed_page_bytes(store, unsigned)).hex())


class Shelf:
    def __init__(self, reference: ReferenceStore, trust: FeedTrust, log: io.StringIO) -> None:
        self.reference, self.trust, self.log = reference, trust, log

    async def take(self, sent: FeedPage) -> None:
        self.trust.check(sent)
        await self.reference.apply(sent)

    def refuses(self, sent: FeedPage) -> str:
        with pytest.raises(Refused) as caught:
            self.trust.check(sent)
        assert caught.value.code in NOT_BELIEVED
        assert "nothing of it is taken" in str(caught.value)
        return caught.value.code

    @property
    def price(self) -> int:
        found = self.reference.price("100", 0)
        assert found is not None
        return found.price_minor


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    clock, log = HandClock(), io.StringIO()
    reference = ReferenceStore(DatabaseFile(tmp_path / "reference.db", MIGRATIONS), clock)
    await reference.open()
    trust = FeedTrust(OFFICE.public.hex, STORE, reference, Log(log, clock, {}))
    yield Shelf(reference, trust, log)
    await reference.close()


def test_what_is_signed_is_every_part_of_a_page() -> None:
    items = (
        b"\x00\x00\x00\x03100\x00\x00\x00\x00\x00\x00\x00\x05"
        b'\x00\x00\x00\x1e{"sku":"100","price_minor":10}'
    )
    head = b"tillbox feed v1|harbour-street|price|9|3|5|0|"
    assert feed_page_bytes(STORE, page(5, 10, after=3, version=9)) == (
        head + hashlib.sha256(items).hexdigest().encode()
    )


async def test_what_head_office_signed_is_taken_and_again(shelf: Shelf) -> None:
    await shelf.take(signed(page(1, 10)))
    await shelf.take(signed(page(2, 20)))
    await shelf.take(signed(page(2, 20)))
    assert (shelf.price, shelf.reference.versions["price"]) == (20, 2)
    assert shelf.trust.health() is None


def changes() -> list[tuple[str, Any]]:
    good = signed(page(2, 20))
    return [
        ("feed_signature_wrong", signed(page(2, 1), key=STRANGER)),
        ("feed_signature_wrong", signed(page(2, 1), store="hill-road")),
        ("feed_signature_wrong", replace(good, items=page(2, 1).items)),
        ("feed_signature_wrong", replace(good, next=9)),
        ("feed_signature_wrong", replace(good, after=0)),
        ("feed_signature_wrong", replace(good, more=True)),
        ("feed_signature_wrong", replace(good, version=3)),
        ("feed_signature_wrong", replace(good, feed=Feed.STAFF)),
        ("feed_signature_wrong", replace(good, items=())),
        ("feed_signature_wrong", replace(good, signature="zz")),
        ("feed_unsigned", replace(good, signature="")),
        ("feed_older", signed(page(2, 1, version=6))),
        ("feed_gap", signed(page(3, 30, version=8))),
    ]


@pytest.mark.parametrize(("code", "sent"), changes())
async def test_what_a_stranger_changes_is_refused_and_said(
    shelf: Shelf, code: str, sent: FeedPage
) -> None:
    await shelf.take(signed(page(1, 10, version=7)))
    assert shelf.refuses(sent) == code
    assert shelf.price == 10
    assert f'"code":"{code}"' in shelf.log.getvalue().replace(": ", ":")
    item = shelf.trust.health()
    assert item is not None
    assert not item.well
    assert "goes on with the prices it has" in item.advice
    if sent.feed is Feed.PRICE:
        # once head office is there again, all is well
        await shelf.take(signed(page(2, 20, version=8)))
        assert (shelf.price, shelf.trust.health()) == (20, None)


async def test_an_older_head_office_is_believed_until_the_first_signature(shelf: Shelf) -> None:
    await shelf.take(replace(page(1, 10), version=0, after=0))
    await shelf.take(signed(page(2, 20)))
    assert shelf.refuses(replace(page(3, 1), feed=Feed.CATALOGUE, items=())) == "feed_unsigned"


async def test_the_newest_version_survives_a_restart(shelf: Shelf) -> None:
    await shelf.take(signed(page(1, 10, version=7)))
    path = shelf.reference._file.path
    again = ReferenceStore(DatabaseFile(path, MIGRATIONS), HandClock())
    await again.open()
    shelf.trust.reference = again
    assert shelf.refuses(signed(page(2, 1, version=6))) == "feed_older"
    await again.close()


async def test_a_box_without_a_key_believes_the_line(shelf: Shelf) -> None:
    shelf.trust.office_key = ""
    await shelf.take(signed(page(4, 40, after=3), key=STRANGER))
    await shelf.take(replace(page(5, 50), version=0))
    assert shelf.price == 50


async def test_a_running_box_refuses_says_so_and_tells_its_version(tmp_path: Path) -> None:
    store = StoreSettings(STORE, 1, office_key=OFFICE.public.hex)
    async with bare_box(tmp_path, store=store) as box:

        async def send(sent: FeedPage) -> tuple[int, Any]:
            return await box.call("POST", "/internal/v1/replica/feed", sent, headers=box.service)

        assert (await send(signed(page(1, 10, version=7))))[0] == 200
        status, body = await send(signed(page(2, 1, version=8), key=STRANGER))
        assert (status, body["code"]) == (409, "feed_signature_wrong")
        _, about = await box.call("GET", "/internal/v1/replica/status", headers=box.service)
        assert (about["cursors"]["price"], about["feed_version"]) == (1, 7)
        _, health = await box.call("GET", "/health")
        assert [item["well"] for item in health["items"] if item["name"] == "feeds"] == [False]
