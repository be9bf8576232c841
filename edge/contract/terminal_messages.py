"""What a payment terminal is asked for, and what it answers: money, reservations, its day, service.

Which job has which of these, and with which delivery rule, stands in `device_messages.py`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.identity import CommandId
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    TERMINAL_RECEIPT_NUMBER_CHARS_MAX,
    TERMINAL_TOTAL_MINOR_MAX,
)

# --- arguments of jobs -------------------------------------------------------------------


class AuthorisePaymentArgs(msgspec.Struct, frozen=True):
    """Charge a card. `payment` is the sale's name for it; the job id stands for this attempt."""

    payment: CommandId
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: str


class RefundPaymentArgs(msgspec.Struct, frozen=True):
    """Give money back to a card, whatever was paid with before. Answered with a `PaymentOutcome`.

    `refund` is the sale's name for it; the job id stands for this attempt.
    """

    refund: CommandId
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: str


class ReversePaymentArgs(msgspec.Struct, frozen=True):
    """Take a payment back as if it had not been made, before its end-of-day batch as a rule.

    `receipt` is the terminal's own receipt number of that payment (`PaymentOutcome.receipt`),
    `amount_minor` what was paid: a terminal reverses whole payments. Answered with a
    `PaymentOutcome` of the reversal, whose `receipt` is the reversal's own. Terminals choose
    by the number alone: an approved reversal of another `amount_minor` took another payment
    back, and a person has to look at it.
    """

    refund: CommandId
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: str
    receipt: Annotated[str, Meta(min_length=1, max_length=TERMINAL_RECEIPT_NUMBER_CHARS_MAX)]


class ReservePaymentArgs(msgspec.Struct, frozen=True):
    """Have an amount set aside on a card, to be captured or released later.

    Answered with a `PaymentOutcome` whose `receipt` names the reservation from then on.
    """

    payment: CommandId
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: str


class CaptureReservationArgs(msgspec.Struct, frozen=True):
    """Charge what was set aside, or a part of it; the rest is released with it.

    `receipt` is the reservation's, `reserved_minor` its amount, `amount_minor` what is charged:
    at most as much. Answered with a `PaymentOutcome` of the capture.
    """

    payment: CommandId
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    reserved_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: str
    receipt: Annotated[str, Meta(min_length=1, max_length=TERMINAL_RECEIPT_NUMBER_CHARS_MAX)]


class ReleaseReservationArgs(msgspec.Struct, frozen=True):
    """Set free all that a reservation set aside; nothing is charged.

    `receipt` and `amount_minor` are the reservation's. Answered with a `PaymentOutcome`.
    """

    payment: CommandId
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: str
    receipt: Annotated[str, Meta(min_length=1, max_length=TERMINAL_RECEIPT_NUMBER_CHARS_MAX)]


class InquirePaymentArgs(msgspec.Struct, frozen=True):
    """Ask what became of a job that moves money or sets it aside; never moves any.

    Which of them it was the host knows from `job`: its record and its driver's note stand
    under the job's id and name the kind. `payment` is the name that job was given, its
    `payment` or its `refund`. The answer is `done` with a `PaymentOutcome`. A job that the
    host never began is answered `declined` and can then never be begun: its id is remembered
    as refused.
    """

    payment: CommandId
    job: CommandId
    amount_minor: Annotated[int, Meta(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: str


class AbortPaymentArgs(msgspec.Struct, frozen=True):
    """Ask the terminal to give up what waits for a card there; the job that waits answers."""

    job: CommandId


class EndOfDayArgs(msgspec.Struct, frozen=True):
    """Have a payment terminal hand in what it booked since the last time, and begin anew.

    It moves no money of the shop's, but it closes the batch: a second one hands in nothing,
    and its empty totals would stand in place of the day's. So it is sent at most once; an
    answer that is lost is `unknown`, and `inquire_end_of_day` asks the terminal by its totals
    what became of it. Answered with an `EndOfDayOutcome`.
    """


class InquireEndOfDayArgs(msgspec.Struct, frozen=True):
    """Ask what became of an end of day; closes nothing. Answered with an `EndOfDayOutcome`.

    `job` is that job's id. One that was never begun is answered `not_closed` with code
    `never_begun`, and can then never be begun.
    """

    job: CommandId


class RepeatCardReceiptArgs(msgspec.Struct, frozen=True):
    """Have the terminal compose its last receipts again; moves no money.

    Answered with a `PaymentOutcome` of the terminal's last stored transaction, its receipts
    with it: `failed` with code `nothing_stored` when there is none.
    """


class ServiceTerminalArgs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Have the terminal test its line to the card network, or `initialise` itself there.

    Never a payment. Answered with a `TerminalServiceOutcome`.
    """

    initialise: bool = False


class LogOffTerminalArgs(msgspec.Struct, frozen=True):
    """Set the terminal free from the till, for somebody who works at the terminal itself.

    The next job that needs it registers the till again.
    """


# --- results -----------------------------------------------------------------------------


class PaymentOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the terminal says of a payment, a refund or a reversal.

    `outcome`: `approved`, `declined`, `cancelled`, or `unknown`; `amount_minor` 0 means that
    the terminal did not say. Of the card only the last four digits and the scheme; the rest
    are the terminal's own references. `code` is the terminal's, or `ALREADY_REVERSED`; `reason`
    says in words why not, `advice` what a person should do about it. `signature`: approved if
    the customer signs the merchant's receipt.
    """

    outcome: str
    amount_minor: Annotated[int, Meta(ge=0, le=AMOUNT_MINOR_MAX)] = 0
    last4: str = ""
    scheme: str = ""
    authorisation: str = ""
    terminal_id: str = ""
    receipt: str = ""
    trace: str = ""
    code: str = ""
    reason: str = ""
    advice: str = ""
    merchant_receipt: tuple[str, ...] = ()
    customer_receipt: tuple[str, ...] = ()
    signature: bool = False


class SchemeTotal(msgspec.Struct, frozen=True):
    """How many transactions of one kind of card a batch has, and their sum without a sign."""

    scheme: str
    count: Annotated[int, Meta(ge=0)]
    amount_minor: Annotated[int, Meta(ge=0, le=TERMINAL_TOTAL_MINOR_MAX)]


class BatchTotals(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal says that a batch holds.

    `amount_minor` is its sum as the terminal writes it, without a sign; the receipt numbers
    are the terminal's own, empty when it does not name them. `schemes` has those kinds of
    cards that were used, none when the terminal gives the sum alone.
    """

    amount_minor: Annotated[int, Meta(ge=0, le=TERMINAL_TOTAL_MINOR_MAX)]
    first_receipt: str = ""
    last_receipt: str = ""
    schemes: tuple[SchemeTotal, ...] = ()


class EndOfDayOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of the end of a terminal's day.

    `outcome`: `closed`, `not_closed`, or `unknown`. `totals`: of the batch that was closed,
    None when the terminal did not say. `inferred`: its answer was lost; that it closed the
    batch, and which, follows from its totals before and after. `lines`: the slip that it
    composed. `code` is the terminal's; `reason` says in words why not, `advice` what a person
    should do about it.
    """

    outcome: str
    totals: BatchTotals | None = None
    inferred: bool = False
    lines: tuple[str, ...] = ()
    trace: str = ""
    code: str = ""
    reason: str = ""
    advice: str = ""


class TerminalServiceOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a terminal is after a diagnosis or an initialisation, and the slip it composed."""

    health: str
    lines: tuple[str, ...] = ()
