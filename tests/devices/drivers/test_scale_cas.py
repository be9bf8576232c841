from __future__ import annotations

import asyncio
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devices.driver import DeviceJob, SimulatorPorts
from devices.drivers.scale_cas import DRIVER, ScaleCas
from devices.simulators.scale_cas import SIMULATOR, SimulatedScale, SimulatedScaleSettings
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_limits import (
    SCALE_SHOW_MS,
    SCALE_STILL_MS_MAX,
)
from edge.contract.device_messages import (
    CheckHealthArgs,
    JobKind,
    JobResult,
    JobStatus,
    WeighArgs,
    WeighOutcome,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, TillboxError
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

SEED = 20_261_126


class ScaleBench:
    """The driver and the simulated scale on one cable, on jumping time."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        self.ports = KeptPorts(self.cable.connect, self.clock)
        self.driver = ScaleCas(DRIVER.example, self.ports)
        self.scale: SimulatedScale = SIMULATOR.build(
            SimulatedScaleSettings(),
            SimulatorPorts(self.clock, open_log("test", io.StringIO(), level="debug")),
        )
        self.jobs = 0
        self.far_end: Callable[[ByteStream], Awaitable[None]] = self.scale.attend

    async def attend(self) -> None:
        while True:
            await self.far_end(await self.cable.accept())

    async def weigh(self, within_ms: int = 60_000) -> JobResult:
        self.jobs += 1
        deadline = self.clock.now_ms() + within_ms
        return await self.driver.perform(
            DeviceJob(f"weigh-{self.jobs:04}", JobKind.WEIGH, WeighArgs(), deadline)
        )

    async def outcome(self) -> WeighOutcome:
        result = await self.weigh()
        assert result.status is JobStatus.DONE
        assert isinstance(result.result, WeighOutcome)
        return result.result

    async def trouble(self) -> TillboxError:
        with pytest.raises((DeviceNeedsPerson, DeviceUnreachable)) as raised:
            await self.weigh()
        return raised.value

    @property
    def shown(self) -> tuple[Any, Any]:
        return self.ports.state.get("weight"), self.ports.state.get("weight_g")


@asynccontextmanager
async def running() -> AsyncIterator[ScaleBench]:
    bench = ScaleBench()
    async with bench.clock.running():
        tasks = [asyncio.create_task(bench.driver.run()), asyncio.create_task(bench.attend())]
        try:
            await bench.clock.sleep(0.1)
            yield bench
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_still_weight_is_answered_in_grams() -> None:
    async with running() as bench:
        assert bench.driver.state is DriverState.READY
        bench.scale.put(742)
        first = await bench.outcome()
        assert (first.weight_g, first.unit) == (742, "kg")
        assert first.load
        assert await bench.outcome() == first, "the same goods are the same load"


async def test_an_empty_scale_answers_nothing_on_it() -> None:
    async with running() as bench:
        assert await bench.outcome() == WeighOutcome(0, "")


async def test_health_is_asked_without_weighing() -> None:
    async with running() as bench:
        job = DeviceJob("health-0001", JobKind.CHECK_HEALTH, CheckHealthArgs(), 0)
        result = await bench.driver.perform(job)
        assert result.result == {"health": "connected"}


async def test_goods_lifted_and_put_back_are_another_load() -> None:
    async with running() as bench:
        bench.scale.put(500)
        loads = {(await bench.outcome()).load}
        bench.scale.put(0)
        await bench.clock.sleep(0.5)
        bench.scale.put(500)
        loads.add((await bench.outcome()).load)
        bench.scale.put(500, swaying=True)
        await bench.clock.sleep(0.5)
        bench.scale.put(500)
        loads.add((await bench.outcome()).load)
        bench.scale.put(620)
        loads.add((await bench.outcome()).load)
        assert len(loads) == 4


async def test_goods_that_sway_are_waited_for_and_then_refused() -> None:
    async with running() as bench:
        bench.scale.put(742, swaying=True)
        began = bench.clock.monotonic_ms()
        error = await bench.trouble()
        assert (error.code, error.advice) == (
            "scale_unstable",
            "Wait until the scale is still, then weigh again.",
        )
        assert bench.clock.monotonic_ms() - began == SCALE_STILL_MS_MAX
        waiting = asyncio.create_task(bench.outcome())
        await bench.clock.sleep(1)
        bench.scale.put(700)
        assert (await waiting).weight_g == 700


async def test_a_weighing_ends_by_its_deadline() -> None:
    async with running() as bench:
        bench.scale.put(742, swaying=True)
        began = bench.clock.now_ms()
        with pytest.raises(DeviceNeedsPerson):
            await bench.weigh(within_ms=700)
        assert bench.clock.now_ms() - began == 700


async def test_a_scale_that_falls_silent_is_said_to() -> None:
    async with running() as bench:
        bench.scale.put(742)
        bench.scale.damage = lambda _: b""
        error = await bench.trouble()
        assert isinstance(error, DeviceUnreachable)
        assert error.code == "scale_silent"


def too_much(scale: SimulatedScale) -> None:
    scale.put(15_001)


def zeroed_with_goods_on(scale: SimulatedScale) -> None:
    scale.put(-30)


def in_pounds(scale: SimulatedScale) -> None:
    scale.put(742)
    scale.unit = "lb"


@pytest.mark.parametrize(
    ("what", "state", "code", "advice"),
    [
        (too_much, "overload", "scale_overloaded", "Take the goods off"),
        (zeroed_with_goods_on, "below_zero", "scale_below_zero", "zero key"),
        (in_pounds, "not_kilograms", "scale_not_kilograms", "Set the scale to kg"),
    ],
)
async def test_what_a_person_must_put_right_is_said(
    what: Callable[[SimulatedScale], None], state: str, code: str, advice: str
) -> None:
    async with running() as bench:
        what(bench.scale)
        error = await bench.trouble()
        assert isinstance(error, DeviceNeedsPerson)
        assert error.code == code
        assert advice in error.advice
        await bench.clock.sleep(1)
        assert bench.driver.state is DriverState.ATTENTION
        assert bench.ports.state["health"] == error.message
        assert bench.shown == (state, 0)
        bench.scale.unit = "kg"
        bench.scale.put(100)
        await bench.clock.sleep(1)
        assert (bench.driver.state, bench.shown) == (DriverState.READY, ("stable", 100))


async def test_more_than_a_sale_can_hold_is_too_much() -> None:
    async with running() as bench:
        text = b"S 1234.5kg"
        check = 0
        for byte in text:
            check ^= byte
        bench.scale.damage = lambda _: b"\x01\x02" + text + bytes([check]) + b"\x03\x04"
        assert (await bench.trouble()).code == "scale_overloaded"


async def test_a_scale_that_is_busy_is_not_still() -> None:
    async with running() as bench:
        bench.scale.put(742)
        bench.scale.refuses = True
        assert (await bench.trouble()).code == "scale_unstable"
        bench.scale.refuses = False
        assert (await bench.outcome()).weight_g == 742


async def test_the_live_weight_follows_the_hand_at_a_bounded_rate() -> None:
    async with running() as bench:
        await bench.clock.sleep(1)
        before = len(bench.ports.states)
        await bench.clock.sleep(10)
        assert len(bench.ports.states) == before, "nothing moved: nothing to say"
        for grams in range(100):
            bench.scale.put(grams * 7 + 3, swaying=True)
            await bench.clock.sleep(0.05)
        moved = len(bench.ports.states) - before
        assert 2 < moved <= 5_000 / SCALE_SHOW_MS + 1
        # a weighing asks more often; no more is reported
        before = len(bench.ports.states)
        waiting = asyncio.create_task(bench.trouble())
        for grams in range(50):
            bench.scale.put(grams * 7 + 3, swaying=True)
            await bench.clock.sleep(0.05)
        await waiting
        assert len(bench.ports.states) - before <= 2_500 / SCALE_SHOW_MS + 1
        bench.scale.put(742)
        await bench.clock.sleep(1)
        assert bench.shown == ("stable", 742)


async def test_a_pulled_cable_takes_the_weight_off_the_screen() -> None:
    async with running() as bench:
        bench.scale.put(742)
        await bench.clock.sleep(1)
        assert bench.shown == ("stable", 742)
        before = await bench.outcome()
        await bench.cable.unplug()
        await bench.clock.sleep(0.1)
        assert bench.shown == ("", 0)
        assert (await bench.trouble()).code == "device_not_connected"
        bench.cable.plug_in()
        await bench.clock.sleep(20)
        assert bench.shown == ("stable", 742)
        assert await bench.outcome() == before, "nobody saw the goods leave"


async def test_a_far_end_that_hangs_up_is_asked_again() -> None:
    async with running() as bench:
        stream = await bench.driver.live_stream()
        await stream.write(b"\x00what is this")  # what no host sends is not answered
        far_end = bench.scale.attend

        async def hang_up(stream: ByteStream) -> None:
            await stream.close()

        bench.far_end = hang_up
        await bench.cable.unplug()
        bench.cable.plug_in()
        await bench.clock.sleep(30)
        assert bench.driver.state is DriverState.LOST
        assert "closed the connection" in bench.ports.state["health"]
        bench.far_end = far_end
        await bench.clock.sleep(30)
        assert bench.driver.state is DriverState.READY


async def test_a_scale_of_another_language_is_lost_with_words() -> None:
    async with running() as bench:
        bench.scale.put(742)
        bench.scale.damage = lambda block: block[:-2] + b"\x00\x00"
        await bench.clock.sleep(30)
        assert bench.driver.state is DriverState.LOST
        assert "CAS protocol at 9600" in bench.ports.state["advice"]
        bench.scale.damage = lambda block: block
        await bench.clock.sleep(60)
        assert bench.driver.state is DriverState.READY


async def test_a_line_that_never_falls_silent_is_no_scale() -> None:
    async with running() as bench:

        def flood(_: bytes) -> bytes:
            return bytes(16_384)

        bench.scale.damage = flood
        await bench.clock.sleep(2)
        assert bench.ports.counts["ProtocolViolationCount"] >= 1


async def test_two_digits_that_changed_places_are_not_sold() -> None:
    """The check byte does not see it: the next reading does."""
    async with running() as bench:
        bench.scale.put(742)
        await bench.clock.sleep(1)
        turn = iter([True] + [False] * 100)

        def swap(block: bytes) -> bytes:
            return block[:7] + block[8:9] + block[7:8] + block[9:] if next(turn) else block

        assert swap(bench.scale.block()) != bench.scale.block()
        turn = iter([True] + [False] * 100)
        bench.scale.damage = swap
        assert (await bench.outcome()).weight_g == 742


async def test_on_a_bad_line_every_answer_is_a_weight_that_lay_there() -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)

    def damage(block: bytes) -> bytes:
        fate = chance.random()
        if fate < 0.2:
            return block[: chance.randrange(len(block))]
        if fate < 0.4:
            at = chance.randrange(len(block))
            return block[:at] + bytes([block[at] ^ chance.randint(1, 255)]) + block[at + 1 :]
        return block + chance.randbytes(3) if fate < 0.5 else block

    answered = refused = 0
    async with running() as bench:
        bench.scale.damage = damage
        for _ in range(150):
            grams = chance.randint(1, 14_999)
            bench.scale.put(grams)
            try:
                result = await bench.weigh()
            except TillboxError:
                refused += 1
                await bench.clock.sleep(5)
                continue
            assert isinstance(result.result, WeighOutcome)
            assert result.result.weight_g == grams
            answered += 1
    assert answered > 50, refused
