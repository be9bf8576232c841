"""Whether a customer is old enough. Who looked is the event's actor; a birth date is never kept."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class AgeChecked(Event, frozen=True):
    """The customer of a sale is at least `minimum_age` years old; it counts for the whole sale.

    `how` is `seen` (the cashier had no doubt, or looked at a document) or `birth_date` (it was
    typed and worked out; only that is kept).
    """

    TYPE: ClassVar[str] = "age_checked"

    sale: str
    minimum_age: int
    how: str = "seen"


@declare
class AgeRefused(Event, frozen=True):
    """Goods from `minimum_age` on were not sold: the customer is too young, or showed nothing.

    The lines are voided by events of their own, with the reason `age`.
    """

    TYPE: ClassVar[str] = "age_refused"

    sale: str
    minimum_age: int
