"""Rehearsal: the sales of days past, priced again as a folder would price them.

Each sale is moved by whole weeks to the first such weekday and time at which the folder's prices
hold, and its goods get the prices and promotions of then, by the rules that the tills use. What
no price list decides stays as it was: goods that came back, prices that a person set, labels that
carry their price, discounts given by hand (in the amounts they had). Customers are in the groups in
which they were and have the prices that the folder has for those; the coupons are those that the
sale used up. Nothing is changed anywhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.errors import Refused
from edge.contract.instant import local_minute
from edge.contract.price_events import LineReduction, PricesReduced, Reduction
from edge.contract.promotion_data import Promotion
from edge.contract.quantity import extend
from edge.contract.reference_data import (
    Article,
    Feed,
    GroupBook,
    Price,
    StoreProfile,
    TaxRule,
    newest_first,
    price_key,
)
from edge.contract.sale_events import LineAdded, SaleOpened
from edge.engine.article_finding import PRICE_CODE
from edge.engine.cart import Cart
from edge.engine.cart_changes import replay
from edge.engine.customer_prices import priced_for_customer
from edge.engine.discounts import DISCOUNT
from edge.engine.promotion_units import BasketLine
from edge.engine.promotions import Occasion, reduce_basket
from sync.office.feeds import STORE_KEY, NewItem
from sync.office.sale_bodies import LineBody, SaleBody

_WEEK_MS: Final = 7 * 86_400_000

BY_HAND: Final = "price_by_hand"
ON_LABEL: Final = "price_on_label"
TYPED: Final = "price_typed"
NO_ARTICLE: Final = "no_article"
NO_PRICE: Final = "no_price"
NO_TAX: Final = "no_tax"
OTHER_UNIT: Final = "other_unit"
NOT_PRICED: Final = {
    BY_HAND: "a person had set the price",
    ON_LABEL: "the label carried the price",
    TYPED: "its price is typed at the till",
    NO_ARTICLE: "the folder has no such article",
    NO_PRICE: "the folder has no price for it",
    NO_TAX: "the folder's store has no such tax",
    OTHER_UNIT: "it is sold by another unit now",
}
"""Why a line keeps the price it had, in words."""


class ArticleEffect(msgspec.Struct, frozen=True):
    """What an article brought and would bring, as the store's prices are: with tax, or without.

    `quantity` in thousandths; goods that came back are not in it.
    """

    sku: str
    name: str
    quantity: int
    before_minor: int
    after_minor: int


class PromotionEffect(msgspec.Struct, frozen=True):
    """In how many of the sales a promotion, or a group's price book, would count.

    `amount_minor` is what it would take off.
    """

    id: str
    name: str
    sales: int
    amount_minor: int


class KeptLines(msgspec.Struct, frozen=True):
    """Lines that keep their price. `reason` is a key of `NOT_PRICED`; `lines` counts them."""

    sku: str
    name: str
    reason: str
    lines: int


class Rehearsal(msgspec.Struct, frozen=True):
    """What the sold goods of some sales brought, and would bring, tax included.

    `at_ms` is from when on prices were asked, `book` the newest price book of then. `dearer` and
    `cheaper` count sales. Articles come in the order of what they change most, promotions of
    what they take off most.
    """

    store: str
    currency: str
    from_day: str
    at_ms: int
    book: str
    sales: int
    dearer: int
    cheaper: int
    before_minor: int
    after_minor: int
    articles: tuple[ArticleEffect, ...]
    promotions: tuple[PromotionEffect, ...]
    kept: tuple[KeptLines, ...]


class PriceList(NamedTuple):
    """What a folder says about prices, ready to be asked."""

    profile: StoreProfile
    zone: ZoneInfo
    articles: Mapping[str, Article]
    prices: Mapping[str, Price]
    promotions: Sequence[Promotion]
    taxes: Mapping[str, TaxRule]

    @property
    def begins_ms(self) -> int:
        """From when on all its price books hold; 0 without one."""
        begins = [book.from_ms for book in self.profile.price_books]
        begins += [book.from_ms for book in self.profile.group_books]
        return max(begins, default=0)

    def book_at(self, at_ms: int) -> str:
        """Return the newest book in force; empty for none."""
        return next(iter(self._books_at(at_ms)), "")

    def price(self, sku: str, at_ms: int) -> Price | None:
        """Return the price of an article: of the newest book that has one, else of no book."""
        for book in (*self._books_at(at_ms), ""):
            price = self.price_in(book, sku)
            if price is not None:
                return price
        return None

    def price_in(self, book: str, sku: str) -> Price | None:
        """Return the price that a book itself has for an article; of no book, for all of them."""
        return self.prices.get(price_key(sku, book))

    def group_books(self, group: str, at_ms: int) -> Sequence[GroupBook]:
        """Return the price books of a customer group that are in force, the newest first."""
        books = [book for book in self.profile.group_books if book.group == group]
        return [book for book in newest_first(books) if book.from_ms <= at_ms]

    def _books_at(self, at_ms: int) -> list[str]:
        books = newest_first(self.profile.price_books)
        return [book.id for book in books if book.from_ms <= at_ms]


def price_list(items: Mapping[Feed, Sequence[NewItem]]) -> PriceList:
    """Return the price list of a folder's feed items, which were checked when it was read."""

    def decoded(feed: Feed, shape: Any) -> dict[str, Any]:
        return {
            each.key: msgspec.json.decode(bytes(each.value), type=shape)
            for each in items.get(feed, ())
        }

    profile: StoreProfile = decoded(Feed.CONFIG, StoreProfile)[STORE_KEY]
    return PriceList(
        profile,
        ZoneInfo(profile.time_zone),
        decoded(Feed.CATALOGUE, Article),
        decoded(Feed.PRICE, Price),
        tuple(decoded(Feed.PROMOTION, Promotion).values()),
        {rule.code: rule for rule in profile.taxes},
    )


def rehearse(
    sales: Iterable[SaleBody], prices: PriceList, *, store: str, from_day: str, at_ms: int
) -> Rehearsal:
    """Price sales of one store again, as from an instant on.

    Raises Refused for a sale in another currency than the folder's.
    """
    tally = _Tally()
    for sale in sales:
        if sale.currency != prices.profile.currency:
            raise Refused(
                "rehearsal_currency",
                f"Sale {sale.receipt_number} was in {sale.currency}, the folder has prices in "
                f"{prices.profile.currency}.",
                advice="Rehearse with the folder of this store.",
            )
        tally.add(sale, _priced_anew(sale, prices, at_ms))
    return Rehearsal(
        store=store,
        currency=prices.profile.currency,
        from_day=from_day,
        at_ms=at_ms,
        book=prices.book_at(at_ms),
        sales=tally.sales,
        dearer=tally.dearer,
        cheaper=tally.cheaper,
        before_minor=tally.before_minor,
        after_minor=tally.after_minor,
        articles=tally.article_effects(),
        promotions=tally.promotion_effects(),
        kept=tally.kept_lines(),
    )


# --- one sale ---------------------------------------------------------------------------------


class _Anew(NamedTuple):
    """A sale as the price list would have it: its goods, and why which lines kept their price."""

    cart: Cart
    kept: Mapping[str, str]


def _priced_anew(sale: SaleBody, prices: PriceList, at_ms: int) -> _Anew:
    then = moved(sale.opened_at or sale.completed_at, at_ms, prices.zone)
    profile = prices.profile
    events = [
        SaleOpened(
            sale=sale.sale_id,
            currency=sale.currency,
            prices_include_tax=profile.prices_include_tax,
        )
    ]
    lines = []
    kept = {}
    added = []
    for line in _sold(sale):
        why, event = _line_anew(sale, line, prices, then)
        added.append(event)
        if why:
            kept[line.line_id] = why
        article = prices.articles.get(line.sku)
        if why != BY_HAND and not (article and article.deposit):
            group = article.group if article else ""
            # as basket_lines of the till has it
            lines.append(
                BasketLine(
                    event.line,
                    event.sku,
                    group,
                    event.quantity,
                    event.price_minor,
                    event.amount_minor,
                    event.unit,
                    bool(article and article.open_price),
                    bool(why),
                )
            )
    occasion = Occasion(then, *local_minute(then, prices.zone), sale.groups, sale.coupons)
    own, reductions = priced_for_customer(tuple(lines), prices, sale.groups, then)
    reductions += reduce_basket(own, prices.promotions, occasion)
    reductions += _by_hand(sale, added, reductions)
    reduced = PricesReduced(sale=sale.sale_id, reductions=reductions)
    cart = replay((event, then) for event in (*events, *added, reduced))
    return _Anew(cart, kept)


def moved(at_ms: int, not_before_ms: int, zone: ZoneInfo) -> int:
    """Return an instant moved by whole weeks of the clock on the wall until it is late enough."""
    local = datetime.fromtimestamp(at_ms / 1000, tz=zone)
    weeks = max(0, -((at_ms - not_before_ms) // _WEEK_MS))
    for week in (weeks - 1, weeks, weeks + 1):
        # a zone that changes its clocks in between shifts the instant by an hour
        then = (local.replace(tzinfo=None) + timedelta(weeks=week)).replace(tzinfo=zone)
        found = int(then.astimezone(UTC).timestamp() * 1000)
        if week >= 0 and found >= not_before_ms:
            return found
    raise AssertionError("a week later is late enough")


def _sold(sale: SaleBody) -> list[LineBody]:
    return [line for line in sale.lines if not line.voided and not line.returned]


def _line_anew(
    sale: SaleBody, line: LineBody, prices: PriceList, then: int
) -> tuple[str, LineAdded]:
    """Return why a line keeps its price (or nothing), and the line as it would be sold."""
    as_it_was = LineAdded(
        sale=sale.sale_id,
        line=line.line_id,
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        price_minor=line.price_minor,
        amount_minor=line.listed_minor,
        tax=line.tax,
        rate_ppm=line.rate_ppm,
        unit=line.unit,
        entry=line.entry,
    )
    article = prices.articles.get(line.sku)
    price = prices.price(line.sku, then)
    tax = prices.taxes.get(article.tax) if article else None
    hindrances = {
        BY_HAND: line.overridden,
        ON_LABEL: line.entry == PRICE_CODE,
        TYPED: article is not None and article.open_price,
        NO_ARTICLE: article is None,
        NO_PRICE: price is None,
        NO_TAX: tax is None,
        OTHER_UNIT: article is not None and article.unit != line.unit,
    }
    why = next((each for each, hinders in hindrances.items() if hinders), "")
    if why or article is None or price is None or tax is None:
        return why, as_it_was
    return "", msgspec.structs.replace(
        as_it_was,
        name=article.name,
        price_minor=price.price_minor,
        amount_minor=extend(price.price_minor, line.quantity),
        tax=tax.code,
        rate_ppm=tax.rate_ppm,
    )


def _by_hand(
    sale: SaleBody, lines: Iterable[LineAdded], promotions: Iterable[Reduction]
) -> tuple[Reduction, ...]:
    """Return what people had taken off, at most what each line would still cost."""
    costs = {line.line: line.amount_minor for line in lines}
    for reduction in promotions:
        for part in reduction.lines:
            costs[part.line] -= part.amount_minor
    parts: dict[tuple[str, str], list[LineReduction]] = defaultdict(list)
    for line in _sold(sale):
        for given in line.reductions:
            if given.source == DISCOUNT:
                amount = min(given.amount_minor, costs[line.line_id])
                costs[line.line_id] -= amount
                parts[given.id, given.name].append(LineReduction(line.line_id, amount))
    return tuple(Reduction(DISCOUNT, *of, tuple(each)) for of, each in parts.items())


# --- all of them --------------------------------------------------------------------------------


@dataclass
class _Tally:
    sales: int = 0
    dearer: int = 0
    cheaper: int = 0
    before_minor: int = 0
    after_minor: int = 0
    _articles: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    _names: dict[str, str] = field(default_factory=dict)
    _promotions: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    _promotion_names: dict[str, str] = field(default_factory=dict)
    _kept: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, sale: SaleBody, anew: _Anew) -> None:
        before, after = sale.total_minor + sale.returned_minor, anew.cart.total_minor
        self.sales += 1
        self.dearer += after > before
        self.cheaper += after < before
        self.before_minor += before
        self.after_minor += after
        for line in _sold(sale):
            self._names.setdefault(line.sku, line.name)
            figures = self._articles[line.sku]
            figures[0] += line.quantity
            figures[1] += line.amount_minor
        for would_be in anew.cart.lines:
            self._articles[would_be.sku][2] += would_be.net_minor
            if (why := anew.kept.get(would_be.line_id)) is not None:
                self._kept[would_be.sku, why] += 1
        for reduction in anew.cart.reductions:
            if reduction.source != DISCOUNT:
                self._promotion_names[reduction.id] = reduction.name
                self._promotions[reduction.id][1] += reduction.amount_minor
        for id_ in {each.id for each in anew.cart.reductions if each.source != DISCOUNT}:
            self._promotions[id_][0] += 1

    def article_effects(self) -> tuple[ArticleEffect, ...]:
        effects = [
            ArticleEffect(sku, self._names[sku], *each) for sku, each in self._articles.items()
        ]
        effects.sort(key=lambda each: (-abs(each.after_minor - each.before_minor), each.sku))
        return tuple(effects)

    def promotion_effects(self) -> tuple[PromotionEffect, ...]:
        effects = [
            PromotionEffect(id_, self._promotion_names[id_], *each)
            for id_, each in self._promotions.items()
        ]
        return tuple(sorted(effects, key=lambda each: (-each.amount_minor, each.id)))

    def kept_lines(self) -> tuple[KeptLines, ...]:
        kept = [
            KeptLines(sku, self._names[sku], why, count) for (sku, why), count in self._kept.items()
        ]
        return tuple(sorted(kept, key=lambda each: (-each.lines, each.sku, each.reason)))
