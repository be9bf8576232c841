"""Sales at the security device: started when they open, signed when they end, marked when it fails.

It hears of sales when they are on disk and asks the device in a task of its own, one thing at a
time: no sale waits for it. Only a receipt does, for `FISCAL_RECEIPT_WAIT_MS` at most; then it goes
out saying that the device failed. A device that failed is left alone for `FISCAL_RETRY_MS`, so that
a slow one costs one answer and not one for each till. Once it is back new sales are signed, and
what it holds open of others is ended.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NoReturn, TypeVar

from edge.contract.envelope import unseal
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, Refused
from edge.contract.event_registry import Event
from edge.contract.fiscal import RECEIPT_PROCESS, OpenTransaction, TseFinished, TseState
from edge.contract.fiscal_events import FiscalClosed, FiscalMissed, FiscalSigned, FiscalStarted
from edge.contract.health import HealthItem
from edge.contract.instant import Clock
from edge.contract.limits import (
    FISCAL_ANSWER_MS_MAX,
    FISCAL_OUTCOMES_KEPT,
    FISCAL_QUEUE_MAX,
    FISCAL_RECEIPT_WAIT_MS,
    FISCAL_RETRY_MS,
)
from edge.contract.receipt_document import ReceiptBlock
from edge.contract.sale_events import SaleAbandoned, SaleCompleted, SaleOpened
from edge.engine.fiscal_process import CANCELLED, RateUnknown, process_data
from edge.engine.fiscal_receipt import fiscal_blocks
from edge.flows.parking import sale_cart
from edge.flows.tse import Tse
from edge.ledger.event_log import Ledger
from edge.ledger.fiscal_records import FiscalRecords, HeldOpen
from edge.ledger.past_sales import PastSales
from edge.ledger.records import Record, Recorded
from edge.ledger.replay import past_events
from edge.runtime.bounded_queue import BoundedQueue, QueueFull
from edge.runtime.structured_log import Log

T = TypeVar("T")
Outcome = FiscalSigned | FiscalMissed
_OF_SALES: Final = frozenset({SaleOpened, SaleCompleted, SaleAbandoned})
_REASONS: Final = frozenset({"tse_down", "tse_full", "tse_slow", "tse_missing"})


class _Kind(StrEnum):
    START = "start"
    FINISH = "finish"
    CANCEL = "cancel"


@dataclass(frozen=True)
class _Wish:
    """What the device is to be asked for a sale; `seq` is where it was opened, for a start."""

    kind: _Kind
    sale: str
    receipt: str = ""
    seq: int = 0


@dataclass
class FiscalDesk:
    """`enabled` says whether head office wants signatures; `tse` is None where none is set up."""

    ledger: Ledger
    records: FiscalRecords
    past: PastSales
    tse: Tse | None
    enabled: Callable[[], bool]
    clock: Clock
    log: Log
    answer_ms: int = FISCAL_ANSWER_MS_MAX
    receipt_wait_ms: int = FISCAL_RECEIPT_WAIT_MS
    retry_ms: int = FISCAL_RETRY_MS
    marked: int = 0
    """Sales that went out without a signature since the device failed."""
    _trouble: DeviceUnreachable | DeviceNeedsPerson | None = None
    _ask_again_ms: int = 0
    _reconciled: bool = False
    _ever: bool = False
    """Whether the ledger has anything to do with such a device."""
    _queue: BoundedQueue[_Wish] = field(default_factory=lambda: BoundedQueue(FISCAL_QUEUE_MAX))
    _held: dict[str, HeldOpen] = field(default_factory=dict)
    _owed: dict[str, _Wish] = field(default_factory=dict)
    """Ends of sales whose transaction the device still holds open."""
    _finishing: set[str] = field(default_factory=set)
    """Sales whose end waits in the queue, or is under way."""
    _ended: OrderedDict[str, Outcome] = field(default_factory=OrderedDict)
    _recording: asyncio.Lock = field(default_factory=asyncio.Lock)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    # --- hearing of sales -----------------------------------------------------------------

    async def open(self) -> None:
        """Take up what stands open, and hear of what happens from now on."""
        self._ever = await self.records.any()
        for held in await self.records.held_open():
            self._held[held.sale] = held
            for past in past_events(await self.ledger.sale_events(held.opened_seq)):
                if isinstance(past.event, SaleCompleted):
                    self._owed[held.sale] = _Wish(_Kind.FINISH, held.sale, past.event.receipt)
                elif isinstance(past.event, SaleAbandoned):
                    self._owed[held.sale] = _Wish(_Kind.CANCEL, held.sale)
        self.ledger.listeners.append(self._recorded)

    def _recorded(self, recorded: Recorded, events: tuple[Event, ...]) -> None:
        if _OF_SALES.isdisjoint(map(type, events)):
            return
        for place, event in enumerate(events):
            if isinstance(event, SaleOpened) and self.enabled():
                self._want(_Wish(_Kind.START, event.sale, seq=recorded.first_seq + place))
            elif isinstance(event, SaleCompleted) and self._concerns(event.sale):
                self._want(_Wish(_Kind.FINISH, event.sale, event.receipt))
            elif isinstance(event, SaleAbandoned) and self._concerns(event.sale):
                self._want(_Wish(_Kind.CANCEL, event.sale))

    def _concerns(self, sale: str) -> bool:
        return self.enabled() or sale in self._held

    def _want(self, wish: _Wish) -> bool:
        try:
            self._queue.put_nowait(wish)
        except QueueFull:
            self.log.warning("fiscal_queue_full", sale=wish.sale, wish=wish.kind)
            return False
        if wish.kind is _Kind.FINISH:
            self._finishing.add(wish.sale)
        return True

    # --- asking the device ----------------------------------------------------------------

    async def run(self) -> None:
        """Ask the device for what sales need, until cancelled."""
        while True:
            wish = await self._next()
            try:
                await (self._reconcile() if wish is None else self._carry_out(wish))
            except (DeviceUnreachable, DeviceNeedsPerson):
                continue  # said when it began
            except Refused as refused:  # the ledger was busy: the receipt says what is lacking
                self.log.warning("fiscal_refused", code=refused.code, reason=refused.message)
            finally:
                if wish is not None and wish.kind is _Kind.FINISH:
                    self._finishing.discard(wish.sale)

    async def _next(self) -> _Wish | None:
        """Return the next wish; None when it is time to see how the device is."""
        if self._reconciled or not (self.enabled() or self._held):
            return await self._queue.get()
        wait_ms = max(0, self._ask_again_ms - self.clock.monotonic_ms())
        if not wait_ms:
            return None
        try:
            async with self.clock.timeout(wait_ms / 1000):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _ask(self, call: Callable[[Tse], Awaitable[T]], *, signs: bool = True) -> T:
        """Put one question; raises what stands in the way, also of a device left alone now.

        `signs`: whether the answer shows that it can sign; one that is full answers all the same.
        """
        if self._trouble is not None and self.clock.monotonic_ms() < self._ask_again_ms:
            raise self._trouble
        trouble: DeviceUnreachable | DeviceNeedsPerson
        try:
            async with self.clock.timeout(self.answer_ms / 1000):
                answer = await call(self.tse or _missing())
        except TimeoutError:
            trouble = DeviceUnreachable("tse_slow", "The security device did not answer in time.")
        except (DeviceUnreachable, DeviceNeedsPerson) as error:
            trouble = error
        else:
            if signs or isinstance(self._trouble, DeviceUnreachable):
                self._well()
            return answer
        self._ask_again_ms = self.clock.monotonic_ms() + self.retry_ms
        self._reconciled = False
        if self._trouble is None:
            self.log.error("tse_failed", code=trouble.code, reason=trouble.message)
        self._trouble = trouble
        raise trouble

    def _well(self) -> None:
        if self._trouble is not None:
            self.log.info("tse_back", marked=self.marked)
        self._trouble, self.marked, self._ask_again_ms = None, 0, 0

    async def _reconcile(self) -> None:
        """End what the device holds open of sales that are over, and of none that we know."""
        there = set(await self._ask(lambda tse: tse.open_transactions(), signs=False))
        known = {OpenTransaction(h.client, h.transaction) for h in self._held.values()}
        for held in list(self._held.values()):
            if OpenTransaction(held.client, held.transaction) not in there:
                await self._closed(held)
        ours = f"{self.ledger.identity.store}-"
        strays = [each for each in there - known if each.client.startswith(ours)]
        for stray in sorted(strays, key=lambda each: each.transaction):
            held = HeldOpen("", stray.client, stray.transaction, 0, 0)
            await self._end(held, "", CANCELLED)
            self.log.warning("fiscal_stray_ended", transaction=stray.transaction)
        self._reconciled = True
        for wish in list(self._owed.values()):
            await self._carry_out(wish)

    async def _carry_out(self, wish: _Wish) -> None:
        if wish.kind is _Kind.START:
            await self._begin(wish.sale, wish.seq)
        elif wish.kind is _Kind.FINISH:
            await self._finish(wish)
        elif wish.sale in self._held:
            self._owed[wish.sale] = wish
            await self._end(self._held[wish.sale], "", CANCELLED)

    async def _begin(self, sale: str, opened_seq: int) -> HeldOpen:
        (body,) = (await self.ledger.events_after(opened_seq - 1, raw_max=1, count_max=1))[1]
        client = f"{self.ledger.identity.store}-{unseal(body).till}"
        started = await self._ask(lambda tse: tse.start(client))
        event = FiscalStarted(
            sale=sale,
            client=client,
            transaction=started.transaction,
            started_at=started.at,
            opened_seq=opened_seq,
        )
        await self._record(event)
        held = HeldOpen(sale, client, started.transaction, started.at, opened_seq)
        self._held[sale] = held
        return held

    async def _finish(self, wish: _Wish) -> None:
        known = self._ended.get(wish.sale) or await self.records.outcome(wish.sale)
        if isinstance(known, FiscalSigned):
            return
        sold = await self.past.find(wish.receipt, wish.sale)
        if sold is None:
            raise AssertionError(f"the ledger does not know {wish.receipt}")
        try:
            data = process_data(sale_cart(past_events(sold.events)))
        except RateUnknown as unknown:
            self.log.warning("fiscal_rate_unknown", receipt=wish.receipt, reason=str(unknown))
            await self._miss(wish.sale, wish.receipt, "tax_rate")
            return
        try:
            held = self._held.get(wish.sale)
            if held is not None and await self._end(held, wish.receipt, data):
                return
            held = await self._begin(wish.sale, sold.events[0].seq)
            await self._end(held, wish.receipt, data)
        except (DeviceUnreachable, DeviceNeedsPerson) as error:
            if wish.sale in self._held:
                self._owed[wish.sale] = wish
            await self._miss(
                wish.sale, wish.receipt, error.code if error.code in _REASONS else "tse_down"
            )
            raise

    async def _end(self, held: HeldOpen, receipt: str, data: str) -> bool:
        """Sign the end of a transaction; False when the device does not hold it open any more."""
        try:
            finished: TseFinished = await self._ask(
                lambda tse: tse.finish(held.client, held.transaction, RECEIPT_PROCESS, data)
            )
        except Refused:
            await self._closed(held)
            return False
        signed = FiscalSigned(
            sale=held.sale,
            receipt=receipt,
            client=held.client,
            transaction=held.transaction,
            counter=finished.counter,
            started_at=held.started_at or finished.at,
            finished_at=finished.at,
            process_type=RECEIPT_PROCESS,
            process_data=data,
            signature=finished.signature,
            serial=finished.serial,
            public_key=finished.public_key,
            algorithm=finished.algorithm,
            time_format=finished.time_format,
        )
        async with self._recording:
            await self._record(signed)
            self._over(held.sale, signed)
        return True

    async def _closed(self, held: HeldOpen) -> None:
        self.log.warning("fiscal_not_open", sale=held.sale, transaction=held.transaction)
        if held.sale:
            event = FiscalClosed(sale=held.sale, client=held.client, transaction=held.transaction)
            await self._record(event)
        self._held.pop(held.sale, None)

    async def _miss(self, sale: str, receipt: str, reason: str) -> Outcome:
        """Mark a sale, unless it has an end already; return how it ended."""
        async with self._recording:
            known = self._ended.get(sale)
            if known is not None:
                return known
            missed = FiscalMissed(sale=sale, receipt=receipt, reason=reason)
            await self._record(missed)
            self.marked += 1
            self._keep(sale, missed)
            return missed

    async def _record(self, event: Event) -> None:
        self._ever = True
        _ = await self.ledger.record(Record((event,)))

    def _over(self, sale: str, outcome: Outcome) -> None:
        self._held.pop(sale, None)
        self._owed.pop(sale, None)
        if sale:
            self._keep(sale, outcome)

    def _keep(self, sale: str, outcome: Outcome) -> None:
        self._ended[sale] = outcome
        while len(self._ended) > FISCAL_OUTCOMES_KEPT:
            self._ended.popitem(last=False)
        self._news.set()
        self._news = asyncio.Event()

    # --- receipts and people --------------------------------------------------------------

    async def blocks(
        self, receipt: str, sale: str, language: str, *, original: bool
    ) -> tuple[ReceiptBlock, ...]:
        """Return what a receipt says of its signature; an `original` waits for it, for a while."""
        if not (self._ever or self.enabled()):
            return ()  # a shop without such a device pays nothing for it
        outcome = self._ended.get(sale) or await self.records.outcome(sale)
        if outcome is None and original and self.enabled():
            outcome = await self._waited(receipt, sale)
        return () if outcome is None else fiscal_blocks(outcome, language)

    async def _waited(self, receipt: str, sale: str) -> Outcome:
        # also for a sale that ended just before a restart: nobody else remembers its wish
        wish = _Wish(_Kind.FINISH, sale, receipt)
        if sale not in self._finishing and not self._want(wish):
            return await self._miss(sale, receipt, "tse_busy")
        try:
            async with self.clock.timeout(self.receipt_wait_ms / 1000):
                while (outcome := self._ended.get(sale)) is None:
                    await self._news.wait()
                return outcome
        except TimeoutError:
            return await self._miss(sale, receipt, self._why_not)

    @property
    def _why_not(self) -> str:
        """Why nothing was signed in time: what ails the device, where that is known."""
        if self.tse is None:
            return "tse_missing"
        code = "" if self._trouble is None else self._trouble.code
        return code if code in _REASONS else "tse_slow"

    @property
    def state(self) -> TseState:
        """How the security device stands."""
        if not self.enabled():
            return TseState.OFF
        if self._trouble is None:
            return TseState.OK
        return TseState.MARKED if self.marked else TseState.DOWN

    def health(self) -> HealthItem | None:
        """Say in words how it stands; None where none is wanted."""
        if self.state is TseState.OFF:
            return None
        if self._trouble is None:
            return HealthItem("tse", well=True, words="Sales are signed by the security device.")
        return HealthItem(
            "tse",
            well=False,
            words=f"{self._trouble.message} Sales without a signature since: {self.marked}.",
            advice=self._trouble.advice or "Selling goes on; receipts say so. Look after it.",
        )


def _missing() -> NoReturn:
    raise DeviceUnreachable(
        "tse_missing",
        "No security device is set up.",
        advice="Name one in the settings of the box (tse).",
    )
