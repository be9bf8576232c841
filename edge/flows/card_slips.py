"""Card receipts on slips of their own: which are printed when, and what became of them.

A slip is committed with the answer of the terminal that composed it. Like a receipt it comes out
at least once: what may be on paper already is repeated as a COPY. No sale waits for paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from edge.contract.card_desk_events import CardAnsweredLate
from edge.contract.card_slip_events import CardSlipComposed, CardSlipPrinted
from edge.contract.device_messages import JobKind, PrintReceiptArgs
from edge.contract.event_registry import Event
from edge.contract.limits import RECEIPT_AGE_MS_MAX
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.wire import encode
from edge.engine.card_slips import CUSTOMER, MERCHANT, CardSlip
from edge.engine.cart import DECLINED, Cart
from edge.engine.tender_rules import RECEIPT_JOB
from edge.flows.device_directory import DeviceDirectory
from edge.ledger.records import OpenJob

LayOutSlip = Callable[[str, Cart, CardSlip, str, int], ReceiptDocument]
"""Lays a slip out: called with the till's id, the sale, the slip, whose copy, and the instant."""


@dataclass(frozen=True)
class SlipJobs:
    """Makes the jobs of slips for the printer that a till has.

    `placed` is where the store has the customer's (`StoreProfile.card_slips`).
    """

    directory: DeviceDirectory
    lay_out: LayOutSlip
    placed: Callable[[], str]

    def jobs(
        self, till: str, cart: Cart, events: tuple[Event, ...], at: int
    ) -> tuple[OpenJob, ...]:
        """Return the jobs that these events bring; `cart` is the sale after them.

        What came after a person had settled it is kept and not printed: nobody waits for it.
        """
        composed = [event for event in events if isinstance(event, CardSlipComposed)]
        if not composed or any(isinstance(event, CardAnsweredLate) for event in events):
            return ()
        printer = self.directory.binding(till, "printer")
        if printer is None:
            return ()
        return tuple(
            OpenJob(
                f"{cart.sale}-{what}-{number}-0",
                JobKind.PRINT_RECEIPT,
                till,
                cart.sale,
                printer.device,
                0,
                at + RECEIPT_AGE_MS_MAX,
                encode(PrintReceiptArgs(self.lay_out(till, cart, slip, what, at))),
            )
            for number, slip in enumerate(cart.card_slips, 1)
            if number > len(cart.card_slips) - len(composed)
            for what in self._alone(slip, cart)
        )

    def _alone(self, slip: CardSlip, cart: Cart) -> Iterator[str]:
        """Yield whose copy has a slip of its own: the one to be signed first."""
        if slip.signature and slip.merchant:
            yield MERCHANT
        placed = self.placed()
        if slip.customer and (
            placed == "own_slip" or (placed == "with_receipt" and not _on_receipt(slip, cart))
        ):
            yield CUSTOMER


def _on_receipt(slip: CardSlip, cart: Cart) -> bool:
    """Say whether the sale's receipt will have what this is about."""
    return any(
        tender.tender_id == slip.payment and tender.state != DECLINED for tender in cart.tenders
    )


class SlipNamed(NamedTuple):
    """Which slip of its sale a job prints: see `CardSlipPrinted`."""

    what: str
    number: int


def slip_of(job: OpenJob) -> SlipNamed | None:
    """Return which slip a job prints; None for one that prints something else."""
    what, _, rest = job.job_id.removeprefix(f"{job.sale}-").partition("-")
    number, _, attempt = rest.partition("-")
    if what not in {CUSTOMER, MERCHANT} or not (number.isdecimal() and attempt.isdecimal()):
        return None
    return SlipNamed(what, int(number))


def is_sales_receipt(job: OpenJob) -> bool:
    """Say whether a job prints the receipt that a sale brings by itself."""
    receipt = job.job_id.startswith(f"{job.sale}-{RECEIPT_JOB}-")
    return receipt and job.kind == JobKind.PRINT_RECEIPT


def slip_printed(job: OpenJob, slip: SlipNamed, evidence: str) -> CardSlipPrinted:
    """Return the event of what became of a slip."""
    return CardSlipPrinted(
        sale=job.sale, number=slip.number, what=slip.what, evidence=evidence, copy=job.attempt
    )
