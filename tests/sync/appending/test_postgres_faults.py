"""PostgreSQL that is killed, cut off, full, restored: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from edge.contract.errors import StorageFailed
from edge.contract.replication import Head
from sync.appending.event_store import Accepted, Conflict, EventStore, EventStoreAway
from sync.appending.postgres_address import PostgresAddress
from tests.postgres_server import OWNER, PASSWORD, PostgresServer
from tests.sync.appending.event_store_laws import check_whole, read_all
from tests.sync.appending.opened_postgres import opened
from tests.sync.appending.postgres_line import Fault, PostgresLine
from tests.sync.office.head_office import Box

SEED = int(os.environ.get("TILLBOX_PG_SEED", "20261127"))
POINTS = int(os.environ.get("TILLBOX_PG_POINTS", "24"))
RECOVERY_S = 30.0
WHERE = ("QBEGIN", "QCOPY", "d", "c", "QCOMMIT", "QCOMMIT", "")
"""Before the COPY, in it, at its end, and at the commit: how those messages begin."""


@dataclass
class Shop:
    """A box that sends sale after sale, and after every trouble asks where it stands."""

    box: Box
    heads: list[Head] = field(default_factory=list)
    acknowledged: int = 0
    troubles: int = 0

    def __post_init__(self) -> None:
        self.heads.append(self.box.head)

    def sell(self, sales: int) -> None:
        for _ in range(sales):
            self.box.sell(f"sale-{len(self.heads)}")
            self.heads.append(self.box.head)

    async def catch_up(self, store: EventStore) -> None:
        """Send until all is acknowledged, several frames in flight, as a session does."""
        while True:
            try:
                head = await store.head(self.box.number, 1)
                assert head.seq >= self.acknowledged, "what was acknowledged is gone"
                behind = [(a, b) for a, b in pairwise(self.heads) if a.seq >= head.seq]
                if not behind:
                    assert head == self.box.head
                    return
                results = await asyncio.gather(
                    *(self._send(store, a, b) for a, b in behind[:4]), return_exceptions=True
                )
            except EventStoreAway:
                results = []
            for result in results:
                if isinstance(result, Accepted):
                    self.acknowledged = max(self.acknowledged, result.head.seq)
                elif isinstance(result, BaseException) and not isinstance(result, EventStoreAway):
                    raise result
            if not results or any(isinstance(each, EventStoreAway) for each in results):
                self.troubles += 1
                await asyncio.sleep(0.02)

    async def _send(self, store: EventStore, a: Head, b: Head) -> object:
        return await store.append(self.box.number, 1, a.seq + 1, self.box.frame(a.seq, b.seq), a)

    async def check(self, store: EventStore) -> None:
        """Everything is there, byte for byte, in its order and once."""
        frames = [
            frame
            for frame in await read_all(store, store.partition_of(self.box.number))
            if frame.store == self.box.number
        ]
        check_whole(frames)
        assert [frame.body for frame in frames] == [
            self.box.frame(a.seq, b.seq) for a, b in pairwise(self.heads)
        ]


@asynccontextmanager
async def line_to(address: PostgresAddress) -> AsyncIterator[tuple[PostgresLine, PostgresAddress]]:
    line = PostgresLine(address.port)
    await line.start()
    try:
        yield line, replace(address, port=line.port)
    finally:
        await line.stop()


async def until_back(work: Callable[[], Awaitable[object]]) -> object:
    """Ask again while the store is away."""
    async with asyncio.timeout(RECOVERY_S):
        while True:
            with suppress(EventStoreAway):
                return await work()
            await asyncio.sleep(0.05)


async def until_away(code: str, work: Callable[[], Awaitable[object]]) -> EventStoreAway:
    """Ask until the store says that it is away for this reason; first it has to notice."""
    async with asyncio.timeout(RECOVERY_S):
        while True:
            try:
                await work()
            except EventStoreAway as away:
                if away.code == code:
                    return away
            await asyncio.sleep(0.02)


@pytest.mark.timeout(300 + 5 * POINTS)
async def test_killed_between_copy_and_acknowledgement_nothing_is_lost_and_nothing_twice(
    own_postgres: PostgresServer,
) -> None:
    """At seeded messages of the dialogue the server's end is killed, or all of it, or the line."""
    print(f"TILLBOX_PG_SEED={SEED} TILLBOX_PG_POINTS={POINTS}")
    chance = random.Random(SEED)
    address = await own_postgres.new_database()
    shops = [Shop(Box(number=number)) for number in (1, 2, 3)]

    async def cut(_: set[int], __: int) -> None:
        await asyncio.sleep(0.02)  # what had reached the server is done

    async def kill_backend(backends: set[int], own: int) -> None:
        await asyncio.sleep(chance.choice((0, 0, 0.02)))
        if own in backends:
            os.kill(own, signal.SIGKILL)

    async def crash(_: set[int], __: int) -> None:
        await asyncio.to_thread(own_postgres.crash)
        await asyncio.to_thread(own_postgres.start)

    async with line_to(address) as (line, through), opened(through, 2) as store:
        for _ in range(POINTS):
            act = chance.choice((cut, cut, kill_backend, kill_backend, crash))
            like = chance.choice(WHERE)
            after = chance.randint(1, 3 if like else 60)
            line.fault = Fault(like, after, chance.random() < 0.6, act)
            for shop in shops:
                shop.sell(chance.randint(3, 8))
            async with asyncio.timeout(RECOVERY_S):
                await asyncio.gather(*(shop.catch_up(store) for shop in shops))
        line.fault = None
        for shop in shops:
            await shop.check(store)
        assert store.failure is None
    assert len(line.hit) > POINTS / 2
    assert set(WHERE[:-1]) <= set(line.hit), line.hit
    assert sum(shop.troubles for shop in shops) >= len(line.hit) / 2
    async with opened(address) as store:
        for shop in shops:
            await shop.check(store)


_WRITER = """
import asyncio, sys
from sync.appending.postgres_address import PostgresAddress
from tests.sync.appending.opened_postgres import opened
from tests.sync.office.head_office import Box

async def main():
    host, port, database, user, password = sys.argv[1:]
    address = PostgresAddress(host, int(port), database, user, password)
    async with opened(address, 1) as store:
        box = Box()
        while True:
            head = box.head
            box.sell(f"sale-{len(box.bodies)}")
            await store.append(1, 1, head.seq + 1, box.frame(head.seq), head)
            print(box.head.seq, box.head.hash, flush=True)

asyncio.run(main())
"""


async def test_a_head_office_that_is_killed_leaves_what_it_acknowledged_to_the_next(
    address: PostgresAddress,
) -> None:
    place = (address.host, str(address.port), address.database, address.user, address.password)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, *place, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(8):
        await process.stdout.readline()
    process.kill()
    told = (await process.stdout.read()).split(b"\n")
    await process.wait()
    acknowledged = [int(line.split()[0]) for line in told if line.count(b" ") == 1]
    async with opened(address) as store:  # its locks went with its lines
        head = await store.head(1, 1)
        assert head.seq >= max(acknowledged, default=32)
        frames = await read_all(store, 0)
        check_whole(frames)
        assert frames[-1].last_seq == head.seq
        late = Shop(Box())  # who still believes in an older head is told of this one
        late.sell(1)
        result = await store.append(1, 1, 1, late.box.frame(), late.heads[0])
        assert result == Conflict(head)


async def test_a_server_that_restarts_is_found_again_and_told_of_once(
    own_postgres: PostgresServer,
) -> None:
    address = await own_postgres.new_database()
    shop = Shop(Box())
    log = io.StringIO()
    async with opened(address, 2, log) as store:
        shop.sell(2)
        await shop.catch_up(store)
        own_postgres.stop()
        shop.sell(2)
        for _ in range(3):
            with pytest.raises(EventStoreAway):
                await store.append(
                    1, 1, shop.heads[2].seq + 1, shop.box.frame(8, 12), shop.heads[2]
                )
            with pytest.raises(EventStoreAway) as away:
                await store.head(1, 1)
        assert away.value.code == "postgres_unreachable"
        assert store.away is not None
        own_postgres.start()
        await shop.catch_up(store)
        await shop.check(store)
        await store.read(0, 0, frames_max=1)
        assert store.away is None
    told = [json.loads(line)["event"] for line in log.getvalue().splitlines()]
    assert told == ["event_store_away", "event_store_back"]
    assert PASSWORD not in log.getvalue()


async def test_a_line_that_was_cut_is_made_anew(address: PostgresAddress) -> None:
    shop = Shop(Box())
    async with line_to(address) as (line, through), opened(through, 1) as store:
        for _ in range(5):
            shop.sell(3)
            await shop.catch_up(store)
            line.cut()
        await shop.catch_up(store)
        await shop.check(store)


async def test_a_line_that_broke_while_nobody_used_it_costs_nobody_a_thing(
    address: PostgresAddress,
) -> None:
    shop = Shop(Box())
    async with line_to(address) as (line, through), opened(through, 1) as store:
        for _ in range(3):
            shop.sell(1)
            await shop.catch_up(store)
            line.cut()
            await asyncio.sleep(0.1)  # both ends have heard of it
        shop.sell(1)
        await shop.catch_up(store)
        assert shop.troubles == 0


@asynccontextmanager
async def frozen(server: PostgresServer, address: PostgresAddress) -> AsyncIterator[None]:
    """For a block its processes are there and its lines too; they only never answer."""
    assert server.process is not None
    pids = [*await server.backends(address.database), server.process.pid]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(RECOVERY_S):
            yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def test_a_server_that_is_frozen_is_given_up_and_taken_again(
    own_postgres: PostgresServer,
) -> None:
    address = replace(await own_postgres.new_database(), answer_s=0.5)
    shop = Shop(Box())
    async with opened(address, 1) as store:
        shop.sell(1)
        await shop.catch_up(store)
        shop.sell(1)
        async with frozen(own_postgres, address):
            with pytest.raises(EventStoreAway):
                await store.append(1, 1, 5, shop.box.frame(4), shop.heads[1])
            with pytest.raises(EventStoreAway):
                await store.head(1, 1)
        await shop.catch_up(store)
        await shop.check(store)
        async with frozen(own_postgres, address):
            await store.close()


async def test_a_writer_that_hangs_is_given_up_and_nothing_passes_it(
    own_postgres: PostgresServer,
) -> None:
    """Its end at the server may still commit: nobody writes before that has ended."""
    address = replace(await own_postgres.new_database(), answer_s=1.0)
    shop = Shop(Box())
    async with opened(address, 1) as store:
        shop.sell(1)
        await shop.catch_up(store)
        shop.sell(1)
        (writer,) = [
            pid for pid in await own_postgres.backends(address.database)
            if pid in await own_postgres.lock_holders()
        ]  # fmt: skip
        os.kill(writer, signal.SIGSTOP)
        try:
            for code in ("postgres_unreachable", "store_in_use"):
                with pytest.raises(EventStoreAway) as away:
                    await store.append(1, 1, 5, shop.box.frame(4), shop.heads[1])
                assert away.value.code == code
            assert await store.head(1, 1) == shop.heads[1]  # readers have lines of their own
        finally:
            os.kill(writer, signal.SIGCONT)
        await shop.catch_up(store)
        await shop.check(store)


async def test_a_password_that_was_changed_is_said_and_taken_once_it_is_right(
    own_postgres: PostgresServer,
) -> None:
    address = await own_postgres.new_database()
    shop = Shop(Box())
    async with opened(address, 1) as store:
        await own_postgres.run(f"ALTER ROLE {OWNER} PASSWORD 'another'")
        for pid in await own_postgres.backends(address.database):
            os.kill(pid, signal.SIGTERM)
        shop.sell(1)
        await until_away(
            "postgres_login", lambda: store.append(1, 1, 1, shop.box.frame(), shop.heads[0])
        )
        await own_postgres.run(f"ALTER ROLE {OWNER} PASSWORD '{PASSWORD}'")
        await shop.catch_up(store)
        await shop.check(store)


async def test_a_standby_takes_nothing_until_it_is_promoted(own_postgres: PostgresServer) -> None:
    address = await own_postgres.new_database()
    shop = Shop(Box())
    async with opened(address, 1) as store:
        shop.sell(1)
        await shop.catch_up(store)
        own_postgres.stop()
        (own_postgres.data / "standby.signal").touch()
        shutil.chown(own_postgres.data / "standby.signal", own_postgres.data.owner())
        own_postgres.start()
        shop.sell(1)
        await until_away(
            "postgres_read_only",
            lambda: store.append(1, 1, 5, shop.box.frame(4), shop.heads[1]),
        )
        await own_postgres.run("SELECT pg_promote()")
        await until_back(lambda: store.append(1, 1, 5, shop.box.frame(4), shop.heads[1]))
        await shop.catch_up(store)
        await shop.check(store)


async def test_a_database_restored_to_an_hour_ago_is_noticed(
    own_postgres: PostgresServer,
) -> None:
    address = await own_postgres.new_database()
    shop = Shop(Box())
    copy = own_postgres.folder / "copy"
    async with opened(address, 1) as store:
        shop.sell(2)
        await shop.catch_up(store)
        own_postgres.stop()
        shutil.copytree(own_postgres.data, copy, copy_function=_copy_with_owner)
        own_postgres.start()
        shop.sell(2)
        await shop.catch_up(store)
        own_postgres.crash()
        shutil.rmtree(own_postgres.data)
        copy.rename(own_postgres.data)
        _own_like(own_postgres.folder, own_postgres.data)
        own_postgres.start()
        shop.sell(1)
        with pytest.raises(StorageFailed) as failed:
            await until_back(lambda: store.append(1, 1, 17, shop.box.frame(16), shop.heads[4]))
        assert failed.value.code == "store_went_back"
        assert store.failure is failed.value
        with pytest.raises(StorageFailed):  # and nothing more, until a new process looks
            await store.append(1, 1, 17, shop.box.frame(16), shop.heads[4])
    shop.acknowledged = 0
    async with opened(address) as store:
        assert await store.head(1, 1) == shop.heads[2]
        await shop.catch_up(store)
        await shop.check(store)


def _copy_with_owner(source: str, target: str) -> str:
    shutil.copy2(source, target)
    return target


def _own_like(example: Path, folder: Path) -> None:
    owner = example.stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
async def test_a_full_disk_is_said_and_with_room_again_it_goes_on(
    own_postgres: PostgresServer,
) -> None:
    small = own_postgres.folder / "small"
    small.mkdir()
    size = ["mount", "-t", "tmpfs", "-o", "size=16m", "small", str(small)]
    if subprocess.run(size, check=False).returncode != 0:
        pytest.skip("this root may not mount")
    try:
        owner = own_postgres.folder.stat()
        os.chown(small, owner.st_uid, owner.st_gid)
        await own_postgres.run(f"CREATE TABLESPACE small LOCATION '{small}'")
        address = await own_postgres.new_database()
        await own_postgres.run(f"ALTER DATABASE {address.database} SET TABLESPACE small")
        chance = random.Random(3)
        box = Box()
        heads = [box.head]
        kept = 0

        async def keep_one_more() -> None:
            nonlocal kept
            if len(heads) == kept + 1:
                box.bodies.append(b'"' + chance.randbytes(120_000).hex().encode() + b'"')
                heads.append(box.head)
            await store.append(1, 1, kept + 1, box.frame(kept), heads[kept])
            kept += 1

        async with opened(address, 1) as store:
            away = await until_away("postgres_full", keep_one_more)
            assert "room" in str(away)
            assert kept > 5
            assert await store.head(1, 1) == heads[kept]
            assert len(await read_all(store, 0)) == kept
            subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
            await keep_one_more()
            check_whole(await read_all(store, 0))
            assert store.away is None
            assert store.failure is None
    finally:
        own_postgres.halt()
        subprocess.run(["umount", str(small)], check=True)
