"""Reads stored frames behind a cursor of its own and makes sales of them.

A bad event steps into quarantine with its reason, a type that this version does not know is
parked; the cursor moves on past both. What was parked is read again once its type is known.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract import system_events
from edge.contract.envelope import SealedEnvelope, unseal
from edge.contract.errors import ProtocolViolation
from edge.contract.event_registry import Event, is_known
from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    CARRIED_LOOK_S,
    PROJECTION_BYTES_MAX,
    PROJECTION_FRAMES_MAX,
    PROJECTION_REST_FACTOR,
    PROJECTION_SMALL_FRAMES_MAX,
)
from edge.contract.reference_data import Feed
from edge.runtime.backoff import Backoff
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import Dictionaries, open_frame
from edge.runtime.structured_log import Log
from sync.appending.event_store import EventStore, EventStoreAway, StoredFrame
from sync.office.detail_projection import project_details
from sync.office.feeds import newest_of
from sync.office.sale_projection import Standing, project

NAME: Final = "sales"
_DETAILS: Final = "details"
"""The cursor of what older versions did not keep; gone once it has met the first."""
_KNOWN_WITHOUT_SALE: Final = system_events.BoxStarted
"""Importing its module declares its events: without that they would count as unknown."""
_DETAILS_PARTITION: Final = 0
"""Older versions knew no other."""
_DOES_NOT_FIT: Final = (ValueError, OverflowError, sqlite3.IntegrityError)


class _Read(msgspec.Struct, frozen=True):
    """One event as it was read: exactly one of `event`, `parked` and `reason` says what it is."""

    gen: int
    seq: int
    body: bytes
    envelope: SealedEnvelope | None = None
    event: Event | None = None
    reason: str = ""


@dataclass
class Projector:
    """The consumer of the sales projection. `news` wakes it; `listeners` hear of each step.

    `progress` hears how many bytes of frames each step was, 0 when nothing is left.
    `coupon_listeners` hear when a step found single-use coupons that are used from now on.
    """

    file: DatabaseFile
    events: EventStore
    dictionaries: Dictionaries
    clock: Clock
    log: Log
    news: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    coupon_listeners: list[Callable[[], None]] = field(default_factory=list)
    progress: Callable[[int], None] = lambda _: None
    _frames_max: int = PROJECTION_FRAMES_MAX
    positions: dict[int, int] = field(default_factory=dict)
    """By partition: the last frame that the sales show."""
    _next: int = 0
    _details: int | None = None
    _used_coupons: int = 0

    async def open(self) -> None:
        """Read the cursors; step back to what was parked and can be read now.

        And to the newest frame, where the event store was restored from a copy: what comes in
        place of the frames that are gone has their positions.
        """
        newest = {each: await self.events.newest(each) for each in self.events.partitions}
        self.positions = await self.file.write(
            lambda connection: _take_up(connection, newest, self.events.partition_of)
        )
        self._details = await self.file.read(lambda connection: _cursor(connection, _DETAILS))
        self._used_coupons = await self.file.read(_newest_coupon)

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
        reads = await asyncio.to_thread(lambda: [self._read(frame) for frame in frames])
        now = self.clock.now_ms()
        aside = await self.file.write(
            lambda connection: _write(connection, cursor_name(partition), frames, reads, now)
        )
        for store, seq, reason in aside:
            self.log.error("event_quarantined", store=store, seq=seq, reason=reason)
        self.positions[partition] = frames[-1].position
        used = await self.file.read(_newest_coupon)
        heard = (
            self.listeners
            if used == self._used_coupons
            else [*self.listeners, *self.coupon_listeners]
        )
        self._used_coupons = used
        for listener in heard:
            listener()
        return len(frames)

    async def _next_frames(self) -> tuple[int, list[StoredFrame]]:
        """Return a partition that has frames behind its cursor, and these."""
        partitions = self.events.partitions
        for turn in range(len(partitions)):
            partition = partitions[(self._next + turn) % len(partitions)]
            found = await self.events.read(
                partition, self.positions[partition], frames_max=self._frames_max
            )
            if found:
                frames = _one_step(found)
                # of single sales more at once: two a step are outrun by a hundred shops
                self._frames_max = min(
                    PROJECTION_SMALL_FRAMES_MAX, max(PROJECTION_FRAMES_MAX, 2 * len(frames))
                )
                self._next = partition + 1
                return partition, frames
        return 0, []

    def read_again(self) -> None:
        """Begin with the first frames again: their events change nothing a second time."""
        self.positions = dict.fromkeys(self.positions, 0)

    async def step_details(self) -> int:
        """Read details out of frames that an older version projected; return how many there were.

        It goes on up to where the first cursor is by then: a note that was set anew meanwhile is
        set again, last. 0 once both have met, which ends it for good.
        """
        after = self._details
        if after is None:
            return 0
        found = await self.events.read(_DETAILS_PARTITION, after, frames_max=PROJECTION_FRAMES_MAX)
        until = self.positions[_DETAILS_PARTITION]
        frames = [each for each in found if each.position <= until]
        reads = await asyncio.to_thread(lambda: [self._read(frame) for frame in frames])
        self._details = frames[-1].position if frames else None
        position = self._details
        await self.file.write(lambda connection: _write_details(connection, reads, position))
        return len(frames)

    def _read(self, frame: StoredFrame) -> list[_Read]:
        try:
            opened = open_frame(
                frame.body, verify=_verified_at_arrival, dictionaries=self.dictionaries
            )
        except ProtocolViolation as error:
            return [_Read(frame.gen, frame.first_seq, frame.body, reason=str(error))]
        new = opened.bodies[frame.first_seq - opened.header.first_seq :]
        return [_read_event(frame, frame.first_seq + index, body) for index, body in enumerate(new)]


def _one_step(frames: list[StoredFrame]) -> list[StoredFrame]:
    """Return the first frames, as far as they are one transaction's work."""
    size = 0
    for count, frame in enumerate(frames):
        size += len(frame.body)
        if size > PROJECTION_BYTES_MAX and count >= PROJECTION_FRAMES_MAX:
            return frames[:count]
    return frames


def _newest_coupon(connection: sqlite3.Connection) -> int:
    return newest_of(connection, Feed.USED_COUPON)


def _verified_at_arrival(_: bytes, __: bytes) -> None:
    """Accept: ingest checked the signature, and a replaced box has another key today."""


def _read_event(frame: StoredFrame, seq: int, body: bytes) -> _Read:
    try:
        envelope = unseal(body)
        event = envelope.event()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return _Read(frame.gen, seq, body, reason=f"It cannot be read: {error}.")
    named = (envelope.store, envelope.gen, envelope.seq)
    if named != (frame.store, frame.gen, seq):
        return _Read(
            frame.gen, seq, body, reason=f"It says it is {named}, its place is event {seq}."
        )
    return _Read(frame.gen, seq, body, envelope, event)


def _write(
    connection: sqlite3.Connection,
    name: str,
    frames: Sequence[StoredFrame],
    reads: Sequence[Sequence[_Read]],
    now: int,
) -> list[tuple[int, int, str]]:
    aside: list[tuple[int, int, str]] = []
    for frame, events in zip(frames, reads, strict=True):
        if not _taken_at_once(connection, frame, events):
            aside += _take_one_by_one(connection, frame, events, now)
        connection.execute(
            "INSERT INTO projected (store, seq) VALUES (?, ?)"
            " ON CONFLICT (store) DO UPDATE SET seq = max(seq, excluded.seq)",
            (frame.store, frame.last_seq),
        )
    connection.execute(
        "INSERT INTO projection (name, position) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
        (name, frames[-1].position),
    )
    return aside


def _write_details(
    connection: sqlite3.Connection, reads: Sequence[Sequence[_Read]], position: int | None
) -> None:
    for read in itertools.chain.from_iterable(reads):
        # what stepped aside when it came stays there
        if read.envelope is not None and read.event is not None:
            with contextlib.suppress(*_DOES_NOT_FIT):
                project_details(connection, read.envelope, read.event)
    if position is None:
        connection.execute("DELETE FROM projection WHERE name = ?", (_DETAILS,))
    else:
        connection.execute(
            "UPDATE projection SET position = ? WHERE name = ?", (position, _DETAILS)
        )


def _taken_at_once(
    connection: sqlite3.Connection, frame: StoredFrame, events: Sequence[_Read]
) -> bool:
    """Project a whole frame, as nearly all can be; or change nothing when an event is bad."""
    standing: Standing = {}
    connection.execute("SAVEPOINT frame")
    try:
        for read in events:
            if read.envelope is None:
                raise ValueError(read.reason)
            _take(connection, frame, read, read.envelope, standing)
    except _DOES_NOT_FIT:
        connection.execute("ROLLBACK TO frame")
        return False
    finally:
        connection.execute("RELEASE frame")
    return True


def _take_one_by_one(
    connection: sqlite3.Connection, frame: StoredFrame, events: Sequence[_Read], now: int
) -> list[tuple[int, int, str]]:
    """Project what can be, put the rest into quarantine; return store, seq and reason of that."""
    aside: list[tuple[int, int, str]] = []
    for read in events:
        reason = read.reason
        if read.envelope is not None:
            connection.execute("SAVEPOINT event")
            try:
                _take(connection, frame, read, read.envelope, {})
            except _DOES_NOT_FIT as error:
                reason = f"It does not fit: {error}."
                connection.execute("ROLLBACK TO event")
            finally:
                connection.execute("RELEASE event")
        if reason:
            aside.append((frame.store, read.seq, reason))
            connection.execute(
                "INSERT INTO quarantine (store, gen, seq, reason, body, at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (frame.store, read.gen, read.seq, reason, read.body, now),
            )
    return aside


def _take(
    connection: sqlite3.Connection,
    frame: StoredFrame,
    read: _Read,
    envelope: SealedEnvelope,
    standing: Standing,
) -> None:
    """Project or park one event. Raises one of `_DOES_NOT_FIT`."""
    if read.event is not None:
        project(connection, envelope, read.event, standing)
    else:
        connection.execute(
            "INSERT INTO parked (store, gen, seq, type, v, position)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (frame.store, read.gen, read.seq, envelope.type, envelope.v, frame.position),
        )


def _cursor(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute("SELECT position FROM projection WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else None


def _take_up(
    connection: sqlite3.Connection,
    newest: Mapping[int, int],
    partition_of: Callable[[int], int],
) -> dict[int, int]:
    there = {partition: _cursor(connection, cursor_name(partition)) or 0 for partition in newest}
    positions = {partition: min(there[partition], newest[partition]) for partition in newest}
    for store, type_name, version, first in connection.execute(
        "SELECT store, type, v, min(position) FROM parked GROUP BY store, type, v"
    ).fetchall():
        if is_known(type_name, version):
            partition = partition_of(store)
            positions[partition] = min(positions[partition], first - 1)
            connection.execute(
                "DELETE FROM parked WHERE store = ? AND type = ? AND v = ?",
                (store, type_name, version),
            )
    for partition, position in positions.items():
        if position < there[partition]:
            connection.execute(
                "UPDATE projection SET position = ? WHERE name = ?",
                (position, cursor_name(partition)),
            )
    return positions


def cursor_name(partition: int) -> str:
    """Return the name of a partition's cursor: the first one's is from before there were many."""
    return f"{NAME} {partition}" if partition else NAME
