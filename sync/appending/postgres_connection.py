"""Connections to PostgreSQL that keep their word, and what goes wrong with them, in words.

The only door to asyncpg: its errors leave as `EventStoreAway`, or, where a person has to set
something right first, as StorageFailed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Final, Protocol, cast

import asyncpg
from asyncpg import exceptions

from edge.contract.errors import StorageFailed
from edge.contract.limits import (
    POSTGRES_COMMAND_S_MAX,
    POSTGRES_CONNECT_S_MAX,
    POSTGRES_LOCK_S_MAX,
    STOP_S_MAX,
)
from sync.appending.event_store import EventStoreAway
from sync.appending.postgres_address import PostgresAddress

SCHEMA: Final = "tillbox"
"""Of the frames; what follows from them has others."""
_VERSION_MIN: Final = 15
FRAMES_LOCK: Final = 0x7111_B0C5
"""The first of the two numbers of our advisory locks: other programs have other numbers."""
SALES_LOCK: Final = 0x7111_B0C6
"""Likewise, of whoever makes sales of a partition's frames."""
_SESSION: Final = {
    "application_name": "tillbox office",
    "idle_in_transaction_session_timeout": f"{int(POSTGRES_COMMAND_S_MAX * 1000)}",
    # a machine that vanished lets go of its locks within a minute
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_COMES_BACK: Final = "Nothing is lost: what shops have not been told is kept comes again."


class Connection(Protocol):
    """What is used of asyncpg's `Connection`, which ships no types."""

    async def fetch(self, query: str, *values: object) -> Sequence[Any]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *values: object) -> Any | None:
        """Return the first row, by name and by number; None where there is none."""
        ...

    async def fetchval(self, query: str, *values: object) -> Any:
        """Return the first value of the first row; None where there is none."""
        ...

    async def execute(self, query: str, *values: object) -> str:
        """Run a statement; without values, any number of them."""
        ...

    async def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[object]],
        columns: Sequence[str],
        schema_name: str,
    ) -> str:
        """COPY rows into a table."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """Commit at the end of the block, roll back on any error."""
        ...

    async def close(self, *, timeout: float) -> None:  # noqa: ASYNC109 - asyncpg's
        """Say goodbye."""
        ...

    def terminate(self) -> None:
        """Hang up at once."""
        ...

    def is_closed(self) -> bool:
        """Say whether the line is gone, as far as this end knows."""
        ...


class Pool(Protocol):
    """What is used of asyncpg's `Pool`."""

    def acquire(self, *, timeout: float) -> AbstractAsyncContextManager[Connection]:
        """Borrow a connection for a block."""
        ...

    async def close(self) -> None:
        """Close all, once each is given back."""
        ...

    def terminate(self) -> None:
        """Hang up on all of them."""
        ...


UniqueViolation: Final[type[Exception]] = exceptions.UniqueViolationError


async def connect(address: PostgresAddress, schema: str = SCHEMA) -> Connection:
    """Return a connection to a server that was looked at (`check_server`), its tables by name.

    Raises EventStoreAway or StorageFailed.
    """
    with in_words(address):
        connection = cast("Connection", await asyncpg.connect(**_arguments(address, schema)))
    try:
        await check_server(connection, address)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def disconnect(connection: Connection, address: PostgresAddress) -> None:
    """Say goodbye, or where nobody listens, hang up."""
    try:
        with in_words(address):
            await connection.close(timeout=min(address.answer_s, STOP_S_MAX / 4))
    except EventStoreAway:
        connection.terminate()


async def open_pool(address: PostgresAddress, size_max: int, schema: str = SCHEMA) -> Pool:
    """Return a pool of connections, each looked at. Raises EventStoreAway or StorageFailed."""

    async def look_at(connection: Connection) -> None:
        await check_server(connection, address)

    with in_words(address):
        return cast(
            "Pool",
            await asyncpg.create_pool(
                **_arguments(address, schema),
                min_size=0,  # else it tells its own log when the server is away
                max_size=size_max,
                init=look_at,
                reset=_as_it_is,
            ),
        )


async def _as_it_is(_: object) -> None:
    """Give a reader back without resetting it: it holds no lock and no setting of its own."""


def _arguments(address: PostgresAddress, schema: str) -> dict[str, Any]:
    """Return what asyncpg is given, whole: it asks no environment for the rest."""
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "ssl": address.tls or False,
        "timeout": min(POSTGRES_CONNECT_S_MAX, address.answer_s),
        "command_timeout": address.answer_s,
        "server_settings": {
            **_SESSION,
            "search_path": schema,
            # the server says that a lock is held before we lose patience with it
            "lock_timeout": str(int(min(POSTGRES_LOCK_S_MAX, address.answer_s / 2) * 1000)),
        },
    }


async def check_server(connection: Connection, address: PostgresAddress) -> None:
    """Return when what this server calls committed is on its disk, and it is the first copy.

    Raises StorageFailed with what to set right; EventStoreAway for a standby, which may be
    told to take over at any moment.
    """
    with in_words(address):
        row = await connection.fetchrow(
            "SELECT current_setting('server_version_num')::int / 10000 AS version,"
            " current_setting('synchronous_commit') AS synchronous_commit,"
            " current_setting('fsync') AS fsync,"
            " current_setting('full_page_writes') AS full_page_writes,"
            " current_setting('transaction_read_only') = 'on' AS read_only,"
            " pg_is_in_recovery() AS standby"
        )
    if row is None:  # a SELECT without FROM has one row
        raise EventStoreAway("store_silent", f"{address.words} does not say what it is.")
    if row["version"] < _VERSION_MIN:
        raise StorageFailed(
            "postgres_too_old",
            f"{address.words} has version {row['version']}; {_VERSION_MIN} is the oldest "
            "that head office uses.",
            advice="Upgrade the server, or name another one.",
        )
    if row["standby"] or row["read_only"]:
        what = "a standby" if row["standby"] else "set to read only"
        raise EventStoreAway(
            "postgres_read_only",
            f"{address.words} is {what}: it takes nothing.",
            advice="Name the primary, or promote this one. " + _COMES_BACK,
        )
    careless = {
        name: row[name]
        for name, good in (
            ("synchronous_commit", ("on", "remote_apply")),
            ("fsync", ("on",)),
            ("full_page_writes", ("on",)),
        )
        if row[name] not in good
    }
    for name, value in careless.items():
        raise StorageFailed(
            "postgres_not_durable",
            f"{address.words} has {name} = {value}: what it calls committed may be gone after "
            "a power cut, and shops would have been told that it is kept.",
            advice=f"Set {name} = on, for the server, the database and the user, and start "
            "head office again.",
        )


async def hold_alone(
    connection: Connection, address: PostgresAddress, partition: int, lock: int = FRAMES_LOCK
) -> None:
    """Take the lock of a partition's only writer, for as long as the connection lives.

    Or that of the only one who makes sales of it. It is waited for a little: a writer before us
    whose line was cut may still be ending.
    Raises EventStoreAway.
    """
    try:
        with in_words(address):
            await connection.execute("SELECT pg_advisory_lock($1, $2)", lock, partition)
    except EventStoreAway as error:
        if error.code != "postgres_lock":
            raise
        raise EventStoreAway(
            "store_in_use",
            f"{address.words} is written by another head office.",
            advice="One process only may do that. Stop the other one, or name another database.",
        ) from None


@contextmanager
def in_words(address: PostgresAddress) -> Iterator[None]:
    """Turn what asyncpg and the network raise inside into EventStoreAway with words."""
    try:
        yield
    except (exceptions.PostgresError, exceptions.InterfaceError, OSError, TimeoutError) as error:
        raise _away(error, address) from error
    except asyncio.IncompleteReadError as error:
        raise _away(ConnectionResetError(str(error)), address) from error


_KINDS: Final[tuple[tuple[tuple[type[Exception], ...], str, str, str], ...]] = (
    (
        (exceptions.InvalidAuthorizationSpecificationError,),
        "postgres_login",
        "does not let us in",
        "Check what the file of postgres.dsn_file says, and the server's pg_hba.conf.",
    ),
    (
        (exceptions.InvalidCatalogNameError,),
        "postgres_no_database",
        "has no such database",
        "Make it (createdb), owned by the user of head office.",
    ),
    (
        (exceptions.InsufficientPrivilegeError,),
        "postgres_privilege",
        "does not allow that to this user",
        f"The user has to own the database, or the schema {SCHEMA} in it.",
    ),
    (
        (exceptions.DiskFullError, exceptions.OutOfMemoryError),
        "postgres_full",
        "has no room left",
        "Nothing was kept of the last frames. Give it more room. " + _COMES_BACK,
    ),
    (
        (exceptions.ReadOnlySQLTransactionError,),
        "postgres_read_only",
        "takes nothing: it is read only",
        "Name the primary, or promote this one. " + _COMES_BACK,
    ),
    (
        (exceptions.LockNotAvailableError,),
        "postgres_lock",
        "did not give a lock in time",
        "See who else works in this database.",
    ),
    (
        (exceptions.TooManyConnectionsError,),
        "postgres_connections",
        "has no connection free",
        "Raise max_connections, or see who has them.",
    ),
    (
        (exceptions.CannotConnectNowError,),
        "postgres_starting",
        "starts or stops just now",
        "Wait. " + _COMES_BACK,
    ),
    (
        (
            OSError,
            exceptions.PostgresConnectionError,
            exceptions.OperatorInterventionError,
            exceptions.InterfaceError,
        ),
        "postgres_unreachable",
        "does not answer, or the line to it broke",
        "Check that it runs and can be reached. " + _COMES_BACK,
    ),
)


def _away(error: Exception, address: PostgresAddress) -> EventStoreAway:
    said = str(error) or type(error).__name__
    for types, code, words, advice in _KINDS:
        if isinstance(error, types):
            return EventStoreAway(code, f"{address.words} {words} ({said}).", advice=advice)
    return EventStoreAway(
        "postgres_refused",
        f"{address.words} refuses what it is asked: {said}.",
        advice="See the server's log. " + _COMES_BACK,
    )
