"""Who has a price book before it takes effect: what boxes say, against what was sent to them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.book_readiness import BOOKS_READY, BookHeld, BooksHeld, book_held
from edge.contract.limits import (
    BOOK_CLOCK_OFF_MS_MAX,
    BOOK_NEAR_MS,
    BOOK_SAID_MS,
    BOOK_SHOPS_SHOWN_MAX,
)
from edge.contract.reference_data import GroupBook, Price, PriceBook, StoreProfile, TaxRule
from edge.contract.replication import FeedDown, FeedRefused, FeedTaken
from edge.contract.sale_events import SaleOpened
from edge.contract.wire import encode
from edge.runtime.system_clock import SystemClock
from sync.office.price_books import NOT_READY
from sync.office.store_directory import RegisteredStore
from tests.sync.office.head_office import Box, Served, sale_events, serve

HOUR = 3_600_000
PROFILE = StoreProfile("Harbour", "EUR", "Europe/Lisbon", (TaxRule("A", "none", 0),))
PRICES = (Price("100", 139, "autumn"), Price("101", 49, "autumn"))


def now() -> int:
    return SystemClock().now_ms()


async def put(served: Served, feed: str, *values: tuple[str, Any], store: str = "") -> None:
    items = [{"key": key, "value": msgspec.Raw(encode(value))} for key, value in values]
    query = f"?store={store}" if store else ""
    status, body = await served.ask("PUT", f"/api/v1/feeds/{feed}{query}", {"items": items})
    assert status == 200, body


async def announce(served: Served, *books: PriceBook, store: str = "", **changed: Any) -> None:
    profile = msgspec.structs.replace(PROFILE, price_books=books, **changed)
    await put(served, "config", ("store", profile), store=store)


async def books(served: Served) -> list[dict[str, Any]]:
    status, body = await served.ask("GET", "/api/v1/books")
    assert status == 200, body
    found: list[dict[str, Any]] = body["books"]
    return found


async def state(served: Served, slug: str = "harbour-street") -> str:
    [book] = await books(served)
    states = {shop["store"]: shop["state"] for shop in book["missing"]}
    assert book["ready"] + len(states) == book["shops"]
    return str(states.get(slug, "ready"))


async def until_state(served: Served, wanted: str) -> None:
    for _ in range(500):
        if await state(served) == wanted:
            return
        await asyncio.sleep(0.005)
    assert await state(served) == wanted


def held(book: PriceBook, *prices: Price) -> BookHeld:
    return book_held(book, sorted((price.key, encode(price)) for price in prices))


def said(*of: BookHeld, config: int = 1, price: int = 2, clock: int = 0) -> BooksHeld:
    return BooksHeld(of, config, price, clock or now())


@pytest.fixture
async def announced(tmp_path: Path, box: Box) -> AsyncIterator[tuple[Served, PriceBook]]:
    """A head office that has sent a book for in ten hours: a config page and a price page."""
    book = PriceBook("autumn", "Autumn", now() + 10 * HOUR)
    async with serve(tmp_path, box) as served:
        await announce(served, book)
        await put(served, "price", *((price.key, price) for price in PRICES))
        yield served, book


async def test_a_shop_is_ready_once_it_holds_all_that_was_sent(
    announced: tuple[Served, PriceBook], box: Box
) -> None:
    served, book = announced
    assert await state(served) == "never"
    async with served.session(box) as (line, welcome):
        assert BOOKS_READY in welcome.hears
        await until_state(served, "silent")
        await line.say(said(held(book), config=1, price=0))
        await until_state(served, "loading")
        [found] = await books(served)
        [shop] = found["missing"]
        assert (shop["prices"], shop["prices_held"]) == (2, 0)
        await line.say(said(held(book, *PRICES)))
        await until_state(served, "ready")
        [found] = await books(served)
        assert (found["id"], found["name"], found["group"]) == ("autumn", "Autumn", "")
        assert (found["ready"], found["shops"], found["missing"]) == (1, 1, [])
    # it is away now, and holds the book all the same
    assert await state(served) == "ready"


async def test_a_book_that_is_changed_is_ready_once_it_was_taken_again(
    announced: tuple[Served, PriceBook], box: Box
) -> None:
    served, book = announced
    async with served.session(box) as (line, _):
        await line.say(said(held(book, *PRICES)))
        await until_state(served, "ready")
        dearer = Price("101", 59, "autumn")
        await put(served, "price", (dearer.key, dearer))
        assert await state(served) == "loading"
        await line.say(said(held(book, PRICES[0], dearer), price=3))
        await until_state(served, "ready")
        # prices of no book, and articles, are none of it
        await put(served, "price", ("100", Price("100", 1)), ("autum/1", Price("1", 1, "autum")))
        assert await state(served) == "ready"
        later = msgspec.structs.replace(book, from_ms=book.from_ms + HOUR)
        await announce(served, later)
        assert await state(served) == "loading"
        await put(served, "price", (dearer.key, None))
        await line.say(said(held(later, PRICES[0]), config=2, price=6))
        await until_state(served, "ready")


async def test_what_was_said_survives_head_office_and_not_a_box_that_is_restored(
    tmp_path: Path, box: Box
) -> None:
    book = PriceBook("autumn", "Autumn", now() + 10 * HOUR)
    async with serve(tmp_path, box) as served:
        await announce(served, book)
        await put(served, "price", *((price.key, price) for price in PRICES))
        async with served.session(box) as (line, _):
            await line.say(said(held(book, *PRICES)))
            await until_state(served, "ready")
    async with serve(tmp_path, box) as served:
        assert await state(served) == "ready"
        async with served.session(box, cursors={"config": 1, "price": 2}):
            await asyncio.sleep(0.05)
            assert await state(served) == "ready"
        async with served.session(box, cursors={"config": 1, "price": 1}):
            await until_state(served, "silent")
        assert await state(served) == "away"


async def test_an_item_that_the_box_refuses_is_why(
    announced: tuple[Served, PriceBook], box: Box
) -> None:
    served, book = announced
    async with served.session(box) as (line, _):
        refused = 0
        while not refused:
            page = (await line.next()).page
            if page.feed == "price" and len(page.items) == 1:
                words = "It is too dear for this till."
                await line.say(FeedRefused(page.feed, page.next, "bad", words))
                refused += 1
            elif page.feed == "price":
                await line.say(FeedRefused(page.feed, page.next, "bad", "One of them."))
            else:
                await line.say(FeedTaken(page.feed, page.next))
        await line.say(said(held(book, PRICES[1])))
        await until_state(served, "refused")
        [found] = await books(served)
        assert found["missing"][0]["words"] == "It is too dear for this till."
        # corrected, it is not refused any more
        better = Price("100", 99, "autumn")
        await put(served, "price", (better.key, better))
        while (page := (await line.next()).page).items[0].key != better.key:
            await line.say(FeedTaken(page.feed, page.next))
        await line.say(FeedTaken(page.feed, page.next))
        await until_state(served, "loading")


async def test_each_shop_is_asked_for_the_prices_that_it_gets(
    announced: tuple[Served, PriceBook], box: Box
) -> None:
    served, book = announced
    other = Box("hill-road", 2)
    await served.add(other)
    own = Price("101", 39, "autumn")
    await put(served, "price", (own.key, own), store="hill-road")
    async with served.session(box) as (line, _), served.session(other) as (its, _):
        await line.say(said(held(book, *PRICES)))
        await its.say(said(held(book, *PRICES), price=3))
        await until_state(served, "ready")
        assert await state(served, "hill-road") == "loading"
        await its.say(said(held(book, PRICES[0], own), price=3))
        for _ in range(500):
            if await state(served, "hill-road") == "ready":
                break
            await asyncio.sleep(0.005)
        [found] = await books(served)
        assert (found["ready"], found["shops"]) == (2, 2)


async def test_midnight_is_each_shops_own(tmp_path: Path, box: Box) -> None:
    # 2026-12-01 00:00 in Lisbon, an hour earlier in Warsaw, and in both it is the same night
    lisbon = PriceBook("winter", "Winter", 1_796_083_200_000)
    warsaw = PriceBook("winter", "Winter", 1_796_079_600_000)
    trade = GroupBook("trade", "Trade", 1_796_083_200_001, "trade")
    other = Box("rynek", 2)
    async with serve(tmp_path, box, other) as served:
        await announce(served, lisbon, group_books=(trade,))
        await announce(served, warsaw, store="rynek", time_zone="Europe/Warsaw")
        found = await books(served)
    assert [(each["id"], each["group"]) for each in found] == [("winter", ""), ("trade", "trade")]
    assert found[0]["instants"] == [
        {"local": "2026-12-01T00:00", "from_ms": warsaw.from_ms, "ready": 0, "shops": 2}
    ]
    assert {shop["store"]: shop["local"] for shop in found[0]["missing"]} == {
        "harbour-street": "2026-12-01T00:00",
        "rynek": "2026-12-01T00:00",
    }


async def test_a_box_whose_clock_is_off_is_not_ready(
    announced: tuple[Served, PriceBook], box: Box
) -> None:
    served, book = announced
    async with served.session(box) as (line, _):
        await line.say(said(held(book, *PRICES), clock=now() - BOOK_CLOCK_OFF_MS_MAX - 5_000))
        await until_state(served, "clock")
        [found] = await books(served)
        ahead = found["missing"][0]["clock_ahead_ms"]
        assert -BOOK_CLOCK_OFF_MS_MAX - 30_000 < ahead <= -BOOK_CLOCK_OFF_MS_MAX - 5_000
        await line.say(said(held(book, *PRICES), clock=now() + 10_000))
        await until_state(served, "ready")


async def alarms(served: Served) -> list[dict[str, Any]]:
    await served.office.books.look()
    return [each for each in (await served.store())["alarms"] if each["kind"] == NOT_READY]


async def test_a_shop_that_lacks_a_book_shortly_before_is_an_alarm_until_it_has_it(
    tmp_path: Path, box: Box
) -> None:
    async with serve(tmp_path, box) as served:
        await put(served, "price", *((price.key, price) for price in PRICES))
        await announce(served, PriceBook("autumn", "Autumn", now() + BOOK_NEAR_MS + 60_000))
        assert await alarms(served) == []
        near = PriceBook("autumn", "Autumn", now() + BOOK_NEAR_MS - 60_000)
        await announce(served, near)
        [alarm] = await alarms(served)
        assert (
            "Store harbour-street is not ready for the prices of Autumn (autumn)" in alarm["words"]
        )
        assert "its box has not called yet" in alarm["words"]
        assert "0 of 2 prices" in alarm["words"]
        [again] = await alarms(served)
        assert again["count"] == 1, "nothing changed, nothing is told again"
        assert "tillbox_office_shops_without_book 1" in await metrics(served)
        async with served.session(box) as (line, _):
            await line.say(said(held(near, PRICES[0]), config=2))
            await until_state(served, "loading")
            await until_told(served, "it is still on its way. It had 1 of 2 prices")
            await line.say(said(held(near, *PRICES), config=2))
            await until_state(served, "ready")
            await until_told(served, "")
            assert "tillbox_office_shops_without_book 0" in await metrics(served)


async def until_told(served: Served, words: str) -> None:
    """Wait until an alarm has these words, or (empty) until there is none: others look too."""
    for _ in range(500):
        told = await alarms(served)
        if (words in told[0]["words"]) if told and words else not told and not words:
            return
        await asyncio.sleep(0.01)
    assert told == words


async def metrics(served: Served) -> str:
    async with served.http.get(f"{served.url}/metrics") as answer:
        return await answer.text()


async def test_a_shop_that_missed_the_instant_is_told_of_for_a_day(
    tmp_path: Path, box: Box
) -> None:
    async with serve(tmp_path, box) as served:
        await announce(served, PriceBook("autumn", "Autumn", now() - BOOK_SAID_MS + 60_000))
        assert len(await alarms(served)) == 1
        await announce(served, PriceBook("autumn", "Autumn", now() - BOOK_SAID_MS - 60_000))
        assert await alarms(served) == []
        assert await books(served) == []


async def test_the_lookout_withdraws_what_an_earlier_run_said(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served:
        await served.office.directory.alarm(1, NOT_READY, "of another day")
        await served.office.directory.alarm(1, "fork", "stays")
    async with serve(tmp_path, box) as served:
        assert await alarms(served) == []
        assert [each["kind"] for each in (await served.store())["alarms"]] == ["fork"]


async def test_of_many_shops_some_are_named_and_all_are_counted(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served:
        await announce(served, PriceBook("autumn", "Autumn", now() + HOUR))
        for number in range(2, BOOK_SHOPS_SHOWN_MAX + 10):
            await served.office.directory.add(
                RegisteredStore(number, f"shop-{number}", "Shop", box.key.public.hex, 1)
            )
        [found] = await books(served)
        assert found["shops"] == BOOK_SHOPS_SHOWN_MAX + 9
        assert len(found["missing"]) == BOOK_SHOPS_SHOWN_MAX


async def test_a_statement_that_is_none_ends_the_session(
    announced: tuple[Served, PriceBook], box: Box
) -> None:
    served, _ = announced
    async with served.session(box) as (line, _):
        await line.socket.send_str('{"msg":"books_ready","books":[{"book":"a"}]}')
        while isinstance(word := await line.next(), FeedDown):
            pass
        assert word.code == "message_malformed"


async def test_a_sale_names_the_book_that_it_used(served: Served, box: Box) -> None:
    box.record(SaleOpened(sale="a", currency="EUR", price_book="autumn"), *sale_events("a")[1:])
    box.sell("b")
    async with served.session(box) as (line, _):
        await line.upload(box.frame())
        await served.until_projected(len(box.bodies))
    assert [each["price_book"] for each in await served.sales()] == ["autumn", ""]


ADDED_SINCE = {
    **dict.fromkeys(("alarm_begins", "alarm_goes_on", "alarm_ends"), "TRIGGER"),
    **dict.fromkeys(("alarm_case", "alarm_step", "digest_differing", "feed_held"), "TABLE"),
    **dict.fromkeys(("feed_reached", "left_aside", "person_act", "repair"), "TABLE"),
    **dict.fromkeys(("archive_segment", "archive_span"), "TABLE"),
    **dict.fromkeys(("box_twice", "ratchet", "ratchet_old"), "TABLE"),
    **dict.fromkeys(("feed_chunk", "feed_snapshot"), "TABLE"),
}


async def test_sales_that_were_here_before_get_their_book(tmp_path: Path, box: Box) -> None:
    box.record(SaleOpened(sale="a", currency="EUR", price_book="autumn"), *sale_events("a")[1:])
    async with serve(tmp_path, box) as served, served.session(box) as (line, _):
        await line.upload(box.frame())
        await served.until_projected(len(box.bodies))
    with closing(sqlite3.connect(tmp_path / "office.db")) as older:
        # as an office of before has it, then brought up to date
        older.execute("ALTER TABLE sale DROP COLUMN price_book")
        older.execute("ALTER TABLE store DROP COLUMN generation_given_at")
        older.execute("DROP TABLE books_held")
        for name, kind in ADDED_SINCE.items():
            older.execute(f"DROP {kind} {name}")
        older.execute("PRAGMA user_version = 11")
        older.commit()
    async with serve(tmp_path, box) as served:
        for _ in range(500):
            [sale] = await served.sales()
            if sale["price_book"]:
                break
            await asyncio.sleep(0.01)
        assert sale["price_book"] == "autumn"
