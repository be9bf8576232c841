"""Histories that a person carries: written from the frames that are kept, taken as if they came.

A file is looked through twice. The first time nothing is kept: every frame is checked as on the
line, behind what is here. Only a file that fits to its end is then appended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.envelope import GENESIS
from edge.contract.errors import ProtocolViolation, Refused, ReplicaFork, StorageFailed
from edge.contract.history_file import HistoryBox, HistoryHeader
from edge.contract.limits import FRAME_EVENTS_MAX, FRAMES_PER_COMMIT_MAX
from edge.contract.replication import Head, parse_header
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.history_file import HistoryFile, write_history
from sync.appending.event_store import Accepted, Conflict, EventStore, StoredFrame
from sync.appending.ingest import BoxIdentity, Ingest, Rewind

_NOTHING_TAKEN: Final = "Nothing was taken from it."


class Carried(msgspec.Struct, frozen=True):
    """What became of a history: from `before` to `head`; `frames` of it were new, or written."""

    before: Head
    head: Head
    frames: int


# --- writing ------------------------------------------------------------------------------


async def write_store(
    path: Path,
    box: BoxIdentity,
    events: EventStore,
    dictionaries: Dictionaries,
    *,
    before: tuple[HistoryBox, ...] = (),
    written_by: str,
    written_at: int,
) -> Carried:
    """Write all that is kept of a box's history as a file, after checking every frame of it.

    `before` are the boxes of earlier generations. Raises Refused when nothing is kept, or the
    folder cannot be written; StorageFailed when a frame is damaged on disk.
    """
    head = await events.head(box.number, box.gen)
    if not head.seq:
        raise Refused(
            "history_empty",
            f"Nothing of store {box.slug} is kept here.",
            advice="Check the name of the store.",
        )
    nothing = Head(box.gen, 0, GENESIS.hex())
    rehearsal = _Rehearsal(events, nothing)
    checked = Ingest(box, rehearsal, dictionaries, carried=True, before=before)
    seq = 1
    while seq <= head.seq:
        frame = await _frame_at(events, box, seq)
        await _check(checked, frame, box)
        seq = frame.last_seq + 1
    # a box that took another one's place may have sent some of that one's: its key comes first
    known = {*before, HistoryBox(box.gen, box.key)}
    boxes = sorted(known | checked.signers, key=lambda each: (each.gen, each in known))
    header = HistoryHeader(box.number, box.slug, tuple(boxes), written_by, written_at)
    loop = asyncio.get_running_loop()

    def frames() -> Iterator[bytes]:
        seq = 1
        while seq <= head.seq:
            frame = asyncio.run_coroutine_threadsafe(_frame_at(events, box, seq), loop).result()
            yield frame.body
            seq = frame.last_seq + 1

    try:
        count = await asyncio.to_thread(write_history, path, header, frames())
    except OSError as error:
        raise Refused(
            "history_unwritable",
            f"{path} cannot be written: {error.strerror}.",
            advice="Choose a folder with room that this user may write to.",
        ) from None
    return Carried(nothing, head, count)


async def _frame_at(events: EventStore, box: BoxIdentity, seq: int) -> StoredFrame:
    found = await events.frame_at(box.number, box.gen, seq)
    if found is None:
        raise _damaged(box, seq, "it is not there.")
    return found[1]


async def _check(checked: Ingest, frame: StoredFrame, box: BoxIdentity) -> None:
    try:
        taken = await checked.take([frame.body])
    except (ProtocolViolation, ReplicaFork) as error:
        raise _damaged(box, frame.first_seq, error.message) from None
    if isinstance(taken, Rewind):
        raise _damaged(box, frame.first_seq, taken.reason)


def _damaged(box: BoxIdentity, seq: int, why: str) -> StorageFailed:
    return StorageFailed(
        "frame_damaged",
        f"The history of store {box.slug} is damaged on this disk at event {seq}: {why}",
        advice="No file was written. Take it from another copy, and check this disk.",
    )


# --- taking -------------------------------------------------------------------------------


async def take_history(
    history: HistoryFile,
    box: BoxIdentity,
    events: EventStore,
    dictionaries: Dictionaries,
    *,
    keeper: str,
    before: tuple[HistoryBox, ...] = (),
) -> Carried:
    """Append a file's frames behind what is kept of a box; what is there already is passed over.

    `before` are the boxes of earlier generations. Raises Refused, with nothing appended, for a
    file of another store or box, one that begins behind the next event, has a damaged frame, or
    tells another history.
    """
    _check_owner(history, box, before)
    start = await events.head(box.number, box.gen)

    def ingest(kept: EventStore) -> Ingest:
        return Ingest(box, kept, dictionaries, keeper=keeper, carried=True, before=before)

    await _take_all(history, ingest(_Rehearsal(events)))
    taking = ingest(events)
    frames = await _take_all(history, taking)
    return Carried(start, taking.head or start, frames)


def _check_owner(history: HistoryFile, box: BoxIdentity, before: tuple[HistoryBox, ...]) -> None:
    header, name = history.header, history.path.name
    if (header.store_number, header.slug) != (box.number, box.slug):
        raise Refused(
            "foreign_history",
            f"{name} is the history of store {header.slug} ({header.store_number}), not of "
            f"{box.slug} ({box.number}).",
            advice=_NOTHING_TAKEN,
        )
    if not {HistoryBox(box.gen, box.key), *before}.intersection(header.boxes):
        raise Refused(
            "foreign_box",
            f"{name} is of another box than the one that store {box.slug} has in generation "
            f"{box.gen}.",
            advice=f"{_NOTHING_TAKEN} Compare the box keys.",
        )


async def _take_all(history: HistoryFile, ingest: Ingest) -> int:
    name, new = history.path.name, 0
    frames = history.frames()
    while batch := list(islice(frames, FRAMES_PER_COMMIT_MAX)):
        try:
            taken = await ingest.take(batch)
        except (ProtocolViolation, ReplicaFork) as error:
            advice = f"{_NOTHING_TAKEN} {error.advice}" if error.advice else _NOTHING_TAKEN
            raise Refused(
                error.code, f"{name} does not fit: {error.message}", advice=advice
            ) from None
        if isinstance(taken, Rewind):
            raise Refused(
                "history_gap",
                f"{name} does not follow what is here: {taken.reason}",
                advice="Take the files in their order; what is here already is passed over.",
            )
        new += taken.frames
    return new


@dataclass
class _Rehearsal:
    """Takes frames without keeping them, behind `behind` or else all that a store has.

    Of its own frames it remembers the newest, as many as one that brings something can overlap.
    """

    events: EventStore
    behind: Head | None = None
    _newest: deque[tuple[bytes, StoredFrame]] = field(default_factory=deque)

    @property
    def identity(self) -> str:
        """Nobody follows from what is not kept."""
        return ""

    @property
    def partitions(self) -> range:
        """None: nobody reads what was not kept."""
        return range(0)

    async def append(
        self, store: int, gen: int, first_seq: int, frame: bytes, expected_head: Head
    ) -> Accepted | Conflict:
        header = parse_header(frame)
        stored = StoredFrame(0, store, gen, first_seq, header.last_seq, frame)
        self._newest.append((bytes.fromhex(expected_head.hash), stored))
        self.behind = Head(gen, header.last_seq, header.last_hash.hex())
        while header.last_seq - self._newest[0][1].last_seq >= FRAME_EVENTS_MAX:
            _ = self._newest.popleft()
        return Accepted(self.behind)

    async def head(self, store: int, gen: int) -> Head:
        return self.behind or await self.events.head(store, gen)

    async def frame_at(self, store: int, gen: int, seq: int) -> tuple[bytes, StoredFrame] | None:
        for before, frame in reversed(self._newest):
            if frame.first_seq <= seq:
                return (before, frame) if seq <= frame.last_seq else None
        return await self.events.frame_at(store, gen, seq)

    async def read(self, partition: int, cursor: int, *, frames_max: int) -> list[StoredFrame]:
        raise ValueError(f"there is no partition {partition} behind {cursor} ({frames_max})")

    async def newest(self, partition: int) -> int:
        raise ValueError(f"there is no partition {partition}")

    def partition_of(self, store: int) -> int:
        raise ValueError(f"nothing of store {store} is kept")

    async def settled(self, store: int) -> int:
        raise ValueError(f"nothing of store {store} is kept")

    async def settle(self, upto: Mapping[int, int]) -> None:
        raise ValueError(f"nothing of stores {', '.join(map(str, upto))} is kept")
