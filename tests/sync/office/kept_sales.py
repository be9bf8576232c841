"""Somewhere sales are kept, boxes whose frames arrive there, and the worker that follows them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

from edge.contract.replication import Head
from edge.runtime.structured_log import Log, open_log
from edge.runtime.system_clock import SystemClock
from sync.appending.event_store import Accepted, EventStore
from sync.office.projection import Projection
from sync.office.projector import Projector
from tests.sync.office.head_office import DICTIONARIES, Box

Rows = dict[str, list[tuple[Any, ...]]]


class Place(Protocol):
    """Somewhere sales are kept, and how its tables are looked into."""

    @property
    def events(self) -> EventStore: ...

    async def projection(self) -> Projection:
        """Return a new worker's; the one before has let go."""
        ...

    async def rows(self) -> Rows:
        """Return every table that follows from the frames, in the order of its rows."""
        ...

    async def codes(self) -> list[tuple[str, bytes]]:
        """Return the used codes that stores are told, in the order of their telling."""
        ...

    async def make_parked(self, store: int, seq: int, type_name: str, position: int) -> None:
        """Leave an event parked, as a version that did not know its type did."""
        ...

    async def take_sales(self) -> None:
        """Take all sales out, and leave the cursor where it is."""
        ...


@dataclass
class Keeping:
    """Boxes whose frames arrive, and a projector that follows them."""

    place: Place
    projector: Projector
    heads: dict[int, Head] = field(default_factory=dict)

    async def arrive(self, box: Box, *, frames: int = 1) -> None:
        """Append what a box has recorded since, in that many frames."""
        before = self.heads.get(box.number) or Head(box.gen, 0, bytes(32).hex())
        last = len(box.bodies)
        cuts = sorted(
            {
                before.seq,
                last,
                *(before.seq + (last - before.seq) * each // frames for each in range(1, frames)),
            }
        )
        for after, upto in pairwise(cuts):
            frame = box.frame(after, upto)
            head = Box(number=box.number, gen=box.gen, bodies=box.bodies[:upto]).head
            done = await self.place.events.append(box.number, box.gen, after + 1, frame, before)
            assert done == Accepted(head), done
            before = head
        self.heads[box.number] = before

    async def settle(self) -> int:
        """Project until nothing is left; return how many frames that was."""
        frames = 0
        while step := await self.projector.step():
            frames += step
        return frames

    async def all(self, *boxes: Box) -> Rows:
        for box in boxes:
            await self.arrive(box)
        await self.settle()
        return await self.place.rows()


def projector_of(
    projection: Projection,
    events: EventStore,
    partitions: Sequence[int] | None = None,
    log: Log | None = None,
) -> Projector:
    words = log or open_log("office", io.StringIO())
    return Projector(projection, events, DICTIONARIES, SystemClock(), words, partitions)


async def keeping(place: Place) -> Keeping:
    projector = projector_of(await place.projection(), place.events)
    await projector.open()
    return Keeping(place, projector)


def without(rows: Rows, *tables: str) -> Rows:
    return {name: found for name, found in rows.items() if name not in tables}
