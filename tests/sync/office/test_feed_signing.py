"""Feeds on their way down are signed for one store, with versions that only grow."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from edge.contract.limits import FEED_VERSION_AHEAD_MS_MAX
from edge.contract.reference_data import FeedPage, Price
from edge.contract.replication import Denied, FeedDown, FeedRefused, FeedTaken, feed_page_bytes
from edge.contract.wire import encode
from edge.runtime.system_clock import SystemClock
from tests.sync.office.head_office import Box, Line, Served


async def put(served: Served, *prices: Price, store: str = "") -> None:
    items = [{"key": each.key, "value": msgspec.Raw(encode(each))} for each in prices]
    query = f"?store={store}" if store else ""
    status, body = await served.ask("PUT", f"/api/v1/feeds/price{query}", {"items": items})
    assert status == 200, body


async def pages(line: Line, feed: str, count: int) -> list[FeedPage]:
    """Take pages until there are so many of a feed; return those."""
    found: list[FeedPage] = []
    while len(found) < count:
        down = await line.next()
        assert isinstance(down, FeedDown), down
        if down.page.feed == feed:
            found.append(down.page)
        await line.say(FeedTaken(down.page.feed, down.page.next))
    return found


async def test_each_page_is_signed_for_its_store_behind_what_the_box_has(
    served: Served, box: Box
) -> None:
    await put(served, Price("100", 129), Price("101", 45))
    async with served.session(box, cursors={"price": 1}) as (line, _):
        [first] = await pages(line, "price", 1)
        # what is for others moves the cursor on here, but not the one that the box has named
        other = Box("hill-road", 2)
        await served.add(other)
        await put(served, Price("100", 1), store="hill-road")
        await put(served, Price("101", 49))
        [second] = await pages(line, "price", 1)
    for each in (first, second):
        text = feed_page_bytes("harbour-street", each)
        served.key.public.verify(bytes.fromhex(each.signature), text)
    assert (first.after, first.next, second.after, second.next) == (1, 2, 2, 4)
    assert abs(first.version - SystemClock().now_ms()) < 60_000
    assert second.version > first.version


async def test_versions_are_above_what_the_box_has_seen(served: Served, box: Box) -> None:
    await put(served, Price("100", 129))
    ahead = SystemClock().now_ms() + 86_400_000
    async with served.session(box, feed_version=ahead) as (line, _):
        [page] = await pages(line, "price", 1)
        assert page.version == ahead + 1
    async with served.session(box) as (line, _):
        [page] = await pages(line, "price", 1)
        assert page.version < ahead, "one box's clock is not another's"
    far = SystemClock().now_ms() + FEED_VERSION_AHEAD_MS_MAX + 60_000
    async with served.line(box, feed_version=far) as line:
        assert (await line.hear(Denied)).code == "feed_out_of_reach"


async def test_a_page_that_is_not_believed_is_an_alarm_and_stays_due(
    served: Served, box: Box
) -> None:
    await put(served, Price("100", 129), Price("101", 45))
    async with served.session(box) as (line, _):
        refused: Any = None
        while refused is None:
            down = await line.next()
            if down.page.feed == "price":
                refused = down.page
                words = "A page of feed price is not signed by this store's head office."
                await line.say(
                    FeedRefused(down.page.feed, down.page.next, "feed_signature_wrong", words)
                )
            else:
                await line.say(FeedTaken(down.page.feed, down.page.next))
        for _ in range(500):
            alarms = (await served.store())["alarms"]
            if alarms:
                break
            await asyncio.sleep(0.01)
        assert [each["kind"] for each in alarms] == ["feed_refused"]
        assert "does not believe what it is sent of feed price" in alarms[0]["words"]
        assert "not signed by this store's head office" in alarms[0]["words"]
    # it is whole in the next session, not cut in half
    async with served.session(box) as (line, _):
        [page] = await pages(line, "price", 1)
    assert [item.key for item in page.items] == ["100", "101"]
