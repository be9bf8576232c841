"""A till in training: named so that nothing of it is taken for a sale, and without hardware."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from edge.contract.device_messages import JobKind
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.till_commands import AnyTillCommand
from edge.contract.training_events import (
    TRAINING_SALE,
    TrainingBegan,
    TrainingEnded,
    is_training,
)
from edge.engine.cart import EMPTY, Cart
from edge.engine.cart_changes import replay
from edge.flows.till import Till
from edge.ledger.records import OpenJob

_TRAINED: Final = frozenset({JobKind.PRINT_RECEIPT, JobKind.WEIGH})
_SWITCHES: Final = frozenset({TrainingBegan, TrainingEnded})


def named_for_training(
    till: Till, command: AnyTillCommand, new_sale_id: str
) -> tuple[AnyTillCommand, str]:
    """Return a command and the id of the sale that it may open, as they are for this till.

    A training sale is named by the box alone, and no other sale is named like one. Raises
    Refused for a till that tries.
    """
    named = getattr(command, "sale_id", None)
    if till.training:
        if named is not None and hasattr(command, "code"):
            command = replace(command, sale_id=None)
        return command, f"{TRAINING_SALE}{new_sale_id}" if new_sale_id else ""
    if named is not None and is_training(named):
        raise Refused(
            "sale_id_reused",
            f"The sale id {named} is one of training sales.",
            advice="Give every new sale an id of its own.",
        )
    return command, new_sale_id


def numbering(till: Till) -> tuple[str, int]:
    """Return by whose name receipts are numbered, and how many there are: training has its own."""
    if till.training:
        return f"{till.id}-training", till.training_receipts
    return till.id, till.receipts


def count_receipt(till: Till) -> None:
    """Count a receipt that was given a number."""
    if till.training:
        till.training_receipts += 1
    else:
        till.receipts += 1


def switched_to(events: tuple[Event, ...]) -> bool | None:
    """Return whether events put a till in training, or end it; None for neither."""
    for event in events:
        if type(event) in _SWITCHES:
            return type(event) is TrainingBegan
    return None


def carried_on(cart: Cart, events: tuple[Event, ...], at: int) -> Cart:
    """Return the cart after events: an empty one where training began or ended."""
    if switched_to(events) is not None:
        return EMPTY  # neither shows what the other did
    return replay(((event, at) for event in events), cart)


def without_hardware(jobs: tuple[OpenJob, ...]) -> tuple[OpenJob, ...]:
    """Return the jobs without what training leaves alone: drawers, and payment terminals."""
    if not jobs:
        return ()
    return tuple(job for job in jobs if job.kind in _TRAINED or not is_training(job.sale))
