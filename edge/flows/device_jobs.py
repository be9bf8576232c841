"""Which jobs events bring: receipt and drawer for a finished sale, the terminal for a card.

They are committed in the same transaction as those events: commit, then act.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.contract.device_messages import (
    AuthorisePaymentArgs,
    JobKind,
    KickDrawerArgs,
    PrintReceiptArgs,
)
from edge.contract.event_registry import Event
from edge.contract.limits import DRAWER_AGE_MS_MAX, PAYMENT_AGE_MS_MAX, RECEIPT_AGE_MS_MAX
from edge.contract.payment_events import CardPaymentRequested
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.sale_events import SaleCompleted
from edge.contract.wire import encode
from edge.engine.cart import Cart
from edge.flows.device_directory import DeviceDirectory
from edge.flows.till import Till
from edge.ledger.records import OpenJob

RECEIPT: str = "receipt"
DRAWER: str = "drawer"

LayOut = Callable[[Till, Cart, int, int], ReceiptDocument]
"""Lays a finished sale out as a receipt: till, cart, instant, and the copy number."""


@dataclass(frozen=True)
class DeviceJobs:
    """Makes jobs for the devices that a till has; what it has not is not asked for."""

    directory: DeviceDirectory
    lay_out: LayOut

    def for_events(
        self, till: Till, cart: Cart, events: tuple[Event, ...], at: int
    ) -> tuple[OpenJob, ...]:
        """Return the jobs that these events bring."""
        jobs: list[OpenJob | None] = []
        for event in events:
            if isinstance(event, CardPaymentRequested):
                jobs.append(self._authorise(till, event, cart.currency, at))
            elif isinstance(event, SaleCompleted):
                if RECEIPT in event.jobs:
                    jobs.append(self.receipt(till, cart, at, attempt=0))
                if DRAWER in event.jobs:
                    jobs.append(self._drawer(till, event.sale, at))
        return tuple(job for job in jobs if job is not None)

    def receipt(self, till: Till, cart: Cart, at: int, *, attempt: int) -> OpenJob | None:
        """Return the job that prints a sale's receipt; from attempt 1 on it says COPY."""
        printer = self.directory.binding(till.id, "printer")
        if printer is None:
            return None
        document = self.lay_out(till, cart, cart.completed_at or at, attempt)
        return OpenJob(
            f"{cart.sale}-receipt-{attempt}",
            JobKind.PRINT_RECEIPT,
            till.id,
            cart.sale,
            printer.device,
            attempt,
            at + RECEIPT_AGE_MS_MAX,
            encode(PrintReceiptArgs(document)),
        )

    def _drawer(self, till: Till, sale: str, at: int) -> OpenJob | None:
        drawer = self.directory.binding(till.id, "drawer")
        if drawer is None:
            return None
        return OpenJob(
            f"{sale}-drawer",
            JobKind.KICK_DRAWER,
            till.id,
            sale,
            drawer.device,
            0,
            at + DRAWER_AGE_MS_MAX,
            encode(KickDrawerArgs("sale")),
        )

    def _authorise(
        self, till: Till, event: CardPaymentRequested, currency: str, at: int
    ) -> OpenJob:
        args = AuthorisePaymentArgs(event.payment, event.amount_minor, currency)
        return OpenJob(
            event.payment,
            JobKind.AUTHORISE_PAYMENT,
            till.id,
            event.sale,
            event.terminal,
            0,
            at + PAYMENT_AGE_MS_MAX,
            encode(args),
        )
