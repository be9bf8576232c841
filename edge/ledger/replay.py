"""Stored events as the rules take them."""

from __future__ import annotations

from collections.abc import Iterable

from edge.contract.envelope import unseal
from edge.contract.event_registry import Event
from edge.ledger.records import StoredEvent


def dated_events(stored: Iterable[StoredEvent]) -> list[tuple[int, Event, int]]:
    """Decode stored events into seq, event and instant; types not known here are left out."""
    decoded = []
    for row in stored:
        sealed = unseal(row.body)
        event = sealed.event()
        if event is not None:
            decoded.append((row.seq, event, sealed.at))
    return decoded
