"""What the ledger expects of a terminal's end of day, and how the terminal's sum compares.

What belongs to a day is told by when it was asked for: a payment is a terminal's from the wish
on, and the day does not end while one is open. A terminal counts payments and takes off refunds
and reversals; it writes that sum without a sign, so that sums of one size are the same to it.

What a person settled counts as they said it, until the terminal itself says something else: it is
the terminal's sum that is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

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
from edge.contract.terminal_day_events import TerminalDayAsked, TerminalDayEnded
from edge.contract.terminal_messages import EndOfDayOutcome
from edge.engine.cart import APPROVED

CLOSED: Final = "closed"
NOT_CLOSED: Final = "not_closed"
UNKNOWN: Final = "unknown"
PERSON: Final = "person"
_WHY_IT_DIFFERS: Final = (
    "Compare the terminal's slip with the card payments of the day: somebody may have paid or "
    "refunded at the terminal itself, or a payment was settled by hand in another way."
)


def booked_minor(events: Iterable[Event], terminal: str, job: str) -> int:
    """Return what a terminal booked by what was asked of it in these events, in their order.

    Payments less refunds and reversals, in minor units; below zero when more went back. Answers
    to what was asked before the first of them are left out, and so is what was asked for behind
    the end of day that `job` names: those are other days'.
    """
    day = _Day(terminal, job)
    for event in events:
        day.take(event)
    return sum(day.booked.values())


def day_ended(
    terminal: str, job: str, outcome: EndOfDayOutcome, ledger_minor: int, resolved_by: str
) -> TerminalDayEnded:
    """Return the event of how a terminal's day ended, compared with the ledger's sum."""
    totals = outcome.totals if outcome.outcome == CLOSED else None
    amount = 0 if totals is None else totals.amount_minor
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
    )


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
    more = "more" if event.difference_minor > 0 else "less"
    difference = format_amount(abs(event.difference_minor), currency)
    return (
        f"day_{more}",
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

    def take(self, event: Event) -> None:
        match event:
            case TerminalDayAsked() if event.job == self._job:
                self._over = True
            case CardPaymentRequested() if self._is_asked(event.terminal):
                self._asked[event.payment] = event.amount_minor
            case CardRefundRequested() if self._is_asked(event.terminal):
                self._asked[event.refund] = -event.amount_minor
            case CardPaymentApproved() if event.payment in self._asked:
                self.booked[event.payment] = event.amount_minor
            case CardRefundApproved() if event.refund in self._asked:
                self.booked[event.refund] = -event.amount_minor
            case CardPaymentResolved() if event.payment in self._asked:
                charged = event.outcome == APPROVED
                self.booked[event.payment] = event.amount_minor if charged else 0
            case CardRefundResolved() if event.refund in self._asked:
                self.booked[event.refund] = -event.amount_minor if event.outcome == APPROVED else 0
            case CardReversalApproved() if event.payment in self._asked:
                self._reversed(event.payment, event.reversal, event.amount_minor)
            case CardAnsweredLate() if event.payment in self._asked:
                self._answered_late(event)
            case _:
                pass

    def _is_asked(self, terminal: str) -> bool:
        return terminal == self._terminal and not self._over

    def _answered_late(self, event: CardAnsweredLate) -> None:
        asked = self._asked[event.payment]
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
