"""Stored events as the rules take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edge.contract.envelope import unseal
from edge.contract.event_registry import Event
from edge.ledger.records import StoredEvent


class PastEvent(NamedTuple):
    """An event that happened: `at` in ms since 1970 UTC, at a till, by a cashier (an id)."""

    seq: int
    event: Event
    at: int
    till: str
    actor: str


def past_events(stored: Iterable[StoredEvent]) -> list[PastEvent]:
    """Decode stored events; types not known here are left out."""
    decoded = []
    for row in stored:
        sealed = unseal(row.body)
        event = sealed.event()
        if event is not None:
            decoded.append(PastEvent(row.seq, event, sealed.at, sealed.till, sealed.actor))
    return decoded
