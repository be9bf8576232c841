"""Frames of an office that outgrew its own file, on their way to an event store on a server.

Each frame is appended as if its box had sent it, so what is there already is found again: a move
that was broken off is begun anew and goes on. The file's own frames stay where they are, as a copy
that nobody reads; what follows from them counts positions of the new store from then on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from edge.contract.envelope import GENESIS
from edge.contract.errors import Refused, StorageFailed
from edge.contract.replication import Head, parse_header
from edge.runtime.database_file import DatabaseFile
from sync.appending.event_store import Accepted, EventStore, StoredFrame
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.database import follow, followed
from sync.office.sqlite_projection import NAME, cursor_name

_PAGE: Final = 64
"""Frames of catch-up have up to half a megabyte: some 10 MB at once."""
_LATER: Final = 'Start head office once more with store = "sqlite" and wait until it shows all.'


async def move_frames(file: DatabaseFile, here: SqliteEventStore, there: EventStore) -> int:
    """Append all frames of `here` to `there`, and let the file follow them; return how many.

    Raises Refused when something of the file is not projected yet, or `there` has another
    history of one of these stores; SettingsInvalid when the file follows a third one already;
    StorageFailed when `there` did not keep what it was given.
    """
    if await followed(file) not in {"", here.identity}:
        await follow(file, there.identity)  # they are there already, or it says where they are
        return 0
    (partition,) = here.partitions
    await _check_projected(file, await here.newest(partition))
    heads: dict[int, Head] = {}
    moved, cursor = 0, 0
    while frames := await here.read(partition, cursor, frames_max=_PAGE):
        for frame in frames:
            moved += await _move(there, frame, heads)
        cursor = frames[-1].position
    for store, head in heads.items():
        if await there.head(store, head.gen) != head:
            raise StorageFailed(
                "move_incomplete",
                f"Store {store} ends at event {head.seq} here and elsewhere there.",
                advice="Nothing was changed here. See that no head office runs, and move again.",
            )
    await _follow(file, there)
    return moved


async def _move(there: EventStore, frame: StoredFrame, heads: dict[int, Head]) -> int:
    """Append one frame behind the ones before it; 0 when it is there already."""
    before = heads.get(frame.store, Head(frame.gen, 0, GENESIS.hex()))
    after = Head(frame.gen, frame.last_seq, parse_header(frame.body).last_hash.hex())
    heads[frame.store] = after
    found = await there.frame_at(frame.store, frame.gen, frame.last_seq)
    if found is not None:
        if found[1].body == frame.body:
            return 0
        raise _other_history(frame)
    answer = await there.append(frame.store, frame.gen, frame.first_seq, frame.body, before)
    if not isinstance(answer, Accepted):
        raise _other_history(frame)
    return 1


async def _check_projected(file: DatabaseFile, newest: int) -> None:
    rows = await file.read(
        lambda connection: dict(
            connection.execute("SELECT name, position FROM projection").fetchall()
        )
    )
    if rows.get(NAME, 0) < newest or len(rows) > 1:
        raise Refused(
            "move_too_early", f"{file.path} has frames that it does not show yet. {_LATER}"
        )


async def _follow(file: DatabaseFile, there: EventStore) -> None:
    """Set all that counts positions to those of the new store, and note its name: one commit."""
    parked = await file.read(
        lambda connection: connection.execute("SELECT store, gen, seq FROM parked").fetchall()
    )
    places: dict[tuple[int, int, int], int] = {}
    for store, gen, seq in parked:
        found = await there.frame_at(store, gen, seq)
        # where none is found, what was parked is looked for from the first frame on
        places[store, gen, seq] = found[1].position if found is not None else 1
    newest = {partition: await there.newest(partition) for partition in there.partitions}
    await file.write(lambda connection: _write(connection, there.identity, newest, places))


def _write(
    connection: sqlite3.Connection,
    identity: str,
    newest: Mapping[int, int],
    places: Mapping[tuple[int, int, int], int],
) -> None:
    connection.executemany(
        "UPDATE parked SET position = ? WHERE store = ? AND gen = ? AND seq = ?",
        [(position, *place) for place, position in places.items()],
    )
    connection.execute("DELETE FROM projection")
    connection.executemany(
        "INSERT INTO projection (name, position) VALUES (?, ?)",
        [(cursor_name(partition), position) for partition, position in newest.items()],
    )
    connection.execute("DELETE FROM frames_kept_in")
    connection.execute("INSERT INTO frames_kept_in VALUES (?)", (identity,))


def _other_history(frame: StoredFrame) -> Refused:
    return Refused(
        "move_meets_another",
        f"The database there has another history of store {frame.store} at event "
        f"{frame.first_seq} of generation {frame.gen}.",
        advice="Name a new database. Nothing was changed here.",
    )
