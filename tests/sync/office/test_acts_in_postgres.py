"""Acts about sales in PostgreSQL: cut and killed anywhere they are done once, and stay."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from sync.appending.event_store import EventStoreAway
from sync.appending.postgres_address import PostgresAddress
from sync.appending.postgres_connection import connect, disconnect
from sync.office.person_acts import acts
from sync.office.postgres_acts import ACTS_SCHEMA
from sync.office.postgres_aside import PostgresAside
from sync.office.postgres_sales import PostgresSales
from sync.office.quarantine import Quarantine
from sync.office.quarantine_bodies import ActDone, Repair
from tests.postgres_server import PostgresServer
from tests.sync.appending.postgres_line import Fault, PostgresLine
from tests.sync.office.aside import (
    act,
    arrive,
    aside,
    data_of,
    forget_sales,
    keep_sale,
    repair,
    rich_sale,
    spoil,
    sql,
    tables,
)
from tests.sync.office.head_office import DICTIONARIES, Box, serve
from tests.sync.office.kept_sales import keeping
from tests.sync.office.postgres_office import kept_in
from tests.sync.office.sale_places import PostgresPlace, postgres_place

SEED = int(os.environ.get("TILLBOX_PG_SEED", "20261127"))
STRIDE = int(os.environ.get("TILLBOX_PG_STRIDE", "4"))
"""How many messages on it is cut next, at most: 1 is at each of them."""
RECOVERY_S = 30.0
ENOUGH = 400
"""More messages than an act has."""


@contextlib.asynccontextmanager
async def quarantine_of(
    place: PostgresPlace, address: PostgresAddress
) -> AsyncIterator[Quarantine]:
    """What people act through, over a line of its own."""
    clock = SystemClock()
    sales = PostgresSales(place.address, place.directory, clock)
    await sales.open()
    try:
        yield Quarantine(
            PostgresAside(address, sales, place.file),
            place.directory,
            place.events,
            DICTIONARIES,
            clock,
            open_log("office", io.StringIO()),
        )
    finally:
        await sales.close()


def wish_of(number: int, good: bytes) -> Repair:
    """Another repair of the second event each time, as a person would correct herself."""
    data = {**data_of(good), "name": f"Bun {number}"}
    return Repair(
        f"command-{number:04}", 1, 2, f"look {number}", msgspec.Raw(msgspec.json.encode(data))
    )


async def _acts_there(address: PostgresAddress) -> list[tuple[Any, ...]]:
    connection = await connect(address, ACTS_SCHEMA)
    try:
        return [
            tuple(row) for row in await connection.fetch("SELECT n, command FROM act ORDER BY n")
        ]
    finally:
        await disconnect(connection, address)


def troubled_box() -> tuple[Box, bytes]:
    box = Box("shop-1", 1)
    rich_sale(box, "s")
    good = spoil(box, 2, keep_sale(box.bodies[1]))
    box.sell("t")
    return box, good


async def _cut(_: set[int], __: int) -> None:
    await asyncio.sleep(0.005)  # what had reached the server is done


async def _kill(_: set[int], own: int) -> None:
    if own:
        os.kill(own, signal.SIGKILL)


async def _until_done(quarantine: Quarantine, wish: Repair) -> tuple[ActDone, int]:
    """Wish again while the server is away; return the answer, and how often it was."""
    troubles = 0
    async with asyncio.timeout(RECOVERY_S):
        while True:
            try:
                return await quarantine.repair("shop-1", wish, "head"), troubles
            except EventStoreAway:
                troubles += 1
                await asyncio.sleep(0.02)


async def _until_up(address: PostgresAddress) -> None:
    async with asyncio.timeout(RECOVERY_S):
        while True:
            try:
                return await disconnect(await connect(address), address)
            except EventStoreAway:
                await asyncio.sleep(0.02)


@pytest.mark.timeout(240)
async def test_cut_or_killed_at_every_message_an_act_is_done_once(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    print(f"TILLBOX_PG_SEED={SEED}")
    chance = random.Random(SEED)
    address = await own_postgres.new_database()
    line = PostgresLine(address.port)
    await line.start()
    box, good = troubled_box()

    async with (
        postgres_place(tmp_path, address, 1) as place,
        quarantine_of(place, replace(address, port=line.port)) as quarantine,
    ):
        kept = await keeping(place)
        await kept.all(box)
        before = await place.rows()
        assert [row[2] for row in before["quarantine"]] == [2, 6]
        number = point = troubles = 0
        while point < ENOUGH:
            number, point = number + 1, point + chance.randint(1, STRIDE)
            deadly = number % 16 == 0
            fault = Fault("", point, chance.random() < 0.5, _kill if deadly else _cut)
            line.fault = fault
            done, seen = await _until_done(quarantine, wish_of(number, good))
            troubles += seen
            await _until_up(address)
            assert await _until_done(quarantine, wish_of(number, good)) == (done, 0)
            expected = [(each, f"command-{each:04}") for each in range(1, number + 1)]
            assert await _acts_there(address) == expected
            (shown,) = await place.fetch(
                "SELECT name FROM sale_line WHERE sale = 's' AND line = '1'"
            )
            assert shown == (f"Bun {number}",)
            if line.fault is fault:
                break  # the act had fewer messages than that
        line.fault = None
        assert 60 < point < ENOUGH
        assert troubles > number / 2
        told = (await acts(place.file, store=None, before=0)).acts
        assert [each.reason for each in told] == [f"look {n}" for n in range(number, 0, -1)][:100]
        rows = await place.rows()
        assert rows["quarantine"] == []
        for name in ("sale", "projected", "cursor"):
            # the sale has its place still, and nothing was counted twice
            assert [row[:2] for row in rows[name]] == [row[:2] for row in before[name]]
        assert [row[15] for row in rows["sale"]] == [row[15] for row in before["sale"]]
        box.sell("u")
        after = await kept.all(box)
        assert [row[15] for row in after["sale"]] == [1, 2, 3]
    await line.stop()


_PERSON = """
import asyncio, sys
from pathlib import Path
from sync.appending.postgres_address import PostgresAddress
from tests.sync.office.sale_places import postgres_place
from tests.sync.office.test_acts_in_postgres import quarantine_of, troubled_box, wish_of

async def main():
    folder, port, through, database, user, password = sys.argv[1:]
    address = PostgresAddress("127.0.0.1", int(port), database, user, password)
    there = PostgresAddress("127.0.0.1", int(through), database, user, password)
    async with postgres_place(Path(folder), address, 1) as place:
        async with quarantine_of(place, there) as quarantine:
            await quarantine.repair("shop-1", wish_of(1, troubled_box()[1]), "head")

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("behind", "like", "after", "passes", "is_done"),
    [
        ("QBEGIN", "P", 1, False, False),
        ("QBEGIN", "P", 6, True, False),
        ("QBEGIN", "d", 1, True, False),
        ("", "QCOMMIT", 1, False, False),
        ("", "QCOMMIT", 1, True, True),
        # before office.db is told
        ("QCOMMIT", "P", 1, False, True),
        ("QCOMMIT", "P", 2, True, True),
    ],
)
async def test_a_head_office_that_is_killed_has_done_it_or_not_and_then_once(
    tmp_path: Path,
    address: PostgresAddress,
    behind: str,
    like: str,
    after: int,
    passes: bool,
    is_done: bool,
) -> None:
    box, good = troubled_box()
    async with postgres_place(tmp_path, address, 1) as place:
        whole = await (await keeping(place)).all(box)
    line = PostgresLine(address.port)
    await line.start()
    killed = asyncio.Event()
    process: asyncio.subprocess.Process | None = None

    async def kill(_: set[int], __: int) -> None:
        assert process is not None
        await asyncio.sleep(0.05 if passes else 0)
        os.kill(process.pid, signal.SIGKILL)
        killed.set()

    line.fault = Fault(like, after, passes, kill, behind)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", _PERSON, str(tmp_path), str(address.port), str(line.port)),
        *(address.database, address.user, address.password),
    )
    await process.wait()
    assert killed.is_set()
    await line.stop()
    async with postgres_place(tmp_path, address, 1) as place:
        there = await _acts_there(address)
        assert there == ([(1, "command-0001")] if is_done else [])
        assert (await acts(place.file, store=None, before=0)).acts == ()
        await keeping(place)  # the next start tells what was not told
        shown = (await acts(place.file, store=None, before=0)).acts
        assert [each.seq for each in shown] == ([2] if is_done else [])
        rows = await place.rows()
        if not is_done:
            assert rows == whole
        async with quarantine_of(place, address) as quarantine:
            done = await quarantine.repair("shop-1", wish_of(1, good), "head")
        assert [each.seq for each in done.taken] == [2, 6]
        assert await _acts_there(address) == [(1, "command-0001")]
        (one,) = (await acts(place.file, store=None, before=0)).acts
        assert (one.who, one.reason, one.seq) == ("head", "look 1", 2)
        assert (await place.rows())["quarantine"] == []


async def test_what_office_db_could_not_be_told_is_told_with_the_next_act(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box, good = troubled_box()
    async with (
        postgres_place(tmp_path, address, 1) as place,
        quarantine_of(place, address) as quarantine,
    ):
        await (await keeping(place)).all(box)
        await place.file.write(
            lambda connection: connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON person_act"
                " BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        )
        with pytest.raises(Exception, match="no room"):
            await quarantine.repair("shop-1", wish_of(1, good), "head")
        assert await _acts_there(address) == [(1, "command-0001")]
        await place.file.write(lambda connection: connection.execute("DROP TRIGGER full"))
        # the very same wish again tells it, too
        done = await quarantine.repair("shop-1", wish_of(1, good), "head")
        assert [each.seq for each in done.taken] == [2, 6]
        assert len((await acts(place.file, store=None, before=0)).acts) == 1
        assert await _acts_there(address) == [(1, "command-0001")]


async def test_what_was_restored_from_a_copy_keeps_the_acts_of_office_db(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box, good = troubled_box()
    async with (
        postgres_place(tmp_path, address, 1) as place,
        quarantine_of(place, address) as quarantine,
    ):
        await (await keeping(place)).all(box)
        aside_rows = (await place.rows())["quarantine"]
        for number in (1, 2, 3):
            await quarantine.repair("shop-1", wish_of(number, good), "head")
        told = (await acts(place.file, store=None, before=0)).acts
        # as a copy from before the second act has it
        await place.fetch("DELETE FROM tillbox_acts.act WHERE n > 1")
        await place.fetch("UPDATE tillbox_acts.act_count SET newest = 1")
        await place.fetch("DELETE FROM tillbox_acts.repair")
        await place.fetch("DROP SCHEMA tillbox_sales CASCADE")
        again = await keeping(place)
        await again.settle()
        rows = await place.rows()
        # what a person said last counts, and no act is shown twice
        assert (await acts(place.file, store=None, before=0)).acts == told
        assert rows["quarantine"] == [] != aside_rows
        (name,) = await place.fetch("SELECT name FROM sale_line WHERE sale = 's' AND line = '1'")
        assert name == ("Bun 3",)
        # a command that it has forgotten is known by office.db
        await quarantine.repair("shop-1", wish_of(3, good), "head")
        assert await _acts_there(address) == [(1, "command-0001")]
        await quarantine.repair("shop-1", wish_of(4, good), "head")
        shown = (await acts(place.file, store=None, before=0)).acts
        assert [each.reason for each in shown] == ["look 4", "look 3", "look 2", "look 1"]


async def test_repairs_go_along_from_one_database_to_the_other_and_back(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box = Box()
    rich_sale(box, "s")
    good = spoil(box, 2, keep_sale(box.bodies[1]))
    frames = kept_in(tmp_path / "servers", address)
    data = {**data_of(good), "name": "Bun"}
    async with serve(tmp_path / "office", box, **frames) as served:
        await arrive(served, box)
        assert (await repair(served, 2, good, data=data))[0] == 200
    async with serve(tmp_path / "office", box, **frames, sales="postgres") as served:
        await served.until_projected(len(box.bodies))
        assert (await aside(served))["count"] == 0
        assert (await served.sales())[0]["lines"][0]["name"] == "Bun"
        assert (await repair(served, 2, good))[0] == 200
        _, shown = await served.ask("GET", "/api/v1/acts")
        assert len(shown["acts"]) == 2
    async with serve(tmp_path / "office", box, **frames) as served:
        await forget_sales(served)
    async with serve(tmp_path / "office", box, **frames) as served:
        await served.until_projected(len(box.bodies))
        assert (await served.sales())[0]["lines"][0]["name"] == "Bread roll"


async def test_while_the_server_is_away_an_act_is_refused_in_words(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    box = Box()
    box.sell("a")
    good = spoil(box, 2, {"sale": "a", "line": 1})
    there = {"sales": "postgres", **kept_in(tmp_path / "dsn", await own_postgres.new_database())}
    async with serve(tmp_path / "office", box, **there) as served:
        await arrive(served, box)
        own_postgres.stop()
        for what, wish in (
            ("repair", {"gen": 1, "seq": 2, "reason": "x", "data": data_of(good)}),
            ("requeue", {}),
            ("leave", {"gen": 1, "seq": 2, "reason": "x"}),
        ):
            status, refusal = await act(served, what, wish)
            assert (status, refusal["code"]) == (503, "postgres_unreachable"), refusal
        assert (await served.ask("GET", "/api/v1/quarantine"))[0] == 503
        own_postgres.start()
        async with asyncio.timeout(RECOVERY_S):
            while (await repair(served, 2, good))[0] != 200:
                await asyncio.sleep(0.05)
        assert (await tables(served))["sale_line"] != []


async def test_reasons_may_have_any_letter(tmp_path: Path, address: PostgresAddress) -> None:
    box = Box()
    box.sell("a")
    spoil(box, 2, {"sale": "a", "line": 1})
    there = {"sales": "postgres", **kept_in(tmp_path / "dsn", address)}
    async with serve(tmp_path / "office", box, **there) as served:
        await arrive(served, box)
        reason = "a \0 that no text of PostgreSQL has, 'quotes' and ☂"
        assert (await act(served, "leave", {"gen": 1, "seq": 2, "reason": reason}))[0] == 200
        (event,) = (await aside(served, "?left=true"))["events"]
        assert (event["left_by"], event["left_reason"]) == ("head", reason)
        assert await sql(served, "SELECT count(*) FROM left_aside") == [(1,)]
