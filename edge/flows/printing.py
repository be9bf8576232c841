"""Results of receipts and drawers become events, and words on the till."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edge.contract.device_messages import JobKind, JobResult, JobStatus, KickDrawerArgs
from edge.contract.event_registry import Event
from edge.contract.sale_events import DrawerOpened, ReceiptPrinted
from edge.contract.till_protocol import ReceiptView
from edge.engine.cart import Cart
from edge.flows.card_slips import SlipNamed, is_sales_receipt, slip_of, slip_printed
from edge.flows.device_jobs import DeviceJobs
from edge.flows.reprinting import reprint_of, settle_reprint
from edge.flows.selling import Selling
from edge.ledger.records import OpenJob

_KICK: Final = msgspec.json.Decoder(KickDrawerArgs)
COPIES_MAX: Final = 3
"""A receipt whose fate stays unknown is repeated (as COPY) this often, then left to a person."""


@dataclass
class Printing:
    """Settles receipt and drawer jobs; `jobs` makes the repeat of a receipt."""

    selling: Selling
    jobs: DeviceJobs

    def waiting(self, job: OpenJob, result: JobResult) -> None:
        """Show what a receipt waits for."""
        till = self.selling.tills.get(job.till)
        if till is None or job.kind != JobKind.PRINT_RECEIPT or till.cart.sale != job.sale:
            return
        if not is_sales_receipt(job):
            return  # the till shows how the receipt itself stands, and what ails the printer
        words = f"{result.error.detail} {result.error.advice}".strip() if result.error else ""
        view = ReceiptView("waiting", words)
        if till.receipt != view:
            till.receipt = view
            self.selling.views.publish(till)

    async def settle_receipt(self, job: OpenJob, result: JobResult) -> None:
        """Record what became of a receipt; an unknown one is printed again as COPY."""
        till = self.selling.till(job.till)
        evidence = _evidence(result)
        if reprint_of(job):
            advice = result.error.advice if result.error else ""
            await settle_reprint(self.selling, job, evidence, advice)
            return
        if slip := slip_of(job):
            await self._settle_slip(job, slip, evidence, result)
            return

        def decide(_: Cart) -> tuple[Event, ...]:
            return (ReceiptPrinted(sale=job.sale, evidence=evidence, copy=job.attempt),)

        shown = _receipt_view(evidence, result) if till.cart.sale == job.sale else None
        await self.selling.step(
            till,
            decide,
            settled=(job.job_id,),
            jobs=self._repeated(job, evidence),
            receipt=shown,
        )

    async def _settle_slip(
        self, job: OpenJob, slip: SlipNamed, evidence: str, result: JobResult
    ) -> None:
        """Record what became of a card slip; an unknown one is printed again as COPY."""
        till = self.selling.till(job.till)
        repeats = self._repeated(job, evidence)

        def decide(_: Cart) -> tuple[Event, ...]:
            if evidence == "failed" or (evidence == "unknown" and not repeats):
                advice = result.error.advice if result.error else ""
                till.say(
                    "card_slip_not_printed",
                    "trouble",
                    "A card receipt was not printed, or nobody knows whether it was. "
                    f"{advice or 'See to the printer. A copy of the receipt has it too.'}",
                )
            return (slip_printed(job, slip, evidence),)

        await self.selling.step(till, decide, settled=(job.job_id,), jobs=repeats)

    def _repeated(self, job: OpenJob, evidence: str) -> tuple[OpenJob, ...]:
        again = evidence == "unknown" and job.attempt < COPIES_MAX
        repeat = self.jobs.copy_of(job) if again else None
        return (repeat,) if repeat else ()

    async def settle_drawer(self, job: OpenJob, result: JobResult) -> None:
        """Record what became of a drawer; it is never kicked twice."""
        till = self.selling.till(job.till)
        outcome = _text(result.result, "outcome") if result.status is JobStatus.DONE else ""
        reason = _KICK.decode(job.args).reason
        outcome = outcome or ("unknown" if result.status is JobStatus.UNKNOWN else "not_opened")

        def decide(_: Cart) -> tuple[Event, ...]:
            # said here and not before: a command that is under way would wipe it away unseen
            if outcome == "not_opened":
                advice = result.error.advice if result.error else ""
                till.say(
                    "drawer_not_opened",
                    "trouble",
                    f"The drawer did not open. {advice or 'Open it with its key.'}",
                )
            return (DrawerOpened(reason=reason, outcome=outcome, sale=job.sale),)

        await self.selling.step(till, decide, settled=(job.job_id,))


def _evidence(result: JobResult) -> str:
    if result.status is JobStatus.DONE:
        return _text(result.result, "evidence") or "sent_unconfirmed"
    return "unknown" if result.status is JobStatus.UNKNOWN else "failed"


def _receipt_view(evidence: str, result: JobResult) -> ReceiptView:
    words = f"{result.error.detail} {result.error.advice}".strip() if result.error else ""
    state = "printed" if evidence == "confirmed" else evidence
    return ReceiptView(state, words)


def _text(outcome: Any, key: str) -> str:
    value = outcome.get(key) if isinstance(outcome, dict) else None
    return value if isinstance(value, str) else ""
