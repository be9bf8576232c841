"""A box that lacks most of a feed gets it in chunks, whatever happens on the way.

Everything is the product's own but the line, the disks' threads and the clock. In the end a box
holds of each feed exactly what head office has for its store, and nothing is left set aside.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from edge.contract.envelope import unseal
from edge.contract.feed_snapshots import BUNDLE, LIST_BLOB, PACKED_PAGE, opened_bundle
from edge.contract.reference_data import GONE, Article, Feed, Price, Urgent
from edge.contract.system_events import ReferenceApplied
from edge.contract.wire import encode
from edge.reference.items import GTIN_DIGITS
from sync.office.desk import OfficeDesk
from sync.office.feeds import NewItem
from tests.bench.shop import article
from tests.replication_laws.box import Box
from tests.replication_laws.inline_file import InlineExecutor, InlineFile, copy_database
from tests.replication_laws.memory_line import Line, Message, Pace, Trouble, Way
from tests.replication_laws.world import World

SHOP = 1
ARTICLES = 2_300
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
        each.sku: msgspec.structs.replace(
            each, name=f"{each.name} {chance.choice('abcdefgh')}{seed}"
        )
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
        if not world.office.is_up:
            await world.start_office()
        if not world.boxes[SHOP].is_up:
            await world.start_box(SHOP)
            bury_with(world, 0)
        cursors = world.boxes[SHOP].reference.cursors
        if all(cursors[feed] >= upto(world, feed) for feed in FEEDS):
            await world.clock.advance(1)
            return
        await world.clock.advance(1)
    due_upto = {feed: upto(world, feed) for feed in FEEDS}
    raise AssertionError(f"the box is at {world.boxes[SHOP].reference.cursors}, not {due_upto}")


def upto(world: World, feed: Feed) -> int:
    """Where the last change is that the store gets; what is behind it is for others."""
    sql = "SELECT coalesce(max(cursor), 0) FROM feed_item WHERE feed = ? AND scope IN ('', ?)"
    [(cursor,)] = world.office.rows(sql, feed, world.boxes[SHOP].slug)
    return int(cursor)


def bury_with(world: World, dies_in: int, *, behind: bool = False) -> InlineFile:
    """Let the box die at a commit of its reference, if any."""
    box = world.boxes[SHOP]
    file = box.reference.file
    assert isinstance(file, InlineFile)
    file.death.steps, file.death.behind = dies_in, behind
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
        rows = world.office.rows(
            "SELECT key, value FROM feed_item WHERE feed = ? AND scope = ?", feed, scope
        )
        values |= {key: value for key, value in rows if value != bytes(GONE)}
    return values


def assert_in_step(world: World) -> None:
    box = world.boxes[SHOP]
    assert box.deaths == []
    for feed in FEEDS:
        assert held(box, feed) == due(world, feed)
    with sqlite3.connect(box.folder / "reference.db") as disk:
        assert disk.execute("SELECT * FROM snapshot").fetchall() == []
        assert disk.execute("SELECT name FROM snapshot_part").fetchall() == []
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


async def applied_of(box: Box) -> list[ReferenceApplied]:
    _, bodies = await box.ledger.events_after(0, raw_max=10**7, count_max=10_000)
    events = [unseal(body).event() for body in bodies]
    return [event for event in events if isinstance(event, ReferenceApplied)]


async def long_away(world: World, feeds: Sequence[Feed] = FEEDS) -> None:
    """A shop has its feeds; while its line is down, nearly all of them become others."""
    made = {Feed.CATALOGUE: catalogue, Feed.PRICE: prices}
    for feed in feeds:
        await put(world, feed, made[feed]())
    await until_in_step(world)
    away(world)
    await world.clock.advance(60)
    # two chunks' worth stay as they are, some keys go, some are new
    kept = {str(number) for number in range(100, 200)}
    for feed in feeds:
        await put(world, feed, _others(made[feed](seed=2), kept))


def _others(values: Mapping[str, Any], kept: set[str]) -> dict[str, Any]:
    changed: dict[str, Any] = {key: each for key, each in values.items() if key not in kept}
    for gone in range(300, 340):
        changed[str(gone)] = None
    for new in range(5_000, 5_020):
        changed[str(new)] = msgspec.structs.replace(values["1"], sku=str(new), **_no_codes(values))
    return changed


def _no_codes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"codes": (), "key": ""} if isinstance(values["1"], Article) else {}


async def test_a_shop_that_was_away_gets_what_is_other_and_loses_what_is_gone(
    world: World,
) -> None:
    await long_away(world)
    slug = world.boxes[SHOP].slug
    await put(world, Feed.PRICE, {"7": Price("7", 1), "9": Price("9", 2)}, scope=slug)
    await put(world, Feed.PRICE, {"8": Price("8", 1)}, scope="somebody-else")
    await until_in_step(world)
    assert_in_step(world)
    assert due(world, Feed.PRICE)["7"] == encode(Price("7", 1))
    assert "300" not in held(world.boxes[SHOP], Feed.CATALOGUE)
    scopes = [msgspec.json.decode(each.text)["offer"]["scope"] for each in sent(world, "snapshot")]
    assert scopes == [slug, ""]


async def test_nothing_is_shown_before_all_of_it_is_here(world: World) -> None:
    """The line breaks behind each message: until the last chunk the till sells as before."""
    await long_away(world)
    before = {feed: held(world.boxes[SHOP], feed) for feed in FEEDS}
    looks = 0

    def look(message: Message) -> None:
        nonlocal looks
        if kind_of(message) == "bundle" and Feed.PRICE.encode() in message.text[:10]:
            looks += 1
            assert held(world.boxes[SHOP], Feed.PRICE) == before[Feed.PRICE]

    world.net.seen = look
    await until_in_step(world)
    assert looks > 1
    assert_in_step(world)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("trouble", ["cut", "half", "twice"])
@pytest.mark.parametrize("way", ["down", "up"])
async def test_trouble_at_any_message_costs_that_message(
    tmp_path: Path, way: Way, trouble: Trouble
) -> None:
    async with open_world(tmp_path) as world:
        await long_away(world, [Feed.PRICE])
        copy_office, copy_box = tmp_path / "office-then.db", tmp_path / "reference-then.db"
        copy_database(world.office.path, copy_office)
        copy_database(world.boxes[SHOP].folder / "reference.db", copy_box)
        number, struck = 0, True
        while struck:
            number += 1
            fate = world.net.fate(SHOP)
            fate.foretell(way, number, trouble)
            await until_in_step(world)
            struck = not fate.plan
            fate.plan.clear()
            assert_in_step(world)
            assert world.office.rows("SELECT kind FROM alarm") == []
            away(world)
            await world.clock.advance(60)
            await world.boxes[SHOP].crash()
            await put_back(world, copy_box)
        assert number > 6, "there were enough messages"


async def put_back(world: World, copy: Path) -> None:
    """Let the box have the reference that it had, and start."""
    folder = world.boxes[SHOP].folder
    for end in ("", "-wal", "-shm"):
        (folder / f"reference.db{end}").unlink(missing_ok=True)
    copy_database(copy, folder / "reference.db")
    await world.start_box(SHOP)
    bury_with(world, 0)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
async def test_a_box_that_dies_at_any_commit_goes_on(tmp_path: Path, behind: bool) -> None:
    async with open_world(tmp_path) as world:
        await long_away(world, [Feed.CATALOGUE])
        copy_box = tmp_path / "reference-then.db"
        copy_database(world.boxes[SHOP].folder / "reference.db", copy_box)
        commit, died = 0, True
        while died:
            commit += 1
            file = bury_with(world, commit, behind=behind)
            await until_in_step(world)
            died = file.dead
            assert_in_step(world)
            away(world)
            await world.clock.advance(60)
            await world.boxes[SHOP].crash()
            await put_back(world, copy_box)
        assert commit > 7, "there were enough commits"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
async def test_a_head_office_that_dies_at_any_commit_goes_on(tmp_path: Path, behind: bool) -> None:
    async with open_world(tmp_path) as world:
        await long_away(world, [Feed.CATALOGUE])
        copy_office, copy_box = tmp_path / "office-then.db", tmp_path / "reference-then.db"
        copy_database(world.office.path, copy_office)
        copy_database(world.boxes[SHOP].folder / "reference.db", copy_box)
        commit, died = 0, True
        while died:
            commit += 1
            world.office_dies(commit, behind=behind)
            file = world.office.file
            await until_in_step(world)
            died = file.dead
            assert_in_step(world)
            away(world)
            await world.clock.advance(60)
            await world.boxes[SHOP].crash()
            await world.office.crash()
            await world.buried()
            await world.office.set_back(copy_office)
            await world.start_office()
            await put_back(world, copy_box)
        assert commit > 3, "there were enough commits"


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_changes_and_breaks_the_box_has_it_in_the_end(
    world: World, seed: int
) -> None:
    chance = random.Random(seed)
    skus = [f"{number}" for number in range(2_600)]
    slug = world.boxes[SHOP].slug

    async def change(count: int, scope: str) -> None:
        some = chance.sample(skus, count)
        await put(
            world,
            Feed.PRICE,
            {
                sku: None if chance.random() < 0.1 else Price(sku, chance.randrange(5_000))
                for sku in some
            },
            scope,
        )

    for _ in range(5):
        await change(chance.choice((3, 400, 2_600)), "")
        for scope in (slug, "somebody-else"):
            await change(chance.choice((0, 5, 60)), scope)
        fate = world.net.fate(SHOP)
        for _ in range(chance.randrange(4)):
            way, trouble = chance.choice(("up", "down")), chance.choice(("cut", "half", "twice"))
            fate.foretell(cast("Way", way), chance.randint(1, 12), cast("Trouble", trouble))
        bury_with(world, chance.choice((0, 1, 3, 5)), behind=chance.random() < 0.5)
        if chance.random() < 0.5:
            world.office_dies(chance.randint(1, 6), behind=chance.random() < 0.5)
        await until_in_step(world)
        fate.plan.clear()
        world.office.file.death.steps = 0
        bury_with(world, 0)
        await until_in_step(world)
        assert_in_step(world)
        if chance.random() < 0.7:
            away(world)
            await world.clock.advance(60)


# --- who shares what ---------------------------------------------------------------------


async def test_a_restored_head_office_sends_no_chunk_that_the_box_has(world: World) -> None:
    """All its cursors are others, its values are not: the list alone goes over the line."""
    await put(world, Feed.PRICE, prices())
    await until_in_step(world)
    away(world)
    world.copy_office()
    world.net.without_line.clear()
    await put(world, Feed.PRICE, {"1": Price("1", 5), "6000": Price("6000", 5)})
    await until_in_step(world)
    await world.set_office_back(0)
    world.net.without_line.clear()
    await world.clock.advance(60)
    await until_in_step(world)
    assert_in_step(world)
    bundles = [opened_bundle(each.text) for each in sent(world, "bundle")]
    chunks = [blob for each in bundles for blob in each.blobs if blob[:1] != LIST_BLOB]
    # of two keys that the box is not to have, or not so
    assert 0 < len(chunks) <= 3
    assert "6000" not in held(world.boxes[SHOP], Feed.PRICE)


async def test_a_stop_overtakes_chunks_and_their_applying(world: World) -> None:
    await put(world, Feed.CATALOGUE, catalogue())
    stopped: list[int] = []
    box = world.boxes[SHOP]

    def look(message: Message) -> None:
        if kind_of(message) == "bundle" and not stopped:
            stopped.append(0)
            stop = {"7": Urgent("7", stopped=True, reason="Recall: glass.")}
            _ = box.spawn(put(world, Feed.URGENT, stop))
        if box.reference.urgent("7") is not None and len(stopped) == 1:
            stopped.append(box.reference.cursors[Feed.CATALOGUE])

    world.net.seen = look
    await until_in_step(world)
    assert stopped == [0, 0], "it was there before the catalogue was"
    assert_in_step(world)


async def test_on_a_slow_line_neither_way_waits_for_the_other(world: World) -> None:
    """Chunks for a minute of 64 kbit/s: sales go up and a stop comes down in between."""
    chance = random.Random(64)
    names = {
        f"{n}": Article(f"{n}", "".join(chance.choices("abcdefghijklmnop", k=120)), "A")
        for n in range(6_000)
    }
    await put(world, Feed.CATALOGUE, names)
    world.net.pace = Pace(64_000, 0.3)
    world.net.without_line.clear()
    box = world.boxes[SHOP]
    while not any(kind_of(each) == "bundle" for each in world_messages(world)):
        await world.clock.advance(0.5)
    await world.clock.advance(10)
    began = world.clock.monotonic_ms()
    head = (await box.ledger.head()).seq
    await box.sell((("101", 2),), 0)
    await put(world, Feed.URGENT, {"7": Urgent("7", stopped=True, reason="Recall: glass.")})
    sold = (await box.ledger.head()).seq
    assert sold > head
    stopped_ms = accepted_ms = 0
    while not stopped_ms or not accepted_ms:
        await world.clock.advance(0.1)
        now = world.clock.monotonic_ms()
        stopped_ms = stopped_ms or (now if box.reference.urgent("7") is not None else 0)
        accepted_ms = accepted_ms or (now if box.link.accepted_seq >= sold else 0)
    assert box.reference.cursors[Feed.CATALOGUE] == 0, "it is under way all the time"
    print(f"a stop after {stopped_ms - began} ms, a sale accepted after {accepted_ms - began} ms")
    # some kB of chunks are on the line, and those of a second or two behind them
    assert stopped_ms - began < 8_000
    assert accepted_ms - began < 8_000
    await until_in_step(world)
    assert_in_step(world)


def world_messages(world: World) -> list[Message]:
    return [each for line in world.net.lines.get(SHOP, []) for each in line.messages]


async def test_what_a_box_cannot_read_is_found_in_pages(world: World) -> None:
    """A value of a newer head office spoils no snapshot: it alone stays away, with an alarm."""
    await put(world, Feed.PRICE, prices())

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE feed_item SET value = ? WHERE key = '700'",
            (b'{"sku":"700","price_minor":"per half"}',),
        )

    await world.office.file.write(spoil)
    await until_in_step(world)
    expected = due(world, Feed.PRICE)
    del expected["700"]
    assert held(world.boxes[SHOP], Feed.PRICE) == expected
    [(kind, words)] = world.office.rows("SELECT kind, words FROM alarm")
    assert (kind, "'700' of feed price" in words) == ("feed_refused", True)
