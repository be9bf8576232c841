from __future__ import annotations

import asyncio

import pytest

from edge.runtime.bounded_queue import BoundedQueue, QueueClosed, QueueFull


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_first_in_first_out_and_full_is_said() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    queue.put_nowait(1)
    queue.put_nowait(2)
    with pytest.raises(QueueFull):
        queue.put_nowait(3)
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == [1, 2]


async def test_takers_wait_and_each_gets_one() -> None:
    queue: BoundedQueue[int] = BoundedQueue(8)
    takers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await turn()
    for number in range(3):
        queue.put_nowait(number)
    assert await asyncio.gather(*takers) == [0, 1, 2]


@pytest.mark.parametrize(("most", "taken"), [(1, [0]), (3, [0, 1, 2]), (9, [0, 1, 2, 3])])
async def test_a_batch_takes_what_is_there(most: int, taken: list[int]) -> None:
    queue: BoundedQueue[int] = BoundedQueue(8)
    waiting = asyncio.create_task(queue.get_batch(most))
    await turn()
    for number in range(4):
        queue.put_nowait(number)
    assert await waiting == taken


async def test_a_closed_queue_gives_what_is_inside_and_then_ends() -> None:
    queue: BoundedQueue[int] = BoundedQueue(8)
    queue.put_nowait(1)
    queue.close()
    queue.close()
    assert queue.closed
    with pytest.raises(QueueClosed):
        queue.put_nowait(2)
    assert [item async for item in queue] == [1]
    with pytest.raises(QueueClosed):
        await queue.get_batch(3)


async def test_closing_wakes_all_who_wait() -> None:
    queue: BoundedQueue[int] = BoundedQueue(8)
    takers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await turn()
    queue.close()
    results = await asyncio.gather(*takers, return_exceptions=True)
    assert [type(result) for result in results] == [QueueClosed] * 3


async def test_a_cancelled_taker_loses_nothing() -> None:
    queue: BoundedQueue[int] = BoundedQueue(8)
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await turn()
    queue.put_nowait(1)  # wakes the first ...
    first.cancel()  # ... who goes in the same instant
    assert await second == 1
    third, fourth = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await turn()
    third.cancel()
    await turn()
    queue.put_nowait(2)
    assert await fourth == 2
    assert first.cancelled()
    assert third.cancelled()


async def test_a_taker_woken_for_an_item_that_another_took_waits_on() -> None:
    queue: BoundedQueue[int] = BoundedQueue(8)
    slow = asyncio.create_task(queue.get())
    await turn()
    queue.put_nowait(1)
    assert await queue.get() == 1  # takes it before the woken one has its turn
    await turn()
    queue.put_nowait(2)
    assert await slow == 2


async def test_a_taker_cancelled_before_his_turn_is_passed_over() -> None:
    queue: BoundedQueue[int] = BoundedQueue(8)
    gone, stays = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await turn()
    gone.cancel()
    queue.put_nowait(1)  # the cancelled one still stands first in the row
    assert await stays == 1
    await turn()
    assert gone.cancelled()
