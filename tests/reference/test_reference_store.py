from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.book_readiness import BookHeld, book_held
from edge.contract.errors import Refused, StorageFailed
from edge.contract.reference_data import (
    Article,
    Feed,
    FeedItem,
    FeedPage,
    GroupBook,
    Price,
    PriceBook,
    QuickKeyPage,
    StoreProfile,
    TaxRule,
)
from edge.contract.wire import encode
from edge.reference.store import MIGRATIONS, ReferenceStore
from edge.runtime.database_file import DatabaseFile
from tests.runtime.hand_clock import HandClock

PROFILE = StoreProfile(
    name="Harbour Street",
    currency="EUR",
    time_zone="Europe/Lisbon",
    taxes=(TaxRule("A", "none", 0),),
    quick_key_pages=(QuickKeyPage("1", "Favourites"),),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ReferenceStore]:
    store = ReferenceStore(DatabaseFile(tmp_path / "reference.db", MIGRATIONS), HandClock())
    await store.open()
    yield store
    await store.close()


async def take(store: ReferenceStore, feed: Feed, *items: tuple[str, Any]) -> int:
    begin = store.cursors[feed]
    page = tuple(
        FeedItem(key, begin + number, msgspec.Raw(encode(value)))
        for number, (key, value) in enumerate(items, 1)
    )
    return await store.apply(FeedPage(feed, page, begin + len(page)))


async def test_before_the_first_contact_nothing_is_known_and_that_is_said(
    store: ReferenceStore,
) -> None:
    assert not store.has_store
    with pytest.raises(Refused, match="has not received its shop data") as caught:
        _ = store.store
    assert (caught.value.code, caught.value.status) == ("no_reference_yet", 503)
    assert (store.tax("A"), store.by_sku("100"), store.price("100", 0), store.staff) == (
        None,
        None,
        None,
        [],
    )
    assert store.staff_taken_at == 0


async def test_what_has_no_price_is_neither_on_a_key_nor_found(store: ReferenceStore) -> None:
    await take(store, Feed.CONFIG, ("store", PROFILE))
    await take(
        store,
        Feed.CATALOGUE,
        ("100", Article("100", "Whole milk", "A", key="1:1")),
        ("101", Article("101", "Whole bread", "A", key="1:2")),
    )
    await take(store, Feed.PRICE, ("101", Price("101", 45)))
    (page,) = store.quick_keys()
    assert [key.code for key in page.keys] == ["101"]
    assert [found.sku for found in await store.search("whole")] == ["101"]
    assert await store.search("  ") == ()
    # a price that comes later puts it there: nothing stale is remembered
    await take(store, Feed.PRICE, ("100", Price("100", 129)))
    assert [key.code for key in store.quick_keys()[0].keys] == ["100", "101"]
    assert [found.price_minor for found in await store.search("whole milk")] == [129]


async def test_a_scanner_that_reads_nonsense_all_day_does_not_fill_the_memory(
    store: ReferenceStore,
) -> None:
    await take(store, Feed.CATALOGUE, ("100", Article("100", "Milk", "A", ("9520000000011",))))
    for number in range(9_000):
        assert store.by_gtin(f"{number}") is None
    assert len(store._cache) < 8_500
    found = store.by_gtin("9520000000011")
    assert found is not None
    assert found.sku == "100"


async def test_a_closed_store_says_so_and_may_be_closed_again(tmp_path: Path) -> None:
    store = ReferenceStore(DatabaseFile(tmp_path / "reference.db", MIGRATIONS), HandClock())
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StorageFailed, match=r"reference\.db is closed"):
        store.by_sku("100")


async def test_a_price_book_takes_effect_at_its_instant_and_lacks_fall_back(
    store: ReferenceStore,
) -> None:
    books = (PriceBook("spring", "Spring", 1_000), PriceBook("summer", "Summer", 2_000))
    await take(store, Feed.CONFIG, ("store", msgspec.structs.replace(PROFILE, price_books=books)))
    prices = (Price("100", 10), Price("100", 20, "spring"), Price("100", 30, "summer"),
              Price("101", 21, "spring"), Price("102", 12))  # fmt: skip
    await take(store, Feed.PRICE, *((price.key, price) for price in prices))

    def listed(at: int) -> list[int | None]:
        found = [store.price(sku, at) for sku in ("100", "101", "102")]
        return [price.price_minor if price else None for price in found]

    assert (store.price_book(999), listed(999)) == ("", [10, None, 12])
    assert (store.price_book(1_000), listed(1_000)) == ("spring", [20, 21, 12])
    assert (store.price_book(2_000), listed(2_000)) == ("summer", [30, 21, 12])


async def test_of_two_books_from_one_instant_the_later_in_the_list_counts(
    store: ReferenceStore,
) -> None:
    books = (PriceBook("b", "First", 1_000), PriceBook("a", "Corrected", 1_000))
    await take(store, Feed.CONFIG, ("store", msgspec.structs.replace(PROFILE, price_books=books)))
    assert store.price_book(1_000) == "a"


async def test_books_of_a_group_are_nobody_elses_and_take_effect_at_their_instants(
    store: ReferenceStore,
) -> None:
    books = (
        GroupBook("trade-1", "Trade", 1_000, "trade"),
        GroupBook("staff-1", "Staff", 0, "staff"),
        GroupBook("trade-2", "Trade", 2_000, "trade"),
    )
    profile = msgspec.structs.replace(PROFILE, group_books=books)
    await take(store, Feed.CONFIG, ("store", profile))
    prices = (Price("100", 20), Price("100", 10, "trade-1"), Price("100", 12, "trade-2"))
    await take(store, Feed.PRICE, *((price.key, price) for price in prices))

    def in_force(group: str, at: int) -> list[str]:
        return [book.id for book in store.group_books(group, at)]

    assert [in_force("trade", at) for at in (999, 1_000, 2_000)] == [
        [], ["trade-1"], ["trade-2", "trade-1"],
    ]  # fmt: skip
    assert (in_force("staff", 0), in_force("club", 9_000)) == (["staff-1"], [])
    assert [store.price_in(book, "100") for book in ("trade-2", "staff-1")] == [prices[2], None]
    listed = store.price("100", 9_000)
    assert (listed, store.price_book(9_000)) == (prices[0], "")
    await take(store, Feed.CONFIG, ("store", PROFILE))
    assert in_force("trade", 9_000) == []


def _of_book(book: PriceBook | GroupBook, *prices: Price) -> BookHeld:
    return book_held(book, sorted((price.key, encode(price)) for price in prices))


async def test_what_is_held_of_a_book_is_what_was_sent_of_it(store: ReferenceStore) -> None:
    spring, trade = PriceBook("spring", "Spring", 1_000), GroupBook("trade", "Trade", 2_000, "t")
    profile = msgspec.structs.replace(PROFILE, price_books=(spring,), group_books=(trade,))
    await take(store, Feed.CONFIG, ("store", profile))
    milk, bread = Price("100", 20, "spring"), Price("101", 7, "spring")
    of_trade, of_none, of_other = Price("100", 19, "trade"), Price("100", 9), Price("1", 1, "sprin")
    everything = (milk, bread, of_trade, of_none, of_other)
    cursor = await take(store, Feed.PRICE, *((price.key, price) for price in everything))
    held = await store.books_held(1_000)
    assert held.books == (_of_book(spring, milk, bread), _of_book(trade, of_trade))
    assert (held.config, held.price, held.clock) == (1, cursor, HandClock().now_ms())
    # a price that goes or changes, and a book that is moved, are something else that is held
    await take(store, Feed.PRICE, (bread.key, None))
    assert (await store.books_held(1_001)).books == (_of_book(trade, of_trade),)
    assert (await store.books_held(0)).books[0] == _of_book(spring, milk)
    later = msgspec.structs.replace(spring, from_ms=1_500)
    await take(
        store, Feed.CONFIG, ("store", msgspec.structs.replace(profile, price_books=(later,)))
    )
    assert (await store.books_held(0)).books[0] == _of_book(later, milk)
    assert _of_book(later, milk) != _of_book(spring, milk)


async def test_the_state_of_goods_changes_with_the_book_that_holds(tmp_path: Path) -> None:
    clock = HandClock(999)
    store = ReferenceStore(DatabaseFile(tmp_path / "reference.db", MIGRATIONS), clock)
    await store.open()
    books = (PriceBook("spring", "Spring", 1_000), PriceBook("summer", "Summer", 2_000))
    await take(store, Feed.CONFIG, ("store", msgspec.structs.replace(PROFILE, price_books=books)))
    states = [store.goods]
    clock.step_wall_clock(1)
    states.append(store.goods)
    clock.step_wall_clock(999)
    assert store.goods == states[-1]
    clock.step_wall_clock(1)
    states.append(store.goods)
    await take(store, Feed.PRICE, ("100", Price("100", 9)))
    states.append(store.goods)
    assert len(set(states)) == 4
    clock.step_wall_clock(-1_001)
    assert store.price_book(clock.now_ms()) == ""
    assert [store.next_book_at(at) for at in (0, 999, 1_000, 1_999, 2_000)] == [
        1_000, 1_000, 2_000, 2_000, None,
    ]  # fmt: skip
    await store.close()
