"""Single-use codes that PostgreSQL knows to be used up, told to stores by a feed in `office.db`.

Both are databases of their own. The codes are numbered where they were found; the number up to
which they are in the feed is kept with the feed, in one transaction: what was told twice is told
once, and what was not told before a stop is told after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge.contract.office_limits import CODES_TOLD_AT_ONCE_MAX
from edge.contract.reference_data import Feed
from edge.runtime.database_file import DatabaseFile
from sync.appending.postgres_connection import Connection
from sync.office.feeds import newest_of
from sync.office.postgres_alarms import Slugs
from sync.office.sale_folding import UsedCode
from sync.office.sqlite_projection import tell_used

_CURSOR: Final = "used codes"
_UNTOLD: Final = (
    "SELECT n, code, store, receipt, at FROM used_code WHERE n > $1 ORDER BY n LIMIT $2"
)


@dataclass(frozen=True)
class UsedCodes:
    """The feed of used codes, and how far it has got."""

    file: DatabaseFile

    async def told(self) -> int:
        """Return the number of the last code that the feed has."""
        return await self.file.read(_told)

    async def tell(
        self, codes: Sequence[tuple[int, UsedCode]], upto: int, slugs: Mapping[int, str]
    ) -> bool:
        """Put numbered codes into the feed, which has all up to a number then; True for news."""

        def unit(connection: sqlite3.Connection) -> bool:
            before = newest_of(connection, Feed.USED_COUPON)
            for _, each in codes:
                if each.store in slugs:
                    tell_used(connection, each, slugs[each.store])
            connection.execute(
                "INSERT INTO projection (name, position) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                (_CURSOR, upto),
            )
            return newest_of(connection, Feed.USED_COUPON) > before

        return await self.file.write(unit)

    async def tell_from(self, connection: Connection, after: int, slugs: Slugs) -> bool:
        """Tell of all codes in PostgreSQL behind a number; True for news."""
        news = False
        while True:
            rows = await connection.fetch(_UNTOLD, after, CODES_TOLD_AT_ONCE_MAX)
            if not rows:
                return news
            codes = [(number, UsedCode(*values)) for number, *values in rows]
            after = codes[-1][0]
            news = await self.tell(codes, after, await slugs()) or news


def _told(connection: sqlite3.Connection) -> int:
    row = connection.execute(
        "SELECT position FROM projection WHERE name = ?", (_CURSOR,)
    ).fetchone()
    return int(row[0]) if row else 0
