"""A ledger on a real file, and the events of a plain sale."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from edge.contract.event_registry import Event
from edge.contract.sale_events import CashTendered, LineAdded, SaleCompleted, SaleOpened, TaxTotal
from edge.ledger.event_log import MIGRATIONS, BusinessCalendar, Ledger
from edge.ledger.records import LedgerIdentity
from edge.runtime.database_file import DatabaseFile

AT = 1_795_000_000_000


class StillClock:
    """A clock that stands."""

    def __init__(self, now: int = AT) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)

    def timeout(self, seconds: float | None) -> object:
        raise NotImplementedError


@asynccontextmanager
async def ledger_at(
    path: Path, *, store: str = "harbour-street", number: int = 1, gen: int = 1
) -> AsyncIterator[Ledger]:
    """Open a ledger and close it in good order."""
    ledger = Ledger(
        DatabaseFile(path, MIGRATIONS),
        LedgerIdentity(store, number, gen),
        StillClock(),  # type: ignore[arg-type]
        BusinessCalendar(ZoneInfo("Europe/Lisbon")),
    )
    ledger.opened_clean = await ledger.open()  # type: ignore[attr-defined]
    try:
        yield ledger
    finally:
        await ledger.close()


def cash_sale(sale: str, number: int, *, price: int = 129, lines: int = 3) -> tuple[Event, ...]:
    """Return the events of a sale paid in cash with change."""
    total = price * lines
    tax = total - total * 100 // 107
    return (
        SaleOpened(sale=sale, currency="EUR"),
        *(
            LineAdded(
                sale=sale,
                line=str(line + 1),
                sku=f"10{line}",
                name=f"Article {line}",
                quantity=1000,
                price_minor=price,
                amount_minor=price,
                tax="B",
                rate_ppm=70_000,
            )
            for line in range(lines)
        ),
        CashTendered(sale=sale, tender="1", amount_minor=total + 50),
        SaleCompleted(
            sale=sale,
            receipt=f"till-1-{number:06d}",
            total_minor=total,
            taxes=(TaxTotal("B", 70_000, total - tax, tax, total),),
            change_minor=50,
            jobs=("receipt", "drawer"),
        ),
    )
