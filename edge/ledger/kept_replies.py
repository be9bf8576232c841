"""Answers by command id: one that begins with its time lies where that says, with no index.

Tills make ids of version 7 (UUID, RFC 9562): 48 bits of milliseconds, then chance. Such an answer's
place in its tree is made of both, so that what comes next goes to the tree's end and a command
touches two pages less than with an index. Two ids may have one place: the later one lies behind the
first, and every look goes over all that are near; so none is missed, whatever was forgotten before
it. Answers to other ids lie in the order they came, with an index of their ids.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from edge.contract.errors import Refused
from edge.contract.limits import COMMAND_REPLIES_KEPT, TIMED_REPLY_EVENTS_KEPT

SALE_MARK: Final = "~"
"""Behind a sale's id; the id of a command never has it."""
_TIMED: Final = re.compile(
    r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{9}([0-9a-f]{3})~?"
)
_NEAR: Final = 64
"""So many ids may have one place or a near one: of one millisecond and one of 4,096 ends."""
_SWEPT_AT_ONCE: Final = 1_000
_PRUNE_EVERY: Final = 1_000


def place_of(key: str) -> int | None:
    """Return 48 bits of milliseconds and 12 of an id's end; None for an id of another kind."""
    timed = _TIMED.fullmatch(key)
    return None if timed is None else int(f"{timed[1]}{timed[2]}{timed[3]}", 16)


def keep(
    connection: sqlite3.Connection, key: str, fingerprint: bytes, last_seq: int, reply: bytes
) -> bool:
    """Keep an answer; False, and nothing of it, when there is one to that id.

    Raises Refused when 64 other ids lie where it belongs: no till makes such, somebody did.
    """
    place = place_of(key)
    if place is None:
        return _keep_in_order(connection, key, fingerprint, last_seq, reply)
    taken = set()
    for n, other in connection.execute(
        "SELECT n, command_id FROM timed_reply WHERE n >= ? AND n < ?", (place, place + _NEAR)
    ):
        if other == key:
            return False
        taken.add(n)
    if len(taken) == _NEAR:
        raise Refused(
            "command_id_crowded",
            f"Too many ids like {key} are in use.",
            advice="Give every new wish a UUID of its own, made by chance.",
        )
    while place in taken:
        place += 1
    connection.execute(
        "INSERT INTO timed_reply (n, command_id, fingerprint, last_seq, reply)"
        " VALUES (?, ?, ?, ?, ?)",
        (place, key, fingerprint, last_seq, reply),
    )
    return True


def find(connection: sqlite3.Connection, key: str) -> tuple[bytes, bytes] | None:
    """Return the fingerprint and the packed answer kept to an id, or None."""
    place = place_of(key)
    if place is None:
        found = connection.execute(
            "SELECT fingerprint, reply FROM command_reply WHERE command_id = ?", (key,)
        )
    else:
        found = connection.execute(
            "SELECT fingerprint, reply FROM timed_reply WHERE n >= ? AND n < ? AND command_id = ?",
            (place, place + _NEAR, key),
        )
    row: tuple[bytes, bytes] | None = found.fetchone()
    return row


def forget_old(connection: sqlite3.Connection, behind: int, seq: int) -> int:
    """Forget what is old of the next timed answers behind a place; return the last one looked at.

    -1, the beginning, when that was the end. A part of them at a time, for no command is to wait
    for all; by their seqs, for ids bear the clocks of tills.
    """
    found = connection.execute(
        "SELECT n, last_seq FROM timed_reply WHERE n > ? ORDER BY n LIMIT ?",
        (behind, _SWEPT_AT_ONCE),
    ).fetchall()
    old = seq - TIMED_REPLY_EVENTS_KEPT
    connection.executemany(
        "DELETE FROM timed_reply WHERE n = ?", [(n,) for n, last_seq in found if last_seq <= old]
    )
    return found[-1][0] if len(found) == _SWEPT_AT_ONCE else -1


def move_timed(connection: sqlite3.Connection) -> None:
    """Bring the timed answers of a ledger of before over to their places."""
    rows = connection.execute(
        "SELECT n, command_id, fingerprint, last_seq, reply FROM command_reply ORDER BY n"
    )
    for n, *row in rows.fetchall():
        if place_of(row[0]) is not None:
            _ = keep(connection, *row)
            connection.execute("DELETE FROM command_reply WHERE n = ?", (n,))


def _keep_in_order(
    connection: sqlite3.Connection, key: str, fingerprint: bytes, last_seq: int, reply: bytes
) -> bool:
    cursor = connection.execute(
        "INSERT INTO command_reply (command_id, fingerprint, last_seq, reply) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (command_id) DO NOTHING",
        (key, fingerprint, last_seq, reply),
    )
    if not cursor.rowcount:
        return False
    number = cursor.lastrowid or 0
    if number % _PRUNE_EVERY == 0:
        connection.execute(
            "DELETE FROM command_reply WHERE n <= ?", (number - COMMAND_REPLIES_KEPT,)
        )
    return True
