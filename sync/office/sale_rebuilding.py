"""A sale made anew out of all its events, in the order of their chain. Pure.

An event that is taken late cannot simply be added: what followed it may rest on it, or have
changed what it would change. So the rows of its sale go, and every event of it is read again, as
if nothing had stepped aside. The sale keeps its place in the order of arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sync.office.event_reading import ReadEvent, ReadFrame
from sync.office.sale_folding import Folded, fold
from sync.office.sale_records import TABLES
from sync.office.sale_records import Place as SalePlace

ROWS_OF_SALES: Final = ("sale", *(each.name for each in TABLES))
"""All tables whose rows follow from the events of one sale."""

Place = tuple[int, int]
"""Generation and seq of an event of a store."""


class Remade(msgspec.Struct, frozen=True):
    """All that a sale's events come to; those of no sale have an empty one.

    Whoever keeps it takes the rows of the sale at `place` out first.
    """

    place: SalePlace
    folded: Folded

    @property
    def unfit(self) -> dict[Place, str]:
        """Which events do not fit, and why."""
        return {(each.gen, each.seq): each.reason for each in self.folded.aside}

    def number(self, before: int | None, newest: int) -> None:
        """Give the sale the place in the order of arrival that it had, or one behind the newest."""
        self.folded.number_arrivals(newest)
        made = self.folded.sales.get(self.place)
        if before is not None and made is not None and made.head.arrival is not None:
            made.head.arrival = before


def rebuild(store: int, sale: str, events: Sequence[ReadEvent]) -> Remade:
    """Make a sale anew out of all its events, in chain order.

    What is parked is read again once its type is known.
    """
    return Remade((store, sale), fold((ReadFrame(0, store, 0, tuple(events)),), {}))
