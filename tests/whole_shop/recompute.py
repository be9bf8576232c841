"""Works a shop's figures out from `tillbox ledger export`, knowing nothing of Tillbox.

    python recompute.py < export

A second opinion: it imports the standard library alone, derives every total from what was
rung up, paid and given back, and only then compares each sale with what the ledger says that
it came to. It prints JSON: `tenders` (minor units by kind, change taken off the cash), `taxes`
(net, tax and gross by code and rate), `articles` (thousandths and minor units by SKU),
`receipts` (total by number), `tips` (beside those totals, by number), `own_prices` (how often a
book had one for a customer), and `faults`, what does not add up, in words.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

MILLION = 1_000_000
Figures = dict[str, Any]


def half_up(number: Fraction) -> int:
    """Round to a whole number, ties away from zero."""
    sign = -1 if number < 0 else 1
    return sign * ((abs(number) * 2 + 1) // 2)


class Sale:
    """One sale, from its events."""

    def __init__(self, taxed: bool) -> None:
        self.taxed = taxed
        self.customer = ""
        self.own_prices = 0
        self.faults: list[str] = []
        self.lines: dict[str, dict[str, Any]] = {}
        self.back: dict[str, dict[str, Any]] = {}
        self.off: dict[str, int] = defaultdict(int)
        self.paid: dict[str, int] = defaultdict(int)
        self.tip = 0

    def line_added(self, data: dict[str, Any]) -> None:
        self.lines[data["line"]] = dict(data)

    def line_voided(self, data: dict[str, Any]) -> None:
        self.lines.pop(data["line"], None)
        self.back.pop(data["line"], None)

    def line_returned(self, data: dict[str, Any]) -> None:
        self.back[data["line"]] = data

    def price_overridden(self, data: dict[str, Any]) -> None:
        self.lines[data["line"]]["amount_minor"] = data["amount_minor"]

    def prices_reduced(self, data: dict[str, Any]) -> None:
        self.off.clear()  # the newest says it all
        for reduction in data.get("reductions", ()):
            for part in reduction["lines"]:
                self.off[part["line"]] += part["amount_minor"]
                if reduction["source"] == "price_book":
                    self.own_price(self.lines[part["line"]], part)

    def own_price(self, line: dict[str, Any], part: dict[str, Any]) -> None:
        """Work out what a line costs by the price that a book has for the customer."""
        price = half_up(Fraction(part["price_minor"] * line["quantity"], 1000))
        if not self.customer or price != line["amount_minor"] - part["amount_minor"]:
            self.faults.append(f"{line['name']} is {part} by the book of {self.customer!r}")
        self.own_prices += 1

    def customer_set(self, data: dict[str, Any]) -> None:
        self.customer = data.get("customer", "")

    def tip_set(self, data: dict[str, Any]) -> None:
        self.tip = data["amount_minor"]

    def tip_returned(self, data: dict[str, Any]) -> None:
        self.tip -= data["amount_minor"]

    def cash_tendered(self, data: dict[str, Any]) -> None:
        self.paid["cash"] += data["amount_minor"]

    foreign_cash_tendered = cash_tendered

    def cash_returned(self, data: dict[str, Any]) -> None:
        self.paid["cash"] -= data["amount_minor"]

    def tender_taken(self, data: dict[str, Any]) -> None:
        self.paid[data["kind"]] += data["amount_minor"]

    def tender_returned(self, data: dict[str, Any]) -> None:
        self.paid[data["kind"]] -= data["amount_minor"]

    def card_payment_approved(self, data: dict[str, Any]) -> None:
        self.paid["card"] += data["amount_minor"]

    card_payment_resolved = card_payment_approved  # by a person: 0 where nothing was charged

    def card_refund_approved(self, data: dict[str, Any]) -> None:
        self.paid["card"] -= data["amount_minor"]

    card_refund_resolved = card_refund_approved

    def taxes(self) -> dict[tuple[str, int], list[int]]:
        """Net, tax and gross of each rate: rounded once for all that was sold at it."""
        sums: dict[tuple[str, int], int] = defaultdict(int)
        for key, line in self.lines.items():
            sums[line["tax"], line["rate_ppm"]] += line["amount_minor"] - self.off[key]
        taxes: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        for (code, rate), amount in sums.items():
            if self.taxed:
                tax = half_up(Fraction(amount * rate, MILLION + rate))
                taxes[code, rate] = [amount - tax, tax, amount]
            else:
                tax = half_up(Fraction(amount * rate, MILLION))
                taxes[code, rate] = [amount, tax, amount + tax]
        for line in self.back.values():
            of_rate = taxes[line["tax"], line["rate_ppm"]]
            for at, name in enumerate(("net_minor", "tax_minor", "gross_minor")):
                of_rate[at] -= line[name]
        return {key: amounts for key, amounts in taxes.items() if any(amounts)}

    def articles(self) -> Iterable[tuple[str, int, int]]:
        """The SKU, thousandths and amount of each line that counts."""
        for key, line in self.lines.items():
            yield line["sku"], line["quantity"], line["amount_minor"] - self.off[key]
        for line in self.back.values():
            amount = line["gross_minor" if self.taxed else "net_minor"]
            yield line["sku"], -line["quantity"], -amount


class Book:
    """All sales of a ledger."""

    def __init__(self) -> None:
        self.open: dict[str, Sale] = {}
        self.tenders: dict[str, int] = defaultdict(int)
        self.taxes: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.articles: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.receipts: dict[str, int] = {}
        self.tips: dict[str, int] = {}
        self.own_prices = 0
        self.faults: list[str] = []

    def hear(self, event: dict[str, Any]) -> None:
        kind, data = event["type"], event["data"]
        if kind == "sale_opened":
            self.open[data["sale"]] = Sale(data.get("prices_include_tax", True))
        elif kind == "sale_completed":
            self.completed(self.open.pop(data["sale"]), data)
        elif kind == "sale_abandoned":
            del self.open[data["sale"]]
        elif sale := self.open.get(data.get("sale", "")):
            change: Callable[[dict[str, Any]], None] | None = getattr(sale, kind, None)
            if change is not None:
                change(data)

    def completed(self, sale: Sale, data: dict[str, Any]) -> None:
        receipt = data["receipt"]
        self.own_prices += sale.own_prices
        self.faults += sale.faults
        taxes = sale.taxes()
        total = sum(gross for _, _, gross in taxes.values())
        said = {
            (each["tax"], each["rate_ppm"]): [
                each["net_minor"], each["tax_minor"], each["gross_minor"],
            ]
            for each in data["taxes"]
            if any((each["net_minor"], each["tax_minor"], each["gross_minor"]))
        }  # fmt: skip
        change, rounding = data.get("change_minor", 0), data.get("rounding_minor", 0)
        sale.paid["cash"] -= change
        if receipt in self.receipts:
            self.faults.append(f"{receipt} was given twice")
        if total != data["total_minor"]:
            self.faults.append(f"{receipt} comes to {total}, not {data['total_minor']}")
        if taxes != said:
            self.faults.append(f"{receipt} has the taxes {taxes}, not {said}")
        if sale.tip != data.get("tip_minor", 0):
            self.faults.append(f"{receipt} has the tip {sale.tip}, not {data['tip_minor']}")
        if sum(sale.paid.values()) != total + sale.tip + rounding:
            self.faults.append(
                f"{receipt} was paid {dict(sale.paid)} of {total} + {sale.tip} + {rounding}"
            )
        if sale.tip:
            self.tips[receipt] = sale.tip
        self.receipts[receipt] = total
        for kind, amount in sale.paid.items():
            self.tenders[kind] += amount
        for (code, rate), amounts in taxes.items():
            sums = self.taxes[f"{code}@{rate}"]
            sums[:] = [a + b for a, b in zip(sums, amounts, strict=True)]
        for sku, quantity, amount in sale.articles():
            self.articles[sku][0] += quantity
            self.articles[sku][1] += amount

    def figures(self) -> Figures:
        return {
            "tenders": {kind: amount for kind, amount in self.tenders.items() if amount},
            "taxes": {key: amounts for key, amounts in self.taxes.items() if any(amounts)},
            "articles": {sku: both for sku, both in self.articles.items() if any(both)},
            "receipts": self.receipts,
            "tips": self.tips,
            "own_prices": self.own_prices,
            "faults": self.faults,
        }


def recompute(lines: Iterable[bytes]) -> Figures:
    """Return the figures of an export; a chain that does not hold is a fault too."""
    book, previous = Book(), bytes(32)
    for number, line in enumerate(lines, 1):
        head, event = line.rstrip(b"\n").split(b',"event":', 1)
        body = event[:-1]
        previous = hashlib.sha256(previous + body).digest()
        if head != b'{"hash":"' + previous.hex().encode() + b'"':
            book.faults.append(f"the chain breaks at line {number}")
            previous = bytes.fromhex(json.loads(head + b"}")["hash"])
        book.hear(json.loads(body))
    return book.figures()


if __name__ == "__main__":
    json.dump(recompute(sys.stdin.buffer), sys.stdout)
