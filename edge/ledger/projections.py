"""What follows from events, written in the same transaction as they are.

Each can be made anew from the events alone; `rebuild` does, and a test compares.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from edge.contract.card_desk_events import (
    CardAlarmSettled,
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalRequested,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
)
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.device_events import (
    DeviceAdopted,
    DeviceBound,
    DeviceReleased,
    DeviceReplaced,
)
from edge.contract.device_messages import ALREADY_REVERSED
from edge.contract.event_registry import Event
from edge.contract.fiscal_events import FiscalClosed, FiscalMissed, FiscalSigned, FiscalStarted
from edge.contract.receipt_events import (
    GiftReceiptPrinted,
    ReceiptEmailRequested,
    ReceiptPresented,
    ReceiptReprinted,
)
from edge.contract.return_events import CashReturned, LineReturned, RefundPart, TenderReturned
from edge.contract.sale_events import (
    LineVoided,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    SaleParked,
    SaleResumed,
)
from edge.contract.system_events import TillEnrolled
from edge.contract.terminal_day_events import TerminalDayAsked, TerminalDayEnded
from edge.contract.tip_events import TipReturned, TipSet
from edge.contract.training_events import TrainingBegan, TrainingEnded
from edge.ledger import adopted_devices, terminal_days

Projector = Callable[[sqlite3.Connection, Any, str, int], None]


def project(connection: sqlite3.Connection, event: Event, till: str, seq: int) -> None:
    """Bring the projections up to an event of a till at a seq."""
    projector = _PROJECTORS.get(type(event))
    if projector is not None:
        projector(connection, event, till, seq)


def _opened(connection: sqlite3.Connection, _: SaleOpened, till: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO till (till, receipts, open_seq, last_seq) VALUES (?, 0, ?, 0)"
        " ON CONFLICT (till) DO UPDATE SET open_seq = excluded.open_seq",
        (till, seq),
    )


def _completed(connection: sqlite3.Connection, event: SaleCompleted, till: str, seq: int) -> None:
    (first_seq,) = connection.execute(
        "UPDATE till SET receipts = receipts + 1, last_seq = open_seq, open_seq = 0"
        " WHERE till = ? RETURNING last_seq",
        (till,),
    ).fetchone()
    connection.execute(
        "INSERT INTO sale (seq, receipt, first_seq, total_minor) VALUES (?, ?, ?, ?)",
        (seq, event.receipt, first_seq, event.total_minor),
    )
    connection.executemany(
        "UPDATE coupon SET receipt = ? WHERE code = ? AND sale = ? AND receipt = ''",
        [(event.receipt, code, event.sale) for code in event.coupons],
    )
    _release_coupons(connection, event.sale)


def _abandoned(connection: sqlite3.Connection, event: SaleAbandoned, till: str, _: int) -> None:
    connection.execute("UPDATE till SET open_seq = 0 WHERE till = ?", (till,))
    connection.execute("DELETE FROM returned_line WHERE sale = ?", (event.sale,))
    connection.execute("DELETE FROM refunded_tender WHERE sale = ?", (event.sale,))
    connection.execute("DELETE FROM returned_tip WHERE sale = ?", (event.sale,))
    _release_coupons(connection, event.sale)


def _coupon_presented(
    connection: sqlite3.Connection, event: CouponPresented, _: str, __: int
) -> None:
    if event.single_use:
        connection.execute(
            # two histories that became one may both have used it up: the first keeps it
            "INSERT INTO coupon (code, sale, receipt) VALUES (?, ?, '') ON CONFLICT DO NOTHING",
            (event.code, event.sale),
        )


def _coupon_removed(connection: sqlite3.Connection, event: CouponRemoved, _: str, __: int) -> None:
    connection.execute(
        "DELETE FROM coupon WHERE code = ? AND sale = ? AND receipt = ''", (event.code, event.sale)
    )


def _release_coupons(connection: sqlite3.Connection, sale: str) -> None:
    connection.execute("DELETE FROM coupon WHERE sale = ? AND receipt = ''", (sale,))


def _returned(connection: sqlite3.Connection, event: LineReturned, _: str, __: int) -> None:
    if event.original_sale:
        connection.execute(
            "INSERT INTO returned_line (sale, line, original_sale, original_line, quantity,"
            " net_minor, tax_minor, gross_minor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event.sale,
                event.line,
                event.original_sale,
                event.original_line,
                event.quantity,
                event.net_minor,
                event.tax_minor,
                event.gross_minor,
            ),
        )


def _tip_returned(connection: sqlite3.Connection, event: TipReturned, _: str, __: int) -> None:
    connection.execute(
        "INSERT INTO returned_tip (original_sale, sale) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (event.original_sale, event.sale),
    )


def _tip_set(connection: sqlite3.Connection, event: TipSet, _: str, __: int) -> None:
    connection.execute("DELETE FROM returned_tip WHERE sale = ?", (event.sale,))


def _voided(connection: sqlite3.Connection, event: LineVoided, _: str, __: int) -> None:
    connection.execute(
        "DELETE FROM returned_line WHERE sale = ? AND line = ?", (event.sale, event.line)
    )


def _refunded(
    connection: sqlite3.Connection, event: CashReturned | TenderReturned, _: str, __: int
) -> None:
    _goes_back(connection, event.sale, event.tender, event.parts)


def _goes_back(
    connection: sqlite3.Connection, sale: str, tender: str, parts: tuple[RefundPart, ...]
) -> None:
    connection.executemany(
        "INSERT INTO refunded_tender (sale, tender, original_sale, original_tender, amount_minor)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (sale, tender, part.original_sale, part.original_tender, part.amount_minor)
            for part in parts
        ],
    )


def _card_refund_asked(
    connection: sqlite3.Connection, event: CardRefundRequested, _: str, __: int
) -> None:
    # held from the wish on, and while nobody knows: no till gives the same money again
    _goes_back(connection, event.sale, event.refund, event.parts)


def _card_refund_approved(
    connection: sqlite3.Connection, event: CardRefundApproved, _: str, __: int
) -> None:
    _not_going_back(connection, event.sale, event.refund)
    _goes_back(connection, event.sale, event.refund, event.parts)


def _card_refund_declined(
    connection: sqlite3.Connection, event: CardRefundDeclined, _: str, __: int
) -> None:
    if event.code == ALREADY_REVERSED:
        connection.execute(
            "INSERT OR IGNORE INTO reversed_before (original_sale, original_tender)"
            " SELECT original_sale, original_tender FROM refunded_tender"
            " WHERE sale = ? AND tender = ?",
            (event.sale, event.refund),
        )
    _not_going_back(connection, event.sale, event.refund)


def _payment_resolved(
    connection: sqlite3.Connection, event: CardPaymentResolved, _: str, seq: int
) -> None:
    _at_desk(connection, event.payment, "resolved_seq", seq)


def _refund_resolved(
    connection: sqlite3.Connection, event: CardRefundResolved, _: str, seq: int
) -> None:
    _not_going_back(connection, event.sale, event.refund)
    _goes_back(connection, event.sale, event.refund, event.parts)  # none when it did not go back
    _at_desk(connection, event.refund, "resolved_seq", seq)


def _reversal_asked(
    connection: sqlite3.Connection, event: CardReversalRequested, _: str, seq: int
) -> None:
    _at_desk(connection, event.payment, "reversal_seq", seq)


def _reversal_approved(
    connection: sqlite3.Connection, event: CardReversalApproved, _: str, seq: int
) -> None:
    if not event.fits:
        _at_desk(connection, event.payment, "alarm_seq", seq)


def _answered_late(
    connection: sqlite3.Connection, event: CardAnsweredLate, _: str, seq: int
) -> None:
    if event.differs:
        _at_desk(connection, event.payment, "alarm_seq", seq)


def _alarm_settled(
    connection: sqlite3.Connection, event: CardAlarmSettled, _: str, __: int
) -> None:
    _at_desk(connection, event.payment, "alarm_seq", 0)


def _at_desk(connection: sqlite3.Connection, payment: str, column: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO card_desk (payment, reversal_seq, resolved_seq, alarm_seq)"
        " VALUES (?, 0, 0, 0) ON CONFLICT (payment) DO NOTHING",
        (payment,),
    )
    connection.execute(
        f"UPDATE card_desk SET {column} = ? WHERE payment = ?",  # noqa: S608 - a column of ours
        (seq, payment),
    )


def _not_going_back(connection: sqlite3.Connection, sale: str, tender: str) -> None:
    connection.execute("DELETE FROM refunded_tender WHERE sale = ? AND tender = ?", (sale, tender))


def _parked(connection: sqlite3.Connection, event: SaleParked, till: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO parked (sale, first_seq, seq) SELECT ?, open_seq, ? FROM till WHERE till = ?",
        (event.sale, seq, till),
    )
    connection.execute("UPDATE till SET open_seq = 0 WHERE till = ?", (till,))


def _resumed(connection: sqlite3.Connection, event: SaleResumed, till: str, _: int) -> None:
    (first_seq,) = connection.execute(
        "DELETE FROM parked WHERE sale = ? RETURNING first_seq", (event.sale,)
    ).fetchone()
    connection.execute(
        "INSERT INTO till (till, receipts, open_seq, last_seq) VALUES (?, 0, ?, 0)"
        " ON CONFLICT (till) DO UPDATE SET open_seq = excluded.open_seq",
        (till, first_seq),
    )


def _reprinted(connection: sqlite3.Connection, event: ReceiptReprinted, _: str, __: int) -> None:
    connection.execute(
        "INSERT INTO reprinted (sale, copies, gifts) VALUES (?, ?, 0)"
        " ON CONFLICT (sale) DO UPDATE SET copies = excluded.copies",
        (event.sale, event.copy),
    )


def _gift_receipt(
    connection: sqlite3.Connection, event: GiftReceiptPrinted, _: str, __: int
) -> None:
    connection.execute(
        "INSERT INTO reprinted (sale, copies, gifts) VALUES (?, 0, ?)"
        " ON CONFLICT (sale) DO UPDATE SET gifts = excluded.gifts",
        (event.sale, event.copy),
    )


def _letter_asked(
    connection: sqlite3.Connection, event: ReceiptEmailRequested, _: str, __: int
) -> None:
    connection.execute(
        "INSERT INTO reprinted (sale, copies, gifts, letters) VALUES (?, 0, 0, ?)"
        " ON CONFLICT (sale) DO UPDATE SET letters = excluded.letters",
        (event.sale, event.letter),
    )


def _presented(connection: sqlite3.Connection, event: ReceiptPresented, _: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO presented (sale, seq) VALUES (?, ?) ON CONFLICT DO NOTHING", (event.sale, seq)
    )


def _training(connection: sqlite3.Connection, _: TrainingBegan, till: str, __: int) -> None:
    connection.execute("INSERT INTO training (till) VALUES (?) ON CONFLICT DO NOTHING", (till,))


def _training_over(connection: sqlite3.Connection, _: TrainingEnded, till: str, __: int) -> None:
    connection.execute("DELETE FROM training WHERE till = ?", (till,))


def _enrolled(connection: sqlite3.Connection, event: TillEnrolled, _: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO enrolment (secret_sha256, till, label, seq) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (event.secret_sha256, event.till, event.label, seq),
    )


def _fiscal_started(connection: sqlite3.Connection, event: FiscalStarted, _: str, __: int) -> None:
    connection.execute(
        "INSERT INTO fiscal (sale, client, transaction_no, started_at, opened_seq, open,"
        " outcome_seq) VALUES (?, ?, ?, ?, ?, 1, 0) ON CONFLICT (sale) DO UPDATE SET"
        " client = excluded.client, transaction_no = excluded.transaction_no,"
        " started_at = excluded.started_at, open = 1",
        (event.sale, event.client, event.transaction, event.started_at, event.opened_seq),
    )


def _fiscal_signed(connection: sqlite3.Connection, event: FiscalSigned, _: str, seq: int) -> None:
    connection.execute(
        "UPDATE fiscal SET open = 0, outcome_seq = ? WHERE sale = ?", (seq, event.sale)
    )


def _fiscal_missed(connection: sqlite3.Connection, event: FiscalMissed, _: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO fiscal (sale, client, transaction_no, started_at, opened_seq, open,"
        " outcome_seq) VALUES (?, '', 0, 0, 0, 0, ?)"
        " ON CONFLICT (sale) DO UPDATE SET outcome_seq = excluded.outcome_seq",
        (event.sale, seq),
    )


def _fiscal_closed(connection: sqlite3.Connection, event: FiscalClosed, _: str, __: int) -> None:
    connection.execute("UPDATE fiscal SET open = 0 WHERE sale = ?", (event.sale,))


_PROJECTORS: Final[dict[type[Event], Projector]] = {
    SaleOpened: _opened,
    SaleCompleted: _completed,
    SaleAbandoned: _abandoned,
    SaleParked: _parked,
    SaleResumed: _resumed,
    LineReturned: _returned,
    LineVoided: _voided,
    TipReturned: _tip_returned,
    TipSet: _tip_set,
    CashReturned: _refunded,
    TenderReturned: _refunded,
    CardRefundRequested: _card_refund_asked,
    CardRefundApproved: _card_refund_approved,
    CardRefundDeclined: _card_refund_declined,
    ReceiptReprinted: _reprinted,
    GiftReceiptPrinted: _gift_receipt,
    ReceiptEmailRequested: _letter_asked,
    ReceiptPresented: _presented,
    CouponPresented: _coupon_presented,
    CouponRemoved: _coupon_removed,
    TillEnrolled: _enrolled,
    CardPaymentResolved: _payment_resolved,
    CardRefundResolved: _refund_resolved,
    CardReversalRequested: _reversal_asked,
    CardReversalApproved: _reversal_approved,
    CardAnsweredLate: _answered_late,
    CardAlarmSettled: _alarm_settled,
    TrainingBegan: _training,
    TrainingEnded: _training_over,
    DeviceAdopted: adopted_devices.adopted,
    DeviceBound: adopted_devices.bound,
    DeviceReplaced: adopted_devices.replaced,
    DeviceReleased: adopted_devices.released,
    TerminalDayAsked: terminal_days.asked,
    TerminalDayEnded: terminal_days.ended,
    FiscalStarted: _fiscal_started,
    FiscalSigned: _fiscal_signed,
    FiscalMissed: _fiscal_missed,
    FiscalClosed: _fiscal_closed,
}
PROJECTED_TABLES: Final = (
    "till",
    "sale",
    "parked",
    "enrolment",
    "returned_line",
    "refunded_tender",
    "returned_tip",
    "reversed_before",
    "reprinted",
    "presented",
    "card_desk",
    "coupon",
    "training",
    "adopted_device",
    "terminal_day",
    "fiscal",
)


def rebuild(connection: sqlite3.Connection) -> None:
    """Make all projections anew from the events; in a transaction of the caller's."""
    from edge.contract.envelope import unseal  # noqa: PLC0415 - used by repairs only

    for table in PROJECTED_TABLES:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the tuple above
    for seq, body in connection.execute("SELECT seq, body FROM event ORDER BY seq").fetchall():
        sealed = unseal(body)
        event = sealed.event()
        if event is not None:
            project(connection, event, sealed.till, seq)
