"""The prices that a customer has: of the books of the groups they are in. See `PRICES.md` beside.

A customer's price is a reduction of the listed one, worked out anew with every change of the
basket. So the line keeps its listed price, for everybody to compare; when the customer is named
makes no difference; and what the customer paid stands in the events, whatever the books say later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from edge.contract.price_events import LineReduction, Reduction
from edge.contract.quantity import extend
from edge.contract.reference_data import GroupBook
from edge.engine.article_finding import PRICE_CODE, Priced
from edge.engine.promotion_units import BasketLine
from edge.engine.reference_view import PricesOfGroups

PRICE_BOOK: Final = "price_book"


class CustomerPrice(NamedTuple):
    """A price per piece or kilogram, and the book that has it."""

    price_minor: int
    book: GroupBook


class PricedForCustomer(NamedTuple):
    """The lines at what the customer pays, and what that takes off the listed prices."""

    lines: tuple[BasketLine, ...]
    reductions: tuple[Reduction, ...]


def customer_price(
    books: PricesOfGroups, sku: str, groups: Sequence[str], at_ms: int
) -> CustomerPrice | None:
    """Return the lowest price of an article that one of the groups has; None where none has one.

    In each group the newest book in force counts that has the article. Of equal prices it is the
    one of the book whose id comes first, so that the order of the groups says nothing.
    """
    return _lowest(books, sku, [books.group_books(group, at_ms) for group in groups])


def _lowest(
    books: PricesOfGroups, sku: str, of_groups: Iterable[Sequence[GroupBook]]
) -> CustomerPrice | None:
    found = []
    for in_force in of_groups:
        for book in in_force:
            price = books.price_in(book.id, sku)
            if price is not None:
                found.append(CustomerPrice(price.price_minor, book))
                break
    return min(found, key=lambda each: (each.price_minor, each.book.id), default=None)


def returned_by_customer(
    priced: Priced, books: PricesOfGroups, groups: Sequence[str], at_ms: int
) -> Priced:
    """Return goods without a receipt at the price that a customer of these groups has for them."""
    if not groups or priced.entry == PRICE_CODE:
        return priced
    found = customer_price(books, priced.article.sku, groups, at_ms)
    if found is None or found.price_minor >= priced.price_minor:
        return priced
    amount = extend(found.price_minor, priced.quantity)
    return replace(priced, price_minor=found.price_minor, amount_minor=amount)


def priced_for_customer(
    lines: tuple[BasketLine, ...], books: PricesOfGroups, groups: Sequence[str], at_ms: int
) -> PricedForCustomer:
    """Return lines at the prices of a customer of these groups, where those are lower."""
    # asked once, not for every line: most customers are in no group that has a book
    of_groups = [found for found in (books.group_books(group, at_ms) for group in groups) if found]
    if not of_groups:
        return PricedForCustomer(lines, ())
    priced = []
    taken: dict[str, tuple[GroupBook, list[LineReduction]]] = {}
    for line in lines:
        # what it costs was typed, or promised on its label: no list has a say in it
        own = None if line.own_price else _lowest(books, line.sku, of_groups)
        if own is None or own.price_minor >= line.price_minor:
            priced.append(line)
            continue
        price, book = own
        amount = extend(price, line.quantity)
        priced.append(replace(line, price_minor=price, amount_minor=amount))
        if amount != line.amount_minor:  # a few grams may cost the same
            parts = taken.setdefault(book.id, (book, []))[1]
            parts.append(LineReduction(line.line_id, line.amount_minor - amount, price))
    return PricedForCustomer(
        tuple(priced),
        tuple(
            Reduction(PRICE_BOOK, id_, book.name, tuple(parts))
            for id_, (book, parts) in sorted(taken.items())
        ),
    )
