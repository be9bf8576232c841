"""Head office's branch, as far as it is fetched: a file beside the ledger while selling goes on.

It holds events that were checked when they came, and the generation once head office gave it. The
ledger is not touched before all of it is here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from edge.contract.envelope import link
from edge.contract.history_mending import GenerationGiven
from edge.contract.replication import Head
from edge.ledger.records import StoredEvent
from edge.runtime.database_file import DatabaseFile
from edge.runtime.migrations import Migration

Files = Callable[[Path, Sequence[Migration]], DatabaseFile]
"""What makes the file at a path, with its migrations."""
STAGE: Final = "mending.db"
"""Lies beside `ledger.db`; gone again once the ledger is mended."""
_SCHEMA: Final = (
    Migration(
        1,
        """
        CREATE TABLE fork (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            seq INTEGER NOT NULL,              -- the last event that both histories have
            hash BLOB NOT NULL,
            given BLOB                         -- JSON of head office's `GenerationGiven`
        ) STRICT;
        CREATE TABLE event (
            seq INTEGER PRIMARY KEY,           -- of head office's branch, from the fork on
            gen INTEGER NOT NULL,
            body BLOB NOT NULL,
            hash BLOB NOT NULL
        ) STRICT;
        """,
    ),
)


class Fork(NamedTuple):
    """The last event that both histories have, and its hash."""

    seq: int
    hash: bytes


class StagedBranch(NamedTuple):
    """What lies in a stage: where it begins, where it ends, and what head office gave for it.

    `head` has the generation of its newest event, 0 where there is none behind the fork.
    """

    fork: Fork
    head: Head
    given: GenerationGiven | None


@dataclass
class MendingStage:
    """The file; made at the first `begin`."""

    path: Path
    files: Files = DatabaseFile
    _file: DatabaseFile | None = field(default=None)

    async def open(self) -> StagedBranch | None:
        """Return what an earlier run left; None when nothing is under way."""
        if not self.path.exists():
            return None
        file = await self._opened()
        return await file.read(_staged)

    async def close(self) -> None:
        """Close the file; what is in it stays."""
        if self._file is not None:
            await self._file.close()
            self._file = None

    async def begin(self, fork: Fork, *, anew: bool = False) -> StagedBranch:
        """Begin behind a fork, or go on where that was begun.

        Another one's events are dropped, and those of this one too when it begins `anew`.
        """
        file = await self._opened()

        def unit(connection: sqlite3.Connection) -> StagedBranch:
            staged = _staged(connection)
            if anew or staged is None or staged.fork != fork:
                connection.execute("DELETE FROM event")
                connection.execute("DELETE FROM fork")
                connection.execute("INSERT INTO fork (one, seq, hash) VALUES (1, ?, ?)", fork)
            begun = _staged(connection)
            assert begun is not None  # noqa: S101 - it was just written
            return begun

        return await file.write(unit)

    async def put(self, gen: int, first_seq: int, before: bytes, bodies: list[bytes]) -> Head:
        """Keep checked events that follow what is here; return where the branch ends now."""
        file = await self._opened()
        rows = []
        previous = before
        for seq, body in enumerate(bodies, first_seq):
            previous = link(previous, body)
            rows.append((seq, gen, body, previous))

        def unit(connection: sqlite3.Connection) -> Head:
            connection.executemany(
                "INSERT INTO event (seq, gen, body, hash) VALUES (?, ?, ?, ?)", rows
            )
            staged = _staged(connection)
            assert staged is not None  # noqa: S101 - a stage is begun before anything is put
            return staged.head

        return await file.write(unit)

    async def give(self, given: GenerationGiven) -> None:
        """Keep the generation that head office gave for going on behind all this."""
        file = await self._opened()
        words = msgspec.json.encode(given)
        await file.write(
            lambda connection: connection.execute("UPDATE fork SET given = ?", (words,))
        )

    async def staged(self) -> StagedBranch | None:
        """Return what is here now."""
        return None if self._file is None else await self._file.read(_staged)

    async def hash_at(self, seq: int) -> bytes | None:
        """Return the chain's hash behind an event of the branch; None for one that is not here."""
        file = await self._opened()
        row = await file.read(
            lambda connection: connection.execute(
                "SELECT hash FROM event WHERE seq = ?", (seq,)
            ).fetchone()
        )
        return None if row is None else row[0]

    async def events_after(self, seq: int, count_max: int) -> list[StoredEvent]:
        """Return events of the branch in order."""
        file = await self._opened()
        rows = await file.read(
            lambda connection: connection.execute(
                "SELECT seq, body, hash FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
                (seq, count_max),
            ).fetchall()
        )
        return [StoredEvent(*row) for row in rows]

    async def _opened(self) -> DatabaseFile:
        if self._file is None:
            file = self.files(self.path, _SCHEMA)
            await file.open()
            self._file = file
        return self._file


def _staged(connection: sqlite3.Connection) -> StagedBranch | None:
    row = connection.execute("SELECT seq, hash, given FROM fork").fetchone()
    if row is None:
        return None
    seq, digest, words = row
    given = None if words is None else msgspec.json.decode(words, type=GenerationGiven)
    newest = connection.execute(
        "SELECT gen, seq, hash FROM event ORDER BY seq DESC LIMIT 1"
    ).fetchone() or (0, seq, digest)
    return StagedBranch(Fork(seq, digest), Head(newest[0], newest[1], newest[2].hex()), given)
