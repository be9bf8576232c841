"""What a customer sees of a till: made from the till's view, field by field."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import UNSET

from edge.contract.display_view import (
    CustomerDisplayView,
    DisplayLineView,
    DisplayState,
    DisplayTenderView,
    SavingView,
    ScaleView,
)
from edge.contract.quantity import extend
from edge.contract.till_protocol import (
    DeviceView,
    LineView,
    ReductionView,
    TenderView,
    TillState,
    TillView,
)
from edge.engine.cart import APPROVED, ASKED, RETURNED, SCALE, TAKEN
from edge.engine.discounts import DISCOUNT

_STANDS: Final = frozenset({TAKEN, APPROVED, RETURNED})
_SEEN: Final = frozenset({"stable", "unstable"})
_STILL: Final = "stable"
_STATES: Final = {
    TillState.OPEN: DisplayState.SELLING,
    TillState.PAYING: DisplayState.CARD,
    TillState.IN_DOUBT: DisplayState.ASK_STAFF,
    TillState.DONE: DisplayState.DONE,
}


class OnScale(NamedTuple):
    """The article that a till weighs: `price_minor` is for a kilogram."""

    name: str
    price_minor: int
    tare_g: int


class Beside(NamedTuple):
    """What a till's view does not say and its display shows.

    `language` is the cashier's, None while nobody is signed in; `customer` is the name that the
    reference has for the sale's customer; `logo` tells the store's logo from every other.
    """

    language: str | None
    customer: str = ""
    on_scale: OnScale | None = None
    logo: str = ""


def display_view(view: TillView, beside: Beside) -> CustomerDisplayView:
    """Return what the customer may see of a till."""
    state = _STATES.get(view.state)
    weighing = None
    if beside.on_scale is not None and state in {None, DisplayState.SELLING, DisplayState.DONE}:
        weighing = _on_scale(beside.on_scale, view.devices)
        if state is not DisplayState.SELLING:
            # the next customer's goods: nothing of the sale before
            return CustomerDisplayView(
                state=DisplayState.SELLING,
                currency=view.currency,
                language=beside.language or "",
                weighing=weighing,
                training=view.training,
                logo=beside.logo,
            )
    if state is None:
        return CustomerDisplayView(
            state=DisplayState.CLOSED if beside.language is None else DisplayState.READY,
            currency=view.currency,
            language=beside.language or "",
            training=view.training,
            logo=beside.logo,
        )
    live = tuple(line for line in view.lines if not line.voided)
    standing = tuple(each for each in view.tenders if each.state in _STANDS)
    return CustomerDisplayView(
        state=state,
        currency=view.currency,
        language=beside.language or "",
        began_at=view.opened_at or 0,
        lines=tuple(_line(line) for line in live),
        tenders=tuple(_tender(each) for each in view.tenders if each.state in {*_STANDS, ASKED}),
        total_minor=view.total_minor,
        tip_minor=view.tip_minor,
        saved_minor=sum(each.amount_minor for line in live for each in line.reductions),
        paid_minor=sum(each.amount_minor for each in standing),
        due_minor=view.due_minor,
        back_minor=view.refund_due_minor,
        change_minor=view.change_minor,
        rounding_minor=view.rounding_minor,
        weighing=weighing,
        receipt_code=_has_code(view, live),
        training=view.training,
        greeting=(beside.customer.split() or [""])[0],
        logo=beside.logo,
    )


def _has_code(view: TillView, live: tuple[LineView, ...]) -> bool:
    """Say whether a receipt's code is of use: something was sold that may come back by it."""
    sold = any(line.entry != RETURNED for line in live)
    return view.state is TillState.DONE and bool(view.receipt_number) and sold and not view.training


def _line(line: LineView) -> DisplayLineView:
    return DisplayLineView(
        name=line.name,
        quantity=line.quantity,
        unit=line.unit,
        price_minor=line.price_minor,
        listed_minor=line.listed_minor,
        amount_minor=line.amount_minor,
        savings=tuple(_saving(each) for each in line.reductions),
        returned=line.entry == RETURNED,
        deposit=line.deposit,
        bound=bool(line.deposit_of),
        weighed=line.entry == SCALE,
        tare_g=line.tare_g,
    )


def _saving(reduction: ReductionView) -> SavingView:
    # the name of a discount is the reason that the cashier gave
    name = "" if reduction.source == DISCOUNT else reduction.name
    return SavingView(name, reduction.amount_minor, reduction.price_minor)


def _tender(tender: TenderView) -> DisplayTenderView:
    return DisplayTenderView(tender.kind, tender.amount_minor, waits=tender.state == ASKED)


def _on_scale(goods: OnScale, devices: tuple[DeviceView, ...]) -> ScaleView:
    scale = next((d for d in devices if d.role == "scale"), None)
    seen = scale if scale is not None and scale.weight in _SEEN else None
    net = 0 if seen is None else seen.weight_g - goods.tare_g
    return ScaleView(
        goods.name,
        goods.price_minor,
        goods.tare_g,
        shown=seen is not None,
        still=seen is not None and seen.weight == _STILL,
        weight_g=net,
        amount_minor=extend(goods.price_minor, max(0, net)),
        at_price=UNSET if scale is None else scale.weighs_at_price,
    )
