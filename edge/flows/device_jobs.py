"""Which jobs events bring: receipt and drawer of a finished sale, the terminal for a card.

They are committed in the same transaction as those events: commit, then act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from edge.contract.card_desk_events import CardReversalRequested
from edge.contract.card_refund_events import CardRefundRequested
from edge.contract.card_slip_events import CardSlipComposed
from edge.contract.cash_events import NoSale
from edge.contract.device_messages import JobKind, KickDrawerArgs, PrintReceiptArgs, WeighArgs
from edge.contract.event_registry import Event
from edge.contract.limits import (
    DRAWER_AGE_MS_MAX,
    PAYMENT_AGE_MS_MAX,
    RECEIPT_AGE_MS_MAX,
    WEIGH_AGE_MS_MAX,
)
from edge.contract.payment_events import CardPaymentRequested
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.sale_events import SaleAbandoned, SaleCompleted
from edge.contract.terminal_messages import (
    AuthorisePaymentArgs,
    RefundPaymentArgs,
    ReversePaymentArgs,
)
from edge.contract.weighing_events import WeighingAsked
from edge.contract.wire import encode
from edge.engine.cart import Cart
from edge.engine.receipt_layout import copy_mark
from edge.engine.tender_rules import DRAWER_JOB, RECEIPT_JOB
from edge.flows.card_slips import SlipJobs
from edge.flows.device_directory import DeviceDirectory
from edge.flows.till import Till
from edge.ledger.records import OpenJob

RECEIPT: Final = RECEIPT_JOB
_ARGS: Final = msgspec.json.Decoder(PrintReceiptArgs)

AskedOfTerminal = CardPaymentRequested | CardRefundRequested | CardReversalRequested
"""Wishes that a payment terminal is asked for, once."""

_BRING_JOBS: Final = frozenset(
    {
        CardPaymentRequested,
        CardRefundRequested,
        CardReversalRequested,
        CardSlipComposed,
        WeighingAsked,
        SaleCompleted,
        NoSale,
        SaleAbandoned,
    }
)

LayOut = Callable[[Till, Cart], ReceiptDocument]
"""Lays a finished sale out as a receipt."""


PriceAskedFor = Callable[[Cart], int]
"""The listed price of a kilogram of what a cart weighs, in minor units; 0 for none."""


@dataclass(frozen=True)
class DeviceJobs:
    """Makes jobs for the devices that a till has; what it has not is not asked for."""

    directory: DeviceDirectory
    lay_out: LayOut
    price_asked_for: PriceAskedFor
    slips: SlipJobs

    def for_events(
        self, till: Till, cart: Cart, events: tuple[Event, ...], at: int
    ) -> tuple[OpenJob, ...]:
        """Return the jobs that these events bring."""
        if _BRING_JOBS.isdisjoint(map(type, events)):
            return ()
        jobs: list[OpenJob | None] = [*self.slips.jobs(till.id, cart, events, at)]
        for event in events:
            if isinstance(event, AskedOfTerminal):
                jobs.append(_card(till, event, cart.currency, at))
            elif isinstance(event, WeighingAsked):
                jobs.append(_weighing(till, event, self.price_asked_for(cart), at))
            elif isinstance(event, SaleCompleted):
                # the drawer first: it must not wait until the printer vouches for the receipt
                if DRAWER_JOB in event.jobs:
                    jobs.append(self._drawer(till, event.sale, at, "sale"))
                if RECEIPT in event.jobs:
                    jobs.append(self._receipt(till, cart, at))
            elif isinstance(event, NoSale):
                jobs.append(self._drawer(till, "", at, "no_sale", event.job))
            elif isinstance(event, SaleAbandoned) and event.returned_minor:
                jobs.append(self._drawer(till, event.sale, at, "abandoned"))
        return tuple(job for job in jobs if job is not None)

    def _receipt(self, till: Till, cart: Cart, at: int) -> OpenJob | None:
        printer = self.directory.binding(till.id, "printer")
        if printer is None:
            return None
        return OpenJob(
            f"{cart.sale}-{RECEIPT}-0",
            JobKind.PRINT_RECEIPT,
            till.id,
            cart.sale,
            printer.device,
            0,
            at + RECEIPT_AGE_MS_MAX,
            encode(PrintReceiptArgs(self.lay_out(till, cart))),
        )

    def copy_of(self, job: OpenJob) -> OpenJob | None:
        """Return the job that repeats a receipt, or slip, whose fate is not known, marked COPY.

        For a printer that was given up the one that the till has now prints it; None without.
        """
        device = job.device
        if self.directory.host_of(device) is None:
            device = self.directory.device_of(job.till, "printer")
        if not device:
            return None
        document = _ARGS.decode(job.args).document
        attempt = job.attempt + 1
        if document.copy == 0:
            mark = copy_mark(document.language)
            document = replace(document, blocks=(mark, *document.blocks, mark))
        args = encode(PrintReceiptArgs(replace(document, copy=attempt)))
        job_id = f"{job.job_id.rpartition('-')[0]}-{attempt}"
        return msgspec.structs.replace(
            job, job_id=job_id, device=device, attempt=attempt, args=args
        )

    def _drawer(
        self, till: Till, sale: str, at: int, reason: str, job_id: str = ""
    ) -> OpenJob | None:
        drawer = self.directory.binding(till.id, "drawer")
        if drawer is None:
            return None
        return OpenJob(
            job_id or f"{sale}-drawer",
            JobKind.KICK_DRAWER,
            till.id,
            sale,
            drawer.device,
            0,
            at + DRAWER_AGE_MS_MAX,
            encode(KickDrawerArgs(reason)),
        )


def _card(till: Till, event: AskedOfTerminal, currency: str, at: int) -> OpenJob:
    amount = event.amount_minor
    if isinstance(event, CardPaymentRequested):
        args = AuthorisePaymentArgs(event.payment, amount, currency)
        return _at_terminal(till, event.payment, JobKind.AUTHORISE_PAYMENT, event, args, at)
    name = event.reversal if isinstance(event, CardReversalRequested) else event.refund
    if isinstance(event, CardReversalRequested) or event.reverses:
        reversal = ReversePaymentArgs(name, amount, currency, event.receipt)
        return _at_terminal(till, name, JobKind.REVERSE_PAYMENT, event, reversal, at)
    refund = RefundPaymentArgs(name, amount, currency)
    return _at_terminal(till, name, JobKind.REFUND_PAYMENT, event, refund, at)


def _at_terminal(
    till: Till,
    name: str,
    kind: JobKind,
    event: AskedOfTerminal,
    args: AuthorisePaymentArgs | RefundPaymentArgs | ReversePaymentArgs,
    at: int,
) -> OpenJob:
    deadline = at + PAYMENT_AGE_MS_MAX
    return OpenJob(name, kind, till.id, event.sale, event.terminal, 0, deadline, encode(args))


def _weighing(till: Till, event: WeighingAsked, price_minor: int, at: int) -> OpenJob:
    return OpenJob(
        event.weighing,
        JobKind.WEIGH,
        till.id,
        event.sale,
        event.scale,
        0,
        at + WEIGH_AGE_MS_MAX,
        encode(WeighArgs(price_minor, event.tare_g)),
    )
