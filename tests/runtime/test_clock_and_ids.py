from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

import pytest

from edge.contract.identity import is_command_id, is_short_id
from edge.runtime.ids import SystemIds
from edge.runtime.system_clock import SystemClock
from tests.virtual_time import FakeClock, VirtualClock


async def test_the_clock_of_the_machine() -> None:
    clock = SystemClock()
    assert abs(clock.now_ms() - datetime.now(UTC).timestamp() * 1000) < 5_000
    before = clock.monotonic_ms()
    await clock.sleep(0.02)
    assert clock.monotonic_ms() - before >= 19
    with pytest.raises(TimeoutError):
        async with clock.timeout(0.01):
            await asyncio.Event().wait()
    async with clock.timeout(None):
        await clock.sleep(0)


def test_ids_are_version_7_in_the_order_of_their_instants() -> None:
    clock = FakeClock(at_ms=0x0123_4567_89AB)
    ids = SystemIds(clock)
    made = []
    for _ in range(50):
        made.append(ids.new())
        clock.elapsed_ms += 1
    assert made == sorted(set(made))
    first = uuid.UUID(made[0])
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 == 0x0123_4567_89AB
    assert all(is_short_id(name) and is_command_id(name) for name in made)


def test_secrets_and_codes_have_their_length_and_do_not_repeat() -> None:
    ids = SystemIds(FakeClock())
    assert {len(ids.secret()) for _ in range(20)} == {43}
    codes = {ids.code() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 8 and not set(code) & set("01IO") for code in codes)


async def test_the_clock_that_stands_still_moves_with_who_sleeps() -> None:
    clock = FakeClock()
    began = clock.now_ms()
    await clock.sleep(90)
    assert (clock.now_ms() - began, clock.monotonic_ms(), clock.slept_s) == (90_000, 90_000, [90])
    async with clock.timeout(1):
        pass


async def test_the_clock_that_jumps_wakes_in_order() -> None:
    clock = VirtualClock()
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with clock.running():
        await asyncio.gather(*(sleeper(seconds) for seconds in (86_400, 3_600, 60)))
    assert woken == [60, 3_600, 86_400]
