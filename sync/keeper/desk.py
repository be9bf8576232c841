"""A box at the second copy: it proves who it is, its frames are kept, nothing goes down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from edge.contract.errors import ProtocolViolation
from edge.contract.history_mending import generation_bytes
from edge.contract.instant import Clock
from edge.contract.replication import (
    Head,
    Hello,
    Kept,
    MendedProof,
    Proof,
    Welcome,
    keeper_proof_bytes,
    kept_bytes,
)
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.keys import SigningKey, VerifyingKey
from edge.runtime.structured_log import Log
from sync.appending.denial import DeniedError, out_of_turn
from sync.appending.event_store import EventStore
from sync.appending.ingest import BoxIdentity, Ingest
from sync.appending.introduction import check_proof, compare_heads
from sync.appending.visits import Down, Intake, Said, Send
from sync.keeper.box_directory import BoxDirectory, KnownBox
from sync.keeper.branches_aside import BranchesAside

KEEPER: Final = "the second copy"
UNPROVEN: Final = "mended_unproven"
"""A box says that its history was mended, and does not prove it."""
_ALARMING: Final = frozenset(
    {
        "fork",
        "behind",
        "signature_wrong",
        "frame_of_other_store",
        "frame_of_other_generation",
        "box_unknown",
    }
)
"""What a person has to look at; the rest is noise of the line, counted and logged."""


@dataclass
class KeeperDesk:
    """Where boxes introduce themselves to the second copy."""

    boxes: BoxDirectory
    key: SigningKey
    dictionaries: Dictionaries
    clock: Clock
    log: Log
    branches: BranchesAside
    events: EventStore
    office_key: str = ""
    hears_at_once: tuple[str, ...] = ()
    _turns: dict[int, asyncio.Lock] = field(default_factory=dict)
    """By store: who appends to its history, or sets it aside."""
    _gens: dict[int, int] = field(default_factory=dict)
    """By store: the generation that was let in last."""

    def turn(self, number: int) -> asyncio.Lock:
        """Return what is held while a store's history is changed."""
        return self._turns.setdefault(number, asyncio.Lock())

    @asynccontextmanager
    async def appending(self, box: KnownBox) -> AsyncIterator[None]:
        """Let a visit append, unless its box's history was mended meanwhile. Raises DeniedError."""
        async with self.turn(box.number):
            if self._gens.get(box.number, box.gen) != box.gen:
                raise DeniedError(
                    "replaced",
                    f"The history of store {box.slug} was mended: it goes on in another.",
                )
            yield

    async def identify(self, hello: Hello, proof: Proof, nonce: str) -> KeeperVisit:
        """Return the visit of a box that proved who it is. Raises DeniedError."""
        signed = keeper_proof_bytes(hello.store, nonce, hello.box, self.key.public.hex)
        check_proof(hello, proof, nonce, signed)
        box = await self.boxes.by_slug(hello.store)
        if box is None or box.box_key != hello.box:
            # one answer: a stranger does not learn whose history is here
            why = "no such store" if box is None else "the store has another box"
            self.log.warning("box_unknown", store=hello.store, box=hello.box, reason=why)
            if box is not None:
                words = f"A box with the key {hello.box} says that it is of store {box.slug}."
                await self.boxes.alarms.keep(box.number, "box_unknown", words)
            raise DeniedError(
                "box_not_registered",
                f"Store {hello.store} with this box's key is not known here.",
            )
        async with self.turn(box.number):
            # another session of it may just have followed
            box = await self.boxes.by_slug(hello.store) or box
            ingest = Ingest(box.identity, self.events, self.dictionaries, keeper=KEEPER)
            await ingest.open()
            if hello.mended is not None and hello.head.gen > box.gen:
                box = await self._follow(box, hello, hello.mended, ingest)
                await ingest.open()
            self._gens[box.number] = box.gen
            return KeeperVisit(self, box, await self.branches.look_again(box.number, ingest))

    async def _follow(
        self, box: KnownBox, hello: Hello, proof: MendedProof, ingest: Ingest
    ) -> KnownBox:
        """Go over to the mended history of a box that proves it. Raises DeniedError."""
        if (why := _unproven(box, hello, proof, self.office_key)) is not None:
            self.log.error("alarm", store=box.slug, code=UNPROVEN, reason=why)
            await self.boxes.alarms.keep(box.number, UNPROVEN, why)
            raise DeniedError(UNPROVEN, why)
        aside = await self.branches.follow(box, proof, ingest)
        self.log.warning(
            "history_followed",
            store=box.slug,
            gen=proof.gen,
            behind=proof.parent.seq,
            set_aside=0 if aside is None else aside.head_seq - aside.common_seq,
        )
        return await self.boxes.by_slug(box.slug) or box


def _unproven(box: KnownBox, hello: Hello, proof: MendedProof, office_key: str) -> str | None:
    """Return what is missing of the proof that a box's history was mended, in words; or None."""
    begin = f"The box of store {box.slug} says that head office mended its history"
    if not office_key:
        return (
            f"{begin}, and head office's key is not known here. Write office_key into the settings "
            "of `tillbox keep`, as the box has it, and start it again: it then follows by itself."
        )
    if proof.gen != hello.head.gen or proof.parent.seq > hello.head.seq:
        return f"{begin} in generation {proof.gen}, but it is in {hello.head.gen}."
    signed = generation_bytes(box.slug, proof.gen, proof.parent, box.box_key, proof.at)
    try:
        VerifyingKey.from_hex(office_key).verify(bytes.fromhex(proof.signature), signed)
    except (ProtocolViolation, ValueError):
        return (
            f"{begin}, and head office did not sign that. Compare office_key in the settings of "
            "`tillbox keep` with the box's; if they are the same, look at who uses this box's key."
        )
    return None


@dataclass(frozen=True)
class Fenced:
    """The intake of a box: each sends as it likes, while its history is the one that is kept."""

    visit: KeeperVisit

    def came(self, frame: bytes) -> None:
        """Note nothing."""

    def room(self, frames: Sequence[bytes]) -> AbstractAsyncContextManager[None]:
        """Wait until nobody else changes this history."""
        _ = frames
        return self.visit.desk.appending(self.visit.known)

    def taken(self, head_seq: int, frames: Sequence[bytes]) -> None:
        """Note nothing."""

    def leave(self) -> None:
        """Note nothing."""


@dataclass
class KeeperVisit:
    """A box that proved who it is."""

    desk: KeeperDesk
    known: KnownBox
    looks_at: int = 0
    """The event with which it is seen whether a branch that was set aside is there."""

    @property
    def box(self) -> BoxIdentity:
        """Whose frames it may send."""
        return self.known.identity

    async def admit(self, hello: Hello, ingest: Ingest, head: Head) -> None:
        """Compare histories."""
        try:
            await compare_heads(self.box, ingest, hello.head, head)
        except DeniedError as error:
            raise await self.refusal(error.code, error.message) from None

    def enter(self, hello: Hello, head: Head) -> Intake:
        """Let it send as it likes: the boxes of one shop crowd nobody out."""
        _ = hello, head
        return Fenced(self)

    async def welcome(self, head: Head) -> Welcome:
        """Return the answer to its introduction: nothing is settled here, ever."""
        dictionaries = tuple(sorted(self.desk.dictionaries))
        return Welcome(self.known.number, head, 0, self.desk.clock.now_ms(), dictionaries)

    async def acknowledge(self, head: Head) -> Kept:
        """Return the signed word that everything up to `head` is on this disk."""
        if 0 < self.looks_at <= head.seq:
            ingest = Ingest(self.box, self.desk.events, self.desk.dictionaries, keeper=KEEPER)
            await ingest.open()
            self.looks_at = await self.desk.branches.look_again(self.known.number, ingest)
        slug, key = self.known.slug, self.desk.key
        at, keeper = self.desk.clock.now_ms(), key.public.hex
        return Kept(slug, head, at, keeper, key.sign(kept_bytes(slug, keeper, head, at)).hex())

    async def refusal(self, code: str, words: str) -> DeniedError:
        """Return why the box is denied, after an alarm where a person has to look at it."""
        if code in _ALARMING:
            await self.desk.boxes.alarms.keep(self.known.number, code, words)
            self.desk.log.error("alarm", store=self.known.slug, code=code, reason=words)
        return DeniedError(code, words)

    def heard(self, box_seq: int | None = None) -> None:
        """Note that the box was heard."""
        self.desk.boxes.heard(self.known.number, box_seq)

    async def hear(self, said: Said, send: Send) -> None:
        """Refuse: frames are all that comes here."""
        _ = said, send
        out_of_turn()

    def down(self) -> Mapping[str, Down]:
        """Send nothing: what goes down is head office's."""
        return {}
