"""Frames in PostgreSQL to sales there: what one worker does, against rows copied by hand."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sync.appending.postgres_address import PostgresAddress
from tests.bench.bench_run import BenchRun
from tests.bench.figures import Figure, slope
from tests.bench.processes import BenchFailedError, Program, python
from tests.bench.synthetic_sales import SyntheticShop
from tests.postgres_server import PostgresServer, postgres_folder
from tests.sync.appending.opened_postgres import opened
from tests.sync.office.head_office import Box

_SHOPS: Final = 8
_SALES: Final = 20_000
_SALES_A_FRAME: Final = 50
"""About 130 KB of events, as boxes cut their backlogs."""
_PARTITIONS: Final = 8
_ROUNDS: Final = 3


def project_pg(run: BenchRun) -> Figure:
    """Let one worker make sales of a backlog of all shops, in turn with the floor."""
    with _server(run) as server:
        address = asyncio.run(_filled(server))
        worker, floor, cpu, slopes = [], [], [], []
        sales = 0
        for _ in range(_ROUNDS):
            done = _run(run, address, "work", str(run.new_folder("project")))
            if done["aside"]:
                raise BenchFailedError(f"{done['aside']} events did not fit")
            sales = done["sales"]
            worker.append(sales / done["wall_s"])
            cpu.append(done["cpu_s"] / sales * 1e6)
            slopes.append(_slope(done["steps"]))
            done = _run(run, address, "copy", str(len(done["steps"])))
            floor.append(done["sales"] / done["wall_s"])
    return Figure(
        value=statistics.median(worker),
        unit="sales/s",
        floor=statistics.median(floor),
        n=sales,
        cpu_us=statistics.median(cpu),
        goal=2_500,
        goal_is_of_value=True,
        lower_is_better=False,
        more={"worst": min(worker), "slope_table": statistics.median(slopes)},
    )


def _slope(steps: list[tuple[int, int]]) -> float:
    """Return the rate of the last third of the frames over that of the first."""
    frames = [0]
    times = [0]
    for count, at_ms in steps:
        frames.append(frames[-1] + count)
        times.append(at_ms)
    cuts = [bisect_left(frames, frames[-1] * each / 3) for each in range(4)]
    rates = [
        (frames[b] - frames[a]) / max(1, times[b] - times[a]) for a, b in itertools.pairwise(cuts)
    ]
    return slope((1, 2, 3), rates)


def _run(run: BenchRun, address: PostgresAddress, what: str, more: str) -> dict[str, Any]:
    where = (address.host, str(address.port), address.database, address.user, address.password)
    log = run.new_folder("project-log") / "log"
    program = Program(what, python("tests.bench.floors.project", what, *where, more), log)
    program.start(talks=True)
    try:
        program.read_line()
        done: dict[str, Any] = program.ask({})
    finally:
        program.stop()
    return done


@contextmanager
def _server(run: BenchRun) -> Iterator[PostgresServer]:
    """Run a server on the disk that is measured, as a small machine would have it."""
    programs = postgres_folder()
    if programs is None:
        raise BenchFailedError("PostgreSQL is not installed: apt install postgresql")
    folder = run.new_folder("postgres")
    # its own user has to get there
    for each in (run.folder, folder):
        os.chmod(each, 0o711)  # noqa: PTH101, S103 - passing through shows nothing
    server = PostgresServer(programs, {"shared_buffers": "128MB", "max_wal_size": "2GB"}, folder)
    server.make()
    server.start()
    try:
        yield server
    finally:
        server.remove()


async def _filled(server: PostgresServer) -> PostgresAddress:
    """Append the backlogs of some shops, in turns, and return where they are."""
    address = await server.new_database()
    boxes = [Box(f"shop-{number}", number) for number in range(1, _SHOPS + 1)]
    shops = [SyntheticShop(box.number, store=box.number) for box in boxes]
    async with opened(address, _PARTITIONS) as events:
        heads = [box.head for box in boxes]
        for _ in range(_SALES // _SHOPS // _SALES_A_FRAME):
            for place, (box, shop) in enumerate(zip(boxes, shops, strict=True)):
                before = heads[place]
                for _ in range(_SALES_A_FRAME):
                    box.bodies += shop.sale()
                frame = box.frame(before.seq)
                heads[place] = box.head
                await events.append(box.number, 1, before.seq + 1, frame, before)
    return address
