"""The parked sales of a store for the fake box: its own till's, and what other tills do to them."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from edge.contract.event_registry import Event
from edge.contract.reference_data import StoreProfile
from edge.contract.sale_events import SaleParked, SaleResumed
from edge.contract.session_views import ForeignCashView
from edge.contract.till_commands import AddItem
from edge.contract.till_protocol import ParkedView, TillState
from edge.engine.cart import EMPTY, Cart
from edge.engine.cart_changes import replay
from edge.engine.circumstances import Circumstances
from edge.engine.sale_rules import decide
from tests.screens.demo_reference import DemoReference

TILLS = ("till-1", "till-2", "till-3")


@dataclass
class ParkingShelf:
    """What is set aside, oldest first: the sale, and how every till shows it."""

    carts: dict[str, Cart] = field(default_factory=dict)
    shown: dict[str, ParkedView] = field(default_factory=dict)

    @property
    def views(self) -> tuple[ParkedView, ...]:
        return tuple(self.shown.values())

    def keep(self, cart: Cart, event: SaleParked, *, till: str, cashier: str, at: int) -> None:
        """Set a sale aside."""
        self.carts[cart.sale] = cart
        self.shown[cart.sale] = ParkedView(
            cart.sale,
            event.label,
            till,
            event.for_till,
            cashier,
            at,
            cart.total_minor,
            cart.live_lines,
            cart.state,
        )

    def set_state(self, sale: str, state: TillState) -> None:
        """Let the payment of a parked sale become doubtful, or clear."""
        self.shown[sale] = msgspec.structs.replace(self.shown[sale], state=state)

    def take(self, sale: str) -> Cart:
        """Give a sale back to a till."""
        del self.shown[sale]
        return self.carts.pop(sale)

    def move(
        self, cart: Cart, events: tuple[Event, ...], *, till: str, cashier: str, at: int
    ) -> Cart:
        """Return the cart that the events are about, with what is parked moved accordingly."""
        for event in events:
            if isinstance(event, SaleParked):
                self.keep(cart, event, till=till, cashier=cashier, at=at)
            if isinstance(event, SaleResumed):
                return self.take(event.sale)
        return cart

    def park_at(
        self,
        till: str,
        *codes: str,
        reference: DemoReference,
        at: int,
        label: str = "",
        for_till: str = "",
        cashier: str = "pawel",
    ) -> str:
        """Let another till park a sale of these articles; returns its id."""
        sale = f"{len(self.carts) + at:032x}"
        cart = EMPTY
        for number, code in enumerate(codes, 1):
            wish = AddItem(command_id=f"{number:032x}", code=code, sale_id=sale)
            events = decide(cart, wish, reference, Circumstances(till, 0, sale))
            cart = replay(((event, at) for event in events), cart)
        event = SaleParked(sale=cart.sale, label=label, for_till=for_till)
        self.keep(cart, event, till=till, cashier=cashier, at=at)
        return cart.sale


def foreign_cash(store: StoreProfile) -> tuple[ForeignCashView, ...]:
    """Return the notes that a store takes, as its tills are told."""
    return tuple(ForeignCashView(each.currency, each.rate_ppm) for each in store.foreign_cash)
