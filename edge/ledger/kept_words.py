"""The signed words of second copies in the shop, beside head office's acknowledgement."""

from __future__ import annotations

from dataclasses import dataclass

from edge.runtime.database_file import DatabaseFile


@dataclass(frozen=True)
class KeptWords:
    """Reads and keeps the newest word of each keeper in the ledger's file."""

    file: DatabaseFile

    async def seqs(self) -> dict[str, int]:
        """Return up to which event each keeper has everything, by its public key."""
        rows = await self.file.read(
            lambda connection: connection.execute("SELECT keeper, seq FROM kept_copy").fetchall()
        )
        return dict(rows)

    def keep(self, keeper: str, seq: int, word: bytes) -> None:
        """Keep a keeper's word with the next commit: lost, it says it again."""
        self.file.write_lazily(
            lambda connection: connection.execute(
                "INSERT INTO kept_copy (keeper, seq, kept) VALUES (?, ?, ?)"
                " ON CONFLICT (keeper) DO UPDATE SET seq = excluded.seq, kept = excluded.kept"
                " WHERE excluded.seq >= kept_copy.seq",
                (keeper, seq, word),
            )
        )
