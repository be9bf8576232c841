"""Sales in PostgreSQL: several workers, servers and workers that are killed, copies restored."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge.contract.errors import StorageFailed, TillboxError
from edge.runtime.system_clock import SystemClock
from sync.appending.event_store import EventStoreAway
from sync.appending.postgres_address import PostgresAddress
from sync.office.postgres_projection import PostgresProjection
from sync.office.postgres_sales import PostgresSales
from sync.office.projector import Projector
from tests.postgres_server import PostgresServer
from tests.sync.appending.postgres_line import Fault, PostgresLine
from tests.sync.office.busy_boxes import busy_box
from tests.sync.office.kept_sales import Keeping, keeping, projector_of, without
from tests.sync.office.sale_places import PostgresPlace, postgres_place, sqlite_place

SEED = int(os.environ.get("TILLBOX_PG_SEED", "20261127"))
POINTS = int(os.environ.get("TILLBOX_PG_POINTS", "24"))
RECOVERY_S = 30.0
WHERE = ("QBEGIN", "QCOPY", "d", "c", "QCOMMIT", "QCOMMIT", "")
"""Before the COPY, in it, at its end, and at the commit: how those messages begin."""


@asynccontextmanager
async def line_to(address: PostgresAddress) -> AsyncIterator[tuple[PostgresLine, PostgresAddress]]:
    line = PostgresLine(address.port)
    await line.start()
    try:
        yield line, replace(address, port=line.port)
    finally:
        await line.stop()


@asynccontextmanager
async def worker_of(
    place: PostgresPlace, *partitions: int
) -> AsyncIterator[tuple[Projector, PostgresProjection]]:
    projection = place.worker()
    projector = projector_of(projection, place.events, partitions or None)
    try:
        await projector.open()
        yield projector, projection
    finally:
        await projection.close()


# --- several workers ----------------------------------------------------------------------


async def test_workers_side_by_side_come_to_the_same(
    tmp_path: Path, address: PostgresAddress
) -> None:
    boxes = [busy_box(number, seed=number, sales=8) for number in range(1, 7)]
    (tmp_path / "other").mkdir()
    async with sqlite_place(tmp_path / "other") as single:
        expected = await (await keeping(single)).all(*boxes)
    async with (
        postgres_place(tmp_path, address, 3) as place,
        worker_of(place, 0, 2) as (one, _),
        worker_of(place, 1) as (two, _),
    ):
        kept = Keeping(place, one)
        for box in boxes:
            await kept.arrive(box, frames=9)
        for projector in (one, two):
            _one_frame_a_batch(projector)
        reader = PostgresSales(address, place.directory, SystemClock())
        await reader.open()
        seen: list[int] = []

        async def follow() -> None:
            """Read on behind the newest place that was seen, as pages and programs do."""
            while True:
                found = await reader.page(
                    seen[-1] if seen else 0, store="", from_day="", tracked="", limit=7
                )
                seen.extend(sale.arrival for sale in found)
                await asyncio.sleep(0)

        following = asyncio.create_task(follow())
        await asyncio.gather(_settle(one), _settle(two))
        rows = await place.rows()
        async with asyncio.timeout(RECOVERY_S):
            while len(seen) < sum(row[15] is not None for row in rows["sale"]):
                await asyncio.sleep(0.01)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await reader.close()
    # nothing came to be at a place that the reader had passed
    assert seen == list(range(1, len(seen) + 1))
    order = "cursor", "alarm", "sale"
    assert without(rows, *order) == without(expected, *order)
    assert [row[:15] + row[16:] for row in rows["sale"]] == [
        row[:15] + row[16:] for row in expected["sale"]
    ]


def _one_frame_a_batch(projector: Projector) -> None:
    projection = projector.projection
    assert isinstance(projection, PostgresProjection)
    projection.frames_max = projection.bytes_max = projector._frames_max = 1


async def _settle(projector: Projector) -> None:
    while await projector.step():
        pass


async def test_a_partition_has_one_worker(tmp_path: Path, address: PostgresAddress) -> None:
    async with postgres_place(tmp_path, address, 2) as place, worker_of(place, 0, 1):
        place.address = replace(address, answer_s=0.5)
        with pytest.raises(EventStoreAway) as refused:
            async with worker_of(place, 1):
                pass
        assert refused.value.code == "store_in_use"


# --- killed -------------------------------------------------------------------------------


@pytest.mark.timeout(300 + 5 * POINTS)
async def test_killed_between_copy_and_commit_the_sales_are_equal(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    """At seeded messages of the dialogue the server's end is killed, or all of it, or the line."""
    print(f"TILLBOX_PG_SEED={SEED} TILLBOX_PG_POINTS={POINTS}")
    chance = random.Random(SEED)
    address = await own_postgres.new_database()

    async def cut(_: set[int], __: int) -> None:
        await asyncio.sleep(0.02)  # what had reached the server is done

    async def kill_backend(backends: set[int], own: int) -> None:
        await asyncio.sleep(chance.choice((0, 0, 0.02)))
        if own in backends:
            os.kill(own, signal.SIGKILL)

    async def crash(_: set[int], __: int) -> None:
        await asyncio.to_thread(own_postgres.crash)
        await asyncio.to_thread(own_postgres.start)

    boxes = [busy_box(number, seed=number, sales=POINTS * 2) for number in (1, 2)]
    ends = [[len(box.bodies) * each // POINTS for each in range(1, POINTS + 1)] for box in boxes]
    troubles = 0
    (tmp_path / "other").mkdir()
    async with (
        sqlite_place(tmp_path / "other") as undisturbed,
        postgres_place(tmp_path, address, 1) as place,
        line_to(address) as (line, through),
    ):
        place.address = through
        kept, quiet = await keeping(place), await keeping(undisturbed)
        _one_frame_a_batch(kept.projector)
        for point in range(POINTS):
            for box, upto in zip(boxes, ends, strict=True):
                part = replace(box, bodies=box.bodies[: upto[point]])
                await quiet.arrive(part, frames=2)
                await _until_back(lambda part=part: kept.arrive(part, frames=2))  # type: ignore[misc] # bound now
            await quiet.settle()
            act = chance.choice((cut, cut, kill_backend, kill_backend, crash))
            like = WHERE[point % len(WHERE)]
            # a batch copies up to nine tables in one transaction
            after = chance.randint(1, {"QBEGIN": 1, "QCOMMIT": 1, "": 40}.get(like, 6))
            line.fault = Fault(like, after, chance.random() < 0.6, act)
            troubles += await _until_back(kept.settle)
        line.fault = None
        place.address = address
        expected = await undisturbed.rows()
        assert len(expected["sale"]) > POINTS * 6
        assert without(await place.rows(), "cursor") == without(expected, "cursor")
        assert await place.codes() == await undisturbed.codes()
    assert len(line.hit) > POINTS / 2
    assert set(WHERE[:-1]) <= set(line.hit), line.hit
    assert troubles >= len(line.hit) / 2
    told = place.log.getvalue()
    assert 0 < told.count('"sales_away"') == told.count('"sales_back"')


async def _until_back(work: Callable[[], Awaitable[object]]) -> int:
    """Ask again while the store is away; return how often it was."""
    troubles = 0
    async with asyncio.timeout(RECOVERY_S):
        while True:
            try:
                await work()
            except EventStoreAway:
                troubles += 1
                await asyncio.sleep(0.02)
            else:
                return troubles


_WORKER = """
import asyncio, sys
from pathlib import Path
from sync.appending.postgres_address import PostgresAddress
from tests.sync.office.kept_sales import projector_of
from tests.sync.office.sale_places import postgres_place

async def main():
    folder, host, port, database, user, password = sys.argv[1:]
    address = PostgresAddress(host, int(port), database, user, password)
    async with postgres_place(Path(folder), address, 1) as place:
        projection = await place.projection()
        projection.frames_max = projection.bytes_max = 1
        projector = projector_of(projection, place.events)
        await projector.open()
        while await projector.step():
            print(projector.positions[0], flush=True)

asyncio.run(main())
"""


async def test_a_worker_that_is_killed_leaves_its_sales_to_the_next(
    tmp_path: Path, address: PostgresAddress
) -> None:
    box = busy_box(1, sales=60)
    (tmp_path / "other").mkdir()
    async with sqlite_place(tmp_path / "other") as single:
        expected = await (await keeping(single)).all(box)
    async with postgres_place(tmp_path, address, 1) as place:
        await (await keeping(place)).arrive(box, frames=60)
    told = 0
    for kills in range(3):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", _WORKER, str(tmp_path), address.host, str(address.port)),
            *(address.database, address.user, address.password),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        for _ in range(5 + kills):
            told = int(await process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    assert 18 <= told < 60
    async with postgres_place(tmp_path, address, 1) as place:
        kept = await keeping(place)
        assert told <= kept.projector.positions[0] < 60
        await kept.settle()
        rows = await place.rows()
        order = "cursor"
        assert without(rows, order) == without(expected, order)


# --- restored, and not ours ---------------------------------------------------------------


async def test_sales_that_went_back_behind_a_worker_stop_it(
    tmp_path: Path, address: PostgresAddress
) -> None:
    async with postgres_place(tmp_path, address, 1) as place, worker_of(place) as (worker, kept):
        box = busy_box(1, sales=2)
        arriving = Keeping(place, worker)
        await arriving.arrive(box, frames=2)
        await _settle(worker)
        await place.fetch("UPDATE projection SET position = 1")
        box.sell("next")
        await arriving.arrive(box)
        with pytest.raises(StorageFailed) as failed:
            await worker.step()
        assert failed.value.code == "sales_went_back"
        assert kept.failure is failed.value
        with pytest.raises(StorageFailed):
            await worker.step()
        assert (1, "next") not in [row[:2] for row in (await place.rows())["sale"]]


async def test_a_cursor_ahead_of_restored_frames_steps_back(
    tmp_path: Path, address: PostgresAddress
) -> None:
    async with postgres_place(tmp_path, address, 1) as place:
        kept = await keeping(place)
        box = busy_box(1, sales=2)
        await kept.all(box)
        await place.fetch("UPDATE projection SET position = 70")
        again = await keeping(place)
        assert again.projector.positions == {0: 1}
        again.heads = kept.heads
        box.sell("next")
        rows = await again.all(box)
        assert (1, "next") in [row[:2] for row in rows["sale"]]
        assert rows["cursor"] == [(0, 2)]


async def test_sales_of_other_frames_are_refused(tmp_path: Path, address: PostgresAddress) -> None:
    async with postgres_place(tmp_path, address, 1) as place:
        await (await keeping(place)).all(busy_box(1, sales=1))
        await place.fetch("UPDATE sales_store SET frames = 'postgres of-another'")
        with pytest.raises(TillboxError) as refused:
            await keeping(place)
        assert refused.value.code == "sales_of_other_frames"
        assert "tillbox_sales" in refused.value.advice
        # as it says there: made again from the frames
        before = await place.rows()
        await place.fetch("DROP SCHEMA tillbox_sales CASCADE")
        assert await (await keeping(place)).settle() == 1
        assert await place.rows() == before


async def test_codes_that_were_not_told_before_a_stop_are_told_after_it(
    tmp_path: Path, address: PostgresAddress
) -> None:
    async with postgres_place(tmp_path, address, 1) as place:
        kept = await keeping(place)
        await kept.all(busy_box(1))
        codes = await place.codes()
        assert len(codes) > 5

        # as if it had stopped between the two commits, for the last three of them
        def forget(connection: object) -> None:
            cursor = connection.execute  # type: ignore[attr-defined] # a connection
            cursor(
                "DELETE FROM feed_item WHERE feed = 'used_coupon' AND cursor > ?", (len(codes) - 3,)
            )
            cursor("UPDATE feed_cursor SET newest = newest - 3 WHERE feed = 'used_coupon'")
            cursor("UPDATE projection SET position = position - 3 WHERE name = 'used codes'")

        await place.file.write(forget)
        assert len(await place.codes()) == len(codes) - 3
        await keeping(place)
        assert await place.codes() == codes
        # and as if the sales had been restored from a copy that knew fewer of them
        await place.file.write(
            lambda connection: connection.execute(
                "UPDATE projection SET position = 1000 WHERE name = 'used codes'"
            )
        )
        await keeping(place)
        assert await place.codes() == codes
        told = await place.file.read(
            lambda connection: connection.execute(
                "SELECT position FROM projection WHERE name = 'used codes'"
            ).fetchone()
        )
        assert told[0] < 1000


async def test_what_waits_for_a_commit_of_office_db_gets_it(
    tmp_path: Path, address: PostgresAddress
) -> None:
    async with postgres_place(tmp_path, address, 1) as place:
        kept = await keeping(place)
        place.directory.heard(1, 77)
        await kept.all(busy_box(1, sales=1))
        assert (await place.directory.all())[0].box_seq == 77
