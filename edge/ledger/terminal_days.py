"""The days of payment terminals, and what was asked of a terminal in the one that is open."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from edge.contract.terminal_day_events import TerminalDayAsked, TerminalDayEnded
from edge.ledger.records import StoredEvent
from edge.runtime.database_file import DatabaseFile

_CLOSED: Final = "closed"


@dataclass(frozen=True)
class TerminalDayRecords:
    """Answers about terminals' days, over the ledger's file."""

    file: DatabaseFile

    async def ended(self) -> list[StoredEvent]:
        """Return how the newest day that ended of each terminal did, in order."""
        return await self._events(
            "SELECT seq, body, hash FROM event"
            " WHERE seq IN (SELECT ended_seq FROM terminal_day) ORDER BY seq"
        )

    async def card_events(self, terminal: str) -> list[StoredEvent]:
        """Return what was asked of all terminals, and came of it, since the open day of this one.

        The first day of a terminal begins with the ledger. No index is kept for it, since every
        sale would pay for what is asked once a day: the events of the day are read through.
        """
        return await self._events(
            "SELECT seq, body, hash FROM event WHERE seq > coalesce("
            "(SELECT since_seq FROM terminal_day WHERE terminal = ?), 0)"
            " AND (instr(body, ?) > 0 OR instr(body, ?) > 0) ORDER BY seq",
            terminal,
            b'"type":"card_',
            b'"type":"terminal_day_asked"',
        )

    async def _events(self, sql: str, *parameters: object) -> list[StoredEvent]:
        def query(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(sql, parameters).fetchall()

        return [StoredEvent(*row) for row in await self.file.read(query)]


def asked(connection: sqlite3.Connection, event: TerminalDayAsked, _: str, seq: int) -> None:
    """Project that a terminal's day is being ended."""
    connection.execute(
        "INSERT INTO terminal_day (terminal, asked_seq, ended_seq, since_seq) VALUES (?, ?, 0, 0)"
        " ON CONFLICT (terminal) DO UPDATE SET asked_seq = excluded.asked_seq",
        (event.terminal, seq),
    )


def ended(connection: sqlite3.Connection, event: TerminalDayEnded, _: str, seq: int) -> None:
    """Project how it ended: a closed one begins the next where it was asked for."""
    connection.execute(
        "UPDATE terminal_day SET ended_seq = ?,"
        " since_seq = CASE WHEN ? THEN asked_seq ELSE since_seq END WHERE terminal = ?",
        (seq, event.outcome == _CLOSED, event.terminal),
    )
