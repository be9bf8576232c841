"""Where frames are kept for good: one interface, whatever it is made of.

A store's history only ever grows behind its head, and head and frame are one commit. What
is stored is what arrived, byte for byte: whoever keeps it need not understand it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from edge.contract.errors import ProtocolViolation, TillboxError
from edge.contract.replication import FrameHeader, Head

SEQ_MAX: Final = 2**63 - 1
"""A frame's header has room for more; databases count with a sign."""


class EventStoreAway(TillboxError):
    """Frames can be neither kept nor read just now. It comes back by itself.

    What was being appended may be there or not: who asks for the head later hears the truth,
    and a frame that is there already is a no-op.
    """

    kind = "event_store_away"


class Accepted(msgspec.Struct, frozen=True):
    """The frame is durable; `head` is where the store stands now."""

    head: Head


class Conflict(msgspec.Struct, frozen=True):
    """Nothing was kept: the store stands at `head`, not where the caller believed."""

    head: Head


class StoredFrame(msgspec.Struct, frozen=True):
    """A frame as it came. `position` rises with arrival, over all stores of a partition.

    `first_seq` is the first event that was new with it: of a frame that was carried by hand, those
    before may have been here already.
    """

    position: int
    store: int
    gen: int
    first_seq: int
    last_seq: int
    body: bytes


class EventStore(Protocol):
    """What every store of frames does; `tests/sync/appending/event_store_laws.py` holds it."""

    @property
    def identity(self) -> str:
        """Which frames these are: positions in another store are other positions."""
        ...

    @property
    def partitions(self) -> range:
        """The partitions that `read` knows."""
        ...

    def partition_of(self, store: int) -> int:
        """Return the one partition in which all frames of a store are."""
        ...

    async def append(
        self, store: int, gen: int, first_seq: int, frame: bytes, expected_head: Head
    ) -> Accepted | Conflict:
        """Keep a checked frame behind `expected_head`, durably, or change nothing.

        `first_seq` is the event behind that head, whichever the frame itself begins with.
        A caller that is cancelled meanwhile does not take its frame back. Raises
        ProtocolViolation for a frame whose place in its generation is taken by an earlier
        one, whatever the head says; EventStoreAway when the outcome is not known.
        """
        ...

    async def head(self, store: int, gen: int) -> Head:
        """Return where a store stands; seq 0 of `gen` for one that never sent anything."""
        ...

    async def frame_at(self, store: int, gen: int, seq: int) -> tuple[bytes, StoredFrame] | None:
        """Return the frame that holds an event, and the chain's hash before it; or None.

        It may be of an earlier generation than `gen`, which went on with its history.
        """
        ...

    async def read(self, partition: int, cursor: int, *, frames_max: int) -> list[StoredFrame]:
        """Return frames behind a position, in order of arrival.

        Nothing comes to be at or below a position that was returned once: a reader that
        goes on from the last one it saw misses nothing.
        """
        ...

    async def newest(self, partition: int) -> int:
        """Return the position of the newest frame; 0 where there is none.

        A reader that stands behind it read frames that are gone: the store was restored from
        a copy.
        """
        ...

    async def settled(self, store: int) -> int:
        """Return up to which seq the store's box need not keep anything for head office."""
        ...

    async def settle(self, upto: Mapping[int, int]) -> None:
        """Take that all up to a seq is archived and was read again there, by store.

        What is settled never becomes less, and never more than there is.
        """
        ...


def check_partition(events: EventStore, partition: int) -> None:
    """Raise ValueError (a defect) for a partition that a store does not have."""
    if partition not in events.partitions:
        raise ValueError(f"there is no partition {partition}")


def check_seq(header: FrameHeader) -> None:
    """Raise ProtocolViolation for a seq that no database can count up to."""
    if header.last_seq > SEQ_MAX:
        raise ProtocolViolation(
            "frame_seq_range",
            f"The frame ends at event {header.last_seq}; {SEQ_MAX} is the last there can be.",
        )


def place_is_taken(store: int, gen: int, last_seq: int) -> ProtocolViolation:
    """Return the refusal of a frame that ends where another one of its generation does."""
    return ProtocolViolation(
        "frame_place_taken",
        f"Store {store} has another frame that ends at event {last_seq} of generation {gen}.",
        advice="Nothing of it was kept. Find out which box sends under an old generation.",
    )
