"""What happens to the prices of a sale after its lines were added."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from edge.contract.event_registry import Event, declare


class LineReduction(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much less one line costs; by a price book, `price_minor` per piece or kilogram."""

    line: str
    amount_minor: int
    price_minor: int | None = None


class Reduction(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason why lines cost less, and how much of it falls on each.

    `source` is `promotion`, with the promotion's `id` and `name` as they were then, or
    `discount`, with the discount's id and the reason given for it; or `price_book`, with the id and
    name of the customer's book that has a lower price than the listed one. `coupon` is the campaign
    whose coupon the promotion needed, or empty.
    """

    source: str
    id: str
    name: str
    lines: tuple[LineReduction, ...]
    coupon: str = ""

    @property
    def amount_minor(self) -> int:
        """What it takes off altogether."""
        return sum(line.amount_minor for line in self.lines)


@declare
class PricesReduced(Event, frozen=True):
    """The basket changed, and these are all its reductions now, in the order they count.

    It takes the place of every earlier one of the sale: with none, nothing is reduced any
    more. What a line costs is its amount less its reductions.
    """

    TYPE: ClassVar[str] = "prices_reduced"

    sale: str
    reductions: tuple[Reduction, ...] = ()


@declare
class PriceOverridden(Event, frozen=True):
    """A line is sold at another price than the listed one; nothing reduces it until said again.

    `price_minor` is per piece or kilogram, `amount_minor` what the line costs with it;
    `approver` is the second person who allowed it, if one had to.
    """

    TYPE: ClassVar[str] = "price_overridden"

    sale: str
    line: str
    price_minor: int
    amount_minor: int
    reason: str
    approver: str = ""


@declare
class DiscountGiven(Event, frozen=True):
    """A person takes a part (`off_ppm`) or an amount off a line, or off the sale (no line).

    What it comes to stands in the `PricesReduced` that follows, and changes with the basket.
    """

    TYPE: ClassVar[str] = "discount_given"

    sale: str
    discount: str
    reason: str
    line: str = ""
    off_ppm: int = 0
    off_minor: int = 0
    approver: str = ""


@declare
class DiscountRemoved(Event, frozen=True):
    """A discount was taken back before the sale was paid."""

    TYPE: ClassVar[str] = "discount_removed"

    sale: str
    discount: str


@declare
class NoteSet(Event, frozen=True):
    """A note was written on a line, or on the sale (no line); an empty text took it away."""

    TYPE: ClassVar[str] = "note_set"

    sale: str
    text: str
    line: str = ""
