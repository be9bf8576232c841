"""Jobs go to the devices from the ledger, and their results settle them there.

A job is in the ledger before it is on the bus, in the same transaction as the event that
causes it. Publishing the same job twice does no harm: the host remembers what it has done
by job id. So whenever it is not certain that a host has a job, it is sent again; except an
authorisation of a payment and a terminal's end of day, which are only asked about
(`paying_by_card`, `terminal_days`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from edge.contract.device_messages import (
    DELIVERY,
    DEVICE_NOT_CONFIGURED,
    Delivery,
    Job,
    JobKind,
    JobResult,
    JobStatus,
)
from edge.contract.device_topics import HostTopics, ParsedTopic, every_device, parse_topic
from edge.contract.instant import Clock
from edge.contract.limits import (
    JOB_GRACE_MS,
    JOB_SWEEP_S,
    SIDE_JOBS_MAX,
)
from edge.contract.wire import UNREADABLE, encode
from edge.flows.device_directory import DeviceDirectory
from edge.ledger.records import OpenJob
from edge.runtime.bus import Bus, BusMessage, BusUnavailable
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_RESULT: Final = msgspec.json.Decoder(JobResult)
_FINAL: Final = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.UNKNOWN})

_ONLY_ASKED_ABOUT: Final = frozenset(
    kind
    for kind, rule in DELIVERY.items()
    if rule is Delivery.INQUIRE_ONLY or kind is JobKind.END_OF_DAY
)
"""Kinds that are sent once by whoever watches them, and open until an answer is definite."""

Arguments = Callable[[OpenJob], Awaitable[bytes]]
"""Returns a job's arguments as a device gets them."""

Settle = Callable[[OpenJob, JobResult], Awaitable[None]]
"""Records a final result: the job has left the ledger when it returns."""


class _Left(NamedTuple):
    """The host that a job's device was taken from (empty: not known), and when."""

    host: str
    at: int


async def _as_it_is(job: OpenJob) -> bytes:
    return job.args


@dataclass
class JobDispatch:
    """Sends open jobs, hears results.

    `listeners` hear every result, also of jobs that they sent themselves.
    `settlers` says by kind of job who records a result; `progress` is told what a waiting
    job waits for; `arguments` completes what the ledger holds of a job, the same each time.
    """

    store: str
    bus: Bus
    directory: DeviceDirectory
    clock: Clock
    log: Log
    tasks: Supervisor
    settlers: dict[JobKind, Settle] = field(default_factory=dict)
    progress: Callable[[OpenJob, JobResult], None] = lambda _job, _result: None
    arguments: Arguments = _as_it_is
    listeners: list[Callable[[ParsedTopic, JobResult], None]] = field(default_factory=list)
    dropped: int = 0
    _open: dict[str, OpenJob] = field(default_factory=dict)
    _side: dict[str, OpenJob] = field(default_factory=dict)
    _left: dict[str, _Left] = field(default_factory=dict)
    """By job: those whose device is not where they were sent."""

    def load(self, jobs: list[OpenJob]) -> None:
        """Take the jobs that the ledger holds open at the start; sent at the first contact."""
        self._open.update({job.job_id: job for job in jobs})
        for job in jobs:
            if self.directory.host_of(job.device) is None:
                self._left[job.job_id] = _Left("", self.clock.now_ms())

    def devices_left(self, homes: Mapping[str, str]) -> None:
        """Hear which devices are no more at these hosts; what they were to do may be done there.

        The host says of each job what became of it; only what it never began goes to another.
        """
        now = self.clock.now_ms()
        for job in self.open_jobs():
            if job.device in homes:
                self._left.setdefault(job.job_id, _Left(homes[job.device], now))

    def add(self, job: OpenJob) -> None:
        """Take a job that was just committed and send it."""
        self._open[job.job_id] = job
        _ = self.tasks.spawn(f"send {job.job_id}", self.send(job))

    def watch(self, job: OpenJob) -> None:
        """Take a job that somebody else sends: its results are heard."""
        self._open[job.job_id] = job

    def answers_for(self, side_job: str, job: OpenJob) -> None:
        """Let the result of a side job (an inquiry) be heard as one about this job."""
        self._side[side_job] = job
        while len(self._side) > SIDE_JOBS_MAX:
            del self._side[next(iter(self._side))]

    def forget(self, job_id: str) -> None:
        """Drop a job that the ledger has settled in another way."""
        self._open.pop(job_id, None)
        self._left.pop(job_id, None)

    def is_open(self, job_id: str) -> bool:
        """Say whether a job is not settled yet."""
        return job_id in self._open

    def open_jobs(self) -> list[OpenJob]:
        """Return the jobs not settled yet, oldest first."""
        return list(self._open.values())

    def host_back(self, host: str) -> None:
        """Send a host what it may not have, now that it is there (again)."""
        for job in self.open_jobs():
            repeat = JobKind(job.kind) not in _ONLY_ASKED_ABOUT and job.job_id not in self._left
            if repeat and self.directory.host_of(job.device) == host:
                _ = self.tasks.spawn(f"send {job.job_id} again", self.send(job))

    async def greet(self) -> None:
        """Send everything open after a new connection to the broker."""
        for host in {self.directory.host_of(job.device) for job in self.open_jobs()}:
            if host is not None:
                self.host_back(host)

    async def send(self, job: OpenJob) -> bool:
        """Publish a job; say whether the broker has it. An open job is sent again later."""
        host = self.directory.host_of(job.device)
        if host is None:
            self.log.warning("job_without_device", job=job.job_id, device=job.device)
            return False
        message = Job(
            job.job_id,
            job.kind,
            msgspec.Raw(await self.arguments(job)),
            job.deadline,
            DELIVERY[JobKind(job.kind)],
            correlation=job.sale,
        )
        topic = HostTopics(self.store, host).device(job.device).job
        try:
            await self.bus.publish(topic, encode(message))
        except BusUnavailable:
            return False
        return True

    async def run(self) -> None:
        """Hear results until cancelled."""
        results = self.bus.subscribe([every_device(self.store, "result")])
        try:
            async for message in results:
                self._take(message)
        finally:
            results.close()

    def _take(self, message: BusMessage) -> None:
        topic = parse_topic(message.topic)
        try:
            result = _RESULT.decode(message.payload)
        except UNREADABLE as error:
            self.dropped += 1
            self.log.warning("job_result_garbled", topic=message.topic, reason=str(error))
            return
        if topic is not None and not message.retained:
            for hear in self.listeners:
                hear(topic, result)
        job = self._open.get(result.id) or self._side.get(result.id)
        if job is None or job.job_id not in self._open:
            return  # settled before, or of a job that somebody else has sent
        left = self._left.get(job.job_id)
        homes = {self.directory.host_of(job.device), left.host if left else None}
        if (
            topic is None
            or message.retained
            or topic.host not in homes
            or topic.device != job.device
        ):
            self.dropped += 1
            self.log.warning("job_result_foreign", topic=message.topic, job=result.id)
            return
        if left is not None and self._moves_on(job, result):
            del self._left[job.job_id]
            _ = self.tasks.spawn(f"send {job.job_id} elsewhere", self.send(job))
            return
        if result.status not in _FINAL:
            self.progress(job, result)
            return
        # each in its own task: results of many tills share a commit instead of queueing for one
        _ = self.tasks.spawn(f"settle {job.job_id}", self._settle(job, result))

    def _moves_on(self, job: OpenJob, result: JobResult) -> bool:
        """Say whether the host that a device left never began a job that its new one can do."""
        never_begun = result.error is not None and result.error.code == DEVICE_NOT_CONFIGURED
        return (
            result.status is JobStatus.FAILED
            and never_begun
            and JobKind(job.kind) not in _ONLY_ASKED_ABOUT
            and self.directory.host_of(job.device) is not None
        )

    async def _settle(self, job: OpenJob, result: JobResult) -> None:
        kind = JobKind(job.kind)
        if kind in _ONLY_ASKED_ABOUT:
            await self.settlers[kind](job, result)  # open until it is definite
            return
        if self._open.pop(job.job_id, None) is None:
            return
        try:
            await self.settlers[kind](job, result)
        except BaseException:
            self._open[job.job_id] = job
            raise
        self._left.pop(job.job_id, None)

    async def sweep(self) -> None:
        """End jobs that nobody answered long after their deadline, until cancelled.

        A host that is gone cannot say that a job expired; after `JOB_GRACE_MS` its fate is
        recorded as unknown, so that no till waits for ever. So is that of a job whose device
        was taken from its host or given up, and of which that host says nothing.
        """
        while True:
            await self.clock.sleep(JOB_SWEEP_S)
            late = self.clock.now_ms() - JOB_GRACE_MS
            for job in self.open_jobs():
                inquired = JobKind(job.kind) in _ONLY_ASKED_ABOUT
                left = self._left.get(job.job_id)
                over = job.deadline < late or (left is not None and left.at < late)
                if over and not inquired:
                    await self._settle(
                        job, JobResult(job.job_id, JobStatus.UNKNOWN, self.clock.now_ms())
                    )
