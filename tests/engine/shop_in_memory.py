"""A shop's reference data in memory, for the tests of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.contract.coupon_data import Coupon, UsedCoupon
from edge.contract.customer_data import Customer
from edge.contract.promotion_data import Hours, Promotion
from edge.contract.reference_data import (
    Article,
    CodeTemplate,
    ForeignCash,
    GroupBook,
    Price,
    StoreProfile,
    TaxRule,
    Tips,
    Tracking,
    Urgent,
    newest_first,
)
from edge.engine.barcode_meaning import check_digit
from edge.engine.circumstances import Circumstances
from edge.engine.promotion_units import BasketLine
from edge.engine.reference_view import ReferenceView

ZERO: Final = TaxRule("zero", "Zero", 0)
REDUCED: Final = TaxRule("reduced", "Reduced", 55_000)
STANDARD: Final = TaxRule("standard", "Standard", 210_000)
TEMPLATES: Final = (
    CodeTemplate("21", 5, 5, "weight", 3),
    CodeTemplate("22", 5, 5, "price", 2),
    CodeTemplate("020", 4, 4, "price", 2, inner_check_digits=1),
)


def coded(body: str) -> str:
    """Return digits with their check digit."""
    return body + check_digit(body)


ROLL: Final = coded("952000000001")
MILK: Final = coded("952000000002")
FREE: Final = coded("952000000003")
DEAR: Final = coded("952000000004")
SMALL: Final = coded("9520001")
UNPRICED: Final = coded("952000000005")
UNTAXED: Final = coded("952000000006")
SOAP: Final = coded("952000000007")
BEER: Final = coded("952000000008")
SPIRITS: Final = coded("952000000009")
WATER: Final = coded("952000000010")
LEMONADE: Final = coded("952000000011")
"""Its deposit is not in the catalogue."""
WHEAT_BEER: Final = coded("952000000013")
PHONE: Final = coded("952000000014")
BABY_MILK: Final = coded("952000000015")
JUICE: Final = coded("952000000012")
"""Its deposit is none."""
DEPOSIT: Final = "P25"
CASE: Final = coded("1952000000001")
UPC: Final = coded("01234500006")
UNKNOWN: Final = coded("952999999999")
CHEESE_PLU: Final = "4101"
PLUM_PLU: Final = "77"
FRUIT: Final = "O1"
FRUIT_2_50: Final = coded("22" + "00300" + "00250")
CHEESE_742_G: Final = coded("21" + "04101" + "00742")
CHEESE_3_49: Final = coded("22" + "04101" + "00349")
CAKE_2_50: Final = coded("22" + "00200" + "00250")

ARTICLES: Final = (
    (Article("R1", "Bread roll", "reduced", (ROLL, CASE)), 45),
    (Article("M1", "Whole milk 1 l", "zero", (MILK,)), 129),
    (Article("F1", "Leaflet", "standard", (FREE,)), 0),
    (Article("D1", "Gold watch", "standard", (DEAR,)), 99_999_999),
    (Article("S1", "Chewing gum", "standard", (SMALL,)), 115),
    (Article("X1", "Soap", "standard", (SOAP,)), 99),
    (Article("U1", "Tea", "standard", (UPC,)), 299),
    (Article("C1", "Aged cheese", "reduced", plu=CHEESE_PLU, unit="kg"), 1_890),
    (Article("P1", "Plums, free", "reduced", plu=PLUM_PLU, unit="kg"), 0),
    (Article("Z1", "Glass noodles", "reduced", plu="666"), 249),
    (Article("K1", "Carrot cake", "reduced", plu="200"), 320),
    (Article("A6", "Beer 0.5 l", "standard", (BEER,), minimum_age=16), 119),
    (Article("W1", "Water 1 l", "reduced", (WATER,), deposit_sku="P25"), 79),
    (
        Article("A7", "Wheat beer", "standard", (WHEAT_BEER,), minimum_age=16, deposit_sku="P25"),
        149,
    ),
    (Article("S2", "Phone", "standard", (PHONE,), tracking=Tracking.SERIAL), 19_900),
    (Article("B2", "Baby milk", "zero", (BABY_MILK,), tracking=Tracking.LOT), 1_290),
    (Article("L1", "Lemonade", "reduced", (LEMONADE,), deposit_sku="D2"), 99),
    (Article("L2", "Juice", "reduced", (JUICE,), deposit_sku="M1"), 99),
    (Article("P25", "Bottle deposit", "standard", deposit=True), 25),
    (Article("A8", "Spirits 0.7 l", "standard", (SPIRITS,), minimum_age=18), 1_499),
    (Article("O1", "Fruit", "reduced", plu="300", group="fruit", open_price=True), None),
    (Article("N1", "No price", "standard", (UNPRICED,)), None),
    (Article("T1", "No tax", "lost", (UNTAXED,)), 100),
    (Article("12345678", "Own eight digits", "standard"), 100),
    (Article("2000004", "Own seven digits", "standard"), 100),
)


ANA_CARD: Final = coded("952000900001")
CUSTOMERS: Final = (
    Customer("K7Q4-M2XD", "Ana Exemplo", (ANA_CARD,), ("club",), "pt"),
    Customer("R3ZB-81HT", "Jan Przykładowy", ("JAN-CARD",), ("staff", "club")),
)
COUPONS: Final = (
    Coupon("WELCOME-17", "welcome", "1.00 off soap", single_use=True),
    Coupon("WELCOME-18", "welcome", "1.00 off soap", single_use=True),
    Coupon("WINTER-GONE", "winter", "A tenth off", single_use=True),
    Coupon("9900000000017", "leaflet", "Rolls at half price"),
    Coupon("OLD-ONE", "old", "A tenth off", Hours(until_ms=1)),
    Coupon("TOMORROW", "new", "A tenth off", Hours(from_ms=1_800_000_000_000)),
    Coupon("SUNDAYS", "sundays", "A tenth off", Hours(weekdays=(7,))),
    *(Coupon(f"MANY-{number}", f"many-{number}", "Nothing much") for number in range(20)),
)


def profile(
    *,
    included: bool = True,
    cash_step_minor: int = 0,
    open_price_max_minor: int = 0,
    empties_max_minor: int = 500,
    tips: Tips | None = None,
) -> StoreProfile:
    """Return a store in euro with three rates and three label templates."""
    return StoreProfile(
        name="Harbour Street",
        currency="EUR",
        time_zone="Europe/Lisbon",
        taxes=(ZERO, REDUCED, STANDARD),
        address=("12 Harbour Street",),
        tax_number="PT 000",
        prices_include_tax=included,
        cash_step_minor=cash_step_minor,
        receipt_footer=("Thank you",),
        code_templates=TEMPLATES,
        foreign_cash=(ForeignCash("USD", 850_000), ForeignCash("JPY", 6_100)),
        open_price_max_minor=open_price_max_minor,
        empties_max_minor=empties_max_minor,
        tips=tips,
    )


@dataclass
class ShopInMemory:
    """Answers what the rules ask, from dictionaries."""

    store: StoreProfile = field(default_factory=profile)
    promotions: tuple[Promotion, ...] = ()
    coupons: tuple[Coupon, ...] = COUPONS
    book_prices: tuple[Price, ...] = ()
    customers: tuple[Customer, ...] = CUSTOMERS
    urgents: tuple[Urgent, ...] = (Urgent("Z1", stopped=True, reason="Recall: glass."),)
    used_coupons: tuple[UsedCoupon, ...] = (
        UsedCoupon("WINTER-GONE", "market-square", "till-3-000017", 5),
    )

    def __post_init__(self) -> None:
        self._gtins = {code.rjust(14, "0"): each for each, _ in ARTICLES for code in each.codes}
        self._skus = {each.sku: each for each, _ in ARTICLES}
        self._plus = {each.plu: each for each, _ in ARTICLES if each.plu}
        self._prices = {e.sku: Price(e.sku, p) for e, p in ARTICLES if p is not None}
        self._taxes = {each.code: each for each in self.store.taxes}

    def by_gtin(self, gtin: str) -> Article | None:
        return self._gtins.get(gtin)

    def by_sku(self, sku: str) -> Article | None:
        return self._skus.get(sku)

    def by_plu(self, plu: str) -> Article | None:
        return self._plus.get(plu.lstrip("0"))

    def price(self, sku: str, _: int) -> Price | None:
        return self._prices.get(sku)

    def urgent(self, sku: str) -> Urgent | None:
        return next((each for each in self.urgents if each.sku == sku), None)

    def price_book(self, _: int) -> str:
        return ""

    def group_books(self, group: str, at_ms: int) -> Sequence[GroupBook]:
        books = [each for each in self.store.group_books if each.group == group]
        return [each for each in newest_first(books) if each.from_ms <= at_ms]

    def price_in(self, book: str, sku: str) -> Price | None:
        return next((e for e in self.book_prices if (e.book, e.sku) == (book, sku)), None)

    def tax(self, code: str) -> TaxRule | None:
        return self._taxes.get(code)

    @property
    def has_promotions(self) -> bool:
        return bool(self.promotions)

    def promotions_for(self, _: Iterable[BasketLine]) -> Sequence[Promotion]:
        return self.promotions

    def customer(self, number: str) -> Customer | None:
        return next((each for each in self.customers if each.number == number), None)

    def customer_by_card(self, card: str) -> Customer | None:
        return next((each for each in self.customers if card in each.cards), None)

    def coupon(self, code: str) -> Coupon | None:
        return next((each for each in self.coupons if each.code == code), None)

    def used_coupon(self, code: str) -> UsedCoupon | None:
        return next((each for each in self.used_coupons if each.code == code), None)


def shop(
    *,
    included: bool = True,
    cash_step_minor: int = 0,
    promotions: tuple[Promotion, ...] = (),
    tips: Tips | None = None,
) -> ReferenceView:
    """Return the shop as the rules see it."""
    store = profile(included=included, cash_step_minor=cash_step_minor, tips=tips)
    return ShopInMemory(store, promotions)


TIPS: Final = Tips((100_000, 150_000, 200_000), most_minor=2_000)
"""A tenth, three twentieths, a fifth; above 20.00 a second person."""


AT_TILL: Final = Circumstances("till-1", 0, "sale-0001", "terminal-1")
"""A till with a terminal that has sold nothing yet."""
