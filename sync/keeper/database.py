"""`keep.db`: its schema, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge.runtime.database_file import DatabaseFile
from edge.runtime.migrations import Migration

_SCHEMA: Final = Path(__file__).parent / "schema"
MIGRATIONS: Final = tuple(
    Migration(number, path.read_text("utf-8"))
    for number, path in enumerate(sorted(_SCHEMA.glob("*.sql")), 1)
)
_PAGE_BYTES: Final = 8_192
"""As head office's: frames of catch-up have tens of kilobytes."""


def keeper_database(path: Path) -> DatabaseFile:
    """Return the database file of the second copy, not opened yet."""
    return DatabaseFile(path, MIGRATIONS, page_bytes=_PAGE_BYTES)
