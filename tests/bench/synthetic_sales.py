"""Seeded sales as canonical events, in invented words: to train and to weigh dictionaries.

No article, name or number is from a real catalogue, and none is from the demo's: what a
dictionary learns here is how events look, not what one shop sells.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.contract.envelope import seal
from edge.contract.event_registry import Event
from edge.contract.instant import iso_utc
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
)
from edge.contract.sale_events import (
    CashTendered,
    DrawerOpened,
    LineAdded,
    LineVoided,
    ReceiptPrinted,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    TaxTotal,
)
from edge.contract.system_events import (
    BoxStarted,
    BoxStopped,
    CashierSignedIn,
    CashierSignedOut,
    ClockStepped,
    SignInLocked,
    TillEnrolled,
)

_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
_SIZES = ("50 g", "100 g", "125 g", "200 g", "250 g", "500 g", "1 kg", "33 cl", "0.5 l", "0.75 l",
          "1 l", "1.5 l", "6 x 1 l", "2 pieces", "10 pieces", "large", "small")  # fmt: skip
_TAXES = (("A", 190_000), ("B", 70_000), ("C", 107_000), ("D", 0))
_SCHEMES = ("girocard", "Visa", "Mastercard", "Maestro", "Amex")


@dataclass(frozen=True)
class _Article:
    sku: str
    name: str
    code: str
    price_minor: int
    tax: str
    rate_ppm: int
    unit: str


@dataclass
class SyntheticShop:
    """One store's box: `sale()` and `day()` give canonical bytes, seq after seq.

    `lines` fixes how many lines a sale has; None draws it.
    """

    seed: int
    store: int = 1
    gen: int = 1
    seq: int = 1
    at: int = 1_795_000_000_000
    articles: list[_Article] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        if not self.articles:
            self.articles = [self._article() for _ in range(300)]
        self._currency = self._chance.choice(("EUR", "EUR", "EUR", "CHF", "GBP", "SEK"))
        self._cashiers = [self._word(2).lower() for _ in range(5)]
        self._receipts = {
            f"till-{number}": self._chance.randrange(1, 90_000) for number in range(1, 5)
        }

    def sale(self, *, lines: int | None = None, plain: bool = False) -> list[bytes]:
        """One sale, from its opening to its receipt. `plain`: paid, printed, nothing odd."""
        chance = self._chance
        till = chance.choice(list(self._receipts))
        actor = chance.choice(self._cashiers)
        sale = self._uuid7()
        events: list[Event] = [SaleOpened(sale=sale, currency=self._currency)]
        count = lines or min(40, 1 + int(chance.expovariate(1 / 4)))
        total = 0
        taxes: dict[str, tuple[int, int]] = {}
        for number in range(1, count + 1):
            article = chance.choice(self.articles)
            weighed = article.unit == "kg"
            quantity = chance.randrange(60, 2_500) if weighed else 1000 * self._pieces()
            amount = (article.price_minor * quantity + 500) // 1000
            line = str(number)
            events.append(
                LineAdded(
                    sale=sale,
                    line=line,
                    sku=article.sku,
                    name=article.name,
                    quantity=quantity,
                    price_minor=article.price_minor,
                    amount_minor=amount,
                    tax=article.tax,
                    rate_ppm=article.rate_ppm,
                    code=article.code,
                    unit=article.unit,
                    entry="embedded" if weighed else chance.choice(("scanned",) * 9 + ("keyed",)),
                )
            )
            if not plain and chance.random() < 0.03:
                events.append(LineVoided(sale=sale, line=line))
                continue
            total += amount
            rate, gross = taxes.get(article.tax, (article.rate_ppm, 0))
            taxes[article.tax] = (rate, gross + amount)
        if not plain and chance.random() < 0.02:
            events.append(SaleAbandoned(sale=sale))
        elif chance.random() < 0.55 or plain:
            events += self._paid_in_cash(sale, till, total, taxes)
        else:
            events += self._paid_by_card(sale, till, total, taxes)
        return self._seal(events, till, actor)

    def day(self, sales: int) -> Iterator[list[bytes]]:
        """A day as it would leave the box: a frame's events at a time."""
        chance = self._chance
        till = chance.choice(list(self._receipts))
        actor = chance.choice(self._cashiers)
        yield self._seal([BoxStarted(version="0.1.0", sqlite="3.45.1", clean=True)], "", "")
        yield self._seal([CashierSignedIn(cashier=actor)], till, "")
        for _ in range(sales):
            self.at += int(chance.expovariate(1 / 60_000))
            yield self.sale()
        yield self._seal([CashierSignedOut(cashier=actor)], till, actor)
        yield self._seal([CashierSignedOut(cashier=actor, reason="idle")], till, actor)
        yield self._seal([SignInLocked(cashier=actor, scope="person")], till, "")
        yield self._seal(
            [TillEnrolled(till=till, label="Till", secret_sha256=chance.randbytes(32).hex())],
            "",
            "",
        )
        yield self._seal([ClockStepped(by_ms=chance.randrange(1_000, 90_000_000))], "", "")
        yield self._seal([BoxStopped()], "", "")

    # --- parts ----------------------------------------------------------------------------

    def _paid_in_cash(
        self, sale: str, till: str, total: int, taxes: dict[str, tuple[int, int]]
    ) -> list[Event]:
        given = self._chance.choice((total, -(-total // 500) * 500, -(-total // 5000) * 5000))
        return [
            CashTendered(sale=sale, tender="1", amount_minor=given),
            self._completed(sale, till, total, taxes, given - total, drawer=True),
            DrawerOpened(reason="sale", outcome="opened", sale=sale),
            ReceiptPrinted(sale=sale, evidence="confirmed"),
        ]

    def _paid_by_card(
        self, sale: str, till: str, total: int, taxes: dict[str, tuple[int, int]]
    ) -> list[Event]:
        chance = self._chance
        payment = self._uuid7()
        terminal = f"terminal-{till[-1]}"
        events: list[Event] = [
            CardPaymentRequested(sale=sale, payment=payment, amount_minor=total, terminal=terminal)
        ]
        resolved_by = ""
        if chance.random() < 0.05:
            events.append(
                CardPaymentDeclined(sale=sale, payment=payment, reason="Declined", code="05")
            )
            payment = self._uuid7()
            events.append(
                CardPaymentRequested(
                    sale=sale, payment=payment, amount_minor=total, terminal=terminal
                )
            )
        if chance.random() < 0.03:
            events.append(
                CardPaymentUnknown(sale=sale, payment=payment, reason="The connection broke off.")
            )
            resolved_by = "inquiry"
        events += [
            CardPaymentApproved(
                sale=sale,
                payment=payment,
                amount_minor=total,
                last4=f"{chance.randrange(10_000):04d}",
                scheme=chance.choice(_SCHEMES),
                authorisation=f"{chance.randrange(1_000_000):06d}",
                terminal_id=f"{chance.randrange(100_000_000):08d}",
                receipt=f"{chance.randrange(10_000):04d}",
                trace=f"{chance.randrange(1_000_000):06d}",
                resolved_by=resolved_by,
            ),
            self._completed(sale, till, total, taxes, 0, drawer=False),
            ReceiptPrinted(sale=sale, evidence="confirmed"),
        ]
        return events

    def _completed(
        self,
        sale: str,
        till: str,
        total: int,
        taxes: dict[str, tuple[int, int]],
        change: int,
        *,
        drawer: bool,
    ) -> SaleCompleted:
        self._receipts[till] += 1
        return SaleCompleted(
            sale=sale,
            receipt=f"{till}-{self._receipts[till]:06d}",
            total_minor=total,
            taxes=tuple(
                TaxTotal(
                    tax=tax,
                    rate_ppm=rate,
                    net_minor=(net := round(gross * 1_000_000 / (1_000_000 + rate))),
                    tax_minor=gross - net,
                    gross_minor=gross,
                )
                for tax, (rate, gross) in sorted(taxes.items())
            ),
            change_minor=change,
            jobs=("receipt", "drawer") if drawer else ("receipt",),
        )

    def _seal(self, events: list[Event], till: str, actor: str) -> list[bytes]:
        bodies = []
        for event in events:
            bodies.append(
                seal(
                    event,
                    store=self.store,
                    gen=self.gen,
                    seq=self.seq,
                    day=iso_utc(self.at)[:10],
                    at=self.at,
                    till=till,
                    actor=actor,
                )
            )
            self.seq += 1
            self.at += int(self._chance.expovariate(1 / 2_500))
        return bodies

    def _article(self) -> _Article:
        chance = self._chance
        tax, rate_ppm = chance.choices(_TAXES, (4, 8, 1, 1))[0]
        words = " ".join(self._word(chance.randint(2, 3)) for _ in range(chance.randint(1, 3)))
        unit = "kg" if chance.random() < 0.08 else "piece"
        size = "" if unit == "kg" else " " + chance.choice(_SIZES)
        body = f"{chance.randrange(10**12):012d}"
        check = -sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body)) % 10
        return _Article(
            sku=f"{chance.randrange(1_000, 100_000)}",
            name=words + size,
            code=f"{body}{check}",
            price_minor=chance.choice((49, 79, 99, 119, 149, 199, 249, 299, 399, 499, 899, 1299)),
            tax=tax,
            rate_ppm=rate_ppm,
            unit=unit,
        )

    def _word(self, syllables: int) -> str:
        return "".join(self._chance.choices(_SYLLABLES, k=syllables)).capitalize()

    def _pieces(self) -> int:
        return self._chance.choices((1, 2, 3, 6), (85, 10, 3, 2))[0]

    def _uuid7(self) -> str:
        number = (self.at << 80) | (7 << 76) | self._chance.getrandbits(76)
        return str(uuid.UUID(int=number & ~(0b11 << 62) | (0b10 << 62)))
