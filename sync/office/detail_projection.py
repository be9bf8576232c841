"""From events to what lines of sales carry: serial, lot, tare, notes, who approved and why.

Every step sets what is so now, and none needs more than its own event. So the details of sales
that were here before these tables can be read out of the frames later, in order, while what
arrives is projected in front of them: what was read late is read again until both have met.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from edge.contract.age_events import AgeChecked
from edge.contract.card_desk_events import CardPaymentResolved, CardRefundResolved
from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.envelope import SealedEnvelope
from edge.contract.event_registry import Event
from edge.contract.payment_events import TenderTaken
from edge.contract.price_events import DiscountGiven, NoteSet, PriceOverridden
from edge.contract.return_events import CashReturned, LineReturned, TenderReturned
from edge.contract.sale_events import LineAdded, LineVoided, SaleOpened


def _keep(
    connection: sqlite3.Connection, envelope: SealedEnvelope, sale: str, line: str, **found: Any
) -> None:
    """Set columns of a line's details; `found` are their names, which this file gives."""
    names = ", ".join(found)
    places = ", ".join("?" * len(found))
    changed = ", ".join(f"{name} = excluded.{name}" for name in found)
    connection.execute(
        f"INSERT INTO line_detail (store, sale, line, {names}) VALUES (?, ?, ?, {places})"  # noqa: S608 - names of ours
        f" ON CONFLICT (store, sale, line) DO UPDATE SET {changed}",
        (envelope.store, sale, line, *found.values()),
    )


def _line_added(connection: sqlite3.Connection, envelope: SealedEnvelope, event: LineAdded) -> None:
    found = {
        "serial": event.serial,
        "lot": event.lot,
        "expires": event.expires,
        "tare_g": event.tare_g,
        "minimum_age": event.minimum_age,
        "open_price": event.open_price,
        "deposit": event.deposit,
        "deposit_of": event.deposit_of,
        "approver": event.approver,
    }
    if any(found.values()):
        _keep(connection, envelope, event.sale, event.line, **found)


def _line_voided(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: LineVoided
) -> None:
    if event.reason:
        _keep(connection, envelope, event.sale, event.line, void_reason=event.reason)


def _line_returned(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: LineReturned
) -> None:
    found = {
        "serial": event.serial,
        "lot": event.lot,
        "deposit": event.deposit,
        "reason": event.reason,
        "approver": event.approver,
        "original_sale": event.original_sale,
        "original_line": event.original_line,
    }
    if any(found.values()):
        _keep(connection, envelope, event.sale, event.line, **found)


def _price_overridden(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: PriceOverridden
) -> None:
    why = {"override_reason": event.reason, "override_approver": event.approver}
    _keep(connection, envelope, event.sale, event.line, **why)


def _note_set(connection: sqlite3.Connection, envelope: SealedEnvelope, event: NoteSet) -> None:
    if event.line:
        _keep(connection, envelope, event.sale, event.line, note=event.text)
        return
    connection.execute(
        "UPDATE sale SET note = ? WHERE store = ? AND sale = ?",
        (event.text, envelope.store, event.sale),
    )


def _age_checked(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: AgeChecked
) -> None:
    connection.execute(
        "UPDATE sale SET age_checked = ?, age_how = ?"
        " WHERE store = ? AND sale = ? AND age_checked < ?",
        (event.minimum_age, event.how, envelope.store, event.sale, event.minimum_age),
    )


def _discount_given(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: DiscountGiven
) -> None:
    if event.approver:
        connection.execute(
            "INSERT INTO discount_approval (store, sale, discount, approver) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (store, sale, discount) DO UPDATE SET approver = excluded.approver",
            (envelope.store, event.sale, event.discount, event.approver),
        )


def _tender_approved(
    connection: sqlite3.Connection,
    envelope: SealedEnvelope,
    event: TenderTaken | CashReturned | TenderReturned,
) -> None:
    _approved(connection, envelope, event.sale, event.tender, event.approver)


def _payment_approved(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: CardPaymentResolved
) -> None:
    _approved(connection, envelope, event.sale, event.payment, event.approver)


def _opened(connection: sqlite3.Connection, envelope: SealedEnvelope, event: SaleOpened) -> None:
    if event.price_book:
        connection.execute(
            "UPDATE sale SET price_book = ? WHERE store = ? AND sale = ?",
            (event.price_book, envelope.store, event.sale),
        )


def _refund_approved(
    connection: sqlite3.Connection,
    envelope: SealedEnvelope,
    event: CardRefundRequested | CardRefundResolved,
) -> None:
    _approved(connection, envelope, event.sale, event.refund, event.approver)


def _approved(
    connection: sqlite3.Connection, envelope: SealedEnvelope, sale: str, tender: str, approver: str
) -> None:
    if approver:
        connection.execute(
            "UPDATE tender SET approver = ? WHERE store = ? AND sale = ? AND tender = ?",
            (approver, envelope.store, sale, tender),
        )


DETAIL_STEPS: Final[
    dict[type[Event], Callable[[sqlite3.Connection, SealedEnvelope, Any], None]]
] = {
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


def project_details(connection: sqlite3.Connection, envelope: SealedEnvelope, event: Event) -> None:
    """Write the details in an event that was projected before these tables were there.

    Nothing for an event that stepped aside then: its sale is not here, or was completed before.
    Raises sqlite3.Error, ValueError or OverflowError for one that does not fit.
    """
    step = DETAIL_STEPS.get(type(event))
    if step is None:
        return
    fits = connection.execute(
        "SELECT 1 FROM sale WHERE store = ? AND sale = ? AND (state <> 'completed' OR seq >= ?)",
        (envelope.store, getattr(event, "sale", ""), envelope.seq),
    ).fetchone()
    if fits is not None:
        step(connection, envelope, event)
