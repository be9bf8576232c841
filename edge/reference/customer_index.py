"""Customers by card, and by the beginnings of their names' words; nobody is listed unasked.

A plain table of words, where articles have an index of pieces: names are looked for by their
beginnings, and what is erased has to be gone. SQLite overwrites it (`secure_delete`), and a table
has no segments in which an old word waits to be merged away.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from edge.contract.customer_data import Customer
from edge.contract.limits import (
    CUSTOMER_SEARCH_CHARS_MIN,
    CUSTOMERS_FOUND_MAX,
)
from edge.reference.article_search import fold
from edge.runtime.migrations import Migration

_LAST: Final = "\U0010ffff"
_FIRST_SIGN: Final = "\u2e80"
"""From here on lie the scripts in which a single sign may be a name."""

CUSTOMERS: Final = Migration(3, (Path(__file__).parent / "customer_index.sql").read_text("utf-8"))


def erase_for_good(connection: sqlite3.Connection) -> None:
    """Let what this connection deletes from now on be overwritten with zeros."""
    connection.execute("PRAGMA secure_delete = ON")


def index_customer(connection: sqlite3.Connection, number: str, customer: Customer | None) -> None:
    """Make a customer findable, again when something changed; or forget one who is gone."""
    for table in ("customer_card", "customer_word"):
        connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))  # noqa: S608
    if customer is None:
        return
    connection.executemany(
        "INSERT OR IGNORE INTO customer_card (card, number) VALUES (?, ?)",
        [(card, number) for card in customer.cards],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO customer_word (word, number) VALUES (?, ?)",
        [(word, number) for word in fold(f"{customer.name} {number}").split()],
    )


def find_customers(connection: sqlite3.Connection, text: str) -> list[str]:
    """Return the numbers of a few customers: whose card it is, or of whom words begin so."""
    cards = connection.execute(
        "SELECT number FROM customer_card WHERE card = ? ORDER BY number LIMIT ?",
        (text.strip(), CUSTOMERS_FOUND_MAX),
    ).fetchall()
    words = fold(text).split()
    found = [number for (number,) in cards]
    if found or not words or not any(_tells(word) for word in words):
        return found
    # the longest word has the fewest customers
    first, *others = sorted(words, key=len, reverse=True)
    holds = " AND EXISTS (SELECT 1 FROM customer_word AS other WHERE other.number = one.number"
    holds += " AND other.word >= ? AND other.word < ?)"
    rows = connection.execute(
        "SELECT DISTINCT number FROM customer_word AS one WHERE word >= ? AND word < ?"  # noqa: S608
        f"{holds * len(others)} ORDER BY number LIMIT ?",
        (
            *(bound for word in (first, *others) for bound in (word, word + _LAST)),
            CUSTOMERS_FOUND_MAX,
        ),
    )
    return [number for (number,) in rows]


def _tells(word: str) -> bool:
    """Say whether a word is long enough to look for: nobody pages through all customers."""
    return len(word) >= CUSTOMER_SEARCH_CHARS_MIN or word >= _FIRST_SIGN
