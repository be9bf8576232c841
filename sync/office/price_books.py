"""Which shops have a price book whole before it takes effect, and which do not, and why.

Boxes say what they hold of each book; here the same is made of what was sent to them. Both equal
means ready, also for a box that is away by now: it switches by its own clock.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.book_readiness import BookHeld, BooksHeld, book_held, keys_of_book
from edge.contract.instant import Clock
from edge.contract.limits import (
    BOOK_CLOCK_OFF_MS_MAX,
    BOOK_NEAR_MS,
    BOOK_SAID_MS,
    BOOK_SHOPS_SHOWN_MAX,
    BOOKS_GATHERED_S,
    BOOKS_LOOK_S,
)
from edge.contract.reference_data import GONE, Feed, GroupBook, PriceBook, StoreProfile
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from sync.office.feeds import STORE_KEY, Feeds
from sync.office.store_directory import RegisteredStore, StoreDirectory

Book = PriceBook | GroupBook
NOT_READY: Final = "book_not_ready"
READY: Final = "ready"
_HELD: Final = msgspec.json.Decoder(BooksHeld)
_PRICES: Final = (
    "SELECT key, value FROM feed_item AS item WHERE feed = ?1 AND scope IN ('', ?2)"
    " AND key >= ?3 AND key < ?4 AND value <> ?5 AND (scope = ?2 OR NOT EXISTS"
    " (SELECT 1 FROM feed_item AS own WHERE own.feed = ?1 AND own.scope = ?2"
    " AND own.key = item.key AND own.value <> ?5)) ORDER BY key"
)
"""Those that a store gets, as `Feeds.page` sends them."""
_HAS_OWN: Final = (
    "SELECT 1 FROM feed_item WHERE feed = ? AND scope = ? AND key >= ? AND key < ? LIMIT 1"
)
_WHY: Final = {
    "never": "its box has not called yet",
    "away": "its box is away",
    "refused": "its box refuses some of it",
    "clock": "it is all there, but the clock of its box is off",
    "silent": "its box does not say what it has; an older version tells no such thing",
    "loading": "it is still on its way",
}


class BookShop(msgspec.Struct, frozen=True):
    """A shop that is not ready for a book, and why.

    `state` is `never` (its box has not called yet), `away`, `refused` (with `words`), `clock` (all
    is there, but its clock is off by `clock_ahead_ms`), `silent` (its box does not say what it
    has) or `loading`. `local` is when the book takes effect on the shop's own clock. `last_contact`
    in ms since 1970 UTC, 0 for never; of `prices` it held `prices_held` when it last said so.
    """

    store: str
    name: str
    state: str
    from_ms: int
    local: str
    time_zone: str
    last_contact: int
    prices: int
    prices_held: int
    clock_ahead_ms: int = 0
    words: str = ""


class BookInstant(msgspec.Struct, frozen=True):
    """How many `shops` have a book from a local time on, and how many of them are `ready`.

    `from_ms` is when the first of them begins.
    """

    local: str
    from_ms: int
    ready: int
    shops: int


class BookBody(msgspec.Struct, frozen=True):
    """A price book that is announced, or took effect within the last day.

    `group` is that of its customers, empty for everybody. Of those that are not ready at most
    `BOOK_SHOPS_SHOWN_MAX` are named.
    """

    id: str
    name: str
    group: str
    ready: int
    shops: int
    instants: tuple[BookInstant, ...]
    missing: tuple[BookShop, ...]


class BooksBody(msgspec.Struct, frozen=True):
    """Price books, those that begin first first."""

    books: tuple[BookBody, ...]


class _Said(msgspec.Struct, frozen=True):
    """What a box said: its books by id, and how far its clock was ahead of head office's."""

    books: dict[str, BookHeld]
    clock_ahead_ms: int


_NOTHING_SAID: Final = _Said({}, 0)


class _Standing(msgspec.Struct, frozen=True):
    """One shop and one book of it."""

    number: int
    book: Book
    shop: BookShop


@dataclass
class PriceBooks:
    """What boxes said, in `office.db`, against the feeds. `news` wakes the look-out.

    `connected` are the slugs of the boxes that are there; `refused` what the box of a slug refuses
    in this session, with its words.
    """

    file: DatabaseFile
    directory: StoreDirectory
    feeds: Feeds
    connected: Callable[[], set[str]]
    refused: Callable[[str], Mapping[tuple[Feed, str], str]]
    clock: Clock
    log: Log
    news: asyncio.Event = field(default_factory=asyncio.Event)
    lacking: int = 0
    """Shops that lack a book which takes effect soon, or did today."""
    _due: dict[tuple[str, Book], BookHeld] = field(default_factory=dict)
    """What is to be held, by scope and book, while the price feed is at `_due_at`."""
    _due_at: int = -1
    _told: dict[int, tuple[object, ...]] = field(default_factory=dict)

    # --- what boxes say -------------------------------------------------------------------

    async def take(self, store: RegisteredStore, held: BooksHeld) -> None:
        """Keep what a box says it holds, in place of what it said before."""
        values = (self.clock.now_ms(), held.config, held.price, msgspec.json.encode(held))
        await self.file.write(
            lambda connection: connection.execute(
                "INSERT INTO books_held (store, came_at, config, price, body)"
                " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (store) DO UPDATE SET"
                " came_at = ?2, config = ?3, price = ?4, body = ?5",
                (store.number, *values),
            )
        )
        self.news.set()

    async def greeted(self, store: RegisteredStore, cursors: Mapping[Feed, int]) -> None:
        """Forget what a box said when it is not as far any more: it was restored or replaced."""
        said = (store.number, cursors.get(Feed.CONFIG, 0), cursors.get(Feed.PRICE, 0))
        which = "FROM books_held WHERE store = ? AND (config > ? OR price > ?)"
        # nearly never: a look costs no commit
        if await self.file.read(
            lambda connection: connection.execute(f"SELECT 1 {which}", said).fetchone()
        ):
            await self.file.write(lambda connection: connection.execute(f"DELETE {which}", said))
        self.news.set()

    # --- who is ready ---------------------------------------------------------------------

    async def body(self) -> BooksBody:
        """Return every book that is announced or took effect within a day, and who lacks it."""
        of_books: dict[str, list[_Standing]] = {}
        for each in await self._standings():
            of_books.setdefault(each.book.id, []).append(each)
        books = sorted(of_books.values(), key=lambda all_of: min(s.book.from_ms for s in all_of))
        return BooksBody(tuple(map(_body, books)))

    async def _standings(self) -> list[_Standing]:
        stores = await self.directory.all()
        profiles = await self.feeds.profiles([store.slug for store in stores])
        since = self.clock.now_ms() - BOOK_SAID_MS
        wanted = [
            (store, profiles[store.slug], book)
            for store in stores
            if store.slug in profiles
            for book in _books(profiles[store.slug])
            if book.from_ms >= since
        ]
        if not wanted:
            return []
        said = await self.file.read(_said)
        newest = (await self.feeds.newest())[Feed.PRICE]
        if newest != self._due_at:
            self._due, self._due_at = {}, newest
        missing = [
            (store.slug, book) for store, _, book in wanted if (store.slug, book) not in self._due
        ]
        if missing:
            due = self._due
            await self.file.read(lambda connection: _work_out(connection, missing, due))
        connected = self.connected()
        return [
            self._standing(store, profile, book, said.get(store.number), store.slug in connected)
            for store, profile, book in wanted
        ]

    def _standing(
        self,
        store: RegisteredStore,
        profile: StoreProfile,
        book: Book,
        said: _Said | None,
        connected: bool,  # noqa: FBT001 - private, one caller
    ) -> _Standing:
        due = self._due[store.slug, book]
        told = said or _NOTHING_SAID
        held = told.books.get(book.id)
        words = ""
        if held == due:
            off = abs(told.clock_ahead_ms) > BOOK_CLOCK_OFF_MS_MAX
            state = "clock" if off else READY
        elif not connected:
            state = "away" if store.last_contact else "never"
        elif words := self._refusal(store.slug, book):
            state = "refused"
        else:
            state = "silent" if said is None else "loading"
        shop = BookShop(
            store.slug,
            store.name,
            state,
            book.from_ms,
            _local(book.from_ms, profile.time_zone),
            profile.time_zone,
            store.last_contact,
            due.prices,
            0 if held is None else held.prices,
            told.clock_ahead_ms,
            words,
        )
        return _Standing(store.number, book, shop)

    def _refusal(self, slug: str, book: Book) -> str:
        begin, _ = keys_of_book(book.id)
        for (feed, key), words in self.refused(slug).items():
            if (feed is Feed.PRICE and key.startswith(begin)) or (
                feed is Feed.CONFIG and key == STORE_KEY
            ):
                return words
        return ""

    # --- alarms ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Look who lacks a book that takes effect soon, until cancelled."""
        while True:
            self.news.clear()
            await self.look()
            # where a thousand boxes come at once, one look at all stores is for many of them
            await self.clock.sleep(BOOKS_GATHERED_S)
            try:
                async with self.clock.timeout(BOOKS_LOOK_S):
                    await self.news.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Raise an alarm for each shop that lacks a book which is near; withdraw what is over."""
        near = self.clock.now_ms() + BOOK_NEAR_MS
        lacking: dict[int, list[_Standing]] = {}
        for each in await self._standings():
            if each.shop.state != READY and each.book.from_ms <= near:
                lacking.setdefault(each.number, []).append(each)
        self.lacking = len(lacking)
        for number, books in lacking.items():
            told = tuple((each.book, each.shop.state) for each in books)
            if self._told.get(number) != told:
                self._told[number] = told
                words = _alarm(books)
                await self.directory.alarm(number, NOT_READY, words)
                self.log.error("alarm", store=books[0].shop.store, code=NOT_READY, reason=words)
        known = await self.directory.alarms()
        for number in [n for n, each in known.items() if any(a.kind == NOT_READY for a in each)]:
            if number not in lacking:
                self._told.pop(number, None)
                await self.directory.withdraw(number, NOT_READY)


def _books(profile: StoreProfile) -> Iterator[Book]:
    return chain(profile.price_books, profile.group_books)


def _said(connection: sqlite3.Connection) -> dict[int, _Said]:
    rows = connection.execute("SELECT store, came_at, body FROM books_held").fetchall()
    found = {}
    for store, came_at, body in rows:
        held = _HELD.decode(body)
        found[store] = _Said({each.book: each for each in held.books}, held.clock - came_at)
    return found


def _work_out(
    connection: sqlite3.Connection,
    wanted: list[tuple[str, Book]],
    due: dict[tuple[str, Book], BookHeld],
) -> None:
    """Add what is to be held of each book: once for all shops that have no price of their own."""
    for slug, book in wanted:
        keys = keys_of_book(book.id)
        own = connection.execute(_HAS_OWN, (Feed.PRICE, slug, *keys)).fetchone()
        scope = slug if own else ""
        if (scope, book) not in due:
            prices = connection.execute(_PRICES, (Feed.PRICE, scope, *keys, bytes(GONE)))
            due[scope, book] = book_held(book, prices)
        due[slug, book] = due[scope, book]


def _body(standings: list[_Standing]) -> BookBody:
    instants: dict[str, BookInstant] = {}
    for each in sorted(standings, key=lambda standing: standing.book.from_ms):
        local, ready = each.shop.local, int(each.shop.state == READY)
        known = instants.get(local, BookInstant(local, each.book.from_ms, 0, 0))
        instants[local] = BookInstant(local, known.from_ms, known.ready + ready, known.shops + 1)
    missing = [each.shop for each in standings if each.shop.state != READY]
    book = standings[0].book
    return BookBody(
        book.id,
        book.name,
        book.group if isinstance(book, GroupBook) else "",
        len(standings) - len(missing),
        len(standings),
        tuple(instants.values()),
        tuple(missing[:BOOK_SHOPS_SHOWN_MAX]),
    )


def _alarm(books: list[_Standing]) -> str:
    first = min(books, key=lambda each: each.book.from_ms)
    shop = first.shop
    more = f" So it is with {len(books) - 1} more books." if len(books) > 1 else ""
    why = f"{_WHY[shop.state]}{f' ({shop.words})' if shop.words else ''}"
    return (
        f"Store {shop.store} is not ready for the prices of {first.book.name} ({first.book.id}), "
        f"which hold from {shop.local.replace('T', ' ')} on ({shop.time_zone}): {why}. It had "
        f"{shop.prices_held} of {shop.prices} prices when it last said so.{more} See that the box "
        "is powered and on line, or change the labels there later."
    )


def _local(at_ms: int, zone: str) -> str:
    """Return `2026-12-01T00:00` of an instant on a shop's clock."""
    return datetime.fromtimestamp(at_ms / 1000, tz=ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")
