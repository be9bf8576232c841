"""`office.db`: its schema, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final

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
            "0011_price_books.sql",
        ),
        1,
    )
)
_PAGE_BYTES: Final = 8_192
"""Frames of catch-up have tens of kilobytes: fewer pages than the box's small ones."""


def office_database(path: Path) -> DatabaseFile:
    """Return the database file of head office, not opened yet."""
    return DatabaseFile(path, MIGRATIONS, page_bytes=_PAGE_BYTES)
