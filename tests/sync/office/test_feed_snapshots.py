"""Snapshots at head office: when they are made, who shares them, and when they are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import WSMsgType

from edge.contract import snapshot_limits as limits
from edge.contract.customer_data import Customer
from edge.contract.feed_snapshots import (
    SnapshotDown,
    SnapshotHeld,
    SnapshotOffer,
    bits,
    chunk_name,
    cut,
    names_in,
    opened_bundle,
    snapshot_bytes,
)
from edge.contract.limits import FEED_TAKEN_MS_MAX
from edge.contract.reference_data import FEED_ORDER, GONE, Article, Feed, FeedPage, Price, Urgent
from edge.contract.replication import FeedRefused, FeedTaken, Hello
from edge.contract.wire import encode
from edge.runtime.item_packing import opened_page, unpack_items
from sync.appending.ingest import Ingest
from sync.office.database import office_database
from sync.office.desk import OfficeDesk, OfficeVisit
from sync.office.feed_snapshots import Distance, FeedSnapshots
from sync.office.feeds import Feeds, NewItem
from tests.runtime.hand_clock import HandClock
from tests.sync.office.head_office import AT, Box, Served

PRICES = 2_200


def prices(count: int = PRICES, minor: int = 100) -> dict[str, object]:
    return {f"{number}": Price(f"{number}", minor + number % 7) for number in range(count)}


async def put(
    feeds: Feeds, values: Mapping[str, object | None], scope: str = "", feed: Feed = Feed.PRICE
) -> None:
    items = [
        NewItem(key, GONE if value is None else msgspec.Raw(encode(value)))
        for key, value in values.items()
    ]
    assert (await feeds.put(feed, items, scope=scope)).errors == ()


# --- in office.db ------------------------------------------------------------------------


class Shelf:
    """Feeds and their snapshots over a file, with a clock that the test moves."""

    def __init__(self, path: Path) -> None:
        self.clock = HandClock()
        self.file = office_database(path / "office.db")
        self.feeds = Feeds(self.file)
        self.snapshots = FeedSnapshots(self.file, self.clock)

    async def chunks(self) -> dict[bytes, bytes]:
        return dict(
            await self.file.read(
                lambda raw: raw.execute("SELECT name, packed FROM feed_chunk").fetchall()
            )
        )

    async def of(self, slug: str = "", above: int = 0, feed: Feed = Feed.PRICE) -> Any:
        return await self.snapshots.of(feed, slug, above)

    async def rows_of(self, snapshot: Any) -> list[tuple[str, bytes]]:
        packed = await self.snapshots.packed(snapshot, range(snapshot.count))
        return [row for each in packed for row in unpack_items(each, 262_144)]


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = Shelf(tmp_path)
    await shelf.file.open()
    yield shelf
    await shelf.file.close()


async def test_a_snapshot_is_every_key_that_has_a_value(shelf: Shelf) -> None:
    await put(shelf.feeds, {"b": Price("b", 2), "a": Price("a", 1), "c": Price("c", 3)})
    await put(shelf.feeds, {"c": None, "é": Price("é", 4)})
    snapshot = await shelf.of()
    rows = [
        ("a", encode(Price("a", 1))),
        ("b", encode(Price("b", 2))),
        ("é", encode(Price("é", 4))),
    ]
    assert await shelf.rows_of(snapshot) == rows
    assert (snapshot.scope, snapshot.cursor) == ("", 5)
    assert names_in(snapshot.names) == [chunk.name for chunk in cut(rows)]
    assert [chunk_name(unpack_items(each, 9_999)) for each in (await shelf.chunks()).values()]


async def test_what_is_a_stores_own_goes_before_what_is_for_all(shelf: Shelf) -> None:
    """Longer than one read of the feed, with own keys before, between and behind all others."""
    count = limits.SNAPSHOT_READ_ITEMS + 200
    await put(shelf.feeds, prices(count))
    own = {"0": Price("0", 1), "5/b": None, "777": Price("777", 2), "zz": Price("zz", 3)}
    own |= {"!": Price("!", 4), "12": Price("12", 5)}
    await put(shelf.feeds, own, scope="harbour-street")
    await put(shelf.feeds, {"12": None}, scope="harbour-street")
    await put(shelf.feeds, {"9": Price("9", 9)}, scope="hill-road")
    expected = prices(count) | {key: own[key] for key in ("0", "777", "zz", "!")}
    rows = sorted((key, encode(value)) for key, value in expected.items())
    mine = await shelf.of("harbour-street")
    assert await shelf.rows_of(mine) == rows
    theirs = await shelf.of("nobody")
    assert (mine.scope, theirs.scope) == ("harbour-street", "")
    assert await shelf.rows_of(theirs) == sorted((k, encode(v)) for k, v in prices(count).items())
    shared = set(names_in(mine.names)) & set(names_in(theirs.names))
    assert len(shared) >= theirs.count - 4
    assert len(await shelf.chunks()) == mine.count + theirs.count - len(shared)


async def test_shops_of_one_scope_share_a_snapshot_until_it_is_stale(shelf: Shelf) -> None:
    await put(shelf.feeds, prices())
    first = await shelf.of("harbour-street")
    assert await shelf.of("hill-road") == first
    await put(shelf.feeds, {f"{n}": Price(f"{n}", 1) for n in range(limits.SNAPSHOT_STALE_ITEMS)})
    assert await shelf.of("hill-road") == first
    assert shelf.snapshots.made == 1
    # a box that is beyond it is given a newer one, and so is everybody with one change more
    assert (await shelf.of("hill-road", above=first.cursor)).cursor == first.cursor + 1_000
    await put(shelf.feeds, {f"{n}": Price(f"{n}", 3) for n in range(200, 1_300)})
    third = await shelf.of("harbour-street")
    assert (third.cursor, shelf.snapshots.made) == (first.cursor + 2_100, 3)


async def test_only_chunks_that_are_new_are_packed_and_kept_once(shelf: Shelf) -> None:
    await put(shelf.feeds, prices())
    first = await shelf.of()
    before = await shelf.chunks()
    await put(shelf.feeds, {"7": Price("7", 1), "8": Price("8", 1)})
    second = await shelf.of(above=first.cursor)
    new = set(await shelf.chunks()) - set(before)
    assert 1 <= len(new) <= 2
    assert first.count == second.count == len(before)


async def test_what_nobody_uses_is_forgotten(shelf: Shelf) -> None:
    await put(shelf.feeds, prices())
    await put(shelf.feeds, {"7": Article("7", "Tea", "a")}, feed=Feed.CATALOGUE)
    first = await shelf.of()
    old = (set(names_in(first.names)), first.cursor)
    await put(shelf.feeds, {"7": Price("7", 1)})
    second = await shelf.of(above=first.cursor)
    assert set(await shelf.chunks()) == old[0] | set(names_in(second.names))
    shelf.clock.advance(limits.SNAPSHOT_SUPERSEDED_MS / 1000 + 1)
    # the next one that is made sweeps: the superseded one is gone, the newest of the feed is not
    tea = await shelf.of(feed=Feed.CATALOGUE)
    assert set(await shelf.chunks()) == set(names_in(second.names)) | set(names_in(tea.names))
    gone = names_in(first.names).index(*(old[0] - set(names_in(second.names))))
    assert await shelf.snapshots.packed(first, [gone]) == []
    assert await shelf.snapshots.sizes(first, [gone]) == []
    shelf.clock.advance(limits.SNAPSHOT_UNUSED_MS / 1000 + 1)
    await put(shelf.feeds, {"7": None}, feed=Feed.CATALOGUE)
    await shelf.of(feed=Feed.CATALOGUE, above=tea.cursor)
    assert await shelf.chunks() == {}


async def test_one_that_is_asked_for_is_not_forgotten(shelf: Shelf) -> None:
    await put(shelf.feeds, prices())
    first = await shelf.of()
    for _ in range(3):
        shelf.clock.advance(limits.SNAPSHOT_UNUSED_MS / 1000 - 60)
        assert await shelf.of() == first
        await put(
            shelf.feeds, {"7": Article("7", f"T{shelf.clock.now_ms()}", "a")}, feed=Feed.CATALOGUE
        )
        _ = await shelf.of(feed=Feed.CATALOGUE, above=10**6)
    assert shelf.snapshots.made == 4


async def test_snapshots_are_no_more_than_their_number(shelf: Shelf) -> None:
    await put(shelf.feeds, {"1": Price("1", 1)})
    for number in range(limits.SNAPSHOTS_MAX + 3):
        shelf.clock.advance(1)
        await put(shelf.feeds, {"2": Price("2", number)}, scope=f"shop-{number}")
        _ = await shelf.of(f"shop-{number}")
    scopes = await shelf.file.read(
        lambda raw: raw.execute("SELECT scope FROM feed_snapshot ORDER BY used_at").fetchall()
    )
    assert scopes == [(f"shop-{number}",) for number in range(3, limits.SNAPSHOTS_MAX + 3)]
    assert len(await shelf.chunks()) <= 2 * limits.SNAPSHOTS_MAX


async def test_chunks_take_no_more_of_the_disk_than_they_may(shelf: Shelf) -> None:
    async def made(number: int) -> int:
        """Of another shop's own feed; return what its chunks take."""
        shelf.clock.advance(1)
        names = {f"{n}": Article(f"{n}", _no_words(n + 900 * number), "a") for n in range(300)}
        await put(shelf.feeds, names, scope=f"shop-{number}", feed=Feed.CATALOGUE)
        snapshot = await shelf.of(f"shop-{number}", feed=Feed.CATALOGUE)
        there = await shelf.chunks()
        return sum(len(there[name]) for name in names_in(snapshot.names))

    sizes = [await made(0)]
    shelf.snapshots.disk_bytes_max = 3 * sizes[0] + 1_000
    sizes += [await made(number) for number in range(1, 6)]
    scopes = await shelf.file.read(
        lambda raw: raw.execute("SELECT scope FROM feed_snapshot ORDER BY used_at").fetchall()
    )
    assert scopes == [("shop-3",), ("shop-4",), ("shop-5",)]
    assert sum(map(len, (await shelf.chunks()).values())) == sum(sizes[3:])
    # one that is too large by itself is kept all the same: somebody waits for it
    shelf.snapshots.disk_bytes_max = 10
    last = await made(6)
    assert sum(map(len, (await shelf.chunks()).values())) == last


@pytest.mark.parametrize(
    ("rows", "behind", "far"),
    [
        (2_000, 2_000, True),
        (1_999, 1_999, False),
        (50_000, 500, False),
        (50_000, 44_999, False),
        (50_000, 45_000, True),
        (0, 0, False),
    ],
)
def test_from_where_on_a_snapshot_is_worth_it(rows: int, behind: int, far: bool) -> None:
    assert Distance(rows, behind).is_far is far


# --- to one box --------------------------------------------------------------------------


async def visit_of(
    served: Served, box: Box, *, hears: tuple[str, ...] = ("snapshots",), line: str = ""
) -> OfficeVisit:
    desk = served.office.boxes.desk
    store = await served.office.directory.by_slug(box.store)
    assert isinstance(desk, OfficeDesk)
    assert store is not None
    visit = OfficeVisit(desk, store)
    cursors = {str(feed): 0 for feed in FEED_ORDER}
    public = box.key.public.hex
    hello = Hello(box.store, public, box.head, cursors, AT, "0.1.0", "n", hears=hears, line=line)
    ingest = Ingest(store.box, desk.events, desk.dictionaries)
    head = await ingest.open()
    await visit.admit(hello, ingest, head)
    visit.enter(hello, head)
    # the key of the box itself comes in a page, which is nobody's matter here
    async for part in visit.feeds.due():
        assert isinstance(part, FeedPage)
        await visit.hear(FeedTaken(part.feed, part.next), never)
    return visit


async def never(_: object) -> None:
    raise AssertionError("nothing is to be answered")


async def sent(visit: OfficeVisit) -> list[Any]:
    """Return what is sent to a box that hears of every change."""
    for feed in FEED_ORDER:
        visit.feeds.changed(feed)
    return [part async for part in visit.feeds.due()]


async def offered(served: Served, visit: OfficeVisit) -> SnapshotOffer:
    """Return the offer that is made once the snapshot is."""
    assert await sent(visit) == []
    visit.feeds.news.clear()
    async with asyncio.timeout(20):
        await visit.feeds.news.wait()
    [down] = await sent(visit)
    assert isinstance(down, SnapshotDown)
    served.key.public.verify(
        bytes.fromhex(down.offer.signature), snapshot_bytes("harbour-street", down.offer)
    )
    assert await sent(visit) == [], "it waits for the box"
    return down.offer


async def test_an_offer_a_list_and_chunks_until_they_are_taken(served: Served, box: Box) -> None:
    visit = await visit_of(served, box)
    await put(served.office.feeds, prices())
    offer = await offered(served, visit)
    root = offer.root

    async def holds(lists: bytes, chunks: bytes = b"") -> list[Any]:
        await visit.hear(SnapshotHeld(Feed.PRICE, root, lists, chunks), never)
        return await sent(visit)

    [listed] = await holds(b"\x00")
    [piece] = opened_bundle(listed).blobs
    names = names_in(piece[1:])
    assert (opened_bundle(listed).root, len(names)) == (root, offer.count)
    held = [place % 3 == 0 for place in range(offer.count)]
    [chunks] = await holds(b"\x80", bits(held))
    blobs = opened_bundle(chunks).blobs
    came = [chunk_name(unpack_items(each, 262_144)) for each in blobs]
    assert came == [name for name, there in zip(names, held, strict=True) if not there]
    assert await holds(b"\x80", bits([True] * offer.count)) == [], "it is being applied"
    # news of other feeds go on meanwhile, and of this one do not
    await put(served.office.feeds, {"1": Price("1", 5)})
    await put(served.office.feeds, {"1": Article("1", "Tea", "a")}, feed=Feed.CATALOGUE)
    [page] = await sent(visit)
    assert page.feed is Feed.CATALOGUE
    await visit.hear(FeedTaken(Feed.PRICE, offer.cursor), never)
    [page] = await sent(visit)
    assert (page.feed, page.after, page.next) == (Feed.PRICE, offer.cursor, offer.cursor + 1)
    assert await holds(b"\x80") == [], "a late word of what is over"


async def test_a_box_that_says_nothing_of_it_gets_pages(served: Served, box: Box) -> None:
    visit = await visit_of(served, box, hears=("budget",))
    await put(served.office.feeds, prices())
    [page] = await sent(visit)
    assert isinstance(page, FeedPage)
    assert len(page.items) > 500
    assert served.office.boxes.desk.snapshots.made == 0


async def test_a_smaller_backlog_goes_in_packed_pages(served: Served, box: Box) -> None:
    visit = await visit_of(served, box)
    await put(served.office.feeds, prices(1_500))
    [first] = await sent(visit)
    page = opened_page(first)
    assert (page.feed, page.after, page.more) == (Feed.PRICE, 0, True)
    assert len(first) < sum(len(bytes(item.value)) for item in page.items) / 6
    await visit.hear(FeedTaken(page.feed, page.next), never)
    second = opened_page((await sent(visit))[0])
    assert (second.after, second.next) == (page.next, 1_500)


def _no_words(number: int) -> str:
    return chunk_name([(f"{number}", b"")]).hex()


async def test_packed_pages_fit_what_may_be_under_way(served: Served, box: Box) -> None:
    """Values that hardly pack: a page of them is cut until it fits."""
    visit = await visit_of(served, box)
    named = {f"{n}": Article(f"{n}", _no_words(n) + _no_words(-n - 1), "a") for n in range(900)}
    await put(served.office.feeds, named, feed=Feed.CATALOGUE)
    [first] = await sent(visit)
    assert 16_000 < len(first) <= 32_768
    assert opened_page(first).more


async def test_a_snapshot_that_the_box_cannot_take_is_followed_by_pages(
    served: Served, box: Box
) -> None:
    visit = await visit_of(served, box)
    await put(served.office.feeds, prices())
    offer = await offered(served, visit)
    refusal = FeedRefused(Feed.PRICE, offer.cursor, "feed_item_malformed", "It does not fit.")
    await visit.hear(refusal, never)
    [page] = await sent(visit)
    assert opened_page(page).feed is Feed.PRICE
    assert (await served.store())["alarms"] == []


async def test_a_snapshot_that_is_not_believed_is_an_alarm(served: Served, box: Box) -> None:
    visit = await visit_of(served, box)
    await put(served.office.feeds, prices())
    offer = await offered(served, visit)
    refusal = FeedRefused(Feed.PRICE, offer.cursor, "feed_signature_wrong", "It is not signed.")
    await visit.hear(refusal, never)
    assert await sent(visit) == []
    [alarm] = (await served.store())["alarms"]
    assert "does not believe what it is sent of feed price" in alarm["words"]


async def test_chunks_that_were_forgotten_are_made_again(served: Served, box: Box) -> None:
    visit = await visit_of(served, box)
    await put(served.office.feeds, prices())
    offer = await offered(served, visit)
    await served.office.file.write(lambda raw: raw.execute("DELETE FROM feed_chunk"))
    await served.office.file.write(lambda raw: raw.execute("DELETE FROM feed_snapshot"))
    await visit.hear(SnapshotHeld(Feed.PRICE, offer.root, b"\x80"), never)
    again = await offered(served, visit)
    assert (again.root, again.version > offer.version) == (offer.root, True)
    await visit.hear(SnapshotHeld(Feed.PRICE, offer.root, b"\x80"), never)
    [chunks] = await sent(visit)
    assert len(opened_bundle(chunks).blobs) == offer.count


async def test_a_box_that_does_not_answer_is_asked_again_what_it_holds(
    served: Served, box: Box
) -> None:
    visit = await visit_of(served, box)
    push = visit.feeds
    assert push.snapshots is not None
    push.clock = push.snapshots.clock = clock = HandClock()
    await put(served.office.feeds, prices())
    offer = await offered(served, visit)
    await visit.hear(SnapshotHeld(Feed.PRICE, offer.root, b"\x80"), never)
    [_] = await sent(visit)
    clock.advance(FEED_TAKEN_MS_MAX / 1000 - 1)
    assert await sent(visit) == []
    clock.advance(2)
    [down] = await sent(visit)
    assert (down.offer.root, down.offer.version > offer.version) == (offer.root, True)
    # applying takes longer than a page may
    await visit.hear(SnapshotHeld(Feed.PRICE, offer.root, b"\x80", b"\xff" * 40), never)
    clock.advance(limits.SNAPSHOT_APPLIED_MS_MAX / 1000 - 1)
    assert await sent(visit) == []
    clock.advance(2)
    [down] = await sent(visit)
    assert down.offer.root == offer.root


async def test_on_a_slow_line_less_is_under_way(served: Served, box: Box) -> None:
    visit = await visit_of(served, box)
    push = visit.feeds
    assert push.snapshots is not None
    push.clock = push.snapshots.clock = clock = HandClock()
    await put(
        served.office.feeds,
        {f"{n}": Article(f"{n}", chunk_name([(f"{n}", b"")]).hex(), "a") for n in range(2_200)},
        feed=Feed.CATALOGUE,
    )
    offer = await offered(served, visit)
    held = [False] * offer.count
    sizes = []
    while not all(held):
        await visit.hear(SnapshotHeld(Feed.CATALOGUE, offer.root, b"\x80", bits(held)), never)
        [chunks] = await sent(visit)
        sizes.append(len(chunks))
        for _ in opened_bundle(chunks).blobs:
            held[held.index(False)] = True
        clock.advance(3)
    assert 24_000 < sizes[0] <= 32_768 + 2_000
    assert max(sizes[2:]) <= 8_192 + 2_000


async def test_where_a_month_is_spent_a_catalogue_waits_in_the_middle(
    served: Served, box: Box
) -> None:
    visit = await visit_of(served, box)
    await put(
        served.office.feeds,
        {f"{n}": Article(f"{n}", f"Tea {n}", "a") for n in range(2_200)},
        feed=Feed.CATALOGUE,
    )
    offer = await offered(served, visit)
    visit.feeds.line_is(visit.feeds.line.SPENT)
    await visit.hear(SnapshotHeld(Feed.CATALOGUE, offer.root, b"\x80"), never)
    assert await sent(visit) == []
    visit.feeds.line_is(visit.feeds.line.METERED)
    [chunks] = await sent(visit)
    assert chunks[:1] == b"C"


async def test_customers_and_what_is_urgent_go_in_pages_only(served: Served, box: Box) -> None:
    visit = await visit_of(served, box)
    customers = {f"c-{n}": Customer(f"c-{n}", f"Ana {n}") for n in range(10_000, 12_200)}
    await put(served.office.feeds, customers, feed=Feed.CUSTOMER)
    stops = {f"{n}": Urgent(f"{n}", stopped=True) for n in range(PRICES)}
    await put(served.office.feeds, stops, feed=Feed.URGENT)
    assert [opened_page(part).feed for part in await sent(visit)] == [Feed.URGENT, Feed.CUSTOMER]


# --- over a socket -----------------------------------------------------------------------


async def test_bytes_go_down_as_binary_messages_to_who_hears_them(served: Served, box: Box) -> None:
    await put(served.office.feeds, prices(20))
    cursors = {str(feed): 0 for feed in FEED_ORDER}
    async with served.session(box, cursors=cursors, hears=("snapshots",)) as (line, _):
        async with asyncio.timeout(20):
            message = await line.socket.receive()
        assert message.type is WSMsgType.BINARY
        page = opened_page(message.data)
        assert (page.feed, len(page.items)) == (Feed.PRICE, 20)
        await line.say(FeedTaken(page.feed, page.next))
    async with served.session(box, cursors=cursors) as (line, _):
        down = await line.next()
        assert len(down.page.items) == 20
