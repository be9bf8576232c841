"""What the ledger knows of fiscal signatures: of a sale, and of transactions that stand open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from edge.contract.envelope import unseal
from edge.contract.fiscal_events import FiscalMissed, FiscalSigned
from edge.runtime.database_file import DatabaseFile


class HeldOpen(NamedTuple):
    """A transaction that the device holds open for a sale, as far as is known."""

    sale: str
    client: str
    transaction: int
    started_at: int
    opened_seq: int


@dataclass(frozen=True)
class FiscalRecords:
    """Answers over the ledger's file."""

    file: DatabaseFile

    async def held_open(self) -> list[HeldOpen]:
        """Return what stands open, oldest sale first."""
        rows = await self.file.read(
            lambda db: db.execute(
                "SELECT sale, client, transaction_no, started_at, opened_seq FROM fiscal"
                " WHERE open = 1 ORDER BY opened_seq"
            ).fetchall()
        )
        return [HeldOpen(*row) for row in rows]

    async def any(self) -> bool:
        """Say whether any sale had to do with a security device."""
        rows = await self.file.read(
            lambda db: db.execute("SELECT 1 FROM fiscal LIMIT 1").fetchall()
        )
        return bool(rows)

    async def outcome(self, sale: str) -> FiscalSigned | FiscalMissed | None:
        """Return how a sale's signature ended last; None when it has not, or never began."""
        row = await self.file.read(
            lambda db: db.execute(
                "SELECT body FROM event WHERE seq ="
                " (SELECT outcome_seq FROM fiscal WHERE sale = ? AND outcome_seq > 0)",
                (sale,),
            ).fetchone()
        )
        event = None if row is None else unseal(row[0]).event()
        return event if isinstance(event, FiscalSigned | FiscalMissed) else None
