"""What goes down to the shops: the last value of each key, in the order of its last change.

A change costs one row with the next cursor of its feed, however many shops there are; a
value that is the same takes no new cursor. An item is for every store, or for one (`scope`,
its slug), which then goes before the one for all.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from edge.contract.coupon_data import Coupon, UsedCoupon
from edge.contract.customer_data import Customer
from edge.contract.errors import Refused
from edge.contract.limits import (
    FEED_ITEM_BYTES_MAX,
    FEED_ITEMS_PER_PAGE,
    FEED_PAGE_BYTES_MAX,
    PRICE_BOOKS_MAX,
)
from edge.contract.promotion_data import Promotion
from edge.contract.reference_data import (
    FEED_ORDER,
    GONE,
    Article,
    BoxKey,
    Feed,
    FeedItem,
    FeedPage,
    Price,
    StaffMember,
    StoreProfile,
    Urgent,
)
from edge.engine.text_safety import looks_like_pan
from edge.runtime.database_file import DatabaseFile

STORE_KEY: Final = "store"
_SHAPES: Final[dict[Feed, type[msgspec.Struct]]] = {
    Feed.CONFIG: StoreProfile,
    Feed.STAFF: StaffMember,
    Feed.PRICE: Price,
    Feed.PROMOTION: Promotion,
    Feed.CATALOGUE: Article,
    Feed.BOX_KEY: BoxKey,
    Feed.USED_COUPON: UsedCoupon,
    Feed.COUPON: Coupon,
    Feed.CUSTOMER: Customer,
    Feed.URGENT: Urgent,
}
_KEY_FIELDS: Final = {
    Feed.STAFF: "id",
    Feed.PRICE: "key",
    Feed.PROMOTION: "id",
    Feed.CATALOGUE: "sku",
    Feed.BOX_KEY: "key",
    Feed.USED_COUPON: "code",
    Feed.COUPON: "code",
    Feed.CUSTOMER: "number",
    Feed.URGENT: "sku",
}
_ROLES: Final = frozenset({"cashier", "supervisor", "manager", "technician"})
_UNITS: Final = frozenset({"piece", "kg"})
_KEY_CHARS_MAX: Final = 80
_CURRENCY_CHARS: Final = 3


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key and the value it is to have; `null` takes it away."""

    key: str
    value: msgspec.Raw


class ItemError(msgspec.Struct, frozen=True):
    """Why an item is not taken. `index` counts from 0 in what was handed in."""

    index: int
    key: str
    reason: str


class Applied(msgspec.Struct, frozen=True):
    """What a change did, or (dry run) would do; with `errors` nothing is changed."""

    changed: int
    unchanged: int
    cursor: int
    errors: tuple[ItemError, ...] = ()


class Feeds:
    """The feeds in `office.db`. `listeners` are called after a change, with the feed."""

    def __init__(self, file: DatabaseFile) -> None:
        self.file = file
        self.listeners: list[Callable[[Feed], None]] = []

    async def put(
        self, feed: Feed, items: Sequence[NewItem], *, scope: str = "", dry_run: bool = False
    ) -> Applied:
        """Give keys new values, all or (with any error) none."""
        values: list[tuple[str, bytes]] = []
        errors: list[ItemError] = []
        seen: set[str] = set()
        for index, item in enumerate(items):
            try:
                values.append((item.key, canonical(feed, item.key, bytes(item.value))))
                if item.key in seen:
                    raise ValueError("the key stands here twice")  # noqa: TRY301 - one list of reasons
            except ValueError as error:
                errors.append(ItemError(index, item.key, str(error)))
            seen.add(item.key)
        keep = not errors and not dry_run
        applied = await (self.file.write if keep else self.file.read)(
            lambda connection: _put(connection, feed, scope, values, keep=keep)
        )
        if keep and applied.changed:
            self.changed(feed)
        return msgspec.structs.replace(applied, errors=tuple(errors))

    def changed(self, feed: Feed) -> None:
        """Tell the listeners of a change that another transaction made."""
        for listener in self.listeners:
            listener(feed)

    async def page(
        self,
        feed: Feed,
        after: int,
        *,
        scope: str = "",
        items_max: int = FEED_ITEMS_PER_PAGE,
        bytes_max: int = FEED_PAGE_BYTES_MAX,
    ) -> FeedPage:
        """Return the changes behind a cursor that a store gets, in order, one page at most.

        A page that is full stops at its last item; one that is not says how far it looked.
        """

        def query(connection: sqlite3.Connection) -> tuple[list[Any], int]:
            # before the rows: a change in between is then seen again, not passed over
            newest = _newest(connection, feed)
            rows = connection.execute(
                "SELECT key, cursor, value FROM feed_item AS item"
                " WHERE feed = ?1 AND cursor > ?2 AND (scope = ?3 OR (scope = '' AND NOT EXISTS"
                " (SELECT 1 FROM feed_item AS own WHERE own.feed = ?1 AND own.scope = ?3"
                " AND own.key = item.key AND own.value <> CAST('null' AS BLOB))))"
                " ORDER BY cursor LIMIT ?4",
                (feed, after, scope, items_max + 1),
            ).fetchall()
            return rows, newest

        rows, newest = await self.file.read(query)
        items: list[FeedItem] = []
        size = 0
        for key, cursor, value in rows[:items_max]:
            size += len(value) + len(key)
            if items and size > bytes_max:
                break
            items.append(FeedItem(key, cursor, msgspec.Raw(value)))
        more = len(items) < len(rows)
        last = items[-1].cursor if items else 0
        return FeedPage(feed, tuple(items), last if more else max(newest, last), more)

    async def catch_up(self, feed: Feed, cursor: int) -> None:
        """Move a feed behind a cursor that a box has seen, so that the box takes it again.

        For a head office restored from an old copy: its cursors would otherwise be passed
        over as known.
        """

        def unit(connection: sqlite3.Connection) -> None:
            newest = _newest(connection, feed)
            if newest >= cursor:
                return
            # close together: however often this happens, cursors grow by what boxes say only
            rows = connection.execute(
                "SELECT scope, key FROM feed_item WHERE feed = ? ORDER BY cursor", (feed,)
            ).fetchall()
            connection.executemany(
                "UPDATE feed_item SET cursor = ? WHERE feed = ? AND scope = ? AND key = ?",
                [(place, feed, *row) for place, row in enumerate(rows, cursor + 1)],
            )
            connection.execute(
                "INSERT INTO feed_cursor (feed, newest) VALUES (?, ?)"
                " ON CONFLICT (feed) DO UPDATE SET newest = excluded.newest",
                (feed, cursor + len(rows)),
            )

        await self.file.write(unit)

    async def newest(self) -> dict[str, int]:
        """Return the newest cursor of each feed."""
        return await self.file.read(
            lambda connection: {str(feed): _newest(connection, feed) for feed in FEED_ORDER}
        )

    async def profiles(self, slugs: Sequence[str]) -> dict[str, StoreProfile]:
        """Return the profile of each store that has one."""

        def query(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(
                "SELECT scope, value FROM feed_item WHERE feed = ? AND key = ? ORDER BY scope",
                (Feed.CONFIG, STORE_KEY),
            ).fetchall()

        decoder = msgspec.json.Decoder(StoreProfile)
        found = {
            scope: decoder.decode(value)
            for scope, value in await self.file.read(query)
            if value != bytes(GONE)
        }
        general = found.get("")
        return {
            slug: profile for slug in slugs if (profile := found.get(slug, general)) is not None
        }


def canonical(feed: Feed, key: str, value: bytes) -> bytes:
    """Return a value as it is kept, or raise ValueError saying what is wrong with it."""
    if not 0 < len(key) <= _KEY_CHARS_MAX:
        raise ValueError(f"a key has 1 to {_KEY_CHARS_MAX} characters")
    if value.strip() == bytes(GONE):
        return bytes(GONE)
    shape = _SHAPES[feed]
    try:
        found: Any = msgspec.json.decode(value, type=shape)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    unknown = set(cast("dict[str, Any]", msgspec.json.decode(value))) - set(shape.__struct_fields__)
    if unknown:
        raise ValueError(f"there is no field {', '.join(sorted(unknown))}")
    named = getattr(found, _KEY_FIELDS[feed]) if feed in _KEY_FIELDS else STORE_KEY
    if named != key:
        raise ValueError(f"its key would be {named!r}")
    _CHECKS.get(feed, _no_check)(found)
    kept = msgspec.json.encode(found)
    if len(kept) > FEED_ITEM_BYTES_MAX:
        raise ValueError(f"it is over {FEED_ITEM_BYTES_MAX} bytes")
    return kept


def _check_profile(profile: StoreProfile) -> None:
    try:
        ZoneInfo(profile.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time_zone {profile.time_zone!r} is no zone of the IANA list") from None
    currency = profile.currency
    if len(currency) != _CURRENCY_CHARS or not (currency.isascii() and currency.isupper()):
        raise ValueError(f"currency {currency!r} is no code of three capitals")
    books = [book.id for book in profile.price_books]
    books += [book.id for book in profile.group_books]
    if len(set(books)) != len(books):
        raise ValueError("price_books and group_books together hold each id once")
    groups = Counter(book.group for book in profile.group_books)
    if groups and max(groups.values()) > PRICE_BOOKS_MAX:
        [(group, _)] = groups.most_common(1)
        raise ValueError(f"the group {group!r} has more than {PRICE_BOOKS_MAX} books")
    codes = [rule.code for rule in profile.taxes]
    if not codes or len(set(codes)) != len(codes):
        raise ValueError("taxes holds at least one rule, and each code once")


def _check_price(price: Price) -> None:
    if "/" in price.sku:
        raise ValueError("an SKU that has a price holds no slash: it parts book and SKU")


def _check_staff(member: StaffMember) -> None:
    if member.role not in _ROLES:
        raise ValueError(f"role {member.role!r} is none of {', '.join(sorted(_ROLES))}")
    if not member.pin_hash.startswith("$argon2id$"):
        raise ValueError("pin_hash is no argon2id hash: a PIN itself is never sent")


def _check_article(article: Article) -> None:
    if article.unit not in _UNITS:
        raise ValueError(f"unit {article.unit!r} is neither piece nor kg")
    if article.open_price and article.unit != "piece":
        raise ValueError("an open_price is typed by the piece: the unit is piece")
    if (article.deposit or article.deposit_sku) and article.unit != "piece":
        raise ValueError("a deposit is counted by the piece: the unit is piece")
    if article.deposit and article.deposit_sku:
        raise ValueError("a deposit has no deposit_sku of its own: its price is that of all parts")


def _check_coupon(coupon: Coupon | UsedCoupon) -> None:
    if looks_like_pan(coupon.code):
        raise ValueError("the code looks like a card number, which no till would keep")


def _check_customer(customer: Customer) -> None:
    if any(map(looks_like_pan, (customer.number, customer.name, *customer.cards))):
        raise ValueError("something in it looks like a card number, which no till would keep")


def _check_urgent(urgent: Urgent) -> None:
    if not urgent.stopped and urgent.price_minor is None:
        raise ValueError("it neither stops the sale nor sets a price; null takes it away")


def _no_check(_: Any) -> None:
    """Accept what fits its shape."""


_CHECKS: Final[dict[Feed, Callable[[Any], None]]] = {
    Feed.CONFIG: _check_profile,
    Feed.STAFF: _check_staff,
    Feed.PRICE: _check_price,
    Feed.CATALOGUE: _check_article,
    Feed.USED_COUPON: _check_coupon,
    Feed.COUPON: _check_coupon,
    Feed.CUSTOMER: _check_customer,
    Feed.URGENT: _check_urgent,
}


def newest_of(connection: sqlite3.Connection, feed: Feed) -> int:
    """Return the newest cursor of a feed."""
    return _newest(connection, feed)


def put_first(connection: sqlite3.Connection, feed: Feed, key: str, value: bytes) -> None:
    """Give a key that never had one a value for all stores, in the caller's transaction.

    A value that was there once stays as it is, also one that a person took away.
    """
    place = (feed, "", key)
    known = connection.execute(
        "SELECT 1 FROM feed_item WHERE feed = ? AND scope = ? AND key = ?", place
    ).fetchone()
    if known is None:
        cursor = _newest(connection, feed) + 1
        _set(connection, place, cursor, canonical(feed, key, value))
        _move_on(connection, feed, cursor)


def _move_on(connection: sqlite3.Connection, feed: Feed, cursor: int) -> None:
    connection.execute(
        "INSERT INTO feed_cursor (feed, newest) VALUES (?, ?)"
        " ON CONFLICT (feed) DO UPDATE SET newest = excluded.newest",
        (feed, cursor),
    )


def _newest(connection: sqlite3.Connection, feed: Feed) -> int:
    row = connection.execute("SELECT newest FROM feed_cursor WHERE feed = ?", (feed,)).fetchone()
    return int(row[0]) if row else 0


def _put(
    connection: sqlite3.Connection,
    feed: Feed,
    scope: str,
    values: Sequence[tuple[str, bytes]],
    *,
    keep: bool,
) -> Applied:
    cursor = _newest(connection, feed)
    changed = 0
    for key, value in values:
        row = connection.execute(
            "SELECT value FROM feed_item WHERE feed = ? AND scope = ? AND key = ?",
            (feed, scope, key),
        ).fetchone()
        if (row[0] if row else bytes(GONE)) == value:
            continue
        changed += 1
        if keep:
            cursor += 1
            _set(connection, (feed, scope, key), cursor, value)
    if keep and changed:
        _move_on(connection, feed, cursor)
    return Applied(changed, len(values) - changed, cursor)


def _set(
    connection: sqlite3.Connection, place: tuple[Feed, str, str], cursor: int, value: bytes
) -> None:
    feed, scope, key = place
    if scope and value == bytes(GONE):
        # the value for all shows again: it goes down anew to those who had the other one
        general = connection.execute(
            "UPDATE feed_item SET cursor = ? WHERE feed = ? AND scope = '' AND key = ?",
            (cursor, feed, key),
        )
        if general.rowcount:
            connection.execute(
                "DELETE FROM feed_item WHERE feed = ? AND scope = ? AND key = ?", place
            )
            return
    connection.execute(
        "INSERT INTO feed_item (feed, scope, key, cursor, value) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (feed, scope, key) DO UPDATE SET cursor = excluded.cursor,"
        " value = excluded.value",
        (*place, cursor, value),
    )


def refuse_errors(feed: Feed, applied: Applied) -> None:
    """Raise Refused (422) naming the first errors, when there are any."""
    if not applied.errors:
        return
    first = applied.errors[0]
    raise Refused(
        "items_malformed",
        f"Feed {feed}: {len(applied.errors)} items do not fit; item {first.index} "
        f"({first.key!r}): {first.reason}.",
        advice="Correct them and send all again; nothing was changed.",
        status=422,
        params={f"{error.index} {error.key}": error.reason for error in applied.errors[:20]},
    )
