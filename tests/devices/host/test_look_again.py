"""When a host looks: soon after news, again when udev is done, and ever more slowly in a storm."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from devices.host.look_again import LookAgain
from edge.contract.device_limits import FIND_EVERY_S
from tests.devices.virtual_clock import VirtualClock


class Looks:
    """Notes at which moments, in seconds, a host would look."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.again = LookAgain(self.clock)
        self.at: list[float] = []
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        while True:
            await self.again.wait()
            self.at.append(self.clock.monotonic_ms() / 1000)

    async def pass_time(self, seconds: float) -> list[float]:
        self.at.clear()
        await self.clock.advance(seconds)
        return [round(at, 1) for at in self.at]


async def test_without_news_every_three_seconds() -> None:
    looks = Looks()
    assert await looks.pass_time(10) == [3.0, 6.0, 9.0]
    looks.task.cancel()


async def test_three_looks_within_a_second_of_the_news_and_then_as_before() -> None:
    looks = Looks()
    await looks.pass_time(1)
    looks.again.news()
    assert await looks.pass_time(9) == [1.2, 1.6, 2.0, 5.0, 8.0]
    looks.task.cancel()


async def test_the_messages_of_one_plug_are_one_piece_of_news() -> None:
    looks = Looks()
    await looks.pass_time(1)
    for _ in range(10):
        looks.again.news()
        await looks.pass_time(0.01)
    assert await looks.pass_time(1) == [1.2, 1.6, 2.0]
    looks.task.cancel()


async def test_a_storm_is_looked_at_no_oftener_than_no_news_at_all() -> None:
    looks = Looks()
    at: list[float] = []
    for _ in range(600):  # a minute of it
        looks.again.news()
        at += await looks.pass_time(0.1)
    gaps = [round(b - a, 1) for a, b in pairwise(at)]
    assert at[0] == 0.2
    assert gaps[:4] == sorted(gaps[:4])
    assert len(at) <= 60 / FIND_EVERY_S + 5
    # calm again, the next plug is answered at once
    await looks.pass_time(20)
    looks.again.news()
    assert (await looks.pass_time(1))[0] == round(looks.clock.monotonic_ms() / 1000 - 0.8, 1)
    looks.task.cancel()
