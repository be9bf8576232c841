"""From events to the tenders of sales: what was taken, what went back, and what a card did.

Every step sets what is so now, so that reading an event a second time changes nothing. What went
back has an amount below zero.
"""

from __future__ import annotations

import sqlite3
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


class DoesNotFitError(ValueError):
    """The event contradicts what is there; the words say how."""


def _cash(connection: sqlite3.Connection, envelope: SealedEnvelope, event: CashTendered) -> None:
    _tender(connection, envelope, event.sale, event.tender, "cash", event.amount_minor, "taken")


def _foreign_cash(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: ForeignCashTendered
) -> None:
    _tender(connection, envelope, event.sale, event.tender, "cash", event.amount_minor, "taken")


def _other(connection: sqlite3.Connection, envelope: SealedEnvelope, event: TenderTaken) -> None:
    _tender(connection, envelope, event.sale, event.tender, event.kind, event.amount_minor, "taken")


def _cash_returned(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CashReturned
) -> None:
    amount = -event.amount_minor
    _tender(connection, envelope, event.sale, event.tender, "cash", amount, "returned")


def _other_returned(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: TenderReturned
) -> None:
    amount = -event.amount_minor
    _tender(connection, envelope, event.sale, event.tender, event.kind, amount, "returned")


def _card_asked(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardPaymentRequested
) -> None:
    _tender(connection, envelope, event.sale, event.payment, "card", event.amount_minor, "asked")


def _tender(
    connection: sqlite3.Connection,
    envelope: SealedEnvelope,
    sale: str,
    tender: str,
    kind: str,
    amount_minor: int,
    state: str,
) -> None:
    connection.execute(
        "INSERT INTO tender (store, sale, number, tender, kind, amount_minor, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (store, sale, tender) DO NOTHING",
        (envelope.store, sale, envelope.seq, tender, kind, amount_minor, state),
    )


def _card_approved(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardPaymentApproved
) -> None:
    _card_moved(connection, envelope, event, event.payment, event.amount_minor)


def _card_moved(
    connection: sqlite3.Connection,
    envelope: SealedEnvelope,
    event: CardPaymentApproved | CardRefundApproved,
    tender: str,
    amount_minor: int,
) -> None:
    # the money moved, whether or not the request could be read
    _tender(connection, envelope, event.sale, tender, "card", amount_minor, "asked")
    connection.execute(
        "UPDATE tender SET state = 'approved', amount_minor = ?, last4 = ?, scheme = ?"
        " WHERE store = ? AND sale = ? AND tender = ?",
        (amount_minor, event.last4, event.scheme, envelope.store, event.sale, tender),
    )


def _refund_asked(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardRefundRequested
) -> None:
    _tender(connection, envelope, event.sale, event.refund, "card", -event.amount_minor, "asked")


def _refund_approved(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardRefundApproved
) -> None:
    _card_moved(connection, envelope, event, event.refund, -event.amount_minor)


def _refund_declined(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardRefundDeclined
) -> None:
    _card_state(connection, envelope, event.sale, event.refund, "declined")


def _refund_unknown(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardRefundUnknown
) -> None:
    _card_state(connection, envelope, event.sale, event.refund, "unknown")


def _card_declined(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardPaymentDeclined
) -> None:
    _card_state(connection, envelope, event.sale, event.payment, "declined")


def _card_unknown(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardPaymentUnknown
) -> None:
    _card_state(connection, envelope, event.sale, event.payment, "unknown")


def _payment_resolved(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardPaymentResolved
) -> None:
    _settled_by_hand(connection, envelope, event, event.payment, event.amount_minor)


def _refund_resolved(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardRefundResolved
) -> None:
    _settled_by_hand(connection, envelope, event, event.refund, -event.amount_minor)


def _settled_by_hand(
    connection: sqlite3.Connection,
    envelope: SealedEnvelope,
    event: CardPaymentResolved | CardRefundResolved,
    tender: str,
    amount_minor: int,
) -> None:
    if event.outcome != "approved":
        _card_state(connection, envelope, event.sale, tender, "declined")
        return
    _tender(connection, envelope, event.sale, tender, "card", amount_minor, "asked")
    connection.execute(
        "UPDATE tender SET state = 'approved', amount_minor = ?"
        " WHERE store = ? AND sale = ? AND tender = ?",
        (amount_minor, envelope.store, event.sale, tender),
    )


def _taken_back(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardReversalApproved
) -> None:
    if event.fits:  # else it was another payment, and this one is in doubt as before
        _card_state(connection, envelope, event.sale, event.payment, "declined")


def _card_state(
    connection: sqlite3.Connection, envelope: SealedEnvelope, sale: str, payment: str, state: str
) -> None:
    changed = connection.execute(
        "UPDATE tender SET state = ? WHERE store = ? AND sale = ? AND tender = ?",
        (state, envelope.store, sale, payment),
    )
    if not changed.rowcount:
        raise DoesNotFitError(f"sale {sale} has no card payment {payment} that is {state}")


TENDER_STEPS: Final[
    dict[type[Event], Callable[[sqlite3.Connection, SealedEnvelope, Any], None]]
] = {
    CashTendered: _cash,
    ForeignCashTendered: _foreign_cash,
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
