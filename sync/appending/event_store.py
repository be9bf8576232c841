"""Where frames are kept for good: one interface, whatever it is made of.

A store's history only ever grows behind its head, and head and frame are one commit. What
is stored is what arrived, byte for byte: whoever keeps it need not understand it.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from edge.contract.replication import Head


class Accepted(msgspec.Struct, frozen=True):
    """The frame is durable; `head` is where the store stands now."""

    head: Head


class Conflict(msgspec.Struct, frozen=True):
    """Nothing was kept: the store stands at `head`, not where the caller believed."""

    head: Head


class StoredFrame(msgspec.Struct, frozen=True):
    """A frame as it came. `position` rises with arrival, over all stores of a partition."""

    position: int
    store: int
    gen: int
    first_seq: int
    last_seq: int
    body: bytes


class EventStore(Protocol):
    """What every store of frames does; `tests/sync/appending/event_store_laws.py` holds it."""

    @property
    def partitions(self) -> range:
        """The partitions that `read` knows."""
        ...

    async def append(
        self, store: int, gen: int, first_seq: int, frame: bytes, expected_head: Head
    ) -> Accepted | Conflict:
        """Keep a checked frame behind `expected_head`, durably, or change nothing."""
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
        """Return frames behind a position, in order of arrival."""
        ...

    async def settled(self, store: int) -> int:
        """Return up to which seq the store's box need not keep anything for head office."""
        ...
