"""Frames of one box: order, chain and signature are right, or nothing of a frame is taken.

House rule of step 12: signature before unpacking; the right store and generation; the seq
that follows; the hash that leads on from the head of what is kept here. What was sent before is a
no-op, a gap is answered with the head, another hash at the same place is a fork.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.envelope import link_all
from edge.contract.errors import ProtocolViolation, ReplicaFork
from edge.contract.history_file import HistoryBox
from edge.contract.replication import Head, parse_header
from edge.runtime.frame_codec import Dictionaries, OpenedFrame, open_frame
from edge.runtime.keys import VerifyingKey
from sync.appending.event_store import Accepted, Conflict, EventStore

_INLINE_BYTES_MAX: Final = 4_096
"""A larger frame is opened in a thread: a live one costs less than the hop there and back."""


class BoxIdentity(msgspec.Struct, frozen=True):
    """Whose frames they must be: number, slug and generation of a store, its box's public key.

    `key` is in hexadecimal. `behind`: its generation was given behind this event, where that is
    known; what comes of its history leads through there.
    """

    number: int
    slug: str
    gen: int
    key: str
    behind: Head | None = None


class Taken(msgspec.Struct, frozen=True):
    """Everything up to `head` is durable; `frames` of those handed in were new."""

    head: Head
    frames: int


class Rewind(msgspec.Struct, frozen=True):
    """A frame did not fit; the box goes on from `head`. What stood before it is durable."""

    head: Head
    reason: str


@dataclass
class Ingest:
    """Takes the frames of one session of one box, in order. `open` reads the head first.

    `keeper` is who keeps them, in the middle of a sentence. A box cuts a frame anew where it
    overlaps what is here; of one that is `carried` nobody can ask that, and its tail is taken.
    Carried frames may be of the boxes `before` this one, too. `signers` are whose frames came.
    """

    box: BoxIdentity
    events: EventStore
    dictionaries: Dictionaries
    head: Head | None = None
    keeper: str = "head office"
    carried: bool = False
    before: tuple[HistoryBox, ...] = ()
    signers: set[HistoryBox] = field(default_factory=set)

    async def open(self) -> Head:
        """Read and return the head of what is kept here of this store."""
        self.head = await self.events.head(self.box.number, self.box.gen)
        return self.head

    async def take(self, frames: Sequence[bytes]) -> Taken | Rewind:
        """Take frames that follow each other; those that fit share a commit.

        Raises ProtocolViolation for a frame that is not this box's or is damaged, and
        ReplicaFork for another history. The good frames before it are durable then; of it
        and those behind it, nothing is kept.
        """
        start = self.head if self.head is not None else await self.open()
        planned = start
        appends: list[tuple[bytes, Head, int]] = []
        kept = 0
        verdict: Rewind | ProtocolViolation | ReplicaFork | None = None
        for frame in frames:
            try:
                if appends and parse_header(frame).first_seq <= planned.seq:
                    # compared with what is there: that has to be there first
                    if isinstance(taken := await self._keep(appends), Conflict):
                        return self._overtaken(taken)
                    kept += len(appends)
                    appends = []
                step = await self._check(frame, planned)
            except (ProtocolViolation, ReplicaFork) as error:
                verdict = error
                break
            if isinstance(step, Rewind):
                verdict = step
                break
            if step.seq > planned.seq:
                # before its first event a store is in any generation
                before = planned if planned.seq else Head(step.gen, 0, planned.hash)
                appends.append((frame, before, step.gen))
                planned = step
        if isinstance(taken := await self._keep(appends), Conflict):
            return self._overtaken(taken)
        self.head = planned
        if isinstance(verdict, Rewind):
            return verdict
        if verdict is not None:
            raise verdict
        return Taken(planned, kept + len(appends))

    def _overtaken(self, conflict: Conflict) -> Rewind:
        self.head = conflict.head
        return Rewind(conflict.head, "Another session was faster; this is the head now.")

    async def _keep(self, appends: list[tuple[bytes, Head, int]]) -> Accepted | Conflict | None:
        results = await asyncio.gather(
            *(
                self.events.append(self.box.number, gen, head.seq + 1, frame, head)
                for frame, head, gen in appends
            )
        )
        conflicts = [result for result in results if isinstance(result, Conflict)]
        return conflicts[-1] if conflicts else (results[-1] if results else None)

    async def _check(self, frame: bytes, head: Head) -> Head | Rewind:
        """Return the head behind a frame (`head` itself when it is there already), or Rewind."""
        if len(frame) > _INLINE_BYTES_MAX:
            opened = await asyncio.to_thread(self._open, frame)
        else:
            opened = self._open(frame)
        header = opened.header
        if header.first_seq > head.seq + 1:
            return Rewind(
                head, f"Event {head.seq + 1} is next here; the frame begins at {header.first_seq}."
            )
        if header.last_seq <= head.seq:
            await self._compare(opened, header.last_seq)
            return head
        if header.first_seq <= head.seq:
            await self._compare(opened, head.seq)
            if self.carried:
                return self._follow(opened, head)
            return Rewind(head, f"Events up to {head.seq} are here already; cut behind them.")
        return self._follow(opened, head)

    def _follow(self, opened: OpenedFrame, head: Head) -> Head:
        """Return the head behind a frame whose events up to `head` are here."""
        header = opened.header
        # a box that took another one's place sends what that one could not, and then its own
        if head.seq and header.gen < head.gen:
            raise self._other_generation(header.gen, head.gen)
        known = head.seq - header.first_seq + 1
        try:
            opened.check_chain(bytes.fromhex(head.hash), known=known)
        except ProtocolViolation:
            raise self._fork(head.seq + 1) from None
        self._check_behind(opened, head, known)
        return Head(header.gen, header.last_seq, header.last_hash.hex())

    def _check_behind(self, opened: OpenedFrame, head: Head, known: int) -> None:
        """Raise ReplicaFork for a frame that leads past where the box's generation begins."""
        header, behind = opened.header, self.box.behind
        if behind is None:
            return
        if head.seq >= behind.seq:
            if header.gen != self.box.gen:
                raise self._other_generation(header.gen, self.box.gen)
            return
        if header.last_seq >= behind.seq:
            bodies = opened.bodies[known : behind.seq - header.first_seq + 1]
            if link_all(bytes.fromhex(head.hash), bodies).hex() != behind.hash:
                raise self._fork(behind.seq)
        if header.gen == self.box.gen or header.last_seq > behind.seq:
            raise self._fork(behind.seq)

    def _open(self, frame: bytes) -> OpenedFrame:
        gen = parse_header(frame).gen
        keys = [self.box.key, *(each.key for each in self.before if gen <= each.gen)]

        def verify(signature: bytes, message: bytes) -> None:
            for key in keys[:-1]:
                with suppress(ProtocolViolation):
                    VerifyingKey.from_hex(key).verify(signature, message)
                    self.signers.add(HistoryBox(gen, key))
                    return
            VerifyingKey.from_hex(keys[-1]).verify(signature, message)
            self.signers.add(HistoryBox(gen, keys[-1]))

        opened = open_frame(frame, verify=verify, dictionaries=self.dictionaries)
        header = opened.header
        if header.store != self.box.number:
            raise ProtocolViolation(
                "frame_of_other_store",
                f"The frame is of store {header.store}; this session is of {self.box.number}.",
                advice="Check the store number in the box's settings.",
            )
        if header.gen > self.box.gen:
            raise self._other_generation(header.gen, self.box.gen)
        return opened

    def _other_generation(self, gen: int, here: int) -> ProtocolViolation:
        return ProtocolViolation(
            "frame_of_other_generation",
            f"The frame is of generation {gen}; store {self.box.slug} is in generation {here}.",
            advice="A box that was replaced stops; its late sales are taken up by a person.",
        )

    async def _compare(self, opened: OpenedFrame, seq: int) -> None:
        """Return when the frame's events up to `seq` are those that are here."""
        header = opened.header
        before = await self.hash_at(header.first_seq - 1)
        there = await self.hash_at(seq)
        if before is None or there is None:
            raise self._fork(seq)
        bodies = opened.bodies[: seq - header.first_seq + 1]
        if link_all(before, bodies) != there:
            raise self._fork(seq)
        if seq == header.last_seq and header.last_hash != there:
            # its events are ours, but it says that they end elsewhere
            raise self._fork(seq)

    async def hash_at(self, seq: int) -> bytes | None:
        """Return the chain's hash behind an event that is here; None for one that is not."""
        if seq == 0:
            return bytes(32)
        found = await self.events.frame_at(self.box.number, self.box.gen, seq)
        if found is None:
            return None
        before, stored = found
        # it was checked when it came, with the key of the box of that time
        opened = open_frame(stored.body, verify=_checked_at_arrival, dictionaries=self.dictionaries)
        known = stored.first_seq - opened.header.first_seq
        return link_all(before, opened.bodies[known : seq - opened.header.first_seq + 1])

    def _fork(self, seq: int) -> ReplicaFork:
        return ReplicaFork(
            "fork",
            f"The box of store {self.box.slug} has another history than {self.keeper} at "
            f"event {seq}.",
            advice="Nothing of it was taken. The box was restored from an old copy, or two "
            "boxes share one identity: find out which before anything is confirmed.",
        )


def _checked_at_arrival(_: bytes, __: bytes) -> None:
    """Accept a frame that is here already."""
