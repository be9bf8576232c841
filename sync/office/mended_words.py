"""What head office tells its people of a box whose history was mended."""

from __future__ import annotations

import sqlite3
from typing import Final

from edge.contract.envelope import SealedEnvelope
from edge.contract.system_events import HistoryMended

MENDED: Final = "history_mended"
_SETTLED_BY_IT: Final = ("fork", "behind", "frame_of_other_generation", "box_twice")
"""Alarms about a history that are over once it is mended."""
_NAMED_MAX: Final = 10
"""Receipt numbers in a line for people; the event names more."""


def project_mended(
    connection: sqlite3.Connection, envelope: SealedEnvelope, event: HistoryMended
) -> None:
    """Tell people of head office what became of both histories; older alarms about it are over."""
    connection.executemany(
        "DELETE FROM alarm WHERE store = ? AND kind = ? AND last_at <= ?",
        [(envelope.store, kind, envelope.at) for kind in _SETTLED_BY_IT],
    )
    connection.execute(
        "INSERT INTO alarm (store, kind, words, first_at, last_at, count) VALUES (?, ?, ?, ?, ?, 1)"
        " ON CONFLICT (store, kind) DO UPDATE SET words = excluded.words,"
        " count = count + (excluded.last_at > last_at), last_at = max(last_at, excluded.last_at)",
        (envelope.store, MENDED, mended_words(event), envelope.at, envelope.at),
    )


def mended_words(event: HistoryMended) -> str:
    """Say what was done."""
    words = (
        "The box was restored from an older copy. Sales that came back from head office: "
        f"{event.sales_back}; that it had made since and that were added: {event.sales_again}; in "
        f"both, and standing once: {event.sales_known}."
    )
    if event.sales_doubtful:
        words += (
            f" Sales that went on in both and ended otherwise: {event.sales_doubtful}. They stand "
            "twice, under two ids: look at them."
        )
    if event.receipts_twice:
        more = " and others" if len(event.receipts_twice) > _NAMED_MAX else ""
        words += (
            " Receipt numbers that two sales have: "
            f"{', '.join(event.receipts_twice[:_NAMED_MAX])}{more}."
        )
    return f"{words} The box keeps its own history as {event.set_aside}."
