"""Proof that a ledger is whole: SQLite's own check and the chain, event by event.

Works on a closed file or beside a running box (read-only), and needs nothing of the server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.envelope import GENESIS, link, unseal
from edge.ledger.records import StoredEvent

_TABLES: Final = frozenset({"event", "identity", "command_reply"})


class NotALedgerError(Exception):
    """The file is no ledger: the words say why."""


class Verdict(msgspec.Struct, frozen=True):
    """What a check found.

    `first_bad_seq` is None when whole, or when SQLite's check failed without naming an
    event; `reason` is empty when whole.
    """

    whole: bool
    events: int = 0
    head_seq: int = 0
    head_hash: str = ""
    store: str = ""
    store_number: int = 0
    gen: int = 0
    accepted_seq: int = 0
    first_bad_seq: int | None = None
    reason: str = ""


def verify(path: Path) -> Verdict:
    """Check a ledger file and say where it breaks first.

    Raises NotALedgerError when the file does not exist, is no SQLite database, or has not the
    tables of a ledger.
    """
    try:
        with _open_ledger(path) as connection:
            return _verify(connection)
    except sqlite3.DatabaseError as error:
        return Verdict(whole=False, reason=f"SQLite cannot read the file: {error}")


@contextmanager
def _open_ledger(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise NotALedgerError(f"there is no file {path}")
    if not _looks_like_sqlite(path):
        raise NotALedgerError(f"{path} is not a database")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        names = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if not names >= _TABLES:
            raise NotALedgerError(f"{path} is a database, but not a ledger")
        yield connection


def _looks_like_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _verify(connection: sqlite3.Connection) -> Verdict:
    identity = connection.execute(
        "SELECT store, store_number, gen, accepted_seq FROM identity"
    ).fetchone()
    store, number, gen, accepted = identity or ("", 0, 0, 0)
    seq, previous, reason = 0, GENESIS, ""
    for row_seq, body, digest in connection.execute(
        "SELECT seq, body, hash FROM event ORDER BY seq"
    ):
        reason = _check_event(row_seq, body, digest, seq, previous, number)
        if reason:
            break
        seq, previous = row_seq, digest
    reason = reason or _check_tail(connection, seq, accepted)
    bad = seq + 1 if reason else None  # the first that is missing, or does not fit
    if not reason:
        found = [text for (text,) in connection.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            reason = f"SQLite's integrity check found: {'; '.join(found[:3])}"
    return Verdict(
        whole=not reason,
        events=seq,
        head_seq=seq,
        head_hash=previous.hex(),
        store=store,
        store_number=number,
        gen=gen,
        accepted_seq=accepted,
        first_bad_seq=bad,
        reason=reason,
    )


def _check_tail(connection: sqlite3.Connection, seq: int, accepted: int) -> str:
    if accepted > seq:
        return f"head office accepted event {accepted}; the ledger ends at {seq}"
    (answered,) = connection.execute(
        "SELECT coalesce(max(last_seq), 0) FROM command_reply"
    ).fetchone()
    if answered > seq:
        return f"a till was answered for event {answered}; the ledger ends at {seq}"
    return ""


def _check_event(  # noqa: PLR0911 - one reason each, in the order of what they prove
    row_seq: int, body: object, digest: object, seq: int, previous: bytes, store_number: int
) -> str:
    if row_seq != seq + 1:
        return f"event {seq + 1} is missing: after {seq} comes {row_seq}"
    if not isinstance(body, bytes) or not isinstance(digest, bytes):
        return f"event {row_seq} is not stored as bytes"
    if link(previous, body) != digest:
        return f"event {row_seq} does not fit its hash: it, or its place, was changed"
    try:
        envelope = unseal(body)
    except msgspec.DecodeError as error:
        return f"event {row_seq} cannot be read: {error}"
    if envelope.seq != row_seq:
        return f"event {row_seq} says of itself that it is {envelope.seq}"
    if envelope.store != store_number:
        return f"event {row_seq} belongs to store {envelope.store}, not {store_number}"
    try:
        envelope.event()
    except msgspec.DecodeError as error:
        return f"event {row_seq} ({envelope.type}) does not fit its declaration: {error}"
    return ""


def stored_events(path: Path, after: int) -> Iterator[StoredEvent]:
    """Yield the events of a ledger file behind a seq, as they lie there, unchecked.

    Raises NotALedgerError as `verify` does.
    """
    with _open_ledger(path) as connection:
        for row in connection.execute(
            "SELECT seq, body, hash FROM event WHERE seq > ? ORDER BY seq", (after,)
        ):
            yield StoredEvent(*row)
