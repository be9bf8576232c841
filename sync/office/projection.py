"""Where sales are kept that follow from the frames: one interface, whatever it is made of.

What the frames say is folded the same way for all of them (`sale_folding`); a store of sales keeps
the rows, the cursor and what stepped aside, all of a batch in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sync.appending.event_store import EventStore
from sync.office.event_reading import ReadFrame
from sync.office.sale_folding import Aside


class Projected(msgspec.Struct, frozen=True):
    """What became of a batch: what stepped aside, and whether stores hear of used coupons."""

    aside: tuple[Aside, ...] = ()
    coupons: bool = False


class Projection(Protocol):
    """What every store of sales does; `tests/sync/office/projection_laws.py` holds it."""

    @property
    def frames_max(self) -> int:
        """How many frames of a backlog are one batch, whatever their size."""
        ...

    @property
    def bytes_max(self) -> int:
        """How many bytes of frames are one batch, beyond these."""
        ...

    async def take_up(self, events: EventStore, partitions: Sequence[int]) -> dict[int, int]:
        """Become the only one that projects these partitions; return where it stands in each.

        It steps back to what was parked and can be read now, and to the newest frame where the
        event store was restored from a copy: what comes in place of the frames that are gone has
        their positions. Raises EventStoreAway or StorageFailed.
        """
        ...

    async def take(self, partition: int, frames: Sequence[ReadFrame], now_ms: int) -> Projected:
        """Keep what a batch says, with the cursor behind it, in one transaction.

        What was taken before changes nothing. Raises EventStoreAway where it is not known whether
        the batch was taken: the same again is right.
        """
        ...

    async def catch_up(self, positions: dict[int, int]) -> int:
        """Do a piece of what an older version left undone, up to these positions.

        Return how many frames that was; 0 when nothing is left.
        """
        ...
