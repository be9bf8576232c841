"""devices.db: which jobs were begun here and how they ended, so that each runs at most once.

What costs an fsync and what does not:
- `begin` is on disk before the device is touched: one commit per job that must not run
  twice (print, drawer, payment). Inquiries, aborts and health checks are never written.
- The end of a print or drawer job rides in the next commit. A power cut before it leaves
  the job `begun`, which answers "unknown": true, and edge has the result long since.
- The end of a payment, a refusal by inquiry and a driver's notes are on disk at once:
  money hangs on them.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import msgspec

from edge.contract.device_limits import (
    JOB_MEMORY_DAYS,
    RECENT_RESULTS_MAX,
)
from edge.contract.device_messages import JobError, JobKind, JobResult, JobStatus
from edge.contract.instant import Clock
from edge.runtime.database_file import DatabaseFile
from edge.runtime.migrations import Migration

_DAY_MS: Final = 86_400_000

MIGRATIONS: Final = (
    Migration(
        1,
        """
        CREATE TABLE job (
            id TEXT PRIMARY KEY,
            device TEXT NOT NULL,
            kind TEXT NOT NULL,
            stage INTEGER NOT NULL,  -- 1 begun, 2 finished, 3 refused
            at_ms INTEGER NOT NULL,
            result BLOB
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE note (
            job TEXT NOT NULL,
            name TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (job, name)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
)


_BEGIN: Final = "INSERT OR IGNORE INTO job (id, device, kind, stage, at_ms) VALUES (?, ?, ?, ?, ?)"


class Stage(IntEnum):
    """How far a job got."""

    BEGUN = 1
    FINISHED = 2
    REFUSED = 3
    """An inquiry came first: it can never be begun any more."""


@dataclass(frozen=True)
class KnownJob:
    """What is on record. `result` is there once the job is finished."""

    id: str
    device: str
    kind: str
    stage: Stage
    result: JobResult | None = None


class JobJournal:
    """The record of jobs in one database file; `open` before use, `close` after."""

    def __init__(self, file: DatabaseFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._recent: OrderedDict[str, KnownJob] = OrderedDict()
        self._unwritten = 0

    async def open(self) -> tuple[KnownJob, ...]:
        """Open the file and return the jobs that a crash broke off, now ended as `unknown`."""
        await self._file.open()
        return await self._file.write(self._end_broken_off)

    async def close(self) -> None:
        """Write what is unwritten and close."""
        await self._file.close()

    def recent(self, job_id: str) -> KnownJob | None:
        """Return a job of the last while from memory, without touching the disk."""
        return self._recent.get(job_id)

    async def find(self, job_id: str) -> KnownJob | None:
        """Return what is on record of a job, or None if it was never begun here."""
        return self._recent.get(job_id) or await self._file.read(lambda db: _find(db, job_id))

    async def begin(self, job_id: str, device: str, kind: JobKind) -> KnownJob | None:
        """Put on disk that a job begins; None when it may, else what is on record of it."""
        now = self._clock.now_ms()

        def unit(db: sqlite3.Connection) -> KnownJob | None:
            row = (job_id, device, kind.value, Stage.BEGUN.value, now)
            return None if db.execute(_BEGIN, row).rowcount else _find(db, job_id)

        if (known := self._recent.get(job_id)) is not None:
            return known
        self._unwritten = 0  # what is unwritten rides along
        return await self._file.write(unit)

    async def finish(self, device: str, kind: JobKind, result: JobResult, *, now: bool) -> None:
        """Record how a begun job ended; `now`: on disk when this returns."""
        known = KnownJob(result.id, device, kind, Stage.FINISHED, result)
        at_ms = self._clock.now_ms()
        self._keep(known)
        if now:
            await self._file.write(lambda db: _put(db, known, at_ms))
        else:
            self._unwritten += 1
            self._file.write_lazily(lambda db: _put(db, known, at_ms))

    async def refuse(self, job_id: str, device: str, kind: JobKind) -> KnownJob | None:
        """Put on disk that a job was never begun and never will be; see `begin`."""
        refused = KnownJob(job_id, device, kind, Stage.REFUSED)
        at_ms = self._clock.now_ms()

        def unit(db: sqlite3.Connection) -> KnownJob | None:
            known = _find(db, job_id)
            if known is None:
                _put(db, refused, at_ms)
            return known

        return self._recent.get(job_id) or await self._file.write(unit)

    async def remember(self, job_id: str, name: str, value: bytes) -> None:
        """Keep a driver's note of a job; on disk when this returns."""
        row = (job_id, name, self._clock.now_ms(), value)
        sql = "INSERT OR REPLACE INTO note (job, name, at_ms, value) VALUES (?, ?, ?, ?)"
        await self._file.write(lambda db: db.execute(sql, row).rowcount)

    async def recall(self, job_id: str, name: str) -> bytes | None:
        """Return a driver's note of a job, or None."""
        sql = "SELECT value FROM note WHERE job = ? AND name = ?"
        row = await self._file.read(lambda db: db.execute(sql, (job_id, name)).fetchone())
        return None if row is None else bytes(row[0])

    async def tidy(self) -> None:
        """Write what still waits for a commit and forget what is older than the memory."""
        if self._unwritten:
            self._unwritten = 0
            await self._file.write(self._prune)

    def _keep(self, known: KnownJob) -> None:
        self._recent[known.id] = known
        while len(self._recent) > RECENT_RESULTS_MAX:
            self._recent.popitem(last=False)

    def _prune(self, db: sqlite3.Connection) -> None:
        before = self._clock.now_ms() - JOB_MEMORY_DAYS * _DAY_MS
        db.execute("DELETE FROM job WHERE at_ms < ?", (before,))
        db.execute("DELETE FROM note WHERE at_ms < ?", (before,))

    def _end_broken_off(self, db: sqlite3.Connection) -> tuple[KnownJob, ...]:
        self._prune(db)
        rows = db.execute("SELECT id, device, kind FROM job WHERE stage = ?", (Stage.BEGUN,))
        now = self._clock.now_ms()
        ended = []
        for job_id, device, kind in rows.fetchall():
            error = JobError(
                "broken_off",
                f"The devices service stopped while it worked on this job ({kind}).",
                advice="Look at the device: it may or may not have been done.",
            )
            result = JobResult(job_id, JobStatus.UNKNOWN, now, error=error)
            ended.append(KnownJob(job_id, device, kind, Stage.FINISHED, result))
            _put(db, ended[-1], now)
        return tuple(ended)


def _find(db: sqlite3.Connection, job_id: str) -> KnownJob | None:
    row = db.execute(
        "SELECT device, kind, stage, result FROM job WHERE id = ?", (job_id,)
    ).fetchone()
    if row is None:
        return None
    device, kind, stage, raw = row
    result = None if raw is None else msgspec.json.decode(raw, type=JobResult)
    return KnownJob(job_id, device, kind, Stage(stage), result)


def _put(db: sqlite3.Connection, job: KnownJob, at_ms: int) -> None:
    raw = None if job.result is None else msgspec.json.encode(job.result)
    db.execute(
        "INSERT OR REPLACE INTO job VALUES (?, ?, ?, ?, ?, ?)",
        (job.id, job.device, job.kind, job.stage.value, at_ms, raw),
    )
