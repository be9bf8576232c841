"""A backlog goes up when head office gives a budget, and feeds come down meanwhile."""

from __future__ import annotations

import msgspec

from edge.contract.feed_snapshots import SNAPSHOTS
from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.replication import BUDGET, Budget, Hello, Welcome
from tests.sync.replicator.shop import Shop, until

PAGE = FeedPage(Feed.PRICE, (FeedItem("a/1", 1, msgspec.Raw(b"{}")),), 1, False)


async def test_without_a_budget_no_frame_is_even_made_and_feeds_come(shop: Shop) -> None:
    shop.office.budget = 0
    shop.edge.sell(5)
    async with shop.replicating():
        await until(lambda: bool(shop.office.hellos))
        await shop.office.send_page(PAGE)
        await until(lambda: bool(shop.office.taken))
        assert (shop.edge.asked_after, shop.office.events) == ([], [])
        assert shop.office.hellos[0].hears == (BUDGET, SNAPSHOTS)


async def test_a_budget_is_what_may_be_sent_and_a_further_one_adds_to_it(shop: Shop) -> None:
    shop.office.budget = 2
    shop.edge.sell(20)
    async with shop.replicating():
        await until(lambda: len(shop.office.events) == 2)
        await shop.office.send(Budget(3))
        await shop.office.send(Budget(4))
        await until(lambda: len(shop.office.events) == 9)
        await shop.office.send_page(PAGE)
        await until(lambda: bool(shop.office.taken))
        assert shop.edge.asked_after == list(range(9)), "more was asked of edge than may be sent"
        await shop.office.send(Budget(None))
        await until(lambda: shop.in_step)
        shop.edge.sell(30)
        await until(lambda: shop.in_step)


async def test_a_rewind_gives_nothing_back(shop: Shop) -> None:
    shop.office.budget = 3
    shop.edge.sell(9)
    shop.office.reject_once = {2}
    async with shop.replicating():
        await until(lambda: bool(shop.lines("resend")))
        await shop.office.send(Budget(2))
        await until(lambda: frames_at(shop) == 5)
        await shop.office.send_page(PAGE)
        await until(lambda: bool(shop.office.taken))
        assert frames_at(shop) == 5
        await shop.office.send(Budget(None))
        await until(lambda: shop.in_step)


def frames_at(shop: Shop) -> int:
    """How many frames head office got, the one that it did not like too."""
    office = shop.office
    return len(office.events) + office.gaps + office.duplicates + (not office.reject_once)


async def test_the_next_session_begins_with_its_own_budget(shop: Shop) -> None:
    shop.office.budget = 1
    shop.edge.sell(9)
    async with shop.replicating():
        await until(lambda: len(shop.office.events) == 1)
        shop.office.budget = None
        shop.office.lines[-1].cut()
        await until(lambda: shop.in_step)


def test_older_ends_say_nothing_of_budgets() -> None:
    head = b'{"gen":1,"seq":0,"hash":"%s"}' % (b"0" * 64)
    hello = (
        b'{"msg":"hello","store":"a","box":"b","head":%s,"cursors":{},"clock":1,"version":"1",'
        b'"nonce":"n"}' % head
    )
    welcome = (
        b'{"msg":"welcome","store_number":1,"head":%s,"settled_seq":0,"clock":1,'
        b'"dictionaries":[1]}' % head
    )
    assert msgspec.json.decode(hello, type=Hello).hears == ()
    assert msgspec.json.decode(welcome, type=Welcome).budget is None
    assert msgspec.json.encode(Budget(None)) == b'{"msg":"budget","frames":null}'
