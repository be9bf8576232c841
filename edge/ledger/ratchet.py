"""Head office's token in the ledger's file: what is put back with it, is older with it."""

from __future__ import annotations

from dataclasses import dataclass

from edge.runtime.database_file import DatabaseFile


@dataclass(frozen=True)
class LedgerToken:
    """Reads and keeps the token."""

    file: DatabaseFile

    async def read(self) -> str:
        """Return the token; empty where none was ever kept."""
        row = await self.file.read(
            lambda connection: connection.execute("SELECT token FROM ratchet").fetchone()
        )
        return "" if row is None else str(row[0])

    async def keep(self, token: str) -> None:
        """Keep a token; it is on disk when this returns. Raises StorageFailed, Refused (busy)."""
        await self.file.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO ratchet (one, token) VALUES (1, ?)", (token,)
            )
        )
