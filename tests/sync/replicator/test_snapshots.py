"""Snapshots on their way through the replicator: unread, answered, and beside everything else."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from edge.contract.feed_snapshots import (
    SnapshotDown,
    SnapshotHeld,
    SnapshotOffer,
    SnapshotStanding,
    SnapshotStep,
    bundle,
)
from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.replication import FeedRefused, FeedTaken
from edge.contract.wire import encode
from edge.runtime.item_packing import pack_cursors, packed_page
from tests.sync.replicator.shop import Shop, until
from tests.sync.replicator.test_download import page

OFFER = SnapshotOffer(Feed.PRICE, "", 70, 2, bytes(32), 9, "ab")
ROOT = OFFER.root
BUNDLE = bundle(Feed.PRICE, ROOT, (b"nobody", b"reads this"))


def held(chunks: bytes, feed: Feed = Feed.PRICE) -> SnapshotHeld:
    return SnapshotHeld(feed, ROOT, b"\x80", chunks)


def standing(
    chunks: bytes = b"", feed: Feed = Feed.PRICE, *, missing: bool = False, taken: bool = False
) -> SnapshotStanding:
    return SnapshotStanding(held(chunks, feed), 70, missing, taken)


async def serve(shop: Shop, *standings: SnapshotStanding) -> None:
    """Have the box answer so, one call after the other, and then refuse."""
    await shop.edge.stop()
    shop.edge.standings = list(standings)
    await shop.edge.start()


async def test_offers_and_bundles_go_through_and_steps_follow(shop: Shop) -> None:
    await serve(
        shop,
        standing(b"\x00", missing=True),
        standing(b"\x40", missing=True),
        standing(b"\xc0"),
        standing(b"\xc0"),
        standing(b"\xc0", taken=True),
    )
    shop.office.after_welcome = [SnapshotDown(OFFER), BUNDLE, BUNDLE]
    async with shop.replicating():
        await until(lambda: bool(shop.office.taken))
    step = encode(SnapshotStep(Feed.PRICE, ROOT))
    assert shop.edge.snapshot_calls == [
        ("offer", encode(OFFER)),
        ("bundle", BUNDLE),
        ("bundle", BUNDLE),
        ("step", step),
        ("step", step),
    ]
    assert shop.office.held == [held(b"\x00"), held(b"\x40"), held(b"\xc0")]
    assert shop.office.taken == [FeedTaken(Feed.PRICE, 70)]
    assert "snapshots" in shop.office.hellos[0].hears


async def test_a_box_that_lost_parts_in_between_asks_for_them(shop: Shop) -> None:
    await serve(shop, standing(b"\xc0"), standing(b"\x80", missing=True))
    shop.office.after_welcome = [SnapshotDown(OFFER)]
    async with shop.replicating():
        await until(lambda: len(shop.office.held) == 2)
    assert shop.office.held == [held(b"\xc0"), held(b"\x80")]


async def test_pages_and_frames_pass_while_one_is_applied(shop: Shop) -> None:
    await serve(shop, standing(b"\xc0"), standing(b"\xc0", taken=True))
    shop.edge.steps_held.clear()
    shop.office.after_welcome = [SnapshotDown(OFFER)]
    async with shop.replicating():
        await until(lambda: len(shop.edge.snapshot_calls) == 2)
        await shop.office.send_page(page(5, feed=Feed.URGENT))
        await until(lambda: len(shop.office.taken) == 1)
        shop.edge.sell(3)
        await until(lambda: shop.in_step)
        shop.edge.steps_held.set()
        await until(lambda: len(shop.office.taken) == 2)
    assert [each.feed for each in shop.office.taken] == [Feed.URGENT, Feed.PRICE]


async def test_what_comes_goes_before_the_next_step(shop: Shop) -> None:
    """A feed that is applied for long does not keep another one's chunks waiting."""
    other = SnapshotOffer(Feed.CATALOGUE, "", 70, 2, bytes(32))
    await serve(
        shop,
        standing(b"\xc0", Feed.CATALOGUE),
        standing(b"\xc0", Feed.CATALOGUE),
        standing(b"\x00", missing=True),
        standing(b"\xc0", Feed.CATALOGUE, taken=True),
    )
    shop.edge.steps_held.clear()
    shop.office.after_welcome = [SnapshotDown(other)]
    async with shop.replicating():
        await until(lambda: len(shop.edge.snapshot_calls) == 2)
        await shop.office.send(SnapshotDown(OFFER))
        await asyncio.sleep(0.05)
        shop.edge.steps_held.set()
        await until(lambda: bool(shop.office.taken))
    assert [what for what, _ in shop.edge.snapshot_calls] == ["offer", "step", "offer", "step"]


@pytest.mark.parametrize("known", [True, False], ids=["refused", "an older box"])
async def test_a_refusal_is_told_and_nothing_else_notices(shop: Shop, known: bool) -> None:
    if known:
        await serve(shop)
    shop.office.after_welcome = [SnapshotDown(OFFER), BUNDLE]
    async with shop.replicating():
        await until(lambda: len(shop.office.refused) == 2)
        await shop.office.send_page(page(1))
        await until(lambda: bool(shop.office.taken))
    assert len(shop.office.hellos) == 1
    code = "snapshot_malformed" if known else "http_404"
    assert [each.code for each in shop.office.refused] == [code, code]
    assert {(each.feed, each.cursor) for each in shop.office.refused} == {(Feed.PRICE, 70)}
    assert isinstance(shop.office.refused[0], FeedRefused)


async def test_an_offer_of_a_feed_of_tomorrow_is_passed_over(shop: Shop) -> None:
    await serve(shop, standing(b"\x00", missing=True))
    text = msgspec.json.encode(SnapshotDown(OFFER)).decode()
    shop.office.after_welcome = [text.replace("price", "horoscope"), SnapshotDown(OFFER)]
    async with shop.replicating():
        await until(lambda: bool(shop.office.held))
    assert len(shop.edge.snapshot_calls) == 1


async def test_a_packed_page_is_one_like_others_to_the_box(shop: Shop) -> None:
    items = [FeedItem(f"sku-{n}", n, msgspec.Raw(b'{"of_tomorrow":[%d]}' % n)) for n in range(1, 9)]
    sent = FeedPage(Feed.PRICE, tuple(items), 12, after=3, version=8, signature="ab" * 64)
    shop.office.after_welcome = [packed_page(sent, pack_cursors(items))]
    async with shop.replicating():
        await until(lambda: bool(shop.office.taken))
    assert shop.edge.pages == [sent]
    assert shop.office.taken == [FeedTaken(Feed.PRICE, 12)]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"Q tomorrow", "office_message_binary"),
        (b"P\x00\x02{}", "packing_malformed"),
        (BUNDLE[:-1], "bundle_malformed"),
        (BUNDLE.replace(b"price", b"prize"), "bundle_malformed"),
    ],
)
async def test_bytes_that_are_nothing_end_the_session(
    shop: Shop, message: bytes, code: str
) -> None:
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        await shop.office.send(message)
        await until(lambda: codes(shop) == [code])
        shop.edge.sell(3)
        await until(lambda: shop.in_step)


def codes(shop: Shop) -> list[Any]:
    return [line["code"] for line in shop.lines("link_down")]
