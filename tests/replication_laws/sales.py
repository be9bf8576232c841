"""What a till sells and takes back in these tests, and what that adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.contract.event_registry import Event
from edge.contract.return_events import CashReturned, LineReturned, RefundPart
from edge.contract.sale_events import CashTendered, LineAdded, SaleCompleted, SaleOpened, TaxTotal

PRICES = {"100": 129, "101": 45, "102": 1_999, "103": 299}
"""Articles and what a piece costs."""
_RATE_PPM = 70_000


@dataclass(frozen=True)
class Sold:
    """A sale that stands: `lines` are article and thousandths, below zero what came back."""

    sale: str
    receipt: str
    total_minor: int
    lines: tuple[tuple[str, int], ...]
    last_seq: int = 0
    day: str = ""
    original: str = ""

    def is_same(self, other: Sold) -> bool:
        """Say whether both are one sale: a till that gave its command again may get two answers."""
        return self.named == other.named

    @property
    def named(self) -> tuple[str, str, int]:
        """Its id, receipt and total."""
        return self.sale, self.receipt, self.total_minor


def opening(sale: str, lines: Sequence[tuple[str, int]]) -> tuple[Event, ...]:
    """The first events of a sale, with as many lines as are given: article and pieces."""
    return (SaleOpened(sale=sale, currency="EUR"), *added(sale, lines))


def added(sale: str, lines: Sequence[tuple[str, int]], first: int = 1) -> tuple[Event, ...]:
    """Lines of a sale, numbered from `first` on."""
    return tuple(
        LineAdded(
            sale=sale,
            line=str(place),
            sku=sku,
            name=f"Article {sku}",
            quantity=1_000 * pieces,
            price_minor=PRICES[sku],
            amount_minor=PRICES[sku] * pieces,
            tax="B",
            rate_ppm=_RATE_PPM,
        )
        for place, (sku, pieces) in enumerate(lines, first)
    )


def completion(
    sale: str, receipt: str, lines: Sequence[tuple[str, int]], change_minor: int
) -> tuple[Event, ...]:
    """The last events of a sale, paid in cash."""
    total = total_of(lines)
    return (
        CashTendered(sale=sale, tender="1", amount_minor=total + change_minor),
        SaleCompleted(
            sale=sale,
            receipt=receipt,
            total_minor=total,
            taxes=(_tax(total),),
            change_minor=change_minor,
        ),
    )


def refund(sale: str, receipt: str, original: Sold) -> tuple[Event, ...]:
    """All goods of an earlier sale come back for cash."""
    total = original.total_minor
    lines = []
    for place, (sku, quantity) in enumerate(original.lines, 1):
        tax = _tax(PRICES[sku] * quantity // 1_000)
        lines.append(
            LineReturned(
                sale=sale,
                line=str(place),
                sku=sku,
                name=f"Article {sku}",
                quantity=quantity,
                price_minor=PRICES[sku],
                tax="B",
                rate_ppm=_RATE_PPM,
                net_minor=tax.net_minor,
                tax_minor=tax.tax_minor,
                gross_minor=tax.gross_minor,
                reason="unwanted",
                original_sale=original.sale,
                original_line=str(place),
                receipt=original.receipt,
            )
        )
    return (
        SaleOpened(sale=sale, currency="EUR"),
        *lines,
        CashReturned(
            sale=sale,
            tender="1",
            amount_minor=total,
            parts=(RefundPart(original.sale, "1", total),),
        ),
        SaleCompleted(sale=sale, receipt=receipt, total_minor=-total, taxes=(_tax(-total),)),
    )


def total_of(lines: Iterable[tuple[str, int]]) -> int:
    """What lines come to: article and pieces."""
    return sum(PRICES[sku] * pieces for sku, pieces in lines)


def _tax(gross: int) -> TaxTotal:
    net = round(gross * 1_000_000 / (1_000_000 + _RATE_PPM))
    return TaxTotal("B", _RATE_PPM, net, gross - net, gross)


@dataclass
class Sums:
    """Sales, takings by day, currency and kind, and what left the shop by article."""

    sales: int = 0
    takings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    articles: Counter[str] = field(default_factory=Counter)

    def add(self, sold: Sold) -> None:
        self.sales += 1
        self.takings[sold.day, "EUR", "cash"] += sold.total_minor
        for sku, quantity in sold.lines:
            self.articles[sku] += quantity

    @property
    def told(self) -> tuple[int, dict[tuple[str, str, str], int], dict[str, int]]:
        """Everything but zeros."""
        return (
            self.sales,
            {key: value for key, value in self.takings.items() if value},
            {key: value for key, value in self.articles.items() if value},
        )


def sums_of(sales: Iterable[Sold]) -> Sums:
    """Add up sales that stand."""
    sums = Sums()
    for sold in sales:
        sums.add(sold)
    return sums
