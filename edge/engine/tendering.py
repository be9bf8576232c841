"""Cash: what is due in coins that exist, and what goes back.

Cash rounding touches only what cash closes: when a cash payment is about to settle what is
still due, that rest is rounded to the store's smallest coin (`cash_step_minor`, ties away
from zero), and the difference stands in the sale as `rounding_minor`. What a card pays is
never rounded, and cash given earlier in the same sale counts as given.

Worked example, smallest coin 0.05: a sale of 12.34. Card pays 10.00 exactly; 2.34 is left;
in cash that is 2.35, rounding +0.01. The customer gives 5.00 and gets 2.65 back:
10.00 + 5.00 - 2.65 = 12.34 + 0.01. Had a card paid the rest it would have paid 2.34. Whoever
gives 2.34 in coins of their own has paid: tenders that cover the total complete a sale.
"""

from __future__ import annotations

import msgspec

from edge.contract.money import Rounding, round_to_step


class CashSettlement(msgspec.Struct, frozen=True):
    """Cash closes the sale: this goes back, and this is what rounding added (or took)."""

    change_minor: int
    rounding_minor: int


def cash_due(due_minor: int, cash_step_minor: int) -> int:
    """Return what is due if it is paid in cash: a multiple of the smallest coin."""
    return round_to_step(due_minor, cash_step_minor, Rounding.HALF_UP)


def settle_in_cash(due_minor: int, given_minor: int, cash_step_minor: int) -> CashSettlement | None:
    """Return how cash settles what is due; None when it does not cover it."""
    in_coins = cash_due(due_minor, cash_step_minor)
    if given_minor < min(in_coins, due_minor):
        return None
    if given_minor < in_coins:
        return CashSettlement(0, given_minor - due_minor)
    return CashSettlement(given_minor - in_coins, in_coins - due_minor)
