"""Defects on purpose: each is a way in which replication could lose, double or misreport sales.

A mutant is put in place of a piece of the product while the machine plays. One that the machine
does not see shows what its laws do not hold. Three of them were in the product when the machine
was first let at it: `idle_events_wait_for_ever`, `silence_behind_a_resend`, `keys_are_forgotten`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import pytest

from edge.contract.envelope import SealedEnvelope, seal
from edge.contract.limits import IDLE_FRAME_DELAY_MS
from edge.contract.replication import Ack, Head, Resend, parse_header
from edge.contract.return_events import LineReturned
from edge.contract.sale_events import LineAdded
from edge.engine.digest_sums import DigestSums
from edge.flows.digests import Digests
from edge.flows.frame_pace import FramePace
from edge.flows.link_state import LinkState
from edge.flows.replica import Replica
from edge.ledger.event_log import Ledger
from edge.ledger.records import Record, Recorded
from edge.runtime.frame_codec import OpenedFrame
from edge.runtime.history_file import HistoryFile
from sync.appending.event_store import Accepted, Conflict
from sync.appending.frame_sessions import FrameSessions
from sync.appending.ingest import Ingest, Rewind
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office import projector, sale_projection, sqlite_projection, sqlite_sales
from sync.office.admission import Admission
from sync.office.event_reading import ReadFrame
from sync.office.sale_records import Sale
from sync.office.sqlite_projection import SqliteProjection
from sync.replicator.session import Session

Patch = pytest.MonkeyPatch
_tasks: set[asyncio.Task[Any]] = set()


def _later(work: Any) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


# --- head office takes frames -------------------------------------------------------------


def signed_before_it_is_durable(patch: Patch) -> None:
    """Head office says that it has a frame, and puts it on disk a second later."""
    real = SqliteEventStore.append

    async def append(
        self: SqliteEventStore, store: int, gen: int, first: int, frame: bytes, expected: Head
    ) -> Accepted:
        async def keep() -> None:
            await self._clock.sleep(1)
            await real(self, store, gen, first, frame, expected)

        _later(keep())
        header = parse_header(frame)
        return Accepted(Head(gen, header.last_seq, header.last_hash.hex()))

    patch.setattr(SqliteEventStore, "append", append)


def head_is_written_after_its_frame(patch: Patch) -> None:
    """A frame and the head behind it are two transactions."""

    async def append(
        self: SqliteEventStore, store: int, gen: int, first: int, frame: bytes, expected: Head
    ) -> Accepted | Conflict:
        standing = await self.head(store, gen)
        if standing != expected:
            return Conflict(standing)
        header = parse_header(frame)
        last = header.last_hash
        try:
            await self._file.write(
                lambda db: db.execute(
                    "INSERT INTO frame"
                    " (store, gen, first_seq, last_seq, last_hash, accepted_at, body)"
                    " VALUES (?, ?, ?, ?, ?, 0, ?)",
                    (store, gen, first, header.last_seq, last, frame),
                )
            )
        except sqlite3.IntegrityError:
            return Conflict(standing)
        await self._file.write(
            lambda db: db.execute(
                "INSERT INTO head (store, gen, seq, hash) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (store) DO UPDATE SET gen = ?2, seq = ?3, hash = ?4",
                (store, gen, header.last_seq, last),
            )
        )
        return Accepted(Head(gen, header.last_seq, last.hex()))

    patch.setattr(SqliteEventStore, "append", append)


def gaps_are_not_seen(patch: Patch) -> None:
    """A frame is taken wherever it begins."""

    real = Ingest._check

    async def check(self: Ingest, frame: bytes, head: Head) -> Head | Rewind:
        step = await real(self, frame, head)
        header = parse_header(frame)
        if isinstance(step, Rewind) and header.first_seq > head.seq + 1:
            return Head(header.gen, header.last_seq, header.last_hash.hex())
        return step

    patch.setattr(Ingest, "_check", check)


def hashes_are_compared_nowhere(patch: Patch) -> None:
    """Another history passes for the one that is here. Each end alone would see it."""

    async def compared(*_: object) -> None:
        """Find nothing."""

    async def take_ack(self: Replica, ack: Ack) -> None:
        await self.link.accepted(ack.accepted.seq)

    patch.setattr(OpenedFrame, "check_chain", lambda *_, **__: None)
    patch.setattr(Ingest, "_compare", compared)
    patch.setattr(Admission, "compare_heads", compared)
    patch.setattr(Session, "_fork_at", compared)
    patch.setattr(Replica, "take_ack", take_ack)


def silence_behind_a_resend(patch: Patch) -> None:
    """A box that sends nothing more is never told that head office has it all."""
    real = FrameSessions._send
    resent: set[int] = set()

    async def send(self: FrameSessions, socket: Any, message: Any) -> None:
        if isinstance(message, Ack) and id(socket) in resent:
            resent.discard(id(socket))
            return
        if isinstance(message, Resend):
            resent.add(id(socket))
        await real(self, socket, message)

    patch.setattr(FrameSessions, "_send", send)


def any_key_is_the_right_one(patch: Patch) -> None:
    """A box is let in that proves any key at all."""

    async def identify(self: Admission, hello: Any, *_: object) -> Any:
        return await self.directory.by_slug(hello.store)

    patch.setattr(Admission, "identify", identify)


def keys_are_forgotten(patch: Patch) -> None:
    """The key of a box that never had a line is lost with its place."""

    async def replace_box(self: Admission, slug: str, box_key: str, gen: int) -> Any:
        return await self.directory.replace_box(slug, box_key, gen)

    patch.setattr(Admission, "replace_box", replace_box)


# --- head office makes sales of them ------------------------------------------------------


def first_event_of_a_frame_is_skipped(patch: Patch) -> None:
    """The projection begins with the second event of each frame."""
    real = projector.read_frame

    def read(*words: Any) -> ReadFrame:
        frame = real(*words)
        return msgspec.structs.replace(frame, events=frame.events[1:])

    patch.setattr(projector, "read_frame", read)


def read_twice_counts_twice(patch: Patch) -> None:
    """A line that is read again is as much again."""
    real = sale_projection._STEPS[LineAdded]

    def step(sale: Sale, envelope: SealedEnvelope, event: LineAdded) -> None:
        known = sale.lines.get(event.line)
        real(sale, envelope, event)
        if known is not None:
            known.quantity += event.quantity

    patch.setitem(sale_projection._STEPS, LineAdded, step)


def cursor_is_written_before_its_sales(patch: Patch) -> None:
    """The cursor of the projection moves on in a transaction of its own."""
    real = SqliteProjection.take

    async def take(
        self: SqliteProjection, partition: int, frames: Sequence[ReadFrame], now_ms: int
    ) -> Any:
        name, position = sqlite_projection.cursor_name(partition), frames[-1].position
        await self._file.write(
            lambda db: db.execute(
                "INSERT INTO projection (name, position) VALUES (?1, ?2)"
                " ON CONFLICT (name) DO UPDATE SET position = ?2",
                (name, position),
            )
        )
        return await real(self, partition, frames, now_ms)

    patch.setattr(SqliteProjection, "take", take)


def returned_goods_leave_once_more(patch: Patch) -> None:
    """Head office counts what came back as sold."""
    moved = sqlite_sales._MOVED.replace("THEN -quantity", "THEN quantity")
    assert moved != sqlite_sales._MOVED
    patch.setattr(sqlite_sales, "_MOVED", moved)


def change_is_kept(patch: Patch) -> None:
    """Head office takes no change from the cash."""
    brought = sqlite_sales._BROUGHT.replace("-change_minor", "0")
    assert brought != sqlite_sales._BROUGHT
    patch.setattr(sqlite_sales, "_BROUGHT", brought)


def digest_is_compared_too_early(patch: Patch) -> None:
    """What a box said is held against what has come so far."""

    async def projected(_: sqlite_sales.SqliteSales, stores: Sequence[int]) -> dict[int, int]:
        return dict.fromkeys(stores, 1_000_000)

    patch.setattr(sqlite_sales.SqliteSales, "projected", projected)


# --- the box ------------------------------------------------------------------------------


def done_before_it_is_on_disk(patch: Patch) -> None:
    """The till hears that a sale stands a second before the ledger has it."""
    real = Ledger.record

    async def record(self: Ledger, record: Record) -> Any:
        async def keep() -> None:
            await self._clock.sleep(1)
            await real(self, record)

        if record.reply is None:
            return await real(self, record)
        head = (await self.head()).seq
        _later(keep())
        return Recorded(head + 1, head + len(record.events))

    patch.setattr(Ledger, "record", record)


def repeats_are_rung_up_again(patch: Patch) -> None:
    """A command that comes a second time is carried out a second time."""
    patch.setattr("edge.ledger.event_log._keep_reply", lambda *_: True)
    patch.setattr("edge.ledger.event_log.claim_sale", lambda *_: None)


def everything_is_taken_for_acknowledged(patch: Patch) -> None:
    """With any acknowledgement the box believes that head office has all."""
    real = LinkState.accepted

    async def accepted(self: LinkState, seq: int) -> None:
        await real(self, max(seq, (await self.ledger.head()).seq))

    patch.setattr(LinkState, "accepted", accepted)


def frames_cross_generations(patch: Patch) -> None:
    """A frame holds events of the box before and of this one."""
    whole = SimpleNamespace(takewhile=lambda _, bodies: bodies)
    patch.setattr("edge.flows.replica.itertools", whole)


def generation_goes_back(patch: Patch) -> None:
    """A box that took over writes in the generation of the one before."""

    def older(*words: Any, gen: int, **named: Any) -> bytes:
        return seal(*words, gen=max(1, gen - 1), **named)

    patch.setattr("edge.ledger.event_log.seal", older)


def last_frame_of_a_history_is_left_out(patch: Patch) -> None:
    """A ledger that is made anew lacks the newest events of the one before."""
    real = HistoryFile.frames

    def frames(self: HistoryFile) -> Iterator[bytes]:
        yield from list(real(self))[:-1]

    patch.setattr(HistoryFile, "frames", frames)


def receipts_begin_anew(patch: Patch) -> None:
    """A ledger that is made anew does not know how many receipts were given."""
    patch.setattr("edge.ledger.rebuilding.project", lambda *_: None)


def idle_events_wait_for_ever(patch: Patch) -> None:
    """What is not in a hurry and was given out once is due in thirty seconds, always."""
    real = FramePace.due_in_ms

    def due_in_ms(
        self: FramePace, after: int, head_seq: int, now: int, *, metered: bool = False
    ) -> int | None:
        if self.hurried_seq <= after < head_seq and not self.oldest_at:
            return IDLE_FRAME_DELAY_MS
        return real(self, after, head_seq, now, metered=metered)

    patch.setattr(FramePace, "due_in_ms", due_in_ms)


# --- what it says ahead of its frames -----------------------------------------------------


def digest_counts_returns_as_sold(patch: Patch) -> None:
    """The box counts what came back as sold."""
    real = DigestSums.take

    def take(self: DigestSums, seq: int, day: str, event: Any) -> None:
        if isinstance(event, LineReturned):
            event = msgspec.structs.replace(event, quantity=-event.quantity)
        real(self, seq, day, event)

    patch.setattr(DigestSums, "take", take)


def digest_ends_elsewhere(patch: Patch) -> None:
    """The box says that its sums end one event before they do."""
    real = Digests.made

    async def made(self: Digests) -> Any:
        digest = await real(self)
        return digest and msgspec.structs.replace(digest, upto=max(digest.after, digest.upto - 1))

    patch.setattr(Digests, "made", made)


def digest_begins_too_late(patch: Patch) -> None:
    """The lines of a sale that were acknowledged before its completion are left out."""
    real = Ledger.first_event_of_sales_after

    async def first(self: Ledger, seq: int) -> int | None:
        return None if await real(self, seq) is None else seq + 1

    patch.setattr(Ledger, "first_event_of_sales_after", first)


MUTANTS: Final[tuple[Callable[[Patch], None], ...]] = (
    signed_before_it_is_durable,
    head_is_written_after_its_frame,
    gaps_are_not_seen,
    hashes_are_compared_nowhere,
    silence_behind_a_resend,
    any_key_is_the_right_one,
    keys_are_forgotten,
    first_event_of_a_frame_is_skipped,
    read_twice_counts_twice,
    cursor_is_written_before_its_sales,
    returned_goods_leave_once_more,
    change_is_kept,
    digest_is_compared_too_early,
    done_before_it_is_on_disk,
    repeats_are_rung_up_again,
    everything_is_taken_for_acknowledged,
    frames_cross_generations,
    generation_goes_back,
    last_frame_of_a_history_is_left_out,
    receipts_begin_anew,
    idle_events_wait_for_ever,
    digest_counts_returns_as_sold,
    digest_ends_elsewhere,
    digest_begins_too_late,
)
