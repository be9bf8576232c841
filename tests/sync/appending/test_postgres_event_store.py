"""PostgreSQL behind the event store's interface: laws, commits, schema, refusals."""

from __future__ import annotations

import asyncio
import io
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from edge.contract.envelope import GENESIS
from edge.contract.errors import Refused, SettingsInvalid, StorageFailed, TillboxError
from edge.contract.limits import POSTGRES_PARTITIONS, WRITE_QUEUE_MAX
from edge.contract.replication import Head
from edge.runtime.certificates import issue_server_certificate, make_ca
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import client_context
from sync.appending.event_store import Accepted, EventStoreAway
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import check_server, connect
from sync.appending.postgres_event_store import migrations
from sync.appending.postgres_migrations import PostgresMigration, migrate
from tests.postgres_server import OWNER, PostgresServer
from tests.sync.appending.event_store_laws import LAWS, read_all
from tests.sync.appending.opened_postgres import opened
from tests.sync.office.head_office import Box

START = Head(1, 0, GENESIS.hex())


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("law", LAWS)
async def test_postgres_keeps_the_laws(
    law: object, partitions: int, address: PostgresAddress
) -> None:
    async with opened(address, partitions) as store:
        await law(store)  # type: ignore[operator] # a law


def _links(box: Box, count: int) -> list[tuple[Head, Head, bytes]]:
    heads = [box.head]
    for number in range(count):
        box.sell(f"sale-{number}")
        heads.append(box.head)
    return [(a, b, box.frame(a.seq, b.seq)) for a, b in pairwise(heads)]


# --- commits ------------------------------------------------------------------------------


async def test_appends_side_by_side_share_commits(address: PostgresAddress) -> None:
    boxes = [Box(number=number) for number in range(1, 31)]
    async with opened(address, 2) as store:
        before = store.commits
        results = await asyncio.gather(
            *(
                store.append(box.number, 1, a.seq + 1, frame, a)
                for box in boxes
                for a, _, frame in _links(box, 3)
            )
        )
        assert all(isinstance(result, Accepted) for result in results)
        # 90 frames in two partitions: one commit that found the first, one for all the others
        assert store.commits - before <= 4


async def test_what_was_kept_is_there_in_a_new_process(address: PostgresAddress) -> None:
    box = Box()
    box.sell("a")
    async with opened(address, 3) as store:
        await store.append(1, 1, 1, box.frame(), START)
        identity = store.identity
    async with opened(address) as store:
        assert await store.head(1, 1) == box.head
        assert store.identity == identity
        assert len(store.partitions) == 3


async def test_nobody_passes_a_commit_that_is_under_way(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    """The gap of sequences: a higher position, visible before a lower one, would hide that."""
    first, second = Box(), Box(number=2)
    first.sell("a")
    second.sell("b")
    async with opened(address, 1) as store:
        rival = await shared_postgres.admin(address.database)
        await rival.execute("SET search_path = tillbox")
        slow = rival.transaction()
        await slow.start()
        # another writer, as if there were no lock of the partition's only one
        await rival.execute("UPDATE partition SET position = position + 1")
        await rival.execute(
            "INSERT INTO frame VALUES (0, 1, 1, 1, 1, 4, $1, 0, $2)", bytes(32), first.frame()
        )
        passing = asyncio.create_task(store.append(2, 1, 1, second.frame(), START))
        await asyncio.sleep(0.2)
        assert await store.read(0, 0, frames_max=9) == []
        assert not passing.done()
        await slow.commit()
        await rival.close()
        assert await passing == Accepted(second.head)
        frames = await store.read(0, 0, frames_max=9)
        assert [(frame.position, frame.store) for frame in frames] == [(1, 1), (2, 2)]


async def test_too_many_waiting_are_told_so(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    box = Box()
    box.sell("a")
    frame = box.frame()
    async with opened(address, 1) as store:
        blocker = await shared_postgres.admin(address.database)
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("SELECT * FROM tillbox.partition FOR UPDATE")
        first = asyncio.create_task(store.append(1, 1, 1, frame, START))
        await asyncio.sleep(0.2)  # the writer has taken it and waits for the row
        waiting = [
            asyncio.create_task(store.append(1, 1, 1, frame, START)) for _ in range(WRITE_QUEUE_MAX)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await store.append(1, 1, 1, frame, START)
        assert refused.value.code == "busy"
        await transaction.rollback()
        await blocker.close()
        assert await first == Accepted(box.head)
        await asyncio.gather(*waiting)


async def test_closing_answers_what_waits_and_takes_nothing_more(
    address: PostgresAddress,
) -> None:
    box = Box()
    links = _links(box, 5)
    async with opened(address, 1) as store:
        waiting = [
            asyncio.create_task(store.append(1, 1, a.seq + 1, frame, a)) for a, _, frame in links
        ]
        await asyncio.sleep(0)
        await store.close()
        assert await asyncio.gather(*waiting) == [Accepted(b) for _, b, _ in links]
        for late in (store.append(1, 1, 1, box.frame(), START), store.head(1, 1)):
            with pytest.raises(EventStoreAway) as away:
                await late
            assert away.value.code == "store_closed"
        await store.close()


async def test_cancelled_in_the_middle_of_a_commit_it_leaves_nothing_half_done(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    box = Box()
    links = _links(box, 3)
    blocker = await shared_postgres.admin(address.database)
    transaction = blocker.transaction()
    async with opened(address, 1) as store:
        await transaction.start()
        await blocker.execute("LOCK TABLE tillbox.head IN SHARE MODE")  # lets the COPY happen
        waiting = []
        for number, (a, _, frame) in enumerate(links):
            waiting.append(asyncio.create_task(store.append(1, 1, a.seq + 1, frame, a)))
            await asyncio.sleep(0.2 if number == 0 else 0)  # one is copied, two wait behind it
        await store._tasks.stop(store._running[0])
        await store.close()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [EventStoreAway] * 3
        await transaction.rollback()
    await blocker.close()
    async with opened(address) as store:
        assert await store.head(1, 1) == START
        assert await read_all(store, 0) == []
        for a, b, frame in links:
            assert await store.append(1, 1, a.seq + 1, frame, a) == Accepted(b)


# --- one writer ---------------------------------------------------------------------------


async def test_two_head_offices_do_not_write_to_one_database(address: PostgresAddress) -> None:
    box = Box()
    box.sell("a")
    async with opened(address, 2) as store:
        with pytest.raises(EventStoreAway) as away:
            async with opened(address):
                pass
        assert away.value.code == "store_in_use"
        assert "another head office" in str(away.value)
        assert await store.append(1, 1, 1, box.frame(), START) == Accepted(box.head)
    async with opened(address) as store:  # and when the first is gone, the second may
        assert await store.head(1, 1) == box.head


# --- the schema ---------------------------------------------------------------------------


async def test_a_new_database_is_partitioned_as_asked_and_stays_so(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    async with opened(address):
        pass
    async with opened(address) as store:
        assert store.partitions == range(POSTGRES_PARTITIONS)
    with pytest.raises(SettingsInvalid) as refused:
        async with opened(address, POSTGRES_PARTITIONS + 1):
            pass
    assert refused.value.code == "partitions_differ"
    admin = await shared_postgres.admin(address.database)
    storage = await admin.fetch(
        "SELECT relname, attstorage::text FROM pg_attribute"
        " JOIN pg_class ON attrelid = pg_class.oid"
        " WHERE relname LIKE 'frame__' AND attname = 'body' ORDER BY relname"
    )
    await admin.close()
    assert [(row[0], row[1]) for row in storage] == [
        (f"frame_{number}", "e") for number in range(POSTGRES_PARTITIONS)
    ]


async def test_a_newer_schema_is_refused(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    async with opened(address):
        pass
    await shared_postgres.run(
        "INSERT INTO tillbox.migration VALUES (99, 'x')", database=address.database
    )
    with pytest.raises(StorageFailed) as refused:
        async with opened(address):
            pass
    assert refused.value.code == "database_newer"
    assert "version 99; this program knows 1" in str(refused.value)


async def test_a_schema_of_other_scripts_is_refused(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    async with opened(address):
        pass
    await shared_postgres.run(
        "UPDATE tillbox.migration SET sha256 = repeat('0', 64)", database=address.database
    )
    with pytest.raises(StorageFailed) as refused:
        async with opened(address):
            pass
    assert refused.value.code == "database_differs"


async def test_a_step_that_fails_leaves_the_version_before_it(address: PostgresAddress) -> None:
    (first,) = migrations(2)
    bad = PostgresMigration(2, "CREATE TABLE more (n integer); SELECT 1 / 0;")
    good = PostgresMigration(2, "CREATE TABLE more (n integer);")
    connection = await connect(address)
    try:
        with pytest.raises(EventStoreAway, match="division by zero"):
            await migrate(connection, address, (first, bad))
        assert await connection.fetchval("SELECT max(version) FROM migration") == 1
        assert await migrate(connection, address, (first, good)) == 1
        assert await migrate(connection, address, (first, good)) == 0
        assert await connection.fetchval("SELECT count(*) FROM more") == 0
    finally:
        await connection.close(timeout=9)


async def test_two_that_migrate_at_once_do_it_once(address: PostgresAddress) -> None:
    connections = [await connect(address) for _ in range(4)]
    steps = (*migrations(2), PostgresMigration(2, "CREATE TABLE more (n integer);"))
    try:
        await asyncio.gather(*(migrate(each, address, steps) for each in connections))
        rows = await connections[0].fetch("SELECT version FROM migration ORDER BY version")
        assert [row["version"] for row in rows] == [1, 2]
    finally:
        for each in connections:
            await each.close(timeout=9)


async def test_an_owner_of_the_schema_alone_may_use_it(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    """Where an administrator made the schema, nothing asks for rights on the database."""
    await shared_postgres.run(
        f"ALTER DATABASE {address.database} OWNER TO admin",
        f"REVOKE CREATE ON DATABASE {address.database} FROM PUBLIC",
    )
    with pytest.raises(EventStoreAway) as refused:
        async with opened(address):
            pass
    assert refused.value.code == "postgres_privilege"
    await shared_postgres.run(
        f"CREATE SCHEMA tillbox AUTHORIZATION {OWNER}", database=address.database
    )
    async with opened(address, 1):
        pass


# --- servers that are refused -------------------------------------------------------------


@pytest.mark.parametrize("value", ["off", "local", "remote_write"])
async def test_a_server_that_answers_before_its_disk_is_refused(
    value: str, address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    await shared_postgres.run(f"ALTER DATABASE {address.database} SET synchronous_commit = {value}")
    with pytest.raises(StorageFailed) as refused:
        async with opened(address):
            pass
    assert refused.value.code == "postgres_not_durable"
    assert f"synchronous_commit = {value}" in str(refused.value)


async def test_a_read_only_database_is_refused(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    await shared_postgres.run(
        f"ALTER DATABASE {address.database} SET default_transaction_read_only = on"
    )
    with pytest.raises(EventStoreAway) as refused:
        async with opened(address):
            pass
    assert refused.value.code == "postgres_read_only"


async def test_what_is_wrong_with_the_address_is_said_without_the_password(
    address: PostgresAddress, free_port: int
) -> None:
    secret = "only we two know"
    for changed, code in (
        ({"password": secret}, "postgres_login"),
        ({"user": "nobody_here", "password": secret}, "postgres_login"),
        ({"database": "not_made"}, "postgres_no_database"),
        ({"port": free_port, "password": secret}, "postgres_unreachable"),
        ({"host": "no-such-host.invalid", "password": secret}, "postgres_unreachable"),
    ):
        wrong = replace(address, **changed)  # type: ignore[arg-type] # as it is told
        log = io.StringIO()
        with pytest.raises(EventStoreAway) as refused:
            async with opened(wrong, log=log):
                pass
        assert refused.value.code == code, changed
        assert refused.value.advice
        told = f"{refused.value} {log.getvalue()} {wrong!r} {refused.value.__cause__!r}"
        assert secret not in told
        assert address.password not in told


async def test_over_tls_the_server_has_to_be_the_one_that_is_vouched_for(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    ours, others = (make_ca(name, SystemClock()) for name in ("Ours", "Others"))
    made = issue_server_certificate(ours, names=["localhost"], ips=[], clock=SystemClock())
    certificate, key = own_postgres.folder / "server.pem", own_postgres.folder / "server.key"
    made.write(certificate, key)
    owner = own_postgres.folder.stat()
    for path in (certificate, key):
        os.chown(path, owner.st_uid, owner.st_gid)
    await own_postgres.run(
        f"ALTER SYSTEM SET ssl_cert_file = '{certificate}'",
        f"ALTER SYSTEM SET ssl_key_file = '{key}'",
        "ALTER SYSTEM SET ssl = on",
        "SELECT pg_reload_conf()",
    )
    contexts = []
    for authority, name in ((ours, "ours.pem"), (others, "others.pem")):
        (tmp_path / name).write_bytes(authority.certificate_pem)
        contexts.append(client_context(tmp_path / name))
    plain = await own_postgres.new_database()
    async with opened(replace(plain, host="localhost", tls=contexts[0]), 2) as store:
        await store.head(1, 1)
        admin = await own_postgres.admin()
        lines = await admin.fetch(
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            " WHERE application_name = 'tillbox office'"
        )
        await admin.close()
        assert [row["ssl"] for row in lines] == [True] * 3
    for wrong in (
        replace(plain, host="localhost", tls=contexts[1]),  # another authority
        replace(plain, tls=contexts[0]),  # another name than the certificate's
    ):
        with pytest.raises(EventStoreAway, match="certificate verify failed") as refused:
            async with opened(wrong):
                pass
        assert refused.value.code == "postgres_unreachable"
    await own_postgres.run("ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
    with pytest.raises(EventStoreAway):  # and no way back to cleartext
        async with opened(replace(plain, host="localhost", tls=contexts[0])):
            pass


async def test_on_one_machine_a_socket_file_does(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    async with opened(replace(address, host=str(shared_postgres.folder), password="")) as store:
        assert await store.head(1, 1) == START


async def test_the_environment_has_no_say(
    address: PostgresAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("PGHOST", "no-such-host.invalid"),
        ("PGPASSWORD", "wrong"),
        ("PGSSLMODE", "verify-full"),
        ("PGDATABASE", "other"),
        ("PGOPTIONS", "-c synchronous_commit=off"),
    ):
        monkeypatch.setenv(name, value)
    async with opened(address, 1) as store:
        assert await store.head(1, 1) == START
    monkeypatch.setenv("PGPASSWORD", address.password)
    with pytest.raises(EventStoreAway) as refused:
        async with opened(replace(address, password="")):
            pass
    assert refused.value.code == "postgres_login"


async def test_a_database_without_room_for_connections_says_so(
    address: PostgresAddress, shared_postgres: PostgresServer
) -> None:
    await shared_postgres.run(f"ALTER DATABASE {address.database} CONNECTION LIMIT 2")
    with pytest.raises(EventStoreAway) as refused:
        async with opened(address, 4):
            pass
    assert refused.value.code == "postgres_connections"


class OtherServer:
    """Answers as a server of another version would; there is only one to be had here."""

    def __init__(self, **changed: object) -> None:
        self._row = {
            "version": 15,
            "synchronous_commit": "on",
            "fsync": "on",
            "full_page_writes": "on",
            "read_only": False,
            "standby": False,
            **changed,
        }

    async def fetchrow(self, query: str) -> dict[str, object]:
        assert all(name in query for name in self._row)
        return self._row


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"version": 14}, "postgres_too_old", "has version 14; 15 is the oldest"),
        ({"version": 9}, "postgres_too_old", "has version 9"),
        ({"fsync": "off"}, "postgres_not_durable", "fsync = off"),
        ({"full_page_writes": "off"}, "postgres_not_durable", "full_page_writes = off"),
        ({"standby": True}, "postgres_read_only", "is a standby"),
    ],
)
async def test_a_server_that_will_not_do_is_refused_in_words(
    changed: dict[str, object], code: str, words: str, address: PostgresAddress
) -> None:
    with pytest.raises(TillboxError) as refused:
        await check_server(OtherServer(**changed), address)  # type: ignore[arg-type] # what is asked of it
    assert refused.value.code == code
    assert words in str(refused.value)


async def test_a_stricter_server_is_welcome(address: PostgresAddress) -> None:
    server = OtherServer(version=18, synchronous_commit="remote_apply")
    await check_server(server, address)  # type: ignore[arg-type] # what is asked of it
