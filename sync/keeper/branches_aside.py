"""Histories that were set aside here, because head office mended the history of their box.

What both have stays where it is; the rest of the old one is moved to tables of its own, in one
transaction with the box's new generation. Nothing of it is ever deleted: among it may be sales
that the box lost before head office had them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from edge.contract.envelope import GENESIS
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.replication import Head, MendedProof, parse_header
from edge.runtime.database_file import DatabaseFile
from sync.appending.event_store import Accepted, Conflict, StoredFrame
from sync.appending.ingest import Ingest
from sync.keeper.box_directory import KnownBox

TAKEN_UP: Final = "taken_up"
"""The box has all of it in a ledger that it set aside, and took up its sales again."""
THERE: Final = "there"
"""The new history has it, event for event."""
UNSURE: Final = "unsure"
"""Sales among it may be nowhere else."""
BRANCH_ASIDE: Final = "branch_aside"
"""The kind of the alarm of a box with a branch of which that is not known."""
_OVER: Final = ("fork", "behind", "frame_of_other_generation", "mended_unproven")
"""Alarms of a box whose history was not the one here: that is what was mended."""
_BRANCH: Final = (
    "n, store, gen, common_seq, head_gen, head_seq, lower(hex(head_hash)), next_gen, at, fate"
)
_FRAME: Final = "position, store, gen, first_seq, last_seq"
_MOVED: Final = f"{_FRAME}, last_hash, accepted_at, body"


class BranchAside(msgspec.Struct, frozen=True):
    """A history that ended at `head_seq`: what it had behind `common_seq` is set aside.

    `at` in ms since 1970 UTC.
    """

    n: int
    store: int
    gen: int
    common_seq: int
    head_gen: int
    head_seq: int
    head_hash: str
    next_gen: int
    at: int
    fate: str


@dataclass(frozen=True)
class BranchesAside:
    """The branches in `keep.db`."""

    file: DatabaseFile
    clock: Clock

    async def follow(self, box: KnownBox, proof: MendedProof, ingest: Ingest) -> BranchAside | None:
        """Let a box go on in the generation of its mended history; return what was set aside.

        `ingest` reads what is kept of it by now. Nobody may append to it meanwhile. None where all
        that is here belongs to the new history, too.
        """
        common, fate = await _common(proof, ingest)
        now = self.clock.now_ms()

        def unit(connection: sqlite3.Connection) -> BranchAside | None:
            aside = _set_aside(connection, box, common, fate, proof.gen, now)
            connection.execute(
                "UPDATE box SET gen = ?, box_seq = 0, behind_gen = ?, behind_seq = ?,"
                " behind_hash = ? WHERE number = ?",
                (proof.gen, proof.parent.gen, proof.parent.seq, proof.parent.hash, box.number),
            )
            connection.executemany(
                "DELETE FROM alarm WHERE store = ? AND kind = ?",
                [(box.number, kind) for kind in _OVER],
            )
            return aside

        return await self.file.write(unit)

    async def all(self) -> list[BranchAside]:
        """Return every branch, the oldest first."""
        rows = await self.file.read(
            lambda connection: connection.execute(
                f"SELECT {_BRANCH} FROM branch_aside ORDER BY n"  # noqa: S608 - a constant of ours
            ).fetchall()
        )
        return [BranchAside(*row) for row in rows]

    async def of(self, number: int, ingest: Ingest) -> list[BranchAside]:
        """Return the branches of a box, and of each whether the new history has it by now.

        `ingest` reads that one.
        """
        return [
            msgspec.structs.replace(each, fate=THERE)
            if await _is_at(ingest, each.head_seq, each.head_hash)
            else each
            for each in await self.all()
            if each.store == number
        ]

    async def look_again(self, number: int, ingest: Ingest) -> int:
        """Note of which branches of a box the new history has all by now.

        Return how far that has to come before there is more to note; 0 for nothing.
        """
        branches = await self.of(number, ingest)

        def unit(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE branch_aside SET fate = ? WHERE n = ?",
                [(THERE, each.n) for each in branches if each.fate == THERE],
            )
            connection.execute(
                "DELETE FROM alarm WHERE store = ?1 AND kind = ?2 AND NOT EXISTS"
                " (SELECT 1 FROM branch_aside WHERE store = ?1 AND fate = ?3)",
                (number, BRANCH_ASIDE, UNSURE),
            )

        if any(each.fate == THERE for each in branches):
            await self.file.write(unit)
        here = 0 if ingest.head is None else ingest.head.seq
        unsure = [each.head_seq for each in branches if each.fate == UNSURE]
        return max((seq for seq in unsure if seq > here), default=0)

    async def events(self, n: int) -> AsideEvents:
        """Return a branch as it was, to be read whole. Raises Refused for one that is not here."""
        branches = await self.all()
        wanted = next((each for each in branches if each.n == n), None)
        if wanted is None:
            known = ", ".join(str(each.n) for each in branches) or "none"
            raise Refused(
                "branch_unknown",
                f"No history {n} is set aside here; those that are: {known}.",
                advice="See `tillbox keep status`.",
            )
        later = [each for each in branches if each.store == wanted.store and each.n >= n]
        return AsideEvents(self.file, later)


async def _common(proof: MendedProof, ingest: Ingest) -> tuple[int, str]:
    """Return up to which event the new history has what is here, and what is sure of the rest.

    What is said of both is believed only where the chain here has the same hash: then it is the
    same up to there. Else all is taken anew.
    """
    here = ingest.head
    fate = TAKEN_UP if here is not None and here.seq == proof.branch.seq else UNSURE
    if here is not None and here.hash != proof.branch.hash:
        fate = UNSURE
    for seq, digest in ((proof.parent.seq, proof.parent.hash), (proof.fork_seq, proof.fork_hash)):
        if await _is_at(ingest, seq, digest):
            return seq, fate
    return 0, fate


async def _is_at(ingest: Ingest, seq: int, digest: str) -> bool:
    found = await ingest.hash_at(seq)
    return found is not None and found.hex() == digest


def _set_aside(
    connection: sqlite3.Connection, box: KnownBox, common: int, fate: str, gen: int, now: int
) -> BranchAside | None:
    """Move frames that reach behind the common part; the head is where the last one before ends."""
    head = connection.execute(
        "SELECT gen, seq, hash FROM head WHERE store = ?", (box.number,)
    ).fetchone()
    if head is None or head[1] <= common:
        return None
    kept = connection.execute(
        "SELECT gen, last_seq, last_hash FROM frame WHERE store = ? AND last_seq <= ?"
        " ORDER BY last_seq DESC LIMIT 1",
        (box.number, common),
    ).fetchone()
    upto = 0 if kept is None else kept[1]
    (n,) = connection.execute(
        "INSERT INTO branch_aside"
        " (store, gen, common_seq, head_gen, head_seq, head_hash, next_gen, at, fate)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING n",
        (box.number, box.gen, upto, *head, gen, now, fate),
    ).fetchone()
    connection.execute(
        f"INSERT INTO frame_aside (branch, {_MOVED}) SELECT ?, {_MOVED} FROM frame"  # noqa: S608 - constants of ours
        " WHERE store = ? AND last_seq > ?",
        (n, box.number, upto),
    )
    connection.execute("DELETE FROM frame WHERE store = ? AND last_seq > ?", (box.number, upto))
    connection.execute("DELETE FROM head WHERE store = ?", (box.number,))
    if kept is not None:
        connection.execute(
            "INSERT INTO head (store, gen, seq, hash) VALUES (?, ?, ?, ?)", (box.number, *kept)
        )
    words = (
        f"The history of box {box.slug} was mended. Its events {upto + 1} to {head[1]}, as they "
        "were kept here, are set aside: sales among them may be nowhere else. Write them to a "
        f"file (`tillbox keep export --set-aside {n}`) and call head office."
    )
    if fate == UNSURE:
        connection.execute(
            "INSERT INTO alarm (store, kind, words, first_at, last_at, count)"
            " VALUES (?1, ?2, ?3, ?4, ?4, 1) ON CONFLICT (store, kind) DO UPDATE SET"
            " words = excluded.words, last_at = excluded.last_at, count = count + 1",
            (box.number, BRANCH_ASIDE, words, now),
        )
    row = connection.execute(
        f"SELECT {_BRANCH} FROM branch_aside WHERE n = ?",  # noqa: S608 - a constant of ours
        (n,),
    ).fetchone()
    return BranchAside(*row)


@dataclass(frozen=True)
class AsideEvents:
    """A branch and, before it, what it had in common with those after it: read as one history.

    It is an event store that nobody appends to.
    """

    file: DatabaseFile
    branches: list[BranchAside]
    """The one that is read, and those of the same box that were set aside later."""

    identity = "set aside"
    partitions = range(1)

    def partition_of(self, store: int) -> int:  # noqa: ARG002 - there is only one
        """Return the one partition."""
        return 0

    async def append(
        self,
        store: int,
        gen: int,
        first_seq: int,  # noqa: ARG002 - an interface
        frame: bytes,  # noqa: ARG002 - likewise
        expected_head: Head,  # noqa: ARG002 - likewise
    ) -> Accepted | Conflict:
        """Keep nothing."""
        return Conflict(await self.head(store, gen))

    async def head(self, store: int, gen: int) -> Head:  # noqa: ARG002 - an interface
        """Return where the branch ended."""
        branch = self.branches[0]
        return Head(branch.head_gen, branch.head_seq, branch.head_hash)

    async def frame_at(self, store: int, gen: int, seq: int) -> tuple[bytes, StoredFrame] | None:  # noqa: ARG002 - an interface
        """Return the frame that holds an event, and the chain's hash before it; or None."""

        def query(connection: sqlite3.Connection) -> tuple[bytes, StoredFrame] | None:
            frame = self._frame(connection, store, seq)
            if frame is None:
                return None
            before = self._frame(connection, store, frame.first_seq - 1)
            return (parse_header(before.body).last_hash if before else GENESIS), frame

        return await self.file.read(query)

    async def read(self, partition: int, cursor: int, *, frames_max: int) -> list[StoredFrame]:  # noqa: ARG002 - an interface
        """Return nothing: it is read event by event."""
        return []

    async def newest(self, partition: int) -> int:  # noqa: ARG002 - an interface
        """Return 0."""
        return 0

    async def settled(self, store: int) -> int:  # noqa: ARG002 - an interface
        """Return 0: nothing is ever settled here."""
        return 0

    async def settle(self, upto: Mapping[int, int]) -> None:
        """Do nothing."""

    def _frame(self, connection: sqlite3.Connection, store: int, seq: int) -> StoredFrame | None:
        for branch in self.branches:
            if seq > branch.common_seq:
                row = connection.execute(
                    f"SELECT {_FRAME}, body FROM frame_aside"  # noqa: S608 - a constant of ours
                    " WHERE branch = ? AND first_seq <= ? AND last_seq >= ?",
                    (branch.n, seq, seq),
                ).fetchone()
                return None if row is None else StoredFrame(*row)
        row = connection.execute(
            f"SELECT {_FRAME}, body FROM frame"  # noqa: S608 - a constant of ours
            " WHERE store = ? AND first_seq <= ? AND last_seq >= ?",
            (store, seq, seq),
        ).fetchone()
        return None if row is None else StoredFrame(*row)
