"""The hash by which both ends know that a price book is whole, worked out by hand here."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from edge.contract.book_readiness import BookHeld, BooksHeld, book_held, keys_of_book
from edge.contract.limits import BOOKS_SAID_MAX
from edge.contract.reference_data import GroupBook, PriceBook
from edge.contract.replication import BoxMessage

BOOK = PriceBook("autumn", "Autumn", 1_795_000_000_000)
PRICES = [
    ("autumn/100", b'{"sku":"100","price_minor":139,"book":"autumn"}'),
    ("autumn/101", b'{"sku":"101","price_minor":49,"book":"autumn","of a newer office":1}'),
]


def test_the_hash_is_over_the_book_and_each_price_with_their_lengths() -> None:
    text = (
        b'\x00\x00\x00\x24["autumn","Autumn",1795000000000,""]'
        b"\x00\x00\x00\x0aautumn/100"
        b'\x00\x00\x00\x2f{"sku":"100","price_minor":139,"book":"autumn"}'
        b"\x00\x00\x00\x0aautumn/101"
        b'\x00\x00\x00\x44{"sku":"101","price_minor":49,"book":"autumn","of a newer office":1}'
    )
    assert book_held(BOOK, PRICES) == BookHeld("autumn", 2, hashlib.sha256(text).hexdigest())


@pytest.mark.parametrize(
    ("book", "prices"),
    [
        (BOOK, PRICES[:1]),
        (BOOK, []),
        (BOOK, [PRICES[0], (PRICES[1][0], PRICES[1][1].replace(b"49", b"48"))]),
        (BOOK, [PRICES[0], ("autumn/102", PRICES[1][1])]),
        (PriceBook("autumn", "Autumn", 1_795_000_000_001), PRICES),
        (PriceBook("autumn", "autumn", 1_795_000_000_000), PRICES),
        (GroupBook("autumn", "Autumn", 1_795_000_000_000, "trade"), PRICES),
    ],
)
def test_whatever_is_another_makes_another_hash(
    book: PriceBook, prices: list[tuple[str, bytes]]
) -> None:
    assert book_held(book, prices).sha256 != book_held(BOOK, PRICES).sha256


@pytest.mark.parametrize(
    ("key", "inside"),
    [
        ("autumn/0", True),
        ("autumn/zz", True),
        ("autumn/\U0010ffff", True),
        ("autumn", False),
        ("autumn-2/100", False),
        ("autumn2/100", False),
        ("100", False),
    ],
)
def test_the_keys_of_a_book_are_its_own_only(key: str, inside: bool) -> None:
    begin, end = keys_of_book("autumn")
    # as SQLite compares texts: by their bytes
    assert (begin.encode() <= key.encode() < end.encode()) is inside


def test_what_a_box_says_is_bounded() -> None:
    held = BookHeld("autumn", 1, "0" * 64)
    said = BooksHeld((held,) * BOOKS_SAID_MAX, 1, 2, 3)
    assert msgspec.json.decode(msgspec.json.encode(said), type=BoxMessage) == said
    too_many = msgspec.structs.replace(said, books=(held,) * (BOOKS_SAID_MAX + 1))
    with pytest.raises(msgspec.ValidationError, match="length"):
        msgspec.json.decode(msgspec.json.encode(too_many), type=BoxMessage)
