"""The twelve steps of a sale, each with its process killed and its connection cut *at that step*.

The life of a sale (ARCHITECTURE.md), cell by cell. A line between two processes is held, so
that the message of the step is on its way and nowhere else; then the process is killed
(SIGKILL) or the connection reset. The cells of the table below stand in three modules; what
holds in every cell is `Day.prove`: the ledger is whole, the sale ended exactly once and is at
head office exactly once, the acquirer booked what the ledger says was approved, one original
receipt at most, and one pulse of the drawer at most.

| step | killed | cut |
|---|---|---|
| 1 bytes become text | devices, counter | scanner's serial cable |
| 2 the scan on the bus | broker, devices | devices-broker, before and after delivery |
| 3 the scan finds its till | edge | edge-broker |
| 4 decide | edge | till-edge, the command sent |
| 5 events, reply, projections | edge, after the commit, answer held | till-edge, the answer lost |
| 6 the view to the till | edge under an open socket | the till's socket, a view on its way |
| 7 intent, then authorise | edge, the job held | edge-broker, the job lost |
| 8 the terminal's dialogue | devices, counter (the terminal) | terminal, before and after booking |
| 9 completed, with its jobs | edge, before and after the commit | edge-broker, the jobs lost |
| 10 jobs and their results | devices, edge | devices-broker, edge-broker, printer in mid-receipt |
| 11 sync asks edge | sync, edge | sync-edge: before, in and after a frame |
| 12 head office takes it | office before and after the disk, sync | link in mid-frame, before ack |

`test_killed_anywhere` kills every process at every stage of a sale as well, without holding
anything; `test_cut_anywhere` pulls the cables of the devices.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.whole_shop import cells_of_money, cells_of_the_counter, cells_of_the_link
from tests.whole_shop.demo_shop import Shop
from tests.whole_shop.lines import Lines, wired_shop
from tests.whole_shop.sale_day import Day, carry_one_up

CELLS = {**cells_of_the_counter.CELLS, **cells_of_money.CELLS, **cells_of_the_link.CELLS}

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wired(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Shop, Lines]]:
    async with wired_shop(tmp_path_factory.mktemp("wired")) as (shop, lines):
        yield shop, lines


async def test_every_step_is_killed_and_cut() -> None:
    kinds = {(name.split()[0], name.split()[1]) for name in CELLS}
    assert kinds == {(f"{step:02}", kind) for step in range(1, 13) for kind in ("killed", "cut")}


@pytest.mark.parametrize("name", sorted(CELLS))
async def test_a_sale_survives(wired: tuple[Shop, Lines], name: str) -> None:
    shop, lines = wired
    lines.flow()
    await shop.make_well()
    if name.startswith(("11", "12")):
        await carry_one_up(shop)
    day = Day(
        shop,
        lines,
        booked=len(await shop.booked()),
        papers=len(await shop.papers()),
        pulses=(await shop.counter("GET", "drawer"))["pulses"],
    )
    await CELLS[name](day)
    await day.prove()
