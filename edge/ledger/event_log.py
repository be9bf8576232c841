"""The ledger: events in a hash chain, with what follows from them, in one file.

`record` is the only way in. What it returned from is on disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.envelope import GENESIS, link, seal, unseal
from edge.contract.errors import Refused, StorageFailed
from edge.contract.event_registry import Event
from edge.contract.instant import Clock, business_day
from edge.contract.limits import (
    EVENT_BYTES_MAX,
    EVENTS_PER_COMMAND_MAX,
)
from edge.contract.sale_events import SaleOpened
from edge.ledger import kept_replies
from edge.ledger.kept_replies import SALE_MARK
from edge.ledger.letters import keep_letters
from edge.ledger.packing import JOBS, REPLIES
from edge.ledger.projections import project
from edge.ledger.records import (
    CommandReply,
    LedgerHead,
    LedgerIdentity,
    OpenJob,
    Record,
    Recorded,
    Repeated,
    StoredEvent,
    TillRow,
)
from edge.runtime.database_file import DatabaseFile
from edge.runtime.migrations import Migration

SCHEMA: Final = Path(__file__).parent / "schema"
_MOVES: Final = {"0018_timed_reply": kept_replies.move_timed}
"""What the steps of these names do behind their SQL."""
MIGRATIONS: Final = tuple(
    Migration(number, path.read_text("utf-8"), _MOVES.get(path.stem))
    for number, path in enumerate(sorted(SCHEMA.glob("*.sql")), 1)
)
_JOBS_PER_EVENT_MAX: Final = 16
"""Room between two events for the jobs of one: they are sent in the order they came."""
_MINUTE_MS: Final = 60_000
_SWEEP_EVERY: Final = 200
"""A fifth of what is looked at then: all are, before they are a fifth more."""
_NO_REPLY: Final = REPLIES.pack(b"")


Listener = Callable[[Recorded, tuple[Event, ...]], None]
"""Told of every record once it is on disk; must not raise."""


class BusinessCalendar:
    """The business day of an instant, remembered for the minute it was asked in."""

    def __init__(self, zone: ZoneInfo, day_starts_at_hour: int = 0) -> None:
        self._zone = zone
        self._hour = day_starts_at_hour
        self._minute = -1
        self._day = ""

    def day(self, at_ms: int) -> str:
        """Return `YYYY-MM-DD`."""
        minute = at_ms // _MINUTE_MS
        if minute != self._minute:
            self._day = business_day(at_ms, self._zone, day_starts_at_hour=self._hour)
            self._minute = minute
        return self._day


class Ledger:
    """The event log of one box over `ledger.db`.

    `calendar` may be replaced while running, when head office changes the store's time
    zone or the start of its day.
    """

    def __init__(
        self, file: DatabaseFile, identity: LedgerIdentity, clock: Clock, calendar: BusinessCalendar
    ) -> None:
        self._file = file
        self._identity = identity
        self._clock = clock
        self.calendar = calendar
        self.listeners: list[Listener] = []
        self._replies = 0
        self._swept_to = -1

    @property
    def identity(self) -> LedgerIdentity:
        """Whose ledger this is."""
        return self._identity

    async def open(self) -> bool:
        """Open the file; say whether the last run ended in good order (a new file did).

        Raises StorageFailed when the file belongs to another store, or to a newer
        generation of this one.
        """
        await self._file.open()
        try:
            return await self._file.write(self._take_over)
        except BaseException:
            await self._file.close()
            raise

    async def close(self) -> None:
        """Mark a clean end and close the file."""
        if self._file.failure is None:
            await self._file.write(
                lambda connection: connection.execute("UPDATE identity SET clean = 1")
            )
        await self._file.close()

    async def record(self, record: Record) -> Recorded | Repeated:
        """Put a record on disk; or return the kept answer when its command is a repeat.

        Raises Refused("command_id_reused") when the command's id was used for another
        command, Refused("busy") when too many wait, StorageFailed when the outcome is not
        known.
        """
        if len(record.events) > EVENTS_PER_COMMAND_MAX:
            raise ValueError(f"{len(record.events)} events in one record")
        at = record.at or self._clock.now_ms()
        day = self.calendar.day(at)
        outcome = await self._file.write(
            lambda connection: self._write(connection, record, at, day)
        )
        if isinstance(outcome, Recorded):
            for listen in self.listeners:
                listen(outcome, record.events)
        return outcome

    # --- in the writer's thread -----------------------------------------------------------

    def _write(
        self, connection: sqlite3.Connection, record: Record, at: int, day: str
    ) -> Recorded | Repeated:
        execute = connection.execute
        head = _head(connection)
        reply = record.reply
        # first of all, and nothing else of the record when the command is a repeat
        if reply is not None and not _keep_reply(connection, reply, head.seq + len(record.events)):
            kept = kept_replies.find(connection, reply.command_id)
            assert kept is not None  # noqa: S101 - its id is what stood in the way
            return Repeated(_same_command(kept, reply))
        if reply is not None:
            self._replies += 1
            if self._replies % _SWEEP_EVERY == 0:
                self._swept_to = kept_replies.forget_old(connection, self._swept_to, head.seq)
        seq, previous = head.seq, head.hash
        identity = self._identity
        for event in record.events:
            seq += 1
            if isinstance(event, SaleOpened):
                claim_sale(connection, event.sale, seq)
            body = seal(
                event,
                store=identity.store_number,
                gen=identity.gen,
                seq=seq,
                day=day,
                at=at,
                till=record.till,
                actor=record.actor,
            )
            if len(body) > EVENT_BYTES_MAX:
                raise Refused(
                    "event_too_large",
                    f"What happened takes {len(body)} bytes; {EVENT_BYTES_MAX} is the limit.",
                    advice="Make two smaller steps of it.",
                )
            previous = link(previous, body)
            execute("INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)", (seq, body, previous))
            project(connection, event, record.till, seq)
        for number, job in enumerate(record.jobs):
            execute(
                "INSERT INTO device_job"
                " (job_id, n, kind, till, sale, device, attempt, deadline, args)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    job.job_id,
                    seq * _JOBS_PER_EVENT_MAX + number,
                    job.kind,
                    job.till,
                    job.sale,
                    job.device,
                    job.attempt,
                    job.deadline,
                    JOBS.pack(job.args),
                ),
            )
        for job_id in record.settled:
            execute("DELETE FROM device_job WHERE job_id = ?", (job_id,))
        if record.letters:
            keep_letters(connection, record.letters)
        return Recorded(head.seq + 1, seq, previous)

    def _take_over(self, connection: sqlite3.Connection) -> bool:
        mine = self._identity
        row = connection.execute(
            "SELECT store, store_number, gen, clean FROM identity WHERE one = 1"
        ).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO identity (one, store, store_number, gen, clean)"
                " VALUES (1, ?, ?, ?, 0)",
                (mine.store, mine.store_number, mine.gen),
            )
            return True
        store, number, gen, clean = row
        if (store, number) != (mine.store, mine.store_number):
            raise StorageFailed(
                "foreign_ledger",
                f"This ledger belongs to store {store} ({number}), "
                f"not to {mine.store} ({mine.store_number}).",
                advice="Check the store in the settings, or move the ledger to its own box.",
            )
        if gen > mine.gen:
            raise StorageFailed(
                "newer_generation",
                f"This ledger is of generation {gen}; the settings say {mine.gen}.",
                advice="Ask head office which box is the valid one.",
            )
        connection.execute("UPDATE identity SET gen = ?, clean = 0", (mine.gen,))
        return bool(clean)

    # --- questions ------------------------------------------------------------------------

    async def head(self) -> LedgerHead:
        """Return the newest event's seq and hash, read from the file."""
        return await self._file.read(_head)

    async def find_reply(self, command: CommandReply) -> bytes | None:
        """Return the kept answer to a command, or None; the same refusal as `record`."""
        kept = await self._file.read(lambda db: kept_replies.find(db, command.command_id))
        return None if kept is None else _same_command(kept, command)

    async def events_after(
        self, seq: int, *, raw_max: int, count_max: int
    ) -> tuple[bytes, list[bytes]]:
        """Return the hash at `seq`'s end of the run and the canonical bytes that follow `seq`.

        At least one event when there is one; then as many as fit `raw_max` bytes. The hash
        is the one after the last event returned (after `seq` itself when none).
        """
        return await self._file.read(lambda db: _events_after(db, seq, raw_max, count_max))

    async def hash_at(self, seq: int) -> bytes | None:
        """Return the chain's hash at a seq; None when there is no such event."""
        return await self._file.read(lambda db: _hash_at(db, seq))

    async def sale_events(self, first_seq: int) -> list[StoredEvent]:
        """Return the events of the sale that begins at a seq, in order, of whichever till."""
        ((opened,),) = await self._rows("SELECT body FROM event WHERE seq = ?", (first_seq,))
        marker = f'"sale":"{msgspec.json.decode(opened)["data"]["sale"]}"'.encode()

        def query(connection: sqlite3.Connection) -> list[StoredEvent]:
            rows = connection.execute(
                "SELECT seq, body, hash FROM event WHERE seq >= ? AND instr(body, ?) > 0"
                " ORDER BY seq",
                (first_seq, marker),
            )
            return [StoredEvent(*row) for row in rows]

        return await self._file.read(query)

    async def tills(self) -> list[TillRow]:
        """Return what each till was in the middle of."""
        rows = await self._rows("SELECT till, receipts, open_seq, last_seq FROM till")
        return [TillRow(*row) for row in rows]

    async def tills_in_training(self) -> set[str]:
        """Return the tills that are in training."""
        return {till for (till,) in await self._rows("SELECT till FROM training")}

    async def parked(self) -> list[int]:
        """Return the first event of every sale that is parked, in the order of parking."""
        rows = await self._rows("SELECT first_seq FROM parked ORDER BY seq")
        return [first_seq for (first_seq,) in rows]

    async def card_desk(self) -> list[StoredEvent]:
        """Return what people settled of cards in doubt, and what contradicts it, in order."""
        rows = await self._rows(
            "SELECT seq, body, hash FROM event WHERE seq IN (SELECT reversal_seq FROM card_desk"
            " UNION SELECT resolved_seq FROM card_desk UNION SELECT alarm_seq FROM card_desk)"
            " ORDER BY seq"
        )
        return [StoredEvent(*row) for row in rows]

    async def open_jobs(self) -> list[OpenJob]:
        """Return the jobs that devices owe, oldest first."""
        rows = await self._rows(
            "SELECT job_id, kind, till, sale, device, attempt, deadline, args"
            " FROM device_job ORDER BY n"
        )
        jobs = [OpenJob(*row) for row in rows]
        return [msgspec.structs.replace(job, args=JOBS.unpack(job.args)) for job in jobs]

    async def enrolments(self) -> dict[str, str]:
        """Return the SHA-256 (hexadecimal) of each enrolled till's secret, by that hash: till."""
        rows = await self._rows("SELECT secret_sha256, till FROM enrolment")
        return dict(rows)

    async def sales_after(self, seq: int) -> int:
        """Return how many sales were completed after a seq."""
        rows = await self._rows("SELECT count(*) FROM sale WHERE seq > ?", (seq,))
        return int(rows[0][0])

    async def waiting_after(self, seq: int) -> tuple[int, int, int]:
        """Return what lies behind a seq: completed sales, their sum, the time of its first event.

        The sum is in the smallest unit of the store's currency; the time in ms since 1970 UTC, 0
        when nothing lies behind it.
        """

        def query(db: sqlite3.Connection) -> tuple[int, int, int]:
            sales, minor = db.execute(
                "SELECT count(*), coalesce(sum(total_minor), 0) FROM sale WHERE seq > ?", (seq,)
            ).fetchone()
            _, bodies = _events_after(db, seq, 1, 1)
            return int(sales), int(minor), unseal(bodies[0]).at if bodies else 0

        return await self._file.read(query)

    async def first_event_of_sales_after(self, seq: int) -> int | None:
        """Return the earliest event of the sales completed after a seq; None for no such sale."""
        ((first,),) = await self._rows("SELECT min(first_seq) FROM sale WHERE seq > ?", (seq,))
        return None if first is None else int(first)

    async def acknowledgement(self) -> tuple[int, bytes | None]:
        """Return the seq head office has accepted and its signed words, as last kept."""
        rows = await self._rows("SELECT accepted_seq, accepted FROM identity")
        return rows[0][0], rows[0][1]

    def keep_acknowledgement(self, seq: int, signed: bytes) -> None:
        """Keep head office's newest acknowledgement with the next commit.

        Losing it costs nothing but proof for a moment: head office owns the cursor.
        """
        self._file.write_lazily(
            lambda db: db.execute(
                "UPDATE identity SET accepted_seq = ?, accepted = ? WHERE accepted_seq <= ?",
                (seq, signed, seq),
            )
        )

    async def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        return await self._file.read(lambda db: db.execute(sql, parameters).fetchall())


def _head(connection: sqlite3.Connection) -> LedgerHead:
    row = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return LedgerHead(0, GENESIS) if row is None else LedgerHead(*row)


def _hash_at(connection: sqlite3.Connection, seq: int) -> bytes | None:
    if seq == 0:
        return GENESIS
    row = connection.execute("SELECT hash FROM event WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else row[0]


def _events_after(
    connection: sqlite3.Connection, seq: int, raw_max: int, count_max: int
) -> tuple[bytes, list[bytes]]:
    bodies: list[bytes] = []
    last = _hash_at(connection, seq) or GENESIS
    size = 0
    rows = connection.execute(
        "SELECT body, hash FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (seq, count_max)
    )
    for body, digest in rows:
        size += len(body) + 4
        if bodies and size > raw_max:
            break
        bodies.append(body)
        last = digest
    rows.close()
    return last, bodies


def _same_command(kept: tuple[bytes, bytes], command: CommandReply) -> bytes:
    fingerprint, reply = kept
    if fingerprint != command.fingerprint:
        raise Refused(
            "command_id_reused",
            f"The command id {command.command_id} was used for another command.",
            advice="Give every new wish an id of its own.",
        )
    return REPLIES.unpack(reply)


def _keep_reply(connection: sqlite3.Connection, reply: CommandReply, last_seq: int) -> bool:
    """Keep an answer; False when there is one to that command id."""
    packed = REPLIES.pack(reply.reply)
    return kept_replies.keep(connection, reply.command_id, reply.fingerprint, last_seq, packed)


def claim_sale(connection: sqlite3.Connection, sale: str, seq: int) -> None:
    """Let a sale's id name this sale alone: jobs, and head office, tell sales by their ids.

    It is kept beside the ids of commands, under a mark that those never have: made in the same
    moment, both stand on the same pages.
    """
    if not kept_replies.keep(connection, f"{sale}{SALE_MARK}", b"", seq, _NO_REPLY):
        raise Refused(
            "sale_id_reused",
            f"The sale id {sale} names another sale already.",
            advice="Give every new sale an id of its own.",
        )
