from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import msgspec
import pytest
from typing_extensions import override

from devices.drivers.scanner_serial import DRIVER, ScannerSerial
from devices.host.device_outbox import DeviceOutbox
from devices.host.running_device import DevicePlan, RunningDevice, Surroundings
from devices.job_journal import JobJournal
from devices.job_router.incoming_jobs import read_job
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_limits import (
    BABBLE_CALM_MS,
    EVENTS_BURST_MAX,
    EVENTS_PER_S_MAX,
    EVENTS_UNSENT_MAX,
    RESULTS_UNSENT_MAX,
)
from edge.contract.device_messages import DeviceEvent, JobKind, JobResult, JobStatus
from edge.contract.device_states import DeviceMeta, DeviceState, WantedDevice
from edge.contract.device_topics import DeviceTopics
from edge.contract.errors import Refused, StorageFailed
from edge.runtime.bus import BusUnavailable
from edge.runtime.ids import SystemIds
from edge.runtime.memory_bus import MemoryBroker, MemoryBus
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from tests.devices.loop_database import LoopDatabase
from tests.devices.queue_desk import payload
from tests.devices.virtual_clock import VirtualClock

TOPICS = DeviceTopics("store-1", "host-1", "device-1")


class KeptBus(MemoryBus):
    """A bus without a broker that keeps what it is given, when it is up and willing."""

    def __init__(self) -> None:
        super().__init__(MemoryBroker(), "kept", None)
        self.said: list[tuple[str, bytes]] = []
        self.up = True
        self.refuses = False
        self.hangs = False

    @override
    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if not self.up:
            raise BusUnavailable("bus_unavailable", "No broker.")
        if self.refuses:
            raise Refused("too_large", "Too large.")
        self.said.append((topic.removeprefix(TOPICS.prefix + "/"), payload))

    def states(self) -> list[str]:
        found = [msgspec.json.decode(p, type=DeviceState) for t, p in self.said if t == "state"]
        return [state.state.value for state in found]


class Bench:
    def __init__(self, driver: type[ScannerSerial] = ScannerSerial) -> None:
        self.clock = VirtualClock()
        self.bus = KeptBus()
        self.log_text = io.StringIO()
        self.log = open_log("test", self.log_text, clock=self.clock)
        self.cable = MemoryCable()
        self.plan = DevicePlan(
            WantedDevice("device-1", "scanner_serial"),
            replace(DRIVER, build=driver),
            DRIVER.example,
            self.cable.connect,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RunningDevice]:
        journal = JobJournal(LoopDatabase(), self.clock)
        await journal.open()
        async with Supervisor(self.clock, self.log, stop_s=3.0) as self.tasks:
            around = Surroundings(
                bus=self.bus,
                journal=journal,
                clock=self.clock,
                ids=SystemIds(self.clock),
                log=self.log,
                tasks=self.tasks,
            )
            self.device = RunningDevice(self.plan, TOPICS, around)
            self.device.start()
            await self.clock.advance(0)
            yield self.device
            async with self.clock.running():
                await self.device.stop()


class Fails(ScannerSerial):
    error: Exception = RuntimeError("a bug")

    @override
    async def serve(self, stream: ByteStream) -> None:
        self.ready()
        raise self.error


class FailsForGood(Fails):
    error = StorageFailed("disk", "The disk failed.")


async def test_a_driver_with_a_defect_is_told_and_starts_again() -> None:
    bench = Bench(Fails)
    async with bench.running() as device:
        boot = device._state.boot
        await bench.clock.advance(20)
        assert device._state.boot != boot
        assert device._counts["DriverDefectCount"] >= 3
        assert "stopped" in bench.bus.states()
        assert "a bug" in bench.log_text.getvalue()


async def test_a_disk_that_fails_ends_the_process() -> None:
    bench = Bench(FailsForGood)
    async with bench.running():
        with pytest.raises(StorageFailed):
            await bench.tasks.wait()


def scans(bus: KeptBus) -> int:
    return sum(topic == "event/scan" for topic, _ in bus.said)


async def test_a_babbling_device_is_held_back_and_told_until_it_is_calm() -> None:
    bench = Bench()
    async with bench.running() as device:
        far_end = await bench.cable.accept()
        await bench.clock.advance(1)
        for _ in range(200):  # two seconds, a thousand codes each
            await far_end.write(b"96385074\r" * 10)
            await bench.clock.advance(0.01)
        let_through = EVENTS_BURST_MAX + 2 * EVENTS_PER_S_MAX
        assert let_through - 2 <= scans(bench.bus) <= let_through + 2
        assert device._counts["EventsOverRateCount"] == 2_000 - scans(bench.bus)
        assert bench.bus.states()[-1] == "attention"
        assert "Unplug it" in device.trouble.advice
        assert bench.log_text.getvalue().count("device_babbles") == 1
        await bench.clock.advance(BABBLE_CALM_MS / 1000 + 1)
        assert bench.bus.states()[-1] == "ready"
        assert not device._state.health
        before = scans(bench.bus)
        await far_end.write(b"96385074\r")
        await bench.clock.advance(1)
        assert scans(bench.bus) == before + 1


async def test_fifty_scans_a_second_go_on_for_ever() -> None:
    bench = Bench()
    async with bench.running() as device:
        far_end = await bench.cable.accept()
        await bench.clock.advance(1)
        for _ in range(500):
            await far_end.write(b"96385074\r")
            await bench.clock.advance(0.02)
        assert scans(bench.bus) == 500
        assert "EventsOverRateCount" not in device._counts
        assert bench.bus.states()[-1] == "ready"


async def test_a_host_that_stood_still_for_a_second_loses_none_of_fifty_a_second() -> None:
    bench = Bench()
    async with bench.running() as device:
        far_end = await bench.cable.accept()
        await bench.clock.advance(1)
        for _ in range(20):  # what came meanwhile is read at once
            await far_end.write(b"96385074\r" * 50)
            await bench.clock.advance(1)
        assert scans(bench.bus) == 20 * 50
        assert "EventsOverRateCount" not in device._counts


async def test_a_broker_that_is_gone_for_four_seconds_loses_none_of_fifty_a_second() -> None:
    bench = Bench()
    async with bench.running() as device:
        far_end = await bench.cable.accept()
        await bench.clock.advance(1)
        bench.bus.up = False
        for _ in range(4 * 50):
            await far_end.write(b"96385074\r")
            await bench.clock.advance(0.02)
        bench.bus.up = True
        device.outbox.greet()
        await bench.clock.advance(0.1)
        assert scans(bench.bus) == 4 * 50
        assert device.outbox.dropped_events == 0


async def test_a_device_lost_while_it_is_held_back_stays_lost() -> None:
    bench = Bench()
    async with bench.running():
        far_end = await bench.cable.accept()
        await bench.clock.advance(1)
        await far_end.write(b"96385074\r" * 200)
        await bench.clock.advance(0.1)
        assert bench.bus.states()[-1] == "attention"
        await bench.cable.unplug()
        await bench.clock.advance(BABBLE_CALM_MS / 1000 + 5)
        assert bench.bus.states()[-1] == "lost"


async def test_notes_and_meta_reach_journal_and_bus() -> None:
    bench = Bench()
    async with bench.running() as device:
        await device.remember("job-00001", "trace", b"7")
        assert await device.recall("job-00001", "trace") == b"7"
        bench.bus.said.clear()
        device.describe(serial_number="S-1")
        device.describe(serial_number="S-1")
        await bench.clock.advance(0)
        (told,) = [payload for topic, payload in bench.bus.said if topic == "meta"]
        assert msgspec.json.decode(told, type=DeviceMeta).serial_number == "S-1"


async def test_many_changes_leave_as_one_snapshot_and_none_as_none() -> None:
    bench = Bench()
    async with bench.running() as device:
        bench.bus.said.clear()
        for paper in ("ok", "near_end", "out"):
            device.report(paper=paper)
        await bench.clock.advance(0)
        assert len(bench.bus.said) == 1
        device.report(paper="out")
        await bench.clock.advance(0)
        assert len(bench.bus.said) == 1


async def test_a_waiting_job_tells_the_state_it_waits_for() -> None:
    bench = Bench()
    await bench.cable.unplug()
    async with bench.running() as device:
        job = read_job(payload(JobKind.CHECK_HEALTH, "job-00001", bench.clock.now_ms() + 60_000))
        assert job is not None
        device.take(job)
        await bench.clock.advance(4)
        results = [
            msgspec.json.decode(payload, type=JobResult)
            for topic, payload in bench.bus.said
            if topic == "result"
        ]
        errors = [result.error for result in results]
        assert [error.code for error in errors if error] == ["device_connecting", "device_lost"]
        assert device._state.jobs_waiting == 1


class WillNotStop(ScannerSerial):
    """Swallows the first cancellation."""

    @override
    async def serve(self, stream: ByteStream) -> None:
        self.ready()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()


async def test_a_driver_that_will_not_stop_is_left_behind() -> None:
    bench = Bench(WillNotStop)
    async with bench.running():
        pass
    assert "device_task_stuck" in bench.log_text.getvalue()


async def test_a_bus_that_hangs_does_not_hold_up_stopping() -> None:
    bench = Bench()
    async with bench.running() as device:
        bench.bus.hangs = True
        device.report(paper="out")
    assert "outbox_not_empty" in bench.log_text.getvalue()


# --- the outbox by itself ----------------------------------------------------------------


def outbox() -> tuple[KeptBus, VirtualClock, DeviceOutbox]:
    bus, clock = KeptBus(), VirtualClock()
    return bus, clock, DeviceOutbox(bus, TOPICS, clock)


def event(number: int, clock: VirtualClock) -> DeviceEvent:
    now = clock.now_ms()
    return DeviceEvent(f"event-{number:05}", now, number, now + 5_000, msgspec.Raw(b"{}"))


async def test_what_waits_is_bounded_and_the_oldest_goes() -> None:
    bus, clock, box = outbox()
    for number in range(EVENTS_UNSENT_MAX + 3):
        box.event("scan", event(number, clock))
    for number in range(RESULTS_UNSENT_MAX + 2):
        box.result(JobResult(f"job-{number:05}", JobStatus.DONE, 1))
    await box.drain()
    assert (box.dropped_events, box.dropped_results) == (3, 2)
    assert [topic for topic, _ in bus.said] == (
        ["event/scan"] * EVENTS_UNSENT_MAX + ["result"] * RESULTS_UNSENT_MAX
    )
    assert b"event-00003" in bus.said[0][1]


async def test_a_newer_result_of_a_job_takes_the_place_of_the_older() -> None:
    bus, _, box = outbox()
    bus.up = False
    box.result(JobResult("job-00001", JobStatus.ACCEPTED, 1))
    await box.drain()
    box.result(JobResult("job-00001", JobStatus.DONE, 2))
    bus.up = True
    await box.drain()
    await box.drain()
    assert [msgspec.json.decode(payload)["status"] for _, payload in bus.said] == ["done"]


async def test_what_no_broker_takes_is_dropped_and_the_rest_goes_on() -> None:
    bus, clock, box = outbox()
    bus.refuses = True
    box.event("scan", event(1, clock))
    box.result(JobResult("job-00001", JobStatus.DONE, 1))
    await box.drain()
    bus.refuses = False
    box.result(JobResult("job-00002", JobStatus.DONE, 1))
    await box.drain()
    assert box.dropped_too_large == 2
    assert len(bus.said) == 1


async def test_results_move_to_the_next_drivers_outbox() -> None:
    bus, _, box = outbox()
    box.result(JobResult("job-00001", JobStatus.DONE, 1))
    other = DeviceOutbox(bus, TOPICS, VirtualClock())
    other.take_over(box)
    await other.drain()
    assert [topic for topic, _ in bus.said] == ["result"]
