"""Stories that the machine told of the product, each of them once a defect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.replication_laws.inline_file import InlineExecutor
from tests.replication_laws.laws import at_rest
from tests.replication_laws.world import World

BREAD = (("101", 2),)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    world = World(tmp_path, 1_500)
    await world.open(1)
    await world.rest()
    yield world
    await world.close()


async def until_rest(world: World) -> None:
    await world.rest()
    assert await at_rest(world) == []


async def test_a_quiet_shop_sends_again_what_head_office_lost(world: World) -> None:
    """What no sale hurried was due in thirty seconds, whenever it was asked for a second time."""
    world.copy_office()
    await world.boxes[1].begin(BREAD)
    await until_rest(world)
    await world.set_office_back(0)
    await until_rest(world)


async def test_a_box_hears_of_what_was_carried_in_beside_its_session(world: World) -> None:
    """Told to go on from its own head, it heard nothing more: its tills showed sales waiting."""
    await world.boxes[1].sell(BREAD, 0)
    await world.carry(1)
    await until_rest(world)
    assert world.boxes[1].denials == [], "its session was never interrupted"


async def test_boxes_burn_that_never_had_a_line(world: World) -> None:
    """Head office had its frames by hand, not its key, and called them damaged."""
    world.net.without_line.add(1)
    await world.hand_over(1)
    await world.boxes[1].sell(BREAD, 0)
    await world.carry(1)
    for _ in range(2):
        await world.burn(1)
    await until_rest(world)
    assert [sold.total_minor for sold in world.boxes[1].done] == [90]


async def test_a_sale_that_head_office_is_told_of_in_two_parts(world: World) -> None:
    """The lines are acknowledged, the line goes down, the sale is completed: the digest has all."""
    box = world.boxes[1]
    await box.begin(BREAD)
    await until_rest(world)
    world.net.without_line.add(1)
    world.net.cut(1)
    await box.finish()
    await world.clock.advance(1)
    await until_rest(world)
    [(verdict,)] = world.office.rows("SELECT verdict FROM digest")
    assert verdict == "agrees"
