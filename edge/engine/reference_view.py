"""What the rules ask of the shop's reference data; `edge.reference` answers it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from edge.contract.coupon_data import Coupon, UsedCoupon
from edge.contract.customer_data import Customer
from edge.contract.promotion_data import Promotion
from edge.contract.reference_data import Article, GroupBook, Price, StoreProfile, TaxRule, Urgent
from edge.engine.promotion_units import BasketLine


class PricesOfGroups(Protocol):
    """The prices of customer groups."""

    def group_books(self, group: str, at_ms: int) -> Sequence[GroupBook]:
        """Return the price books of a customer group that are in force, the newest first."""
        ...

    def price_in(self, book: str, sku: str) -> Price | None:
        """Return the price that a book itself has for an SKU."""
        ...


class ReferenceView(PricesOfGroups, Protocol):
    """Point look-ups, each in microseconds; None for what the shop does not know."""

    @property
    def store(self) -> StoreProfile:
        """The store. May raise Refused before the first contact with head office."""
        ...

    def by_gtin(self, gtin: str) -> Article | None:
        """Return the article with this GTIN; asked with 14 digits, stored in any length."""
        ...

    def by_sku(self, sku: str) -> Article | None:
        """Return the article with this own number."""
        ...

    def by_plu(self, plu: str) -> Article | None:
        """Return the article with this short number; leading zeros mean nothing."""
        ...

    def price(self, sku: str, at_ms: int) -> Price | None:
        """Return the listed price of an SKU at an instant."""
        ...

    def urgent(self, sku: str) -> Urgent | None:
        """Return what holds of an SKU at once, whatever other feeds say."""
        ...

    def price_book(self, at_ms: int) -> str:
        """Return the newest price book in force at an instant; empty for none."""
        ...

    def tax(self, code: str) -> TaxRule | None:
        """Return a tax rule of the store."""
        ...

    @property
    def has_promotions(self) -> bool:
        """Whether there is any promotion at all: many shops have none most of the time."""
        ...

    def promotions_for(self, lines: Iterable[BasketLine]) -> Sequence[Promotion]:
        """Return the promotions that may concern these lines, in any order."""
        ...

    def coupon(self, code: str) -> Coupon | None:
        """Return the coupon with this code."""
        ...

    def used_coupon(self, code: str) -> UsedCoupon | None:
        """Return where another store took a single-use code, as far as head office has said."""
        ...

    def customer(self, number: str) -> Customer | None:
        """Return the customer with this number."""
        ...

    def customer_by_card(self, card: str) -> Customer | None:
        """Return the customer who has this card."""
        ...
