"""Whose sale it is, by a number that says nothing by itself."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class CustomerSet(Event, frozen=True):
    """The sale is a customer's from here on; with no number it is nobody's again.

    `groups` are the customer's as head office had them then: promotions for them count.
    """

    TYPE: ClassVar[str] = "customer_set"

    sale: str
    customer: str = ""
    groups: tuple[str, ...] = ()
