"""What head office sends reaches the box, whatever goes up at the same time."""

from __future__ import annotations

import msgspec

from edge.contract.limits import (
    FEED_PAGES_WAITING_MAX,
    FRAMES_IN_FLIGHT_MAX,
)
from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.replication import FeedDown, FeedRefused
from tests.sync.replicator.shop import Shop, until


def page(cursor: int, *, key: str = "", feed: Feed = Feed.PRICE) -> FeedPage:
    value = msgspec.Raw(b'{"sku":"4711","price_minor":199,"of_a_newer_version":[1, 2]}')
    return FeedPage(feed, (FeedItem(key or f"sku-{cursor}", cursor, value),), cursor)


async def test_pages_are_applied_in_order_and_answered(shop: Shop) -> None:
    pages = [page(cursor) for cursor in range(1, 41)]
    shop.office.after_welcome = [FeedDown(each) for each in pages]
    async with shop.replicating():
        await until(lambda: len(shop.office.taken) == 40)
    assert shop.edge.pages == pages
    assert [taken.cursor for taken in shop.office.taken] == list(range(1, 41))


async def test_down_does_not_wait_for_up(shop: Shop) -> None:
    """The poll for frames hangs, then the window is full: a page passes both times."""
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        await shop.office.send_page(page(1))
        await until(lambda: len(shop.office.taken) == 1)
        assert shop.edge.polls_waiting == 1
        shop.office.acks_held.clear()
        shop.edge.sell(20)
        await until(lambda: shop.office.frames_unanswered == FRAMES_IN_FLIGHT_MAX)
        await shop.office.send_page(page(2))
        await until(lambda: len(shop.office.taken) == 2)


async def test_up_does_not_wait_for_down(shop: Shop) -> None:
    """Edge takes its time over pages; frames and acknowledgements pass."""
    shop.edge.feeds_held.clear()
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        for cursor in range(1, FEED_PAGES_WAITING_MAX):
            await shop.office.send_page(page(cursor))
        shop.edge.sell(30)
        await until(lambda: shop.in_step)
        assert shop.office.taken == []
        shop.edge.feeds_held.set()
        await until(lambda: len(shop.office.taken) == FEED_PAGES_WAITING_MAX - 1)


async def test_a_page_that_edge_refuses_steps_aside(shop: Shop) -> None:
    shop.edge.refuse_keys = {"poison"}
    shop.office.after_welcome = [
        FeedDown(page(1)),
        FeedDown(page(2, key="poison")),
        FeedDown(page(3)),
    ]
    async with shop.replicating():
        await until(lambda: len(shop.office.taken) == 2)
        shop.edge.sell(3)
        await until(lambda: shop.in_step)
    assert [taken.cursor for taken in shop.office.taken] == [1, 3]
    assert len(shop.office.hellos) == 1
    assert shop.lines("feed_refused")[0]["code"] == "feed_unusable"


async def test_why_a_page_was_refused_is_told_to_whom_it_helps(shop: Shop) -> None:
    shop.edge.refuse_keys = {"poison"}
    shop.office.hears = ("feed_refused",)
    shop.office.after_welcome = [
        FeedDown(page(2, key="poison")),
        FeedDown(page(3)),
        '{"msg":"feed","page":{"feed":"horoscope","items":[],"next":7}}',
        FeedDown(page(4)),
    ]
    async with shop.replicating():
        await until(lambda: len(shop.office.taken) == 2)
    assert [taken.cursor for taken in shop.office.taken] == [3, 4]
    assert shop.office.refused == [
        FeedRefused(Feed.PRICE, 2, "feed_unusable", "The page cannot be applied.")
    ]


async def test_a_head_office_of_before_is_not_told(shop: Shop) -> None:
    shop.edge.refuse_keys = {"poison"}
    shop.office.after_welcome = [FeedDown(page(2, key="poison")), FeedDown(page(3))]
    async with shop.replicating():
        await until(lambda: len(shop.office.taken) == 1)
    assert shop.office.refused == []


async def test_cursors_go_up_with_the_greeting(shop: Shop) -> None:
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        await shop.office.send_page(page(9))
        await until(lambda: len(shop.office.taken) == 1)
        shop.office.lines[-1].cut()
        await until(lambda: len(shop.office.hellos) == 2)
    assert [hello.cursors for hello in shop.office.hellos] == [{}, {"price": 9}]


async def test_a_page_of_the_largest_size_passes(shop: Shop) -> None:
    value = msgspec.Raw(b'"' + b"x" * 1_040_000 + b'"')
    big = FeedPage(Feed.CATALOGUE, (FeedItem("big", 1, value),), 1)
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        await shop.office.send_page(big)
        await until(lambda: len(shop.office.taken) == 1)
    assert shop.edge.pages == [big]


async def test_words_of_a_newer_head_office_are_passed_over(shop: Shop) -> None:
    strange = '{"msg":"moon_phase","is":"full"}'
    shop.office.first_words = [strange]
    shop.office.after_welcome = [strange, strange, FeedDown(page(1))]
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step and len(shop.office.taken) == 1)
    assert [line["kind"] for line in shop.lines("office_message_unknown")] == ["moon_phase"]
