"""What became of a ZVT payment, refund or reversal whose end was not heard: never a guess.

Before each of them the terminal is asked for its last stored transaction (06 20): the
baseline. Afterwards it is asked again. The same transaction: ours was not booked. Another
one that fits: ours was. Anything else stays unknown and goes to a person.

A stored refund reads like a payment; only a reversal says what it is, by naming the trace it
took back (BMP 37). What tells them apart is the order: one transaction is under way at a
time, and each is decided before the next begins. So it is the numbers that decide, not the
amount: two refunds of one amount, and a payment and its reversal, differ in nothing else.
Source: PA00P015, 2.2.8 and 2.2.9 (when a payment counts) and PA00P016, chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from devices.protocols.zvt_fields import TOTALS
from devices.protocols.zvt_messages import StatusInformation
from devices.protocols.zvt_results import ABORTED, OK
from devices.protocols.zvt_transactions import Kind, refusal, refusal_code
from edge.contract.device_messages import TERMINAL_CANNOT_SAY
from edge.contract.terminal_messages import PaymentOutcome

APPROVED: Final = "approved"
DECLINED: Final = "declined"
CANCELLED: Final = "cancelled"
UNKNOWN: Final = "unknown"

NOT_BOOKED: Final = "not_booked"
REVERSED: Final = "reversed"
UNDECIDED: Final = TERMINAL_CANNOT_SAY


class Booking(msgspec.Struct, frozen=True):
    """A transaction as the terminal stored it, without card data."""

    identity: tuple[str, str, str, str, str]
    """Receipt, trace, turnover, date, time; each empty when not given."""
    result: int | None
    amount_minor: int | None
    currency_number: int | None
    original_trace: str = ""
    """Of a reversal: which transaction it took back."""
    totals: bool = False
    """Whether it is an end of day, which some terminals name as the last thing they did."""

    @property
    def receipt_and_trace(self) -> tuple[str, str]:
        """The two numbers that a repeated status information must bring again."""
        return self.identity[0], self.identity[1]

    @property
    def can_be_told_apart(self) -> bool:
        """Whether it names itself: by a number of its own, or by the second it was made in."""
        receipt, _, turnover, _, _ = self.identity
        return bool((receipt + turnover).strip("0")) or self.has_its_own_moment

    @property
    def has_its_own_moment(self) -> bool:
        """Whether its trace or its second says that nothing came after it: each talk has others."""
        _, trace, _, date, time = self.identity
        return bool(trace.strip("0")) or bool(date and time)


def booking_of(status: StatusInformation) -> Booking:
    """Return what identifies a transaction."""
    return Booking(
        status.identity,
        status.result,
        status.amount_minor,
        status.currency_number,
        status.original_trace,
        status.fields.get(TOTALS) is not None,
    )


@dataclass(frozen=True, slots=True)
class LastStored:
    """The answer to 06 20. `said`: the terminal answered; `status` None: it has none stored.

    `code`: with which code it said that it has none; 0 for none.
    """

    said: bool
    status: StatusInformation | None = None
    code: int = OK


class PaymentNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept on disk of a transaction: enough to find out its end after any crash.

    Written before its command leaves. `asked`: the terminal could name its last transaction
    then, `baseline` (None: it had none, and `nothing_code` is how it said so), and names those
    of this kind. `seen`: status information 00 arrived and is durable; `heard` is the outcome
    it told. `outcome`: how it ended; `undecided`: the terminal was asked and could not say, a
    person decides. `begun_ms`: since 1970 UTC. `reverses`: of what undoes or uses up an earlier
    transaction, the four digits of that one's receipt number; `of_amount_minor`: its amount.
    """

    job: str
    amount_minor: int
    currency_number: int
    asked: bool
    baseline: Booking | None = None
    seen: Booking | None = None
    heard: PaymentOutcome | None = None
    outcome: PaymentOutcome | None = None
    undecided: bool = False
    begun_ms: int = 0
    nothing_code: int = OK
    kind: Kind = Kind.PAYMENT
    reverses: str = ""
    of_amount_minor: int = 0

    @property
    def amounts_told(self) -> frozenset[int]:
        """What the terminal may call the amount: of a capture also what was set free by it."""
        if self.kind is Kind.CAPTURE:
            return frozenset({self.amount_minor, self.of_amount_minor - self.amount_minor})
        if self.kind is Kind.RELEASE:
            return frozenset({self.amount_minor, 0})
        return frozenset({self.amount_minor})

    @property
    def open(self) -> bool:
        """Whether the terminal has still to be asked."""
        return self.outcome is None and not self.undecided

    @property
    def baseline_is_reversed(self) -> bool:
        """Whether the transaction that stood last is the one that this reversal takes back."""
        return self.baseline is not None and self.baseline.identity[0] == self.reverses != ""


def outcome_for(note: PaymentNote, status: StatusInformation) -> PaymentOutcome:
    """Return the outcome that a status information tells of a transaction.

    Its amount is the one that was asked for under whichever name the terminal calls it.
    """
    outcome = outcome_of(status, note.amount_minor, note.kind)
    if outcome.outcome == APPROVED and outcome.amount_minor in note.amounts_told:
        return msgspec.structs.replace(outcome, amount_minor=note.amount_minor)
    return outcome


def outcome_of(
    status: StatusInformation, requested_minor: int, kind: Kind = Kind.PAYMENT
) -> PaymentOutcome:
    """Return the outcome that a status information tells."""
    result = status.result
    if result == OK:
        amount = status.amount_minor
        return PaymentOutcome(
            APPROVED,
            amount_minor=requested_minor if amount is None else amount,
            last4=status.last4,
            scheme=status.scheme,
            authorisation=status.authorisation,
            terminal_id=status.terminal_id,
            receipt=status.receipt,
            trace=status.trace,
            code="00",
            reason=status.words,
            signature=status.signature,
        )
    return refused(result, status.words, kind)


def refused(code: int | None, words: str = "", kind: Kind = Kind.PAYMENT) -> PaymentOutcome:
    """Return a transaction that was not made, with the terminal's code and words."""
    if not code:  # 06 1E 00 is a failure all the same
        return PaymentOutcome(DECLINED, reason=words or f"The terminal gave up the {kind}.")
    said, advice = refusal(kind, code)
    return PaymentOutcome(
        CANCELLED if code == ABORTED else DECLINED,
        code=refusal_code(kind, code),
        reason=f"{said} ({words})" if words else said,
        advice=advice,
    )


def undecided(kind: Kind = Kind.PAYMENT) -> PaymentOutcome:
    """Return the outcome of a transaction that only a person can settle."""
    return PaymentOutcome(
        UNKNOWN,
        code=UNDECIDED,
        reason=f"The terminal cannot say what became of the {kind}: look at its journal.",
        advice=""
        if kind is Kind.PAYMENT
        else "Give the money back in no other way until that is known.",
    )


def judge(note: PaymentNote, last: LastStored) -> PaymentOutcome | None:
    """Return how the transaction ended, or None: this answer does not decide it."""
    if not last.said:
        return None
    now = None if last.status is None else booking_of(last.status)
    if note.asked and now == note.baseline:
        return _not_booked(note) if _is_the_same(note, last, now) else None
    # nothing stored where something was before: an end-of-day batch, perhaps
    if now is None or last.status is None or not _is_ours(note, now):
        return None
    return note.heard or outcome_for(note, last.status)


def _is_the_same(note: PaymentNote, last: LastStored, now: Booking | None) -> bool:
    """Say whether an answer like the baseline's proves that nothing was booked since.

    Two payments of one amount without numbers read alike; a reversal may stand under the
    receipt number of the payment it took back, which then reads like that payment; and a
    terminal that gives up the question for another reason than before has not said that it
    still has nothing.
    """
    if now is None:
        return last.code == note.nothing_code
    return now.has_its_own_moment if note.baseline_is_reversed else now.can_be_told_apart


def _is_ours(note: PaymentNote, now: Booking) -> bool:
    """Say whether a transaction that is not the baseline can only be this one."""
    if note.seen is not None:
        return now.result == OK and now.receipt_and_trace == note.seen.receipt_and_trace
    if not note.asked or now.amount_minor not in note.amounts_told:
        return False
    if _is_older(note.baseline, now):
        return False
    if now.totals:
        return False
    if now.currency_number not in {note.currency_number, None} or _is_another_kind(note, now):
        return False
    return now.result == OK or _follows(note.baseline, now)


def _is_another_kind(note: PaymentNote, now: Booking) -> bool:
    """Say whether the trace that a transaction took back, or none, speaks against this one.

    Not every terminal names it: a reversal without one may be ours. There are terminals that
    take back the last payment whichever was named.
    """
    if not note.kind.names_another:
        return bool(now.original_trace)
    if note.baseline is None or not now.original_trace:
        return False
    took_the_last = note.baseline.identity[1].endswith(now.original_trace)
    return took_the_last != note.baseline_is_reversed


def _is_older(baseline: Booking | None, now: Booking) -> bool:
    """Say whether a transaction was stored before the baseline.

    Traces count up and around, so do receipts where there is no trace; what has neither is
    not known to be older.
    """
    if baseline is None:
        return False
    for before, number in (
        (baseline.identity[1], now.identity[1]),
        (baseline.identity[0], now.identity[0]),
    ):
        if len(before) == len(number) and before.strip("0") and number.strip("0"):
            numbers = 10 ** len(number)
            return not 0 < (int(number) - int(before)) % numbers < numbers // 2
    return False


def _not_booked(note: PaymentNote) -> PaymentOutcome:
    if note.seen is not None:
        words = f"The terminal took the {note.kind} back by itself."
        return PaymentOutcome(DECLINED, code=REVERSED, reason=words)
    words = f"The terminal has not booked the {note.kind}."
    return PaymentOutcome(DECLINED, code=NOT_BOOKED, reason=words)


def _follows(baseline: Booking | None, now: Booking) -> bool:
    """Say whether a failed transaction is the very next one: then it was ours."""
    before = "0" if baseline is None else baseline.identity[1]
    trace = now.identity[1]
    return bool(before and trace) and int(trace) == int(before) + 1
