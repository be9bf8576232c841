"""What follows from events, written in the same transaction as they are.

Each can be made anew from the events alone; `rebuild` does, and a test compares.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from edge.contract.event_registry import Event
from edge.contract.sale_events import (
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    SaleParked,
    SaleResumed,
)
from edge.contract.system_events import TillEnrolled

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


def _abandoned(connection: sqlite3.Connection, _: SaleAbandoned, till: str, __: int) -> None:
    connection.execute("UPDATE till SET open_seq = 0 WHERE till = ?", (till,))


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


def _enrolled(connection: sqlite3.Connection, event: TillEnrolled, _: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO enrolment (secret_sha256, till, label, seq) VALUES (?, ?, ?, ?)",
        (event.secret_sha256, event.till, event.label, seq),
    )


_PROJECTORS: Final[dict[type[Event], Projector]] = {
    SaleOpened: _opened,
    SaleCompleted: _completed,
    SaleAbandoned: _abandoned,
    SaleParked: _parked,
    SaleResumed: _resumed,
    TillEnrolled: _enrolled,
}
PROJECTED_TABLES: Final = ("till", "sale", "parked", "enrolment")


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
