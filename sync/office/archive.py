"""What is settled: frames that the sales show, in closed and signed files that were read again.

Once a day, or when much has come, the frames behind the last segment become the next one. Only
when it was read back from disk whole is it noted, and only then is a box told that head office
needs nothing of it any more. A file that is there without its note (killed in between, or head
office was restored from a copy) is never written over: it is taken for the next segment where it
holds the very frames that are due, and set aside in words where it does not.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.contract.errors import Refused, TillboxError
from edge.contract.health import HealthItem
from edge.contract.instant import Clock
from edge.contract.office_limits import (
    ARCHIVE_LOOK_S,
    ARCHIVE_SEGMENT_BYTES,
)
from edge.contract.replication import parse_header
from edge.runtime.database_file import DatabaseFile
from edge.runtime.keys import SigningKey
from edge.runtime.structured_log import Log
from sync.appending.event_store import EventStore, EventStoreAway, StoredFrame
from sync.office.archive_file import (
    NO_ROOT,
    SegmentHeader,
    SegmentReader,
    SegmentWriter,
    Span,
)

_PAGE: Final = 64
"""Frames of catch-up have up to half a megabyte: some 10 MB at once."""


@dataclass(frozen=True)
class Noted:
    """The newest segment that is noted; of none at all: number 0."""

    number: int = 0
    upto: int = 0
    root: str = NO_ROOT


@dataclass
class Archive:
    """Closes segments of one event store into a folder.

    `projected` says up to which position the sales show each partition. A segment is closed when
    frames waited `close_after_s`, or `ARCHIVE_SEGMENT_BYTES` of them are there.
    """

    folder: Path
    file: DatabaseFile
    events: EventStore
    key: SigningKey
    projected: Callable[[], Mapping[int, int]]
    clock: Clock
    log: Log
    close_after_s: int
    trouble: TillboxError | None = None
    """Why nothing is archived just now."""
    _waits_since: dict[int, int] = field(default_factory=dict)
    """By partition: since when (wall clock) something waits to be archived."""

    async def open(self) -> None:
        """Begin behind the newest frame where the event store was restored from an older copy.

        What comes in place of the frames that are gone has their positions.
        """
        identity = self.events.identity
        newest = [
            (await self.events.newest(each), identity, each) for each in self.events.partitions
        ]
        await self.file.write(
            lambda connection: connection.executemany(
                "UPDATE archive_segment SET upto = min(upto, ?) WHERE events = ? AND partition = ?",
                newest,
            )
        )

    async def run(self) -> None:
        """Archive until cancelled."""
        while True:
            try:
                await self.step()
            except EventStoreAway:  # it tells the log by itself, once
                pass
            except (OSError, Refused) as error:
                self._note_trouble(error)
            else:
                self.trouble = None
            await self.clock.sleep(ARCHIVE_LOOK_S)

    async def step(self) -> int:
        """Close what is due; return how many segments that were. Raises OSError, Refused."""
        closed = 0
        for partition in self.events.partitions:
            while await self._close_next(partition):
                closed += 1
        return closed

    def health(self) -> HealthItem:
        """Say how the archive is."""
        if self.trouble is None:
            return HealthItem("archive", True, "What came is archived once a day.")
        return HealthItem("archive", False, self.trouble.message, self.trouble.advice)

    def _note_trouble(self, error: OSError | Refused) -> None:
        trouble = error if isinstance(error, TillboxError) else _not_written(self.folder, error)
        if self.trouble is None or self.trouble.message != trouble.message:
            self.log.error("archive_trouble", code=trouble.code, reason=trouble.message)
        self.trouble = trouble

    # --- one segment ----------------------------------------------------------------------

    async def _close_next(self, partition: int) -> bool:
        last = await self.noted(partition)
        await self._settle_again(partition, last)
        upto = self.projected().get(partition, 0)
        path = self._path(partition, last.number + 1)
        there = SegmentReader(path, self.key.public)
        if there.is_there:
            return await self._take_up(there, partition, last, upto)
        if not await self._is_due(partition, last, upto):
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        header = SegmentHeader(
            self.events.identity,
            partition,
            last.number + 1,
            last.upto,
            last.root,
            self.clock.now_ms(),
        )
        await self._write(path, header, upto)
        _ = await asyncio.to_thread(there.read_through)
        await self._note(there)
        return True

    async def _is_due(self, partition: int, last: Noted, upto: int) -> bool:
        page = await self._page(partition, last.upto, upto)
        if not page:
            _ = self._waits_since.pop(partition, None)
            return False
        now = self.clock.now_ms()
        since = self._waits_since.setdefault(partition, now)
        if now - since >= self.close_after_s * 1000 or now < since:
            return True
        size = 0
        while page:
            size += sum(len(frame.body) for frame in page)
            if size >= ARCHIVE_SEGMENT_BYTES:
                return True
            page = await self._page(partition, page[-1].position, upto)
        return False

    async def _write(self, path: Path, header: SegmentHeader, upto: int) -> None:
        writer = SegmentWriter(path, header, self.key)
        cursor = header.after
        try:
            while writer.size < ARCHIVE_SEGMENT_BYTES and (
                page := await self._page(header.partition, cursor, upto)
            ):
                await asyncio.to_thread(_add, writer, page)
                cursor = page[-1].position
            await asyncio.to_thread(writer.close, cursor)
        except BaseException:
            writer.give_up()
            raise

    async def _page(self, partition: int, cursor: int, upto: int) -> list[StoredFrame]:
        page = await self.events.read(partition, cursor, frames_max=_PAGE)
        return [frame for frame in page if frame.position <= upto]

    # --- a file that is there already -----------------------------------------------------

    async def _take_up(self, there: SegmentReader, partition: int, last: Noted, upto: int) -> bool:
        """Note a file that holds just what is due; set any other aside. Say whether to go on."""
        try:
            end = await asyncio.to_thread(there.read_through)
        except Refused as error:
            self._set_aside(there.path, str(error))
            return True
        header = there.header
        of_this = header.events == self.events.identity and header.partition == partition
        follows = of_this and (header.after, header.before) == (last.upto, last.root)
        if follows and end.upto > upto:
            return False  # the sales do not show it all yet
        if not follows or not await self._holds(there.path, partition, last.upto, end.upto):
            self._set_aside(there.path, "it holds other frames than are due")
            return True
        await self._note(there)
        return True

    async def _holds(self, path: Path, partition: int, after: int, upto: int) -> bool:
        """Say whether a segment has the frames of the event store between two positions."""
        found = SegmentReader(path, self.key.public).frames()
        cursor = after
        while page := await self._page(partition, cursor, upto):
            for frame in page:
                if next(found, b"") != frame.body:
                    return False
            cursor = page[-1].position
        return cursor == upto and next(found, None) is None

    def _set_aside(self, path: Path, why: str) -> None:
        """Keep a file that is not what is due: it may be the only copy of something."""
        number = 1
        while (aside := path.with_name(f"{path.name}.aside-{number}")).exists():
            number += 1
        path.replace(aside)
        self.log.error("archive_set_aside", file=aside.name, reason=why)

    # --- what is noted --------------------------------------------------------------------

    async def noted(self, partition: int) -> Noted:
        """Return the newest segment of a partition that is noted."""
        identity = self.events.identity
        row = await self.file.read(
            lambda connection: connection.execute(
                "SELECT number, upto, root FROM archive_segment"
                " WHERE events = ? AND partition = ? ORDER BY number DESC LIMIT 1",
                (identity, partition),
            ).fetchone()
        )
        return Noted() if row is None else Noted(*row)

    async def _note(self, read: SegmentReader) -> None:
        """Note a segment that was read from its first byte to its last, and settle what it has."""
        header, end, size = read.header, read.end, read.size
        assert end is not None  # noqa: S101 - it was read
        partition, number, now = header.partition, header.number, self.clock.now_ms()

        def unit(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO archive_segment"
                " (events, partition, number, upto, root, frames, bytes, closed_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (header.events, partition, number, end.upto, end.root, end.count, size, now),
            )
            connection.executemany(
                "INSERT INTO archive_span (store, seq, partition, number) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (store) DO UPDATE SET seq = max(seq, excluded.seq),"
                " partition = excluded.partition, number = excluded.number",
                [(span.store, span.last_seq, partition, number) for span in end.spans],
            )

        await self.file.write(unit)
        _ = self._waits_since.pop(partition, None)
        await self.events.settle({span.store: span.last_seq for span in end.spans})
        self.log.info("archived", file=read.path.name, frames=end.count, bytes=size)

    async def _settle_again(self, partition: int, last: Noted) -> None:
        """Settle what was noted in the last segment: a kill may have come in between."""
        if not last.number:
            return
        rows = await self.file.read(
            lambda connection: connection.execute(
                "SELECT store, seq FROM archive_span WHERE partition = ? AND number = ?",
                (partition, last.number),
            ).fetchall()
        )
        await self.events.settle(dict(rows))

    def _path(self, partition: int, number: int) -> Path:
        return self.folder / segment_name(partition, number)


def segment_name(partition: int, number: int) -> str:
    """Return the name of a segment's file: names sort as segments follow each other."""
    return f"p{partition:03d}-{number:08d}.archive"


def _add(writer: SegmentWriter, page: list[StoredFrame]) -> None:
    for frame in page:
        last_hash = parse_header(frame.body).last_hash.hex()
        span = Span(frame.store, frame.gen, frame.first_seq, frame.last_seq, last_hash)
        writer.add(frame.body, span)


def _not_written(folder: Path, error: OSError) -> Refused:
    return Refused(
        "archive_not_written",
        f"The archive in {folder} cannot be written: {error.strerror or error}.",
        advice="See that its disk is there and has room. Nothing is lost: boxes keep what is not "
        "settled, and it is tried again.",
    )
