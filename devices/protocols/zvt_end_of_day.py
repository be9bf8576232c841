"""A terminal's totals, and what became of an end of day whose end was not heard.

Source: PA00P015 13.08, chapters 2 (06 50, 06 10: both answer with 04 0F) and 13 (BMP 60:
first and last receipt, then seven kinds of cards, each with a count of one byte and a sum of
six BCD bytes).

Before 06 50 the terminal is asked for its totals (06 10), and asked again when the answer is
lost. The same totals: the batch is still open. None any more, where there were some: it was
closed, and those were its totals. Anything else is not decided: a person looks at the slip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from devices.protocols import zvt_fields as bmp
from devices.protocols.zvt_fields import bcd_decode
from devices.protocols.zvt_messages import StatusInformation
from devices.protocols.zvt_results import OK, result_words
from edge.contract.device_messages import TERMINAL_CANNOT_SAY
from edge.contract.terminal_messages import BatchTotals, EndOfDayOutcome, SchemeTotal

CLOSED: Final = "closed"
NOT_CLOSED: Final = "not_closed"
UNKNOWN: Final = "unknown"

NEVER_BEGUN: Final = "never_begun"
STILL_OPEN: Final = "still_open"

SCHEMES: Final = ("girocard", "JCB", "Mastercard", "American Express", "Visa", "Diners", "other")
"""The kinds of cards in the order of BMP 60."""

_RECEIPT_BYTES: Final = 2
_COUNT_BYTES: Final = 1
_SUM_BYTES: Final = 6
_SCHEME_BYTES: Final = _COUNT_BYTES + _SUM_BYTES

_LOOK_AT_SLIP: Final = "Look at the terminal's slip, or do its end of day again at the terminal."


def totals_of(status: StatusInformation) -> BatchTotals | None:
    """Return the totals that a status information holds, or None: it holds none."""
    amount = status.amount_minor
    parts = status.fields.get(bmp.TOTALS) or b""
    first, last = (_receipt(parts[at : at + _RECEIPT_BYTES]) for at in (0, _RECEIPT_BYTES))
    schemes = _schemes(parts[2 * _RECEIPT_BYTES :])
    if schemes is None:
        return None if amount is None else BatchTotals(amount)
    if amount is None:
        amount = sum(each.amount_minor for each in schemes)
    return BatchTotals(amount, first, last, tuple(each for each in schemes if each.count))


def _receipt(value: bytes) -> str:
    number = bcd_decode(value)
    return value.hex() if number else ""


def _schemes(parts: bytes) -> list[SchemeTotal] | None:
    """Return all seven, or None when they are not whole."""
    if len(parts) < len(SCHEMES) * _SCHEME_BYTES:
        return None
    found: list[SchemeTotal] = []
    for place, scheme in enumerate(SCHEMES):
        part = parts[place * _SCHEME_BYTES : (place + 1) * _SCHEME_BYTES]
        amount = bcd_decode(part[_COUNT_BYTES:])
        if amount is None:
            return None
        found.append(SchemeTotal(scheme, part[0], amount))
    return found


@dataclass(frozen=True, slots=True)
class TotalsAnswer:
    """The answer to 06 10. `said`: the terminal gave totals; `totals` None: it has nothing."""

    said: bool
    totals: BatchTotals | None = None


class EndOfDayNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept on disk of an end of day: enough to find out its end after any crash.

    Written before its command leaves. `asked`: the terminal gave its totals then, `before`
    (None: it had nothing to hand in). `heard`: what 04 0F told; durable before it is
    acknowledged. `outcome`: how it ended. `undecided`: the terminal was asked and could not
    say. `begun_ms`: since 1970 UTC.
    """

    job: str
    asked: bool
    before: BatchTotals | None = None
    heard: EndOfDayOutcome | None = None
    outcome: EndOfDayOutcome | None = None
    undecided: bool = False
    begun_ms: int = 0

    @property
    def open(self) -> bool:
        """Whether the terminal has still to be asked."""
        return self.outcome is None and not self.undecided


def closed(status: StatusInformation, lines: tuple[str, ...] = ()) -> EndOfDayOutcome:
    """Return the outcome that a status information with result 00 tells."""
    return EndOfDayOutcome(
        CLOSED,
        totals=totals_of(status),
        lines=lines,
        trace=status.trace,
        code="00",
        reason=status.words,
    )


def not_closed(code: int | None, words: str = "", lines: tuple[str, ...] = ()) -> EndOfDayOutcome:
    """Return an end of day that the terminal did not do, with its code and words."""
    said = result_words(code, "end of day") if code else "The terminal gave up its end of day."
    return EndOfDayOutcome(
        NOT_CLOSED,
        lines=lines,
        code=f"{code:02X}" if code else "",
        reason=f"{said} ({words})" if words else said,
        advice="Try again; if it fails again, do it at the terminal.",
    )


def never_begun() -> EndOfDayOutcome:
    """Return the outcome of an end of day that the terminal was never asked for."""
    reason = "The terminal was never asked for it."
    return EndOfDayOutcome(NOT_CLOSED, code=NEVER_BEGUN, reason=reason)


def undecided() -> EndOfDayOutcome:
    """Return the outcome of an end of day that only a person can settle."""
    return EndOfDayOutcome(
        UNKNOWN,
        code=TERMINAL_CANNOT_SAY,
        reason="The terminal cannot say whether it closed its batch.",
        advice=_LOOK_AT_SLIP,
    )


def judge_end_of_day(note: EndOfDayNote, now: TotalsAnswer) -> EndOfDayOutcome | None:
    """Return how an end of day ended, or None: this answer does not decide it."""
    if note.heard is not None:
        return note.heard  # told and on disk: what came behind it changes nothing
    if not (note.asked and now.said):
        return None
    before, after = _held(note.before), _held(now.totals)
    if before is None:
        # nothing was there to be handed in: whether it was done or not, nothing is open
        return None if after else _inferred(None, "There was nothing to hand in.")
    if after is None:
        return _inferred(before, "Its answer was lost; its totals are handed in.")
    if after == before:
        return EndOfDayOutcome(
            NOT_CLOSED, code=STILL_OPEN, reason="The terminal still holds what it had to hand in."
        )
    return None


def _held(totals: BatchTotals | None) -> BatchTotals | None:
    """Return totals that say that something is there."""
    if totals is None or not (totals.amount_minor or any(e.count for e in totals.schemes)):
        return None
    return totals


def _inferred(totals: BatchTotals | None, reason: str) -> EndOfDayOutcome:
    return EndOfDayOutcome(
        CLOSED, totals=totals or BatchTotals(0), inferred=True, code=f"{OK:02X}", reason=reason
    )
