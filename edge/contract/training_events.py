"""A till in training: what is done there stands in the chain, and counts nowhere.

Nothing of a training sale is recorded as the event that it would be in a sale: whatever looks for
sales, by type or by text, cannot find it. It is kept as `TrainingNoted`, its fields as a text.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from edge.contract.event_registry import Event, declare
from edge.contract.wire import encode

TRAINING_SALE: Final = "training-"
"""How the id of a training sale begins, and that of no other."""


def is_training(sale: str) -> bool:
    """Say whether a sale is a training sale."""
    return sale.startswith(TRAINING_SALE)


@declare
class TrainingBegan(Event, frozen=True):
    """A till is in training from here on. `approver` is the second person who allowed it."""

    TYPE: ClassVar[str] = "training_began"

    approver: str = ""


@declare
class TrainingEnded(Event, frozen=True):
    """The till sells again."""

    TYPE: ClassVar[str] = "training_ended"


@declare
class TrainingNoted(Event, frozen=True):
    """What would have happened in a sale: `did` is the type of that event, `fields` its data.

    `version` is that of the event's declaration, `fields` JSON as a text, so that its bytes are not
    those of the event.
    """

    TYPE: ClassVar[str] = "training_noted"

    sale: str
    did: str
    version: int
    fields: str


def noted(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return events as the ledger keeps them: those of training sales as notes."""
    for event in events:
        if is_training(getattr(event, "sale", "")):
            return tuple(_noted(each) for each in events)
    return events


def _noted(event: Event) -> Event:
    sale = getattr(event, "sale", "")
    if not is_training(sale) or isinstance(event, TrainingNoted):
        return event
    fields = encode(msgspec.to_builtins(event)).decode()
    return TrainingNoted(sale=sale, did=event.TYPE, version=event.VERSION, fields=fields)
