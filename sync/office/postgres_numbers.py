"""What comes in order over all partitions in PostgreSQL: places of arrival, and used codes."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract.errors import StorageFailed
from sync.appending.postgres_connection import Connection
from sync.office.postgres_tables import SALES_SCHEMA, columns_of
from sync.office.sale_folding import Folded

_NUMBERED: Final = (
    "UPDATE sales_store SET newest_arrival = newest_arrival + $1, newest_code = newest_code + $2"
    " RETURNING newest_arrival - $1, newest_code - $2"
)
_USED: Final = (
    "INSERT INTO used_code (n, code, store, receipt, at) SELECT * FROM unnest"
    " ($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) ON CONFLICT DO NOTHING"
)


async def take_numbers(
    connection: Connection, folded: Folded, arrivals: int, server_words: str
) -> int:
    """Take so many places of arrival, keep the used codes, and return the arrival before.

    What that locks is locked until the commit: the last thing that a batch does. Raises
    StorageFailed.
    """
    row = await connection.fetchrow(_NUMBERED, arrivals, len(folded.used_codes))
    if row is None:
        raise StorageFailed(
            "database_incomplete",
            f"The sales in {server_words} do not say which frames they follow from.",
            advice=f"Drop the schema {SALES_SCHEMA}: it is made again from the frames.",
        )
    newest, newest_code = row
    if folded.used_codes:
        rows = [
            (number, *msgspec.structs.astuple(each))
            for number, each in enumerate(folded.used_codes, newest_code + 1)
        ]
        await connection.execute(_USED, *columns_of(rows, 5))
    return int(newest)
