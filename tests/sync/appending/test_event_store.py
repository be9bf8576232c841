"""SQLite behind the event store's interface, and a careless store that the laws must catch."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from typing_extensions import override

from edge.contract.replication import Head
from edge.runtime.database_file import DatabaseFile
from edge.runtime.system_clock import SystemClock
from sync.appending.event_store import Accepted, Conflict
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.database import office_database
from tests.sync.appending.event_store_laws import LAWS, refuses_another_expected_head
from tests.sync.office.head_office import Box, serve


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[DatabaseFile]:
    file = office_database(tmp_path / "office.db")
    await file.open()
    yield file
    await file.close()


@pytest.mark.parametrize("law", LAWS)
async def test_sqlite_keeps_the_laws(law: object, file: DatabaseFile) -> None:
    await law(SqliteEventStore(file, SystemClock()))  # type: ignore[operator] # a law


class CarelessStore(SqliteEventStore):
    """The planted bug: whatever the caller believes, it believes too."""

    @override
    async def append(
        self, store: int, gen: int, first_seq: int, frame: bytes, expected_head: Head
    ) -> Accepted | Conflict:
        head = await self.head(store, gen)
        return await super().append(store, gen, first_seq, frame, head)


async def test_a_store_that_ignores_the_expected_head_breaks_a_law(file: DatabaseFile) -> None:
    with pytest.raises(AssertionError):
        await refuses_another_expected_head(CarelessStore(file, SystemClock()))


async def test_appends_side_by_side_share_commits(file: DatabaseFile) -> None:
    box = Box()
    heads = [box.head]
    for number in range(30):
        box.sell(f"sale-{number}")
        heads.append(box.head)
    store = SqliteEventStore(file, SystemClock())
    frames = [box.frame(a.seq, b.seq) for a, b in pairwise(heads)]
    before = file.counts.commits
    results = await asyncio.gather(
        *(
            store.append(1, 1, head.seq + 1, frame, head)
            for head, frame in zip(heads, frames, strict=False)
        )
    )
    assert results == [Accepted(head) for head in heads[1:]]
    assert file.counts.commits - before < 5


_WRITER = """
import asyncio, sys
from pathlib import Path
from edge.runtime.system_clock import SystemClock
from sync.office.database import office_database
from sync.appending.sqlite_event_store import SqliteEventStore
from tests.sync.office.head_office import Box

async def main():
    file = office_database(Path(sys.argv[1]))
    await file.open()
    store = SqliteEventStore(file, SystemClock())
    box = Box()
    while True:
        head = box.head
        box.sell(f"sale-{len(box.bodies)}")
        await store.append(1, 1, head.seq + 1, box.frame(head.seq), head)
        print(box.head.seq, box.head.hash, flush=True)

asyncio.run(main())
"""


async def test_killed_between_commits_the_head_is_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "office.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(8):
        await process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    told = (await process.stdout.read()).split(b"\n")
    await process.wait()
    file = office_database(path)
    await file.open()
    store = SqliteEventStore(file, SystemClock())
    head = await store.head(1, 1)
    frames = await store.read(0, 0, frames_max=100_000)
    await file.close()
    acknowledged = [int(line.split()[0]) for line in told if line.count(b" ") == 1]
    assert head.seq >= max(acknowledged, default=32)
    assert frames[-1].last_seq == head.seq
    # gap-free from the first, each frame right behind the one before
    assert [frame.first_seq for frame in frames] == [
        1,
        *(frame.last_seq + 1 for frame in frames[:-1]),
    ]


async def test_after_a_restart_the_session_goes_on_where_it_was(tmp_path: Path) -> None:
    box = Box()
    box.sell("a")
    async with serve(tmp_path, box) as served, served.session(box) as (line, _):
        ack = await line.upload(box.frame())
    async with serve(tmp_path, box) as served, served.session(box) as (_, welcome):
        assert welcome.head == ack.accepted == box.head
