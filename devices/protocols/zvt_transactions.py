"""The ways in which a till moves money at a ZVT terminal, and why one is refused.

Source: PA00P015 13.08, chapters 2 (06 01, 06 22, 06 23, 06 25, 06 30, 06 31) and 10 (results).
The words are ours, for a cashier to read; the advice is what to do instead, so that nobody
gets money twice.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from devices.protocols.zvt_results import ABORTED, NOT_POSSIBLE, result_words
from edge.contract import device_messages

NOT_OFFERED: Final = 0x6D
ALREADY_REVERSED: Final = 0xB4
NOT_REVERSIBLE: Final = 0xB5
RESERVATION_FAULT: Final = 0xB8
_UNKNOWN_RESERVATION: Final = (NOT_POSSIBLE, NOT_OFFERED, NOT_REVERSIBLE, RESERVATION_FAULT)


class Kind(StrEnum):
    """What a transaction is; the value is its word for people."""

    PAYMENT = "payment"
    """06 01: money from the card."""
    REFUND = "refund"
    """06 31: money to a card, whichever."""
    REVERSAL = "reversal"
    """06 30: a payment is taken back, named by its receipt number."""
    RESERVATION = "reservation"
    """06 22: money on the card is set aside."""
    CAPTURE = "capture"
    """06 23: a reservation, named by its receipt number, is charged but for a part."""
    RELEASE = "release"
    """06 25: a reservation, named by its receipt number, is set free."""

    @property
    def names_another(self) -> bool:
        """Whether it undoes or uses up an earlier transaction, named by its receipt number."""
        return self in {Kind.REVERSAL, Kind.CAPTURE, Kind.RELEASE}


_GIVE_BACK: Final = frozenset({Kind.REFUND, Kind.REVERSAL})
_OTHER_WAY: Final = "Give the money back in another way."
_NO_REFUNDS: Final = (
    "The terminal does not give refunds.",
    "Reverse the payment instead while that is possible, or give the money back in another way.",
)
_NO_REVERSALS: Final = (
    "The terminal does not reverse payments, or no longer knows this one.",
    "Refund the amount to the card instead, or give the money back in another way.",
)
_NO_RESERVATIONS: Final = (
    "The terminal does not reserve money on cards.",
    "Take a payment instead.",
)
_NO_SUCH_RESERVATION: Final = (
    "The terminal does not know this reservation, or does not do this with it.",
    "Look at the terminal's journal before anything else is charged.",
)
_REFUSALS: Final[dict[Kind, dict[int, tuple[str, str]]]] = {
    Kind.PAYMENT: {},
    Kind.REFUND: {NOT_POSSIBLE: _NO_REFUNDS, NOT_OFFERED: _NO_REFUNDS},
    Kind.REVERSAL: {
        NOT_POSSIBLE: _NO_REVERSALS,
        NOT_OFFERED: _NO_REVERSALS,
        ALREADY_REVERSED: (
            result_words(ALREADY_REVERSED),
            "The customer has the money back already: give it back in no other way.",
        ),
        NOT_REVERSIBLE: (
            result_words(NOT_REVERSIBLE),
            "Refund the amount to the card instead, or give the money back in another way.",
        ),
    },
    Kind.RESERVATION: {NOT_POSSIBLE: _NO_RESERVATIONS, NOT_OFFERED: _NO_RESERVATIONS},
    Kind.CAPTURE: dict.fromkeys(_UNKNOWN_RESERVATION, _NO_SUCH_RESERVATION),
    Kind.RELEASE: dict.fromkeys(_UNKNOWN_RESERVATION, _NO_SUCH_RESERVATION),
}


def refusal_code(kind: Kind, code: int) -> str:
    """Return the code of an outcome: the terminal's, but for what the sale has to know."""
    if kind is Kind.REVERSAL and code == ALREADY_REVERSED:
        return device_messages.ALREADY_REVERSED
    return f"{code:02X}"


def refusal(kind: Kind, code: int) -> tuple[str, str]:
    """Return why the terminal did not do it, and what a person should do about it.

    `code`: BMP 27, 06 1E or 84 xx, not 0. A payment has no advice of its own.
    """
    known = _REFUSALS[kind].get(code)
    if known is not None:
        return known
    words = result_words(code, kind)
    return words, _OTHER_WAY if kind in _GIVE_BACK and code != ABORTED else ""
