"""What the ledger expects of a terminal's end of day, and how the terminal's sum compares.

What belongs to a day is told by when it was asked for: a payment is a terminal's from the wish
on, and the day does not end while one is open. A terminal counts payments and takes off refunds
and reversals; it writes that sum without a sign, so that sums of one size are the same to it.

What a person settled counts as they said it, until the terminal itself says something else: it is
the terminal's sum that is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from edge.contract.card_desk_events import (
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
)
from edge.contract.card_refund_events import CardRefundApproved, CardRefundRequested
from edge.contract.event_registry import Event
from edge.contract.money import format_amount
from edge.contract.payment_events import CardPaymentApproved, CardPaymentRequested
from edge.contract.terminal_day_events import SchemeSum, TerminalDayAsked, TerminalDayEnded
from edge.contract.terminal_messages import BatchTotals, EndOfDayOutcome
from edge.engine.cart import APPROVED

CLOSED: Final = "closed"
NOT_CLOSED: Final = "not_closed"
UNKNOWN: Final = "unknown"
PERSON: Final = "person"
OTHER_CARDS: Final = "other"
"""What terminals call the kinds of cards that they do not count by themselves."""
_WHY_IT_DIFFERS: Final = (
    "Compare the terminal's slip with the card payments of the day: somebody may have paid or "
    "refunded at the terminal itself, or a payment was settled by hand in another way."
)


@dataclass(frozen=True, slots=True)
class Booked:
    """One payment or refund that a terminal booked: above zero into the shop.

    `scheme` is the kind of card in the terminal's own words, empty when it did not say.
    """

    scheme: str
    amount_minor: int


def booked_at(events: Iterable[Event], terminal: str, job: str) -> tuple[Booked, ...]:
    """Return what a terminal booked by what was asked of it in these events, in their order.

    Answers to what was asked before the first of them are left out, and so is what was asked for
    behind the end of day that `job` names: those are other days'.
    """
    day = _Day(terminal, job)
    for event in events:
        day.take(event)
    return tuple(
        Booked(day.schemes.get(key, ""), amount) for key, amount in day.booked.items() if amount
    )


def day_ended(
    terminal: str, job: str, outcome: EndOfDayOutcome, booked: Sequence[Booked], resolved_by: str
) -> TerminalDayEnded:
    """Return the event of how a terminal's day ended, compared with what the ledger has booked.

    The ledger's sum is payments less refunds and reversals; below zero when more went back.
    """
    totals = outcome.totals if outcome.outcome == CLOSED else None
    amount = 0 if totals is None else totals.amount_minor
    ledger_minor = sum(each.amount_minor for each in booked)
    return TerminalDayEnded(
        terminal=terminal,
        job=job,
        outcome=outcome.outcome,
        ledger_minor=ledger_minor,
        told=totals is not None,
        amount_minor=amount,
        difference_minor=0 if totals is None else amount - abs(ledger_minor),
        inferred=outcome.inferred,
        resolved_by=resolved_by,
        trace=outcome.trace,
        code=outcome.code,
        reason=outcome.reason,
        schemes=by_scheme(totals, booked) if outcome.outcome == CLOSED else (),
    )


def by_scheme(totals: BatchTotals | None, booked: Sequence[Booked]) -> tuple[SchemeSum, ...]:
    """Return both sums of each kind of card, the terminal's kinds first.

    A payment counts for the kind whose name its own begins with ("Visa Electron" for "Visa"),
    else for the terminal's other cards, else for a row of its own that the terminal has not.
    """
    rows = {
        each.scheme.casefold(): SchemeSum(
            each.scheme, told=True, count=each.count, amount_minor=each.amount_minor
        )
        for each in (totals.schemes if totals else ())
    }
    named = sorted((name for name in rows if name and name != OTHER_CARDS), key=len, reverse=True)
    for each in booked:
        own = each.scheme.casefold()
        kind = next((name for name in named if own.startswith(name)), "")
        if not kind:
            kind = OTHER_CARDS if OTHER_CARDS in rows and own else own
        row = rows.get(kind, SchemeSum(each.scheme))
        rows[kind] = replace(
            row,
            ledger_count=row.ledger_count + 1,
            ledger_minor=row.ledger_minor + each.amount_minor,
        )
    return tuple(rows.values())


def words_of(event: TerminalDayEnded, currency: str) -> tuple[str, str, str]:
    """Return how a day ended as a code, in words, and what a person should do about it."""
    if event.outcome == NOT_CLOSED:
        reason = event.reason.rstrip(".") or "it did not say why"
        return (
            "day_not_closed",
            f"The terminal did not end its day: {reason}.",
            "End the day again; if that fails too, do it at the terminal.",
        )
    if event.outcome == UNKNOWN:
        return (
            "day_unknown",
            "Nobody knows whether the terminal ended its day.",
            "End the day again: its sum may then differ by what was handed in before.",
        )
    ledger = format_amount(abs(event.ledger_minor), currency)
    if not event.told:
        if not event.ledger_minor:
            return "day_empty", "The terminal had nothing to hand in, as the ledger expects.", ""
        return (
            "day_sum_missing",
            f"The terminal ended its day and did not say its sum; the ledger has {ledger}.",
            "Compare the terminal's slip with the ledger's sum.",
        )
    amount = format_amount(event.amount_minor, currency)
    if not event.difference_minor:
        return "day_agrees", f"The terminal handed in {amount}, as the ledger has it.", ""
    code, more = ("day_more", "more") if event.difference_minor > 0 else ("day_less", "less")
    difference = format_amount(abs(event.difference_minor), currency)
    return (
        code,
        f"The terminal handed in {amount}, {difference} {more} than the {ledger} of the ledger.",
        _WHY_IT_DIFFERS,
    )


class _Day:
    """What each wish moved at one terminal: above zero into the shop."""

    def __init__(self, terminal: str, job: str) -> None:
        self._terminal = terminal
        self._job = job
        self._over = False
        self._asked: dict[str, int] = {}
        self.booked: dict[str, int] = {}
        self.schemes: dict[str, str] = {}

    def take(self, event: Event) -> None:
        match event:
            case TerminalDayAsked() if event.job == self._job:
                self._over = True
            case CardPaymentRequested() if self._is_asked(event.terminal):
                self._asked[event.payment] = event.amount_minor
            case CardRefundRequested() if self._is_asked(event.terminal):
                self._asked[event.refund] = -event.amount_minor
                self._name(event.refund, event.scheme)
            case CardPaymentApproved() if event.payment in self._asked:
                self.booked[event.payment] = event.amount_minor
                self._name(event.payment, event.scheme)
            case CardRefundApproved() if event.refund in self._asked:
                self.booked[event.refund] = -event.amount_minor
                self._name(event.refund, event.scheme)
            case CardPaymentResolved() if event.payment in self._asked:
                charged = event.outcome == APPROVED
                self.booked[event.payment] = event.amount_minor if charged else 0
            case CardRefundResolved() if event.refund in self._asked:
                self.booked[event.refund] = -event.amount_minor if event.outcome == APPROVED else 0
            case CardReversalApproved() if event.payment in self._asked:
                self._reversed(event.payment, event.reversal, event.amount_minor)
                self._name(event.reversal, event.scheme)
            case CardAnsweredLate() if event.payment in self._asked:
                self._answered_late(event)
            case _:
                pass

    def _name(self, booked: str, scheme: str) -> None:
        if scheme:
            self.schemes[booked] = scheme

    def _is_asked(self, terminal: str) -> bool:
        return terminal == self._terminal and not self._over

    def _answered_late(self, event: CardAnsweredLate) -> None:
        asked = self._asked[event.payment]
        self._name(event.reversal or event.payment, event.scheme)
        if event.reversal:
            if event.outcome == APPROVED:
                self._reversed(event.payment, event.reversal, event.amount_minor)
        elif event.outcome != APPROVED:
            self.booked[event.payment] = 0
        else:
            amount = event.amount_minor or abs(asked)
            self.booked[event.payment] = amount if asked > 0 else -amount

    def _reversed(self, payment: str, reversal: str, amount_minor: int) -> None:
        """Take off what a reversal of a payment in doubt took back: that one, or another."""
        if amount_minor in {0, self._asked[payment]}:
            self.booked[payment] = 0
        else:
            self.booked[reversal] = -amount_minor
