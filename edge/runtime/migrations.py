"""Forward-only numbered steps of SQL; the file's version stands in `PRAGMA user_version`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.contract.errors import StorageFailed


@dataclass(frozen=True)
class Migration:
    """The step from `version - 1` to `version`: SQL statements, each ended by a semicolon.

    It runs inside a transaction and therefore holds no BEGIN, COMMIT, PRAGMA or VACUUM.
    `then` does in the same transaction what SQL cannot say.
    """

    version: int
    script: str
    then: Callable[[sqlite3.Connection], None] | None = None


def apply(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> int:
    """Bring the file to the newest version, one transaction a step; return how many ran.

    Migrations are numbered from 1 without gaps. A step that fails leaves the file at the
    version before it. Raises StorageFailed when the file is newer than this program or a
    step fails; ValueError when the numbers have gaps (a defect).
    """
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError("migrations are numbered from 1 without gaps")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise StorageFailed(
            "database_newer",
            f"The database {_name(connection)} has version {version}; this program knows "
            f"{len(migrations)}.",
            advice="Start the newer version of Tillbox, or restore the copy made before it.",
        )
    for migration in migrations[version:]:
        _step(connection, migration)
    return len(migrations) - int(version)


def _step(connection: sqlite3.Connection, migration: Migration) -> None:
    before = connection.isolation_level
    connection.isolation_level = None  # the transaction below is the only one
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(migration.script):
                connection.execute(statement)
                _check_in_transaction(connection)
            if migration.then is not None:
                migration.then(connection)
            connection.execute(f"PRAGMA user_version = {migration.version:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise StorageFailed(
            "migration_failed",
            f"The database {_name(connection)} could not be brought to version "
            f"{migration.version}: {error}.",
            advice="It is as it was before. Check the disk's free space and its health.",
        ) from error
    finally:
        connection.isolation_level = before


def _check_in_transaction(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        raise sqlite3.OperationalError("the script ended its transaction")


def _statements(script: str) -> list[str]:
    """Split at semicolons that end a statement (a trigger has some that do not)."""
    found: list[str] = []
    pending = ""
    for part in script.split(";"):
        pending += part + ";"
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    rest = pending.removesuffix(";").strip()
    if rest:
        found.append(rest)  # SQLite says what is wrong with it, or it is a comment
    return found


def _name(connection: sqlite3.Connection) -> str:
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    return str(file) or "in memory"
