"""Reads stored frames behind a cursor and hands them to where sales are kept.

A bad event steps into quarantine with its reason, a type that this version does not know is
parked; the cursor moves on past both. What was parked is read again once its type is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    CARRIED_LOOK_S,
    PROJECTION_REST_FACTOR,
    PROJECTION_SMALL_FRAMES_MAX,
)
from edge.runtime.backoff import Backoff
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.structured_log import Log
from sync.appending.event_store import EventStore, EventStoreAway, StoredFrame
from sync.office.event_reading import read_frame
from sync.office.projection import Projection


@dataclass
class Projector:
    """A worker that keeps the sales of its partitions: of all of them, unless told which.

    `news` wakes it; `listeners` hear of each step. `progress` hears how many bytes of frames each
    step was, 0 when nothing is left. `coupon_listeners` hear when a step found single-use coupons
    that are used from now on.
    """

    projection: Projection
    events: EventStore
    dictionaries: Dictionaries
    clock: Clock
    log: Log
    partitions: Sequence[int] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    coupon_listeners: list[Callable[[], None]] = field(default_factory=list)
    progress: Callable[[int], None] = lambda _: None
    positions: dict[int, int] = field(default_factory=dict)
    """By partition: the last frame that the sales show."""
    _frames_max: int = 0
    _next: int = 0

    async def open(self) -> None:
        """Take up where the sales stand. Raises EventStoreAway or StorageFailed."""
        if self.partitions is None:
            self.partitions = self.events.partitions
        self._frames_max = self.projection.frames_max
        self.positions = await self.projection.take_up(self.events, self.partitions)

    async def run(self) -> None:
        """Project what comes until cancelled; taking frames in goes first."""
        waits = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX)
        while True:
            self.news.clear()
            began_ms = self.clock.monotonic_ms()
            try:
                new = await self.step()
                old = 0 if new else await self.step_details()
            except EventStoreAway:  # it tells the log by itself, once
                await self.clock.sleep(waits.next_ms() / 1000)
                continue
            waits.reset()
            if not new and not old:
                await self.news.wait()
            elif old or self.news.is_set():
                worked_ms = self.clock.monotonic_ms() - began_ms
                await self.clock.sleep(worked_ms * PROJECTION_REST_FACTOR / 1000)

    async def look_again(self) -> None:
        """Wake it every `CARRIED_LOOK_S` until cancelled: files are taken by another process."""
        while True:
            await self.clock.sleep(CARRIED_LOOK_S)
            self.news.set()

    async def step(self) -> int:
        """Project the next frames of a partition and return how many there were.

        Partitions take turns. Raises EventStoreAway.
        """
        partition, frames = await self._next_frames()
        self.progress(sum(len(frame.body) for frame in frames))
        if not frames:
            return 0
        reads = await asyncio.to_thread(
            lambda: [read_frame(frame, self.dictionaries) for frame in frames]
        )
        done = await self.projection.take(partition, reads, self.clock.now_ms())
        for each in done.aside:
            self.log.error("event_quarantined", store=each.store, seq=each.seq, reason=each.reason)
        self.positions[partition] = frames[-1].position
        for listener in (*self.listeners, *(self.coupon_listeners if done.coupons else ())):
            listener()
        return len(frames)

    async def step_details(self) -> int:
        """Do a piece of what an older version left; return how many frames that was."""
        return await self.projection.catch_up(self.positions)

    def read_again(self) -> None:
        """Begin with the first frames again: their events change nothing a second time."""
        self.positions = dict.fromkeys(self.positions, 0)

    async def _next_frames(self) -> tuple[int, list[StoredFrame]]:
        """Return a partition that has frames behind its cursor, and these."""
        partitions = list(self.positions)
        for turn in range(len(partitions)):
            place = (self._next + turn) % len(partitions)
            partition = partitions[place]
            found = await self.events.read(
                partition, self.positions[partition], frames_max=self._frames_max
            )
            if found:
                frames = self._one_step(found)
                # of single sales more at once: two a step are outrun by a hundred shops
                self._frames_max = max(
                    self.projection.frames_max,
                    min(PROJECTION_SMALL_FRAMES_MAX, 2 * len(frames)),
                )
                self._next = place + 1
                return partition, frames
        return 0, []

    def _one_step(self, frames: list[StoredFrame]) -> list[StoredFrame]:
        """Return the first frames, as far as they are one transaction's work."""
        size = 0
        for count, frame in enumerate(frames):
            size += len(frame.body)
            if size > self.projection.bytes_max and count >= self.projection.frames_max:
                return frames[:count]
        return frames
