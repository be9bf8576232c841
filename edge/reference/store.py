"""The reference of a box: articles, prices, taxes, staff and the store, from head office.

Feeds are applied page by page, cursor and items in one transaction. Look-ups are point
queries on a read-only connection with a bounded cache in front: they take microseconds and
no more memory for 300,000 articles than for 300.
"""

from __future__ import annotations

import math
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from edge.contract.article_views import ArticleView, QuickKeyPageView, QuickKeyView
from edge.contract.book_readiness import BooksHeld
from edge.contract.coupon_data import Coupon, UsedCoupon
from edge.contract.customer_data import Customer
from edge.contract.customer_views import FoundCustomer
from edge.contract.errors import Refused, StorageFailed
from edge.contract.instant import Clock
from edge.contract.promotion_data import Promotion
from edge.contract.reference_data import (
    FEED_ORDER,
    Article,
    BoxKey,
    Feed,
    FeedItem,
    FeedPage,
    GroupBook,
    Price,
    PriceBook,
    StaffMember,
    StoreProfile,
    TaxRule,
    Urgent,
    newest_first,
    price_key,
)
from edge.contract.wire import UNREADABLE
from edge.reference.article_search import INDEX, Shares, find_articles, shares_of
from edge.reference.book_contents import each_held
from edge.reference.customer_index import CUSTOMERS, find_customers
from edge.reference.items import GTIN_DIGITS, forget_snapshot, take_item
from edge.reference.promotion_index import Named, PromotionIndex
from edge.runtime.database_file import DatabaseFile
from edge.runtime.keys import VerifyingKey
from edge.runtime.migrations import Migration

SCHEMA: Final = Path(__file__).parent / "reference.sql"
# the version of the newest signed page of each feed
_VERSIONS: Final = Migration(4, "ALTER TABLE feed ADD COLUMN version INTEGER NOT NULL DEFAULT 0;")
_SNAPSHOTS: Final = Migration(5, SCHEMA.with_name("snapshots.sql").read_text("utf-8"))
MIGRATIONS: Final = (
    Migration(1, SCHEMA.read_text("utf-8")),
    INDEX,
    CUSTOMERS,
    _VERSIONS,
    _SNAPSHOTS,
)
T = TypeVar("T")
STORE_KEY: Final = "store"
_OF_GOODS: Final = (Feed.CONFIG, Feed.CATALOGUE, Feed.PRICE, Feed.URGENT)
_NO_GOODS: Final = (math.inf, math.inf, "")
"""From which instant to which a name of goods holds, and the name: none is known."""
_CACHE_MAX: Final = 8_192
_SHAPES: Final[dict[Feed, msgspec.json.Decoder[Any]]] = {
    Feed.CONFIG: msgspec.json.Decoder(StoreProfile),
    Feed.STAFF: msgspec.json.Decoder(StaffMember),
    Feed.PRICE: msgspec.json.Decoder(Price),
    Feed.PROMOTION: msgspec.json.Decoder(Promotion),
    Feed.CATALOGUE: msgspec.json.Decoder(Article),
    Feed.BOX_KEY: msgspec.json.Decoder(BoxKey),
    Feed.USED_COUPON: msgspec.json.Decoder(UsedCoupon),
    Feed.COUPON: msgspec.json.Decoder(Coupon),
    Feed.CUSTOMER: msgspec.json.Decoder(Customer),
    Feed.URGENT: msgspec.json.Decoder(Urgent),
}


class ReferenceStore:
    """What head office sent down, over `reference.db`."""

    def __init__(self, file: DatabaseFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._cache: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._reader: sqlite3.Connection | None = None
        self._profile: StoreProfile | None = None
        self._taxes: dict[str, TaxRule] = {}
        self._cursors: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        """Of the newest signed page of each feed; 0 where none was signed."""
        self._staff: dict[str, StaffMember] = {}
        self._urgent: dict[str, Urgent] = {}
        self._staff_taken_at = 0
        self._promotions = PromotionIndex()
        self._books: list[PriceBook] = []
        self._group_books: dict[str, list[GroupBook]] = {}
        self._box_keys: dict[int, tuple[VerifyingKey, ...]] = {}
        self._shares: Shares | None = None
        self._has_coupons = False
        self._has_cards = False
        self._goods: tuple[float, float, str] = _NO_GOODS

    @property
    def file(self) -> DatabaseFile:
        """The file of it all."""
        return self._file

    async def open(self) -> None:
        """Open the file and read what is small: the store, its taxes, the staff."""
        await self._file.open()
        # point look-ups stay on the loop's thread: they cost less than a hop to another one
        self._reader = sqlite3.connect(
            f"{self._file.path.resolve().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            cached_statements=64,
        )
        self._refresh()

    async def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        await self._file.close()

    # --- feeds ----------------------------------------------------------------------------

    @property
    def cursors(self) -> dict[str, int]:
        """How far each feed has been taken: feed to cursor, 0 for one never met."""
        return {str(feed): self._cursors.get(feed, 0) for feed in FEED_ORDER}

    async def apply(self, page: FeedPage) -> int:
        """Take a page of a feed and return the new cursor; a page taken before changes nothing.

        Raises Refused("feed_item_malformed") naming feed and key: nothing of the page is
        taken then.
        """
        decoded = [(item, self.decoded(page.feed, item)) for item in page.items]
        now = self._clock.now_ms()
        known = self._cursors.get(page.feed, 0)

        def unit(connection: sqlite3.Connection) -> None:
            for item, value in decoded:
                if item.cursor > known:
                    take_item(connection, page.feed, item, value)
            forget_snapshot(connection, page.feed)
            connection.execute(
                "INSERT INTO feed (feed, cursor, taken_at, version) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (feed) DO UPDATE SET cursor = max(cursor, excluded.cursor),"
                " taken_at = excluded.taken_at, version = max(version, excluded.version)",
                (page.feed, page.next, now, page.version if page.signature else 0),
            )

        await self.change(page.feed, unit)
        return self._cursors[page.feed]

    async def change(self, feed: Feed, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Run a unit that changes a feed's items, and show what is there from then on."""
        result = await self._file.write(unit)
        if feed is Feed.CATALOGUE:
            self._shares = None
        self._refresh()
        return result

    @staticmethod
    def decoded(feed: Feed, item: FeedItem) -> Any:
        """Return the value of an item, None of one that is gone. Raises Refused as `apply`."""
        if item.is_gone:
            return None
        try:
            return _SHAPES[feed].decode(item.value)
        except UNREADABLE as error:
            raise Refused(
                "feed_item_malformed",
                f"Feed {feed}: the item {item.key!r} does not fit: {error}.",
                advice="Head office has to send it again in good order.",
                status=422,
            ) from None

    def _refresh(self) -> None:
        self._cache.clear()
        self._goods = _NO_GOODS
        rows = self._query("SELECT feed, cursor, taken_at, version FROM feed")
        self._cursors = {feed: cursor for feed, cursor, _, _ in rows}
        self.versions = {feed: version for feed, _, _, version in rows}
        self._staff_taken_at = next((at for feed, _, at, _ in rows if feed == Feed.STAFF), 0)
        stored = self._value(Feed.CONFIG, STORE_KEY)
        self._profile = stored
        self._taxes = {rule.code: rule for rule in stored.taxes} if stored else {}
        self._books = newest_first(stored.price_books) if stored else []
        self._group_books = {}
        for book in newest_first(stored.group_books) if stored else ():
            self._group_books.setdefault(book.group, []).append(book)
        self._staff = {member.id: member for member in self._all(Feed.STAFF)}
        self._urgent = {each.sku: each for each in self._all(Feed.URGENT)}
        self._promotions = PromotionIndex(self._all(Feed.PROMOTION))
        # every code that is scanned asks for a coupon and for a card
        self._has_coupons = self._any("SELECT 1 FROM item WHERE feed = ?", (Feed.COUPON,))
        self._has_cards = self._any("SELECT 1 FROM customer_card")
        self._box_keys = {}
        for each in self._all(Feed.BOX_KEY):
            key = VerifyingKey.from_hex(each.public)
            self._box_keys[each.store] = (*self.box_keys(each.store), key)

    def _all(self, feed: Feed) -> list[Any]:
        rows = self._query("SELECT value FROM item WHERE feed = ?", (feed,))
        return [_SHAPES[feed].decode(value) for (value,) in rows]

    # --- what the rules ask ---------------------------------------------------------------

    @property
    def store(self) -> StoreProfile:
        """The store. Raises Refused before the first contact with head office."""
        if self._profile is None:
            raise Refused(
                "no_reference_yet",
                "This box has not received its shop data from head office yet.",
                advice="Check the line to head office; selling starts by itself then.",
                status=503,
            )
        return self._profile

    @property
    def has_store(self) -> bool:
        """Whether head office has sent the store's profile."""
        return self._profile is not None

    def tax(self, code: str) -> TaxRule | None:
        """Return a tax rule of this store; None for an unknown code."""
        return self._taxes.get(code)

    def by_gtin(self, gtin: str) -> Article | None:
        """Return the article with this GTIN, in any of its lengths."""
        return self._cached("g", gtin.rjust(GTIN_DIGITS, "0"))

    def by_sku(self, sku: str) -> Article | None:
        """Return the article with this SKU."""
        return self._cached("s", sku)

    def by_plu(self, plu: str) -> Article | None:
        """Return the article with this PLU."""
        return self._cached("p", plu.lstrip("0"))

    def price(self, sku: str, at_ms: int) -> Price | None:
        """Return the listed price of an SKU at an instant: of the newest book that has one.

        One that head office set urgently goes before all books.
        """
        urgent = self._urgent.get(sku)
        if urgent is not None and urgent.price_minor is not None:
            return Price(sku, urgent.price_minor)
        for book in (*self._books_at(at_ms), ""):
            price = self.price_in(book, sku)
            if price is not None:
                return price
        return None

    def urgent(self, sku: str) -> Urgent | None:
        """Return what holds of an SKU at once."""
        return self._urgent.get(sku)

    def price_in(self, book: str, sku: str) -> Price | None:
        """Return the price that a book itself has for an SKU; of no book, for all of them."""
        found: Price | None = self._item(Feed.PRICE, price_key(sku, book))
        return found

    def group_books(self, group: str, at_ms: int) -> list[GroupBook]:
        """Return the price books of a customer group that are in force, the newest first."""
        return [book for book in self._group_books.get(group, ()) if book.from_ms <= at_ms]

    def box_keys(self, store: int) -> tuple[VerifyingKey, ...]:
        """Return the keys of a store's boxes, replaced ones too: they alone sign its receipts."""
        return self._box_keys.get(store, ())

    def price_book(self, at_ms: int) -> str:
        """Return the newest price book in force at an instant; empty for none."""
        return next(iter(self._books_at(at_ms)), "")

    def next_book_at(self, after_ms: int) -> int | None:
        """Return when the next price book for everybody takes effect; None when none is ahead."""
        return min((each.from_ms for each in self._books if each.from_ms > after_ms), default=None)

    @property
    def goods(self) -> str:
        """Name the state of articles and listed prices at this moment."""
        now = self._clock.now_ms()
        since, until, goods = self._goods
        if not since <= now < until:  # every view asks
            cursors = (self._cursors.get(feed, 0) for feed in _OF_GOODS)
            goods = ".".join((*map(str, cursors), self.price_book(now)))
            since = max((book.from_ms for book in self._books if book.from_ms <= now), default=0)
            self._goods = since, self.next_book_at(now) or math.inf, goods
        return goods

    async def books_held(self, from_ms: int) -> BooksHeld:
        """Say what is on the disk of each price book that takes effect at an instant or later."""
        cursors, clock = self.cursors, self._clock.now_ms()
        books: list[PriceBook | GroupBook] = list(self._books)
        books += chain.from_iterable(self._group_books.values())
        ahead = [book for book in books if book.from_ms >= from_ms]
        held = await self._file.read(lambda raw: tuple(each_held(raw, ahead)))
        return BooksHeld(held, cursors[Feed.CONFIG], cursors[Feed.PRICE], clock)

    def _books_at(self, at_ms: int) -> list[str]:
        return [book.id for book in self._books if book.from_ms <= at_ms]

    @property
    def has_promotions(self) -> bool:
        """Whether there is any promotion at all."""
        return not self._promotions.is_empty

    def promotions_for(self, lines: Iterable[Named]) -> tuple[Promotion, ...]:
        """Return the promotions that may concern these lines."""
        return self._promotions.of(lines)

    def coupon(self, code: str) -> Coupon | None:
        """Return the coupon with this code."""
        if not self._has_coupons:
            return None
        found: Coupon | None = self._item(Feed.COUPON, code)
        return found

    def used_coupon(self, code: str) -> UsedCoupon | None:
        """Return where another store took a single-use code, as far as head office has said."""
        found: UsedCoupon | None = self._item(Feed.USED_COUPON, code)
        return found

    def customer(self, number: str) -> Customer | None:
        """Return the customer with this number."""
        found: Customer | None = self._item(Feed.CUSTOMER, number)
        return found

    def customer_by_card(self, card: str) -> Customer | None:
        """Return the customer who has this card; of several the first by number."""
        if not self._has_cards:
            return None
        place = ("card", card)
        if place not in self._cache:
            rows = self._query(
                "SELECT number FROM customer_card WHERE card = ? ORDER BY number", (card,)
            )
            self._remember(place, self.customer(rows[0][0]) if rows else None)
        found: Customer | None = self._cache[place]
        return found

    def staff_member(self, person: str) -> StaffMember | None:
        """Return a person who may sign in; None for unknown or no longer active."""
        member = self._staff.get(person)
        return member if member is not None and member.active else None

    def role_of(self, person: str) -> str:
        """Return what a person who may sign in is; empty for everybody else."""
        member = self.staff_member(person)
        return "" if member is None else member.role

    @property
    def staff(self) -> list[StaffMember]:
        """Everybody who may sign in, by name."""
        return sorted((m for m in self._staff.values() if m.active), key=lambda m: m.name)

    @property
    def staff_taken_at(self) -> int:
        """When head office last spoke about the staff, in ms since 1970 UTC; 0 for never."""
        return self._staff_taken_at

    # --- what screens ask -----------------------------------------------------------------

    def quick_keys(self) -> tuple[QuickKeyPageView, ...]:
        """Return the pages of quick keys in the store's order, without keys that have no price."""
        pages = []
        for page in self.store.quick_key_pages:
            rows = self._query(
                "SELECT sku, place FROM quick_key WHERE page = ? ORDER BY place", (page.id,)
            )
            keys = []
            for sku, place in rows:
                article, price = self.by_sku(sku), self.price(sku, self._clock.now_ms())
                if article is not None and (price is not None or article.open_price):
                    keys.append(
                        QuickKeyView(
                            place,
                            sku,
                            article.name,
                            _shown_price(article, price),
                            article.unit,
                            article.icon,
                            article.open_price,
                            article.deposit,
                        )
                    )
            pages.append(QuickKeyPageView(page.id, page.name, tuple(keys)))
        return tuple(pages)

    async def search(self, text: str, *, limit: int = 30) -> tuple[ArticleView, ...]:
        """Return articles whose name, SKU, PLU or codes have every word of the text, best first."""
        found = []
        for sku in await self._file.read(lambda raw: self._search(raw, text, limit)):
            article: Article | None = self._item(Feed.CATALOGUE, sku)
            price = self.price(sku, self._clock.now_ms())
            if article is not None and (price is not None or article.open_price):
                shown = _shown_price(article, price)
                found.append(
                    ArticleView(sku, sku, article.name, shown, article.unit, article.open_price)
                )
        return tuple(found)

    def _search(self, raw: sqlite3.Connection, text: str, limit: int) -> list[str]:
        shares = self._shares
        if shares is None:
            shares = self._shares = shares_of(raw)
        return find_articles(raw, text, limit, shares)

    async def find_customers(self, text: str) -> tuple[FoundCustomer, ...]:
        """Return a few customers by card, or by the beginnings of their names' words."""
        numbers = await self._file.read(lambda raw: find_customers(raw, text))
        found = (self.customer(number) for number in numbers)
        return tuple(FoundCustomer(each.number, each.name, each.groups) for each in found if each)

    # --- the file -------------------------------------------------------------------------

    def _cached(self, kind: str, code: str) -> Article | None:
        key = (kind, code)
        if key in self._cache:
            self._cache.move_to_end(key)
        else:
            rows = self._query("SELECT sku FROM code WHERE kind = ? AND code = ?", key)
            self._remember(key, self._value(Feed.CATALOGUE, rows[0][0]) if rows else None)
        article: Article | None = self._cache[key]
        return article

    def _item(self, feed: Feed, key: str) -> Any:
        """Return the value of a key, read once until the next page of any feed."""
        place = (str(feed), key)
        if place not in self._cache:
            self._remember(place, self._value(feed, key))
        return self._cache[place]

    def _remember(self, key: tuple[str, str], value: object) -> None:
        self._cache[key] = value
        if len(self._cache) > _CACHE_MAX:
            self._cache.popitem(last=False)

    def _value(self, feed: Feed, key: str) -> Any:
        rows = self._query("SELECT value FROM item WHERE feed = ? AND key = ?", (feed, key))
        return _SHAPES[feed].decode(rows[0][0]) if rows else None

    def _any(self, sql: str, parameters: tuple[object, ...] = ()) -> bool:
        return bool(self._query(f"{sql} LIMIT 1", parameters))

    def _query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        if self._reader is None:
            raise StorageFailed("database_closed", f"{self._file.path.name} is closed.")
        return self._reader.execute(sql, parameters).fetchall()


def _shown_price(article: Article, price: Price | None) -> int:
    return 0 if price is None or article.open_price else price.price_minor
