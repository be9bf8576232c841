"""The sale on a till, rebuilt from its events; totals are carried along, never re-added.

Carts are values: `apply` returns a new one. The same events give the same cart, whatever
the reference data say today, since prices, rates and whether they include tax stand in the
events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from edge.contract.event_registry import Event
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
)
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    TaxTotal,
)
from edge.contract.till_protocol import LineView, TaxView, TenderView, TillState
from edge.engine.tax import RateSum, add_to_rate, tax_totals, total_of

CASH: Final = "cash"
CARD: Final = "card"
TAKEN: Final = "taken"
ASKED: Final = "asked"
APPROVED: Final = "approved"
DECLINED: Final = "declined"
UNKNOWN: Final = "unknown"
RECOUNTED: Final = "quantity"
"""Why a line is voided when the same article is added anew in its place."""


class Line(msgspec.Struct, frozen=True):
    """One article of the sale; `quantity` in thousandths, `amount_minor` 0 once voided."""

    line_id: str
    sku: str
    name: str
    quantity: int
    price_minor: int
    amount_minor: int
    tax: str
    rate_ppm: int
    code: str
    unit: str
    entry: str
    voided: bool = False
    replaces: str = ""

    def view(self) -> LineView:
        """Return the line as a till shows it."""
        return LineView(
            self.line_id,
            self.name,
            self.quantity,
            self.amount_minor,
            self.price_minor,
            self.sku,
            self.unit,
            self.tax,
            self.voided,
            self.entry,
            self.replaces,
        )


class Tender(msgspec.Struct, frozen=True):
    """Cash given or a card payment; the texts are the terminal's own."""

    tender_id: str
    kind: str
    """`CASH` or `CARD`."""
    amount_minor: int
    state: str
    """`TAKEN` for cash; `ASKED`, `APPROVED`, `DECLINED` or `UNKNOWN` for a card."""
    words: str = ""
    last4: str = ""
    scheme: str = ""
    authorisation: str = ""
    terminal_id: str = ""
    receipt: str = ""
    trace: str = ""

    def view(self) -> TenderView:
        """Return the tender as a till shows it."""
        return TenderView(
            self.tender_id,
            self.kind,
            self.amount_minor,
            self.state,
            self.words,
            self.last4,
            self.scheme,
        )


class Cart(msgspec.Struct, frozen=True):
    """A till's sale. `EMPTY` is an idle till.

    `total_minor` is what the customer owes for the live lines, tax included, before cash
    rounding; `tendered_minor` is cash taken plus cards approved. `opened_at` and
    `completed_at` are milliseconds since 1970 UTC. `receipt`, `change_minor` and
    `rounding_minor` are set by completion. `recounted` is the line just voided to be added anew
    with another quantity.
    """

    state: TillState = TillState.IDLE
    sale: str = ""
    currency: str = ""
    prices_include_tax: bool = True
    lines: tuple[Line, ...] = ()
    tenders: tuple[Tender, ...] = ()
    rate_sums: tuple[RateSum, ...] = ()
    live_lines: int = 0
    total_minor: int = 0
    cash_minor: int = 0
    card_minor: int = 0
    receipt: str = ""
    change_minor: int = 0
    rounding_minor: int = 0
    opened_at: int = 0
    completed_at: int = 0
    recounted: str = ""

    @property
    def tendered_minor(self) -> int:
        """Cash taken plus cards approved."""
        return self.cash_minor + self.card_minor

    @property
    def due_minor(self) -> int:
        """What is still to be paid; never negative, 0 once completed."""
        if self.state is TillState.DONE:
            return 0
        return max(0, self.total_minor - self.cash_minor - self.card_minor)

    @property
    def taxes(self) -> tuple[TaxTotal, ...]:
        """The tax of every rate that has takings."""
        return tax_totals(self.rate_sums, included=self.prices_include_tax)

    @property
    def tax_views(self) -> tuple[TaxView, ...]:
        """The same for a till's view."""
        return tuple(
            TaxView(each.tax, each.rate_ppm, each.net_minor, each.tax_minor, each.gross_minor)
            for each in self.taxes
        )

    @property
    def has_card_charge(self) -> bool:
        """Whether a card was charged in this sale."""
        return any(tender.state == APPROVED for tender in self.tenders)

    @property
    def open_payment(self) -> Tender | None:
        """The card payment that is asked for or unknown; None when all is definite."""
        for tender in reversed(self.tenders):
            if tender.state in {ASKED, UNKNOWN}:
                return tender
        return None

    def line(self, line_id: str) -> Line | None:
        """Return a line by its id."""
        for line in self.lines:
            if line.line_id == line_id:
                return line
        return None


EMPTY: Final = Cart()


def apply(cart: Cart, event: Event, at: int) -> Cart:
    """Return the cart after an event that happened at `at` (ms since 1970 UTC).

    Events that are not about a sale, and events of another sale than the one on the till
    (a receipt printed late), leave it as it is.
    """
    if isinstance(event, SaleOpened):
        return Cart(
            state=TillState.OPEN,
            sale=event.sale,
            currency=event.currency,
            prices_include_tax=event.prices_include_tax,
            opened_at=at,
        )
    handler = _HANDLERS.get(type(event))
    if handler is None or getattr(event, "sale", "") != cart.sale:
        return cart
    return handler(cart, event, at)


def replay(history: Iterable[tuple[Event, int]], cart: Cart = EMPTY) -> Cart:
    """Return the cart after a run of events, each with its instant."""
    for event, at in history:
        cart = apply(cart, event, at)
    return cart


def _line_added(cart: Cart, event: LineAdded, _: int) -> Cart:
    recounted = cart.line(cart.recounted) if cart.recounted else None
    line = Line(
        event.line,
        event.sku,
        event.name,
        event.quantity,
        event.price_minor,
        event.amount_minor,
        event.tax,
        event.rate_ppm,
        event.code,
        event.unit,
        event.entry,
        # the reason is free text: "quantity", and then another article, replaces nothing
        replaces=recounted.line_id if recounted and recounted.sku == event.sku else "",
    )
    sums = add_to_rate(cart.rate_sums, event.tax, event.rate_ppm, event.amount_minor)
    return replace(
        cart,
        lines=(*cart.lines, line),
        rate_sums=sums,
        live_lines=cart.live_lines + 1,
        total_minor=total_of(sums, included=cart.prices_include_tax),
        recounted="",
    )


def _line_voided(cart: Cart, event: LineVoided, _: int) -> Cart:
    line = cart.line(event.line)
    if line is None or line.voided:
        return cart
    index = cart.lines.index(line)
    sums = add_to_rate(cart.rate_sums, line.tax, line.rate_ppm, -line.amount_minor)
    gone = replace(line, amount_minor=0, voided=True)
    return replace(
        cart,
        lines=(*cart.lines[:index], gone, *cart.lines[index + 1 :]),
        rate_sums=sums,
        live_lines=cart.live_lines - 1,
        total_minor=total_of(sums, included=cart.prices_include_tax),
        recounted=line.line_id if event.reason == RECOUNTED else "",
    )


def _cash_tendered(cart: Cart, event: CashTendered, _: int) -> Cart:
    tender = Tender(event.tender, CASH, event.amount_minor, TAKEN)
    return replace(
        cart,
        tenders=(*cart.tenders, tender),
        cash_minor=cart.cash_minor + event.amount_minor,
    )


def _completed(cart: Cart, event: SaleCompleted, at: int) -> Cart:
    return replace(
        cart,
        state=TillState.DONE,
        receipt=event.receipt,
        change_minor=event.change_minor,
        rounding_minor=event.rounding_minor,
        completed_at=at,
    )


def _abandoned(_: Cart, __: SaleAbandoned, ___: int) -> Cart:
    return EMPTY


def _card_requested(cart: Cart, event: CardPaymentRequested, _: int) -> Cart:
    tender = Tender(event.payment, CARD, event.amount_minor, ASKED)
    return replace(cart, tenders=(*cart.tenders, tender), state=TillState.PAYING)


def _card_approved(cart: Cart, event: CardPaymentApproved, _: int) -> Cart:
    tender = Tender(
        event.payment,
        CARD,
        event.amount_minor,
        APPROVED,
        "",
        event.last4,
        event.scheme,
        event.authorisation,
        event.terminal_id,
        event.receipt,
        event.trace,
    )
    return _with_payment(cart, tender)


def _card_declined(cart: Cart, event: CardPaymentDeclined, _: int) -> Cart:
    asked = _payment(cart, event.payment)
    if asked is None:
        return cart
    return _with_payment(cart, replace(asked, state=DECLINED, words=event.reason))


def _card_unknown(cart: Cart, event: CardPaymentUnknown, _: int) -> Cart:
    asked = _payment(cart, event.payment)
    if asked is None:
        return cart
    return _with_payment(cart, replace(asked, state=UNKNOWN, words=event.reason))


def _payment(cart: Cart, payment: str) -> Tender | None:
    for tender in cart.tenders:
        if tender.tender_id == payment:
            return tender
    return None


def _with_payment(cart: Cart, changed: Tender) -> Cart:
    tenders = tuple(
        changed if tender.tender_id == changed.tender_id else tender for tender in cart.tenders
    )
    states = {tender.state for tender in tenders}
    if UNKNOWN in states:
        state = TillState.IN_DOUBT
    elif ASKED in states:
        state = TillState.PAYING
    else:
        state = TillState.OPEN
    return replace(
        cart,
        tenders=tenders,
        state=state,
        card_minor=sum(t.amount_minor for t in tenders if t.state == APPROVED),
    )


_HANDLERS: Final[dict[type[Event], Callable[[Cart, Any, int], Cart]]] = {
    LineAdded: _line_added,
    LineVoided: _line_voided,
    CashTendered: _cash_tendered,
    SaleCompleted: _completed,
    SaleAbandoned: _abandoned,
    CardPaymentRequested: _card_requested,
    CardPaymentApproved: _card_approved,
    CardPaymentDeclined: _card_declined,
    CardPaymentUnknown: _card_unknown,
}
