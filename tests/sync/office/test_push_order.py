"""What goes down first: what became urgent while something else was being sent."""

from __future__ import annotations

import asyncio

import msgspec

from edge.contract.customer_data import Customer
from edge.contract.reference_data import FEED_ORDER, Article, Feed, Price, Urgent
from edge.contract.replication import FeedDown, Hello, KeeperMessage, OfficeMessage
from edge.contract.wire import encode
from sync.appending.ingest import Ingest
from sync.office.desk import OfficeDesk, OfficeVisit
from sync.office.feeds import NewItem
from tests.sync.office.head_office import AT, Box, Served


async def visit_of(served: Served, box: Box) -> OfficeVisit:
    """Let a box in that has nothing of any feed; whoever calls is its line."""
    desk = served.office.boxes.desk
    store = await served.office.directory.by_slug(box.store)
    assert isinstance(desk, OfficeDesk)
    assert store is not None
    visit = OfficeVisit(desk, store)
    cursors = {str(feed): 0 for feed in FEED_ORDER}
    hello = Hello(box.store, box.key.public.hex, box.head, cursors, AT, "0.1.0", "n")
    ingest = Ingest(store.box, desk.events, desk.dictionaries)
    head = await ingest.open()
    await visit.admit(hello, ingest, head)
    visit.enter(hello, head)
    return visit


async def test_what_became_urgent_meanwhile_is_next(served: Served, box: Box) -> None:
    feeds = served.office.feeds

    async def put(feed: Feed, key: str, value: object) -> None:
        assert not (await feeds.put(feed, [NewItem(key, msgspec.Raw(encode(value)))])).errors

    await put(Feed.PRICE, "100", Price("100", 129))
    await put(Feed.CATALOGUE, "100", Article("100", "Bread", "a"))
    await put(Feed.CUSTOMER, "c-0001", Customer("c-0001", "Ana"))
    visit = await visit_of(served, box)
    sent: list[Feed] = []
    all_sent = asyncio.Event()

    async def send(message: OfficeMessage | KeeperMessage) -> None:
        """Be a line that is slow enough for a stop to be ordered while the first page leaves."""
        assert isinstance(message, FeedDown)
        sent.append(message.page.feed)
        if len(sent) == 1:
            await put(Feed.URGENT, "100", Urgent("100", stopped=True, reason="Recall: glass."))
        if len(sent) == 5:
            all_sent.set()

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        pushing = tasks.create_task(visit.down()["feeds"](send))
        await all_sent.wait()
        pushing.cancel()
    assert sent == [Feed.PRICE, Feed.URGENT, Feed.CATALOGUE, Feed.CUSTOMER, Feed.BOX_KEY]
