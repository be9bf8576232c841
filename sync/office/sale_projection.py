"""From events to sales: what each event changes in its sale. Pure: no store of sales is known here.

Every step sets what is so now, so that reading an event a second time changes nothing; one that
does not fit raises before it changes anything.
"""

from __future__ import annotations

import copy
from typing import Final

import msgspec

from edge.contract.customer_events import CustomerSet
from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.limits import SALE_TOTAL_MINOR_MAX
from edge.contract.price_events import PriceOverridden, PricesReduced
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import (
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
)
from edge.contract.tip_events import TipReturned, TipSet
from sync.appending.event_store import SEQ_MAX
from sync.office.coupon_projection import COUPON_STEPS, drop_coupons, use_coupons
from sync.office.detail_projection import DETAIL_STEPS
from sync.office.sale_records import (
    ABANDONED,
    COMPLETED,
    Sale,
    SaleHead,
    SaleLine,
    SaleReduction,
    SaleTax,
    TipBack,
)
from sync.office.tender_projection import TENDER_STEPS, DoesNotFitError, Step


def is_of_a_sale(event: Event) -> bool:
    """Say whether an event changes a sale; the projection takes no notice of others."""
    return type(event) in _STEPS or type(event) in DETAIL_STEPS


def project(sale: Sale | None, envelope: SealedEnvelope, event: Event) -> Sale:
    """Let an event change its sale, and return that: a new one for the event that opens it.

    Raises DoesNotFitError for an event that contradicts the sale, which is as before then.
    """
    if sale is None:
        if not isinstance(event, SaleOpened):
            raise DoesNotFitError(f"sale {getattr(event, 'sale', '')} was never opened")
        sale = _new_sale(envelope, event)
    if (against := _against(sale, envelope, event)) is not None:
        # what is wrong with the event itself is said first
        _apply(copy.deepcopy(sale), envelope, event)
        raise against
    _apply(sale, envelope, event)
    return sale


def _against(sale: Sale, envelope: SealedEnvelope, event: Event) -> DoesNotFitError | None:
    """Return why nothing may change a sale in the way of an event any more."""
    head = sale.head
    if head.state == COMPLETED and envelope.seq > head.seq:
        # money that stands is not changed by what comes later, whoever signed it
        name = getattr(event, "sale", "")
        return DoesNotFitError(f"sale {name} was completed by event {head.seq}")
    if head.state == ABANDONED and isinstance(event, SaleCompleted):
        return DoesNotFitError(f"sale {event.sale} was abandoned before")
    return None


def _apply(sale: Sale, envelope: SealedEnvelope, event: Event) -> None:
    kind = type(event)
    if (step := _STEPS.get(kind)) is not None:
        step(sale, envelope, event)
    if (detail := DETAIL_STEPS.get(kind)) is not None:
        detail(sale, envelope, event)


def _new_sale(envelope: SealedEnvelope, event: SaleOpened) -> Sale:
    return Sale(
        SaleHead(
            envelope.till, envelope.actor, event.currency, event.prices_include_tax, envelope.at
        )
    )


def _opened(sale: Sale, _: SealedEnvelope, event: SaleOpened) -> None:
    sale.head.currency = event.currency
    sale.head.prices_include_tax = event.prices_include_tax


def _line_added(sale: Sale, envelope: SealedEnvelope, event: LineAdded) -> None:
    known = sale.lines.get(event.line)
    if known is not None:
        known.number = envelope.seq
        return
    sale.lines[event.line] = SaleLine(
        envelope.seq,
        event.line,
        event.sku,
        event.name,
        event.quantity,
        event.unit,
        event.price_minor,
        event.amount_minor,
        event.tax,
        event.rate_ppm,
        entry=event.entry,
    )


def _line_voided(sale: Sale, _: SealedEnvelope, event: LineVoided) -> None:
    known = sale.lines.get(event.line)
    if known is None:
        raise DoesNotFitError(f"sale {event.sale} has no line {event.line} to void")
    known.voided = True
    _add_up_returns(sale)


def _line_returned(sale: Sale, envelope: SealedEnvelope, event: LineReturned) -> None:
    if not 0 <= event.gross_minor <= SALE_TOTAL_MINOR_MAX:
        raise DoesNotFitError(f"a line of sale {event.sale} gives back {event.gross_minor}")
    if abs(event.quantity) > SALE_TOTAL_MINOR_MAX:
        # quantities are added up over all sales that took goods back
        raise DoesNotFitError(f"of a line of sale {event.sale} {event.quantity} came back")
    known = sale.lines.get(event.line)
    if known is not None:
        known.number = envelope.seq
    else:
        gave = event.gross_minor if sale.head.prices_include_tax else event.net_minor
        sale.lines[event.line] = SaleLine(
            envelope.seq,
            event.line,
            event.sku,
            event.name,
            event.quantity,
            event.unit,
            event.price_minor,
            -gave,
            event.tax,
            event.rate_ppm,
            returned=True,
            returned_from=event.receipt,
            back_minor=event.gross_minor,
        )
    _add_up_returns(sale)


def _add_up_returns(sale: Sale) -> None:
    sale.head.returned_minor = sum(
        line.back_minor for line in sale.lines.values() if not line.voided
    )


def _price_overridden(sale: Sale, _: SealedEnvelope, event: PriceOverridden) -> None:
    known = sale.lines.get(event.line)
    if known is None:
        raise DoesNotFitError(f"sale {event.sale} has no line {event.line} to price")
    known.price_minor, known.amount_minor = event.price_minor, event.amount_minor
    known.reduced_minor, known.overridden = 0, True


def _prices_reduced(sale: Sale, _: SealedEnvelope, event: PricesReduced) -> None:
    parts = [
        SaleReduction(0, part.line, each.source, each.id, each.name, part.amount_minor)
        for each in event.reductions
        for part in each.lines
    ]
    sums: dict[str, int] = {}
    for number, part in enumerate(parts):
        part.number = number
        sums[part.line] = sums.get(part.line, 0) + part.amount_minor
    if any(abs(each) > SEQ_MAX for each in sums.values()):
        raise DoesNotFitError(f"a line of sale {event.sale} is reduced by {max(sums.values())}")
    sale.reductions = {part.number: part for part in parts}
    for name, line in sale.lines.items():
        line.reduced_minor = sums.get(name, 0)


def _customer_set(sale: Sale, _: SealedEnvelope, event: CustomerSet) -> None:
    sale.head.customer = event.customer
    sale.head.groups = msgspec.json.encode(event.groups).decode()


def _completed(sale: Sale, envelope: SealedEnvelope, event: SaleCompleted) -> None:
    if abs(event.total_minor) > SALE_TOTAL_MINOR_MAX:
        # one such amount in the day's takings, and no store's figures could be added up
        raise DoesNotFitError(
            f"sale {event.sale} comes to {event.total_minor}; {SALE_TOTAL_MINOR_MAX} is the most"
        )
    if abs(event.tip_minor) > SALE_TOTAL_MINOR_MAX:
        raise DoesNotFitError(f"sale {event.sale} has a tip of {event.tip_minor}")
    for tax in event.taxes:
        key = (tax.tax, tax.rate_ppm)
        if key not in sale.taxes:
            sale.taxes[key] = SaleTax(*key, tax.net_minor, tax.tax_minor, tax.gross_minor)
    head = sale.head
    head.state = COMPLETED
    head.receipt, head.day, head.till = event.receipt, envelope.day, envelope.till
    head.total_minor, head.change_minor = event.total_minor, event.change_minor
    head.rounding_minor, head.tip_minor = event.rounding_minor, event.tip_minor
    head.completed_at, head.seq = envelope.at, envelope.seq
    # a terminal's answer completes a sale with nobody as its actor: who opened it sold it
    head.cashier = envelope.actor or head.cashier
    use_coupons(sale, envelope, event)


def _tip_returned(sale: Sale, _: SealedEnvelope, event: TipReturned) -> None:
    if event.original_sale not in sale.tips_back:
        sale.tips_back[event.original_sale] = TipBack(event.original_sale, event.amount_minor)


def _tip_set(sale: Sale, _: SealedEnvelope, __: TipSet) -> None:
    # a tip of its own stands in the completion; those that were to go back stay
    sale.tips_back.clear()


def _abandoned(sale: Sale, _: SealedEnvelope, __: SaleAbandoned) -> None:
    if sale.head.arrival is None:
        sale.head.state = ABANDONED
    drop_coupons(sale)


_STEPS: Final[dict[type[Event], Step]] = {
    SaleOpened: _opened,
    LineAdded: _line_added,
    LineVoided: _line_voided,
    PricesReduced: _prices_reduced,
    PriceOverridden: _price_overridden,
    LineReturned: _line_returned,
    **TENDER_STEPS,
    **COUPON_STEPS,
    CustomerSet: _customer_set,
    TipReturned: _tip_returned,
    TipSet: _tip_set,
    SaleCompleted: _completed,
    SaleAbandoned: _abandoned,
}
