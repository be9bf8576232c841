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
from sync.office.sale_records import TABLES
from sync.office.sqlite_projection import remake

ROWS_OF_SALES: Final = ("sale", *(each.name for each in TABLES))
"""All tables whose rows follow from the events of one sale."""

Place = tuple[int, int]
"""Generation and seq of an event of a store."""


def rebuild(
    connection: sqlite3.Connection, store: int, sale: str, events: Sequence[ReadEvent]
) -> dict[Place, str]:
    """Make a sale anew; return which of its events do not fit, and why.

    `events` are all of them, in chain order. The caller takes all of it back where it does not
    like what is left. What is parked is read again once its type is known.
    """
    return remake(connection, store, sale, events)


def take_alone(connection: sqlite3.Connection, store: int, read: ReadEvent) -> str:
    """Project one event of no sale; return why it does not fit, having changed nothing then."""
    return remake(connection, store, "", (read,)).get((read.gen, read.seq), "")
