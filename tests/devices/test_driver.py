from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from typing_extensions import override

from devices.driver import ConnectedDriver, DeviceJob, LifeCycle
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_messages import CheckHealthArgs, JobKind, JobResult, JobStatus
from edge.contract.device_states import LEGAL_MOVES, DriverState
from edge.contract.errors import DeviceUnreachable, ProtocolViolation
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

JOB = DeviceJob("job-00001", JobKind.CHECK_HEALTH, CheckHealthArgs(), 0)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(DriverState, DriverState)))
def test_only_legal_moves_are_made(before: DriverState, after: DriverState) -> None:
    life = LifeCycle()
    life.state = before
    if before is after:
        assert life.move(after) is False
    elif after in LEGAL_MOVES[before]:
        assert life.move(after) is True
        assert life.state is after
    else:
        with pytest.raises(ValueError, match=f"from {before} to {after}"):
            life.move(after)
        assert life.state is before


class Echo(ConnectedDriver):
    """Ready as soon as a first byte came; `!` breaks its protocol, `?` asks for a person."""

    @override
    async def serve(self, stream: ByteStream) -> None:
        while data := await stream.read(1):
            if data == b"!":
                raise ProtocolViolation("nonsense", "The device said '!'.")
            if data == b"?":
                self.attention("It asks.", "Answer it.", paper="out")
            else:
                self.ready(paper="ok")
            await stream.write(data)

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        stream = await self.live_stream()
        await stream.write(b"job")
        return job.done(self.ports.clock.now_ms(), "echoed")


class Bench:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        self.ports = KeptPorts(self.cable.connect, self.clock)
        self.driver = Echo(self.ports)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        task = asyncio.create_task(self.driver.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def greet(self, byte: bytes = b".") -> ByteStream:
        far = await self.cable.accept()
        await far.write(byte)
        assert await far.read(1) == byte
        return far


async def test_it_connects_is_ready_and_stops() -> None:
    bench = Bench()
    assert bench.driver.state is DriverState.CONFIGURED
    async with bench.running():
        await bench.greet()
        assert bench.ports.state == {"state": "ready", "health": "", "advice": "", "paper": "ok"}
    assert bench.ports.moves == ["connecting", "ready", "stopped"]
    assert [entry.way for entry in bench.ports.recorder.entries()] == [
        "note", "in", "out", "note",
    ]  # fmt: skip


async def test_it_asks_for_a_person_and_is_ready_again() -> None:
    bench = Bench()
    async with bench.running():
        far = await bench.greet(b"?")
        assert bench.driver.state is DriverState.ATTENTION
        assert bench.ports.state["advice"] == "Answer it."
        await far.write(b".")
        await far.read(1)
        assert bench.ports.state["advice"] == ""
    assert bench.ports.moves == ["connecting", "attention", "ready", "stopped"]


async def test_a_blip_is_no_loss_and_a_job_waits_over_it() -> None:
    bench = Bench()
    async with bench.running():
        await bench.greet()
        await bench.cable.unplug()
        await bench.clock.advance(1.0)
        job = asyncio.create_task(bench.driver.perform(JOB))
        bench.cable.plug_in()
        await bench.clock.advance(0.9)
        far = await bench.greet()
        assert (await job).status is JobStatus.DONE
        assert await far.read(3) == b"job"
    assert bench.ports.moves == ["connecting", "ready", "stopped"]
    assert "device_lost" not in bench.ports.log_text.getvalue()


async def test_a_loss_is_told_once_and_so_is_the_return() -> None:
    bench = Bench()
    async with bench.running():
        await bench.greet()
        await bench.cable.unplug()
        await bench.clock.advance(120.0)
        assert bench.driver.state is DriverState.LOST
        assert bench.ports.state["health"] == "Nothing is plugged in."
        job = asyncio.create_task(bench.driver.perform(JOB))
        await bench.clock.advance(3.0)
        with pytest.raises(DeviceUnreachable, match="not connected"):
            await job
        bench.cable.plug_in()
        await bench.clock.advance(15.0)
        await bench.greet()
        assert bench.driver.state is DriverState.READY
    assert bench.ports.moves == [
        "connecting", "ready", "lost", "connecting", "ready", "stopped",
    ]  # fmt: skip
    log = bench.ports.log_text.getvalue()
    assert log.count("device_lost") == 1
    assert log.count("device_back") == 1


async def test_a_device_that_is_not_there_at_start_is_lost_in_time() -> None:
    bench = Bench()
    bench.cable._plugged = False
    async with bench.running():
        await bench.clock.advance(1.5)
        assert bench.driver.state is DriverState.CONNECTING
        await bench.clock.advance(2.0)
        assert bench.driver.state is DriverState.LOST


async def test_a_connection_that_never_opens_counts_as_lost() -> None:
    bench = Bench()

    async def hang() -> ByteStream:
        await asyncio.Event().wait()
        raise AssertionError

    bench.ports.connector = hang
    async with bench.running():
        await bench.clock.advance(2.1)
        assert bench.driver.state is DriverState.LOST
        assert bench.ports.state["health"] == "device-1 does not answer."


async def test_a_broken_protocol_makes_the_connection_anew() -> None:
    bench = Bench()
    async with bench.running():
        far = await bench.greet()
        await far.write(b"!")
        assert await far.read(10) == b""
        await bench.clock.advance(0.5)
        await bench.greet()
    assert bench.ports.moves == ["connecting", "ready", "stopped"]
    assert bench.ports.counts == {"ProtocolViolationCount": 1}


async def test_a_device_that_hangs_up_is_called_again() -> None:
    bench = Bench()
    async with bench.running():
        far = await bench.greet()
        await far.close()
        await bench.clock.advance(0.5)
        await bench.greet()
    assert bench.cable.connections == 2


async def test_a_late_word_about_a_dead_connection_changes_nothing() -> None:
    bench = Bench()
    async with bench.running():
        await bench.greet()
        await bench.cable.unplug()
        await bench.clock.advance(10.0)
        bench.driver.ready()
        assert bench.driver.state is DriverState.LOST


def test_results_say_what_they_are() -> None:
    assert JOB.failed(1, "code", "detail", "advice").status is JobStatus.FAILED
    unknown = JOB.unknown(1, "code", "detail")
    assert (unknown.id, unknown.status, unknown.ts) == (JOB.id, JobStatus.UNKNOWN, 1)


class ComesAndGoes(Echo):
    """Ready, and its first connection is over in the same moment."""

    connections = 0

    @override
    async def serve(self, stream: ByteStream) -> None:
        self.ready()
        self.connections += 1
        if self.connections > 1:
            await stream.read(1)


async def test_a_job_that_waited_is_not_woken_for_a_connection_that_is_over_already() -> None:
    clock = VirtualClock()
    cable = MemoryCable()
    driver = ComesAndGoes(KeptPorts(cable.connect, clock))
    async with clock.running():
        going = asyncio.create_task(driver.perform(JOB))
        running = asyncio.create_task(driver.run())
        assert (await going).status is JobStatus.DONE
        assert driver.connections == 2
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class NeverUnderstood(ConnectedDriver):
    @override
    async def serve(self, stream: ByteStream) -> None:
        raise ProtocolViolation("garbled", "It speaks another language.")

    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        return job.done(0, None)


async def test_a_lost_device_comes_with_advice_whatever_was_wrong() -> None:
    clock, cable = VirtualClock(), MemoryCable()
    ports = KeptPorts(cable.connect, clock)
    running = asyncio.create_task(NeverUnderstood(ports).run())
    await clock.advance(10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    lost = next(state for state in ports.states if state["state"] == "lost")
    assert lost["health"] == "It speaks another language."
    assert "cable" in lost["advice"]
