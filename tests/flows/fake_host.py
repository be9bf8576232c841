"""A device host on the bus that a test plays by hand: it hears jobs and answers as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from edge.contract.device_messages import (
    BarcodeScanned,
    DeviceEvent,
    Job,
    JobError,
    JobResult,
    JobStatus,
)
from edge.contract.device_states import ONLINE, DeviceState, DriverState, HostConfig
from edge.contract.device_topics import HostTopics
from edge.contract.wire import encode
from edge.runtime.bus import Bus
from edge.runtime.memory_bus import MemoryBroker

STORE = "harbour-street"


async def until(condition: Callable[[], bool], *, what: str, seconds: float = 5) -> None:
    """Wait for a condition; fail naming it."""
    for _ in range(int(seconds * 200)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never: {what}")


async def until_view(
    view: Callable[[], Awaitable[Any]], condition: Callable[[Any], bool], *, what: str
) -> Any:
    """Wait until a till's view fulfils a condition and return it."""
    seen: Any = None
    for _ in range(1_000):
        seen = await view()
        if condition(seen):
            return seen
        await asyncio.sleep(0.005)
    raise AssertionError(f"never: {what}; last seen {seen}")


class FakeHost:
    """The host `box`. `jobs` are all deliveries, in order."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.topics = HostTopics(STORE, "box")
        self.jobs: list[tuple[str, Job]] = []
        self.config: HostConfig | None = None
        self.answers: dict[str, Callable[[Job], JobResult | None]] = {}

    async def online(self) -> None:
        await self.bus.publish(self.topics.availability, ONLINE, retain=True)
        for device in ("scanner-1", "printer-1", "terminal-1"):
            await self.report(device, DriverState.READY)

    async def offline(self) -> None:
        await self.bus.publish(self.topics.availability, b"offline", retain=True)

    async def report(self, device: str, state: DriverState, **more: Any) -> None:
        topics = self.topics.device(device)
        await self.bus.publish(topics.availability, ONLINE, retain=True)
        await self.bus.publish(
            topics.state, encode(DeviceState(state, "boot-1", 1, 0, **more)), retain=True
        )

    async def answer(
        self, device: str, job: str, status: JobStatus, result: Any = None, **error: str
    ) -> None:
        failure = JobError(error["code"], error.get("detail", "")) if error else None
        await self.bus.publish(
            self.topics.device(device).result, encode(JobResult(job, status, 1, result, failure))
        )

    async def scan(
        self, text: str, at: int, *, scan_id: str = "scan-0001", retain: bool = False, **more: int
    ) -> None:
        event = DeviceEvent(
            scan_id,
            more.get("ts", at),
            1,
            more.get("expires_at", at + 5_000),
            msgspec.Raw(encode(BarcodeScanned(text))),
        )
        await self.bus.publish(
            self.topics.device("scanner-1").event("scan"), encode(event), retain=retain
        )

    def of_kind(self, kind: str) -> list[Job]:
        return [job for _, job in self.jobs if job.kind == kind]

    async def hear(self) -> None:
        filters = [self.topics.config, self.topics.all_jobs]
        subscription = self.bus.subscribe(filters)
        async for message in subscription:
            if message.topic == self.topics.config:
                self.config = msgspec.json.decode(message.payload, type=HostConfig)
                continue
            device = message.topic.split("/")[-2]
            job = msgspec.json.decode(message.payload, type=Job)
            self.jobs.append((device, job))
            play = self.answers.get(job.kind)
            result = play(job) if play else None
            if result is not None:
                await self.bus.publish(self.topics.device(device).result, encode(result))


def done(result: Any) -> Callable[[Job], JobResult]:
    """Answer every job of a kind with the same outcome."""
    return lambda job: JobResult(job.id, JobStatus.DONE, 1, result)


@asynccontextmanager
async def fake_host(broker: MemoryBroker, *, obliging: bool = True) -> AsyncIterator[FakeHost]:
    """Run a host; an obliging one prints and kicks at once."""
    bus = broker.connect("box")
    host = FakeHost(bus)
    if obliging:
        host.answers["print_receipt"] = done({"evidence": "confirmed"})
        host.answers["kick_drawer"] = done({"outcome": "opened"})
    running = [asyncio.create_task(bus.run()), asyncio.create_task(host.hear())]
    await until(lambda: bus.connected, what="the host is connected")
    await host.online()
    try:
        yield host
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
