"""Which price books lie whole on a box's disk, so that head office knows before they take effect.

A box names what it has of each book: how many prices, and a hash over the book and all of them.
Head office makes the same of what it sent. A box never says "ready": it says what it holds, and
a book that is changed is not held any more until it was taken again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.identity import Place, ShortId
from edge.contract.limits import BOOKS_SAID_MAX
from edge.contract.reference_data import GroupBook, PriceBook

BOOKS_READY: Final = "books_ready"
"""How a head office says in its Welcome that it hears BooksHeld."""


class BookHeld(msgspec.Struct, frozen=True):
    """What is held of a book: how many prices it has, and the hash of `book_held`."""

    book: ShortId
    prices: Place
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class BooksHeld(msgspec.Struct, frozen=True, tag=BOOKS_READY, tag_field="msg"):
    """All that a box holds of books that are announced, or in force since a day at most.

    `config` and `price` are the cursors up to which it had taken those feeds, `clock` what its
    clock says, in ms since 1970 UTC: by that it will switch.
    """

    books: Annotated[tuple[BookHeld, ...], Meta(max_length=BOOKS_SAID_MAX)]
    config: Place
    price: Place
    clock: int


class BooksWaiting(msgspec.Struct, frozen=True):
    """What `edge` gives `sync` to carry: `state` names it, until it may be something else."""

    state: str
    held: BooksHeld


def book_held(book: PriceBook | GroupBook, prices: Iterable[tuple[str, bytes]]) -> BookHeld:
    """Return what is held of a book, of its prices as keys and values, sorted by key.

    The hash is SHA-256 over the book as a JSON array (id, name, instant, group), a key, its
    value and so on; in front of each its length in four bytes, big endian. The values are the
    bytes that head office sent: both ends hash the same, whatever either knows of a price.
    """
    group = book.group if isinstance(book, GroupBook) else ""
    digest = hashlib.sha256()
    head = msgspec.json.encode((book.id, book.name, book.from_ms, group))
    digest.update(len(head).to_bytes(4, "big") + head)
    count = 0
    for key, value in prices:
        for part in (key.encode(), value):
            digest.update(len(part).to_bytes(4, "big") + part)
        count += 1
    return BookHeld(book.id, count, digest.hexdigest())


def keys_of_book(book: str) -> tuple[str, str]:
    """Return between which keys of the price feed (the second one excluded) a book's prices are."""
    return f"{book}/", f"{book}0"  # the sign behind the slash: no id and no SKU holds a slash
