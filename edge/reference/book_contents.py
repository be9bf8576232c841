"""What is on the disk of a price book: all its prices, in the order of their keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from edge.contract.book_readiness import BookHeld, book_held, keys_of_book
from edge.contract.reference_data import Feed, GroupBook, PriceBook


def each_held(
    connection: sqlite3.Connection, books: Iterable[PriceBook | GroupBook]
) -> Iterator[BookHeld]:
    """Give what is held of each book; reads every price of it."""
    for book in books:
        prices = connection.execute(
            "SELECT key, value FROM item WHERE feed = ? AND key >= ? AND key < ? ORDER BY key",
            (Feed.PRICE, *keys_of_book(book.id)),
        )
        yield book_held(book, prices)
