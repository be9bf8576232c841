"""What a German security device signs of a sale: process data of the type Kassenbeleg-V1.

    Beleg^19%_7%_10.7%_5.5%_0%^amount:Bar_amount:Unbar_amount:Bar:USD

Takings by rate, gross, and payments by kind, in units with two decimals (DSFinV-K, annex I).
Change is taken off the cash of the store's own currency.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from edge.contract.money import format_amount
from edge.engine.cart import APPROVED, CASH, RETURNED, TAKEN, Cart

_PLACES: Final = {190_000: 0, 70_000: 1, 107_000: 2, 55_000: 3, 0: 4}
"""Where takings of a rate (parts per million) stand."""
_PAID: Final = frozenset({TAKEN, APPROVED, RETURNED})
CANCELLED: Final = "AVBelegabbruch^0.00_0.00_0.00_0.00_0.00^"
"""Of a sale that was given up."""


class RateUnknown(ValueError):
    """A sale has takings of a rate for which the scheme has no place."""


def process_data(cart: Cart) -> str:
    """Return what is signed of a completed sale. Raises RateUnknown."""
    takings = [0] * 5
    for tax in cart.taxes:
        place = _PLACES.get(tax.rate_ppm)
        if place is None:
            raise RateUnknown(f"no place for takings at {tax.rate_ppm} ppm")
        takings[place] += tax.gross_minor
    paid: dict[str, int] = defaultdict(int)
    foreign: list[str] = []
    for tender in cart.tenders:
        if tender.state not in _PAID:
            continue
        currency, _, given = tender.reference.partition(" ")
        if tender.kind == CASH and given:
            foreign.append(f"{given}:Bar:{currency}")
        else:
            paid["Bar" if tender.kind == CASH else "Unbar"] += tender.amount_minor
    paid["Bar"] -= cart.change_minor
    own = [f"{format_amount(minor, cart.currency)}:{kind}" for kind, minor in paid.items() if minor]
    by_rate = "_".join(format_amount(minor, cart.currency) for minor in takings)
    return f"Beleg^{by_rate}^{'_'.join(sorted(own) + foreign)}"
