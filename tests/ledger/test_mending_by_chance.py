"""Two branches made by chance: whatever tills did in both, one whole history comes of them."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from edge.contract.event_registry import Event
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    ReceiptPrinted,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    SaleParked,
    SaleResumed,
)
from edge.ledger.integrity import verify
from tests.ledger.two_branches import Branches, Step, rows, sealed, table

SEEDS = range(400 if "TILLBOX_STORM" in os.environ else 20)
TILLS = ("till-1", "till-2", "till-3")


class Shop:
    """A shop that does what the rules of a sale allow, by chance; a copy goes on by itself."""

    def __init__(self, chance: random.Random, mark: str) -> None:
        self.chance = chance
        self.mark = mark
        self.open: dict[str, str] = {}
        self.parked: list[str] = []
        self.lines: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self.done: list[tuple[str, str, int]] = []
        self.made = 0

    def copy(self, mark: str) -> Shop:
        other = Shop(random.Random(self.chance.random()), mark)
        other.open, other.parked = dict(self.open), list(self.parked)
        other.lines, other.receipts = Counter(self.lines), Counter(self.receipts)
        return other

    def step(self) -> Step:
        till = self.chance.choice(TILLS)
        events = self._busy(till) if till in self.open else self._free(till)
        return till, tuple(events)

    def _free(self, till: str) -> list[Event]:
        if self.parked and self.chance.random() < 0.5:
            sale = self.parked.pop(self.chance.randrange(len(self.parked)))
            self.open[till] = sale
            return [SaleResumed(sale=sale)]
        if self.done and self.chance.random() < 0.2:
            return [ReceiptPrinted(sale=self.done[-1][0], evidence="confirmed")]
        self.made += 1
        sale = f"{self.mark}-{self.made:04d}-sale"
        self.open[till] = sale
        return [SaleOpened(sale=sale, currency="EUR"), self._line(sale)]

    def _busy(self, till: str) -> list[Event]:
        sale = self.open[till]
        match self.chance.randrange(5):
            case 0:
                return [self._line(sale)]
            case 1:
                del self.open[till]
                self.parked.append(sale)
                return [SaleParked(sale=sale)]
            case 2:
                del self.open[till]
                return [SaleAbandoned(sale=sale)]
            case _:
                del self.open[till]
                self.receipts[till] += 1
                receipt, total = f"{till}-{self.receipts[till]:06d}", 100 * self.lines[sale]
                self.done.append((sale, receipt, total))
                return [
                    CashTendered(sale=sale, tender="1", amount_minor=total),
                    SaleCompleted(sale=sale, receipt=receipt, total_minor=total, taxes=()),
                ]

    def _line(self, sale: str) -> LineAdded:
        self.lines[sale] += 1
        return LineAdded(
            sale=sale,
            line=str(self.lines[sale]),
            sku="1",
            name="Bread",
            quantity=1000,
            price_minor=100,
            amount_minor=100,
            tax="A",
            rate_ppm=0,
        )


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_whole_history_comes_of_any_two(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    branches = Branches(tmp_path)
    shop = Shop(chance, "both")
    await branches.common(*(shop.step() for _ in range(chance.randint(1, 12))))
    before = list(shop.done)
    copy = shop.copy("copy")
    shop.mark, shop.made = "lost", 0
    await branches.office_has(*(shop.step() for _ in range(chance.randint(1, 20))))
    await branches.copy_goes_on(*(copy.step() for _ in range(chance.randint(1, 20))))
    theirs, mine = rows(branches.lost), rows(branches.box)
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    verdict = verify(branches.path)
    assert verdict.whole, verdict
    assert rows(branches.path)[: len(theirs)] == theirs
    assert rows(branches.aside()[0]) == mine
    found = [
        (event.sale, event.receipt, event.total_minor, each.origin)
        for each in sealed(branches.path)
        if isinstance(event := each.event(), SaleCompleted)
    ]
    # no sale twice
    assert len({sale for sale, *_ in found}) == len(found)
    # all of head office's, and of the copy's each that is not the very same
    both = set(shop.done[len(before) :]) & set(copy.done)
    wanted = Counter((receipt, total) for _, receipt, total in shop.done) + Counter(
        (receipt, total) for sale, receipt, total in copy.done if (sale, receipt, total) not in both
    )
    assert Counter((receipt, total) for _, receipt, total, _ in found) == wanted
    report = done.report
    assert report.sales_known == len(both)
    assert report.sales_again + report.sales_doubtful == len(copy.done) - len(both)
    # a sale has the id that it was sold under, or says which one that was
    for sale, receipt, total, origin in found[len(shop.done) :]:
        assert ((origin.sale if origin else "") or sale, receipt, total) in set(copy.done)
    # numbers go on behind all that either gave
    for till, receipts in table(branches.path, "SELECT till, receipts FROM till"):
        assert receipts >= max(shop.receipts[till], copy.receipts[till])
    # and what is open on the tills of the box is open still
    open_now = {
        till: sealed(branches.path)[seq - 1].event()
        for till, seq in table(branches.path, "SELECT till, open_seq FROM till WHERE open_seq > 0")
    }
    for till, sale in copy.open.items():
        event = open_now.get(till)
        known = sale in {each for each in copy.open.values() if each.startswith("copy")}
        assert not known or (isinstance(event, SaleOpened) and event.sale == sale)
