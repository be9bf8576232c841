"""The end of a terminal's day: asked for once, then asked about until it is known, and compared.

What the terminal hands in is compared with what the ledger knows that it booked since its last
day; a difference is kept with the day's end and told. While an end is under way no card is
asked for at its terminal, and none is begun while a card is: else nobody could tell which day a
payment belongs to.

A terminal that cannot say what became of it holds up nobody: cards are taken again, and belong to
the next day if a person finds that this one was closed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_adoption import BoundDevice
from edge.contract.device_messages import (
    DELIVERY,
    TERMINAL_CANNOT_SAY,
    Delivery,
    JobKind,
    JobResult,
    JobStatus,
)
from edge.contract.errors import Refused
from edge.contract.identity import Ids
from edge.contract.limits import (
    DEVICE_TEST_MS_MAX,
    INQUIRY_EVERY_MS,
    RESOLVED_INQUIRY_MS_MAX,
    TERMINAL_DAY_AGE_MS_MAX,
    TERMINAL_DAY_ANSWER_MS_MAX,
)
from edge.contract.technician_views import EndDayRequest, SettleDayRequest, TerminalDayView
from edge.contract.terminal_day_events import TerminalDayAsked, TerminalDayEnded
from edge.contract.terminal_messages import (
    BatchTotals,
    EndOfDayArgs,
    EndOfDayOutcome,
    InquireEndOfDayArgs,
)
from edge.contract.wire import encode
from edge.engine.terminal_day_rules import (
    CLOSED,
    NOT_CLOSED,
    PERSON,
    UNKNOWN,
    booked_at,
    day_ended,
)
from edge.engine.text_safety import check_free_text
from edge.flows.adoption import Adoption
from edge.flows.card_desk import CardDesk
from edge.flows.job_dispatch import JobDispatch
from edge.flows.terminal_day_board import EndingDay, TerminalDayBoard
from edge.flows.till import Till
from edge.ledger.event_log import Ledger
from edge.ledger.records import CommandReply, OpenJob, Record, Repeated
from edge.ledger.replay import past_events
from edge.ledger.terminal_days import TerminalDayRecords

_DEFINITE: Final = frozenset({CLOSED, NOT_CLOSED})
_INQUIRY: Final = "inquiry"
_DONE: Final = b"{}"
"""What is kept as the answer: a repeat is shown how the terminal's day is then."""
_FINGERPRINT_BYTES: Final = 16


@dataclass
class TerminalDays:
    """Ends the days of a store's terminals, one end at a time for each.

    `tills` are those whose steps must be on disk before a terminal is free; `board` is where is
    seen how each day is. `changed` is called when that changed.
    """

    ledger: Ledger
    records: TerminalDayRecords
    adoption: Adoption
    dispatch: JobDispatch
    tills: dict[str, Till]
    desk: CardDesk
    board: TerminalDayBoard
    ids: Ids
    changed: Callable[[], None] = lambda: None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self) -> None:
        """Read how the last days ended."""
        for past in past_events(await self.records.ended()):
            if isinstance(past.event, TerminalDayEnded):
                self.board.last[past.event.terminal] = (past.event, past.at)

    def resume(self, job: OpenJob) -> None:
        """Take up an end of day that was open when the process ended: only ask about it."""
        self._follow_up(job, ask_first=False)

    def host_back(self, host: str) -> None:
        """Ask about ends of day at a host that came back: answers may have been lost."""
        for ending in self.board.ending.values():
            if self.dispatch.directory.host_of(ending.job.device) == host:
                ending.wake.set()

    # --- what people wish -----------------------------------------------------------------

    async def end(
        self, till: str, actor: str, terminal: str, wish: EndDayRequest
    ) -> TerminalDayView:
        """Have a terminal end its day; return how that is after a moment. A repeat ends no other.

        Raises Refused when it cannot be asked; nothing was sent then.
        """
        identity = _identity(actor, terminal, wish)
        async with self._turn:
            if await self.ledger.find_reply(identity) is None:
                await self._begin(till, actor, self._able(terminal), identity)
        ending = self.board.ending.get(terminal)
        if ending is not None and ending.job.job_id == wish.command_id:
            await self._wait(ending.over, DEVICE_TEST_MS_MAX)
        return self.board.view(terminal)

    async def settle(
        self, till: str, actor: str, terminal: str, wish: SettleDayRequest
    ) -> TerminalDayView:
        """Write down what a person saw of an end of day in doubt; nobody asks about it any more.

        Raises Refused with nothing changed.
        """
        identity = _identity(actor, terminal, wish)
        reason = check_free_text(" ".join(wish.reason.split()), field="reason")
        if not reason:
            raise Refused("reason_needed", "It is not said why.", advice="Write what you saw.")
        async with self._turn:
            if await self.ledger.find_reply(identity) is None:
                ending = self.board.in_doubt(terminal)
                slip = wish.amount_minor
                totals = None if slip is None else BatchTotals(slip)
                outcome = EndOfDayOutcome(wish.outcome, totals, reason=reason)
                await self._end(ending, outcome, PERSON, till, actor, identity)
        return self.board.view(terminal)

    # --- what is known --------------------------------------------------------------------

    def can_end(self, device: BoundDevice) -> bool:
        """Say whether a device is a terminal whose day can be ended, and asked about."""
        offer = self.adoption.offers(device.host).get(device.driver)
        kinds = frozenset() if offer is None else frozenset(offer.job_kinds)
        return {JobKind.END_OF_DAY.value, JobKind.INQUIRE_END_OF_DAY.value} <= kinds

    # --- one end of day -------------------------------------------------------------------

    def _able(self, terminal: str) -> BoundDevice:
        directory = self.dispatch.directory
        device = next((each for each in directory.devices if each.id == terminal), None)
        if device is None:
            raise Refused(
                "device_unknown",
                f"This store has no device {terminal[:40]}.",
                advice="Look at the device wall again: it may have been given up meanwhile.",
                status=404,
                params={"device": terminal[:40]},
            )
        called = {"device": device.name or device.id}
        if not self.can_end(device):
            raise Refused(
                "no_day_to_end",
                f"{called['device']} has no day that could be ended from here.",
                advice="End it at the terminal itself, if it is one.",
                params=called,
            )
        if terminal in self.board.ending:
            raise Refused(
                "day_under_way",
                f"{called['device']} is ending its day already.",
                advice="Wait for it; if it is in doubt, settle that first.",
                params=called,
            )
        if not directory.host_online(device.host) or not self.dispatch.bus.connected:
            raise Refused(
                "host_offline",
                f"{called['device']} is not reachable: its service is not running.",
                advice="Start the device service of its machine, then end the day again.",
                params=called,
            )
        return device

    async def _begin(
        self, till: str, actor: str, device: BoundDevice, identity: CommandReply
    ) -> None:
        self.board.closing.add(device.id)  # from here on no step of a till asks it for a card
        try:
            for each in tuple(self.tills.values()):
                async with each.lock:  # what a till had decided before is on disk behind it
                    pass
            self._refuse_while_paying(device)
            deadline = self.dispatch.clock.now_ms() + TERMINAL_DAY_AGE_MS_MAX
            job = OpenJob(
                identity.command_id,
                JobKind.END_OF_DAY,
                till,
                "",
                device.id,
                0,
                deadline,
                encode(EndOfDayArgs()),
            )
            event = TerminalDayAsked(terminal=device.id, job=job.job_id)
            record = Record((event,), till, actor, (job,), reply=identity)
            if not isinstance(await self.ledger.record(record), Repeated):
                self._follow_up(job, ask_first=True)
                self.changed()
        finally:
            self.board.closing.discard(device.id)
        self.dispatch.log.info("terminal_day_asked", terminal=device.id, by=actor)

    def _refuse_while_paying(self, device: BoundDevice) -> None:
        """Refuse while it is not known of a card whether this terminal moved money.

        What a person settled counts as they said it.
        """
        for job in self.dispatch.open_jobs():
            moves = DELIVERY[JobKind(job.kind)] is Delivery.INQUIRE_ONLY
            if moves and job.device == device.id and self.desk.resolution(job.job_id) is None:
                called = device.name or device.id
                raise Refused(
                    "card_open_at_terminal",
                    f"A card payment at {called} is open or in doubt.",
                    advice="Let it end, or settle it at its till; then end the day.",
                    params={"device": called},
                )

    def _follow_up(self, job: OpenJob, *, ask_first: bool) -> None:
        self.dispatch.watch(job)
        ending = self.board.ending[job.device] = EndingDay(job)
        _ = self.dispatch.tasks.spawn(
            f"terminal day {job.job_id}", self._follow(ending, ask_first=ask_first)
        )

    async def _follow(self, ending: EndingDay, *, ask_first: bool) -> None:
        job, pause_ms = ending.job, INQUIRY_EVERY_MS
        if ask_first and await self.dispatch.send(job):
            await self._wait(ending.wake, TERMINAL_DAY_ANSWER_MS_MAX)
        while not ending.over.is_set():
            ending.wake.clear()
            answer, ending.answer = ending.answer, None
            if answer is not None:
                if await self._ended(ending, answer):
                    return
                if answer.id != job.job_id:
                    await self._wait(ending.wake, pause_ms)
                    pause_ms = min(RESOLVED_INQUIRY_MS_MAX, 2 * pause_ms)
                    continue
            # one question at a time: it waits at the host for as long as the terminal is away
            sent = await self.dispatch.send(self._inquiry(job))
            await self._wait(ending.wake, INQUIRY_EVERY_MS)
            if not ending.wake.is_set():
                self._note(ending, ending.code, ending.words or "The terminal does not answer.")
                if sent:
                    await self._wait(ending.wake, TERMINAL_DAY_ANSWER_MS_MAX)

    def _inquiry(self, job: OpenJob) -> OpenJob:
        deadline = self.dispatch.clock.now_ms() + TERMINAL_DAY_ANSWER_MS_MAX
        args = encode(InquireEndOfDayArgs(job.job_id))
        side = OpenJob(
            self.ids.new(), JobKind.INQUIRE_END_OF_DAY, job.till, "", job.device, 0, deadline, args
        )
        self.dispatch.answers_for(side.job_id, job)
        self.dispatch.log.info("terminal_day_inquired", terminal=job.device)
        return side

    async def hear(self, job: OpenJob, result: JobResult) -> None:
        """Take the result of an end of day, or of an inquiry about it (`result.id`)."""
        ending = self.board.ending.get(job.device)
        if ending is None or ending.job.job_id != job.job_id:
            return
        kept = ending.answer
        if kept is None or kept.status is not JobStatus.DONE:  # an answer is not unsaid
            ending.answer = result
        ending.wake.set()

    async def _ended(self, ending: EndingDay, result: JobResult) -> bool:
        """Record an answer that decides it; say whether it is over."""
        own = result.id == ending.job.job_id
        outcome = _outcome_of(result, own=own)
        if outcome.outcome not in _DEFINITE:
            if outcome.code == TERMINAL_CANNOT_SAY:
                ending.cannot_say = True  # an older answer that comes again does not unsay it
            self._note(ending, outcome.code, outcome.reason)
            return False
        async with self._turn:
            if not ending.over.is_set():
                await self._end(ending, outcome, "" if own else _INQUIRY, ending.job.till)
        return True

    def _note(self, ending: EndingDay, code: str, words: str) -> None:
        if not ending.doubtful:
            self.dispatch.log.warning(
                "terminal_day_in_doubt", terminal=ending.job.device, reason=words
            )
        ending.doubtful, ending.code, ending.words = True, code, words
        self.changed()

    async def _end(
        self,
        ending: EndingDay,
        outcome: EndOfDayOutcome,
        resolved_by: str,
        till: str,
        actor: str = "",
        reply: CommandReply | None = None,
    ) -> None:
        """Compare and record how it ended; `_turn` is held."""
        job = ending.job
        history = past_events(await self.records.card_events(job.device))
        booked = booked_at((past.event for past in history), job.device, job.job_id)
        event = day_ended(job.device, job.job_id, outcome, booked, resolved_by)
        at = self.dispatch.clock.now_ms()
        _ = await self.ledger.record(
            Record((event,), till, actor, settled=(job.job_id,), reply=reply, at=at)
        )
        self.board.last[job.device] = (event, at)
        self.board.ending.pop(job.device, None)
        self.dispatch.forget(job.job_id)
        ending.over.set()
        ending.wake.set()
        tell = self.dispatch.log.error if event.difference_minor else self.dispatch.log.info
        tell(
            "terminal_day_differs" if event.difference_minor else "terminal_day_ended",
            terminal=job.device,
            outcome=event.outcome,
            amount_minor=event.amount_minor,
            ledger_minor=event.ledger_minor,
            difference_minor=event.difference_minor,
            by=resolved_by,
        )
        self.changed()

    async def _wait(self, event: asyncio.Event, wait_ms: int) -> None:
        try:
            async with self.dispatch.clock.timeout(wait_ms / 1000):
                await event.wait()
        except TimeoutError:
            return


def terminal_days_of(jobs: Iterable[OpenJob]) -> list[OpenJob]:
    """Return those of the open jobs that are ends of day."""
    return [job for job in jobs if job.kind == JobKind.END_OF_DAY]


def _identity(actor: str, terminal: str, wish: EndDayRequest | SettleDayRequest) -> CommandReply:
    text = f"{actor}|{terminal}|{type(wish).__name__}|".encode() + encode(wish)
    return CommandReply(wish.command_id, hashlib.sha256(text).digest()[:_FINGERPRINT_BYTES], _DONE)


def _outcome_of(result: JobResult, *, own: bool) -> EndOfDayOutcome:
    """Return what an answer says; a question that was not put says nothing of the end of day."""
    error = result.error
    if result.status is JobStatus.DONE:
        try:
            return msgspec.convert(result.result, EndOfDayOutcome)
        except msgspec.ValidationError as why:
            return EndOfDayOutcome(UNKNOWN, reason=f"The terminal's answer is garbled: {why}.")
    refused = own and result.status is JobStatus.FAILED
    words = error.detail if error else "The terminal's answer is not known."
    return EndOfDayOutcome(
        NOT_CLOSED if refused else UNKNOWN, code=error.code if error else "", reason=words
    )
