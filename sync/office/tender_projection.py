"""From events to the tenders of sales: what was taken, what went back, and what a card did.

Every step sets what is so now, so that reading an event a second time changes nothing; one that
does not fit raises before it changes anything. What went back has an amount below zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge.contract.card_desk_events import (
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
    CardRefundUnknown,
)
from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
    ForeignCashTendered,
    TenderTaken,
)
from edge.contract.return_events import CashReturned, TenderReturned
from edge.contract.sale_events import CashTendered
from sync.office.sale_records import Sale, Tender


class DoesNotFitError(ValueError):
    """The event contradicts what is there; the words say how."""


Step = Callable[[Sale, SealedEnvelope, Any], None]
"""What an event changes in its sale. Raises DoesNotFitError, and has changed nothing then."""


def _cash(sale: Sale, envelope: SealedEnvelope, event: CashTendered | ForeignCashTendered) -> None:
    _tender(sale, envelope, event.tender, "cash", event.amount_minor, "taken")


def _other(sale: Sale, envelope: SealedEnvelope, event: TenderTaken) -> None:
    _tender(sale, envelope, event.tender, event.kind, event.amount_minor, "taken")


def _cash_returned(sale: Sale, envelope: SealedEnvelope, event: CashReturned) -> None:
    _tender(sale, envelope, event.tender, "cash", -event.amount_minor, "returned")


def _other_returned(sale: Sale, envelope: SealedEnvelope, event: TenderReturned) -> None:
    _tender(sale, envelope, event.tender, event.kind, -event.amount_minor, "returned")


def _card_asked(sale: Sale, envelope: SealedEnvelope, event: CardPaymentRequested) -> None:
    _tender(sale, envelope, event.payment, "card", event.amount_minor, "asked")


def _tender(
    sale: Sale, envelope: SealedEnvelope, tender: str, kind: str, amount_minor: int, state: str
) -> Tender:
    known = sale.tenders.get(tender)
    if known is None:
        known = sale.tenders[tender] = Tender(envelope.seq, tender, kind, amount_minor, state)
    return known


def _card_approved(sale: Sale, envelope: SealedEnvelope, event: CardPaymentApproved) -> None:
    _card_moved(sale, envelope, event, event.payment, event.amount_minor)


def _card_moved(
    sale: Sale,
    envelope: SealedEnvelope,
    event: CardPaymentApproved | CardRefundApproved,
    tender: str,
    amount_minor: int,
) -> None:
    # the money moved, whether or not the request could be read
    moved = _tender(sale, envelope, tender, "card", amount_minor, "asked")
    moved.state, moved.amount_minor = "approved", amount_minor
    moved.last4, moved.scheme = event.last4, event.scheme


def _refund_asked(sale: Sale, envelope: SealedEnvelope, event: CardRefundRequested) -> None:
    _tender(sale, envelope, event.refund, "card", -event.amount_minor, "asked")


def _refund_approved(sale: Sale, envelope: SealedEnvelope, event: CardRefundApproved) -> None:
    _card_moved(sale, envelope, event, event.refund, -event.amount_minor)


def _refund_declined(sale: Sale, _: SealedEnvelope, event: CardRefundDeclined) -> None:
    _card_state(sale, event.sale, event.refund, "declined")


def _refund_unknown(sale: Sale, _: SealedEnvelope, event: CardRefundUnknown) -> None:
    _card_state(sale, event.sale, event.refund, "unknown")


def _card_declined(sale: Sale, _: SealedEnvelope, event: CardPaymentDeclined) -> None:
    _card_state(sale, event.sale, event.payment, "declined")


def _card_unknown(sale: Sale, _: SealedEnvelope, event: CardPaymentUnknown) -> None:
    _card_state(sale, event.sale, event.payment, "unknown")


def _payment_resolved(sale: Sale, envelope: SealedEnvelope, event: CardPaymentResolved) -> None:
    _settled_by_hand(sale, envelope, event, event.payment, event.amount_minor)


def _refund_resolved(sale: Sale, envelope: SealedEnvelope, event: CardRefundResolved) -> None:
    _settled_by_hand(sale, envelope, event, event.refund, -event.amount_minor)


def _settled_by_hand(
    sale: Sale,
    envelope: SealedEnvelope,
    event: CardPaymentResolved | CardRefundResolved,
    tender: str,
    amount_minor: int,
) -> None:
    if event.outcome != "approved":
        _card_state(sale, event.sale, tender, "declined")
        return
    settled = _tender(sale, envelope, tender, "card", amount_minor, "asked")
    settled.state, settled.amount_minor = "approved", amount_minor


def _taken_back(sale: Sale, _: SealedEnvelope, event: CardReversalApproved) -> None:
    if event.fits:  # else it was another payment, and this one is in doubt as before
        _card_state(sale, event.sale, event.payment, "declined")


def _card_state(sale: Sale, name: str, payment: str, state: str) -> None:
    known = sale.tenders.get(payment)
    if known is None:
        raise DoesNotFitError(f"sale {name} has no card payment {payment} that is {state}")
    known.state = state


TENDER_STEPS: Final[dict[type[Event], Step]] = {
    CashTendered: _cash,
    ForeignCashTendered: _cash,
    TenderTaken: _other,
    CashReturned: _cash_returned,
    TenderReturned: _other_returned,
    CardPaymentRequested: _card_asked,
    CardPaymentApproved: _card_approved,
    CardPaymentDeclined: _card_declined,
    CardPaymentUnknown: _card_unknown,
    CardRefundRequested: _refund_asked,
    CardRefundApproved: _refund_approved,
    CardRefundDeclined: _refund_declined,
    CardRefundUnknown: _refund_unknown,
    CardPaymentResolved: _payment_resolved,
    CardRefundResolved: _refund_resolved,
    CardReversalApproved: _taken_back,
}
