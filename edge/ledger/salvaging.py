"""What a box sold late is taken from its disk into the ledger of the box that has its place.

A burnt box that was not burnt, or the second one of two with one key: its ledger has sales that
nobody else has. Here nothing changes but that they follow behind the newest event, each with its
origin (`branch_merging` says which); so head office takes them as it takes any sale. It is made in
a copy, checked as `tillbox ledger verify` does, and takes the ledger's place by one rename: killed
at any step, the same is done once more. Done twice, the second time finds nothing new.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from edge.contract.envelope import GENESIS
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.mending_limits import MENDING_EVENTS_PER_COMMIT
from edge.contract.replication import Head
from edge.contract.system_events import SurvivorSalvaged
from edge.ledger.branch_merging import (
    BeforeFork,
    BranchEvent,
    Fate,
    OfficeBranch,
    OwnBranch,
    branch_event,
    fates_of,
)
from edge.ledger.branch_rewriting import BranchWriter, open_sales
from edge.ledger.event_log import MIGRATIONS, BusinessCalendar, claim_sale
from edge.ledger.integrity import NotALedgerError, open_ledger, verify
from edge.ledger.mending import SET_ASIDE
from edge.ledger.records import LedgerIdentity
from edge.runtime.database_file import DatabaseFile

_CARRIED: Final = frozenset({"no_sale", "drawer_opened"})
"""Kinds that are written again beside what is told of a sale. What a box tells of itself, its
tills and its people stays in the file that is kept: a till enrolled there is none of this one."""
_UNFINISHED: Final = "ledger.db.salvaged"
_LOCK_S: Final = 1.0
"""A box that runs holds its ledger all the time; what looks into it is gone by then."""


async def salvage_ledger(
    folder: Path, survivor: Path, clock: Clock, calendar: BusinessCalendar
) -> SurvivorSalvaged | None:
    """Take what only the ledger `survivor` has into that in `folder`; None for nothing new.

    Raises Refused, with everything as it was, while a box has the ledger open, for a ledger that is
    not whole, one of another store, and one of a later generation.
    """
    path, unfinished = folder / "ledger.db", folder / _UNFINISHED
    _remove(unfinished)
    with _held(path) as own:
        identity = _identity(own)
        kept = await asyncio.to_thread(_kept_aside, folder, survivor, identity)
        _copy(own, unfinished)
        try:
            report = await _make(unfinished, kept, identity, clock, calendar)
            if report is None:
                return None
            verdict = await asyncio.to_thread(verify, unfinished)
            if not verdict.whole:
                raise _refused(f"What was made of both is not whole: {verdict.reason}.")
            _sync(unfinished)
            unfinished.replace(path)
            _sync(folder)
        finally:
            _remove(unfinished)
    return report


@contextmanager
def _held(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold a ledger that nobody has open, for a block. Raises Refused."""
    if not path.exists():
        raise _refused(f"There is no ledger at {path}.")
    with closing(sqlite3.connect(path, timeout=_LOCK_S, isolation_level=None)) as own:
        try:
            own.execute("PRAGMA locking_mode = EXCLUSIVE")
            own.execute("BEGIN EXCLUSIVE")
            own.execute("COMMIT")
            ((left_over, *_),) = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            raise Refused(
                "ledger_in_use",
                f"{path} is in use ({error}).",
                advice="Stop the box (`tillbox edge`), salvage, and start it again.",
            ) from None
        if left_over:  # what stands in its log must not meet the file that takes its place
            raise _refused(f"The log beside {path} cannot be written back.")
        yield own


def _identity(own: sqlite3.Connection) -> LedgerIdentity:
    row = own.execute("SELECT store, store_number, gen FROM identity").fetchone()
    if row is None:
        raise _refused("This box's ledger was never used.")
    return LedgerIdentity(*row)


def _kept_aside(folder: Path, survivor: Path, identity: LedgerIdentity) -> Path:
    """Return a copy of the survivor's ledger beside this one, for good, after a look through it."""
    try:
        verdict = verify(survivor)
    except NotALedgerError as error:
        raise _refused(f"{error}.") from None
    if not verdict.whole:
        raise _refused(f"{survivor} is not whole: {verdict.reason}.")
    if (verdict.store, verdict.store_number) != (identity.store, identity.store_number):
        raise _refused(
            f"{survivor} is of store {verdict.store} ({verdict.store_number}), this box of "
            f"{identity.store} ({identity.store_number})."
        )
    if verdict.gen > identity.gen:
        raise _refused(
            f"{survivor} is of generation {verdict.gen}, which is later than this box's "
            f"{identity.gen}: it is that one which has the shop's place."
        )
    name = f"late-gen{verdict.gen}-{verdict.head_seq}-{verdict.head_hash[:12]}.db"
    kept = folder / SET_ASIDE / name
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        draft = kept.with_name(f"{name}.draft")
        draft.unlink(missing_ok=True)
        with open_ledger(survivor) as there:
            _copy(there, draft)
        _sync(draft)
        draft.replace(kept)
        _sync(kept.parent)
    return kept


def _copy(there: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as copy:
        there.backup(copy)


async def _make(
    path: Path, kept: Path, identity: LedgerIdentity, clock: Clock, calendar: BusinessCalendar
) -> SurvivorSalvaged | None:
    made = DatabaseFile(path, MIGRATIONS)
    looked_into = path.with_name(f"{path.name}.survivor")
    _remove(looked_into)
    shutil.copyfile(kept, looked_into)  # brought up to this program's tables; what is kept is not
    late = DatabaseFile(looked_into, MIGRATIONS)
    await made.open()
    try:
        await late.open()
        try:
            return await _merge(made, late, kept, identity, clock, calendar)
        finally:
            await late.close()
            _remove(looked_into)
    finally:
        await made.close()


async def _merge(
    made: DatabaseFile,
    late: DatabaseFile,
    kept: Path,
    identity: LedgerIdentity,
    clock: Clock,
    calendar: BusinessCalendar,
) -> SurvivorSalvaged | None:
    head, end = await made.read(_head), await late.read(_head)
    fork = await _fork(made, late, min(head.seq, end.seq))
    if fork.seq == end.seq:
        return None
    branch, before = await _look_through(late, fork.seq, end.seq)
    here = OfficeBranch()
    async for events in _pages(made, fork.seq, head.seq):
        for event in events:
            here.take(event)
    fates = fates_of(branch, before, here, bytes.fromhex(fork.hash))
    writer = BranchWriter(
        made,
        identity,
        fates.of,
        fates.names,
        before,
        here,
        clock,
        calendar,
        keeps_open=await made.read(open_sales),
    )
    writer.stand_behind(head)
    async for events in _pages(late, fork.seq, end.seq):
        await writer.take([each for each in events if each.sale or each.sealed.type in _CARRIED])
    report = await writer.end(
        SurvivorSalvaged(
            fork_seq=fork.seq,
            fork_hash=fork.hash,
            branch_gen=end.gen,
            branch_seq=end.seq,
            branch_hash=end.hash,
            set_aside=f"{SET_ASIDE}/{kept.name}",
        )
    )
    if not writer.written:
        return None  # whatever was counted is in a copy that nobody keeps
    again = [sale for sale, fate in fates.of.items() if fate is Fate.AGAIN]

    def claim(connection: sqlite3.Connection) -> None:
        for sale in (*again, *(new for _, new in writer.names)):
            with suppress(Refused):  # it names its sale already
                claim_sale(connection, sale, head.seq)

    await made.write(claim)
    return report


async def _look_through(
    late: DatabaseFile, fork_seq: int, upto: int
) -> tuple[OwnBranch, BeforeFork]:
    """Return which sales stand behind the fork, and what stands before it of those."""
    branch = OwnBranch()
    async for events in _pages(late, fork_seq, upto):
        for event in events:
            branch.take(event)
    before = BeforeFork(branch.begun_before)
    async for events in _pages(late, 0, fork_seq):
        for event in events:
            before.take(event)
    return branch, before


async def _fork(made: DatabaseFile, late: DatabaseFile, upto: int) -> Head:
    """Return the last event that both have: half of what is left with each look."""
    same, doubtful = 0, upto
    while same < doubtful:
        middle = (same + doubtful + 1) // 2
        if await _hash_at(made, middle) == await _hash_at(late, middle):
            same = middle
        else:
            doubtful = middle - 1
    return Head(0, same, (await _hash_at(made, same)).hex())


async def _hash_at(file: DatabaseFile, seq: int) -> bytes:
    if seq == 0:
        return GENESIS
    row = await file.read(
        lambda db: db.execute("SELECT hash FROM event WHERE seq = ?", (seq,)).fetchone()
    )
    return b"" if row is None else bytes(row[0])


async def _pages(file: DatabaseFile, after: int, upto: int) -> AsyncIterator[list[BranchEvent]]:
    while after < upto:
        first, last = after, min(after + MENDING_EVENTS_PER_COMMIT, upto)

        def query(
            connection: sqlite3.Connection, first: int = first, last: int = last
        ) -> list[tuple[int, bytes, bytes]]:
            return connection.execute(
                "SELECT seq, body, hash FROM event WHERE seq > ? AND seq <= ? ORDER BY seq",
                (first, last),
            ).fetchall()

        yield [branch_event(*row) for row in await file.read(query)]
        after = last


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute(
        "SELECT seq, hash, body FROM event ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return Head(0, 0, GENESIS.hex())
    return Head(branch_event(row[0], row[2], row[1]).sealed.gen, row[0], row[1].hex())


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(why: str) -> Refused:
    return Refused(
        "survivor_unusable",
        f"Nothing can be salvaged: {why}",
        advice="Nothing was changed. Keep that disk as it is and call head office.",
    )
