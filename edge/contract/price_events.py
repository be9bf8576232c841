"""What happens to the prices of a sale after its lines were added."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from edge.contract.event_registry import Event, declare


class LineReduction(msgspec.Struct, frozen=True):
    """How much less one line costs."""

    line: str
    amount_minor: int


class Reduction(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason why lines cost less, and how much of it falls on each.

    `source` is `promotion`; `id` and `name` are the promotion's as they were then.
    """

    source: str
    id: str
    name: str
    lines: tuple[LineReduction, ...]

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
