"""How an item of a feed comes into `reference.db`, or goes: with whatever it is found by."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from edge.contract.reference_data import Article, Feed, FeedItem
from edge.reference.article_search import forget_article, index_article
from edge.reference.customer_index import erase_for_good, index_customer

GTIN_DIGITS: Final = 14


def take_item(connection: sqlite3.Connection, feed: Feed, item: FeedItem, value: Any) -> None:
    """Take one change of a feed, `value` decoded; None takes the key away."""
    if feed is Feed.CUSTOMER:
        erase_for_good(connection)
    if value is None:
        connection.execute("DELETE FROM item WHERE feed = ? AND key = ?", (feed, item.key))
    else:
        connection.execute(
            "INSERT INTO item (feed, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (feed, key) DO UPDATE SET value = excluded.value",
            (feed, item.key, bytes(item.value)),
        )
    if feed is Feed.CATALOGUE:
        _index_article(connection, item.key, value)
    elif feed is Feed.CUSTOMER:
        index_customer(connection, item.key, value)


def forget_snapshot(connection: sqlite3.Connection, feed: Feed) -> None:
    """Forget what is set aside of a snapshot of a feed: it is applied, or a page came instead."""
    for table in ("snapshot", "snapshot_part"):
        connection.execute(f"DELETE FROM {table} WHERE feed = ?", (feed,))  # noqa: S608


def _index_article(connection: sqlite3.Connection, sku: str, article: Article | None) -> None:
    for table in ("code", "quick_key"):
        connection.execute(f"DELETE FROM {table} WHERE sku = ?", (sku,))  # noqa: S608
    if article is None:
        forget_article(connection, sku)
        return
    codes = [("g", code.rjust(GTIN_DIGITS, "0"), sku) for code in article.codes]
    codes.append(("s", sku, sku))
    if article.plu:
        codes.append(("p", article.plu.lstrip("0"), sku))
    connection.executemany("INSERT OR IGNORE INTO code (kind, code, sku) VALUES (?, ?, ?)", codes)
    index_article(connection, sku, article)
    page, _, place = article.key.partition(":")
    if place.isascii() and place.isdigit():
        connection.execute(
            "INSERT INTO quick_key (sku, page, place) VALUES (?, ?, ?)", (sku, page, int(place))
        )
