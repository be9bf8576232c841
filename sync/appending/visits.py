"""What a session asks of whoever keeps the frames: head office or the second copy in a shop.

A desk finds out who a box is, the visit is what its keeper has for that box, and the intake is
how much of what it sends may come at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol

from edge.contract.book_readiness import BooksHeld
from edge.contract.digest import Digest
from edge.contract.feed_snapshots import SnapshotHeld
from edge.contract.line_class import LineSaid
from edge.contract.ratchet import RatchetKept
from edge.contract.replication import (
    Ack,
    FeedRefused,
    FeedTaken,
    Head,
    Hello,
    KeeperMessage,
    Kept,
    LetterUp,
    OfficeMessage,
    Proof,
    Welcome,
)
from sync.appending.denial import DeniedError
from sync.appending.ingest import BoxIdentity, Ingest

Said = (
    Hello
    | Proof
    | Digest
    | FeedTaken
    | FeedRefused
    | SnapshotHeld
    | LetterUp
    | BooksHeld
    | LineSaid
    | RatchetKept
)
Send = Callable[[OfficeMessage | KeeperMessage | bytes], Awaitable[None]]
"""Sends a message down; bytes go as they are, to who said that he hears such."""
Down = Callable[[Send], Coroutine[Any, Any, None]]


class Intake(Protocol):
    """The frames of one session, from when they come until they are durable."""

    def came(self, frame: bytes) -> None:
        """Take note of a frame. Raises DeniedError when there is no room in memory for it."""
        ...

    def room(self, frames: Sequence[bytes]) -> AbstractAsyncContextManager[None]:
        """Wait until frames may be taken."""
        ...

    def taken(self, head_seq: int, frames: Sequence[bytes]) -> None:
        """Take note of where a store stands after frames of it."""
        ...

    def leave(self) -> None:
        """Forget a session that is over; its frames were taken or dropped."""
        ...


class Unpaced:
    """The intake of who hears few boxes: each sends as it likes, up to what its queue holds."""

    def came(self, frame: bytes) -> None:
        """Note nothing."""

    def room(self, frames: Sequence[bytes]) -> AbstractAsyncContextManager[None]:
        """Let it go at once."""
        _ = frames
        return nullcontext()

    def taken(self, head_seq: int, frames: Sequence[bytes]) -> None:
        """Note nothing."""

    def leave(self) -> None:
        """Note nothing."""


class Visit(Protocol):
    """A box that proved who it is, as the one who keeps its history sees it."""

    @property
    def box(self) -> BoxIdentity:
        """Whose frames it may send."""
        ...

    async def admit(self, hello: Hello, ingest: Ingest, head: Head) -> None:
        """Return when the box may go on from `head`. Raises DeniedError."""
        ...

    def enter(self, hello: Hello, head: Head) -> Intake:
        """Begin: no other session of this store is there. The intake hears when it is over."""
        ...

    async def welcome(self, head: Head) -> Welcome:
        """Return the answer to its introduction."""
        ...

    async def acknowledge(self, head: Head) -> Ack | Kept:
        """Return the signed word that everything up to `head` is durable."""
        ...

    async def refusal(self, code: str, words: str) -> DeniedError:
        """Return why the box is denied, after an alarm where a person has to look at it."""
        ...

    def heard(self, box_seq: int | None = None) -> None:
        """Note that the box was heard, and up to where it said it is."""
        ...

    async def hear(self, said: Said, send: Send) -> None:
        """Take a message that is no frame. Raises DeniedError."""
        ...

    def down(self) -> Mapping[str, Down]:
        """Return what sends something down, by what it is; each in a task until cancelled."""
        ...


class Desk(Protocol):
    """Where boxes introduce themselves. `hears_at_once` is for the challenge."""

    hears_at_once: tuple[str, ...]

    async def identify(self, hello: Hello, proof: Proof, nonce: str) -> Visit:
        """Return the visit of a box that proved who it is. Raises DeniedError."""
        ...
