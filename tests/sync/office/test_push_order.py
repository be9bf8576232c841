"""What goes down when: what became urgent at once, new keys of boxes together."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec

from edge.contract.customer_data import Customer
from edge.contract.limits import BOX_KEYS_GATHERED_S
from edge.contract.line_class import LineClass, LineSaid
from edge.contract.reference_data import FEED_ORDER, Article, Feed, Price, Urgent
from edge.contract.replication import FeedDown, Hello, KeeperMessage, OfficeMessage
from edge.contract.wire import encode
from edge.runtime.ids import SystemIds
from edge.runtime.metrics import Metrics
from edge.runtime.supervisor import Supervisor
from sync.appending.ingest import Ingest
from sync.office.desk import OfficeDesk, OfficeVisit
from sync.office.feeds import NewItem
from sync.office.session import BoxSessions
from tests.sync.office.head_office import AT, Box, Served
from tests.virtual_time import FakeClock


async def visit_of(served: Served, box: Box, *, line: str = "") -> OfficeVisit:
    """Let a box in that has nothing of any feed; whoever calls is its line."""
    desk = served.office.boxes.desk
    store = await served.office.directory.by_slug(box.store)
    assert isinstance(desk, OfficeDesk)
    assert store is not None
    visit = OfficeVisit(desk, store)
    cursors = {str(feed): 0 for feed in FEED_ORDER}
    hello = Hello(box.store, box.key.public.hex, box.head, cursors, AT, "0.1.0", "n", line=line)
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
        assert visit.desk.pushes == {visit.feeds}
        pushing.cancel()
    assert visit.desk.pushes == set(), "nobody is told any more who is gone"
    assert sent == [Feed.PRICE, Feed.URGENT, Feed.CATALOGUE, Feed.CUSTOMER, Feed.BOX_KEY]


async def test_keys_of_boxes_are_gathered_and_other_feeds_are_not(served: Served, box: Box) -> None:
    visit = await visit_of(served, box)
    desk, clock = replace(visit.desk, pushes={visit.feeds}), FakeClock()
    news = visit.feeds.news
    async with Supervisor(clock, desk.log) as tasks:
        sessions = BoxSessions(desk, clock, SystemIds(clock), desk.log, tasks)
        sessions.open(Metrics())
        for feed, waits in ((Feed.BOX_KEY, [BOX_KEYS_GATHERED_S]), (Feed.PRICE, [])):
            clock.slept_s.clear()
            news.clear()
            desk.feeds.changed(feed)
            async with asyncio.timeout(20):
                await news.wait()
            await asyncio.sleep(0)
            assert clock.slept_s == waits
        # until the wait is over, what else comes is for the next time
        clock.slept_s.clear()
        for _ in range(9):
            desk.feeds.changed(Feed.BOX_KEY)
        for _ in range(9):
            await asyncio.sleep(0)
        assert clock.slept_s == [BOX_KEYS_GATHERED_S]


async def test_where_a_month_is_spent_only_what_a_shop_cannot_do_without_goes_down(
    served: Served, box: Box
) -> None:
    feeds = served.office.feeds
    for feed, key, value in (
        (Feed.CATALOGUE, "100", Article("100", "Bread", "a")),
        (Feed.CUSTOMER, "c-0001", Customer("c-0001", "Ana")),
        (Feed.PRICE, "100", Price("100", 129)),
    ):
        assert not (await feeds.put(feed, [NewItem(key, msgspec.Raw(encode(value)))])).errors
    visit = await visit_of(served, box, line="spent")
    sent = [page.feed async for page in visit.feeds.due()]
    assert sent == [Feed.PRICE, Feed.BOX_KEY]
    visit.feeds.news.clear()
    await visit.hear(LineSaid("metered"), never)
    assert visit.feeds.news.is_set(), "the sender looks again"
    assert [page.feed async for page in visit.feeds.due()] == [Feed.CATALOGUE, Feed.CUSTOMER]
    await visit.hear(LineSaid("of tomorrow"), never)
    assert visit.feeds.line is LineClass.OPEN


async def never(_: object) -> None:
    raise AssertionError("nothing is to be answered")
