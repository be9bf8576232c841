"""The end of a payment terminal's day: asked for once, and compared with the ledger."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from edge.contract.event_registry import Event, declare


class SchemeSum(msgspec.Struct, frozen=True, omit_defaults=True):
    """What both have of one kind of card; `scheme` is empty for cards that nobody named.

    `told`: the terminal named this kind; `count` and `amount_minor` are its own, without a sign.
    `ledger_count` counts payments and refunds, `ledger_minor` is one less the other.
    """

    scheme: str
    told: bool = False
    count: int = 0
    amount_minor: int = 0
    ledger_count: int = 0
    ledger_minor: int = 0


@declare
class TerminalDayAsked(Event, frozen=True):
    """The terminal will be asked to hand in what it booked: written before its first byte.

    Asked for once under this `job`; from then on it is only asked about.
    """

    TYPE: ClassVar[str] = "terminal_day_asked"

    terminal: str
    job: str


@declare
class TerminalDayEnded(Event, frozen=True):
    """What became of a terminal's end of day.

    `outcome`: `closed`, `not_closed`, or `unknown`, which only a person may leave it at. What was
    asked of the terminal before a closed day was asked for belongs to that day, and nothing of
    it to the next one; after any other outcome the day goes on.

    `ledger_minor`: payments less refunds and reversals that the ledger knows this terminal to
    have booked since the day before; below zero when more went back. `amount_minor`: the sum
    that the terminal handed in, without a sign as it writes it, if it said one (`told`).
    `difference_minor`: what the terminal has more than the ledger, both without a sign; 0 unless
    it was told. `inferred`: its answer was lost, and its totals before and after say so.
    `resolved_by`: empty for its own answer, `inquiry`, or `person`. `trace`, `code` and `reason`
    are the terminal's; of a person's word `reason` is what they saw. `schemes`: both sums by kind
    of card, as far as they are known.
    """

    TYPE: ClassVar[str] = "terminal_day_ended"

    terminal: str
    job: str
    outcome: str
    ledger_minor: int
    told: bool = False
    amount_minor: int = 0
    difference_minor: int = 0
    inferred: bool = False
    resolved_by: str = ""
    trace: str = ""
    code: str = ""
    reason: str = ""
    schemes: tuple[SchemeSum, ...] = ()
