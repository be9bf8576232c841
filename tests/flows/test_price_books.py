"""A price book at its instant: what the box says of it before, and that its clock switches it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.contract.book_readiness import BooksWaiting, book_held
from edge.contract.limits import BOOK_SAID_MS, CLOCK_WATCH_S
from edge.contract.reference_data import Feed, FeedItem, FeedPage, Price, PriceBook
from edge.contract.till_protocol import LinkView
from edge.contract.wire import encode
from edge.flows.book_readiness import BookReadiness
from edge.flows.reference_news import ReferenceNews, calendar_of
from edge.flows.till import Till, TillViews
from edge.ledger.event_log import MIGRATIONS as LEDGER
from edge.ledger.event_log import BusinessCalendar, Ledger, LedgerIdentity
from edge.reference.store import MIGRATIONS, ReferenceStore
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from tests.flows.box import MILK, PROFILE, selling_box
from tests.runtime.hand_clock import HandClock

MIDNIGHT = 1_795_000_000_000
BOOK = PriceBook("autumn", "Autumn", MIDNIGHT)
PRICES = (Price("100", 139, "autumn"), Price("101", 49, "autumn"))
HELD = book_held(BOOK, [(price.key, encode(price)) for price in PRICES])


def page(feed: Feed, begin: int, *values: tuple[str, Any], more: bool = False) -> FeedPage:
    items = tuple(
        FeedItem(key, number, msgspec.Raw(encode(value)))
        for number, (key, value) in enumerate(values, begin)
    )
    return FeedPage(feed, items, begin + len(items) - 1, more)


def with_books(*books: PriceBook) -> tuple[str, Any]:
    return "store", msgspec.structs.replace(PROFILE, price_books=books)


class Screen:
    def __init__(self) -> None:
        self.goods: list[str] = []

    def show(self, view: bytes) -> None:
        self.goods.append(msgspec.json.decode(view)["goods"])


@dataclass
class Shelf:
    """A box's reference data, what follows from them, and one screen."""

    clock: HandClock
    reference: ReferenceStore
    readiness: BookReadiness
    news: ReferenceNews
    screen: Screen
    log: io.StringIO = field(default_factory=io.StringIO)

    async def take(self, taken: FeedPage) -> None:
        await self.reference.apply(taken)
        await self.news.feed_taken(taken)

    async def ask(self, known: str = "") -> BooksWaiting | None:
        return await self.readiness.next(known, wait_s=5)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    """A shelf a day before midnight, whose clock a test moves by hand."""
    clock = HandClock(MIDNIGHT - 86_400_000)
    reference = ReferenceStore(DatabaseFile(tmp_path / "reference.db", MIGRATIONS), clock)
    await reference.open()
    ledger = Ledger(
        DatabaseFile(tmp_path / "ledger.db", LEDGER),
        LedgerIdentity("harbour-street", 1, 1),
        clock,
        BusinessCalendar(ZoneInfo("UTC")),
    )
    screen, till = Screen(), Till("till-1")
    till.screens.add(screen)
    views = TillViews(
        {"till-1": till},
        lambda _: (),
        lambda: LinkView("up", 0, 0),
        lambda: 0,
        lambda: "EUR",
        ledger.calendar.day,
        goods=lambda: reference.goods,
    )
    readiness = BookReadiness(reference, clock, "run-1")
    log = io.StringIO()
    news = ReferenceNews(reference, readiness, ledger, views, clock, Log(log, clock, {}))
    yield Shelf(clock, reference, readiness, news, screen, log)
    await reference.close()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


# --- what is said before ------------------------------------------------------------------


async def test_what_is_held_is_said_at_once_and_then_whenever_it_is_something_else(
    shelf: Shelf,
) -> None:
    nothing = await shelf.ask()
    assert nothing is not None
    assert nothing.held.books == ()
    waiting = asyncio.create_task(shelf.ask(nothing.state))
    await settled()
    assert not waiting.done()
    await shelf.take(page(Feed.CONFIG, 1, with_books(BOOK)))
    bare = await waiting
    assert bare is not None
    assert [(each.prices, each == HELD) for each in bare.held.books] == [(0, False)]
    await shelf.take(page(Feed.PRICE, 1, *((price.key, price) for price in PRICES)))
    whole = await shelf.ask(bare.state)
    assert whole is not None
    assert whole.held.books == (HELD,)
    assert (whole.held.config, whole.held.price) == (1, 2)
    # changed after it was whole
    await shelf.take(page(Feed.PRICE, 3, ("autumn/101", Price("101", 59, "autumn"))))
    changed = await shelf.ask(whole.state)
    assert changed is not None
    assert changed.held.books != (HELD,)


async def test_a_book_that_comes_in_pages_is_looked_at_once_it_is_here(shelf: Shelf) -> None:
    first = await shelf.ask()
    assert first is not None
    waiting = asyncio.create_task(shelf.ask(first.state))
    await shelf.take(page(Feed.PRICE, 1, (PRICES[0].key, PRICES[0]), more=True))
    await shelf.take(page(Feed.CATALOGUE, 1))
    await settled()
    assert not waiting.done()
    shelf.clock.advance(5)
    assert await waiting is None
    await shelf.take(page(Feed.PRICE, 2, (PRICES[1].key, PRICES[1])))
    assert await shelf.ask(first.state) is not None


async def test_a_clock_that_was_set_is_said_too_and_so_is_another_run(shelf: Shelf) -> None:
    first = await shelf.ask()
    assert first is not None
    shelf.clock.step_wall_clock(3_600_000)
    second = await shelf.ask(first.state)
    assert second is not None
    assert second.held.clock - first.held.clock == 3_600_000
    again = BookReadiness(shelf.reference, shelf.clock, "run-2")
    assert await again.next(second.state, wait_s=5) is not None


async def test_books_of_long_ago_are_not_read_any_more(shelf: Shelf) -> None:
    await shelf.take(page(Feed.CONFIG, 1, with_books(BOOK)))
    shelf.clock.step_wall_clock(86_400_000 + BOOK_SAID_MS)
    said = await shelf.ask()
    assert said is not None
    assert [each.book for each in said.held.books] == ["autumn"]
    shelf.clock.step_wall_clock(1)
    said = await shelf.ask()
    assert said is not None
    assert said.held.books == ()


async def test_a_box_that_stops_lets_nobody_wait(shelf: Shelf) -> None:
    first = await shelf.ask()
    assert first is not None
    waiting = asyncio.create_task(shelf.ask(first.state))
    await settled()
    shelf.readiness.close()
    assert await waiting is None


# --- the instant --------------------------------------------------------------------------


@pytest.fixture
async def ready(shelf: Shelf) -> AsyncIterator[Shelf]:
    """A shelf that holds the book whole, with its look-out running."""
    await shelf.take(page(Feed.CONFIG, 1, with_books(BOOK)))
    await shelf.take(page(Feed.PRICE, 1, ("100", Price("100", 129)), (PRICES[0].key, PRICES[0])))
    running = asyncio.create_task(shelf.news.run())
    await settled()
    shelf.screen.goods.clear()
    yield shelf
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def tick(shelf: Shelf, seconds: float) -> None:
    """Let time pass as it does: in steps that no wait is longer than."""
    while seconds > 0:
        step = min(seconds, CLOCK_WATCH_S)
        shelf.clock.advance(step)
        seconds -= step
        await asyncio.sleep(0.002)


async def test_screens_are_told_at_the_instant_and_once(ready: Shelf) -> None:
    ready.clock.step_wall_clock(86_400_000 - 25_000)
    await tick(ready, CLOCK_WATCH_S)
    await tick(ready, 14.999)
    assert ready.screen.goods == []
    await tick(ready, 0.001)
    assert ready.screen.goods == ["1.0.2.0.autumn"]
    price = ready.reference.price("100", ready.clock.now_ms())
    assert price is not None
    assert price.price_minor == 139
    await tick(ready, 60)
    assert len(ready.screen.goods) == 1


async def test_a_clock_that_is_set_back_has_the_old_prices_again_until_it_is_time(
    ready: Shelf,
) -> None:
    ready.clock.step_wall_clock(86_400_000)
    await tick(ready, CLOCK_WATCH_S)
    ready.clock.step_wall_clock(-300_000)
    await tick(ready, CLOCK_WATCH_S)
    assert ready.screen.goods == ["1.0.2.0.autumn", "1.0.2.0."]
    await tick(ready, 300)
    assert ready.screen.goods == ["1.0.2.0.autumn", "1.0.2.0.", "1.0.2.0.autumn"]


async def test_a_book_that_comes_seconds_before_it_holds_is_in_time(ready: Shelf) -> None:
    soon = PriceBook("now", "Now", ready.clock.now_ms() + 3_000)
    await ready.take(page(Feed.CONFIG, 2, with_books(soon, BOOK)))
    await settled()
    ready.screen.goods.clear()
    await tick(ready, 2.999)
    assert ready.screen.goods == []
    await tick(ready, 0.001)
    assert ready.screen.goods == ["2.0.2.0.now"]


async def test_a_box_that_was_off_at_the_instant_has_the_new_prices_when_it_starts(
    ready: Shelf,
) -> None:
    ready.clock.step_wall_clock(5 * 86_400_000)
    again = ReferenceStore(DatabaseFile(ready.reference._file.path, MIGRATIONS), ready.clock)
    await again.open()
    assert again.price_book(ready.clock.now_ms()) == "autumn"
    assert again.price_book(MIDNIGHT - 1) == ""
    await again.close()


async def test_a_store_without_a_profile_has_the_calendar_of_utc(shelf: Shelf) -> None:
    assert calendar_of(shelf.reference).day(MIDNIGHT) == "2026-11-18"
    tokyo = msgspec.structs.replace(PROFILE, time_zone="Asia/Tokyo")
    await shelf.take(page(Feed.CONFIG, 1, ("store", tokyo)))
    assert shelf.news.ledger.calendar.day(MIDNIGHT - 3_600_000) == "2026-11-18"
    at = 1_795_000_000_000 - 1_795_000_000_000 % 86_400_000 + 16 * 3_600_000
    assert shelf.news.ledger.calendar.day(at) == "2026-11-19"


# --- sales --------------------------------------------------------------------------------


async def test_a_sale_keeps_its_book_to_the_end_and_the_next_one_has_the_new(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        clock = box.edge.ledger._clock
        soon = PriceBook("autumn", "Autumn", clock.now_ms() + 1_500)
        cursors = box.edge.selling.gathering.reference.cursors
        for sent in (
            page(Feed.PRICE, cursors["price"] + 1, (PRICES[0].key, PRICES[0])),
            page(Feed.CONFIG, cursors["config"] + 1, with_books(soon)),
        ):
            status, body = await box.call(
                "POST", "/internal/v1/replica/feed", sent, headers=box.service
            )
            assert status == 200, body
        status, view = await box.command("add_item", code=MILK)
        assert view["lines"][0]["price_minor"] == 129
        before = view["goods"]
        while clock.now_ms() <= soon.from_ms:
            await asyncio.sleep(0.02)
        status, view = await box.command("add_item", code=MILK)
        assert [line["price_minor"] for line in view["lines"]] == [129, 129]
        assert (view["goods"] != before, view["goods"].endswith(".autumn")) == (True, True)
        _, keys = await box.call("GET", "/api/v1/quick-keys")
        assert keys["goods"] == view["goods"]
        assert keys["pages"][0]["keys"][0]["price_minor"] == 139
        await box.command("take_cash", amount_minor=258)
        status, view = await box.command("add_item", code=MILK)
        assert view["lines"][0]["price_minor"] == 139
        _, bodies = await box.edge.ledger.events_after(0, raw_max=10**6, count_max=1_000)
        opened = [msgspec.json.decode(body) for body in bodies]
        assert [
            each["data"].get("price_book", "") for each in opened if each["type"] == "sale_opened"
        ] == ["", "autumn"]
