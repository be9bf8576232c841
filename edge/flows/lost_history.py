"""A box that was restored from an older copy gets back what head office has, while it sells.

`sync` asks head office and hands over frames; each is checked here (whose it is, that it leads on,
who signed it) and kept beside the ledger. Once all is here and head office gave a generation to go
on in, the box starts anew in a quiet moment: the ledger is mended before it is opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec

from edge.contract.device_messages import DELIVERY, Delivery, JobKind
from edge.contract.envelope import GENESIS, link, unseal
from edge.contract.errors import ProtocolViolation, Refused, TillboxError
from edge.contract.health import HealthItem
from edge.contract.history_mending import (
    GenerationGiven,
    HashSaid,
    MendingBegun,
    MendingState,
    generation_bytes,
)
from edge.contract.instant import Clock
from edge.contract.replication import Head
from edge.contract.till_protocol import TillState
from edge.contract.wire import UNREADABLE
from edge.flows.job_dispatch import JobDispatch
from edge.flows.till import Till
from edge.ledger.event_log import BusinessCalendar, Ledger
from edge.ledger.mending import Mended, mend_ledger, mended_here
from edge.ledger.mending_stage import Fork, MendingStage, StagedBranch
from edge.runtime.frame_codec import Dictionaries, OpenedFrame, open_frame
from edge.runtime.keys import VerifyingKey
from edge.runtime.process_life import long_start
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_LOOK_S = 1.0


async def mended_ledger(
    data: Path,
    box_key: str,
    clock: Clock,
    calendar: BusinessCalendar,
    log: Log,
    tasks: Supervisor,
) -> tuple[Mended | None, TillboxError | None]:
    """Mend the ledger where that is due; return the newest mending, and why this one failed.

    A ledger that cannot be mended is opened as it is: the shop sells.
    """
    failure = None
    try:
        done = await long_start(tasks, clock, mend_ledger(data, box_key, clock, calendar))
    except TillboxError as error:
        failure = error
        log.error("mending_failed", code=error.code, reason=str(error))  # noqa: TRY400 - words, no trace
    else:
        if done is not None:
            log.warning("history_mended", gen=done.gen, **msgspec.to_builtins(done.report))
    return mended_here(data / "ledger.db", box_key), failure


@dataclass
class LostHistory:
    """The box's side of mending. `keys` are those of the boxes that this store had, and has.

    `done` is the newest mending of this ledger, `failure` why one that is ready could not be done
    at this start. `again` is set when the box should start anew.
    """

    ledger: Ledger
    stage: MendingStage
    box_key: str
    keys: Callable[[], Iterable[VerifyingKey]]
    dictionaries: Dictionaries
    office_key: str
    tills: dict[str, Till]
    dispatch: JobDispatch
    clock: Clock
    log: Log
    done: Mended | None = None
    failure: TillboxError | None = None
    again: asyncio.Event = field(default_factory=asyncio.Event)
    _staged: StagedBranch | None = None

    async def open(self) -> None:
        """Read what an earlier run fetched."""
        self._staged = await self.stage.open()

    @property
    def is_ready(self) -> bool:
        """Whether everything is here: the ledger is mended at the next start."""
        return self._staged is not None and self._staged.given is not None

    def state(self) -> MendingState:
        """Return how far it is."""
        staged = self._staged
        return MendingState(None if staged is None else staged.head, self.is_ready)

    async def hash_at(self, seq: int) -> HashSaid:
        """Return the hash of this box's history behind an event; empty for one it lacks."""
        found = await self.ledger.hash_at(seq)
        return HashSaid(seq, "" if found is None else found.hex())

    async def begin(self, begun: MendingBegun) -> MendingState:
        """Begin behind the last event that both have, or go on. Raises Refused."""
        mine = await self.ledger.hash_at(begun.fork_seq)
        if mine is None or mine.hex() != begun.fork_hash:
            raise Refused(
                "fork_not_here",
                f"This box has another event {begun.fork_seq} than was said.",
                advice="It is compared again by itself.",
            )
        fork = Fork(begun.fork_seq, mine)
        self._staged = await self.stage.begin(fork, anew=begun.anew)
        self.log.warning("history_lost", fork=fork.seq, fetched=self._staged.head.seq)
        return self.state()

    async def take_frame(self, frame: bytes) -> MendingState:
        """Check a frame of head office's history, and keep it. Raises Refused."""
        staged = self._begun()
        try:
            opened = open_frame(frame, verify=self._verify, dictionaries=self.dictionaries)
        except ProtocolViolation as error:
            _refuse_frame(str(error))
        header, head = opened.header, staged.head
        if header.store != self.ledger.identity.store_number:
            _refuse_frame(f"It is of store {header.store}.")
        if not header.first_seq <= head.seq + 1 <= header.last_seq or header.gen < head.gen:
            _refuse_frame(
                f"It has events {header.first_seq} to {header.last_seq} of generation "
                f"{header.gen}; event {head.seq + 1} is due."
            )
        await self._check_chain(opened, head)
        self._check_places(opened)
        new = opened.bodies[head.seq + 1 - header.first_seq :]
        reached = await self.stage.put(header.gen, head.seq + 1, bytes.fromhex(head.hash), new)
        self._staged = StagedBranch(staged.fork, reached, staged.given)
        return self.state()

    async def take_generation(self, given: GenerationGiven) -> MendingState:
        """Keep the generation that head office gave for going on. Raises Refused."""
        staged = self._begun()
        identity = self.ledger.identity
        parent = given.parent
        if (given.store, parent.seq, parent.hash) != (
            identity.store,
            staged.head.seq,
            staged.head.hash,
        ):
            raise Refused(
                "generation_misplaced",
                f"Head office says that {given.store} goes on behind event {parent.seq}; what "
                f"came back ends at {staged.head.seq}.",
                advice="It is compared again by itself.",
            )
        if given.gen <= identity.gen:
            raise Refused(
                "generation_taken",
                f"Head office gave generation {given.gen}; this box is in {identity.gen} already.",
                advice="Call head office.",
            )
        if self.office_key:
            signed = generation_bytes(given.store, given.gen, parent, self.box_key, given.at)
            try:
                VerifyingKey.from_hex(self.office_key).verify(
                    bytes.fromhex(given.signature), signed
                )
            except (ProtocolViolation, ValueError):
                raise Refused(
                    "generation_signature_wrong",
                    "The generation is not given by this store's head office.",
                    advice="Check the head-office key in the settings; selling goes on.",
                    status=403,
                ) from None
        await self.stage.give(given)
        self._staged = StagedBranch(staged.fork, staged.head, given)
        self.log.warning("history_is_back", head=parent.seq, gen=given.gen)
        return self.state()

    async def run(self) -> None:
        """Have the box start anew once all is here and no sale is open."""
        while True:
            self.look()
            await self.clock.sleep(_LOOK_S)

    def look(self) -> None:
        """Have the box start anew if this is such a moment."""
        if self.is_ready and self.failure is None and self._is_quiet():
            self.again.set()

    def health(self) -> HealthItem | None:
        """Say how it is; nothing of a box that never lost anything."""
        if self.failure is not None:
            return HealthItem("history", False, self.failure.message, self.failure.advice)
        if self.is_ready:
            return HealthItem(
                "history",
                False,
                "This box was restored from an older copy. What it had lost is back; it is taken "
                "over when no sale is open, which takes a moment.",
                "Finish or park the open sales.",
            )
        if self._staged is not None:
            return HealthItem(
                "history",
                False,
                "This box was restored from an older copy. Head office sends what it had lost: "
                f"events up to {self._staged.head.seq} are here.",
                "Selling goes on; nothing needs to be done.",
            )
        if self.done is None:
            return None
        report = self.done.report
        words = (
            "This box was restored from an older copy and has its history back. Sales from head "
            f"office: {report.sales_back}; its own since then, added: {report.sales_again}; known "
            f"in both: {report.sales_known}."
        )
        if not report.sales_doubtful:
            return HealthItem("history", True, words)
        return HealthItem(
            "history",
            True,
            f"{words} Sales that went on in both and ended otherwise: {report.sales_doubtful}.",
            "Look at these sales with head office.",
        )

    # --- checks -----------------------------------------------------------------------------

    def _begun(self) -> StagedBranch:
        if self._staged is None:
            raise Refused(
                "mending_not_begun",
                "Nobody said yet where both histories part.",
                advice="It is begun again by itself.",
            )
        return self._staged

    def _verify(self, signature: bytes, message: bytes) -> None:
        for key in self.keys():
            with suppress(ProtocolViolation):
                key.verify(signature, message)
                return
        raise ProtocolViolation(
            "signature_wrong", "No box that this store had, as far as is known here, signed it."
        )

    async def _check_chain(self, opened: OpenedFrame, head: Head) -> None:
        """Refuse a frame that does not lead through what is here and on to where it says."""
        header = opened.header
        before = await self._hash_behind(header.first_seq - 1)
        previous = before
        for body in opened.bodies[: head.seq + 1 - header.first_seq]:
            previous = link(previous, body)
        if previous.hex() != head.hash:
            _refuse_frame(f"It has another event {head.seq} than what came before.")
        try:
            opened.check_chain(before)
        except ProtocolViolation as error:
            _refuse_frame(str(error))

    async def _hash_behind(self, seq: int) -> bytes:
        if seq == 0:
            return GENESIS
        found = (
            await self.ledger.hash_at(seq)
            if seq <= self._begun().fork.seq
            else await self.stage.hash_at(seq)
        )
        return found or GENESIS

    def _check_places(self, opened: OpenedFrame) -> None:
        header = opened.header
        for seq, body in enumerate(opened.bodies, header.first_seq):
            try:
                sealed = unseal(body)
                _ = sealed.event()
            except UNREADABLE as error:
                _refuse_frame(f"Event {seq} cannot be read: {error}.")
            if (sealed.store, sealed.gen, sealed.seq) != (header.store, header.gen, seq):
                _refuse_frame(f"Event {seq} says that it is {sealed.seq} of {sealed.gen}.")

    def _is_quiet(self) -> bool:
        free = all(
            till.cart.state in {TillState.IDLE, TillState.DONE} for till in self.tills.values()
        )
        asked = any(
            DELIVERY[JobKind(job.kind)] is Delivery.INQUIRE_ONLY
            for job in self.dispatch.open_jobs()
        )
        return free and not asked


def _refuse_frame(why: str) -> NoReturn:
    raise Refused(
        "history_frame_refused",
        f"What head office sent of this box's lost history is refused: {why}",
        advice="Nothing of it was kept; selling goes on. Call head office.",
    )
