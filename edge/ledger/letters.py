"""Receipts by e-mail that wait for head office: written with their events, erased for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from edge.ledger.records import WaitingLetter
from edge.runtime.database_file import DatabaseFile


def keep_letters(connection: sqlite3.Connection, letters: Iterable[WaitingLetter]) -> None:
    """Write letters, in the transaction of the events that ask for them."""
    connection.executemany(
        "INSERT INTO letter (ref, receipt, asked_at, address, salt) VALUES (?, ?, ?, ?, ?)",
        [(each.ref, each.receipt, each.asked_at, each.address, each.salt) for each in letters],
    )


@dataclass(frozen=True)
class Letters:
    """Reads and erases letters in the ledger's file."""

    file: DatabaseFile

    async def after(self, n: int) -> WaitingLetter | None:
        """Return the first letter behind a place, or None."""
        row = await self.file.read(
            lambda connection: connection.execute(
                "SELECT ref, receipt, asked_at, address, salt, n FROM letter WHERE n > ?"
                " ORDER BY n LIMIT 1",
                (n,),
            ).fetchone()
        )
        return None if row is None else WaitingLetter(*row)

    async def erase(self, refs: Iterable[str]) -> None:
        """Erase letters, those that are gone already too; the pages hold zeros then."""

        def unit(connection: sqlite3.Connection) -> None:
            before = connection.execute("PRAGMA secure_delete").fetchone()[0]
            connection.execute("PRAGMA secure_delete = ON")
            connection.executemany("DELETE FROM letter WHERE ref = ?", [(ref,) for ref in refs])
            connection.execute(f"PRAGMA secure_delete = {int(before)}")

        await self.file.write(unit)
