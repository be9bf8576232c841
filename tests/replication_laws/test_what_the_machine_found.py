"""Stories that the machine told of the product, each of them once a defect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.replication_laws.inline_file import InlineExecutor
from tests.replication_laws.laws import at_rest
from tests.replication_laws.restored import Mishap
from tests.replication_laws.world import World

BREAD = (("101", 2),)
CAKE = (("102", 1),)


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


async def test_a_box_calls_that_was_mended_since_head_office_was_copied(world: World) -> None:
    """Head office did not know the generation that it had given, and let the box in never more."""
    world.copy_office()
    await world.boxes[1].sell(BREAD, 0)
    await until_rest(world)
    await world.restored.put_back(1, 0, 1, Mishap())
    await until_rest(world)
    assert world.boxes[1].gen == 2
    await world.set_office_back(0)
    await until_rest(world)
    assert len(world.boxes[1].done) == 2
    assert world.restored.confirmed == {}, "nobody had to be asked"


async def test_a_copy_calls_before_head_office_has_anything(tmp_path: Path) -> None:
    """Each generation that it was given changed where head office stood, and so it got another."""
    asyncio.get_running_loop().set_default_executor(InlineExecutor())
    world = World(tmp_path, 1_500)
    await world.open(1)
    try:
        await world.restored.start_twin(1, 0)
        await world.restored.twins[1].crash()
        world.office_dies(1, behind=False)
        await until_rest(world)
        await world.boxes[1].sell(BREAD, 0)
        await until_rest(world)
        assert world.boxes[1].gen <= 3
    finally:
        await world.close()


async def test_a_ledger_is_put_back_again_while_its_history_waits_to_be_taken_over(
    world: World,
) -> None:
    """What was fetched belongs behind events that this older copy has not: it is fetched anew."""
    await world.boxes[1].sell(BREAD, 0)
    await until_rest(world)
    await world.restored.keep_disk(1)
    await world.boxes[1].sell(CAKE, 0)
    await until_rest(world)
    await world.restored.put_back(1, 1, 0, Mishap())
    await world.boxes[1].begin(BREAD)  # while a sale is open nothing is taken over
    await world.clock.advance(35)
    assert world.boxes[1].lost.is_ready
    await world.restored.put_back(1, 0, 1, Mishap(), whole=False)
    await until_rest(world)
    assert [sold.total_minor for sold in world.boxes[1].done] == [129, 90, 1_999]


async def test_one_copy_is_put_back_twice_and_its_open_sale_ends_three_times(world: World) -> None:
    """The second and the third end got one id; head office set the third aside."""
    await world.restored.goes_on_twice(1, BREAD, CAKE, (("103", 1),), Mishap())
    await until_rest(world)
    disks = world.restored.useful_disks(1)
    await world.restored.put_back(1, len(disks) - 1, 0, Mishap(), (("103", 2),))
    await until_rest(world)
    assert [sold.total_minor for sold in world.boxes[1].done] == [688, 389, 2089]


async def test_what_a_copy_said_ahead_is_not_held_against_its_box(world: World) -> None:
    """Both run; the copy told of three sales and was not let in, and the box came that far."""
    await world.boxes[1].sell(BREAD, 0)
    await until_rest(world)
    await world.restored.start_twin(1, 3)
    world.net.without_line.add(world.restored.twins[1].line)
    for _ in range(3):
        await world.boxes[1].sell(CAKE, 0)
        await world.clock.advance(40)
    assert ("digest_differs",) not in world.office.rows("SELECT kind FROM alarm")
    await until_rest(world)
    assert len(world.boxes[1].done) == 7
