"""Receipts that a payment terminal composes, as a sale keeps them: short, plain, without a card.

A driver masks card numbers. Here they are masked once more, whatever a driver let through: what
is kept of a sale is kept for ever.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

import msgspec

from edge.contract.card_slip_events import CardSlipComposed
from edge.contract.limits import CARD_SLIP_LINE_CHARS_MAX, CARD_SLIP_LINES_MAX
from edge.contract.terminal_messages import PaymentOutcome
from edge.engine.text_safety import with_masked_pans

CUSTOMER: Final = "customer"
MERCHANT: Final = "merchant"
_CUT: Final = "..."


class CardSlip(msgspec.Struct, frozen=True):
    """What a terminal composed of one payment, refund or reversal; see `CardSlipComposed`."""

    payment: str
    outcome: str
    customer: tuple[str, ...] = ()
    merchant: tuple[str, ...] = ()
    signature: bool = False

    def lines(self, what: str) -> tuple[str, ...]:
        """Return the lines of the customer's receipt, or of the merchant's."""
        return self.customer if what == CUSTOMER else self.merchant


def slip_event(sale: str, payment: str, outcome: PaymentOutcome) -> CardSlipComposed | None:
    """Return the event that keeps the receipts of an outcome; None when there are none."""
    customer = kept_lines(outcome.customer_receipt)
    merchant = kept_lines(outcome.merchant_receipt)
    if not customer and not merchant:
        return None
    return CardSlipComposed(
        sale=sale,
        payment=payment,
        outcome=outcome.outcome,
        customer=customer,
        merchant=merchant,
        signature=outcome.signature,
    )


def kept_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Return a terminal's lines as they are kept and printed.

    Card numbers are masked to their last four digits, in one line or over several. Control signs
    are spaces, empty lines at both ends go, a line that is too long goes on in the next, and
    lines beyond the limit are left out: then the last one says so.
    """
    plain = "\n".join(map(_plain, lines))
    kept: list[str] = []
    for line in with_masked_pans(plain).split("\n"):
        kept += _parts(line.rstrip())
        if len(kept) > 2 * CARD_SLIP_LINES_MAX:
            break
    while kept and not kept[0]:
        del kept[0]
    while kept and not kept[-1]:
        del kept[-1]
    if len(kept) > CARD_SLIP_LINES_MAX:
        kept[CARD_SLIP_LINES_MAX - 1 :] = [_CUT]
    return tuple(kept)


def _plain(line: str) -> str:
    return "".join(" " if unicodedata.category(char).startswith("C") else char for char in line)


def _parts(line: str) -> list[str]:
    most = CARD_SLIP_LINE_CHARS_MAX
    return [line[at : at + most].rstrip() for at in range(0, len(line), most)] or [""]
