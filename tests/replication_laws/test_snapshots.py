"""A box that lacks most of a feed gets it in chunks, whatever happens on the way.

Everything is the product's own but the line, the disks' threads and the clock. In the end a box
holds of each feed exactly what head office has for its store, and nothing is left set aside.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.feed_snapshots import BUNDLE, PACKED_PAGE
from edge.contract.reference_data import GONE, Article, Feed, Price
from edge.contract.wire import encode
from edge.reference.items import GTIN_DIGITS
from sync.office.desk import OfficeDesk
from sync.office.feeds import NewItem
from tests.bench.shop import article
from tests.replication_laws.box import Box
from tests.replication_laws.inline_file import InlineExecutor, InlineFile
from tests.replication_laws.memory_line import Line, Message
from tests.replication_laws.world import World

SHOP = 1
ARTICLES = 2_100
FEEDS = (Feed.PRICE, Feed.CATALOGUE)
Values = Mapping[str, object | None]


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """A shop and its head office, whose line is down so far."""
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    world = World(folder, 262_144)
    await world.open(1)
    away(world)
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


def desk_of(world: World) -> OfficeDesk:
    desk = world.office.boxes.desk
    assert isinstance(desk, OfficeDesk)
    return desk


def away(world: World) -> None:
    world.net.without_line.add(SHOP)
    world.net.cut(SHOP)


async def put(world: World, feed: Feed, values: Values, scope: str = "") -> None:
    items = [
        NewItem(key, GONE if value is None else msgspec.Raw(encode(value)))
        for key, value in values.items()
    ]
    assert (await desk_of(world).feeds.put(feed, items, scope=scope)).errors == ()


def catalogue(count: int = ARTICLES, seed: int = 1) -> dict[str, Article]:
    """Articles that differ with the seed, but for their numbers."""
    chance = random.Random(seed)
    made = [article(number) for number in range(1, count + 1)]
    return {
        each.sku: msgspec.structs.replace(each, name=f"{each.name} {chance.choice('abcdefgh')}")
        for each in made
    }


def prices(count: int = ARTICLES, seed: int = 1) -> dict[str, Price]:
    chance = random.Random(seed)
    return {f"{sku}": Price(f"{sku}", chance.randrange(1, 9_999)) for sku in range(1, count + 1)}


async def until_in_step(world: World, within_s: int = 900) -> None:
    """Let the shop have a line again, and time pass, until it has every feed."""
    world.net.without_line.clear()
    for _ in range(within_s):
        await world.buried()
        if not world.boxes[SHOP].is_up:
            await world.start_box(SHOP)
            bury_with(world, 0)
        newest = await desk_of(world).feeds.newest()
        cursors = world.boxes[SHOP].reference.cursors
        if all(cursors[feed] >= newest[feed] for feed in FEEDS):
            await world.clock.advance(1)
            return
        await world.clock.advance(1)
    raise AssertionError(f"the box is at {world.boxes[SHOP].reference.cursors}, {newest}")


def bury_with(world: World, dies_in: int, *, behind: bool = False) -> InlineFile:
    """Let the box die at a commit of its reference, if any."""
    box = world.boxes[SHOP]
    file = box.reference.file
    assert isinstance(file, InlineFile)
    file.dies_in, file.dies_behind = dies_in, behind
    file.on_death = lambda: world._bury(box.crash())
    return file


def held(box: Box, feed: Feed) -> dict[str, bytes]:
    with sqlite3.connect(box.folder / "reference.db") as disk:
        rows = disk.execute("SELECT key, value FROM item WHERE feed = ?", (feed,)).fetchall()
    disk.close()
    return dict(rows)


def due(world: World, feed: Feed) -> dict[str, bytes]:
    """What the store is to hold, by a rule of its own: all for all, then its own on top."""
    slug = world.boxes[SHOP].slug
    values: dict[str, bytes] = {}
    for scope in ("", slug):
        for key, value in world.office.rows(
            "SELECT key, value FROM feed_item WHERE feed = ? AND scope = ?", feed, scope
        ):
            if value != bytes(GONE):
                values[key] = value
    return values


def assert_in_step(world: World) -> None:
    box = world.boxes[SHOP]
    assert box.deaths == []
    for feed in FEEDS:
        assert held(box, feed) == due(world, feed)
    with sqlite3.connect(box.folder / "reference.db") as disk:
        for table in ("snapshot", "snapshot_part"):
            assert disk.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        codes = disk.execute("SELECT kind, code, sku FROM code").fetchall()
        texts = disk.execute("SELECT sku FROM article_text").fetchall()
        disk.execute("INSERT INTO article_piece (article_piece) VALUES ('integrity-check')")
    disk.close()
    articles = [
        msgspec.json.decode(value, type=Article) for value in due(world, Feed.CATALOGUE).values()
    ]
    expected = [("s", each.sku, each.sku) for each in articles]
    expected += [
        ("g", code.rjust(GTIN_DIGITS, "0"), each.sku) for each in articles for code in each.codes
    ]
    assert sorted(codes) == sorted(expected)
    assert sorted(sku for (sku,) in texts) == sorted(each.sku for each in articles)


def sent(world: World, *kinds: str) -> list[Message]:
    """What head office sent on the newest line: offers, bundles, pages."""
    return [each for each in newest_line(world).messages if kind_of(each) in kinds]


def newest_line(world: World) -> Line:
    return world.net.lines[SHOP][-1]


def kind_of(message: Message) -> str:
    if message.way == "down" and message.is_frame:
        return {BUNDLE: "bundle", PACKED_PAGE: "page"}[message.text[:1]]
    told = msgspec.json.decode(message.text) if message.text else {"msg": "frame"}
    return {"feed": "page"}.get(told["msg"], told["msg"])


# --- what goes over the line -------------------------------------------------------------


async def test_a_new_box_gets_its_large_feeds_in_chunks(world: World) -> None:
    await put(world, Feed.CATALOGUE, catalogue())
    await put(world, Feed.PRICE, prices())
    await until_in_step(world)
    assert_in_step(world)
    offers = [msgspec.json.decode(each.text)["offer"] for each in sent(world, "snapshot")]
    assert [offer["feed"] for offer in offers] == ["price", "catalogue"]
    assert {offer["scope"] for offer in offers} == {""}
    small = {"box_key"}
    assert {msgspec.json.decode(m.text)["page"]["feed"] for m in sent(world, "page")} <= small
    applied = [(event.feed, event.cursor) for event in await applied_of(world.boxes[SHOP])]
    assert ("price", ARTICLES) in applied
    assert applied.count(("catalogue", ARTICLES)) == 1


async def applied_of(box: Box) -> list[Any]:
    from edge.contract.envelope import unseal
    from edge.contract.system_events import ReferenceApplied

    _, bodies = await box.ledger.events_after(0, raw_max=10**7, count_max=10_000)
    events = [unseal(body).event() for body in bodies]
    return [event for event in events if isinstance(event, ReferenceApplied)]
