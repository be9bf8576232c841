"""What a person gave in place of an event, for the sales: read wherever the sales are made.

The event, its frame and its chain stay as they came. So a repair is never part of the history of a
store, only of what head office makes of it, and is found again when that is made anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from sync.office.event_reading import ReadEvent, read_event


def repaired(
    connection: sqlite3.Connection, store: int, reads: Sequence[ReadEvent]
) -> Sequence[ReadEvent]:
    """Return events of a store that follow each other, with what was given in their place.

    `body` stays what came: that is what steps aside where the repair does not fit either.
    """
    if not reads:
        return reads
    given = {
        (gen, seq): body
        for gen, seq, body in connection.execute(
            "SELECT gen, seq, body FROM repair WHERE store = ? AND seq BETWEEN ? AND ?",
            (store, reads[0].seq, reads[-1].seq),
        )
    }
    return read_instead(store, reads, given)


def read_instead(
    store: int, reads: Sequence[ReadEvent], given: Mapping[tuple[int, int], bytes]
) -> Sequence[ReadEvent]:
    """Return events of a store with these bytes read in place of those at some places."""
    if not given:
        return reads
    return [
        each
        if (body := given.get((each.gen, each.seq))) is None
        else replace(read_event(store, each.gen, each.seq, body), body=each.body)
        for each in reads
    ]


def keep_repair(
    connection: sqlite3.Connection, store: int, place: tuple[int, int], body: bytes
) -> None:
    """Give these bytes in place of the event at `place` (generation and seq) from now on."""
    connection.execute(
        "INSERT INTO repair (store, gen, seq, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (store, gen, seq) DO UPDATE SET body = excluded.body",
        (store, *place, body),
    )


def repair_of(connection: sqlite3.Connection, store: int, place: tuple[int, int]) -> bytes | None:
    """Return what is read in place of an event, or None."""
    row = connection.execute(
        "SELECT body FROM repair WHERE store = ? AND gen = ? AND seq = ?", (store, *place)
    ).fetchone()
    return None if row is None else bytes(row[0])
