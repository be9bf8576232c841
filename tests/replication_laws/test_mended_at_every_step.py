"""A box gets its history back: killed at each step, head office at each commit, the line anywhere.

The copy was taken in the middle of a sale that both ended otherwise, and sold on before it had a
line. A check tries some of the moments in which a line fails; `make storm` tries all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.replication_laws.inline_file import Death, InlineExecutor
from tests.replication_laws.laws import at_rest
from tests.replication_laws.memory_line import TROUBLES, Trouble, Way
from tests.replication_laws.restored import Mishap
from tests.replication_laws.world import World

STEPS_MIN = 14
"""So many at least are the steps of a mending: commits, and files that are closed."""
STEPS_MAX = 60
OFFICE_COMMITS = 6
MESSAGES = 20
IS_LONG = "TILLBOX_LAWS" in os.environ
KINDS: tuple[Trouble, ...] = TROUBLES if IS_LONG else ("cut", "twice")

pytestmark = [pytest.mark.storm, pytest.mark.timeout(900 if IS_LONG else 120)]


@asynccontextmanager
async def mended_world(folder: Path, mishap: Mishap) -> AsyncIterator[World]:
    """A shop that sold, whose box is put back to the middle of a sale, has a line and a mishap."""
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    folder.mkdir()
    world = World(folder, 600)
    await world.open(1)
    try:
        for _ in range(2):
            await world.boxes[1].sell((("101", 2),), 0)
        await world.rest()
        await world.restored.goes_on_twice(
            1, (("100", 1),), (("102", 1),), (("103", 1), ("103", 2)), mishap
        )
        await world.boxes[1].sell((("100", 3),), 0)
        await world.clock.advance(70)
        await world.buried()
        yield world
    finally:
        await world.close()


async def check(world: World) -> None:
    await world.rest()
    assert await at_rest(world) == []
    assert world.restored.confirmed == {}
    assert [sold.total_minor for sold in world.boxes[1].done] == [90, 90, 1_026, 387, 2_128]


@pytest.mark.parametrize("behind", [False, True])
async def test_a_box_is_killed_at_each_step(tmp_path: Path, behind: bool) -> None:
    steps = 0
    for steps in range(1, STEPS_MAX):
        async with mended_world(tmp_path / str(steps), Mishap(box=Death(steps, behind))) as world:
            was_killed = world.boxes[1].mending_death.steps <= 0
            await check(world)
        if not was_killed:
            break
    assert STEPS_MIN < steps < STEPS_MAX - 1


@pytest.mark.parametrize("behind", [False, True])
async def test_head_office_is_killed_at_each_commit(tmp_path: Path, behind: bool) -> None:
    killed = 0
    for commits in range(1, OFFICE_COMMITS):
        mishap = Mishap(office=Death(commits, behind))
        async with mended_world(tmp_path / str(commits), mishap) as world:
            killed += not world.office.is_up
            await check(world)
    assert killed == OFFICE_COMMITS - 1


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("kind", KINDS)
async def test_the_line_fails_at_each_message(tmp_path: Path, way: Way, kind: Trouble) -> None:
    for message in range(1, MESSAGES):
        mishap = Mishap(line=(way, message, kind))
        async with mended_world(tmp_path / str(message), mishap) as world:
            await check(world)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 2.0, 3.0, 4.0, 20.0])
@pytest.mark.parametrize("copied", ["before", "behind"])
async def test_head_office_is_set_back_while_it_is_mended(
    tmp_path: Path, seconds: float, copied: str
) -> None:
    """To where it was before the sale that its box completed, or behind that."""
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    world = World(tmp_path, 600)
    await world.open(1)
    try:
        box = world.boxes[1]
        await box.sell((("101", 2),), 0)
        await world.rest()
        moments: dict[str, Callable[[], None]] = {"before": world.copy_office, "behind": _nothing}
        moments[copied]()
        await box.sell((("102", 1),), 0)
        await world.rest()
        if copied == "behind":
            world.copy_office()
            await box.sell((("102", 2),), 0)
            await world.rest()
        await world.restored.put_back(1, 0, 2, Mishap())
        await world.clock.advance(seconds)
        await world.set_office_back(0)
        await world.rest()
        assert await at_rest(world) == []
        totals = [sold.total_minor for sold in world.boxes[1].done]
        kept = [90] if copied == "before" else [90, 1_999]
        assert sorted(set(kept) - set(totals)) == []
        assert totals.count(129) == 2
    finally:
        await world.close()


def _nothing() -> None:
    """Copy later."""
