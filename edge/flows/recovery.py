"""What a start finds on disk, and takes up where the last run ended.

Nothing is guessed: sales are rebuilt from their events, jobs that devices owe are sent
again (their hosts remember by id what was done), a card payment or refund without an answer is
asked about, never repeated, and so is a terminal's end of day; a weighing ends without a line.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version

from edge.contract.device_messages import DELIVERY, Delivery, JobKind
from edge.contract.errors import StorageFailed
from edge.contract.sale_events import SaleCompleted
from edge.contract.system_events import BoxStarted, BoxStopped
from edge.contract.till_protocol import ReceiptView, TillState
from edge.flows.card_slips import is_sales_receipt
from edge.flows.job_dispatch import JobDispatch
from edge.flows.parking import parked_again, sale_cart
from edge.flows.paying_by_card import PayingByCard
from edge.flows.selling import Selling
from edge.flows.terminal_days import TerminalDays, terminal_days_of
from edge.flows.till import VERSIONS_PER_SEQ, Till
from edge.flows.weighing import Weighing
from edge.ledger.event_log import Ledger
from edge.ledger.records import OpenJob, Record, Recorded
from edge.ledger.replay import PastEvent, past_events
from edge.runtime.structured_log import Log


@dataclass
class Recovery:
    """Brings tills, jobs and payments to where the ledger says they are."""

    ledger: Ledger
    selling: Selling
    dispatch: JobDispatch
    paying: PayingByCard
    weighing: Weighing
    days: TerminalDays
    log: Log

    async def start(self, tills: tuple[str, ...], *, clean: bool) -> None:
        """Record the start, rebuild every till, and take up what is open."""
        started = await self.ledger.record(
            Record(
                (
                    BoxStarted(
                        version=version("tillbox"), sqlite=sqlite3.sqlite_version, clean=clean
                    ),
                )
            )
        )
        if not isinstance(started, Recorded):
            raise TypeError("a start is no command")
        jobs = await self.ledger.open_jobs()
        self.selling.gathering.desk.load(past_events(await self.ledger.card_desk()))
        in_training = await self.ledger.tills_in_training()
        rows = {row.till: row for row in await self.ledger.tills()}
        for till_id in sorted({*tills, *rows}):
            row = rows.get(till_id)
            till = Till(till_id, version=started.last_seq * VERSIONS_PER_SEQ)
            till.training = till_id in in_training
            if row is not None:
                till.receipts = row.receipts
                await self._rebuild(till, row.open_seq or row.last_seq, jobs)
            self.selling.tills[till_id] = till
        for first_seq in await self.ledger.parked():
            history = past_events(await self.ledger.sale_events(first_seq))
            self.selling.parked.put(parked_again(history))
        asked = [job for job in jobs if _is_payment(job)]
        on_scales = [job for job in jobs if job.kind == JobKind.WEIGH]
        days = terminal_days_of(jobs)
        watched = [*asked, *on_scales, *days]
        self.dispatch.load([job for job in jobs if job not in watched])
        for job in asked:
            self.paying.resume(job)
        for job in on_scales:
            self.weighing.resume(job)
        for job in days:
            self.days.resume(job)
        self.log.info(
            "ledger_open",
            clean=clean,
            head=started.last_seq,
            open_sales=sum(t.cart.state is not TillState.IDLE for t in self.selling.tills.values()),
            parked_sales=len(self.selling.parked),
            open_jobs=len(jobs),
            open_payments=len(asked),
        )

    async def stop(self) -> None:
        """Record that the box ends in good order; a ledger that failed says nothing more."""
        with suppress(StorageFailed):
            await self.ledger.record(Record((BoxStopped(),)))

    async def _rebuild(self, till: Till, first_seq: int, jobs: list[OpenJob]) -> None:
        """Rebuild the till's newest sale: open, or finished and still on the screen."""
        if first_seq == 0:
            return
        history = past_events(await self.ledger.sale_events(first_seq))
        till.cart = sale_cart(history)
        if till.cart.state is TillState.DONE:
            till.completed_seq = _completed_at(history)
            waits = any(job.sale == till.cart.sale and is_sales_receipt(job) for job in jobs)
            till.receipt = ReceiptView("waiting" if waits else "none")


def _is_payment(job: OpenJob) -> bool:
    return DELIVERY[JobKind(job.kind)] is Delivery.INQUIRE_ONLY


def _completed_at(history: list[PastEvent]) -> int:
    return max((past.seq for past in history if isinstance(past.event, SaleCompleted)), default=0)
