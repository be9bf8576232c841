"""How events change the sale on a till; totals are carried along, never re-added.

Carts are values: `apply` returns a new one. The same events give the same cart, whatever
the reference data say today, since prices, rates, reductions and whether prices include tax
stand in the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from edge.contract.age_events import AgeChecked
from edge.contract.card_desk_events import (
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalDeclined,
    CardReversalRequested,
    CardReversalUnknown,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.card_signature_events import CardSignatureAsked, CardSignatureChecked
from edge.contract.card_slip_events import CardSlipComposed
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.customer_events import CustomerSet
from edge.contract.event_registry import Event
from edge.contract.money import format_amount
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
    ForeignCashTendered,
    TenderTaken,
)
from edge.contract.price_events import (
    DiscountGiven,
    DiscountRemoved,
    NoteSet,
    PriceOverridden,
    PricesReduced,
)
from edge.contract.return_events import CashReturned, LineReturned, TenderReturned
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    SaleParked,
)
from edge.contract.till_protocol import TillState
from edge.contract.tip_events import TipReturned, TipSet
from edge.contract.weighing_events import WeighingAsked, WeighingEnded
from edge.engine.cart import (
    CASH,
    EMPTY,
    RECOUNTED,
    SCALE,
    TAKEN,
    Cart,
    Discount,
    HeldCoupon,
    Line,
    Tender,
    Weighing,
)
from edge.engine.cart_cards import (
    payment_approved,
    payment_declined,
    payment_requested,
    payment_resolved,
    payment_unknown,
    refund_approved,
    refund_declined,
    refund_requested,
    refund_resolved,
    refund_unknown,
    reversal_approved,
    reversal_declined,
    reversal_requested,
    reversal_unknown,
    signature_asked,
    signature_checked,
    slip_composed,
)
from edge.engine.cart_returns import (
    cash_returned,
    goods_kept,
    line_returned,
    tender_returned,
    tip_returned,
)
from edge.engine.tax import add_to_rate, total_of


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
    if recounted is not None and recounted.sku != event.sku:
        # the reason is free text: "quantity", and then another article, replaces nothing
        recounted = None
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
        replaces=recounted.line_id if recounted else "",
        overridden=recounted.overridden if recounted else False,
        note=recounted.note if recounted else "",
        tare_g=event.tare_g,
        minimum_age=event.minimum_age,
        open_price=event.open_price,
        deposit=event.deposit,
        deposit_of=event.deposit_of,
        serial=event.serial,
        lot=event.lot,
        expires=event.expires,
    )
    sums = add_to_rate(cart.rate_sums, event.tax, event.rate_ppm, event.amount_minor)
    return replace(
        cart,
        lines=(*cart.lines, line),
        rate_sums=sums,
        live_lines=cart.live_lines + 1,
        total_minor=total_of(sums, included=cart.prices_include_tax) - cart.returned_minor,
        recounted="",
        discounts=_moved(cart.discounts, recounted.line_id, event.line)
        if recounted
        else cart.discounts,
        weighing=None if event.entry == SCALE else cart.weighing,
    )


def _moved(discounts: tuple[Discount, ...], from_line: str, to_line: str) -> tuple[Discount, ...]:
    """Return the discounts, those of a line that was counted anew on the line in its place."""
    return tuple(
        replace(each, line_id=to_line) if each.line_id == from_line else each for each in discounts
    )


def _age_checked(cart: Cart, event: AgeChecked, _: int) -> Cart:
    return replace(cart, age_checked=max(cart.age_checked, event.minimum_age))


def _weighing_asked(cart: Cart, event: WeighingAsked, _: int) -> Cart:
    asked = Weighing(event.weighing, event.code, event.name, event.tare_g, event.shown_g)
    return replace(cart, weighing=asked)


def _weighing_ended(cart: Cart, _: WeighingEnded, __: int) -> Cart:
    return replace(cart, weighing=None)


def _line_voided(cart: Cart, event: LineVoided, _: int) -> Cart:
    line = cart.line(event.line)
    if line is None or line.voided:
        return cart
    if line.back is not None:
        return goods_kept(cart, line, line.back)
    index = cart.lines.index(line)
    sums = add_to_rate(cart.rate_sums, line.tax, line.rate_ppm, -line.net_minor)
    gone = replace(line, amount_minor=0, reduced_minor=0, voided=True)
    recounted = event.reason == RECOUNTED
    discounts = cart.discounts
    if discounts and not recounted:
        discounts = tuple(each for each in discounts if each.line_id != line.line_id)
    return replace(
        cart,
        lines=(*cart.lines[:index], gone, *cart.lines[index + 1 :]),
        rate_sums=sums,
        live_lines=cart.live_lines - 1,
        total_minor=total_of(sums, included=cart.prices_include_tax) - cart.returned_minor,
        recounted=line.line_id if recounted else "",
        discounts=discounts,
    )


def _price_overridden(cart: Cart, event: PriceOverridden, _: int) -> Cart:
    line = cart.line(event.line)
    if line is None or line.voided:
        return cart
    sold = replace(
        line,
        price_minor=event.price_minor,
        amount_minor=event.amount_minor,
        reduced_minor=0,
        overridden=True,
    )
    # what reduced the old price is worked out anew by the event that follows
    sums = add_to_rate(cart.rate_sums, line.tax, line.rate_ppm, sold.net_minor - line.net_minor)
    return replace(
        _with_line(cart, sold),
        rate_sums=sums,
        total_minor=total_of(sums, included=cart.prices_include_tax) - cart.returned_minor,
    )


def _with_line(cart: Cart, changed: Line) -> Cart:
    lines = tuple(changed if line.line_id == changed.line_id else line for line in cart.lines)
    return replace(cart, lines=lines)


def _discount_given(cart: Cart, event: DiscountGiven, _: int) -> Cart:
    given = Discount(event.discount, event.line, event.off_ppm, event.off_minor, event.reason)
    return replace(
        cart,
        discounts=(*cart.discounts, given),
        discounts_given=cart.discounts_given + 1,
    )


def _discount_removed(cart: Cart, event: DiscountRemoved, _: int) -> Cart:
    left = tuple(each for each in cart.discounts if each.discount_id != event.discount)
    return replace(cart, discounts=left)


def _note_set(cart: Cart, event: NoteSet, _: int) -> Cart:
    if not event.line:
        return replace(cart, note=event.text)
    line = cart.line(event.line)
    return cart if line is None else _with_line(cart, replace(line, note=event.text))


def _coupon_presented(cart: Cart, event: CouponPresented, _: int) -> Cart:
    held = HeldCoupon(event.code, event.campaign, event.name, event.single_use)
    return replace(cart, coupons=(*cart.coupons, held))


def _coupon_removed(cart: Cart, event: CouponRemoved, _: int) -> Cart:
    return replace(cart, coupons=tuple(each for each in cart.coupons if each.code != event.code))


def _customer_set(cart: Cart, event: CustomerSet, _: int) -> Cart:
    return replace(cart, customer=event.customer, groups=event.groups)


def _tip_set(cart: Cart, event: TipSet, _: int) -> Cart:
    return replace(cart, tip_minor=event.amount_minor, tips_back=())


def _prices_reduced(cart: Cart, event: PricesReduced, _: int) -> Cart:
    reduced: dict[str, int] = {}
    for reduction in event.reductions:
        for part in reduction.lines:
            reduced[part.line] = reduced.get(part.line, 0) + part.amount_minor
    sums = cart.rate_sums
    lines = []
    for line in cart.lines:
        now = 0 if line.voided else reduced.get(line.line_id, 0)
        if now != line.reduced_minor:
            sums = add_to_rate(sums, line.tax, line.rate_ppm, line.reduced_minor - now)
            line = replace(line, reduced_minor=now)  # noqa: PLW2901 - the line as it is from here on
        lines.append(line)
    return replace(
        cart,
        lines=tuple(lines),
        rate_sums=sums,
        total_minor=total_of(sums, included=cart.prices_include_tax) - cart.returned_minor,
        reductions=event.reductions,
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


def _foreign_cash(cart: Cart, event: ForeignCashTendered, _: int) -> Cart:
    given = f"{event.currency} {format_amount(event.foreign_minor, event.currency)}"
    tender = Tender(event.tender, CASH, event.amount_minor, TAKEN, reference=given)
    return replace(
        cart,
        tenders=(*cart.tenders, tender),
        cash_minor=cart.cash_minor + event.amount_minor,
    )


def _tender_taken(cart: Cart, event: TenderTaken, _: int) -> Cart:
    tender = Tender(event.tender, event.kind, event.amount_minor, TAKEN, reference=event.reference)
    return replace(
        cart,
        tenders=(*cart.tenders, tender),
        other_minor=cart.other_minor + event.amount_minor,
    )


def _parked(_: Cart, __: SaleParked, ___: int) -> Cart:
    # of the till; whoever rebuilds the sale itself leaves this event out
    return EMPTY


def _abandoned(_: Cart, __: SaleAbandoned, ___: int) -> Cart:
    return EMPTY


_HANDLERS: Final[dict[type[Event], Callable[[Cart, Any, int], Cart]]] = {
    LineAdded: _line_added,
    LineVoided: _line_voided,
    AgeChecked: _age_checked,
    WeighingAsked: _weighing_asked,
    WeighingEnded: _weighing_ended,
    PricesReduced: _prices_reduced,
    PriceOverridden: _price_overridden,
    DiscountGiven: _discount_given,
    DiscountRemoved: _discount_removed,
    NoteSet: _note_set,
    CouponPresented: _coupon_presented,
    CouponRemoved: _coupon_removed,
    CustomerSet: _customer_set,
    TipSet: _tip_set,
    TipReturned: tip_returned,
    CashTendered: _cash_tendered,
    ForeignCashTendered: _foreign_cash,
    TenderTaken: _tender_taken,
    LineReturned: line_returned,
    CashReturned: cash_returned,
    TenderReturned: tender_returned,
    SaleCompleted: _completed,
    SaleAbandoned: _abandoned,
    SaleParked: _parked,
    CardPaymentRequested: payment_requested,
    CardRefundRequested: refund_requested,
    CardPaymentApproved: payment_approved,
    CardRefundApproved: refund_approved,
    CardPaymentDeclined: payment_declined,
    CardRefundDeclined: refund_declined,
    CardPaymentUnknown: payment_unknown,
    CardRefundUnknown: refund_unknown,
    CardPaymentResolved: payment_resolved,
    CardRefundResolved: refund_resolved,
    CardReversalRequested: reversal_requested,
    CardReversalApproved: reversal_approved,
    CardReversalDeclined: reversal_declined,
    CardReversalUnknown: reversal_unknown,
    CardSlipComposed: slip_composed,
    CardSignatureAsked: signature_asked,
    CardSignatureChecked: signature_checked,
}
