"""Forward-only numbered steps of SQL for PostgreSQL, as `edge.runtime.migrations` has for SQLite.

Table `migration` says which ran, with the SHA-256 of each as it was then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge.contract.errors import StorageFailed
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import SCHEMA, Connection, in_words

_ONE_AT_A_TIME: Final = 0x7111_B0C5_0000_0001
_TABLE: Final = (
    "CREATE TABLE migration (version integer PRIMARY KEY, sha256 text NOT NULL,"
    " applied_at timestamptz NOT NULL DEFAULT now())"
)


@dataclass(frozen=True)
class PostgresMigration:
    """The step from `version - 1` to `version`: SQL that runs in one transaction.

    `then` does in the same transaction what a file cannot say.
    """

    version: int
    script: str
    then: Callable[[Connection], Awaitable[None]] | None = None

    @property
    def sha256(self) -> str:
        """What table `migration` keeps of the script."""
        return hashlib.sha256(self.script.encode()).hexdigest()


async def migrate(
    connection: Connection,
    address: PostgresAddress,
    migrations: Sequence[PostgresMigration],
    schema: str = SCHEMA,
) -> int:
    """Bring the schema to the newest version, one transaction a step; return how many ran.

    The connection is one whose tables by name are those of `schema`.

    Raises StorageFailed when it is newer than this program, or was made by other scripts;
    EventStoreAway when a step fails, which leaves the schema at the version before it.
    """
    with in_words(address):
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
            # IF NOT EXISTS asks for the right to make one even where it is there
            if await connection.fetchval("SELECT to_regnamespace($1)::text", schema) is None:
                await connection.execute(f"CREATE SCHEMA {schema}")
            if await connection.fetchval("SELECT to_regclass($1)::text", f"{schema}.migration"):
                rows = await connection.fetch("SELECT version, sha256 FROM migration")
            else:
                await connection.execute(_TABLE)
                rows = []
    there = {row["version"]: row["sha256"] for row in rows}
    _compare(there, migrations, address)
    missing = [each for each in migrations if each.version not in there]
    for migration in missing:
        with in_words(address):
            await _step(connection, migration)
    return len(missing)


def _compare(
    there: dict[int, str], migrations: Sequence[PostgresMigration], address: PostgresAddress
) -> None:
    newest = max(there, default=0)
    if newest > len(migrations):
        raise StorageFailed(
            "database_newer",
            f"{address.words} has version {newest}; this program knows {len(migrations)}.",
            advice="Start the newer version of Tillbox, or restore the copy made before it.",
        )
    for migration in migrations[:newest]:
        if there.get(migration.version) != migration.sha256:
            raise StorageFailed(
                "database_differs",
                f"{address.words} was brought to version {migration.version} by another "
                "script than this program has.",
                advice="Start the version of Tillbox that made it, or restore a copy.",
            )


async def _step(connection: Connection, migration: PostgresMigration) -> None:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
        done = await connection.fetchval(
            "SELECT 1 FROM migration WHERE version = $1", migration.version
        )
        if done:  # another process was faster
            return
        await connection.execute(migration.script)
        if migration.then is not None:
            await migration.then(connection)
        await connection.execute(
            "INSERT INTO migration (version, sha256) VALUES ($1, $2)",
            migration.version,
            migration.sha256,
        )
