"""One device at work: its driver, its queue of jobs, and what both say on the bus."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from devices.driver import Driver, DriverSpec
from devices.host.device_outbox import DeviceOutbox
from devices.host.device_recordings import DeviceRecordings
from devices.host.event_rate import EventRate
from devices.host.recorded_driver import RecordedDriver
from devices.job_journal import JobJournal
from devices.job_router.job_queue import JobQueue
from devices.recordings.recording_folder import RecordingFolder
from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.flight_recorder import FlightRecorder
from edge.contract.device_limits import (
    BABBLE_CALM_MS,
    DEVICE_STOP_S_MAX,
    EVENTS_BURST_MAX,
    EVENTS_PER_S_MAX,
)
from edge.contract.device_messages import (
    DEVICE_NOT_CONFIGURED,
    DeviceEvent,
    Job,
    JobError,
    JobKind,
    JobResult,
)
from edge.contract.device_states import (
    DeviceMeta,
    DeviceState,
    DeviceStatistics,
    DriverState,
    WantedDevice,
)
from edge.contract.device_topics import DeviceTopics
from edge.contract.errors import StorageFailed
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
)
from edge.runtime.backoff import Backoff
from edge.runtime.bus import Bus
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor


@dataclass(frozen=True)
class Surroundings:
    """What every device of this host is given. Without `recordings` no recording is kept."""

    bus: Bus
    journal: JobJournal
    clock: Clock
    ids: Ids
    log: Log
    tasks: Supervisor
    recordings: RecordingFolder | None = None
    version: str = ""


@dataclass(frozen=True)
class DevicePlan:
    """A wanted device whose driver and settings were found good."""

    wanted: WantedDevice
    spec: DriverSpec[Any]
    settings: msgspec.Struct
    connect: Connector


class RunningDevice:
    """Implements `DriverPorts` for its driver and `Desk` for its queue."""

    def __init__(self, plan: DevicePlan, topics: DeviceTopics, around: Surroundings) -> None:
        self.plan = plan
        self.device: Final = plan.wanted.id
        self.clock: Final = around.clock
        self.ids: Final = around.ids
        self.log: Final = around.log.bind(device=plan.wanted.id, driver=plan.spec.name)
        self.recorder: Final = FlightRecorder(around.clock)
        self._around = around
        self._journal = around.journal
        self._counts: dict[str, int] = {}
        self._counts_sent: dict[str, int] = {}
        self._state = DeviceState(DriverState.CONFIGURED, boot="", seq=0, ts=0)
        self._meta = DeviceMeta(
            plan.spec.device_class,
            plan.spec.name,
            plan.spec.model,
            capabilities=plan.spec.capabilities,
        )
        self._events = 0
        self._rate = EventRate(around.clock, EVENTS_PER_S_MAX, EVENTS_BURST_MAX)
        self._calming: asyncio.Task[None] | None = None
        self.outbox: Final = DeviceOutbox(around.bus, topics, around.clock)
        self._recordings = DeviceRecordings(
            plan.wanted,
            self.recorder,
            around.recordings,
            version=around.version,
            clock=around.clock,
            log=self.log,
            spawn=around.tasks.spawn,
            answer=self.outbox.result,
        )
        self.driver: Driver = self._build_driver()
        self.queue: Final = JobQueue(
            self,
            kinds=plan.spec.job_kinds,
            journal=around.journal,
            clock=around.clock,
            log=self.log,
            spawn=around.tasks.spawn,
        )
        self._tasks: list[asyncio.Task[None]] = []

    # --- life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the device's tasks."""
        self._new_boot()
        self.outbox.online(self._meta)
        for what, work in (
            ("driver", self._run_driver),
            ("jobs", self.queue.run),
            ("outbox", self.outbox.run),
        ):
            self._tasks.append(self._around.tasks.start(f"{what} of {self.device}", work))

    async def stop(self) -> None:
        """End the device's tasks and send what is still to be said; within a few seconds."""
        if self._calming is not None:
            self._calming.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=DEVICE_STOP_S_MAX)
            for task in stuck:
                self.log.error("device_task_stuck", task=task.get_name())
        self._tasks.clear()
        await self._say_the_rest()

    async def remove(self) -> None:
        """Stop: the device is not wanted any more, its waiting jobs are refused."""
        await self.stop()
        await self.queue.dismiss(
            JobError(
                DEVICE_NOT_CONFIGURED,
                f"{self.device} was taken from this host.",
                advice="Assign the device again.",
            )
        )
        self.outbox.offline()
        await self._say_the_rest()

    async def _say_the_rest(self) -> None:
        try:
            async with self.clock.timeout(DEVICE_STOP_S_MAX):
                await self.outbox.drain()
        except TimeoutError:
            self.log.warning("outbox_not_empty")

    def take(self, job: Job) -> None:
        """Take a job over; the answer goes out as a result."""
        if job.kind == JobKind.SAVE_RECORDING:
            self._recordings.take(job)  # the driver is not asked, however it is
        else:
            self.queue.take(job)

    async def publish_statistics(self) -> None:
        """Publish the counts when they have changed."""
        counts = self._counts | {f"Refused.{k}": n for k, n in self.queue.counts.items()}
        if self.outbox.dropped_events:
            counts["ExpiredEventCount"] = self.outbox.dropped_events
        if counts != self._counts_sent:
            self._counts_sent = counts
            await self.outbox.statistics(DeviceStatistics(counts, self.clock.now_ms()))

    async def _run_driver(self) -> None:
        backoff = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX, seed=zlib.crc32(self.device.encode()))
        while True:
            try:
                await self.driver.run()
                words = "it ended by itself"
            except StorageFailed:
                raise
            except Exception as defect:  # noqa: BLE001 - one driver's defect is not the host's end
                words = repr(defect)
            self.log.error("driver_defect", defect=words)
            self.count("DriverDefectCount")
            self.report(
                state=DriverState.STOPPED,
                health="The driver failed.",
                advice="It starts again by itself; if this repeats, report it with the log.",
            )
            await self.clock.sleep(backoff.next_ms() / 1000)
            self.driver = self._build_driver()
            self._new_boot()

    def _build_driver(self) -> Driver:
        return RecordedDriver(self.plan.spec.build(self.plan.settings, self), self.recorder)

    def _new_boot(self) -> None:
        self._events = 0
        self._state = DeviceState(
            DriverState.CONFIGURED, boot=self.ids.new(), seq=0, ts=self.clock.now_ms()
        )
        self.outbox.state(self._state)

    # --- DriverPorts ----------------------------------------------------------------------

    async def connect(self) -> ByteStream:
        """Open the connection that the settings name."""
        return await self.plan.connect()

    def report(self, **changes: str | int) -> None:
        """Change fields of the reported state; see `DriverPorts.report`."""
        self._change(changes)

    def describe(self, **changes: str) -> None:
        """Change what the device is; see `DriverPorts.describe`."""
        meta = msgspec.structs.replace(self._meta, **changes)
        if meta != self._meta:
            self._meta = meta
            self.outbox.online(meta)

    def emit(self, kind: str, data: msgspec.Struct, expires_in_ms: int) -> None:
        """Send an event; see `DriverPorts.emit`. What is too much to be real is dropped."""
        if not self._rate.allows():
            self.count("EventsOverRateCount")
            self._babbles()
            return
        self._events += 1
        now = self.clock.now_ms()
        raw = msgspec.Raw(msgspec.json.encode(data))
        self.outbox.event(
            kind, DeviceEvent(self.ids.new(), now, self._events, now + expires_in_ms, raw)
        )

    def _babbles(self) -> None:
        if self._calming is not None and not self._calming.done():
            return
        self.log.warning("device_babbles", per_s_max=EVENTS_PER_S_MAX)
        if self._state.state is DriverState.READY:
            self.report(
                state=DriverState.ATTENTION,
                health=f"{self.device} sends more than anybody can have meant; some is dropped.",
                advice="Unplug it and plug it in again. If this repeats, replace it.",
            )
        self._calming = self._around.tasks.spawn(f"calming of {self.device}", self._calm_down())

    async def _calm_down(self) -> None:
        while (calm_ms := self._rate.calm_for_ms() or 0) < BABBLE_CALM_MS:
            await self.clock.sleep((BABBLE_CALM_MS - calm_ms) / 1000)
        if self._state.state is DriverState.ATTENTION and self.driver.state is DriverState.READY:
            self.report(state=DriverState.READY, health="", advice="")

    def count(self, name: str, by: int = 1) -> None:
        """Count for the statistics."""
        self._counts[name] = self._counts.get(name, 0) + by

    async def remember(self, job_id: str, key: str, value: bytes) -> None:
        """Keep a note of a job; on disk when this returns."""
        await self._journal.remember(job_id, key, value)

    async def recall(self, job_id: str, key: str) -> bytes | None:
        """Return a note of a job, or None."""
        return await self._journal.recall(job_id, key)

    # --- Desk -----------------------------------------------------------------------------

    @property
    def trouble(self) -> JobError:
        """Why the device is not ready, by its state; see `Desk.trouble`."""
        state = self._state
        words = state.health or f"{self.device} is {state.state.value}."
        return JobError(f"device_{state.state.value}", words, state.advice)

    def answer(self, result: JobResult) -> None:
        """Send a result."""
        self.outbox.result(result)

    def waiting(self, jobs: int) -> None:
        """Report how many jobs wait."""
        self._change({"jobs_waiting": jobs})

    def _change(self, changes: dict[str, Any]) -> None:
        if "state" in changes:
            changes["state"] = DriverState(changes["state"])
        if all(getattr(self._state, name) == value for name, value in changes.items()):
            return
        was = self._state.state
        self._state = msgspec.structs.replace(
            self._state, seq=self._state.seq + 1, ts=self.clock.now_ms(), **changes
        )
        if self._state.state is DriverState.LOST is not was:
            self._recordings.lost(self._state.health)
        self.outbox.state(self._state)
        if "jobs_waiting" not in changes:
            self.queue.wake()
