"""A box at the second copy: it proves who it is, its frames are kept, nothing goes down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.contract.instant import Clock
from edge.contract.replication import (
    Head,
    Hello,
    Kept,
    Proof,
    Welcome,
    keeper_proof_bytes,
    kept_bytes,
)
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.keys import SigningKey
from edge.runtime.structured_log import Log
from sync.appending.denial import DeniedError, out_of_turn
from sync.appending.ingest import BoxIdentity, Ingest
from sync.appending.introduction import check_proof, compare_heads
from sync.appending.visits import Down, Intake, Said, Send, Unpaced
from sync.keeper.box_directory import BoxDirectory, KnownBox

KEEPER: Final = "the second copy"
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
    hears_at_once: tuple[str, ...] = ()

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
        return KeeperVisit(self, box)


@dataclass
class KeeperVisit:
    """A box that proved who it is."""

    desk: KeeperDesk
    known: KnownBox

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
        return Unpaced()

    async def welcome(self, head: Head) -> Welcome:
        """Return the answer to its introduction: nothing is settled here, ever."""
        dictionaries = tuple(sorted(self.desk.dictionaries))
        return Welcome(self.known.number, head, 0, self.desk.clock.now_ms(), dictionaries)

    async def acknowledge(self, head: Head) -> Kept:
        """Return the signed word that everything up to `head` is on this disk."""
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
