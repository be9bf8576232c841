"""A sale made anew out of all its events, in the order of their chain.

An event that is taken late cannot simply be added: what followed it may rest on it, or have
changed what it would change. So the rows of its sale go, and every event of it is read again, as
if nothing had stepped aside. The sale keeps its place in the order of arrival.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from sync.office.event_reading import ReadEvent
from sync.office.sale_projection import DOES_NOT_FIT, project

ROWS_OF_SALES: Final = (
    "sale",
    "sale_line",
    "tender",
    "sale_tax",
    "sale_reduction",
    "coupon_use",
    "line_detail",
    "discount_approval",
    "tip_back",
)
"""All tables whose rows follow from the events of one sale."""

Place = tuple[int, int]
"""Generation and seq of an event of a store."""


def rebuild(
    connection: sqlite3.Connection, store: int, sale: str, events: Sequence[ReadEvent]
) -> dict[Place, str]:
    """Make a sale anew; return which of its events do not fit, and why.

    `events` are all of them, in chain order. The caller takes all of it back where it does not
    like what is left.
    """
    place = (store, sale)
    row = connection.execute(
        "SELECT arrival FROM sale WHERE store = ? AND sale = ?", place
    ).fetchone()
    for table in ROWS_OF_SALES:
        connection.execute(f"DELETE FROM {table} WHERE store = ? AND sale = ?", place)  # noqa: S608 - names of ours
    left: dict[Place, str] = {}
    for read in events:
        reason = take_alone(connection, read)
        if reason:
            left[read.gen, read.seq] = reason
    if row is not None and row[0] is not None:
        connection.execute(
            "UPDATE sale SET arrival = ? WHERE store = ? AND sale = ? AND state = 'completed'",
            (row[0], *place),
        )
    return left


def take_alone(connection: sqlite3.Connection, read: ReadEvent) -> str:
    """Project one event; return why it does not fit, having changed nothing then."""
    if read.reason or read.envelope is None:
        return read.reason
    if read.event is None:
        return ""  # parked: read again once its type is known
    connection.execute("SAVEPOINT alone")
    try:
        project(connection, read.envelope, read.event, {})
    except DOES_NOT_FIT as error:
        connection.execute("ROLLBACK TO alone")
        return f"It does not fit: {error}."
    finally:
        connection.execute("RELEASE alone")
    return ""
