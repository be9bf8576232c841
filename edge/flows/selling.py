"""A command at a till: decide, put on disk, then show and act.

The one place where a till's sale moves on. Everything that happens to a sale, whether a
cashier wished it or a device reported it, takes `step`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.instant import Clock
from edge.contract.sale_events import SaleCompleted, SaleParked, SaleResumed
from edge.contract.system_events import PanRefused
from edge.contract.till_commands import (
    AnyTillCommand,
    ApprovedCommand,
    AskTerminal,
    CancelCard,
    NextSale,
    Park,
    Resume,
)
from edge.contract.till_protocol import ReceiptView, TillState
from edge.contract.training_events import noted
from edge.engine.cart import EMPTY, Cart
from edge.engine.cart_changes import replay
from edge.engine.coupon_rules import coupon_asked
from edge.engine.originals import Original
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_rules import decide_and_price
from edge.engine.state_refusals import refuse_once_tendered, refuse_while_paying
from edge.flows.card_slips import is_sales_receipt
from edge.flows.command_identity import fingerprint, same_answer
from edge.flows.gathering import Gathering
from edge.flows.letters import letters_asked
from edge.flows.parking import ParkedSale, ParkedSales
from edge.flows.returning import Reprinting, Returning
from edge.flows.till import Face, Till, TillViews
from edge.flows.training import (
    carried_on,
    count_receipt,
    named_for_training,
    switched_to,
    without_hardware,
)
from edge.ledger.event_log import Ledger
from edge.ledger.records import CommandReply, OpenJob, Record, Repeated, WaitingLetter

Decision = Callable[[Cart], tuple[Event, ...]]
"""What happens to a cart: events, or a Refused raised."""

SaleDecision = Callable[[Cart, Till | None], tuple[Event, ...]]
"""The same, told on which till the sale is; None for a parked one."""

JobMaker = Callable[[Till, Cart, tuple[Event, ...], int], tuple[OpenJob, ...]]
"""The jobs that events bring: called with the till, the cart after them, and the instant."""

ReprintMaker = Callable[[str, tuple[Event, ...], tuple[Original, ...], int], tuple[OpenJob, ...]]
"""The jobs that print completed sales again: called with the till's id, the events that ask for
them, those sales, and the instant."""

_LOOKS_LIKE_CARD: Final = "looks_like_card_number"
_BETWEEN_SALES: Final = frozenset({TillState.IDLE, TillState.DONE})
_MOVING: Final = frozenset({Park, Resume})
_MOVES: Final = frozenset({SaleParked, SaleResumed})
_LOOKING_BACK: Final = frozenset({*Returning, *Reprinting})
_NOTHING: Final = nullcontext()


@dataclass
class Selling:
    """Moves the sales of one box on.

    `gathering` tells decisions what the box knows, `jobs_for` names the jobs that events bring,
    `dispatch` hands committed ones to the devices, `abort_card` asks a till's terminal to stop
    waiting, `ask_terminal` what became of a payment in doubt; `reprints` makes the jobs of what is
    printed again; `new_id` makes ids for sales that a till did not name itself; `check_storage`
    refuses a new sale when the disk is nearly full.
    """

    ledger: Ledger
    gathering: Gathering
    views: TillViews
    tills: dict[str, Till]
    new_id: Callable[[], str]
    check_storage: Callable[[], None]
    jobs_for: JobMaker
    dispatch: Callable[[OpenJob], None]
    abort_card: Callable[[Till], Awaitable[None]]
    ask_terminal: Callable[[Till], None]
    reprints: ReprintMaker

    @property
    def reference(self) -> ReferenceView:
        """What head office sent."""
        return self.gathering.reference

    @property
    def clock(self) -> Clock:
        """The box's time."""
        return self.gathering.clock

    @property
    def parked(self) -> ParkedSales:
        """The sales that were set aside."""
        return self.gathering.parked

    def till(self, till_id: str) -> Till:
        """Return a till. Raises Refused for one this store does not have."""
        till = self.tills.get(till_id)
        if till is None:
            raise Refused(
                "unknown_till",
                f"This store has no till {till_id!r}.",
                advice=f"Its tills are: {', '.join(self.tills)}.",
                status=404,
            )
        return till

    async def command(
        self,
        till: Till,
        actor: str,
        command: AnyTillCommand,
        *,
        entry: str = "keyed",
        aim: str = "",
    ) -> bytes:
        """Carry a command out and return the answer: the till's view as JSON.

        The same id with the same body gets the same answer, before and after a restart; with
        another body it is refused. `entry` says how a code came in (`keyed`, `scanned`), `aim`
        is the scanner's symbology identifier. Raises Refused with nothing changed,
        StorageFailed when the outcome is not known.
        """
        identity = CommandReply(command.command_id, fingerprint(till, command), b"")
        kept = till.replies.get(command.command_id)
        if isinstance(kept, CommandReply):
            return same_answer(kept, identity)
        async with till.lock:
            coupon = coupon_asked(command, self.reference)
            async with self._alone(command, coupon):
                try:
                    return await self._decide_and_step(
                        till, actor, command, identity, (entry, aim), coupon
                    )
                except Refused as refusal:
                    # a repeat of what was done long ago may not be decidable any more
                    reply = await self.ledger.find_reply(identity)
                    if reply is not None:
                        return reply
                    if refusal.code == _LOOKS_LIKE_CARD:
                        seen = PanRefused(field=refusal.params.get("field", ""))
                        _ = await self.ledger.record(Record((seen,), till.id, actor))
                    till.say(refusal.code, "refused", refusal.message, refusal.params)
                    self.views.publish(till)
                    raise

    def _alone(self, command: AnyTillCommand, coupon: str) -> AbstractAsyncContextManager[object]:
        """Return what is held so that no two tills take the same sale, goods or coupon."""
        if coupon:
            return self.gathering.coupons.lock
        kind = type(command)
        if kind in _MOVING:
            return self.parked.lock
        return self.gathering.sold.lock if kind in _LOOKING_BACK else _NOTHING

    async def _decide_and_step(
        self,
        till: Till,
        actor: str,
        command: AnyTillCommand,
        identity: CommandReply,
        read: tuple[str, str],
        coupon: str,
    ) -> bytes:
        opens = ""
        if till.cart.state in _BETWEEN_SALES:
            self.check_storage()
            opens = self.new_id()  # an open sale has one: chance is asked once a sale
        command, opens = named_for_training(till, command, opens)
        at = self.clock.now_ms()
        given = await self.gathering.told(
            till, actor, command, at=at, opens=opens, read=read, coupon=coupon
        )
        events, after = decide_and_price(till.cart, command, self.reference, given)
        if isinstance(command, NextSale):
            return self._clear_screen(till, identity)
        if isinstance(command, CancelCard):
            # a repeat of one that was answered long ago must not end the payment of today
            kept = await self.ledger.find_reply(identity)
            if kept is not None:
                return kept
            await self.abort_card(till)
        answer = await self._step(
            till,
            actor,
            events,
            cart=given.parked or till.cart,
            after=after,
            at=at,
            reply=identity,
            more_jobs=self.reprints(till.id, events, given.originals, at),
            letters=letters_asked(command, events, given.letter_salt, at),
        )
        if isinstance(command, AskTerminal):
            self.ask_terminal(till)
        if isinstance(command, ApprovedCommand) and command.approval is not None:
            self.gathering.approvals.spend(command.approval)
        return answer

    async def step(
        self,
        till: Till,
        decision: Decision,
        *,
        settled: tuple[str, ...] = (),
        jobs: tuple[OpenJob, ...] = (),
        receipt: ReceiptView | None = None,
    ) -> None:
        """Let something happen to a till's sale that no cashier typed: a device's result.

        `settled` names the jobs that end with it, `jobs` are further ones it brings.
        `decision` may return no events. `receipt` is how the till shows its receipt then.
        """
        async with till.lock:
            events = decision(till.cart)
            if events or settled:
                await self._step(
                    till,
                    "",
                    events,
                    cart=till.cart,
                    at=self.clock.now_ms(),
                    settled=settled,
                    more_jobs=jobs,
                    receipt=receipt,
                )

    async def step_sale(
        self,
        sale: str,
        home: str,
        decision: SaleDecision,
        *,
        settled: Sequence[str] = (),
    ) -> None:
        """Let something happen to a sale wherever it is: on a till, or parked.

        `home` is the till that asked for what now happens. Of a sale that is nowhere any more
        `decision` is shown an empty cart; its jobs are settled all the same. `settled` is read
        after it.
        """
        while True:
            till = next((each for each in self.tills.values() if each.cart.sale == sale), None)
            async with self.parked.lock if till is None else till.lock:
                if till is None:
                    parked = self.parked.find(sale)
                    if parked is None and any(t.cart.sale == sale for t in self.tills.values()):
                        continue  # taken up meanwhile
                    await self._step_parked(home, parked, decision, settled)
                    return
                if till.cart.sale == sale:
                    events = decision(till.cart, till)
                    if events or settled:
                        at = self.clock.now_ms()
                        _ = await self._step(
                            till, "", events, cart=till.cart, at=at, settled=tuple(settled)
                        )
                    return

    async def _step_parked(
        self,
        home: str,
        parked: ParkedSale | None,
        decision: SaleDecision,
        settled: Sequence[str],
    ) -> None:
        events = decision(EMPTY if parked is None else parked.cart, None)
        if not events and not settled:
            return
        at = self.clock.now_ms()
        before = EMPTY if parked is None else parked.cart
        cart = replay(((event, at) for event in events), before)
        jobs = () if parked is None else self.jobs_for(self.till(home), cart, events, at)
        _ = await self.ledger.record(Record(events, home, "", jobs, tuple(settled), None, at))
        self.gathering.desk.take(events, home, at)
        if parked is not None:
            parked.cart = cart
        self.views.publish_all()
        for job in jobs:
            self.dispatch(job)

    async def _step(
        self,
        till: Till,
        actor: str,
        events: tuple[Event, ...],
        *,
        cart: Cart,
        at: int,
        after: Cart | None = None,
        reply: CommandReply | None = None,
        settled: tuple[str, ...] = (),
        more_jobs: tuple[OpenJob, ...] = (),
        receipt: ReceiptView | None = None,
        letters: tuple[WaitingLetter, ...] = (),
    ) -> bytes:
        # till.lock is held. If this task is cancelled in here the process is ending: the
        # ledger may know more than the cart then, and the next start reads the ledger.
        before, cart = cart, after or carried_on(cart, events, at)
        training = switched_to(events)
        coming_here, going = _moves(before, events, till, actor, at)
        jobs = (*without_hardware(self.jobs_for(till, cart, events, at)), *more_jobs)
        completed = SaleCompleted in map(type, events)
        if completed:
            printing = any(map(is_sales_receipt, jobs))
            receipt = ReceiptView("waiting" if printing else "none")
        coming = Face(
            cart,
            till.notice if reply is None else None,
            receipt or till.receipt,
            0 if completed else till.completed_seq,
            self.parked.views(coming_here, going) if coming_here or going else None,
            self.gathering.desk.alarms_after(events),
            training,
        )
        view = self.views.build(till, coming)
        version, notices = till.version, till.notices
        kept = None if reply is None else CommandReply(reply.command_id, reply.fingerprint, view)
        outcome = await self.ledger.record(
            Record(noted(events), till.id, actor, jobs, settled, kept, at, letters)
        )
        if isinstance(outcome, Repeated):
            return outcome.reply
        till.move_to(cart)
        self.gathering.desk.take(events, till.id, at)
        if receipt is not None:  # else a device may have said something of it meanwhile
            till.receipt = receipt
        if reply is not None and till.notices == notices:  # else a device said it meanwhile
            till.notice = None
        till.training = till.training if training is None else training
        if completed:
            count_receipt(till)
            till.completed_seq = outcome.last_seq
            self.gathering.codes.keep(cart, events[-1], outcome)
        if kept is not None:
            till.remember(kept.command_id, kept)
        self.parked.move(coming_here, going)
        if coming_here or going or coming.card_alarms is not None:
            self.views.publish_all()
        elif till.version == version:
            self.views.show(till, view)
        else:
            self.views.publish(till)
        for job in jobs:
            self.dispatch(job)
        return view

    def take_empties(self, till: Till, cashier: str) -> None:
        """Let a till's scans be empties that come back, for a cashier; for nobody: no longer.

        It is a state of the till in memory, and ends with the customer. Raises Refused while the
        sale is paid.
        """
        if cashier and till.cart.state not in {TillState.IDLE, TillState.DONE}:
            refuse_while_paying(till.cart)
            refuse_once_tendered(till.cart)
        till.empties = cashier
        self.views.publish(till)

    def _clear_screen(self, till: Till, identity: CommandReply) -> bytes:
        # nothing happened to any sale: the answer is kept in memory only
        till.move_to(EMPTY)
        till.receipt = till.notice = None
        view = self.views.publish(till)
        till.remember(
            identity.command_id, CommandReply(identity.command_id, identity.fingerprint, view)
        )
        return view


def _moves(
    before: Cart, events: tuple[Event, ...], till: Till, actor: str, at: int
) -> tuple[tuple[ParkedSale, ...], str]:
    """Return the sales that these events park, and the id of the one that they take up."""
    if _MOVES.isdisjoint(map(type, events)):
        return (), ""
    parking = next((event for event in events if isinstance(event, SaleParked)), None)
    resuming = next((event for event in events if isinstance(event, SaleResumed)), None)
    coming = (
        (ParkedSale(before, parking.label, till.id, parking.for_till, actor, at),)
        if parking is not None
        else ()
    )
    return coming, "" if resuming is None else resuming.sale
