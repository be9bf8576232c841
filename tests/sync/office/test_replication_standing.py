"""How far shops are behind: events, seconds, money at risk, and how old their data are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.reference_data import Feed
from edge.runtime.database_file import DatabaseFile
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.database import office_database
from sync.office.feeds import Feeds, NewItem
from sync.office.replication_standing import ReplicationStanding, ShopStanding
from sync.office.sales import Sales
from sync.office.sqlite_sales import SqliteSales
from sync.office.store_directory import RegisteredStore, StoreDirectory
from tests.sync.office.aside import arrive, spoil
from tests.sync.office.head_office import Box, Served, new_key
from tests.sync.office.test_digests import digest_of
from tests.virtual_time import FakeClock

PROFILE = {
    "name": "H",
    "currency": "EUR",
    "time_zone": "UTC",
    "taxes": [{"code": "a", "name": "A", "rate_ppm": 0}],
}
COUPON = {"campaign": "ten-off", "name": "Ten off"}


async def standing(served: Served, slug: str = "harbour-street") -> dict[str, Any]:
    status, body = await served.ask("GET", "/api/v1/replication")
    assert status == 200, body
    return next(shop for shop in body["shops"] if shop["store"] == slug)


async def test_a_shop_in_step_a_shop_with_a_backlog_and_one_that_is_away(
    served: Served, box: Box
) -> None:
    await served.ask("PUT", "/api/v1/feeds/config", {"items": [{"key": "store", "value": PROFILE}]})
    shop = await standing(served)
    assert (shop["connected"], shop["lag_events"], shop["last_contact"]) == (False, 0, 0)
    for number in range(3):
        box.sell(f"s{number}", 300)
    async with served.session(box) as (line, _):
        await line.say(digest_of(box))
        async with asyncio.timeout(20):
            while (await standing(served))["waiting_sales"] < 3:
                await asyncio.sleep(0.01)
        shop = await standing(served)
        assert (shop["connected"], shop["lag_events"]) == (True, 12)
        assert (shop["waiting_sales"], shop["waiting_minor"], shop["currency"]) == (3, 900, "EUR")
        await line.upload(box.frame(0, 4))
        await served.until_projected(4)
        shop = await standing(served)
        assert (shop["lag_events"], shop["waiting_sales"], shop["waiting_minor"]) == (8, 2, 600)
        # what is here ends with the sale of AT + 4
        assert shop["lag_ms"] >= 1
        await line.upload(box.frame(4))
        await served.until_projected(12)
        shop = await standing(served)
        assert (shop["lag_events"], shop["lag_ms"], shop["waiting_minor"]) == (0, 0, 0)
        assert shop["unprojected_events"] == 0
    async with asyncio.timeout(20):
        while (await standing(served))["connected"]:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)
    away = await standing(served)
    assert away["lag_events"] == 0
    # what it sold since then nobody here can know
    assert 0 < away["lag_ms"] < 60_000


async def nothing_exposed(currencies: Mapping[int, str]) -> dict[int, tuple[int, int]]:
    """Take it that no box said anything ahead of its frames."""
    return dict.fromkeys(currencies, (0, 0))


@dataclass
class Books:
    """Head office's tables without a running head office: nobody else looks at its feeds."""

    file: DatabaseFile
    directory: StoreDirectory
    feeds: Feeds
    clock: FakeClock
    cursors: dict[str, dict[str, int]]

    def look(self) -> ReplicationStanding:
        events = SqliteEventStore(self.file, self.clock)
        sales = Sales(
            SqliteSales(self.file),
            self.directory,
            events,
            self.feeds,
            set,
            nothing_exposed,
            self.clock,
        )
        return ReplicationStanding(self.file, self.feeds, sales, lambda: self.cursors, self.clock)

    async def put(self, key: str, scope: str = "") -> int:
        """Set a coupon on a list; return how long the list is by then."""
        value = msgspec.Raw(msgspec.json.encode({**COUPON, "code": key}))
        applied = await self.feeds.put(Feed.COUPON, (NewItem(key, value),), scope=scope)
        assert not applied.errors, applied
        return applied.cursor


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    clock = FakeClock()
    file = office_database(tmp_path / "office.db")
    await file.open()
    directory = StoreDirectory(file, clock)
    for number, slug in enumerate(("harbour-street", "hill-road"), 1):
        await directory.add(RegisteredStore(number, slug, slug, new_key().public.hex, 1))
    yield Books(file, directory, Feeds(file), clock, {})
    await file.close()


async def _shop(look: ReplicationStanding, slug: str = "harbour-street") -> ShopStanding:
    return next(shop for shop in (await look.look()).shops if shop.store == slug)


async def test_a_feed_is_as_old_as_the_oldest_that_a_shop_lacks(books: Books) -> None:
    books.cursors["harbour-street"] = {"coupon": 0}
    look = books.look()
    assert (await _shop(look)).feed_age_ms == 0
    first = await books.put("ANNA-10")
    assert (await _shop(look)).feed_age_ms == 0  # just now
    books.clock.elapsed_ms += 5_000
    shop = await _shop(look)
    assert (shop.feed_age_ms, shop.feeds[0].cursor, shop.feeds[0].newest) == (5_000, 0, first)
    await books.put("BO-10")
    await _shop(look)
    books.clock.elapsed_ms += 1_000
    books.cursors["harbour-street"] = {"coupon": first}
    assert (await _shop(look)).feed_age_ms == 1_000
    books.cursors["harbour-street"] = {"coupon": await books.put("CARL-10")}
    assert (await _shop(look)).feed_age_ms == 0


async def test_what_is_for_other_shops_makes_nobody_old(books: Books) -> None:
    books.cursors |= {"harbour-street": {"coupon": 0}, "hill-road": {"coupon": 0}}
    look = books.look()
    await books.put("ANNA-10", "hill-road")
    await _shop(look)
    books.clock.elapsed_ms += 7_000
    assert (await _shop(look)).feed_age_ms == 0
    assert (await _shop(look, "hill-road")).feed_age_ms == 7_000


async def test_a_shop_that_went_away_is_counted_by_what_it_had(books: Books) -> None:
    books.cursors["harbour-street"] = {"coupon": await books.put("ANNA-10")}
    assert (await _shop(books.look())).feed_age_ms == 0
    books.cursors.clear()
    await books.put("BO-10")
    look = books.look()  # after a restart
    await _shop(look)
    books.clock.elapsed_ms += 90_000
    shop = await _shop(look)
    assert (shop.feed_age_ms, shop.feeds[0].feed) == (90_000, "coupon")


async def test_of_long_histories_of_feeds_the_newest_steps_are_kept(books: Books) -> None:
    books.cursors["harbour-street"] = {"coupon": 0}
    look = books.look()
    look.steps_kept_max = 3
    for key in "ABCDEF":
        await books.put(f"{key}-10")
        await _shop(look)
        books.clock.elapsed_ms += 1_000
    rows = await books.file.read(
        lambda connection: connection.execute(
            "SELECT cursor FROM feed_reached WHERE feed = 'coupon' ORDER BY cursor"
        ).fetchall()
    )
    assert [cursor for (cursor,) in rows] == [4, 5, 6]
    # older than it can be known it is not said to be
    assert (await _shop(look)).feed_age_ms == 3_000


async def _metrics(served: Served) -> dict[str, float]:
    _, text = await served.ask("GET", "/metrics")
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_every_shop_is_a_line_in_the_metrics(served: Served, box: Box) -> None:
    await served.add(Box("hill-road", 2))
    await served.ask("PUT", "/api/v1/feeds/config", {"items": [{"key": "store", "value": PROFILE}]})
    box.sell("a")
    spoil(box, 2, {"sale": "a", "line": 1})
    await arrive(served, box)
    name = 'tillbox_office_shop_{}{{store="harbour-street"}}'.format
    await served.office.watch.look_aside()
    await served.office.watch.look()
    found = await _metrics(served)
    assert found[name("alarms")] == 1
    assert found[name("quarantined")] == 1
    assert found[name("parked")] == found[name("lag_events")] == 0
    assert found[name("connected")] in {0, 1}
    assert found[name("exposed_sales")] == found[name("unprojected_events")] == 0
    assert found[name("lag_seconds")] >= 0
    assert found[name("feed_age_seconds")] >= 0
    exposed = 'tillbox_office_shop_exposed_minor{store="harbour-street",currency="EUR"}'
    assert found[exposed] == 0
    by_name: dict[str, int] = {}
    for each in found:
        if each.startswith("tillbox_office_shop_"):
            by_name[each.split("{")[0]] = by_name.get(each.split("{")[0], 0) + 1
    assert set(by_name.values()) == {2}, "one line a shop, no more"
