"""The demo shop's own articles and prices, in memory, for the fake box."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.contract.article_views import ArticleView, QuickKeyPageView, QuickKeyView
from edge.contract.coupon_data import Coupon, UsedCoupon
from edge.contract.customer_data import Customer
from edge.contract.promotion_data import Promotion
from edge.contract.reference_data import (
    Article,
    GroupBook,
    Price,
    StaffMember,
    StoreProfile,
    TaxRule,
    Urgent,
    newest_first,
    price_key,
)

DEMO: Final = Path(__file__).parents[2] / "sync" / "office" / "demo_shop"


def _rows(name: str) -> list[dict[str, str]]:
    with (DEMO / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _articles() -> list[Article]:
    rules = {rule["sku"]: rule for rule in json.loads((DEMO / "article_rules.json").read_text())}
    return [
        msgspec.convert(
            {**row, "codes": row["codes"].split(), **rules.get(row["sku"], {})}, Article
        )
        for row in _rows("articles.csv")
    ]


def demo_staff() -> tuple[list[StaffMember], dict[str, str]]:
    """Return the demo's people and their PINs, with somebody who reads Arabic and Korean too."""
    rows: list[dict[str, Any]] = json.loads((DEMO / "staff.json").read_text("utf-8"))
    rows += [
        {"id": "hind", "name": "Hind", "role": "cashier", "language": "ar", "demo_pin": "1357"},
        {"id": "minjun", "name": "민준", "role": "cashier", "language": "ko", "demo_pin": "7531"},
    ]
    staff = [StaffMember(r["id"], r["name"], r["role"], "", r["language"]) for r in rows]
    return staff, {r["id"]: r["demo_pin"] for r in rows}


@dataclass
class DemoReference:
    """Answers what the rules and the screens ask."""

    store: StoreProfile = field(
        default_factory=lambda: msgspec.convert(
            json.loads((DEMO / "store.json").read_text("utf-8"))["profile"], StoreProfile
        )
    )
    promotions: tuple[Promotion, ...] = ()
    coupons: dict[str, Coupon] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.articles = _articles()
        self._prices = {
            r["sku"]: Price(r["sku"], int(r["price_minor"])) for r in _rows("prices.csv")
        }
        self._book_prices = {
            price_key(row["sku"], book.id): Price(row["sku"], int(row["price_minor"]), book.id)
            for book in self.store.group_books
            for row in _rows(f"prices-{book.id}.csv")
        }
        self._gtins = {code.rjust(14, "0"): a for a in self.articles for code in a.codes}
        self._skus = {a.sku: a for a in self.articles}
        self._plus = {a.plu: a for a in self.articles if a.plu}
        self._taxes = {tax.code: tax for tax in self.store.taxes}

    def by_gtin(self, gtin: str) -> Article | None:
        return self._gtins.get(gtin.rjust(14, "0"))

    def by_sku(self, sku: str) -> Article | None:
        return self._skus.get(sku)

    def by_plu(self, plu: str) -> Article | None:
        return self._plus.get(plu.lstrip("0"))

    def price(self, sku: str, _: int) -> Price | None:
        return self._prices.get(sku)

    @property
    def has_promotions(self) -> bool:
        return bool(self.promotions)

    def promotions_for(self, _: object) -> tuple[Promotion, ...]:
        return self.promotions

    def urgent(self, _: str) -> Urgent | None:
        return None

    def price_book(self, _: int) -> str:
        return ""

    def group_books(self, group: str, at_ms: int) -> list[GroupBook]:
        books = [each for each in self.store.group_books if each.group == group]
        return [each for each in newest_first(books) if each.from_ms <= at_ms]

    def price_in(self, book: str, sku: str) -> Price | None:
        return self._book_prices.get(price_key(sku, book))

    def customer(self, number: str) -> Customer | None:
        return self.customers.get(number)

    def customer_by_card(self, card: str) -> Customer | None:
        return next((each for each in self.customers.values() if card in each.cards), None)

    def coupon(self, code: str) -> Coupon | None:
        return self.coupons.get(code)

    def used_coupon(self, _: str) -> UsedCoupon | None:
        return None

    def tax(self, code: str) -> TaxRule | None:
        return self._taxes.get(code)

    def _shown(self, sku: str) -> int:
        price = self._prices.get(sku)
        return price.price_minor if price else 0

    def quick_keys(self) -> list[QuickKeyPageView]:
        pages = []
        for page in self.store.quick_key_pages:
            placed = sorted(
                (int(a.key.split(":")[1]), a)
                for a in self.articles
                if a.key.startswith(f"{page.id}:")
            )
            keys = tuple(
                QuickKeyView(
                    place,
                    a.sku,
                    a.name,
                    self._shown(a.sku),
                    a.unit,
                    a.icon,
                    a.open_price,
                    a.deposit,
                )
                for place, a in placed
            )
            pages.append(QuickKeyPageView(page.id, page.name, keys))
        return pages

    def search(self, text: str) -> list[ArticleView]:
        words = text.casefold().split()
        found = [
            ArticleView(a.sku, a.sku, a.name, self._shown(a.sku), a.unit, a.open_price)
            for a in self.articles
            if words and all(word in f"{a.name} {a.sku}".casefold() for word in words)
        ]
        return found[:30]
