"""What customers give the staff beside what they pay: no takings, and no tax in it."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class TipSet(Event, frozen=True):
    """The sale has this tip from now on, and no other; 0 takes it off.

    It is the sale's, whatever pays it: the tenders cover total and tip together. `approver` is the
    second person who allowed one above the store's most, if one had to.
    """

    TYPE: ClassVar[str] = "tip_set"

    sale: str
    amount_minor: int
    approver: str = ""


@declare
class TipReturned(Event, frozen=True):
    """The tip of a completed sale goes back, all of it: it counts below zero in this sale.

    `original_sale` and `receipt` are those of the sale that had it. It is taken out again by
    `TipSet` with 0. `approver` as in `TipSet`.
    """

    TYPE: ClassVar[str] = "tip_returned"

    sale: str
    original_sale: str
    receipt: str
    amount_minor: int
    reason: str
    approver: str = ""
