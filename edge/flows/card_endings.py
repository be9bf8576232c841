"""A definite answer of a terminal, and what it does to the sale: wherever that is by then.

It may end a payment, a refund, or the reversal of a payment in doubt; or come after a person has
settled that in the terminal's stead: then it is kept beside it and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.card_desk_events import CardAnsweredLate, CardReversalApproved
from edge.contract.card_signature_events import CardSignatureAsked
from edge.contract.event_registry import Event
from edge.contract.terminal_messages import PaymentOutcome
from edge.engine.card_slips import slip_event
from edge.engine.cart import Cart, Tender
from edge.engine.cart_changes import replay
from edge.engine.tender_rules import complete_if_covered
from edge.flows.card_desk import CardDesk, late_event
from edge.flows.card_outcomes import (
    APPROVED,
    differs,
    end_event,
    reversal_end,
    say_how_it_ended,
    say_how_the_reversal_ended,
)
from edge.flows.till import Till
from edge.ledger.records import OpenJob
from edge.runtime.structured_log import Log


class HeldError(Exception):
    """The payment is being taken back: until that is known its own answer decides nothing."""


@dataclass
class CardEnding:
    """How one job at a terminal ended, to be recorded as one step of its sale.

    After `decide`, `settled` names the jobs that end with it, and `late` is the answer that came
    after a person had settled it.
    """

    job: OpenJob
    outcome: PaymentOutcome
    resolved_by: str
    desk: CardDesk
    log: Log
    settled: list[str] = field(init=False)
    late: CardAnsweredLate | None = None

    def __post_init__(self) -> None:
        """End at least the job itself."""
        self.settled = [self.job.job_id]

    def decide(self, cart: Cart, till: Till | None) -> tuple[Event, ...]:
        """Return what the answer brings in a sale; raises HeldError when it decides nothing yet."""
        slip = slip_event(self.job.sale, self.job.job_id, self.outcome)
        slips: tuple[Event, ...] = () if slip is None else (slip,)
        payment, reversal = standing(cart, self.job)
        if payment is None:
            late = self._after_a_person()
            return (*late, *slips) if late else ()
        if reversal:
            event = self._reversed(payment, till, cart.currency)
        else:
            event = self._ended(payment, till, cart)
            slips = (*self._to_sign(payment), *slips)
        events = (event, *slips)
        if till is None:
            return events  # parked: it is completed where it is taken up again
        after = replay(((each, 0) for each in events), cart)
        return (*events, *complete_if_covered(after, till=till.id, receipts=till.receipts))

    def _ended(self, payment: Tender, till: Till | None, cart: Cart) -> Event:
        if payment.being_reversed:
            raise HeldError
        if differs(payment, self.outcome):
            asked, given = -payment.amount_minor, self.outcome.amount_minor
            self.log.error("refund_differs", refund=self.job.job_id, asked=asked, given=given)
        if till is not None:
            say_how_it_ended(till, cart, payment, self.outcome)
        return end_event(self.job, payment, self.outcome, self.resolved_by)

    def _to_sign(self, payment: Tender) -> tuple[Event, ...]:
        """Return what lets the sale wait until the cashier has looked at a signature."""
        charged = payment.amount_minor > 0 and self.outcome.outcome == APPROVED
        if not charged or not self.outcome.signature:
            return ()
        return (CardSignatureAsked(sale=self.job.sale, payment=payment.tender_id),)

    def _reversed(self, payment: Tender, till: Till | None, currency: str) -> Event:
        event = reversal_end(self.job, payment, self.outcome, self.resolved_by)
        if isinstance(event, CardReversalApproved):
            if event.fits:
                self.settled.append(payment.tender_id)  # it matters no more whether it was made
            else:
                self.log.error("another_payment_reversed", reversal=self.job.job_id)
        if till is not None:
            say_how_the_reversal_ended(till, event, currency, to_sign=payment.to_sign)
        return event

    def _after_a_person(self) -> tuple[Event, ...]:
        resolved = self.desk.resolution(self.job.job_id)
        if resolved is None:
            return ()
        reversal = self.job.job_id if self.desk.is_reversal(self.job.job_id) else ""
        self.late = late_event(resolved, self.outcome, self.resolved_by, reversal)
        return (self.late,)


def standing(cart: Cart, job: OpenJob) -> tuple[Tender | None, bool]:
    """Return the open tender that a job is about, and whether it is the reversal of it."""
    payment = cart.open_payment
    if payment is not None and payment.tender_id == job.job_id:
        return payment, False
    if payment is not None and payment.reversal == job.job_id and payment.being_reversed:
        return payment, True
    return None, False
