"""Sales that were set aside: all tills see them, and one takes each up again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from edge.contract.sale_events import SaleParked
from edge.contract.till_protocol import ParkedView
from edge.engine.cart import Cart
from edge.engine.cart_changes import replay
from edge.ledger.replay import PastEvent


@dataclass
class ParkedSale:
    """A sale that is on no till. `parked_at` in ms since 1970 UTC, `cashier` an id."""

    cart: Cart
    label: str
    till: str
    for_till: str
    cashier: str
    parked_at: int

    def view(self) -> ParkedView:
        """Return what every till shows of it."""
        return ParkedView(
            self.cart.sale,
            self.label,
            self.till,
            self.for_till,
            self.cashier,
            self.parked_at,
            self.cart.total_minor,
            self.cart.live_lines,
            self.cart.state,
        )


@dataclass
class ParkedSales:
    """All of a store, oldest first. `lock` is held while one comes or goes, or changes."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _sales: dict[str, ParkedSale] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sales)

    def find(self, sale: str) -> ParkedSale | None:
        """Return a parked sale."""
        return self._sales.get(sale)

    def all(self) -> tuple[ParkedSale, ...]:
        """Return every parked sale."""
        return tuple(self._sales.values())

    def put(self, parked: ParkedSale) -> None:
        """Keep a sale that was parked."""
        self._sales[parked.cart.sale] = parked

    def move(self, coming: Iterable[ParkedSale], going: str) -> None:
        """Keep those that were parked, and forget the one that is on a till again."""
        for parked in coming:
            self.put(parked)
        self._sales.pop(going, None)

    def views(self, coming: Sequence[ParkedSale] = (), going: str = "") -> tuple[ParkedView, ...]:
        """Return what tills show: with those that are about to come, without the one that goes."""
        if not self._sales and not coming:
            return ()
        sales = [*(each for key, each in self._sales.items() if key != going), *coming]
        return tuple(each.view() for each in sales)


def sale_cart(history: Iterable[PastEvent]) -> Cart:
    """Rebuild a sale from all its events, wherever it was meanwhile."""
    return replay(
        (past.event, past.at) for past in history if not isinstance(past.event, SaleParked)
    )


def parked_again(history: list[PastEvent]) -> ParkedSale:
    """Rebuild a parked sale from all its events."""
    parked = next(past for past in reversed(history) if isinstance(past.event, SaleParked))
    event = cast("SaleParked", parked.event)
    return ParkedSale(
        sale_cart(history), event.label, parked.till, event.for_till, parked.actor, parked.at
    )
