"""From events to what lines of sales carry: serial, lot, tare, notes, who approved and why.

Every step sets what is so now, and none needs more than its own event. So the details of sales
that were here before there were any can be read out of the frames later, in order, while what
arrives is projected in front of them: what was read late is read again until both have met.
"""

from __future__ import annotations

from typing import Final

from edge.contract.age_events import AgeChecked
from edge.contract.card_desk_events import CardPaymentResolved, CardRefundResolved
from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.payment_events import TenderTaken
from edge.contract.price_events import DiscountGiven, NoteSet, PriceOverridden
from edge.contract.return_events import CashReturned, LineReturned, TenderReturned
from edge.contract.sale_events import LineAdded, LineVoided, SaleOpened
from sync.office.sale_records import COMPLETED, DiscountApproval, LineDetail, Sale
from sync.office.tender_projection import Step


def _detail(sale: Sale, line: str) -> LineDetail:
    """Return a line's details, new ones where it carried nothing."""
    known = sale.details.get(line)
    if known is None:
        known = sale.details[line] = LineDetail(line)
    return known


def _line_added(sale: Sale, _: SealedEnvelope, event: LineAdded) -> None:
    if not (
        event.serial
        or event.lot
        or event.expires
        or event.tare_g
        or event.minimum_age
        or event.open_price
        or event.deposit
        or event.deposit_of
        or event.approver
    ):
        return
    found = _detail(sale, event.line)
    found.serial, found.lot, found.expires = event.serial, event.lot, event.expires
    found.tare_g, found.minimum_age = event.tare_g, event.minimum_age
    found.open_price, found.approver = event.open_price, event.approver
    found.deposit, found.deposit_of = event.deposit, event.deposit_of


def _line_voided(sale: Sale, _: SealedEnvelope, event: LineVoided) -> None:
    if event.reason:
        _detail(sale, event.line).void_reason = event.reason


def _line_returned(sale: Sale, _: SealedEnvelope, event: LineReturned) -> None:
    if not (
        event.serial
        or event.lot
        or event.deposit
        or event.reason
        or event.approver
        or event.original_sale
        or event.original_line
    ):
        return
    found = _detail(sale, event.line)
    found.serial, found.lot, found.deposit = event.serial, event.lot, event.deposit
    found.reason, found.approver = event.reason, event.approver
    found.original_sale, found.original_line = event.original_sale, event.original_line


def _price_overridden(sale: Sale, _: SealedEnvelope, event: PriceOverridden) -> None:
    found = _detail(sale, event.line)
    found.override_reason, found.override_approver = event.reason, event.approver


def _note_set(sale: Sale, _: SealedEnvelope, event: NoteSet) -> None:
    if event.line:
        _detail(sale, event.line).note = event.text
    else:
        sale.head.note = event.text


def _age_checked(sale: Sale, _: SealedEnvelope, event: AgeChecked) -> None:
    if sale.head.age_checked < event.minimum_age:
        sale.head.age_checked, sale.head.age_how = event.minimum_age, event.how


def _discount_given(sale: Sale, _: SealedEnvelope, event: DiscountGiven) -> None:
    if event.approver:
        sale.approvals[event.discount] = DiscountApproval(event.discount, event.approver)


def _tender_approved(
    sale: Sale, _: SealedEnvelope, event: TenderTaken | CashReturned | TenderReturned
) -> None:
    _approved(sale, event.tender, event.approver)


def _payment_approved(sale: Sale, _: SealedEnvelope, event: CardPaymentResolved) -> None:
    _approved(sale, event.payment, event.approver)


def _opened(sale: Sale, _: SealedEnvelope, event: SaleOpened) -> None:
    if event.price_book:
        sale.head.price_book = event.price_book


def _refund_approved(
    sale: Sale, _: SealedEnvelope, event: CardRefundRequested | CardRefundResolved
) -> None:
    _approved(sale, event.refund, event.approver)


def _approved(sale: Sale, tender: str, approver: str) -> None:
    known = sale.tenders.get(tender)
    if approver and known is not None:
        known.approver = approver


DETAIL_STEPS: Final[dict[type[Event], Step]] = {
    SaleOpened: _opened,
    LineAdded: _line_added,
    LineVoided: _line_voided,
    LineReturned: _line_returned,
    PriceOverridden: _price_overridden,
    NoteSet: _note_set,
    AgeChecked: _age_checked,
    DiscountGiven: _discount_given,
    TenderTaken: _tender_approved,
    CashReturned: _tender_approved,
    TenderReturned: _tender_approved,
    CardPaymentResolved: _payment_approved,
    CardRefundRequested: _refund_approved,
    CardRefundResolved: _refund_approved,
}


def project_details(sale: Sale, envelope: SealedEnvelope, event: Event) -> None:
    """Set the details in an event that was projected before there were any.

    Nothing for an event that stepped aside then: its sale was completed before.
    """
    step = DETAIL_STEPS.get(type(event))
    if step is not None and (sale.head.state != COMPLETED or sale.head.seq >= envelope.seq):
        step(sale, envelope, event)
