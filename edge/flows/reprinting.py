"""Copies and gift receipts that people ask for: their jobs, and what became of them.

A job is committed with the event that asks for it. Nothing is repeated by itself: the person who
asked is at the till, is told in words, and asks again. The drawer has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.contract.device_messages import JobKind, PrintReceiptArgs
from edge.contract.event_registry import Event
from edge.contract.limits import (
    REPRINT_AGE_MS_MAX,
)
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.receipt_events import GiftReceiptPrinted, ReceiptReprinted, ReprintEnded
from edge.contract.wire import encode
from edge.engine.cart import Cart
from edge.engine.originals import Original
from edge.flows.device_directory import DeviceDirectory
from edge.flows.selling import Selling
from edge.ledger.records import OpenJob

COPY: Final = "copy"
GIFT: Final = "gift"
ReprintEvent = ReceiptReprinted | GiftReceiptPrinted
_AGAIN: Final = frozenset({ReceiptReprinted, GiftReceiptPrinted})
LayOutAgain = Callable[[Original, ReprintEvent], ReceiptDocument]
"""Lays a completed sale out again, as the event asks."""


@dataclass(frozen=True)
class Reprints:
    """Makes the jobs of reprints for the printer that a till has."""

    directory: DeviceDirectory
    lay_out: LayOutAgain

    def has_printer(self, till: str) -> bool:
        """Say whether a till has a receipt printer."""
        return self.directory.binding(till, "printer") is not None

    def jobs(
        self, till: str, events: tuple[Event, ...], originals: tuple[Original, ...], at: int
    ) -> tuple[OpenJob, ...]:
        """Return the jobs that these events bring; `originals` are the sales they name."""
        if not originals or _AGAIN.isdisjoint(map(type, events)):
            return ()
        printer = self.directory.binding(till, "printer")
        if printer is None:
            return ()
        return tuple(
            OpenJob(
                f"{event.sale}-{_what(event)}-{event.copy}",
                JobKind.PRINT_RECEIPT,
                till,
                event.sale,
                printer.device,
                event.copy,
                at + REPRINT_AGE_MS_MAX,
                encode(PrintReceiptArgs(self.lay_out(original, event))),
            )
            for event in events
            if isinstance(event, (ReceiptReprinted, GiftReceiptPrinted))
            for original in originals
        )


def _what(event: ReprintEvent) -> str:
    return COPY if isinstance(event, ReceiptReprinted) else GIFT


def reprint_of(job: OpenJob) -> str:
    """Return what a person asked for with a job that prints: `copy`, `gift`, or empty."""
    for what in (COPY, GIFT):
        if job.job_id.startswith(f"{job.sale}-{what}-"):
            return what
    return ""


async def settle_reprint(selling: Selling, job: OpenJob, evidence: str, advice: str) -> None:
    """Record what became of a reprint, and tell the till when it may not have come out."""
    till = selling.till(job.till)
    if evidence == "failed":
        till.say(
            "reprint_not_printed",
            "trouble",
            f"It was not printed. {advice or 'See to the printer, then ask for it again.'}",
        )
    elif evidence == "unknown":
        till.say(
            "reprint_unknown",
            "trouble",
            "Nobody knows whether it was printed. Look at the printer; ask for it again if not.",
        )
    ended = ReprintEnded(sale=job.sale, what=reprint_of(job), copy=job.attempt, evidence=evidence)

    def decide(_: Cart) -> tuple[Event, ...]:
        return (ended,)

    await selling.step(till, decide, settled=(job.job_id,))
