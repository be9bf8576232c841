"""A ledger that was restored from an older copy, made whole again: one history out of two.

What head office has of the store stays, event for event; behind it, in the generation that head
office gave, follows what only this box has (`branch_merging` says what that is). It is made in a
file of its own, checked as `tillbox ledger verify` does, and only then takes the ledger's place by
one rename. The ledger that was there is set aside whole, readable, and never deleted. Killed at
any step, the same is done again at the next start, or is done.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from edge.contract.envelope import GENESIS, link
from edge.contract.errors import Refused
from edge.contract.history_mending import GenerationGiven
from edge.contract.instant import Clock
from edge.contract.mending_limits import MENDING_EVENTS_PER_COMMIT
from edge.contract.replication import Head, MendedProof
from edge.contract.system_events import HistoryMended
from edge.ledger.branch_merging import (
    BeforeFork,
    BranchEvent,
    OfficeBranch,
    OwnBranch,
    branch_event,
    fates_of,
)
from edge.ledger.branch_rewriting import (
    BranchWriter,
    GivenBeside,
    copied_beside,
    identity_of,
)
from edge.ledger.event_log import MIGRATIONS, BusinessCalendar
from edge.ledger.integrity import verify
from edge.ledger.mending_stage import STAGE, Files, Fork, MendingStage, StagedBranch
from edge.ledger.projections import project
from edge.ledger.records import LedgerIdentity
from edge.runtime.database_file import DatabaseFile

SET_ASIDE: Final = "set-aside"
"""The folder of ledgers that a mending left behind."""
_UNFINISHED: Final = "ledger.db.mended"
_MIB: Final = 1_048_576
_ROOM_FACTOR: Final = 2
"""The new ledger and its log while it is written."""
_BESIDE: Final = ("-wal", "-shm")


class Mended(NamedTuple):
    """What was made: the generation to go on in, and what became of both histories."""

    gen: int
    report: HistoryMended
    given: GenerationGiven | None = None
    """What head office signed; None of a mending by an older version."""

    @property
    def proof(self) -> MendedProof | None:
        """What shows a second copy that its history is to follow."""
        if self.given is None:
            return None
        report = self.report
        return MendedProof(
            self.gen,
            self.given.parent,
            self.given.at,
            self.given.signature,
            report.fork_seq,
            report.fork_hash,
            Head(report.branch_gen, report.branch_seq, report.branch_hash),
        )


def free_bytes(folder: Path) -> int:
    """Return the room on a folder's disk."""
    return shutil.disk_usage(folder).free


async def mend_ledger(
    folder: Path,
    box_key: str,
    clock: Clock,
    calendar: BusinessCalendar,
    room: Callable[[Path], int] = free_bytes,
    files: Files = DatabaseFile,
    events_per_commit: int = MENDING_EVENTS_PER_COMMIT,
) -> Mended | None:
    """Finish a mending that is ready in `folder`; None when there is nothing to do yet.

    What was fetched for another ledger than is here now is dropped. Nobody may have the ledger
    open. Raises Refused or StorageFailed with the ledger as it was.
    """
    stage = MendingStage(folder / STAGE, files)
    staged = await stage.open()
    try:
        if staged is None or staged.given is None:
            return None
        done = mended_here(folder / "ledger.db", box_key)
        if done is not None and done.gen >= staged.given.gen:
            mended = None  # the rename was the last thing before the end
        elif not _has(folder / "ledger.db", staged.fork):
            mended = None  # the ledger was put back once more: what it lacks now is fetched anew
        else:
            _check_room(folder, room(folder))
            mending = _Mending(
                folder, stage, staged, box_key, clock, calendar, files, events_per_commit
            )
            mended = await mending.run(staged.given.gen)
    finally:
        await stage.close()
    _remove(folder / STAGE)
    _sync_folder(folder)
    return mended


def mended_here(path: Path, box_key: str) -> Mended | None:
    """Return the newest mending of a ledger by the box with this key; None where there is none."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute(
                "SELECT gen, report FROM mended WHERE box_key = ? ORDER BY gen DESC LIMIT 1",
                (box_key,),
            ).fetchone()
    except sqlite3.Error:
        return None  # of an older version, or damaged: who opens it next says so
    if row is None:
        return None
    report = msgspec.json.decode(row[1], type=HistoryMended)
    return Mended(row[0], report, msgspec.json.decode(row[1], type=GivenBeside).given)


def _has(path: Path, fork: Fork) -> bool:
    """Say whether a ledger has the event behind which a branch was fetched."""
    if fork.seq == 0:
        return True
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT hash FROM event WHERE seq = ?", (fork.seq,)).fetchone()
    except sqlite3.Error:
        return True  # damaged, or not there: whoever opens it says so
    return row is not None and row[0] == fork.hash


@dataclass
class _Mending:
    folder: Path
    stage: MendingStage
    staged: StagedBranch
    box_key: str
    clock: Clock
    calendar: BusinessCalendar
    files: Files
    events_per_commit: int

    async def run(self, gen: int) -> Mended:
        path, unfinished = self.folder / "ledger.db", self.folder / _UNFINISHED
        _remove(unfinished)
        own = self.files(path, MIGRATIONS)
        await own.open()
        try:
            set_aside = await self._name_aside(own)
            made = self.files(unfinished, MIGRATIONS)
            await made.open()
            try:
                report = await self._make(own, made, gen, set_aside)
            finally:
                await made.close()
        finally:
            await own.close()
        verdict = await asyncio.to_thread(verify, unfinished)  # the loop turns meanwhile
        if not verdict.whole:
            raise _unmendable(f"What was made of it is not whole: {verdict.reason}.")
        _check_closed(path)
        _check_closed(unfinished)
        kept = self.folder / SET_ASIDE / set_aside
        kept.parent.mkdir(exist_ok=True)
        if not kept.exists():
            os.link(path, kept)
        _sync_folder(kept.parent)
        unfinished.replace(path)
        _sync_folder(self.folder)
        return Mended(gen, report, self.staged.given)

    async def _name_aside(self, own: DatabaseFile) -> str:
        """Return a name that no other ledger gets, and this one again when it is begun anew."""
        head = await own.read(_head)
        gen = await own.read(lambda db: db.execute("SELECT gen FROM identity").fetchone()[0])
        return f"ledger-gen{gen}-{head[0]}-{head[1].hex()[:12]}.db"

    async def _make(
        self, own: DatabaseFile, made: DatabaseFile, gen: int, set_aside: str
    ) -> HistoryMended:
        fork = self.staged.fork
        branch = OwnBranch()
        async for events in self._pages(own, fork.seq):
            for event in events:
                branch.take(event)
        before = BeforeFork(branch.begun_before)
        await self._copy_common(own, made, before)
        office = OfficeBranch()
        await self._copy_office(made, office)
        store, number = await own.read(identity_of)
        identity = LedgerIdentity(store, number, gen)
        fates = fates_of(branch, before, office, fork.hash)
        writer = BranchWriter(
            made,
            identity,
            fates.of,
            fates.names,
            before,
            office,
            self.clock,
            self.calendar,
        )
        await writer.begin(self._parent())
        async for events in self._pages(own, fork.seq):
            await writer.take(events)
        head = await own.read(_head)
        old_gen = await own.read(lambda db: db.execute("SELECT gen FROM identity").fetchone()[0])
        report = await writer.end(
            HistoryMended(
                fork_seq=fork.seq,
                fork_hash=fork.hash.hex(),
                branch_gen=old_gen,
                branch_seq=head[0],
                branch_hash=head[1].hex(),
                set_aside=f"{SET_ASIDE}/{set_aside}",
                events_back=office.events,
                sales_back=office.completed,
            )
        )
        beside = await own.read(
            lambda db: copied_beside(db, fork.seq, writer.places, writer.names, writer.fates)
        )
        parent = self._parent()
        await made.write(
            lambda db: beside.write(
                db, identity, parent, self.box_key, report, office, self.staged.given
            )
        )
        return report

    def _parent(self) -> Head:
        given = self.staged.given
        if given is None:
            raise _unmendable("Head office has given it no generation.")
        return given.parent

    async def _copy_common(self, own: DatabaseFile, made: DatabaseFile, before: BeforeFork) -> None:
        """Write what both have, as it is; what it hashes to is checked once more."""
        fork = self.staged.fork
        previous = GENESIS
        async for events in self._pages(own, 0, fork.seq):
            for event in events:
                before.take(event)
            previous = await made.write(partial(_write_as_is, events=events, previous=previous))
        if previous != fork.hash:
            raise _unmendable(f"It has another event {fork.seq} than when this was begun.")

    async def _copy_office(self, made: DatabaseFile, office: OfficeBranch) -> None:
        head, seq = self.staged.head, self.staged.fork.seq
        previous = self.staged.fork.hash
        while rows := await self.stage.events_after(seq, self.events_per_commit):
            events = [branch_event(row.seq, row.body, row.hash) for row in rows]
            for event in events:
                office.take(event)
            previous = await made.write(partial(_write_as_is, events=events, previous=previous))
            seq = rows[-1].seq
        parent = self._parent()
        if (seq, previous.hex()) != (parent.seq, parent.hash):
            raise _unmendable(f"What came from head office does not end as it said: at {head.seq}.")

    async def _pages(
        self, own: DatabaseFile, after: int, upto: int = 2**62
    ) -> AsyncIterator[list[BranchEvent]]:
        count_max = self.events_per_commit
        while rows := await own.read(partial(_page, after=after, upto=upto, count_max=count_max)):
            yield [branch_event(*row) for row in rows]
            after = rows[-1][0]


def _page(
    connection: sqlite3.Connection, after: int, upto: int, count_max: int
) -> list[tuple[int, bytes, bytes]]:
    return connection.execute(
        "SELECT seq, body, hash FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        (after, upto, count_max),
    ).fetchall()


def _write_as_is(
    connection: sqlite3.Connection, events: list[BranchEvent], previous: bytes
) -> bytes:
    for event in events:
        previous = link(previous, event.body)
        if previous != event.hash:
            raise _unmendable(f"Event {event.seq} does not fit its hash.")
        connection.execute(
            "INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)",
            (event.seq, event.body, previous),
        )
        known = event.sealed.event()
        if known is not None:
            project(connection, known, event.sealed.till, event.seq)
    return previous


def _head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    row = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, GENESIS) if row is None else (row[0], row[1])


def _check_room(folder: Path, free: int) -> None:
    """Raise Refused where the new ledger would fill the disk: it is as large as all there is."""
    parts = [each for name in ("ledger.db*", f"{STAGE}*") for each in folder.glob(name)]
    needed = _ROOM_FACTOR * sum(each.stat().st_size for each in parts)
    if free < needed:
        raise Refused(
            "no_room_to_mend",
            f"This box's history is back; to put it in its place takes {needed // _MIB} MiB, and "
            f"{free // _MIB} MiB are free.",
            advice="Make room on the disk and start the box again; selling goes on.",
        )


def _check_closed(path: Path) -> None:
    """Raise Refused where something of a file still stands beside it: somebody has it open.

    What is empty there was left by who looked into it, and must not meet another file.
    """
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and wal.stat().st_size:
        raise _unmendable(f"Another program has {path.name} open.")
    for end in _BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)


def _remove(path: Path) -> None:
    for end in ("", *_BESIDE):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unmendable(why: str) -> Refused:
    return Refused(
        "history_unmendable",
        f"This box's history cannot be mended: {why}",
        advice="Nothing was changed, and selling goes on. Keep a copy of the box's data folder and "
        "call head office.",
    )
