"""What a thousand boxes cost a head office beside their frames: sockets, notes, and steps."""

from __future__ import annotations

import dataclasses
import random
import resource
import sqlite3
from pathlib import Path

from edge.contract.limits import (
    OFFICE_FILES_SPARED,
    OFFICE_SOCKETS_MAX,
    PROJECTION_FRAMES_MAX,
    PROJECTION_SMALL_FRAMES_MAX,
)
from edge.runtime.database_file import DatabaseFile
from sync.office.database import office_database
from sync.office.store_directory import RegisteredStore, StoreDirectory
from tests.sync.office.head_office import Box, Served, serve
from tests.virtual_time import FakeClock


async def test_as_many_sockets_are_taken_as_the_system_allows(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OFFICE_FILES_SPARED
        watch = served.office.web.watch
        assert watch.total_max == min(OFFICE_SOCKETS_MAX, allowed)
        assert watch.loopback_max == watch.per_address_max
        assert watch.loopback_max * 2 >= watch.total_max


async def test_that_boxes_were_heard_is_one_note_however_often(tmp_path: Path) -> None:
    file = office_database(tmp_path / "office.db")
    await file.open()
    clock = FakeClock()
    directory = StoreDirectory(file, clock)
    for number in (1, 2):
        key = Box().key.public.hex
        await directory.add(RegisteredStore(number, f"shop-{number}", "Shop", key, 1))
    directory.heard(1, 40)
    for _ in range(100):
        clock.elapsed_ms += 1
        directory.heard(1)
        directory.heard(2, 7)
    directory.heard(2, 3)
    assert len(file._lazy) == 1
    await commit(file)
    clock.elapsed_ms += 5
    directory.heard(2)
    await commit(file)
    seen = [(store.box_seq, store.last_contact - clock.at_ms) for store in await directory.all()]
    assert seen == [(40, 100), (7, 105)]
    await file.close()


async def commit(file: DatabaseFile) -> None:
    def nothing(_: sqlite3.Connection) -> None:
        """Make a commit that the lazy ones go along with."""

    await file.write(nothing)


async def steps_of(served: Served, frames: list[bytes], box: Box) -> list[int]:
    """Project frames that are all there at once; return how many each step took."""
    async with served.session(box) as (line, _):
        for frame in frames:
            await line.upload(frame)
    await served.until_projected(len(box.bodies))
    projector = dataclasses.replace(served.office.projector)  # beside the one at work
    projector.read_again()
    steps = []
    while count := await projector.step():
        steps.append(count)
    return steps


async def test_single_sales_are_projected_many_at_a_time(tmp_path: Path) -> None:
    box = Box()
    for index in range(200):
        box.sell(f"{index}")
    frames = [box.frame(after, after + 4) for after in range(0, 800, 4)]
    async with serve(tmp_path, box) as served:
        steps = await steps_of(served, frames, box)
    assert sum(steps) == 200
    assert max(steps) == PROJECTION_SMALL_FRAMES_MAX


async def test_frames_of_a_backlog_are_projected_few_at_a_time(tmp_path: Path) -> None:
    box = Box()
    chance = random.Random(1)
    for index in range(160):
        box.sell(chance.randbytes(700).hex() + f"-{index}")
    frames = [box.frame(after, after + 40) for after in range(0, 640, 40)]
    assert min(map(len, frames)) * 3 > 16_384
    async with serve(tmp_path, box) as served:
        steps = await steps_of(served, frames, box)
    assert sum(steps) == 16
    assert max(steps) <= PROJECTION_FRAMES_MAX * 2
