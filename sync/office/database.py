"""`office.db`: its schema, and how it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from edge.contract.errors import SettingsInvalid
from edge.runtime.database_file import DatabaseFile
from edge.runtime.migrations import Migration

_SCHEMA: Final = Path(__file__).parent / "schema"
MIGRATIONS: Final = tuple(
    Migration(number, (_SCHEMA / name).read_text("utf-8"))
    for number, name in enumerate(
        (
            "0001_head_office.sql",
            "0002_reductions.sql",
            "0003_returns.sql",
            "0004_rehearsal.sql",
            "0005_coupons.sql",
            "0006_customers.sql",
            "0007_mail.sql",
            "0008_line_details.sql",
            "0009_tips.sql",
            "0010_digests.sql",
            "0011_frames_elsewhere.sql",
            "0012_price_books.sql",
            "0013_archive.sql",
            "0014_attention.sql",
            "0015_generations.sql",
            "0016_ratchets.sql",
            "0017_snapshots.sql",
        ),
        1,
    )
)
_PAGE_BYTES: Final = 8_192
"""Frames of catch-up have tens of kilobytes: fewer pages than the box's small ones."""


def office_database(path: Path) -> DatabaseFile:
    """Return the database file of head office, not opened yet."""
    return DatabaseFile(path, MIGRATIONS, page_bytes=_PAGE_BYTES)


async def followed(file: DatabaseFile) -> str:
    """Return the identity of the event store that the file follows; empty for none so far."""
    row = await file.read(
        lambda connection: connection.execute("SELECT identity FROM frames_kept_in").fetchone()
    )
    return str(row[0]) if row is not None else ""


async def follow(file: DatabaseFile, identity: str) -> None:
    """Note in which event store the frames are that the file's sales follow from, for good.

    Raises SettingsInvalid when they follow from another one: its frames would be given up.
    """

    def unit(connection: sqlite3.Connection) -> str:
        row = connection.execute("SELECT identity FROM frames_kept_in").fetchone()
        if row is None:
            connection.execute("INSERT INTO frames_kept_in VALUES (?)", (identity,))
            return identity
        return str(row[0])

    there = await file.write(unit)
    if there != identity:
        raise SettingsInvalid(
            "frames_elsewhere",
            f"{file.path} follows from the frames in {_shown(there)}; the settings say "
            f"{_shown(identity)}.",
            advice="Correct `store` and `postgres.dsn_file`. To move to PostgreSQL, stop head "
            "office and run `tillbox office --config FILE move-frames`.",
        )


def _shown(identity: str) -> str:
    return "office.db itself" if identity == "sqlite" else f"the database {identity}"
