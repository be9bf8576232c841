"""Proof that a ledger is whole: SQLite, the chain, what follows from it, what head office knows.

Works on a closed file or beside a running box (read-only), and needs nothing of the server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.envelope import GENESIS, link, unseal
from edge.contract.replication import Ack
from edge.contract.wire import UNREADABLE
from edge.ledger.packing import REPLIES, DamagedTextError
from edge.ledger.projections import PROJECTED_TABLES, project
from edge.ledger.records import StoredEvent

_TABLES: Final = frozenset({"event", "identity", "command_reply"})
_SCHEMA: Final = Path(__file__).parent / "schema"
_NO_SIDE_FILES: Final = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""What SQLite says when it may not put its index of the WAL beside a file."""

_UNREADABLE_FILE: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""SQLite repeats damaged text in what it says of it, which is no UTF-8 then."""


class NotALedgerError(Exception):
    """The file is no ledger, or cannot be read here: the words say why."""


class BrokenLedgerError(Exception):
    """Reading the events ends before their end: the words say where and why."""


class Verdict(msgspec.Struct, frozen=True):
    """What a check found.

    `first_bad_seq` is None when whole, or when what was found names no event: damage that
    SQLite sees, a table that does not follow from the events, a chain that was made to fit
    again before an event that head office knows. `reason` is empty when whole.
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

    Raises NotALedgerError when the file does not exist, may not be read, is no SQLite
    database, or has not the tables of a ledger.
    """
    try:
        with open_ledger(path) as connection:
            return _verify(connection)
    except _UNREADABLE_FILE as error:
        return Verdict(whole=False, reason=f"SQLite cannot read the file: {error}")


@contextmanager
def open_ledger(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a ledger for reading; what is read is one state of it, whatever a box writes.

    Raises NotALedgerError as `verify` does.
    """
    try:
        if not path.exists():
            raise NotALedgerError(f"there is no file {path}")
        if not path.is_file():
            raise NotALedgerError(f"{path} is a folder or a device, not a file")
        if not _looks_like_sqlite(path):
            raise NotALedgerError(f"{path} is not a database")
    except OSError as error:
        raise NotALedgerError(f"{path} cannot be read: {error.strerror}") from None
    with closing(_connect(path)) as connection:
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


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    try:
        return _begin(uri)
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith(_NO_SIDE_FILES):
            raise
    wal = path.resolve().with_name(f"{path.resolve().name}-wal")
    if wal.exists() and wal.stat().st_size:
        raise NotALedgerError(
            f"{path} and its {wal.name} can be read together only where files may be written: "
            "copy both into another folder"
        )
    # a closed ledger on a disk or in a folder that may not be written to: nobody changes it
    return _begin(f"{uri}&immutable=1")


def _begin(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _verify(connection: sqlite3.Connection) -> Verdict:
    identity = connection.execute(
        "SELECT store, store_number, gen, accepted_seq, accepted FROM identity"
    ).fetchone()
    if identity is not None and not all(isinstance(each, int) for each in identity[1:4]):
        return Verdict(whole=False, reason="whose ledger this is cannot be read: it is damaged")
    store, number, gen, accepted, signed = identity or ("", 0, 0, 0, None)
    seq, previous, reason = 0, GENESIS, ""
    with closing(_empty_ledger()) as follows:
        for row_seq, body, digest in connection.execute(
            "SELECT seq, body, hash FROM event ORDER BY seq"
        ):
            reason = _check_event(row_seq, body, digest, seq, previous, number)
            reason = reason or _check_step(follows, row_seq, body)
            if reason:
                break
            seq, previous = row_seq, digest
        reason = reason or _check_tail(connection, seq, accepted)
        bad = seq + 1 if reason else None  # the first that is missing, or does not fit
        reason = (
            reason
            or _check_acknowledgement(connection, signed)
            or _check_projections(connection, follows)
            or _check_replies(connection)
        )
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
    answered = max(
        connection.execute(
            f"SELECT coalesce(max(last_seq), 0) FROM {table} WHERE typeof(last_seq) = 'integer'"  # noqa: S608 - names of ours
        ).fetchone()[0]
        for table in _reply_tables(connection)
    )
    if answered > seq:
        return f"a till was answered for event {answered}; the ledger ends at {seq}"
    return ""


def _check_acknowledgement(connection: sqlite3.Connection, signed: object) -> str:
    if signed is None:
        return ""
    if not isinstance(signed, bytes):
        return "head office's acknowledgement is not stored as bytes"
    try:
        accepted = msgspec.json.decode(signed, type=Ack).accepted
    except UNREADABLE as error:
        return f"head office's acknowledgement cannot be read: {error}"
    row = connection.execute("SELECT hash FROM event WHERE seq = ?", (accepted.seq,)).fetchone()
    if row is None and accepted.seq:
        return f"head office acknowledged event {accepted.seq}, which is not there"
    if row is not None and row[0].hex() != accepted.hash:
        return (
            f"head office acknowledged another event {accepted.seq}: it, or one before it, was "
            "changed and the chain made to fit again"
        )
    return ""


def _empty_ledger() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for script in sorted(_SCHEMA.glob("*.sql")):
        connection.executescript(script.read_text("utf-8"))
    return connection


def _check_step(follows: sqlite3.Connection, seq: int, body: bytes) -> str:
    envelope = unseal(body)
    event = envelope.event()
    try:
        if event is not None:
            project(follows, event, envelope.till, seq)
    except (TypeError, sqlite3.IntegrityError):
        return f"event {seq} ({envelope.type}) does not follow from what is before it"
    return ""


def _check_projections(connection: sqlite3.Connection, follows: sqlite3.Connection) -> str:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    for table in PROJECTED_TABLES:
        if table not in tables:
            continue  # written by a version that had none
        query = f"SELECT * FROM {table} ORDER BY 1"  # noqa: S608 - names of ours
        for found, made in zip_longest(connection.execute(query), follows.execute(query)):
            if found != made:
                return f"the table {table} has {_row(found)} where the events say {_row(made)}"
    return ""


def _check_replies(connection: sqlite3.Connection) -> str:
    for table in _reply_tables(connection):
        for command_id, last_seq, reply in connection.execute(
            f"SELECT command_id, last_seq, reply FROM {table} ORDER BY n"  # noqa: S608 - names of ours
        ):
            whole = isinstance(last_seq, int) and isinstance(reply, bytes)
            if not (whole and _can_be_unpacked(reply)):
                return f"the kept answer to command {command_id} is damaged"
    return ""


def _reply_tables(connection: sqlite3.Connection) -> list[str]:
    """Return the tables of kept answers; a ledger of before has only the first."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return [table for table in ("command_reply", "timed_reply") if table in tables]


def _can_be_unpacked(reply: bytes) -> bool:
    try:
        _ = REPLIES.unpack(reply)
    except DamagedTextError:
        return False
    return True


def _row(values: tuple[object, ...] | None) -> str:
    return "nothing" if values is None else f"({', '.join(map(str, values))})"


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
    except UNREADABLE as error:
        return f"event {row_seq} cannot be read: {error}"
    if envelope.seq != row_seq:
        return f"event {row_seq} says of itself that it is {envelope.seq}"
    if envelope.store != store_number:
        return f"event {row_seq} belongs to store {envelope.store}, not {store_number}"
    try:
        envelope.event()
    except UNREADABLE as error:
        return f"event {row_seq} ({envelope.type}) does not fit its declaration: {error}"
    return ""


def stored_events(path: Path, after: int) -> Iterator[StoredEvent]:
    """Yield the events of a ledger file behind a seq, as they lie there, their chain unchecked.

    Raises NotALedgerError as `verify` does, and BrokenLedgerError where they cannot be read.
    """
    try:
        with open_ledger(path) as connection:
            for seq, body, digest in connection.execute(
                "SELECT seq, body, hash FROM event WHERE seq > ? ORDER BY seq", (after,)
            ):
                if not isinstance(body, bytes) or not isinstance(digest, bytes):
                    raise BrokenLedgerError(f"event {seq} is not stored as bytes")
                yield StoredEvent(seq, body, digest)
    except _UNREADABLE_FILE as error:
        raise BrokenLedgerError(f"SQLite cannot read on: {error}") from None
